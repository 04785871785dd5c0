"""Serving: what all engines of one run share - what was served from where, the turn of the record, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from telephony.replay.engines.facts import first_turn, keyed_turns
from telephony.replay.plan import Plan
from telephony.replay.recorded import Diverged, Recorded, RecordedUtterance

#: Where a result was cut off then, the record does not know what would have come. So long after the last that did come
#: the run may be cut off as well; then it has diverged. An engine's deadlines (4 s and more) come later.
PAST_THE_RECORD_S = 2.0


class Serving:
    """One run's books. `at_ms` is the line's media time, `recorded_ms` where on the recording a media time lies;
    `audio_ms`: where the caller's audio ends that has come (None: as `at_ms`)."""

    def __init__(
        self,
        plan: Plan,
        recorded: Recorded,
        *,
        at_ms: Callable[[], int],
        recorded_ms: Callable[[int], int],
        audio_ms: Callable[[], int] | None = None,
    ) -> None:
        self.plan = plan
        self.recorded = recorded
        self.at_ms = at_ms
        self._audio_ms = audio_ms or at_ms
        self.recorded_ms = recorded_ms
        self.served: Counter[str] = Counter()
        self.notes: list[str] = []
        self.diverged: Diverged | None = None
        self._spoken = (0, first_turn(recorded.events))  # when the turn began that was understood last, and its number
        self._keyed = tuple(keyed_turns(recorded.events))

    def now_ms(self) -> int:
        """Where on the recording the call is."""
        return self.recorded_ms(self.at_ms())

    def audio_ms(self) -> int:
        """How much of the recording has come."""
        return self.recorded_ms(self._audio_ms())

    @property
    def turn(self) -> int:
        """The recorded turn that is being answered: what was understood last, or entered by keys."""
        now_ms = self.now_ms()
        return max([self._spoken, *(keyed for keyed in self._keyed if keyed[0] <= now_ms)])[1]

    def understood(self, utterance: RecordedUtterance) -> None:
        """This is what is answered from now on. To be told when words of it are known and its last one is asked for: a
        turn may be committed by what stands, long before its final text."""
        self._spoken = (utterance.speech_start_ms, utterance.turn)

    def note(self, text: str) -> None:
        """For the report; each once."""
        if text not in self.notes:
            self.notes.append(text)

    def missing(self, what: str, turn: int | None = None) -> Diverged:
        """To be raised where the record has not got what is needed. It stops the run; the first one tells why."""
        if self.diverged is None:
            self.diverged = Diverged(self.turn if turn is None else turn, what)
        return self.diverged

    def overlapping(self, from_ms: int, to_ms: int) -> list[int]:
        """The recorded utterances (by index, in order) with speech in this stretch of the recording."""
        return [
            index
            for index, each in enumerate(self.recorded.utterances)
            if each.speech_start_ms <= to_ms and each.speech_end_ms >= from_ms
        ]
