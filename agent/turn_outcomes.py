"""TurnOutcomes: what becomes of a turn that is over - committed, by what stands or by its final text, or rejected.

Turns are decided in the order in which they ended. Exactly one reply belongs to each committed turn; a rejected one is
a noise, an echo, a word of assent, or speech that was not understood: then the caller is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agent.call_parts import CallParts
from agent.errors import EngineError
from agent.far_end_watch import FarEndWatch
from agent.hearing import Hearing
from agent.language.words import words
from agent.open_turn import OpenTurn, Turns
from agent.over_agent import OverAgent
from agent.stt.base import Transcript
from agent.trace import TurnTrace
from agent.turns.echo import words_are_echo
from agent.turns.endpointing import Endpointer
from agent.turns.floor import Floor, Move
from agent.turns.judgement import expects
from agent.turns.silence import CallerSilence
from agent.turns.turn_events import EndOfTurn
from agent.turns.turn_text import TurnText

#: A stretch of speech shorter than this, without text, is a noise: nobody is asked to repeat it.
NOISE_MS = 350
#: So often in a row the caller is asked to say it again; then a person is tried, or the call ended: not silence.
MAX_NOT_UNDERSTOOD = 3
#: A recogniser that fails so often in a row is beyond help.
MAX_DEAF = 2


@dataclass(frozen=True, slots=True)
class _Ended:
    """A turn that is over, why, and its latency. `said`: what a final text has its place in; None where keys alone are
    the text, whatever was said beside them."""

    turn: OpenTurn
    end: EndOfTurn
    said: TurnText | None
    trace: TurnTrace

    @property
    def alone_ms(self) -> int:
        """How long it had the line for itself."""
        return self.turn.alone_until(self.end.speech_end_ms)


class TurnOutcomes:
    """One call's turns, from their end on. `on_committed` is told each committed turn once."""

    def __init__(
        self,
        parts: CallParts,
        turns: Turns,
        over_agent: OverAgent,
        endpointer: Endpointer,
        far_end: FarEndWatch,
        silence: CallerSilence,
        on_committed: Callable[[int, str, TurnTrace | None], None],
    ) -> None:
        self._line = parts.line
        self._ctx = parts.ctx
        self._phrases = parts.agent.phrases
        self._floor = parts.floor
        self._speaking = parts.speaking
        self._history = parts.history
        self._replies = parts.replies
        self._journal = parts.journal
        self._spawn = parts.spawn
        self._turns = turns
        self._over_agent = over_agent
        self._endpointer = endpointer
        self._far_end = far_end
        self._silence = silence
        self._on_committed = on_committed
        self._latest: asyncio.Task[None] | None = None  # what decides the turn that ended last
        self._undecided = 0  # turns that have ended, and wait for a text, or for a turn before them
        self._not_understood = 0
        self._deaf = 0

    # --- a turn is over ---------------------------------------------------------------------------------------------

    def ended(self, turn: OpenTurn, end: EndOfTurn) -> None:
        """The floor has been told: the turn is committed now if its text stands, else when it is known."""
        trace = TurnTrace(turn.number, end.speech_end_ms, end.media_ms, self._ctx.now_s)
        ended = _Ended(turn, end, None if end.by_keys else self._endpointer.said, trace)
        if end.text is None or self._floor.floor is not Floor.WEIGHING or self._undecided:
            self._undecided += 1
            self._latest = self._spawn(self._weigh(ended, self._latest))
            return
        trace.mark("stt")
        if turn.hearing is None:
            self._commit(turn, end.text, 1.0, None)
        else:
            self._commit(turn, end.text, None, trace, by="partial")
            self._spawn(self._confirm(ended, turn.hearing, end.text))

    def noise(self, turn: OpenTurn, hearing: Hearing) -> None:
        """It was no turn: it is rejected without a text."""
        self._undecided += 1
        self._latest = self._spawn(self._dismiss(turn, hearing, self._latest))

    def left(self, turn: OpenTurn) -> None:
        """The agent is leaving: nobody waits for what was said."""
        self._journal("turn.rejected", turn=turn.number, reason="leaving")
        if turn.hearing is not None:
            self._spawn(turn.hearing.cancel())

    async def _dismiss(self, turn: OpenTurn, hearing: Hearing, before: asyncio.Task[None] | None) -> None:
        try:
            await hearing.cancel()
            if before is not None:
                await asyncio.wait([before])
            self._journal("turn.rejected", turn=turn.number, reason="noise")
        finally:
            self._undecided -= 1

    # --- its text ---------------------------------------------------------------------------------------------------

    async def _weigh(self, ended: _Ended, before: asyncio.Task[None] | None) -> None:
        """Wait for a turn's text, from now on; then accept or reject it, behind the turn `before`."""
        turn = ended.turn
        try:
            heard = Transcript("", 1.0) if turn.hearing is None else await _last_word(turn, turn.hearing)
            if before is not None:
                await asyncio.wait([before])
            if isinstance(heard, EngineError):
                await self._decide_without(ended, heard)
            else:
                if turn.hearing is not None:
                    self._deaf = 0
                    self._endpointer.final(heard.text.strip())
                await self._decide(ended, heard)
        finally:
            self._undecided -= 1

    async def _decide_without(self, ended: _Ended, failure: EngineError) -> None:
        """The recogniser has failed. What was typed needs none, and nor does what it had understood by then; else the
        caller is asked again, once: what fails more often is beyond help."""
        turn = ended.turn
        if ended.said is not None and turn.has_words:
            self._journal("error", where="stt", message=f"{failure}; the turn is what it had understood before")
            await self._decide(ended, Transcript(turn.text, None), by="partial")
            return
        self._deaf += 1
        if self._deaf >= MAX_DEAF and not turn.keyed:
            self._journal("turn.rejected", turn=turn.number, reason="stt")
            self._replies.give_up(self._turns.latest, "stt", failure)
            return
        self._journal("error", where="stt", message=str(failure))
        if turn.keyed:
            await self._decide(ended, Transcript("", None))
        else:
            self._reject(turn.number, max(ended.alone_ms, NOISE_MS), "no text")

    async def _decide(self, ended: _Ended, heard: Transcript, by: str = "final") -> None:
        """Its text is known by now, `by` the final one or what was understood before."""
        turn, end, said = ended.turn, ended.end, ended.said
        ended.trace.mark("stt")
        last = heard.text.strip()
        text = (end.text or "") if said is None else said.final(last)
        self._far_end.heard(turn, last, self._line.media_ms)
        reason = self._beside_the_point(turn, end, text)
        self._over_agent.final(turn, text, heard=by == "final" and bool(last))
        if reason:
            # Words were shown, of an answer that was awaited: however short, it was none of the noises.
            answered = turn.has_words and expects(self._replies.asks)
            self._reject(turn.number, max(ended.alone_ms, NOISE_MS) if answered else ended.alone_ms, reason)
            return
        if self._over_agent.now:
            await self._speaking.unprotected()
        committed = self._commit(turn, text, heard.confidence, None if turn.hearing is None else ended.trace, by)
        if committed and by == "partial":
            self._journal("turn.confirmed", turn=turn.number)  # nothing will correct it

    def _beside_the_point(self, turn: OpenTurn, end: EndOfTurn, text: str) -> str:
        """Why the turn is nothing to answer, as the journal has it; "" if it is something."""
        if text and self._over_agent.now:
            return self._over_agent.beside_the_point(turn, text)
        if turn.echo.is_echo and (not text or words_are_echo(text, self._replies.at_ear(turn.began_ms).words)):
            return "echo"
        if text:
            return ""
        # Who speaks has words within the longest turn: what has none is not asked to say it again.
        return "noise" if end.reason == "max" and not turn.has_words else "no text"

    async def _confirm(self, ended: _Ended, hearing: Hearing, accepted: str) -> None:
        """A turn was committed by a partial text: the final one may correct the history, and brings no second reply."""
        turn, said = ended.turn, ended.said
        heard = await _last_word(turn, hearing)
        if isinstance(heard, EngineError):
            self._journal("error", where="stt", message=str(heard))
        elif said is not None:
            text = said.final(heard.text.strip())
            if text and words(text) != words(accepted):
                self._journal("turn.corrected", turn=turn.number, text=text)
                self._history.caller_corrected(turn.number, text)
                return
        self._journal("turn.confirmed", turn=turn.number)

    # --- accepted, rejected -----------------------------------------------------------------------------------------

    def _commit(
        self, turn: OpenTurn, text: str, confidence: float | None, trace: TurnTrace | None, by: str = "final"
    ) -> bool:
        """The turn is accepted, unless the agent is leaving; exactly one reply belongs to it."""
        if self._floor.floor is Floor.LEAVING:
            self._journal("turn.rejected", turn=turn.number, reason="leaving")
            return False
        before = self._replies.unheard_turn
        if self._over_agent.now:
            self._over_agent.break_in("key" if turn.hearing is None else "words")
        self._over_agent.answers_anew()
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
        self._replies.forget()
        self._over_agent.rejected(reason)
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
                self._replies.say(turn, [self._phrases.not_understood])
        elif self._turns.open is not None:
            self._floor.move(Move.CALLER_BEGAN)


async def _last_word(turn: OpenTurn, hearing: Hearing) -> Transcript | EngineError:
    """Of a turn that is over: of its last hearing, behind those before it."""
    if turn.taken:
        await asyncio.wait(turn.taken)  # they keep their own time
        if turn.rests:
            return turn.taken[-1].result()
    return await hearing.last_word()
