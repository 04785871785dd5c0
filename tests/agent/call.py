"""A whole call in virtual time, for tests: a phone with a carrier, a media-stream line, a session, scripted engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent.continuation import Continuation
from agent.definition import AgentDefinition, Phrases, TurnSettings
from agent.kit import EngineKit
from agent.line import Decision
from agent.record import CallRecord, RecordMode
from agent.session import CallSession
from agent.speech.cache import PhraseCache
from agent.tools.base import Tool
from telephony.media_stream.line import MediaStreamLine, accept_stream
from telephony.media_stream.messages import MediaFormat
from tests.agent.fakes import LoudVad, ScriptedLlm, ScriptedStt, ScriptedTts, Step
from tests.agent.support import make_agent
from tests.support.phone import Phone
from tests.support.virtual_loop import VirtualContext

PHRASES = Phrases(
    greeting="Hello, this is the desk.",
    not_understood="Say it again please.",
    still_there="Are you still there?",
    no_input_goodbye="I hear nothing, goodbye.",
    time_up="Time is up, goodbye.",
    trouble="We have trouble, goodbye.",
    cut_off="We were cut off.",
    nobody_there="Nobody was there. What else?",
    closing="We have to close, goodbye.",
)


class Call:
    """One call. Make it inside a virtual loop, change what should differ, then `async with call.running()`."""

    def __init__(
        self,
        *,
        says: Sequence[tuple[float, str | Exception]] = ((0.05, "hello"),),
        answers: Sequence[Sequence[Step]] = ((0.1, "This is the answer."),),
        tools: Sequence[Tool] = (),
        delay_s: float = 0.03,
        echoes_marks: bool = True,
        media_format: MediaFormat | None = None,
        **agent: Any,
    ) -> None:
        self.ctx = VirtualContext()
        self.phone = Phone(delay_s, echoes_marks=echoes_marks, media_format=media_format)
        self.stt = ScriptedStt(says)
        self.llm = ScriptedLlm(answers)
        self.tts = ScriptedTts(char_ms=30, first_s=0.05)
        fields = {"phrases": PHRASES, "turns": TurnSettings(), "tools": {tool.name: tool for tool in tools}, **agent}
        self.agent: AgentDefinition = make_agent(**fields)
        self.events: list[dict[str, Any]] = []
        self.decisions: list[Decision] = []
        self.on_event: Callable[[dict[str, Any]], None] = lambda event: None
        self.wrap: Callable[[EngineKit], EngineKit] = lambda kit: kit
        self.record_root: Path | None = None
        self.record_mode: RecordMode = "off"
        self.continuation: Continuation | None = None
        self.session: CallSession
        self.line: MediaStreamLine
        self.task: asyncio.Task[None]
        self.line_task: asyncio.Task[None]

    @asynccontextmanager
    async def running(self, *, greeted: bool = True) -> AsyncIterator[Call]:
        """The call, from its greeting (already heard, if `greeted`) to whatever ends it; then the checks of `over`."""
        phrases = PhraseCache(self.tts)
        await phrases.warm(self.agent.fixed_phrases, self.ctx)
        self.tts.spoken.clear()
        kit = self.wrap(EngineKit(LoudVad(), self.stt, self.llm, self.tts, phrases))
        self.phone.ring()
        start = await accept_stream(self.phone.socket, extensions=True)
        clock = asyncio.get_running_loop().time
        self.line = MediaStreamLine(self.phone.socket, start, on_leave=self.decisions.append, now_s=clock)
        root = self.record_root or Path(".")
        record = CallRecord.open(
            root, "CA1", mode=self.record_mode, rate_hz=self.line.info.sample_rate_hz, ctx=self.ctx
        )
        record.listen(self._on_event)
        self.session = CallSession(self.line, self.agent, kit, record, self.ctx, Path("."), self.continuation)
        self.line_task = asyncio.create_task(self.line.run())
        self.task = asyncio.create_task(self.session.run())
        try:
            if greeted:
                await self.until("playout.done")
                await asyncio.sleep(0.2)
            yield self
        finally:
            self.phone.hang_up()
            async with asyncio.timeout(30):
                await asyncio.wait([self.task, self.line_task])
            self.over()

    def over(self) -> None:
        """What holds after every call, however it ended."""
        assert self.kinds()[-1] == "call.ended"
        assert self.kinds().count("call.ended") == 1
        assert (self.stt.open, self.llm.open, self.tts.open) == (0, 0, 0), "an engine's work was left open"
        assert self.stt.closed == 1
        assert self.session._replies._history.open_utterances() == []

    def _on_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.on_event(event)

    # --- the caller

    async def say(self, ms: int = 600) -> None:
        """Speak for so long, then be silent until the turn is decided."""
        decided = self.count("turn.committed") + self.count("turn.rejected")
        self.phone.speak(ms)
        async with asyncio.timeout(ms / 1000 + 20):
            while self.count("turn.committed") + self.count("turn.rejected") == decided:
                await asyncio.sleep(0.01)

    async def until(self, kind: str, count: int = 1, limit_s: float = 60.0, **fields: Any) -> dict[str, Any]:
        """Wait for the `count`-th event of this kind (with these fields)."""
        async with asyncio.timeout(limit_s):
            while len(found := self.of(kind, **fields)) < count:
                await asyncio.sleep(0.01)
        return found[count - 1]

    async def until_heard(self, text: str, limit_s: float = 30.0) -> None:
        """Wait until the caller has heard an utterance out."""
        async with asyncio.timeout(limit_s):
            while not any(event["complete"] and text in event["text"] for event in self.of("agent.heard")):
                await asyncio.sleep(0.01)

    async def ended(self, limit_s: float = 120.0) -> str:
        """Wait for the end of the call; its reason."""
        async with asyncio.timeout(limit_s):
            await asyncio.wait([self.task])
        return str(self.events[-1]["reason"])

    # --- what happened

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = fields.items()
        return [event for event in self.events if event["kind"] == kind and wanted <= event.items()]

    def count(self, kind: str) -> int:
        return len(self.of(kind))

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]

    def heard(self) -> list[str]:
        """What the caller heard, utterance by utterance, as the record has it."""
        return [event["text"] for event in self.of("agent.heard") if event["text"]]
