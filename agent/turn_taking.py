"""TurnTaking: whose turn it is in a running call - the caller's speech and keys made turns, each committed or rejected.

The rules are pure and stand in agent/turns/; here they are joined to the ear, to the replies and to the floor. What
must be quick (a turn's end, a barge-in) happens in plain calls within the audio frame that brings it about; only a
turn's text is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agent.audio.beep import Tone
from agent.audio.echo import INBOUND_MS, REFERENCE_MS, EchoMeter
from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.ear import Ear, Hearing
from agent.errors import EngineError
from agent.far_end_watch import FarEndWatch
from agent.history import History
from agent.kit import EngineKit
from agent.language.words import words
from agent.line import Line
from agent.replies import Replies
from agent.speaking import Speaking
from agent.stt.base import Transcript
from agent.trace import TurnTrace
from agent.turns.echo import words_are_echo
from agent.turns.endpointing import EndOfTurn, Endpointer, Event, ProbableEnd, TakeWords, WentOn
from agent.turns.far_end import FarEndEvent
from agent.turns.floor import Floor, FloorKeeper, Move
from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate
from agent.turns.interruption import ECHO_SCORE, ECHO_SHARE, ECHO_WINDOWS, BargeIn, Meant, TakeUp, Verdict, Yield
from agent.turns.keypad import KEYS
from agent.turns.silence import CallerSilence
from agent.turns.turn_text import TurnText

#: A recogniser that has not given its final text so long after the turn has ended is taken to have failed.
FINAL_TEXT_S = 3.0
#: A stretch of speech shorter than this, without text, is a noise: nobody is asked to repeat it.
NOISE_MS = 350
#: What has sounded over the agent for so long without a word, from a recogniser that streams them, is no
#: caller: one who speaks has words within a second.
WORDLESS_MS = 1500
#: What sounds so soon after a turn that was ended at its longest has not paused: it is the same speech.
RUNS_ON_MS = 400
#: So often in a row the caller is asked to say it again; then a person is tried, or the call ended: not silence.
MAX_NOT_UNDERSTOOD = 3
#: A recogniser that fails so often in a row is beyond help.
MAX_DEAF = 2

#: The floors on which the caller speaks over the agent.
_OVER_AGENT = (Floor.AGENT, Floor.YIELDED)


@dataclass(slots=True)
class _Turn:
    """The turn that is open: its number, when its speech began, and what listens to it (nothing, to keys alone)."""

    number: int
    began_ms: int
    alone_ms: int = 0  # since when the agent was heard out, if it began before
    hearing: Hearing | None = None
    taken: asyncio.Future[Transcript | EngineError] | None = None  # the last word of what was heard before a rest
    rests: bool = False  # that is of this hearing: what is said next needs another one
    understood: bool = False  # a hearing before this one had words
    keyed: bool = False
    windows: int = 0  # of its speech, while an echo could be heard
    echoes: int = 0  # those that were one
    met: bool = False  # the rules of interruption know of its speech
    words: str = ""  # of this hearing, so far
    spoke_ms: int = 0  # when speech was last heard
    over_agent: bool = False  # it began while the agent spoke
    runs_on: bool = False  # behind the longest turn, without a pause: a television, or who listens to nobody

    @property
    def is_echo(self) -> bool:
        """Whether most of it sounds like what the agent has just said."""
        return self.windows >= ECHO_WINDOWS and self.echoes >= ECHO_SHARE * self.windows


class TurnTaking:
    """One call's turns. `spawn` starts a task in the call's group; `on_committed` is told each committed turn once:
    exactly one reply belongs to it."""

    def __init__(
        self,
        *,
        line: Line,
        agent: AgentDefinition,
        kit: EngineKit,
        ctx: CallContext,
        floor: FloorKeeper,
        speaking: Speaking,
        history: History,
        replies: Replies,
        journal: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_committed: Callable[[int, str, TurnTrace | None], None],
        on_far_end: Callable[[FarEndEvent], None] = lambda event: None,
        turn: int = 0,
    ) -> None:
        """`on_far_end` is told, once each, that the far end is a machine, and of its beep. `turn`: the number of the
        last turn before this stream."""
        rate_hz = line.info.sample_rate_hz
        settings = agent.turns
        self._line = line
        self._agent = agent
        self._ctx = ctx
        self._floor = floor
        self._speaking = speaking
        self._history = history
        self._replies = replies
        self._journal = journal
        self._spawn = spawn
        self._on_committed = on_committed
        self.ear = Ear(
            rate_hz=rate_hz,
            vad=kit.vad.stream(),
            gate=SpeechGate(settings.min_speech_ms),
            stt=kit.stt.call(ctx, rate_hz),
            stt_name=kit.stt.name,
            stt_rate_hz=kit.stt.rate_hz,
            ctx=ctx,
            journal=journal,
            on_gate=self._on_gate,
            on_doubt=self._on_doubt,
            on_tone=self._on_tone,
        )
        self._endpointer = Endpointer(settings)
        self._barge_in = BargeIn(settings.barge_in_ms, has_partials=True)  # until the recogniser is known to give none
        self._streams = False  # it has given words before a final text
        self._echo = EchoMeter(rate_hz)
        self._silence = CallerSilence(settings.no_input_ms, settings.max_no_input)
        self._far_end = FarEndWatch(self.ear, journal, on_far_end)
        self.turn = turn
        """The number of the latest turn."""
        self._open: _Turn | None = None
        self._over_utterance = 0  # what the agent was saying when it yielded
        self._weighed: asyncio.Task[None] | None = None  # what decides the turn that ended last
        self._yielded_ms = 0  # when the agent fell silent last
        self._cut_ms = -RUNS_ON_MS  # when a turn that had words was ended at its longest
        self._undecided = 0  # turns that have ended, and wait for a text, or for a turn before them
        self._not_understood = 0
        self._deaf = 0

    # --- the caller's audio and keys --------------------------------------------------------------------------------

    def hear(self, pcm: bytes, media_ms: int) -> None:
        """The caller's next audio, once a frame. Raises EngineError where the detector or the recogniser fails."""
        self.ear.hear(pcm, media_ms)
        if self._open is not None:
            self.tick(self.ear.end_ms)

    def tick(self, media_ms: int) -> None:
        """Media time has come to `media_ms`: what follows from that alone."""
        if self._open is not None:
            self._obey(self._endpointer.tick(media_ms))
        if self._floor.floor is Floor.YIELDED:
            self._follow(self._barge_in.tick(media_ms))
            turn, held_ms = self._open, media_ms - self._yielded_ms
            if turn is not None and not turn.runs_on and held_ms >= self._agent.turns.max_turn_ms // 2:
                self._obey(self._endpointer.cut(media_ms))

    def on_key(self, digit: str, media_ms: int) -> None:
        """A key was pressed: it belongs to the turn that is open, or opens one; over the agent, it is always meant, and
        stops it unless what it says must be heard."""
        self._journal("key", digit=digit)
        keyed = self._open is not None and self._open.keyed
        if self._floor.floor is Floor.LEAVING or (digit not in KEYS and not keyed):
            return
        if self._open is None:
            self._open = self._next_turn(media_ms)
            self._endpointer.asked(self._replies.asks)
        self._open.keyed = True
        if self._floor.floor in _OVER_AGENT:
            if not self._speaking.protected():
                self._break_in("key")
        elif self._floor.floor is Floor.OPEN:
            self._floor.move(Move.CALLER_BEGAN)
        self._obey(self._endpointer.keys(digit, media_ms))

    def _on_gate(self, event: GateEvent) -> None:
        if isinstance(event, SpeechBegan):
            self._on_speech_began(event)
            return
        turn = self._open
        if turn is not None and self._floor.floor in _OVER_AGENT and not turn.runs_on:
            if not turn.met:
                self._meet(turn, SpeechBegan(turn.began_ms, event.media_ms, event.probability))
            else:
                echo = self._echo_at(event.media_ms) if event.speech else None
                self._follow(self._barge_in.window(event, self._replies.at_ear(turn.began_ms), echo))
        elif turn is not None and event.speech:
            self._look_for_echo(turn, event.media_ms)
        if turn is not None and event.speech and not event.quiet:
            turn.spoke_ms = event.media_ms
            if turn.rests:
                turn.understood = turn.understood or bool(words(turn.words))
                self._listen(turn)
        self._endpointer.hurried = self._floor.floor is Floor.YIELDED
        self._obey(self._endpointer.window(event))

    def _on_speech_began(self, event: SpeechBegan) -> None:
        turn = self._open
        if turn is None:  # else keys have opened it
            turn = self._open = self._next_turn(event.speech_ms)
            self._endpointer.asked(self._replies.asks)
        self._journal("turn.started", turn=turn.number, speech_ms=event.speech_ms)
        self._endpointer.began(event)
        self._listen(turn)
        if self._floor.floor is Floor.OPEN:
            self._floor.move(Move.CALLER_BEGAN)
        turn.over_agent = self._speaking.pending_ms > 0
        turn.runs_on = event.speech_ms - self._cut_ms < RUNS_ON_MS
        if self._floor.floor in _OVER_AGENT and not turn.runs_on:
            self._meet(turn, event)
        else:
            self._look_for_echo(turn, event.media_ms)

    def _on_doubt(self, media_ms: int) -> None:
        """Something sounds, and is no speech yet: if it is the agent's echo, its way can be learnt by now."""
        if self._speaking.just_heard(media_ms):
            self._echo_at(media_ms)

    def _listen(self, turn: _Turn) -> None:
        """A hearing for what is being said in this turn."""

        def on_partial(text: str) -> None:
            if turn.hearing is hearing and not turn.rests:
                turn.words = text
                if turn is self._open:
                    self._on_words(turn, text)
                    self._obey(self._endpointer.partial(text, self._line.media_ms))

        turn.rests, turn.words = False, ""
        turn.hearing = hearing = self.ear.begin(self._replies.asks, on_partial)

    def _on_words(self, turn: _Turn, text: str) -> None:
        media_ms = self._line.media_ms
        if text:
            self._streams = self._barge_in.has_partials = True
        if self._floor.floor in _OVER_AGENT and turn.met:
            self._follow(self._barge_in.words(text, self._replies.at_ear(turn.began_ms), media_ms))
        self._judge_far_end(turn, text, media_ms)

    def _take_words(self, turn: _Turn, hearing: Hearing) -> None:
        """The caller rests within an answer: the recogniser's last word on what was said so far is taken now."""
        self.ear.rest()
        turn.rests = True
        turn.taken = asyncio.get_running_loop().create_future()
        self._spawn(self._take(turn, hearing, turn.taken, self._endpointer.said))

    async def _take(
        self, turn: _Turn, hearing: Hearing, taken: asyncio.Future[Transcript | EngineError], said: TurnText
    ) -> None:
        transcript = await self._final(hearing)
        taken.set_result(transcript)
        media_ms = self._line.media_ms
        failed = isinstance(transcript, EngineError)
        # In the middle of an answer no text is no news: a grammar may know no end there. What was understood stays.
        text = "" if isinstance(transcript, EngineError) else transcript.text.strip()
        if turn.hearing is not hearing:  # the caller went on before it came
            if failed:
                self._journal("error", where="stt", message=f"{transcript}; the turn keeps what it had understood")
            elif text:
                turn.understood = turn.understood or bool(words(text))
                if turn is self._open:
                    self._obey(self._endpointer.earlier(text, media_ms))
                else:
                    said.earlier(text)
        elif turn is self._open:
            if text:
                turn.words = text
                self._on_words(turn, text)
            self._obey(self._endpointer.taken(text or None, media_ms))

    # --- a machine at the far end -----------------------------------------------------------------------------------

    def _judge_far_end(self, turn: _Turn, text: str, media_ms: int) -> None:
        """Whether what the far end has said in this turn so far is a machine's."""
        may_echo = bool(text) and (turn.over_agent or turn.windows > 0)
        if turn.is_echo or (may_echo and words_are_echo(text, self._replies.at_ear(turn.began_ms).words)):
            return
        if turn.spoke_ms:
            self._far_end.speech(turn.began_ms, turn.spoke_ms, turn.over_agent)
        self._far_end.words(text, media_ms)

    def _on_tone(self, tone: Tone) -> None:
        if self._open is not None:
            self._judge_far_end(self._open, "", tone.end_ms)
        self._far_end.tone(tone)

    def watch_far_end(self, media_ms: int) -> bool:
        """Whether a message left now would be recorded by the machine that the far end is."""
        if self._open is not None:
            self._judge_far_end(self._open, "", media_ms)
        return self._far_end.records_now(media_ms)

    def _next_turn(self, began_ms: int) -> _Turn:
        self.turn += 1
        return _Turn(self.turn, began_ms)

    # --- over the agent ---------------------------------------------------------------------------------------------

    def _meet(self, turn: _Turn, event: SpeechBegan) -> None:
        """The caller speaks over the agent, from here on or since before it spoke."""
        turn.met = True
        self._follow(self._barge_in.began(event, self._replies.at_ear(turn.began_ms), self._echo_at(event.media_ms)))
        if turn.words and self._floor.floor in _OVER_AGENT:
            self._follow(self._barge_in.words(turn.words, self._replies.at_ear(turn.began_ms), event.media_ms))

    def _look_for_echo(self, turn: _Turn, media_ms: int) -> None:
        """The agent has just been heard out: what sounds now may be the end of it, come back."""
        if self._speaking.just_heard(media_ms):
            turn.windows += 1
            turn.echoes += self._echo_at(media_ms) >= ECHO_SCORE

    def _echo_at(self, media_ms: int) -> float:
        """How much of the window that ends at `media_ms` is what the agent said."""
        inbound = self.ear.latest(INBOUND_MS, media_ms)
        return self._echo.score(inbound, self._line.playing(media_ms - REFERENCE_MS, media_ms))

    def _follow(self, verdicts: tuple[Verdict, ...]) -> None:
        for verdict in verdicts:
            floor = self._floor.floor
            match verdict:
                case Yield(_, reason) if floor is Floor.AGENT:
                    self._over_utterance = self._speaking.utterance()
                    self._journal("agent.yielded", turn=self.turn, utterance=self._over_utterance, reason=reason)
                    self._speaking.hold()
                    self._yielded_ms = self._line.media_ms
                    self._floor.move(Move.YIELD)
                case Meant(_, reason) if floor in _OVER_AGENT:
                    self._break_in(reason)
                case TakeUp(_, reason) if floor is Floor.YIELDED:
                    self._take_up(reason)

    def _break_in(self, reason: str) -> None:
        """The caller means it: the reply is given up."""
        utterance = self._over_utterance if self._floor.floor is Floor.YIELDED else self._speaking.utterance()
        reason = "went on" if self._replies.unheard_turn else reason
        self._journal("barge_in", turn=self.turn, utterance=utterance, reason=reason)
        self._barge_in.settled()
        self._replies.interrupt()
        self._floor.move(Move.BARGED_IN)
        if self._open is None:
            self._floor.move(Move.TURN_ENDED)

    def _take_up(self, reason: str) -> None:
        self._journal("agent.took_up", turn=self.turn, utterance=self._over_utterance, reason=reason)
        self._speaking.take_up()
        self._floor.move(Move.TAKEN_UP)

    # --- the end of a turn ------------------------------------------------------------------------------------------

    def _obey(self, event: Event | None) -> None:
        turn = self._open
        if turn is None or event is None:
            return
        match event:
            case ProbableEnd(speech_end_ms, _, reason):
                self._journal("turn.probable_end", turn=turn.number, speech_end_ms=speech_end_ms, reason=reason)
            case WentOn():
                self._journal("turn.went_on", turn=turn.number)
            case TakeWords() if turn.hearing is not None:
                self._take_words(turn, turn.hearing)
            case EndOfTurn():
                self._on_turn_ended(turn, event)

    def _on_turn_ended(self, turn: _Turn, end: EndOfTurn) -> None:
        self._open = None
        if end.reason == "max" and (turn.understood or words(turn.words)):
            self._cut_ms = end.media_ms
        self._judge_far_end(turn, "", end.media_ms)
        self.ear.end()
        self._journal("turn.ended", turn=turn.number, speech_end_ms=end.speech_end_ms, reason=end.reason)
        if self._floor.floor is Floor.LEAVING:
            self._journal("turn.rejected", turn=turn.number, reason="leaving")
            if turn.hearing is not None:
                self._spawn(turn.hearing.cancel())
            return
        if self._floor.floor is Floor.YIELDED:
            self._follow(self._barge_in.over(end.media_ms))
        if self._floor.may(Move.TURN_ENDED):
            self._floor.move(Move.TURN_ENDED)
        trace = TurnTrace(turn.number, end.speech_end_ms, end.media_ms, self._ctx.now_s)
        said = None if end.by_keys else self._endpointer.said
        if end.text is not None and self._floor.floor is Floor.WEIGHING and not self._undecided:
            trace.mark("stt")
            if turn.hearing is None:
                self._commit(turn, end.text, 1.0, None)
            else:
                self._commit(turn, end.text, None, trace, by="partial")
                self._spawn(self._confirm(turn, turn.hearing, said, end.text))
        else:
            self._undecided += 1
            self._weighed = self._spawn(self._weigh(turn, said, end, trace, self._weighed))

    async def _weigh(
        self, turn: _Turn, said: TurnText | None, end: EndOfTurn, trace: TurnTrace, before: asyncio.Task[None] | None
    ) -> None:
        """Wait for a turn's text, from now on; then accept or reject it, behind the turn `before`. `said`: what a
        final text has its place in; None where keys alone are the text, whatever was said beside them."""
        try:
            transcript = Transcript("", 1.0) if turn.hearing is None else await self._last_word(turn, turn.hearing)
            if before is not None:
                await asyncio.wait([before])
            await self._decide(turn, said, end, trace, transcript)
        finally:
            self._undecided -= 1

    async def _decide(
        self, turn: _Turn, said: TurnText | None, end: EndOfTurn, trace: TurnTrace, transcript: Transcript | EngineError
    ) -> None:
        by = "final"
        if isinstance(transcript, EngineError):
            # What was typed needs no recogniser, and nor does what it had understood by then.
            understood = turn.words if said is not None else ""
            if words(understood) or (said is not None and turn.understood):
                by = "partial"
                self._journal("error", where="stt", message=f"{transcript}; the turn is what it had understood before")
            else:
                self._on_no_final(turn, end, transcript)
                if not turn.keyed:
                    return
            transcript = Transcript(understood, None)
        elif turn.hearing is not None:
            self._deaf = 0
            self._endpointer.final(transcript.text.strip())
            if transcript.text.strip() and not self._streams:
                self._barge_in.has_partials = False
        trace.mark("stt")
        text = (end.text or "") if said is None else said.final(transcript.text.strip())
        self._judge_far_end(turn, transcript.text.strip(), self._line.media_ms)
        over_agent = self._floor.floor in _OVER_AGENT
        at = self._replies.at_ear(turn.began_ms)
        # Who speaks has words within the longest turn: what has none is not asked to say it again.
        wordless = end.reason == "max" and not turn.understood and not words(turn.words)
        reason = "" if text else "noise" if wordless else "no text"
        if text and over_agent:
            reason = "" if turn.keyed else self._barge_in.beside_the_point(text, at)
        elif turn.is_echo and (not text or words_are_echo(text, at.words)):
            reason = "echo"
        if text:
            self._barge_in.believed()
        elif words(turn.words):
            self._barge_in.denied(self._line.media_ms)
        if reason:
            self._reject(turn.number, end.speech_end_ms - max(turn.began_ms, turn.alone_ms), reason)
            return
        if over_agent:
            await self._speaking.unprotected()
        committed = self._commit(turn, text, transcript.confidence, None if turn.hearing is None else trace, by)
        if committed and by == "partial":
            self._journal("turn.confirmed", turn=turn.number)  # nothing will correct it

    async def _last_word(self, turn: _Turn, hearing: Hearing) -> Transcript | EngineError:
        """Of a turn that is over: of its last hearing, behind the one before that."""
        if turn.taken is not None:
            await asyncio.wait([turn.taken])  # it keeps its own time
            if turn.rests:
                return turn.taken.result()
        return await self._final(hearing)

    async def _final(self, hearing: Hearing) -> Transcript | EngineError:
        """The recogniser's last word, or why there is none."""
        try:
            async with asyncio.timeout(FINAL_TEXT_S):
                return await hearing.final()
        except EngineError as error:
            failure = error
        except TimeoutError:
            failure = EngineError(f"no final text within {FINAL_TEXT_S:g} s")
        await hearing.cancel()
        return failure

    def _on_no_final(self, turn: _Turn, end: EndOfTurn, failure: EngineError) -> None:
        """The recogniser has failed: once, the caller is asked again; more often, it is beyond help."""
        self._deaf += 1
        if self._deaf >= MAX_DEAF and not turn.keyed:
            self._journal("turn.rejected", turn=turn.number, reason="stt")
            self._replies.give_up(self.turn, "stt", failure)
            return
        self._journal("error", where="stt", message=str(failure))
        if not turn.keyed:
            self._reject(turn.number, max(end.speech_end_ms - max(turn.began_ms, turn.alone_ms), NOISE_MS), "no text")

    async def _confirm(self, turn: _Turn, hearing: Hearing, said: TurnText | None, accepted: str) -> None:
        """A turn was committed by a partial text: the final one may correct the history, and brings no second reply.
        `said`: None where keys alone were the text; nothing that was said beside them corrects it."""
        transcript = await self._last_word(turn, hearing)
        if isinstance(transcript, EngineError):
            self._journal("error", where="stt", message=str(transcript))
        elif said is not None:
            text = said.final(transcript.text.strip())
            if text and words(text) != words(accepted):
                self._journal("turn.corrected", turn=turn.number, text=text)
                self._history.caller_corrected(turn.number, text)
                return
        self._journal("turn.confirmed", turn=turn.number)

    def _commit(
        self, turn: _Turn, text: str, confidence: float | None, trace: TurnTrace | None, by: str = "final"
    ) -> bool:
        """The turn is accepted, unless the agent is leaving; exactly one reply belongs to it."""
        if self._floor.floor is Floor.LEAVING:
            self._journal("turn.rejected", turn=turn.number, reason="leaving")
            return False
        before = self._replies.unheard_turn
        if self._floor.floor in _OVER_AGENT:
            self._break_in("key" if turn.hearing is None else "words")
        if self._open is not None:
            self._open.met = False  # who speaks on by now speaks over another answer
        goes_on = {"goes_on": before} if before else {}
        source = "voice" if not turn.keyed else "both" if turn.hearing is not None else "keys"
        said = {"text": text, "confidence": confidence, "source": source, "by": by}
        self._journal("turn.committed", turn=turn.number, **said, **goes_on)
        self._not_understood = 0
        self._silence.caller_answered()
        self._far_end.committed()
        self._on_committed(turn.number, text, trace)
        return True

    def _reject(self, turn: int, speech_ms: int, reason: str) -> None:
        """Nothing to answer: take up what was broken off, or ask again, or let a noise be a noise."""
        self._journal("turn.rejected", turn=turn, reason=reason)
        if self._floor.floor is Floor.YIELDED and self._open is None:
            self._barge_in.rejected(reason, self._line.media_ms)
            self._take_up("silence" if reason == "no text" else reason)
        elif self._floor.floor is Floor.YIELDED and self._open is not None and not words(self._open.words):
            self._barge_in.weigh_anew(self._line.media_ms)
        if self._floor.floor is not Floor.WEIGHING:
            return
        self._floor.move(Move.REJECTED)
        self._silence.floor_opened(self._line.media_ms)
        if self._replies.resume(turn):
            return
        if speech_ms >= NOISE_MS and reason == "no text":
            self._not_understood += 1
            if self._not_understood > MAX_NOT_UNDERSTOOD:
                self._replies.give_up(turn, "hearing", EngineError("not understood, again and again"))
            else:
                self._replies.say(turn, [self._agent.phrases.not_understood])
        elif self._open is not None:
            self._floor.move(Move.CALLER_BEGAN)

    # --- silence ----------------------------------------------------------------------------------------------------

    def heard_out(self) -> None:
        """The caller has heard all that was said: the floor is open, from now on."""
        media_ms = self._line.media_ms
        turn = self._open
        if turn is not None and turn.hearing is not None:
            wordless = self._streams and not turn.keyed and not words(turn.words) and not turn.understood
            if wordless and self.ear.end_ms - turn.began_ms >= WORDLESS_MS:
                self._end_noise(turn, turn.hearing)
            else:
                turn.alone_ms = media_ms
                self._endpointer.asked(self._replies.asks)  # it has been asked by now
        self._far_end.heard_out()
        self._floor.move(Move.HEARD)
        self._silence.floor_opened(media_ms)
        if self._floor.floor is Floor.OPEN and self._open is not None:
            self._floor.move(Move.CALLER_BEGAN)

    def _end_noise(self, turn: _Turn, hearing: Hearing) -> None:
        """What sounds on is no turn. Who answers the agent into it begins one, with a hearing of their own."""
        self._open = None
        self._endpointer.close()
        self.ear.end()
        self._journal("turn.ended", turn=turn.number, speech_end_ms=self.ear.end_ms, reason="noise")
        self._undecided += 1
        self._weighed = self._spawn(self._dismiss(turn, hearing, self._weighed))

    async def _dismiss(self, turn: _Turn, hearing: Hearing, before: asyncio.Task[None] | None) -> None:
        """A noise is rejected without a text, behind the turn `before`."""
        try:
            await hearing.cancel()
            if before is not None:
                await asyncio.wait([before])
            self._journal("turn.rejected", turn=turn.number, reason="noise")
        finally:
            self._undecided -= 1

    def look_at_silence(self, media_ms: int) -> tuple[str, bool] | None:
        """The phrase by which a silent caller is asked if they are there, if it is time; and whether that is the
        last one, a goodbye."""
        if self._floor.floor is not Floor.OPEN:
            return None
        prompt = self._silence.tick(media_ms)
        if prompt is None:
            return None
        phrases = self._agent.phrases
        phrase = phrases.no_input_goodbye if prompt.last else phrases.still_there
        self._journal("silence.prompt", phrase=phrase, count=prompt.count)
        return phrase, prompt.last
