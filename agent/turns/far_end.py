"""The far end: is it a person, or a machine that takes messages, announces, or offers a menu? Evidence, added up. Pure.

Words tell most (agent/turns/greetings.py): some alone, others only together. A recogniser that listens for what its
agent asks hears no greeting; then there is what machines do: they speak at once, over our greeting, for longer than
"hello? hello?", and then comes a beep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from agent.audio.beep import Tone
from agent.turns.greetings import certain, said_words, signs

#: What is not certain by itself must be heard in the first minute: greetings are over by then.
OPENING_MS = 60_000
#: After words of a greeting a beep is listened for, so long; recorders allow for a greeting of a minute, or three.
BEEP_WITHIN_MS = 180_000
#: The greeting is over, and no beep has come for so long: none will. (A pause before it is a second or two.)
NO_BEEP_MS = 2500
#: And whatever sounds, nobody greets for longer than this from where we knew it.
LONGEST_GREETING_MS = 45_000
#: Who has been answered so often, and heard each answer out, is a person: a greeting that they say now is quoted.
#: (A machine talks on over the first answer; one that rests may hear it out.)
CONVERSED = 2
#: Evidence of so many points is enough. No two things that one caller says in one breath make it: "I am not home now, I
#: will call you back", over our greeting, is 95.
_ENOUGH = 100
_POINTS: Mapping[str, int] = {
    "message": 65,
    "reached": 50,
    "menu": 40,
    "announcement": 60,
    "absent": 35,
    "will call": 30,
    "welcome": 15,
    "early speech": 30,
    "beep": 70,
}
#: The call's first speech is early if it begins so soon, or over our greeting, and lasts so long, but for short pauses:
#: a person says hello, and listens.
_EARLY_MS = 3000
_EARLY_SPEECH_MS = 2500
_EARLY_GAP_MS = 1500
#: A beep belongs to the speech that ended at most so long before it.
_BEEP_AFTER_MS = 4000
#: A detector that takes the tone for speech says so until a little after its end.
_TONE_AS_SPEECH_MS = 250
#: Ringing, engaged and call-waiting tones of many networks are one tone of about 425 or 440 Hz: a beep of it is one to
#: those only who know by words that they hear a machine.
_NETWORK_HZ = (395.0, 465.0)
#: A recogniser may change its mind about so many of its last words; more, and it is another text.
_REVISED_WORDS = 3
#: Of what was heard, the record keeps so much.
_KEPT_CHARS = 500


@dataclass(frozen=True, slots=True)
class Voicemail:
    """The far end is a machine. `reason`: "greeting", "mailbox full", "recording" (one sentence was enough), "signs"
    (several together), "beep" (with it they were enough). `text`: the words that were heard of it so far, if any."""

    media_ms: int
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Beep:
    """The machine's beep: it ended at `media_ms`, and records."""

    media_ms: int
    hz: float
    length_ms: int


FarEndEvent = Voicemail | Beep


class FarEnd:
    """One call's far end. Each of its two events is told once at most. Times are media time in ms."""

    def __init__(self) -> None:
        self._points: set[str] = set()
        self._text = ""
        self._said: tuple[str, ...] = ()  # all that was said in the turn, when it was looked at last
        self._signs: frozenset[str] = frozenset()  # in that
        self._words_ms: int | None = None
        self._spoke = self._early = False
        self._first_ms = 0
        self._speech_ms = 0  # when the far end was last heard to speak
        self._tone: Tone | None = None
        self._network = False  # that tone may be the network's
        self._known_ms = 0
        self._asked = False  # something has been said that no answer has been heard to
        self._answered = 0
        self.machine = False
        """The far end is known to be a machine."""
        self.beeped = False
        """Its beep has been told."""

    def listens(self, media_ms: int) -> bool:
        """Whether a beep may matter now."""
        if self.beeped or self._person:
            return False
        return media_ms < (OPENING_MS if self._words_ms is None else self._words_ms + BEEP_WITHIN_MS)

    @property
    def _person(self) -> bool:
        return self._answered >= CONVERSED and not self.machine

    def said(self) -> None:
        """A turn of the far end's was committed, and is going to be answered."""
        self._asked = True

    def heard_out(self) -> None:
        """The far end has heard all that was said to it."""
        self._answered += self._asked
        self._asked = False

    def words(self, text: str, media_ms: int) -> tuple[FarEndEvent, ...]:
        """What the far end has said in this turn so far, partial or final."""
        if self.machine or self._person or not text or text == self._text:
            return ()
        said = said_words(text)
        looked = self._looked_at(said)
        reason = certain(said, looked)
        found = frozenset[str]()
        if not reason and media_ms < OPENING_MS:
            found = signs(said, looked) | (self._signs if looked else frozenset())
        self._signs = found
        if not reason and not found:
            return ()
        self._text, self._words_ms = text, media_ms
        if reason:
            return self._known(media_ms, reason)
        self._points |= found
        return self._weigh(media_ms)

    def _looked_at(self, said: tuple[str, ...]) -> int:
        """So many of these words were looked at with the text before, if this one goes on from that; else 0."""
        before, self._said = self._said, said
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, said, strict=False)))
        return same if same >= len(before) - _REVISED_WORDS else 0

    def speech(self, start_ms: int, end_ms: int, over_us: bool = False) -> tuple[FarEndEvent, ...]:
        """The far end's speech since `start_ms`, which has come to `end_ms`; `over_us`: it began while we spoke."""
        if not self._spoke:
            self._spoke, self._early, self._first_ms = True, start_ms < _EARLY_MS or over_us, start_ms
        elif start_ms - self._speech_ms > _EARLY_GAP_MS:
            self._early = False
        self._speech_ms = max(self._speech_ms, end_ms)
        if self.machine or not self._early or end_ms - self._first_ms < _EARLY_SPEECH_MS or end_ms >= OPENING_MS:
            return ()
        self._early = False
        self._points.add("early speech")
        return self._weigh(end_ms)

    def beep(self, tone: Tone) -> tuple[FarEndEvent, ...]:
        """One tone, then quiet. The detector may have taken the tone itself for speech."""
        spoke = self._spoke and tone.start_ms - self._speech_ms <= _BEEP_AFTER_MS
        if self.beeped or not (spoke or self.machine):
            return ()
        self._tone = tone
        if self.machine:
            return self._with_beep()
        self._network = _NETWORK_HZ[0] <= tone.hz <= _NETWORK_HZ[1]
        self._points.add("beep")
        return self._weigh(tone.end_ms)

    def records_now(self, media_ms: int, sounding: bool) -> bool:
        """Whether a message left now would be recorded: after the beep, or where none comes, once it is quiet.
        `sounding`: a tone sounds just now."""
        if not self.machine or self.beeped:
            return self.beeped
        quiet_ms = media_ms - self._speech_ms
        return (quiet_ms >= NO_BEEP_MS and not sounding) or media_ms - self._known_ms >= LONGEST_GREETING_MS

    def _weigh(self, media_ms: int) -> tuple[FarEndEvent, ...]:
        points = self._points
        if self._network and self._words_ms is None:
            points = points - {"beep"}
        if self._person or sum(_POINTS[name] for name in points) < _ENOUGH:
            return ()
        return self._known(media_ms, "beep" if "beep" in points else "signs")

    def _known(self, media_ms: int, reason: str) -> tuple[FarEndEvent, ...]:
        self.machine, self._known_ms = True, media_ms
        return Voicemail(media_ms, reason, self._text[-_KEPT_CHARS:]), *self._with_beep()

    def _with_beep(self) -> tuple[FarEndEvent, ...]:
        """The beep, heard by now or before (a recogniser is late), if the greeting has not gone on behind it."""
        tone = self._tone
        if tone is None or self._speech_ms > tone.end_ms + _TONE_AS_SPEECH_MS:
            return ()
        self.beeped = True
        return (Beep(tone.end_ms, tone.hz, tone.length_ms),)
