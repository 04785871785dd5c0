"""EngineRequest: what the journal keeps of one request to an engine - what was asked, and when each result came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from agent.context import CallContext


class EngineRequest:
    """Journals `engine.request` as it is made, and `engine.result` for each result.

    `input` is for people, and may be cut; `input_hash` names all of it (agent/record.py), "" where it is not known yet.
    """

    def __init__(
        self,
        journal: Callable[..., None],
        ctx: CallContext,
        kind: Literal["stt", "llm", "tts"],
        name: str,
        *,
        input_hash: str,
        input: str,
        ahead: bool = False,
    ) -> None:
        """`ahead`: it is not known yet whether what comes is wanted."""
        self._journal = journal
        self._ctx = ctx
        self._id = ctx.new_id(kind)
        self._began_s = ctx.now_s()
        early = {"ahead": True} if ahead else {}
        journal("engine.request", engine=kind, name=name, id=self._id, input_hash=input_hash, input=input, **early)

    def result(self, result: Mapping[str, object], *, final: bool, offset_ms: float | None = None) -> None:
        """A result has come, now or at `offset_ms` behind the request; nothing follows the `final` one."""
        if offset_ms is None:
            offset_ms = round((self._ctx.now_s() - self._began_s) * 1000, 1)
        self._journal("engine.result", id=self._id, offset_ms=offset_ms, final=final, result=result)

    def dropped(self) -> None:
        """What was asked for ahead was not wanted: nothing more comes of it."""
        offset_ms = round((self._ctx.now_s() - self._began_s) * 1000, 1)
        self._journal("engine.dropped", id=self._id, offset_ms=offset_ms)
