"""Speaking: what is being said to the caller, what of it has been heard, and what is held back meanwhile.

The mouth says it, the ledger (through the line) tells what was heard, the history keeps that. Nothing here thinks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from agent.audio.echo import MAX_DELAY_MS
from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.engines.ahead import Spawn
from agent.history import History
from agent.kit import EngineKit
from agent.line import Heard, Line
from agent.speech.clauses import Clause
from agent.speech.mouth import Mouth
from agent.speech.voice import Voice
from agent.trace import TurnTrace

#: What was queued must have been heard by its own length and this; then the call goes on without the proof.
HEARD_GRACE_S = 3.0
#: Of what is being said, so many characters around the ear count as "just now": an echo is heard a second late, and a
#: recogniser is late besides.
SAID_BEFORE, SAID_AFTER = 60, 30
#: How long what is protected is waited for, before a caller who spoke meanwhile is answered.
PROTECTED_S = 30.0
#: It is looked at so often: no event of the line tells that the ear has come to the next utterance within what is being
#: played, and protect_ms run by media time.
PROTECTED_TICK_S = 0.05


class Speaking:
    """One call's speech to the caller."""

    def __init__(
        self,
        line: Line,
        agent: AgentDefinition,
        kit: EngineKit,
        ctx: CallContext,
        journal: Callable[..., None],
        history: History,
    ) -> None:
        self._line = line
        self._agent = agent
        self._journal = journal
        self._history = history
        self._voice = Voice(kit.tts, kit.phrases, ctx, journal)
        self._mouth = Mouth(line, self._voice, self._on_queued_audio)
        self._all_heard = asyncio.Event()
        self._all_heard.set()
        self._not_held = asyncio.Event()
        self._not_held.set()
        self._holds = 0  # so often it has fallen silent for a caller
        self._protected: set[int] = set()
        self._quiet_ms = -inf  # since when nothing has been said
        self.trace: TurnTrace | None = None
        """Of the turn whose answer has not begun to be heard."""

    # --- saying -----------------------------------------------------------------------------------------------------

    def phrase(self, turn: int, text: str) -> None:
        """Say a fixed phrase: from memory, so at once."""
        aside = text != self._agent.phrases.greeting
        utterance = self._history.agent_begins(turn, aside=aside)
        if text == self._agent.phrases.recording_notice:
            self.protect(utterance)  # what the law has said must have been heard
        self._history.agent_adds(utterance, text)
        self._journal("agent.clause", utterance=utterance, turn=turn, text=text, aside=aside)
        self._mouth.play_phrase(utterance, text)

    def ask_ahead(self, text: str, spawn: Spawn) -> None:
        """This is probably the next clause to be said: let the voice speak it into memory."""
        self._voice.ask_ahead(text, spawn)

    def drop_ahead(self) -> None:
        """What was asked of the voice ahead, and is not being said, is not going to be."""
        self._voice.drop_ahead()

    async def clause(self, turn: int, utterance: int, clause: Clause) -> None:
        """Say one clause behind what is being said. Raises EngineError."""
        aside = self._history.utterance(utterance).aside
        self._journal("agent.clause", utterance=utterance, turn=turn, text=clause.text, aside=aside)
        await self._mouth.say(utterance, clause)

    def mark(self, stage: str) -> None:
        """The answer has come to this stage (agent/trace.py)."""
        if self.trace is not None:
            self.trace.mark(stage)

    async def not_held(self) -> None:
        """Returns when nothing is held back. Bounded by turn-taking: a caller who is not meant is not waited for."""
        await self._not_held.wait()

    async def all_heard(self) -> None:
        """Returns when all that was said has been heard, or must have been; what is held back is waited for."""
        while not await self._heard_or_held():
            await self._not_held.wait()

    async def _heard_or_held(self) -> bool:
        """False if it was held back meanwhile, whether it still is or not: what was left then takes its time anew."""
        holds = self._holds
        try:
            async with asyncio.timeout(max(0, self._line.pending_ms) / 1000 + HEARD_GRACE_S):
                await self._all_heard.wait()
                return not self._mouth.held
        except TimeoutError:
            if self._mouth.held or holds != self._holds:
                return False
        self._journal("error", where="playout", message="no proof that all was heard; going on without it")
        return True

    # --- holding back, stopping -------------------------------------------------------------------------------------

    @property
    def held(self) -> bool:
        """Whether the agent has fallen silent for a caller, and keeps what was not heard."""
        return self._mouth.held

    def hold(self) -> None:
        """Fall silent at once, for a caller who may mean it; what was not heard, and what comes, is kept."""
        self.trace = None
        self._holds += 1
        self._not_held.clear()
        self._journal_stop(self._mouth.hold())

    def take_up(self) -> None:
        """It was not meant: go on where the agent fell silent."""
        if not self._mouth.take_up():
            self._all_heard.set()
        self._not_held.set()

    def stop(self) -> Heard:
        """Stop for good: what was not heard is forgotten, what was held back too. Says what had been heard."""
        held = self._mouth.held
        heard = self._mouth.stop()
        if not held:
            self._journal_stop(heard)
        self.trace = None
        self._all_heard.set()
        self._not_held.set()
        return heard

    def settle(self, heard: Heard | None = None) -> str:
        """Write down, for good, what was heard of the open utterances. Returns the text of them that was not."""
        heard = heard or self._line.heard()
        unheard = []
        for said in self._history.open_utterances():
            self._history.agent_heard(said.utterance, heard.chars.get(said.utterance, 0))
            start_ms, end_ms = heard.spans.get(said.utterance, (heard.media_ms, heard.media_ms))
            if said.text:
                self._journal("agent.heard", **said.heard_fields(), start_ms=start_ms, end_ms=end_ms)
            if not said.aside:
                unheard.append(said.unheard)
        return " ".join(filter(None, unheard))

    # --- what the caller hears just now -----------------------------------------------------------------------------

    @property
    def pending_ms(self) -> int:
        """How much is still to be heard, held back or not."""
        return self._mouth.pending_ms

    def just_heard(self, media_ms: int) -> bool:
        """Whether the caller hears the agent, or did so late enough for its echo to come back by `media_ms`."""
        return self._mouth.pending_ms > 0 or media_ms - self._quiet_ms <= MAX_DELAY_MS

    def heard(self) -> Heard:
        """What has been heard by now: for several of the questions below at once."""
        return self._line.heard()

    def anything_heard(self, turn: int, by_ms: float = inf, heard: Heard | None = None) -> bool:
        """Whether any word has been heard of what, in the reply to this turn, began to be heard by `by_ms`."""
        heard = heard or self._line.heard()
        return any(
            heard.chars.get(one.utterance, 0) if one.heard_chars is None else one.heard_chars
            for one in self._history.said_in(turn)
            if heard.spans.get(one.utterance, (0, 0))[0] <= by_ms
        )

    def utterance(self, heard: Heard | None = None) -> int:
        """The oldest utterance that has not been heard to its end; 0 if there is none."""
        chars = (heard or self._line.heard()).chars
        for said in self._history.open_utterances():
            if chars.get(said.utterance, 0) < len(said.text.rstrip()):
                return said.utterance
        return 0

    def words(self, heard: Heard | None = None) -> str:
        """The words around the ear: of the last utterances, what was heard of late, and what comes next."""
        chars = (heard or self._line.heard()).chars
        said = []
        for one in self._history.latest_utterances(2):
            at = chars.get(one.utterance, 0) if one.heard_chars is None else one.heard_chars
            said.append(one.text[max(0, at - SAID_BEFORE) : at + SAID_AFTER])
        return " ".join(said)

    def asks_something(self) -> bool:
        """Whether what is being said, or was said last, is a question."""
        return any(one.text.rstrip().endswith("?") for one in self._history.latest_utterances(1))

    def protect(self, utterance: int) -> None:
        """Nobody interrupts this utterance."""
        self._protected.add(utterance)

    def protected(self, heard: Heard | None = None) -> bool:
        """Whether what the caller hears just now may not be interrupted."""
        if self._mouth.held:
            return False
        heard = heard or self._line.heard()
        utterance = self.utterance(heard)
        if not utterance:
            return False
        if utterance in self._protected:
            return True
        began_ms = heard.spans.get(utterance, (heard.media_ms, 0))[0]
        return heard.media_ms - began_ms < self._agent.turns.protect_ms

    async def unprotected(self) -> None:
        """Returns when nothing protected is being said any more, or has been for too long."""
        for _ in range(round(PROTECTED_S / PROTECTED_TICK_S)):
            if not self.protected():
                return
            await asyncio.sleep(PROTECTED_TICK_S)

    # --- what the line tells ----------------------------------------------------------------------------------------

    def on_playout_started(self, media_ms: int) -> None:
        """The caller hears the agent from `media_ms` on: if it is an answer, its latency is known."""
        if self.trace is not None:
            self._journal("turn.latency", at=media_ms, turn=self.trace.turn, **self.trace.heard(media_ms))
            self.trace = None

    def on_playout_done(self) -> None:
        """What had been queued has been heard; more may have been queued since."""
        self._quiet_ms = self._line.media_ms
        if self._mouth.pending_ms <= 0 and not self._mouth.held:
            self._all_heard.set()

    def _on_queued_audio(self) -> None:
        self.mark("tts")
        self._all_heard.clear()

    def _journal_stop(self, heard: Heard) -> None:
        self._quiet_ms = heard.media_ms
        self._journal(
            "playout.stopped",
            position_ms=heard.position_ms,
            confirmed_ms=heard.confirmed_ms,
            uncertainty_ms=heard.uncertainty_ms,
            basis=heard.basis,
        )
