"""Embedded: the agent's own engine, for what the record does not hold - made when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.definition import AgentDefinition, EngineChoice
from agent.errors import MissingExtra
from agent.kit import make_engine
from telephony.replay.engines.serving import Serving


class Embedded:
    """An engine of one kind ("stt", "llm", "tts"): the agent's, or the first of `others` that runs in this process."""

    def __init__(self, kind: str, agent: AgentDefinition, serving: Serving, others: Sequence[str] = ()) -> None:
        self._kind = kind
        self._agent = agent
        self._serving = serving
        self._choices: list[EngineChoice] = [getattr(agent, kind), *(EngineChoice(name) for name in others)]
        self._engine: Any = None

    async def get(self, what: str, turn: int | None = None, *, count: bool = True) -> Any:
        """The engine, started, and counted as served unless `count` is False.

        Raises Diverged where the plan says to stop, or no such engine runs in this process. `what` says what the record
        has not got, `turn` where; see Serving.missing.
        """
        if self._serving.plan.missing == "stop":
            raise self._serving.missing(what, turn)
        if self._engine is None:
            self._engine = await self._started()
        if self._engine is None:
            raise self._serving.missing(f"{what}, and the agent's engine is not in this process", turn)
        if count:
            self._serving.served[f"{self._kind}: embedded"] += 1
        return self._engine

    async def _started(self) -> Any:
        for choice in self._choices:
            try:
                engine = make_engine(self._kind, choice, self._agent)
                if getattr(engine, "remote", False):
                    continue
                await engine.start()
            except MissingExtra:
                continue
            if rewind := getattr(engine, "rewind", None):
                rewind()
            return engine
        return None

    async def close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()
