"""Words for people: every reason that the turn engine gives has some, and what is not known is harmless."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from telephony.terminal import stopped_for, turn_end

JOURNAL = Path(__file__).parents[2] / "docs" / "journal.md"


def _reasons(kind: str) -> list[str]:
    """The reasons of a kind, as docs/journal.md has them."""
    (row,) = (line for line in JOURNAL.read_text().splitlines() if line.startswith(f"| `{kind}` |"))
    return re.findall(r'"([a-z ]+)"', row)


def test_every_reason_of_the_journal_has_words() -> None:
    ends = _reasons("turn.ended")
    assert len(ends) >= 10
    told = {reason: turn_end(reason) for reason in ends}
    assert all(told[reason] != reason for reason in ends if reason not in ("silence", "keys"))
    for kind, then in (("agent.took_up", "took_up"), ("barge_in", "barge_in")):
        reasons = _reasons(kind)
        assert len(reasons) >= 3
        for reason in reasons:
            words = stopped_for({"then": then, "why": reason, "silent_ms": 300})
            assert not words.endswith((f": {reason}", f"by {reason}"))


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ({"then": "took_up", "why": "echo", "silent_ms": 640}, "silent for 0.6 s: its own voice, come back"),
        ({"then": "took_up", "why": "echo", "silent_ms": None}, "fell silent for a caller who speaks"),
        ({"then": "barge_in", "why": "went on"}, "interrupted: the caller went on with what they had said"),
        ({"then": "barge_in", "why": "key"}, "interrupted by a key"),
        ({"then": "barge_in", "why": ""}, "interrupted"),
        ({"then": None}, "fell silent for a caller who speaks"),
        ({}, "fell silent for a caller who speaks"),
    ],
)
def test_what_the_agent_fell_silent_for(stop: dict[str, object], words: str) -> None:
    assert stopped_for(stop) == words


def test_a_reason_that_is_not_known_is_shown_harmless_and_short() -> None:
    assert turn_end("\x1b[2J" + "x" * 500) == "\ufffd[2J" + "x" * 36
    assert len(stopped_for({"then": "barge_in", "why": "y" * 500})) < 80
