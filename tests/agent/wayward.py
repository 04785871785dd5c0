"""Engines and a telephone without manners, for whole calls: what they do is chosen, and can be found in what was heard.

The voice gives every word a sound of its own, which survives the wire: so the carrier's record tells, word by word,
what was played, when, and of which utterance.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.context import CallContext
from agent.errors import EngineError
from agent.kit import EngineKit
from agent.line import WordEnd
from agent.llm.base import LlmEvent, LlmRequest, TextDelta, ToolCall
from agent.slots.base import NOTHING_ASKED, Asks
from agent.speech.cache import PhraseCache
from agent.stt.base import Partial, Transcript
from agent.tts.base import SpeechChunk
from telephony.g711 import ulaw_to_pcm
from telephony.media_stream.messages import Clear, FromCarrier, Mark, decode_to_carrier
from tests.agent.call import Call
from tests.agent.fakes import ScriptedLlm, ScriptedStt, ScriptedTts
from tests.support.phone import Phone
from tests.support.virtual_loop import passes

# --- the recogniser -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """What the recogniser makes of an utterance: texts so many seconds after it began, and its last word on it (None:
    it fails) so many seconds after that was asked for."""

    final: str | None = "hello"
    final_s: float = 0.05
    partials: tuple[tuple[float, str], ...] = ()


class WaywardStt(ScriptedStt):
    """What begins next is understood as `said`. Partials may come late, be wrong, and go on behind the end."""

    said = Said()

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> _Utterance:  # type: ignore[override]
        self.open += 1
        return _Utterance(self, self.said, on_partial)


class _Utterance:
    def __init__(self, stt: WaywardStt, said: Said, on_partial: Callable[[Partial], None]) -> None:
        self._stt, self._said, self._over = stt, said, False
        loop = asyncio.get_running_loop()
        self._partials = [loop.call_later(at_s, on_partial, Partial(text)) for at_s, text in said.partials]

    def push(self, pcm: bytes) -> None: ...

    async def final(self) -> Transcript:
        await passes(self._said.final_s)
        if self._said.final is None:
            raise EngineError("the recogniser broke")
        self._end()
        return Transcript(self._said.final, 0.9 if self._said.final else None)

    async def cancel(self) -> None:
        self._end()

    def _end(self) -> None:
        for partial in self._partials:
            partial.cancel()
        if not self._over:
            self._over = True
            self._stt.open -= 1


# --- the model ------------------------------------------------------------------------------------------------------

#: One step of an answer: wait so many seconds; raise; say; use a tool (its id is made here); tell what is asked.
Step = float | Exception | str | ToolCall | Asks
#: The steps of an answer, from its number.
Answer = Callable[[int], Sequence[Step]]


class WaywardLlm(ScriptedLlm):
    """Each turn takes the next answer (past the last, the first again); asked again for the same turn, the same one."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        super().__init__([])
        self._answers = answers
        self._turns: list[tuple[int, str]] = []

    async def stream(self, request: LlmRequest, ctx: CallContext) -> AsyncIterator[LlmEvent]:
        self.requests.append(request)
        self.open += 1
        try:
            calls = itertools.count(1)
            for step in self._steps(request):
                if isinstance(step, float):
                    await passes(step)
                elif isinstance(step, Exception):
                    raise step
                elif isinstance(step, str):
                    yield TextDelta(step)
                elif isinstance(step, ToolCall):
                    yield dataclasses.replace(step, id=f"c{len(self.requests)}.{next(calls)}")
                else:
                    yield step
        finally:
            self.open -= 1

    def _steps(self, request: LlmRequest) -> Sequence[Step]:
        said = [message for message in request.messages if message.role == "user"]
        if request.messages[-1].role == "tool":
            return [0.1, f"That is done, number {len(self._turns)}."]
        turn = len(said), said[-1].content if said else ""
        if not self._turns or self._turns[-1] != turn:
            self._turns.append(turn)
        number = len(self._turns)
        return self._answers[(number - 1) % len(self._answers)](number)


# --- the voice ------------------------------------------------------------------------------------------------------

WORD_MS = 240
_LEVELS = range(40, 127, 2)
#: One period of a word's sound, as it is on the wire: eight samples up, eight down, both levels the word's own.
_PERIOD = re.compile(rb"([\x80-\xfe])\1{7}([\x00-\x7e])\2{7}")
_PERIOD_MS = 2


@dataclass(slots=True)
class Spoken:
    """A text that was given to the voice, or said from memory: `words` are (sound, characters until its end)."""

    text: str
    n: int  # so many events had been journaled by then
    words: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Played:
    """A word as the caller heard it: its sound, from when to when on the carrier's clock."""

    sound: int
    start_ms: float
    end_ms: float


class CodedVoice(ScriptedTts):
    """Each word sounds for WORD_MS like no other. The words "breaks", "stalls" and "drags" do what they say."""

    def __init__(self, first_s: float = 0.05) -> None:
        super().__init__(first_s=first_s)
        self.texts: list[Spoken] = []
        self.events: list[dict[str, Any]] = []
        self._sounds = itertools.count()

    def chunks(self, text: str) -> list[tuple[str, SpeechChunk]]:
        """The words of a text, and their sounds."""
        spoken, end, chunks = Spoken(text, len(self.events)), 0, []
        self.texts.append(spoken)
        for word in text.split():
            end = text.index(word, end) + len(word)
            sound = next(self._sounds)
            spoken.words.append((sound, end))
            pcm = ulaw_to_pcm(_period(sound) * (WORD_MS // _PERIOD_MS))
            chunks.append((word, SpeechChunk(pcm, (WordEnd(len(pcm) // 2, end),))))
        return chunks

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        self.open += 1
        try:
            await passes(self.first_s)
            for word, chunk in self.chunks(text):
                if word.startswith("breaks"):
                    raise EngineError("the voice broke")
                await passes(3600.0 if word.startswith("stalls") else 0.9 if word.startswith("drags") else 0.0)
                yield chunk
        finally:
            self.open -= 1


class CodedPhrases(PhraseCache):
    """Phrases from memory, with sounds of their own each time they are said."""

    def __init__(self, voice: CodedVoice, texts: tuple[str, ...]) -> None:
        super().__init__(voice)  # type: ignore[arg-type]
        self._voice = voice
        self._texts = frozenset(texts)

    def get(self, text: str) -> tuple[SpeechChunk, ...] | None:
        return tuple(chunk for _, chunk in self._voice.chunks(text)) if text in self._texts else None


def _period(sound: int) -> bytes:
    up, down = divmod(sound, len(_LEVELS))
    return bytes([0xFF - _LEVELS[up]]) * 8 + bytes([0x7F - _LEVELS[down]]) * 8


def played(heard: Sequence[tuple[float, bytes]]) -> list[Played]:
    """The words in what the carrier has played, in the order in which they were heard, broken-off ones too. One period
    alone tells no word: within a fade another word's sound comes by chance."""
    words: list[Played] = []
    for run_ms, audio in heard:
        for period in _PERIOD.finditer(audio):
            sound = _LEVELS.index(up) * len(_LEVELS) + _LEVELS.index(down) if (
                (up := 0xFF - period[1][0]) in _LEVELS and (down := 0x7F - period[2][0]) in _LEVELS
            ) else -1  # fmt: skip
            start_ms = run_ms + period.start() / 8
            if words and words[-1].sound == sound and start_ms - words[-1].end_ms < 1:
                words[-1] = dataclasses.replace(words[-1], end_ms=start_ms + _PERIOD_MS)
            elif sound >= 0:
                words.append(Played(sound, start_ms, start_ms + _PERIOD_MS))
    return [word for word in words if word.end_ms - word.start_ms > _PERIOD_MS]


# --- the telephone --------------------------------------------------------------------------------------------------


class WaywardPhone(Phone):
    """A phone whose carrier keeps marks back, and which knows when each `clear` came."""

    def __init__(self, delay_s: float, *, echoes_marks: bool) -> None:
        super().__init__(delay_s, echoes_marks=echoes_marks)
        self.clears_ms: list[float] = []
        self.keeps_marks = False
        self._kept: list[Mark] = []

    def give_marks(self, lost: bool = False) -> None:
        """What was kept back comes now, unless it is `lost`."""
        self.keeps_marks = False
        kept, self._kept = self._kept, []
        self._send([] if lost else kept)

    def _on_text(self, text: str) -> None:
        if not self._over and isinstance(decode_to_carrier(text), Clear):
            self.clears_ms.append(self.now_ms)
        super()._on_text(text)

    def _send(self, messages: Sequence[FromCarrier] | Sequence[Mark], late_s: float = 0.0) -> None:
        if self.keeps_marks:
            self._kept += [message for message in messages if isinstance(message, Mark)]
            messages = [message for message in messages if not isinstance(message, Mark)]
        super()._send(messages, late_s)


class WaywardCall(Call):
    """A whole call with all of these. `times_ms` are the carrier's times of the journal's events."""

    phone: WaywardPhone
    stt: WaywardStt
    llm: WaywardLlm
    tts: CodedVoice

    def __init__(self, *, answers: Sequence[Answer], delay_s: float = 0.03, echoes_marks: bool = True, **agent: Any):
        super().__init__(delay_s=delay_s, echoes_marks=echoes_marks, **agent)
        self.phone = WaywardPhone(delay_s, echoes_marks=echoes_marks)
        self.stt = WaywardStt()
        self.llm = WaywardLlm(answers)
        self.tts = CodedVoice()
        self.tts.events = self.events
        self.times_ms: list[float] = []
        self.happened: dict[str, asyncio.Event] = {}
        self.on_event = self._note
        self.wrap = self._with_phrases

    def _note(self, event: dict[str, Any]) -> None:
        self.times_ms.append(self.phone.now_ms)
        self.happened.pop(event["kind"], asyncio.Event()).set()

    def _with_phrases(self, kit: EngineKit) -> EngineKit:
        self.tts.texts.clear()
        return dataclasses.replace(kit, phrases=CodedPhrases(self.tts, self.agent.phrases.all()))

    async def next(self, kind: str, limit_s: float) -> None:
        """Until the next event of this kind, to the moment; or so long."""
        happens = self.happened.setdefault(kind, asyncio.Event())
        try:
            async with asyncio.timeout(limit_s):
                await happens.wait()
        except TimeoutError:
            pass
