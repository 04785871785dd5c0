"""TurnTaking: whose turn it is in a running call - the caller's speech and keys made turns.

The rules are pure and stand in agent/turns/; here they are joined to the ear and to the floor. Speech over the agent is
agent/over_agent.py's, what becomes of a turn that is over agent/turn_outcomes.py's. What must be quick (a turn's end, a
barge-in) happens in plain calls within the audio frame that brings it about; only a turn's text is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.audio.beep import Tone
from agent.call_parts import CallParts
from agent.ear import Ear
from agent.errors import EngineError
from agent.far_end_watch import FarEndWatch
from agent.hearing import Hearing
from agent.language.words import words
from agent.open_turn import OpenTurn, Turns
from agent.over_agent import OverAgent
from agent.stt.base import Transcript
from agent.trace import TurnTrace
from agent.turn_outcomes import TurnOutcomes
from agent.turns.endpointing import Endpointer
from agent.turns.far_end import FarEndEvent
from agent.turns.floor import Floor, Move
from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate
from agent.turns.keypad import KEYS
from agent.turns.lag import RecogniserLag
from agent.turns.silence import CallerSilence
from agent.turns.turn_events import EndOfTurn, ProbableEnd, TakeWords, TurnEvent, WentOn
from agent.turns.turn_text import TurnText

#: What has sounded over the agent for so long without a word, from a recogniser that streams them, is no
#: caller: one who speaks has words within a second.
WORDLESS_MS = 1500
#: What sounds so soon after a turn that was ended at its longest has not paused: it is the same speech.
RUNS_ON_MS = 400


class TurnTaking:
    """One call's turns."""

    def __init__(
        self,
        parts: CallParts,
        on_committed: Callable[[int, str, TurnTrace | None], None],
        on_far_end: Callable[[FarEndEvent], None],
        turn: int = 0,
    ) -> None:
        """`on_committed` is told each committed turn once: exactly one reply belongs to it. `on_far_end` is told, once
        each, that the far end is a machine, and of its beep. `turn`: the number of the last turn before this stream."""
        settings, stt = parts.agent.turns, parts.kit.stt
        rate_hz = parts.line.info.sample_rate_hz
        self._line = parts.line
        self._phrases = parts.agent.phrases
        self._floor = parts.floor
        self._speaking = parts.speaking
        self._replies = parts.replies
        self._journal = parts.journal
        self._spawn = parts.spawn
        self.ear = Ear(
            rate_hz=rate_hz,
            vad=parts.kit.vad.stream(),
            gate=SpeechGate(settings.min_speech_ms),
            stt=stt.call(parts.ctx, rate_hz),
            stt_name=stt.name,
            stt_rate_hz=stt.rate_hz,
            ctx=parts.ctx,
            journal=parts.journal,
            on_gate=self._on_gate,
            on_doubt=lambda media_ms: self._over_agent.doubt(media_ms),
            on_tone=self._on_tone,
        )
        self._turns = Turns(turn)
        self._lag = RecogniserLag()
        self._endpointer = Endpointer(settings, parts.agent.asks, self._lag)
        self._over_agent = OverAgent(parts, self.ear, self._turns, self._lag)
        self._far_end = FarEndWatch(parts, self.ear, on_far_end)
        self._silence = CallerSilence(settings.no_input_ms, settings.max_no_input)
        self._outcomes = TurnOutcomes(
            parts, self._turns, self._over_agent, self._endpointer, self._far_end, self._silence, on_committed
        )
        self._cut_ms = -RUNS_ON_MS  # when a turn that had words was ended at its longest

    @property
    def latest(self) -> int:
        """The number of the latest turn."""
        return self._turns.latest

    # --- the caller's audio and keys --------------------------------------------------------------------------------

    def hear(self, pcm: bytes, media_ms: int) -> None:
        """The caller's next audio, once a frame. Raises EngineError where the detector or the recogniser fails."""
        self.ear.hear(pcm, media_ms)
        if self._turns.open is not None:
            self.tick(self.ear.end_ms)

    def tick(self, media_ms: int) -> None:
        """Media time has come to `media_ms`: what follows from that alone."""
        if self._turns.open is not None:
            self._obey(self._endpointer.tick(media_ms))
        if self._over_agent.tick(media_ms):
            self._obey(self._endpointer.cut(media_ms))

    def on_key(self, digit: str, media_ms: int) -> None:
        """A key was pressed: it belongs to the turn that is open, or opens one."""
        self._journal("key", digit=digit)
        turn = self._turns.open
        keyed = turn is not None and turn.keyed
        if self._floor.floor is Floor.LEAVING or (digit not in KEYS and not keyed):
            return
        if turn is None:
            turn = self._begin(media_ms)
        turn.keyed = True
        if self._over_agent.now:
            self._over_agent.key()
        elif self._floor.floor is Floor.OPEN:
            self._floor.move(Move.CALLER_BEGAN)
        self._obey(self._endpointer.keys(digit, media_ms))

    def _begin(self, media_ms: int) -> OpenTurn:
        self._endpointer.asked(self._replies.asks)
        return self._turns.begin(media_ms)

    def _on_gate(self, event: GateEvent) -> None:
        if isinstance(event, SpeechBegan):
            self._on_speech_began(event)
            return
        turn = self._turns.open
        if turn is not None:
            self._over_agent.window(turn, event)
            if event.speech and not event.quiet:
                turn.spoke_ms = event.media_ms
                if turn.rests:
                    turn.understood = turn.has_words
                    self._listen(turn)
        self._endpointer.hurried = self._floor.floor is Floor.YIELDED
        self._obey(self._endpointer.window(event))

    def _on_speech_began(self, event: SpeechBegan) -> None:
        turn = self._turns.open or self._begin(event.speech_ms)  # keys may have opened it
        self._journal("turn.started", turn=turn.number, speech_ms=event.speech_ms)
        self._endpointer.began(event)
        self._listen(turn)
        if self._floor.floor is Floor.OPEN:
            self._floor.move(Move.CALLER_BEGAN)
        turn.over_agent = self._speaking.pending_ms > 0
        turn.runs_on = event.speech_ms - self._cut_ms < RUNS_ON_MS
        self._over_agent.began(turn, event)

    # --- what is being said -----------------------------------------------------------------------------------------

    def _listen(self, turn: OpenTurn) -> None:
        """A hearing for what is being said in this turn."""

        def on_partial(text: str) -> None:
            if turn.hearing is hearing and not turn.rests:
                turn.text = text
                if turn is self._turns.open:
                    self._on_words(turn, text)
                    self._obey(self._endpointer.partial(text, self._line.media_ms))
                    self._prepare(turn)

        turn.rests, turn.text = False, ""
        turn.hearing = hearing = self.ear.begin(self._replies.asks, on_partial)

    def _on_words(self, turn: OpenTurn, text: str) -> None:
        media_ms = self._line.media_ms
        self._over_agent.words(turn, media_ms)
        self._far_end.heard(turn, text, media_ms)

    def _take_words(self, turn: OpenTurn, hearing: Hearing) -> None:
        """The caller rests within an answer: the recogniser's last word on what was said so far is taken now."""
        self.ear.rest()
        turn.rests = True
        taken: asyncio.Future[Transcript | EngineError] = asyncio.get_running_loop().create_future()
        turn.taken.append(taken)
        said = self._endpointer.said
        self._spawn(self._take(turn, hearing, taken, said, said.hearing))

    async def _take(
        self,
        turn: OpenTurn,
        hearing: Hearing,
        taken: asyncio.Future[Transcript | EngineError],
        said: TurnText,
        place: int,
    ) -> None:
        """`place`: which hearing of `said` it is; the caller may have rested again before its text is there."""
        heard = await hearing.last_word()
        taken.set_result(heard)
        media_ms = self._line.media_ms
        # In the middle of an answer no text is no news: a grammar may know no end there. What was understood stays.
        text = "" if isinstance(heard, EngineError) else heard.text.strip()
        goes_on, is_open = turn.hearing is not hearing, turn is self._turns.open
        if isinstance(heard, EngineError) and (goes_on or is_open):  # else who decides the turn tells of it
            message = f"{heard}; the turn keeps what it had understood"
            self._journal("error", where="stt", turn=turn.number, message=message)
        if not goes_on:
            if is_open:
                if text:
                    turn.text = text
                    self._on_words(turn, text)
                self._obey(self._endpointer.taken(text or None, media_ms))
        elif text:
            turn.understood = turn.understood or bool(words(text))
            if is_open:
                self._obey(self._endpointer.earlier(place, text, media_ms))
            else:
                said.earlier(place, text)

    def _on_tone(self, tone: Tone) -> None:
        if self._turns.open is not None:
            self._far_end.heard(self._turns.open, "", tone.end_ms)
        self._far_end.tone(tone)

    def watch_far_end(self, media_ms: int) -> bool:
        """Whether a message left now would be recorded by the machine that the far end is."""
        if self._turns.open is not None:
            self._far_end.heard(self._turns.open, "", media_ms)
        return self._far_end.records_now(media_ms)

    # --- the end of a turn ------------------------------------------------------------------------------------------

    def _obey(self, event: TurnEvent | None) -> None:
        turn = self._turns.open
        if turn is None or event is None:
            return
        match event:
            case ProbableEnd(speech_end_ms, _, reason, waits_ms):
                told = {"speech_end_ms": speech_end_ms, "reason": reason, "waits_ms": waits_ms}
                self._journal("turn.probable_end", turn=turn.number, **told)
                turn.probably_over = True
                self._prepare(turn)
            case WentOn():
                self._journal("turn.went_on", turn=turn.number)
                turn.probably_over = False
                self._replies.forget()
            case TakeWords(speech_end_ms) if turn.hearing is not None:
                self._journal("turn.rested", turn=turn.number, speech_end_ms=speech_end_ms)
                self._take_words(turn, turn.hearing)
            case EndOfTurn():
                self._on_turn_ended(turn, event)

    def _prepare(self, turn: OpenTurn) -> None:
        """A caller who is probably done, and speaks over nobody, is answered in thought."""
        text = self._endpointer.said.text
        if turn.probably_over and turn is self._turns.open and self._floor.floor is Floor.CALLER and text:
            self._replies.prepare(turn.number, text)

    def _on_turn_ended(self, turn: OpenTurn, end: EndOfTurn) -> None:
        self._turns.close()
        if end.reason == "max" and turn.has_words:
            self._cut_ms = end.media_ms
        self._far_end.heard(turn, "", end.media_ms)
        self.ear.end()
        self._journal("turn.ended", turn=turn.number, speech_end_ms=end.speech_end_ms, reason=end.reason)
        if self._floor.floor is Floor.LEAVING:
            self._outcomes.left(turn)
            return
        self._over_agent.over(end.media_ms)
        if self._floor.may(Move.TURN_ENDED):
            self._floor.move(Move.TURN_ENDED)
        self._outcomes.ended(turn, end)

    # --- silence ----------------------------------------------------------------------------------------------------

    def heard_out(self) -> None:
        """The caller has heard all that was said: the floor is open, from now on."""
        media_ms = self._line.media_ms
        turn = self._turns.open
        if turn is not None and turn.hearing is not None:
            wordless = self._lag.streams and not turn.keyed and not turn.has_words
            if wordless and self.ear.end_ms - turn.began_ms >= WORDLESS_MS:
                self._end_noise(turn, turn.hearing)
            else:
                turn.alone_ms = media_ms
                self._endpointer.asked(self._replies.asks)  # it has been asked by now
        self._far_end.heard_out()
        self._floor.move(Move.HEARD)
        self._silence.floor_opened(media_ms)
        if self._floor.floor is Floor.OPEN and self._turns.open is not None:
            self._floor.move(Move.CALLER_BEGAN)

    def _end_noise(self, turn: OpenTurn, hearing: Hearing) -> None:
        """What sounds on is no turn. Who answers the agent into it begins one, with a hearing of their own."""
        self._turns.close()
        self._endpointer.close()
        self.ear.end()
        self._journal("turn.ended", turn=turn.number, speech_end_ms=self.ear.end_ms, reason="noise")
        self._outcomes.noise(turn, hearing)

    def look_at_silence(self, media_ms: int) -> tuple[str, bool] | None:
        """The phrase by which a silent caller is asked if they are there, if it is time; and whether that is the
        last one, a goodbye."""
        if self._floor.floor is not Floor.OPEN:
            return None
        prompt = self._silence.tick(media_ms)
        if prompt is None:
            return None
        phrase = self._phrases.no_input_goodbye if prompt.last else self._phrases.still_there
        self._journal("silence.prompt", phrase=phrase, count=prompt.count)
        return phrase, prompt.last
