"""Confidential: what of a call must not be written - the stretches of silence, and the marks in its journal. Pure.

It reads a call's journal as it is made, and gives each line back as it may be written. A WINDOW opens when the agent
asks for something sensitive (`agent.asks`), before a word of that question is spoken, so an answer into the middle of
the question falls into it. It closes when a reply that asks for nothing sensitive has been heard out (`reply.heard`),
and no turn or key from within it is undecided. Within it every number is masked, and both channels are silent.

Numbers said in a window are remembered as long as the call lasts, and masked wherever they turn up again. Where the
caller or the agent says one aloud, a window opens; for the caller from the beginning of that turn, though its audio was
recorded by then: it is silenced after all (`withdrawn`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from agent.masking import MARK, MIN_DIGITS, KnownNumbers, numbers_in, numbers_masked

#: What a soft beginning takes before the gate calls it speech; no less than the recogniser is given (agent/ear.py).
BEFORE_SPEECH_MS = 640
#: Digits said in windows are kept in a row, to know them again in a tool's arguments.
MAX_SAID = 4096

#: Fields of the journal that are ours: names and times, never words of the caller or the agent.
_OURS = frozenset(
    {"call_id", "id", "name", "engine", "effect", "basis", "source", "where", "slot", "slot_kind", "came"}
)
#: Fields that hold the caller's and the agent's words, or what tools make of them.
_WORDS = frozenset({"text", "said", "before", "input", "digit", "arguments", "result"})

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, repr=False)
class Remembered:
    """What one stream of a call hands to the next, in memory only: it holds what must not be written.

    `numbers` that were said, `said` (their digits in a row), `slots` that are sensitive. `guarded`: numbers were said
    and are lost (a crash), so from now on every number of MIN_DIGITS or more is taken for one of them.
    """

    numbers: tuple[str, ...] = ()
    said: str = ""
    slots: frozenset[str] = frozenset()
    guarded: bool = False


NOTHING = Remembered()


class Confidential:
    """One stream's; `before`: what an earlier stream of the call remembered.

    Times are media time in milliseconds; call `line` for every journal line, in order.
    """

    def __init__(self, before: Remembered = NOTHING) -> None:
        self.quiet_until_ms = -inf
        """Audio that begins before this may have to be silenced; inf while a window is open."""
        self._windows: list[tuple[int, float]] = []
        self._withdrawn: list[tuple[int, int]] = []
        self._lengths: tuple[int, ...] = ()
        self._guarded = before.guarded
        self._known = KnownNumbers((), before.numbers, every=before.guarded)
        self._armed = before != NOTHING  # something may have to be masked in this call
        self._slots = set(before.slots)
        self._said = before.said
        self._wholly = False  # what is asked for is no number: mask all words
        self._asked = False  # the latest question is for something sensitive
        self._heard_out = False
        self._speech_ms: dict[object, int] = {}  # turns not decided yet, and when each began
        self._keys = False  # keys were pressed that are no turn yet

    @property
    def open(self) -> bool:
        return self.quiet_until_ms == inf

    # --- the journal ------------------------------------------------------------------------------------------------

    def line(self, kind: str, media_ms: int, data: Fields) -> Fields:
        """The fields of a journal line as they may be written. `data` itself is not changed."""
        if kind == "agent.asks":
            self._on_asks(media_ms, data)
        elif kind == "call.started":
            lengths = data.get("sensitive_lengths")
            self._lengths = tuple(lengths) if isinstance(lengths, list) else ()
            self._known = KnownNumbers(self._lengths, self._known.values, every=self._guarded)
            self._armed = self._armed or bool(self._known)
        if not self._armed:
            return data
        try:
            masked: Fields = self._masked(kind, data)
        except (RecursionError, ValueError):  # nested without end, a number of a million digits: hostile, or broken
            masked = {name: value if name in _OURS else MARK for name, value in data.items()}
        self._follow(kind, media_ms, data, masked)
        return masked

    def _on_asks(self, media_ms: int, data: Fields) -> None:
        self._asked, self._heard_out = bool(data.get("sensitive")), False
        if self._asked:
            self._slots.add(str(data.get("slot")))
            self._wholly = self._wholly or data.get("slot_kind") != "digits"
            self._open(media_ms)

    def _follow(self, kind: str, media_ms: int, data: Fields, masked: Fields) -> None:
        """What a line tells of the conversation's course, and of its numbers."""
        if kind == "turn.started":
            self._speech_ms[data.get("turn")] = _time(data.get("speech_ms"), media_ms)
        elif kind in ("turn.committed", "turn.corrected"):
            self._on_said(kind, media_ms, data, masked)
        elif kind in ("turn.rejected", "turn.confirmed"):
            self._speech_ms.pop(data.get("turn"), None)
        elif kind == "key":
            digit = str(data.get("digit"))
            self._keys = digit != "#" and (self._keys or (self.open and digit in "0123456789*"))
        elif kind == "tool.called" and self.open:
            self._remember_joined(data.get("arguments"))
        elif kind == "agent.clause" and not self.open and masked != data:
            self._open(media_ms)
        elif kind == "reply.heard":
            self._heard_out = True
        if self.open and self._heard_out and not (self._asked or self._speech_ms or self._keys):
            self._close(media_ms)

    def _on_said(self, kind: str, media_ms: int, data: Fields, masked: Fields) -> None:
        """What a turn says. Committed by a partial text, it is undecided: the final one may tell other numbers."""
        source, turn = data.get("source"), data.get("turn")
        began_ms = self._speech_ms.get(turn, media_ms)
        if data.get("by") != "partial":
            self._speech_ms.pop(turn, None)
        if kind == "turn.committed":
            self._heard_out = False
            if source == "keys":
                began_ms = media_ms
            if source != "voice":
                self._keys = False
        if not self.open and masked != data:
            self._open(media_ms, began_ms - BEFORE_SPEECH_MS)
        if self.open:
            self._remember(str(data.get("text", "")))

    def remembered(self) -> Remembered:
        """What the call's next stream must know, if there is one."""
        return Remembered(self._known.values, self._said, frozenset(self._slots), self._guarded)

    def _remember(self, text: str) -> None:
        for digits in numbers_in(text):
            self._known.add(digits)
            self._said = (self._said + digits)[-MAX_SAID:]

    def _remember_joined(self, value: object) -> None:
        """A number that was said in parts, put together for a tool; other arguments are no secret."""
        if isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, list | tuple):
            for item in value:
                self._remember_joined(item)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            for digits in numbers_in(str(value)):
                if len(digits) >= MIN_DIGITS and digits in self._said:
                    self._known.add(digits)

    # --- windows ----------------------------------------------------------------------------------------------------

    def _open(self, media_ms: int, from_ms: int | None = None) -> None:
        self._armed = True
        if self.open:
            return
        start = max(0, media_ms if from_ms is None else from_ms)
        if start < media_ms:
            self._withdrawn.append((start, media_ms))
        self._windows.append((start, inf))
        self.quiet_until_ms = inf

    def _close(self, media_ms: int) -> None:
        self._windows[-1] = (self._windows[-1][0], media_ms)
        self.quiet_until_ms = media_ms
        self._wholly = self._heard_out = False

    def withdrawn(self) -> list[tuple[int, int]]:
        """Stretches (from, to) of audio that were let through and must be silent after all; each is told once."""
        withdrawn, self._withdrawn = self._withdrawn, []
        return withdrawn

    def silenced(self, pcm: bytes, media_ms: int, rate_hz: int) -> bytes:
        """PCM16 mono that begins at `media_ms`, zero where a window is. For audio before `quiet_until_ms`."""
        samples = len(pcm) // 2
        quiet: bytearray | None = None
        for start_ms, end_ms in reversed(self._windows):
            if end_ms <= media_ms:
                break
            first = max(0, (start_ms - media_ms) * rate_hz // 1000)
            last = samples if end_ms == inf else min(samples, -(-int(end_ms - media_ms) * rate_hz // 1000))
            if first < last:
                quiet = quiet or bytearray(pcm)
                quiet[2 * first : 2 * last] = bytes(2 * (last - first))
        return pcm if quiet is None else bytes(quiet)

    # --- masking ----------------------------------------------------------------------------------------------------

    def _masked(self, kind: str, data: Fields) -> dict[str, object]:
        # What comes word by word ("four, " "seven, ") shows no number in any one line; such lines hold none at all.
        piece = kind == "far_end.voicemail" or (kind == "engine.result" and data.get("final") is False)
        piece = piece or data.get("ahead") is True  # what was said so far of a turn that may go on
        # Pressed one by one, a number shows in no line either: in a call with secrets, what keys say stands in turns.
        hide = numbers_masked if self.open or piece or kind == "key" else self._known.masked
        if kind == "call.started":  # its numbers are the carrier's, who calls whom, and nobody has said any yet
            hide = KnownNumbers(self._lengths).masked
        fields: dict[str, object] = {}
        for name, value in data.items():
            if name in _OURS or value is None or isinstance(value, bool | int | float):
                fields[name] = value  # numbers at this level are times and counts of our own
            elif name == "input_hash":
                # Who knows the rest of an input could find the number in it by trying.
                shown = str(data.get("input"))
                fields[name] = "" if self._windows or hide(shown) != shown else value
            elif self.open and self._wholly and name in _WORDS:
                fields[name] = self._deep(value, _all_masked)
            else:
                fields[name] = self._deep(value, hide)
        return fields

    def _deep(self, value: Any, hide: Callable[[str], str]) -> object:
        """A field's value with every text and number in it masked by `hide`."""
        if isinstance(value, str):
            return hide(value)
        if value is None or (isinstance(value, bool) and hide is not _all_masked):
            return value
        if isinstance(value, bool | int | float):
            return MARK if hide in _EVERY_NUMBER or hide(str(value)) != str(value) else value
        if isinstance(value, Mapping):
            return {self._key(str(key)): self._under(str(key), item, hide) for key, item in value.items()}
        if isinstance(value, list | tuple):
            row = " ".join(str(item) for item in value if not isinstance(item, list | tuple | Mapping))
            if hide not in _EVERY_NUMBER and self._known.masked(row) != row:  # a number given digit by digit
                hide = numbers_masked
            return [self._deep(item, hide) for item in value]
        return hide(str(value))

    def _under(self, key: str, value: object, hide: Callable[[str], str]) -> object:
        if key == "input_hash":
            return "" if self._windows else value
        return MARK if key in self._slots else self._deep(value, hide)

    def _key(self, key: str) -> str:
        """A key of a tool's own making may be a number; names such as "line1" are kept."""
        if self.open and any(map(str.isdecimal, key)) and not any(map(str.isalpha, key)):
            return MARK
        return self._known.masked(key)


def _all_masked(text: str) -> str:
    return MARK if text.strip() else text


#: What leaves no number standing; the other way to hide knows some numbers only.
_EVERY_NUMBER = (numbers_masked, _all_masked)


def _time(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
