"""What a peer did wrong, in one word: faults of the protocol by kind, for whoever counts and logs them. Pure."""

from __future__ import annotations

#: How the errors of this package begin, and their kind. Errors name our words first, then the peer's.
_KINDS = (
    ("not JSON", "not_json"),
    ("message: expected", "not_json"),
    ("media stream: the socket closed", "closed_early"),
    ("media stream: no `start`", "no_start"),
    ("media stream: expected", "wrong_order"),
    ("media stream: `start` names another", "wrong_call"),
    ("media stream: a second", "second_start"),
    ("media stream: unknown event", "unknown_event"),
    ("media stream: a message of", "too_big"),
    ("media stream: binary frames", "binary"),
    ("media stream: more messages", "too_fast"),
    ("media stream: silent", "silent"),
    ("media stream: the peer takes nothing", "slow_reader"),
    ("start.mediaFormat", "format"),
    ("media.payload", "payload"),
    ("media: audio comes faster", "too_fast"),
    ("dtmf: more keys", "too_fast"),
)
FIELD = "field"
#: Every kind there is.
FAULTS = tuple(dict.fromkeys([kind for _, kind in _KINDS] + [FIELD]))


def fault_kind(error: Exception) -> str:
    """The kind of a RemoteError that the codec or the line raised; a field that is missing or wrong is "field"."""
    text = str(error)
    return next((kind for beginning, kind in _KINDS if text.startswith(beginning)), FIELD)
