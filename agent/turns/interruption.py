"""Interruption: does the caller's sound stop an agent who is speaking, and was it meant? Pure; media time.

The agent stops at the first certain sound, and finds out behind it: words that are meant cancel the reply; a
backchannel, a noise or the agent's own echo let it go on from where it was.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from math import inf

from agent.turns.backchannel import Weight, weight, weight_of_more
from agent.turns.echo import ECHO_WINDOWS, EchoTally, words_are_echo
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.lag import RecogniserLag
from agent.vad.base import WINDOW_MS

#: After it stopped for sound without words, the agent goes on at most so much later: with what stopping, taking up
#: and fading in cost, speech is back within a second. A streaming recogniser's first word comes 300 to 700 ms after
#: it was said, so 900 ms after the agent stopped is also as soon as the slower ones can be asked to answer.
TAKE_UP_MS = 880
#: Where the sound is not clearly a voice any more (see STRONG), there is less to wait for.
UNSURE_TAKE_UP_MS = 700
#: A sound this short, and then quiet for so long, is a click or a cough: no word is over in less.
CLICK_MS, CLICK_QUIET_MS = 160, 320
#: Backchannel words, and then quiet for so long: the caller has said all of it.
BACKCHANNEL_QUIET_MS = 256
#: Backchannel words with speech that goes on: more words are likely, and worth so long a wait after the stop.
BACKCHANNEL_TAKE_UP_MS = 1400
#: Words that are meant hold an answer back until their final text; but none that came, and were followed by no more,
#: for longer than a caller pauses and a recogniser takes: a hold ends, whatever happens.
STANDING_MS = 3500
#: Partial words that came to nothing so often in a row are not believed before their final text.
DENIALS = 2
#: Silero is this sure of most windows of real speech, and of few of a noise.
STRONG = 0.8
#: From a recogniser that gives no partials there are no words to wait for: so much sure speech of the last so much.
LONG_SPEECH_MS, LONG_SPEECH_OF_MS = 600, 800
#: So many words in the agent's own order are an echo though no window sounds like one (a handset's codec can hide it);
#: one or two may be a caller who repeats a word.
ECHO_WORDS = 3
#: How much speech stops the agent where noises have done so lately, by their number; after the last, only words do.
WARY_MS = (256, 480)
#: So often in a row a caller who backs the agent up stops it like anybody; each time more counts like a noise.
BACKCHANNELS = 3
#: One noise is forgiven after so long, and by words that are meant: noise that never ends costs one stop each time.
FORGIVE_MS = 75_000


@dataclass(frozen=True, slots=True)
class AtEar:
    """The agent's side, now.

    `speaking`: it is audible. `owing`: it owes an answer, or is in the midst of one, audible or not; so also while it
    has yielded. `protected`: it may not be interrupted now (a legal notice, the first words). `answering`: it has asked
    something that a plain "yes" or "okay" may answer. `words`: what it has said in the last seconds and is saying;
    needed with `BargeIn.words` only. `before`: what the caller said last, while no word of the answer to it has been
    heard: whatever they say now belongs to that.
    """

    speaking: bool = False
    protected: bool = False
    answering: bool = False
    words: str = ""
    owing: bool = False
    before: str = ""

    @property
    def stoppable(self) -> bool:
        return (self.speaking or self.owing) and not self.protected


@dataclass(frozen=True, slots=True)
class Yield:
    """Stop playing at once and keep the rest; the model and the voice go on. `reason`: "speech" or "words"."""

    media_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Meant:
    """What the agent yielded to was meant: the reply is cancelled. `reason`: "words" or "long speech"."""

    media_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Not meant: the agent goes on. `reason`: "backchannel", "noise", "echo", "silence" (a sound, and nothing more)."""

    media_ms: int
    reason: str


Verdict = Yield | Meant | TakeUp
_NOTHING: tuple[Verdict, ...] = ()


class _State(Enum):
    #: The agent was not stopped by this stretch, or there is none.
    FREE = auto()
    #: It was stopped, and nothing is decided.
    YIELDED = auto()
    #: Taken up again: only words stop it now, in this stretch; or any voice, if it was the agent's own that did.
    TAKEN_UP = auto()
    #: The stretch interrupted: nothing more is decided of it.
    INTERRUPTED = auto()


class BargeIn:
    """Decides whether the agent stops for the caller, and whether it goes on. One a call; events in media time in.

    Each event gives verdicts in the order in which they hold: mostly none, or one; `Yield` and `Meant` together where
    words come first. `Meant` and `TakeUp` only ever follow a `Yield`. After a `Yield` without words a `TakeUp` comes
    within TAKE_UP_MS of media time, as long as windows or ticks come.
    """

    def __init__(self, barge_in_ms: int, lag: RecogniserLag | None = None, window_ms: int = WINDOW_MS) -> None:
        """`barge_in_ms` of speech stop the agent. `lag` knows whether the recogniser streams its words."""
        self._lag = lag or RecogniserLag()
        self._barge_in_ms = barge_in_ms
        self._window_ms = window_ms
        self._state = _State.FREE
        self._open = False
        self._wary = 0
        self._backchannels = 0  # in a row
        self._forgiven_ms = 0
        self._recent: deque[float] = deque(maxlen=max(1, LONG_SPEECH_OF_MS // window_ms))
        self._echoes = EchoTally(2 * ECHO_WINDOWS)  # of the latest windows that were looked at
        self._yielded_ms = 0
        self._words_ms = 0  # when words that are meant have last come, or the stretch that has them was over
        self._denials = 0  # so often in a row its words came to nothing
        self._began()

    def _began(self) -> None:
        """A new stretch: nothing is known of it."""
        self._text = ""  # that is meant
        self._stale = ""  # the same, waited for long enough
        self._speech_ms = 0  # the caller's: echo is not counted
        self._sure_ms = 0  # that count twice
        self._last_speech_ms = 0
        self._echoes.clear()
        self._weight = Weight.NOTHING
        self._over_agent = False  # the agent spoke, or owed an answer, while the stretch was open
        self._goes_on = False  # it goes on with a turn of whose answer nothing has been heard
        self._recent.clear()

    @property
    def yielded(self) -> bool:
        """Whether the agent has stopped, and it is not decided whether it goes on."""
        return self._state is _State.YIELDED

    # --- events -----------------------------------------------------------------------------------------------------

    def began(self, event: SpeechBegan, at: AtEar, echo: float | None = None) -> tuple[Verdict, ...]:
        """A stretch of speech opens. `echo`: how much of it is the agent's own sound (EchoMeter), where known."""
        if self._state is not _State.YIELDED:  # else the caller pauses and goes on: it is one matter
            self._state = _State.FREE
            self._began()
        self._text = ""
        self._open = True
        span_ms = event.media_ms - event.speech_ms
        self._look(at)
        self._hear(event.media_ms, span_ms, True, event.probability, echo)
        if span_ms == self._speech_ms == self._window_ms:
            self._sure_ms = span_ms  # one window was enough for the gate: to be so sure, it had to hear the one before
        return self._decide(event.media_ms, at)

    def window(self, event: SpeechWindow, at: AtEar, echo: float | None = None) -> tuple[Verdict, ...]:
        """One more window of the stretch. `echo` where the agent could be heard in it, and the detector says speech."""
        self._look(at)
        speech = event.speech and not event.quiet
        self._hear(event.media_ms, self._window_ms, speech, event.probability, echo)
        return self._decide(event.media_ms, at) if speech else self._wait(event.media_ms)

    def words(self, text: str, at: AtEar, media_ms: int) -> tuple[Verdict, ...]:
        """All that the stretch has said so far (a partial while it is open, the final text behind `over`).

        The final text of a turn that did not concern the agent changes nothing: the reply that follows answers it.
        """
        if self._open:
            self._look(at)
            if text.strip():
                self._lag.streamed()
        elif not self._over_agent:
            return _NOTHING
        heard = _weight(text, at)
        if self._open and heard is Weight.MEANT and (text == self._stale or self._doubted(at)):
            return self._wait(media_ms)
        if heard is Weight.NOTHING:
            return self._take_up(media_ms, "noise") if self.yielded and not self._open else _NOTHING
        if self._is_echo(text, at):
            return self._take_up(media_ms, "echo") if self.yielded else _NOTHING
        self._weight = heard
        if heard is Weight.MEANT:
            if text != self._text:
                self._text, self._words_ms = text, media_ms
            return self._keep_held(media_ms, at) if at.before else self._interrupt(media_ms, at)
        return self._wait(media_ms)

    def over(self, media_ms: int) -> tuple[Verdict, ...]:
        """The stretch has ended; its final text may still come, by `words`."""
        self._open = False
        if self._text:
            self._words_ms = media_ms  # the final text takes its time from here
        if self.yielded and self._weight is Weight.BACKCHANNEL:
            return self._take_up(media_ms, "backchannel")
        return self._wait(media_ms)

    def tick(self, media_ms: int) -> tuple[Verdict, ...]:
        """Media time went on, with or without audio. Due at least every 100 ms while `yielded`."""
        return self._wait(media_ms)

    def beside_the_point(self, text: str, at: AtEar) -> str:
        """Why `text`, all that was said over the agent, is nothing to answer: "no text", "backchannel" or "echo"; "" if
        it is something."""
        heard = _weight(text, at)
        if heard is Weight.NOTHING:
            return "no text"
        if self._is_echo(text, at):
            return "echo"
        return "backchannel" if heard is Weight.BACKCHANNEL else ""

    def rejected(self, reason: str, media_ms: int) -> None:
        """The text of all that was said is nothing to answer (`beside_the_point`), and the agent goes on by that: it
        was a false stop like any other."""
        if self.yielded:
            self._take_up(media_ms, reason)

    def weigh_anew(self, media_ms: int) -> None:
        """The words that the agent is held for were nothing to answer, and the stretch that is open now has none: it
        has as long as any other to say some; once, and not with each text that comes to nothing."""
        if self.yielded and self._weight is Weight.MEANT:
            self._weight, self._yielded_ms = Weight.NOTHING, media_ms

    def denied(self, media_ms: int) -> None:
        """The final text of a turn that had words says that there were none. What the agent is held for is weighed
        anew, whatever the partial words of the stretch that is open now: they are the same recogniser's."""
        self._denials += 1
        self.weigh_anew(media_ms)

    def believed(self) -> None:
        """A final text had words."""
        self._denials = 0

    def settled(self) -> None:
        """Something else has decided (a key, the end of the call): whatever was yielded to is no matter any more."""
        if self.yielded:
            self._state = _State.INTERRUPTED

    # --- rules ------------------------------------------------------------------------------------------------------

    def _look(self, at: AtEar) -> None:
        """What the agent does while the stretch is open."""
        self._goes_on = bool(at.before)
        if at.speaking or at.owing:
            self._over_agent = True
        elif self._state is _State.INTERRUPTED:  # the reply is gone; whatever the agent begins next is another matter
            self._state = _State.FREE
            self._over_agent = False

    def _hear(self, media_ms: int, span_ms: int, speech: bool, probability: float, echo: float | None) -> None:
        is_echo = echo is not None and self._echoes.add(echo)
        self._recent.append(0.0 if is_echo or not speech else probability)
        if speech and not is_echo:
            self._speech_ms += span_ms
            self._last_speech_ms = media_ms
        elif is_echo and not self.yielded:  # the few windows of a long echo that were not known must not add up
            self._speech_ms = max(0, self._speech_ms - span_ms)
            self._sure_ms = 0
        if self._state is _State.TAKEN_UP and self._echoes.is_echo:
            self._state = _State.FREE  # it was our own voice: the caller has not been heard yet
            self._speech_ms = 0
        if self._wary and media_ms - self._forgiven_ms >= FORGIVE_MS:
            self._wary -= 1
            self._forgiven_ms = media_ms

    def _decide(self, media_ms: int, at: AtEar) -> tuple[Verdict, ...]:
        """There is sound now: stop for it, or see what came of stopping."""
        if self._state is _State.FREE or (self._state is _State.TAKEN_UP and self._weight is Weight.MEANT):
            if not at.stoppable or self._last_speech_ms < media_ms:
                return _NOTHING
            if self._weight is Weight.MEANT:  # said under protection, or before the agent began
                return self._keep_held(media_ms, at) if at.before else self._interrupt(media_ms, at)
            return self._stop(media_ms, "speech") if self._speech_ms + self._sure_ms >= self._needed_ms() else _NOTHING
        return self._wait(media_ms)

    def _doubted(self, at: AtEar) -> bool:
        """Whether partial words are to be taken for nothing: they were, lately. Before the answer is heard once is
        enough: who is not believed there loses nothing by it, and the final text is believed anyway."""
        return self._denials >= (1 if at.before else DENIALS)

    def _needed_ms(self) -> float:
        if not self._wary:
            return self._barge_in_ms
        return max(self._barge_in_ms, WARY_MS[self._wary - 1]) if self._wary <= len(WARY_MS) else inf

    def _wait(self, media_ms: int) -> tuple[Verdict, ...]:
        """What the time that went by decides."""
        if not self.yielded:
            return _NOTHING
        since_ms, quiet_ms = media_ms - self._yielded_ms, media_ms - self._last_speech_ms
        if self._weight is Weight.MEANT:  # the caller goes on: the final text decides
            if self._lag.streams is False and self._long_speech():
                self._words_ms = media_ms
            if media_ms - max(self._words_ms, self._yielded_ms) < STANDING_MS:
                return _NOTHING
            self._weight, self._stale = Weight.NOTHING, self._text
            return self._take_up(media_ms, "noise")
        if self._weight is Weight.BACKCHANNEL:
            done = quiet_ms >= BACKCHANNEL_QUIET_MS or since_ms >= BACKCHANNEL_TAKE_UP_MS
            return self._take_up(media_ms, "backchannel") if done else _NOTHING
        if self._echoes.is_echo:
            return self._take_up(media_ms, "echo")
        if self._lag.streams is False and self._long_speech():
            if self._goes_on:
                self._weight = Weight.MEANT
                return _NOTHING
            self._state = _State.INTERRUPTED
            return (Meant(media_ms, "long speech"),)
        if self._speech_ms <= CLICK_MS and quiet_ms >= CLICK_QUIET_MS:
            return self._take_up(media_ms, "silence")
        limit_ms = TAKE_UP_MS if self._strong() else UNSURE_TAKE_UP_MS
        return self._take_up(media_ms, "noise") if since_ms >= limit_ms else _NOTHING

    def _strong(self) -> bool:
        """Whether most of the last 800 ms surely is speech, a word's own gaps allowed for."""
        return 2 * sum(probability >= STRONG for probability in self._recent) >= len(self._recent)

    def _long_speech(self) -> bool:
        return sum(probability >= STRONG for probability in self._recent) * self._window_ms >= LONG_SPEECH_MS

    def _is_echo(self, text: str, at: AtEar) -> bool:
        """The agent's own words are an echo if they sound like one; else if nobody asked for them and they are many."""
        if not words_are_echo(text, at.words):
            return False
        if self._echoes.is_echo:
            return True
        return not at.answering and (not self._echoes.tells or len(text.split()) >= ECHO_WORDS)

    # --- verdicts ---------------------------------------------------------------------------------------------------

    def _stop(self, media_ms: int, reason: str) -> tuple[Verdict, ...]:
        self._state = _State.YIELDED
        self._yielded_ms = media_ms
        self._echoes.clear()  # what came before was not enough to be one
        return (Yield(media_ms, reason),)

    def _keep_held(self, media_ms: int, at: AtEar) -> tuple[Verdict, ...]:
        """The caller goes on before a word of the answer was heard. Who speaks does not wait, so nothing is decided on
        a recogniser's first guesses: the final text says whether there is more to answer."""
        if self._state in (_State.FREE, _State.TAKEN_UP) and at.stoppable:
            return self._stop(media_ms, "words")
        return _NOTHING

    def _interrupt(self, media_ms: int, at: AtEar) -> tuple[Verdict, ...]:
        """Words that are meant have come."""
        before: tuple[Verdict, ...] = _NOTHING
        if not self.yielded:
            if self._state is _State.INTERRUPTED or not at.stoppable:
                return _NOTHING
            before = self._stop(media_ms, "words")
        self._state = _State.INTERRUPTED
        self._backchannels = 0
        if self._wary:
            self._wary, self._forgiven_ms = self._wary - 1, media_ms
        return (*before, Meant(media_ms, "words"))

    def _take_up(self, media_ms: int, reason: str) -> tuple[Verdict, ...]:
        self._state = _State.TAKEN_UP
        self._backchannels += reason == "backchannel"
        if reason != "backchannel" or self._backchannels > BACKCHANNELS:
            self._wary, self._forgiven_ms = min(self._wary + 1, len(WARY_MS) + 1), media_ms
        return (TakeUp(media_ms, reason),)


def _weight(text: str, at: AtEar) -> Weight:
    return weight_of_more(text, at.before) if at.before else weight(text, at.answering)
