"""Reads what was said as an answer to what was asked: how far it has come, and its value."""

from __future__ import annotations

from agent.slots.base import Asks, Progress, Reading


def read_answer(asks: Asks, text: str) -> Reading:
    """How far `text` (all that was said in this turn so far, keys as digits) has come as an answer to `asks`. Pure."""
    return Reading(Progress.BESIDE)
