"""Endpointing: when is the caller's turn over? By silence, by the words standing still, and by what they say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.definition import TurnSettings
from agent.slots.base import Asks, Progress
from agent.turns.deadlines import (
    LATE_REST_MS,
    NEVER_MS,
    REST_MS,
    STABLE_MS,
    SURE_QUIET_MS,
    Deadline,
    Deadlines,
    TurnSoFar,
    last_activity_ms,
)
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.judgement import Judgement, Waiting, expects, judge
from agent.turns.keypad import KEYS, MAX_KEYS, Keypad
from agent.turns.lag import RecogniserLag
from agent.turns.sounding import Sounding
from agent.turns.turn_events import EndOfTurn, ProbableEnd, TakeWords, TurnEvent, WentOn
from agent.turns.turn_text import TurnText

#: Speech is sure to go on after a key when it is heard so long after it: before, it may be the key's own tone.
AFTER_KEY_MS = 300
#: An answer that has become whole so often, in so long, is whole: words that come and go are a recogniser's doubt, and
#: nobody corrects themselves so often in one turn.
WHOLES, WHOLES_MS = 6, 3000
#: Who speaks so soon after a turn was ended cannot be answering what was said to that: they had not been done.
CUT_MS = 400


class Endpointer:
    """One call's endpointer. A turn is opened by `began()` or by a key, and closed by its EndOfTurn or by `close()`.

    Events may come in any order and at any time: within a turn time never runs backwards, and what comes while no turn
    is open ends none. Deadlines are looked at in every call; between VAD windows, `tick()` meets them on time.
    """

    def __init__(self, settings: TurnSettings, known: Sequence[Asks] = (), lag: RecogniserLag | None = None) -> None:
        """`known`: what the agent asks for at some time: who gives it unasked has given all of it. `lag`: what is
        learnt of the call's recogniser, where others look at it, too."""
        self._settings = settings
        self._known = known
        self._asks = Asks()
        self._keypad = Keypad()
        self._lag = lag or RecogniserLag()
        self._sound = Sounding(settings.min_speech_ms)
        self._deadlines = Deadlines(settings, self._sound, self._lag)
        self._now_ms = 0
        self._ended_ms = -NEVER_MS
        self._held: tuple[Asks, TurnText] | None = None  # the last turn, if it ended unfinished
        self._shown = ""  # what was known of its last hearing when it ended
        self.open = False
        """Whether a turn is open."""
        self.said = TurnText()
        """What the turn says (the last one, if none is open); the next turn has another."""
        self._reset()

    def _reset(self) -> None:
        self._began_ms = self._now_ms
        self._heard = False  # that there is speech in the turn, as against keys alone
        self._key_ms: int | None = None
        self._key_open = False  # keys after which no speech was heard
        self._closing = False  # a key has ended the turn
        self._entry = ""  # keys that are a full answer alone, whatever was said before them
        self._anew = False  # the keys may repeat what was spoken
        self._partial = ""
        self._rests = False  # words were taken in this pause
        self._awaited = False  # and are on their way
        self._spoke_before = False  # with words, before the last pause in which they were taken
        self._told = False
        self._judged: Judgement | None = None
        self._whole_ms = 0
        self._wholes = 0  # so often the answer has become whole
        self._first_whole_ms = 0
        self._planned: Deadline | None = None

    # --- what happens -----------------------------------------------------------------------------------------------

    def asked(self, asks: Asks) -> None:
        """What is being asked for from now on, in the turn that is open and in those to come."""
        self._asks = asks
        self._keypad.asked(*((asks.length, asks.longest) if asks.kind == "digits" else (0, 0)))
        if self.open:
            self._rejudge()

    def began(self, event: SpeechBegan) -> None:
        """The caller speaks: a turn opens, or one that has keys only goes on."""
        self._advance(event.media_ms)
        if not self.open or self._heard:
            if event.speech_ms - self._ended_ms <= CUT_MS:
                self._learn(event.speech_ms - self._sound.speech_end_ms)
            self._now_ms = event.media_ms  # in a stall ticks ran ahead of it: that quiet is not behind this speech
            self._open_turn()
            self._began_ms = min(event.speech_ms, event.media_ms)
        self.said.hear()
        self._partial = ""
        self._heard = True
        self._rests = self._awaited = False
        self._sound.began(event.media_ms)
        self._planned = None

    def window(self, event: SpeechWindow) -> TurnEvent | None:
        """One more VAD window of the open gate."""
        if not (self.open and self._heard):
            return self.tick(event.media_ms)
        self._advance(event.media_ms)
        if event.speech and not event.quiet:
            return self._loud(event.media_ms)
        was_sure = self._sound.quiet_ms >= SURE_QUIET_MS
        self._sound.quiet(event.media_ms)
        if not was_sure and self._sound.quiet_ms >= SURE_QUIET_MS:
            self._planned = None
        return self._decide()

    def partial(self, text: str, media_ms: int) -> TurnEvent | None:
        """The recogniser's text of the hearing so far, all of it."""
        if text.strip():
            self._lag.streamed()
        if not (self.open and self._heard):  # it came late: of the turn before
            return self.tick(media_ms)
        self._advance(media_ms)
        if text == self._partial:
            return self._decide()
        self._partial = text
        before = self.said.text
        if self.said.words(text):
            self._lag.changed(self._now_ms)
        if self.said.text != before:
            self._rejudge()
        return self._decide()

    def taken(self, text: str | None, media_ms: int) -> TurnEvent | None:
        """The final text that TakeWords has asked for; None: there is none to be had."""
        self._advance(media_ms)
        if not (self.open and self._awaited):
            return self.tick(media_ms)
        self._awaited = False
        self._planned = None
        self._lag.final(self._partial, text or "")
        if text is not None:
            self._lag.settled(self._now_ms - STABLE_MS)
            self._partial = text
            self.said.words(text)
            self._rejudge()
        return self._decide()

    def earlier(self, hearing: int, text: str, media_ms: int) -> TurnEvent | None:
        """The same, of an earlier hearing (`said.hearing` of its time): the caller went on before it came."""
        self._advance(media_ms)
        if not self.open:
            return None
        self.said.earlier(hearing, text)
        self._spoke_before = self._spoke_before or bool(text)
        self._lag.settled(self._now_ms)
        self._rejudge()
        return self._decide()

    def final(self, text: str) -> None:
        """The recogniser's final text of the turn that ended last. If that had been held in vain, because the last
        words come with the final only, turns of this call are held for `max_trailing_ms` from now on."""
        shown, self._shown = self._shown, ""
        self._lag.final(shown, text)
        held, self._held = self._held, None
        if held is not None and judge(held[0], held[1].final(text)).waiting is Waiting.END:
            self._deadlines.words_are_kept_back()

    def keys(self, entry: str, media_ms: int) -> TurnEvent | None:
        """A key was pressed (or several at one moment). Where no turn is open, it opens one; `#` alone does not."""
        self._advance(media_ms)
        event: TurnEvent | None = None
        for key in entry:
            event = self._key(key) or event
        return event

    def tick(self, media_ms: int) -> TurnEvent | None:
        """Media time went on."""
        self._advance(media_ms)
        return self._decide() if self.open else None

    def cut(self, media_ms: int) -> EndOfTurn | None:
        """Somebody has waited for the end of this turn for too long: it ends as at its longest."""
        self._advance(media_ms)
        return self._end("max") if self.open else None

    def close(self) -> None:
        """The turn is given up without an end: it was a noise, or the line is being left."""
        self.open = False
        self._keypad.clear()

    @property
    def hurried(self) -> bool:
        """Whether somebody waits for the text of this turn, and the silence that has no words is kept short for it."""
        return self._deadlines.hurried

    @hurried.setter
    def hurried(self, hurried: bool) -> None:
        if hurried is not self._deadlines.hurried:
            self._deadlines.hurried = hurried
            self._planned = None

    # --- within -----------------------------------------------------------------------------------------------------

    @property
    def _last_ms(self) -> int:
        """The end of the last speech, or the last key."""
        return last_activity_ms(self._heard, self._sound.speech_end_ms, self._key_ms)

    @property
    def _spoken(self) -> bool:
        """Whether words of speech are in the turn."""
        return self._spoke_before or bool(self.said.spoken)

    @property
    def _max_ms(self) -> int:
        return self._began_ms + self._settings.max_turn_ms

    def _advance(self, media_ms: int) -> None:
        self._now_ms = max(self._now_ms, media_ms)

    def _open_turn(self) -> None:
        self._reset()
        self._keypad.clear()
        self.said = TurnText()
        self.open = True

    def _loud(self, media_ms: int) -> TurnEvent | None:
        if self._sound.pauses(media_ms):
            self._lag.pause_over(self._sound.speech_end_ms)
        pause_ms = self._sound.loud(media_ms)
        if pause_ms is not None:
            self._learn(pause_ms)
        if self._key_open and self._key_ms is not None and media_ms - self._key_ms >= AFTER_KEY_MS:
            self._key_open = False
            self._anew = False
            if not self._rests:  # else all that was said before is another hearing's: its keys are behind it
                self.said.resumed()
            self._keypad.clear()
        if self._rests:
            self._rests = self._awaited = False
            self._spoke_before = self._spoken
            self.said.hear()
            self._partial = ""
        self._planned = None
        return self._went_on()

    def _key(self, key: str) -> TurnEvent | None:
        if not self.open:
            if key not in KEYS:
                return None
            self._open_turn()
        full = self._keypad.press(key)
        if key == "#":
            self._closing = True
        elif key in KEYS:
            self.said.keys(key)
            self._key_ms, self._key_open = self._now_ms, True
            self._rejudge()
            if full is not None and self._judgement().waiting is not Waiting.END:
                self._closing = True
                self._entry = full if len(full) < MAX_KEYS else ""
            self._anew = full is None and self._begins_anew()
        self._planned = None
        return self._went_on()

    def _begins_anew(self) -> bool:
        """Whether the keys begin as the words did: who was not understood types all of it."""
        spoken = judge(self._asks, self.said.spoken).reading.value
        keys = self._keypad.keys
        return bool(spoken) and (keys.startswith(spoken) or spoken.startswith(keys))

    def _learn(self, pause_ms: int) -> None:
        self._deadlines.went_on(self._judgement(), pause_ms)

    def _rejudge(self) -> None:
        was = self._judged
        self._judged = None
        if self._judgement().waiting is Waiting.END and (was is None or was.waiting is not Waiting.END):
            self._whole_ms = self._now_ms
            self._first_whole_ms = self._first_whole_ms or self._now_ms
            self._wholes += 1
        self._planned = None

    def _judgement(self) -> Judgement:
        if self._judged is None:
            self._judged = judge(self._asks, self.said.text, self._known)
        return self._judged

    # --- decisions --------------------------------------------------------------------------------------------------

    def _plan(self) -> Deadline:
        """When the turn ends, and for what reason, if nothing more happens."""
        if self._planned is None:
            if self._closing:
                self._planned = Deadline(self._now_ms, NEVER_MS, "keys")
            else:
                turn = TurnSoFar(
                    self._judgement(),
                    heard=self._heard,
                    spoken=self._spoken,
                    key_ms=self._key_ms,
                    whole_ms=self._whole_ms,
                    anew=self._anew,
                    awaited=self._awaited,
                )
                self._planned = self._deadlines.of(turn)
                if self._wholes >= WHOLES and turn.judged.waiting is Waiting.END:
                    due_ms = max(self._whole_ms, self._first_whole_ms + WHOLES_MS)
                    self._planned = replace(self._planned, due_ms=min(self._planned.due_ms, due_ms))
        return self._planned

    def _decide(self) -> TurnEvent | None:
        plan, now_ms = self._planned or self._plan(), self._now_ms
        if now_ms >= plan.due_ms:
            return self._end(plan.reason)
        if now_ms >= self._max_ms:
            return self._end("max")
        if now_ms >= self._rest_ms():
            self._rests = self._awaited = True
            self._planned = None
            return TakeWords(self._sound.speech_end_ms, now_ms)
        if now_ms >= plan.probable_ms and not self._told:
            self._told = True
            return ProbableEnd(self._last_ms, now_ms, plan.reason, min(plan.due_ms, self._max_ms) - self._last_ms)
        return None

    def _rest_ms(self) -> int:
        """When the words of a pause that lasts are taken: where an answer has begun, or must be about to."""
        if self._rests or self._closing or not self._heard or self._sound.quiet_ms < SURE_QUIET_MS:
            return NEVER_MS
        end_ms, judged = self._sound.speech_end_ms, self._judgement()
        match judged.waiting:
            case Waiting.HOLD:  # a grammar that is made to begin anew within an answer hears less of it
                return end_ms + (REST_MS if self._lag.keeps_back else LATE_REST_MS)
            case Waiting.SILENCE if self._lag.streams and expects(self._asks):
                return end_ms + REST_MS
            case Waiting.BY_WORDS if self._asks.kind == "yes_no" and judged.reading.progress is not Progress.ENOUGH:
                return end_ms + REST_MS  # a word as short as yes is taken for the beginning of others until it is final
        return NEVER_MS

    def _went_on(self) -> TurnEvent | None:
        """The caller has spoken or pressed a key: a pause that was told of is over."""
        if not self._told:
            return self._decide()
        self._told = False
        over = self._now_ms >= min(self._plan().due_ms, self._max_ms)
        return self._decide() if over else WentOn(self._now_ms)

    def _end(self, reason: str) -> EndOfTurn:
        by_keys = bool(self._entry) or not self._heard
        end = EndOfTurn(self._last_ms, self._now_ms, reason, self._accepted(), by_keys)
        judged = self._judgement()
        if self._heard:
            self._lag.pause_over(self._sound.speech_end_ms)
            if judged.waiting is Waiting.BY_WORDS and reason == judged.reason:
                self._ended_ms = self._now_ms
        self._held = (self._asks, self.said) if reason == "slot unfinished" else None
        self._shown = "" if self._rests else self._partial  # what was taken is final: the text to come tells nothing
        self.close()
        return end

    def _accepted(self) -> str | None:
        """The text that needs no final, if there is one."""
        if self._entry:
            return self._entry
        if not self._heard:
            return self.said.text
        judged = self._judgement()
        # A yes may let a tool run that cannot be undone: it is the recogniser's last word that counts.
        whole = judged.waiting is Waiting.END and not judged.lingers
        stands = not self._spoken or self._now_ms - self._lag.changed_ms >= STABLE_MS
        return self.said.text if whole and stands else None
