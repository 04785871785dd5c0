"""The test of a kept call, as the text of a Python file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telephony.replay.keep.expectations import Chain, literal, written

_HEAD = '''"""A real call, kept as a test by `offhook calls keep`. What it expects is yours to change.

{about}
"""
'''
_COMMENT = 116


@dataclass(frozen=True, slots=True)
class KeptStream:
    """One stream of a call: its folder's name, the agent to give to `replay` ("": as the journal says), what is
    expected, and what there is to say of it, in lines."""

    name: str
    agent: str
    expected: Sequence[Chain]
    notes: Sequence[str] = ()


def as_python(streams: Sequence[KeptStream]) -> str:
    """The whole file: a test for each stream of the call."""
    several = len(streams) > 1
    about = (
        "The call came in several streams: a test for each, in their order."
        if several
        else ("What was secret or personal in it was replaced; what the caller said otherwise was not.")
    )
    return _HEAD.format(about=about) + "".join(_test(stream) for stream in streams)


def _test(stream: KeptStream) -> str:
    agent = f", agent={literal(stream.agent)}" if stream.agent else ""
    lines = [f'call = replay({literal(stream.name)}, mode="same"{agent})']
    if not stream.expected:
        lines.append("call.took_place()")
    for chain in stream.expected:
        lines += written(chain)
    body = [*(f"# {part}" for note in stream.notes for part in _wrapped(note)), *lines]
    name = stream.name.replace("-", "_")
    return f"\n\ndef test_{name}(replay):\n" + "".join(f"    {line}\n" for line in body)


def _wrapped(note: str) -> list[str]:
    """A note as the lines of a comment. What is no printable character is shown as its escape, so it ends no line."""
    plain = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in note)
    lines = [""]
    for word in plain.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > _COMMENT:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines
