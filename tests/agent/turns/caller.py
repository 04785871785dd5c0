"""A caller for the endpointer's tests: words, pauses and keys on a time line, as windows, partials and ticks.

Frames are 20 ms, VAD windows 32 ms, and the recogniser gives each word `lag_ms` after its end, at the frame's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.slots.base import Asks, Progress, Reading
from agent.turns.endpointing import Endpointer
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.turn_events import EndOfTurn, ProbableEnd, TakeWords, TurnEvent

WORD_MS = 300
FIRST_MS = 1000
DIGITS = "zero one two three four five six seven eight nine".split()
FOUR = Asks(slot="number", kind="digits", length=4)
SOME = Asks(slot="number", kind="digits", length=4, longest=6)


def read(asks: Asks, text: str) -> Reading:
    """A small reader of digits: fillers are nothing, "no" begins anew, anything else is beside."""
    value = ""
    for word in text.lower().replace(".", "").split():
        if word in DIGITS:
            value += str(DIGITS.index(word))
        elif word.isdigit():
            value += word
        elif word == "no":
            value = ""
        elif word not in ("um", "it's"):
            return Reading(Progress.BESIDE)
    if not value:
        return Reading(Progress.NOTHING)
    if len(value) < asks.length:
        return Reading(Progress.PART, value)
    most = max(asks.length, asks.longest) or len(value) + 1
    return Reading(
        Progress.WHOLE if len(value) == most else Progress.ENOUGH if len(value) < most else Progress.BESIDE, value
    )


@dataclass
class Told:
    """What came of it. `last_ms`: the end of the last word."""

    last_ms: int = 0
    events: list[TurnEvent] = field(default_factory=list)

    @property
    def ends(self) -> list[EndOfTurn]:
        return [event for event in self.events if isinstance(event, EndOfTurn)]

    @property
    def waits_ms(self) -> list[int]:
        return [event.waits_ms for event in self.events if isinstance(event, ProbableEnd)]

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


@dataclass
class Line:
    """Plays scripts to one endpointer, one after the other, on one time line."""

    endpointer: Endpointer
    lag_ms: int | None = 150
    """None: a recogniser without partials."""
    keeps_back: bool = False
    """Its last word comes with the final text only."""
    smear_ms: int = 0
    """The detector goes on calling it speech for so long."""
    now_ms: int = FIRST_MS
    _windows: int = -1

    def play(self, script: str, then_ms: int = 7000, offset_ms: int = 0) -> Told:
        """`script`: words of WORD_MS; a number in brackets is a pause, <7> a key, ~ a word nobody understands."""
        told = Told()
        speech: list[tuple[int, int]] = []
        coming: list[tuple[int, str]] = []
        keys: list[tuple[int, str]] = []
        at_ms = self.now_ms + offset_ms
        words: list[str] = []
        for piece in script.split():
            if piece.startswith("("):
                at_ms += int(piece[1:-1])
            elif piece.startswith("<"):
                at_ms += 100
                keys.append((at_ms, piece[1:-1]))
                told.last_ms = at_ms
            else:
                speech.append((at_ms, at_ms + WORD_MS))
                at_ms = told.last_ms = at_ms + WORD_MS
                if piece != "~":
                    words.append(piece)
                    coming.append((at_ms + (self.lag_ms or 0), " ".join(words)))
        self._run(told, speech, [] if self.lag_ms is None else coming, keys, at_ms + then_ms)
        return told

    def _run(
        self,
        told: Told,
        speech: list[tuple[int, int]],
        coming: list[tuple[int, str]],
        keys: list[tuple[int, str]],
        until_ms: int,
    ) -> None:
        endpointer, loud_ms, taken = self.endpointer, 0, 0
        gate_open, all_coming = False, list(coming)
        if self._windows < 0:
            self._windows = self.now_ms // 32
        while self.now_ms < until_ms:
            self.now_ms += 20
            events: list[TurnEvent | None] = []
            while keys and keys[0][0] <= self.now_ms:
                events.append(endpointer.keys(keys.pop(0)[1], self.now_ms))
            while (self._windows + 1) * 32 <= self.now_ms:
                self._windows += 1
                end_ms = self._windows * 32
                loud = any(begin < end_ms - 8 and end_ms - 32 < end + self.smear_ms - 8 for begin, end in speech)
                loud_ms = loud_ms + 32 if loud else 0
                if gate_open:
                    events.append(endpointer.window(SpeechWindow(loud, end_ms)))
                elif loud_ms >= 96:
                    gate_open = True
                    endpointer.began(SpeechBegan(end_ms - 96, end_ms))
            while coming and coming[0][0] <= self.now_ms:
                said = coming.pop(0)[1].split()[taken:]
                said = said[:-1] if self.keeps_back else said
                events.append(endpointer.partial(" ".join(said), self.now_ms) if said else None)
            events.append(endpointer.tick(self.now_ms))
            if any(isinstance(event, TakeWords) for event in events):
                known = [text for at_ms, text in all_coming if at_ms - (self.lag_ms or 0) <= self.now_ms]
                coming = [(at_ms, text) for at_ms, text in coming if text not in known]
                said = known[-1].split() if known else []
                events.append(endpointer.taken(" ".join(said[taken:]), self.now_ms))
                taken = len(said)
            told.events += [event for event in events if event is not None]
            if any(isinstance(event, EndOfTurn) for event in events):
                gate_open, loud_ms = False, 0
