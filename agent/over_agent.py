"""OverAgent: who speaks while the agent does - the rules of interruption joined to the running call.

The rules are pure (agent/turns/interruption.py): they say when the agent falls silent, whether the caller meant it, and
when it goes on. Here they are given what is heard, and their verdicts are carried out, within the audio frame.
"""

from __future__ import annotations

from agent.audio.echo import INBOUND_MS, REFERENCE_MS, EchoMeter
from agent.call_parts import CallParts
from agent.ear import Ear
from agent.open_turn import OpenTurn, Turns
from agent.turns.floor import Floor, Move
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.interruption import AtEar, BargeIn, Meant, TakeUp, Verdict, Yield
from agent.turns.lag import RecogniserLag

#: The floors on which the caller speaks over the agent.
_OVER_AGENT = (Floor.AGENT, Floor.YIELDED)


class OverAgent:
    """One call's speech over the agent."""

    def __init__(self, parts: CallParts, ear: Ear, turns: Turns, lag: RecogniserLag) -> None:
        self._line = parts.line
        self._ear = ear
        self._turns = turns
        self._lag = lag
        self._floor = parts.floor
        self._speaking = parts.speaking
        self._replies = parts.replies
        self._journal = parts.journal
        self._most_held_ms = parts.agent.turns.max_turn_ms // 2
        self._barge_in = BargeIn(parts.agent.turns.barge_in_ms, lag)
        self._echo = EchoMeter(parts.line.info.sample_rate_hz)
        self._utterance = 0  # what the agent was saying when it yielded
        self._yielded_ms = 0  # when it fell silent last

    @property
    def now(self) -> bool:
        """Whether who speaks now speaks over the agent."""
        return self._floor.floor in _OVER_AGENT

    # --- what is heard ----------------------------------------------------------------------------------------------

    def began(self, turn: OpenTurn, event: SpeechBegan) -> None:
        """A stretch of speech opens in this turn."""
        if self.now and not turn.runs_on:
            self._meet(turn, event)
        else:
            self._look_for_echo(turn, event.media_ms)

    def window(self, turn: OpenTurn, event: SpeechWindow) -> None:
        """One more window of the stretch."""
        if not self.now or turn.runs_on:
            if event.speech:
                self._look_for_echo(turn, event.media_ms)
        elif not turn.met:
            self._meet(turn, SpeechBegan(turn.began_ms, event.media_ms, event.probability))
        else:
            echo = self._echo_at(event.media_ms) if event.speech else None
            self._follow(self._barge_in.window(event, self._at_ear(turn), echo))

    def doubt(self, media_ms: int) -> None:
        """Something sounds, and is no speech yet: if it is the agent's echo, its way can be learnt by now."""
        if self._speaking.just_heard(media_ms):
            self._echo_at(media_ms)

    def words(self, turn: OpenTurn, media_ms: int) -> None:
        """What the stretch has said so far, by `turn.text`."""
        if self.now and turn.met:
            self._follow(self._barge_in.words(turn.text, self._at_ear(turn), media_ms))

    def key(self) -> None:
        """A key was pressed: it is always meant, and stops the agent unless what it says must be heard."""
        if self.now and not self._speaking.protected():
            self.break_in("key")

    def tick(self, media_ms: int) -> bool:
        """Media time went on. Whether the agent has been kept waiting for the open turn for too long."""
        if self._floor.floor is not Floor.YIELDED:
            return False
        self._follow(self._barge_in.tick(media_ms))
        turn = self._turns.open
        return turn is not None and not turn.runs_on and media_ms - self._yielded_ms >= self._most_held_ms

    def over(self, media_ms: int) -> None:
        """The turn has ended; its text may still come."""
        if self._floor.floor is Floor.YIELDED:
            self._follow(self._barge_in.over(media_ms))

    # --- what became of it ------------------------------------------------------------------------------------------

    def beside_the_point(self, turn: OpenTurn, text: str) -> str:
        """Why `text`, all that was said over the agent, is nothing to answer; "" if it is something."""
        return "" if turn.keyed else self._barge_in.beside_the_point(text, self._at_ear(turn))

    def final(self, turn: OpenTurn, text: str, heard: bool) -> None:
        """The final text of a turn has come. `heard`: it has words of its last hearing."""
        if heard:
            self._lag.final_alone()
        if text:
            self._barge_in.believed()
        elif turn.has_words:
            self._barge_in.denied(self._line.media_ms)

    def rejected(self, reason: str) -> None:
        """The text is nothing to answer: the agent goes on, unless somebody speaks over it with words of their own."""
        if self._floor.floor is not Floor.YIELDED:
            return
        turn, media_ms = self._turns.open, self._line.media_ms
        if turn is None:
            self._barge_in.rejected(reason, media_ms)
            self._take_up("silence" if reason == "no text" else reason)
        elif not turn.has_words:
            self._barge_in.weigh_anew(media_ms)

    def break_in(self, reason: str) -> None:
        """The caller means it: the reply is given up."""
        utterance = self._utterance if self._floor.floor is Floor.YIELDED else self._speaking.utterance()
        reason = "went on" if self._replies.unheard_turn else reason
        self._journal("barge_in", turn=self._turns.latest, utterance=utterance, reason=reason)
        self._barge_in.settled()
        self._replies.interrupt()
        self._floor.move(Move.BARGED_IN)
        if self._turns.open is None:
            self._floor.move(Move.TURN_ENDED)

    def answers_anew(self) -> None:
        """The agent is going to give another answer: who speaks on by now speaks over that."""
        if self._turns.open is not None:
            self._turns.open.met = False

    # --- within -----------------------------------------------------------------------------------------------------

    def _at_ear(self, turn: OpenTurn) -> AtEar:
        return self._replies.at_ear(turn.began_ms)

    def _meet(self, turn: OpenTurn, event: SpeechBegan) -> None:
        """The caller speaks over the agent, from here on or since before it spoke."""
        turn.met = True
        self._follow(self._barge_in.began(event, self._at_ear(turn), self._echo_at(event.media_ms)))
        if turn.text and self.now:
            self._follow(self._barge_in.words(turn.text, self._at_ear(turn), event.media_ms))

    def _look_for_echo(self, turn: OpenTurn, media_ms: int) -> None:
        """The agent has just been heard out: what sounds now may be the end of it, come back."""
        if self._speaking.just_heard(media_ms):
            turn.echo.add(self._echo_at(media_ms))

    def _echo_at(self, media_ms: int) -> float:
        """How much of the window that ends at `media_ms` is what the agent said."""
        inbound = self._ear.latest(INBOUND_MS, media_ms)
        return self._echo.score(inbound, self._line.playing(media_ms - REFERENCE_MS, media_ms))

    def _follow(self, verdicts: tuple[Verdict, ...]) -> None:
        for verdict in verdicts:
            floor = self._floor.floor
            match verdict:
                case Yield(_, reason) if floor is Floor.AGENT:
                    self._yield(reason)
                case Meant(_, reason) if floor in _OVER_AGENT:
                    self.break_in(reason)
                case TakeUp(_, reason) if floor is Floor.YIELDED:
                    self._take_up(reason)

    def _yield(self, reason: str) -> None:
        self._utterance = self._speaking.utterance()
        self._journal("agent.yielded", turn=self._turns.latest, utterance=self._utterance, reason=reason)
        self._speaking.hold()
        self._yielded_ms = self._line.media_ms
        self._floor.move(Move.YIELD)

    def _take_up(self, reason: str) -> None:
        self._journal("agent.took_up", turn=self._turns.latest, utterance=self._utterance, reason=reason)
        self._speaking.take_up()
        self._floor.move(Move.TAKEN_UP)
