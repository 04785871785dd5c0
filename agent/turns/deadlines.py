"""Deadlines: when a turn ends if nothing more happens, from the words, the quiet and the recogniser's lag. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.definition import TurnSettings
from agent.slots.base import Progress
from agent.turns.judgement import Judgement, Waiting
from agent.turns.lag import RecogniserLag
from agent.turns.pauses import USUAL_MS, CallerPauses
from agent.turns.sounding import Sounding

#: A whole answer needs so much quiet: less is inside words (three VAD windows).
QUIET_MS = 96
#: Words stand when they have been the same for 100 ms: five frames of 20 ms, the one that brought them among them.
STABLE_MS = 80
#: So much quiet must have been heard, and not only nothing: where audio is missing, the caller may be speaking.
SURE_QUIET_MS = 64
#: Who is silent for so long within an answer rests: what the recogniser still keeps back is asked for. Longer than the
#: pauses between digits, so that few numbers are recognised in pieces; shorter than any silence that ends a turn
#: without words.
REST_MS = 500
#: The same, once the recogniser is known to show its words in time: it may be wrong about the last one all the same,
#: until it must decide. Longer than most pauses within a number.
LATE_REST_MS = 1500
#: So much longer a sound without words is waited for while its final text is on its way.
FINAL_MS = 500
#: Where something sounds on without new words for so long, it is no words: a television, a street. The silence that is
#: waited for is then counted from the last word. (A recogniser gives a word within 0.6 s, or is out of order.)
SOUNDS_ON_MS = 1500
NEVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class TurnSoFar:
    """What counts of the open turn. `heard`: there is speech in it; `spoken`: with words; `key_ms`: its last key;
    `whole_ms`: since when its words have been a whole answer; `anew`: its keys may be that answer's beginning again;
    `awaited`: the final text of what was heard so far is on its way."""

    judged: Judgement
    heard: bool
    spoken: bool
    key_ms: int | None
    whole_ms: int
    anew: bool
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the turn ends and why, and when that becomes probable (NEVER_MS: it does not)."""

    due_ms: int
    probable_ms: int
    reason: str


class Deadlines:
    """One call's waits: by its settings, and by what it learns of its caller and its recogniser."""

    def __init__(self, settings: TurnSettings, sound: Sounding, lag: RecogniserLag) -> None:
        self._settings = settings
        self._sound = sound
        self._lag = lag
        self.hold_ms = settings.hold_ms
        self.hurried = False
        """Whether an agent has fallen silent and must know soon what was said over it."""
        self._free = CallerPauses()
        self._slots = CallerPauses()  # values are given in another rhythm than one speaks in

    def words_are_kept_back(self) -> None:
        """The recogniser gave last words in its final text only: a beginning may be all, and is held for half as long,
        down to the wait after unfinished words. (By half: it may have happened by chance, and callers hesitate.)"""
        self.hold_ms = min(self.hold_ms, max(self._settings.most_ms, self.hold_ms // 2))

    def went_on(self, judged: Judgement, pause_ms: int) -> None:
        """After such words the caller paused for so long, and was not done."""
        if judged.waiting is not Waiting.BY_WORDS:
            return
        if judged.reading.progress is Progress.ENOUGH and pause_ms < USUAL_MS:
            return  # letters that follow each other quickly do not make a last one likelier
        self._pauses(judged).inner(pause_ms)

    def of(self, turn: TurnSoFar) -> Deadline:
        """If nothing more happens."""
        judged, key_ms, settings = turn.judged, turn.key_ms, self._settings
        end_ms = self._sound.speech_end_ms
        last_ms = last_activity_ms(turn.heard, end_ms, key_ms)
        if judged.waiting is Waiting.END:
            due_ms = self._whole(turn, end_ms)
            if turn.anew and key_ms is not None:
                due_ms = max(due_ms, key_ms + settings.key_pause_ms)
            due_ms = min(due_ms, self._sounds_on(turn, QUIET_MS))
            return Deadline(due_ms, end_ms + SURE_QUIET_MS, judged.reason)
        if judged.waiting is Waiting.HOLD:
            due_ms = min(last_ms + self.hold_ms, self._sounds_on(turn, self.hold_ms))
            return Deadline(due_ms, NEVER_MS, judged.reason)
        due_ms, reason = 0, judged.reason
        if turn.heard:
            by_words = judged.waiting is Waiting.BY_WORDS
            due_ms = self._by_words(turn, end_ms) if by_words else end_ms + self._wordless_ms(turn)
        if key_ms is not None:
            due_ms = max(due_ms, key_ms + settings.key_pause_ms)
            reason = "keys" if key_ms == last_ms else reason
        stand_ms = self._lag.changed_ms + STABLE_MS if turn.spoken else 0
        return Deadline(due_ms, max((last_ms + due_ms) // 2, stand_ms), reason)

    def _whole(self, turn: TurnSoFar, end_ms: int) -> int:
        """All that was asked for is there."""
        key_ms = turn.key_ms or 0
        if not turn.spoken:
            return key_ms  # by keys alone; a sound without words beside them holds nothing up
        trailing_ms = self._settings.trailing_ms
        if self._sound.quiet_ms < SURE_QUIET_MS:
            return max(end_ms + trailing_ms, key_ms)
        quiet_ms = self._settings.least_ms if turn.judged.lingers else QUIET_MS
        due_ms = max(end_ms + quiet_ms, self._words_are_there(end_ms) + STABLE_MS)
        # Words that never stand still must not hold for ever what is there.
        return max(key_ms, min(due_ms, max(end_ms, turn.whole_ms) + trailing_ms))

    def _by_words(self, turn: TurnSoFar, end_ms: int) -> int:
        """The words tell how long to wait; they must be up to date, within reason. Whether they stand is not waited
        for: the turn waits for the final text anyway."""
        judged, settings = turn.judged, self._settings
        wait_ms = self._pauses(judged).wait_ms(judged.likelihood, settings)
        most_ms = max(wait_ms, settings.trailing_ms)
        if self._sound.quiet_ms < SURE_QUIET_MS:
            return min(end_ms + most_ms, self._sounds_on(turn, most_ms))
        there_ms = self._words_are_there(end_ms) if turn.spoken else 0
        return max(end_ms + wait_ms, min(there_ms, end_ms + most_ms))

    def _wordless_ms(self, turn: TurnSoFar) -> int:
        """The silence after a sound without words: a cough, or a caller whose words come late. Also where a value was
        asked for it is short: who goes on later begins a turn of their own, and loses nothing by it."""
        settings = self._settings
        if self.hurried:
            return settings.least_ms
        wait_ms = max(settings.trailing_ms, self._lag.lag_ms + STABLE_MS if self._lag.streams else 0)
        return max(wait_ms, REST_MS + FINAL_MS) if turn.awaited else wait_ms

    def _sounds_on(self, turn: TurnSoFar, wait_ms: int) -> int:
        """When the turn ends though it never gets quiet."""
        if not turn.spoken or not self._lag.streams:
            return NEVER_MS
        return max(self._lag.changed_ms, turn.key_ms or 0) + SOUNDS_ON_MS + wait_ms

    def _words_are_there(self, end_ms: int) -> int:
        """When the words of speech that ended at `end_ms` are all there."""
        changed_ms = self._lag.changed_ms
        return changed_ms if self._lag.up_to_date(end_ms) else max(changed_ms, end_ms + self._lag.lag_ms)

    def _pauses(self, judged: Judgement) -> CallerPauses:
        return self._slots if judged.reading.progress is Progress.ENOUGH else self._free


def last_activity_ms(heard: bool, speech_end_ms: int, key_ms: int | None) -> int:
    """The end of a turn's last speech, or its last key."""
    if key_ms is None:
        return speech_end_ms
    return max(key_ms, speech_end_ms) if heard else key_ms
