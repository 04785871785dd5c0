"""Line: the port through which a conversation is joined to a telephone. The one seam of the house.

A conversation may ask a telephone for exactly what stands here. Audio inside is PCM16 (int16, little-endian, mono) as
`bytes`, at the line's own rate. Times are MEDIA TIME: the line's own time stamps, in milliseconds since its stream
began.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this line can do beyond hearing and playing."""

    transfer: bool = False
    send_digits: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True)
class LineInfo:
    """Who is on the line, and what the line is."""

    call_id: str
    sample_rate_hz: int
    caller: str = ""
    called: str = ""
    kind: str = "media-stream"
    abilities: Abilities = field(default_factory=Abilities)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WordEnd:
    """Within one piece of audio: by `sample`, the utterance's first `chars` characters have been said."""

    sample: int
    chars: int


@dataclass(frozen=True, slots=True)
class TextSpan:
    """What a piece of audio says. `utterance` numbers the agent's utterances within the call, from 1."""

    utterance: int
    words: tuple[WordEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller has heard, as far as the ledger can know.

    `chars` maps an utterance to how many of its characters were heard (a word counts when its end was played), `spans`
    to the media time from its first sample to the end of its last heard word.
    `position_ms` is the play head in the agent's own audio; `confirmed_ms` the part proved by a mark; `uncertainty_ms`
    how far the truth may lie from `position_ms`; `basis` what it rests on: "mark", or "clock" where none come.
    """

    media_ms: int
    position_ms: int
    confirmed_ms: int
    uncertainty_ms: int
    basis: str
    chars: Mapping[int, int]
    spans: Mapping[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was heard, and the rest that was not: pieces in order, fit for `play` again.

    The rest begins where the last heard word ended, so that a word broken off is said again whole; and `run_in_ms`
    before that, with sound that was heard already, for a fade-in to fall on. Empty when all was heard.
    """

    heard: Heard
    rest: tuple[tuple[bytes, TextSpan], ...] = ()
    run_in_ms: int = 0


# --- the rare events ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed one key: 0-9, *, #, A-D."""

    digit: str
    media_ms: int


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The caller began to hear the agent after silence. `media_ms` is when, `sent_ms` when the first piece left us."""

    media_ms: int
    sent_ms: int


@dataclass(frozen=True, slots=True)
class PlayoutDone:
    """Everything queued so far has been heard (or, with `basis` "clock", must have been)."""

    heard: Heard


@dataclass(frozen=True, slots=True)
class MarksLost:
    """The peer owes a mark for too long: from here on the ledger goes by the clock."""

    media_ms: int
    owed_ms: int


@dataclass(frozen=True, slots=True)
class HungUp:
    """The line is gone. `reason` is for the journal: "stop", "closed", "silent", "protocol: …"."""

    reason: str
    media_ms: int


LineEvent = KeyPressed | PlayoutStarted | PlayoutDone | MarksLost | HungUp


# --- how a conversation leaves its line -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""

    reason: str = "done"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the call to `to` (a phone number or SIP URI); the agent is done unless nobody answers there."""

    to: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Send keypad digits to the far end, then come back to the conversation."""

    digits: str


Decision = HangUp | Transfer | SendDigits


def decision_fields(decision: Decision) -> dict[str, object]:
    """A decision as a journal holds it: its type by name, and its fields."""
    return {"type": type(decision).__name__, **asdict(decision)}


class AudioSink(Protocol):
    """What a conversation gives a line: where audio is pushed, synchronously, in media time."""

    def on_audio(self, pcm: bytes, media_ms: int) -> None:
        """The caller's next audio; `media_ms` is the time of its first sample. Called once per frame; never blocks."""

    def on_heard_audio(self, pcm: bytes, media_ms: int) -> None:
        """Agent audio that the caller has heard, placed by the ledger; ascending, never overlapping. For the record."""


class Line(Protocol):
    """A telephone, as a conversation sees it. Implementations pass tests/agent/line_contract.py."""

    @property
    def info(self) -> LineInfo:
        """Who is on the line, and its rate and abilities."""

    @property
    def media_ms(self) -> int:
        """The end of the audio received so far, in media time; goes on by the clock when audio stops coming."""

    @property
    def pending_ms(self) -> int:
        """How much queued audio the caller has not yet heard (by the ledger's reckoning)."""

    def attach(self, sink: AudioSink) -> None:
        """Join the conversation to the line. Audio that came earlier is not replayed."""

    def events(self) -> AsyncIterator[LineEvent]:
        """The rare events, in order; ends after HungUp."""

    def play(self, pcm: bytes, span: TextSpan) -> None:
        """Queue audio behind what is queued already. Never awaits; paced by the line itself."""

    def stop_playing(self) -> Heard:
        """Drop everything unheard, at once (on Twilio: `clear`). Never awaits. Says what had been heard."""

    def take_back(self) -> TakenBack:
        """As `stop_playing`, but what was not heard is given back. No PlayoutDone comes for what was taken back."""

    def playing(self, from_ms: int, to_ms: int) -> bytes:
        """What the far end hears of us between two media times, as far as is known now: PCM16 at the line's rate, of
        that exact length, silence where there is nothing. Kept for 1.5 s at least."""

    def heard(self) -> Heard:
        """What has been heard up to now."""

    async def leave(self, decision: Decision) -> None:
        """Leave the stream: record the decision where the far side will ask for it, and close."""
