"""The mouth: order, word offsets, the bound ahead, cancelling, and a voice that fails."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from agent.errors import EngineError
from agent.line import Line
from agent.speech.cache import PhraseCache
from agent.speech.clauses import Clause
from agent.speech.mouth import AHEAD_MS, BETWEEN_AUDIO_S, FIRST_AUDIO_S, Mouth
from tests.agent.fakes import FakeLine, ScriptedTts
from tests.support.virtual_loop import VirtualContext, run_virtual


class Case:
    """A mouth over a fake line; make it inside the loop."""

    def __init__(self, tts: ScriptedTts, rate_hz: int = 8000) -> None:
        self.tts, self.line = tts, FakeLine(rate_hz)
        self.journal: list[dict[str, Any]] = []
        self.phrases = PhraseCache(tts)
        self.first_audio = 0
        self.ctx = VirtualContext()
        line: Line = self.line
        self.mouth = Mouth(line, tts, self.phrases, self.ctx, self._note, self._first)

    def _note(self, kind: str, /, **data: object) -> None:
        self.journal.append({"kind": kind, **data})

    def _first(self) -> None:
        self.first_audio += 1

    def words(self, tts_rate: int | None = None) -> list[tuple[int, int, int]]:
        """(utterance, where in all that was played its end lies in ms, characters)."""
        found, samples = [], 0
        for pcm, span in self.line.played:
            found += [(span.utterance, (samples + w.sample) // (self.line.info.sample_rate_hz // 1000), w.chars)
                      for w in span.words]  # fmt: skip
            samples += len(pcm) // 2
        return found


def play(work: Coroutine[Any, Any, Any]) -> Any:
    return run_virtual(work)


@pytest.mark.parametrize(("tts_hz", "line_hz"), [(8000, 8000), (22_050, 8000), (16_000, 8000), (8000, 16_000)])
def test_clauses_in_order_with_their_words_in_the_whole_utterance(tts_hz: int, line_hz: int) -> None:
    async def case() -> None:
        case = Case(ScriptedTts(rate_hz=tts_hz), line_hz)
        await case.mouth.say(3, Clause("Hello you.", 0))
        await case.mouth.say(3, Clause("Bye.", 11))
        words = case.words()
        assert [(u, chars) for u, _, chars in words] == [(3, 5), (3, 10), (3, 10), (3, 15), (3, 15)]
        ends = [at for _, at, _ in words]
        assert ends == sorted(ends)
        for at, expected in zip(ends, [50, 100, 100, 140, 140], strict=True):
            assert abs(at - expected) <= 2
        total = sum(len(pcm) // 2 for pcm, _ in case.line.played)
        assert abs(total - 140 * line_hz // 1000) <= 2
        for pcm, span in case.line.played:
            assert all(0 <= word.sample <= len(pcm) // 2 for word in span.words)

    play(case())


def test_no_further_ahead_of_the_ear_than_agreed() -> None:
    async def case() -> None:
        case = Case(ScriptedTts(char_ms=100))  # 1 s a clause of ten characters
        ctx = case.ctx

        async def ear() -> None:
            while True:
                await asyncio.sleep(0.02)
                case.line.pending_ms = max(0, case.line.pending_ms - 20)

        listening = asyncio.create_task(ear())
        for number in range(8):
            before = case.line.pending_ms
            await case.mouth.say(1, Clause("abcdefghij", 11 * number))
            assert before <= AHEAD_MS + 1000
            assert case.line.pending_ms <= AHEAD_MS + 1000
        assert 8 - 3.6 <= ctx.now_s() <= 8 - 3.4 + 1
        listening.cancel()
        await asyncio.wait([listening])

    play(case())


def test_a_voice_that_stalls_or_breaks_is_an_engine_error_and_is_closed() -> None:
    async def case() -> None:
        case = Case(ScriptedTts(fails=lambda text: "break" in text, stalls=lambda text: "stall" in text))
        with pytest.raises(EngineError, match="broke"):
            await case.mouth.say(1, Clause("now break", 0))
        began = case.ctx.now_s()
        with pytest.raises(EngineError, match="scripted-voice"):
            await case.mouth.say(1, Clause("now stall", 0))
        assert case.ctx.now_s() - began == pytest.approx(FIRST_AUDIO_S)
        case.tts.chunk_s = BETWEEN_AUDIO_S + 1
        with pytest.raises(EngineError):
            await case.mouth.say(1, Clause("one two", 0))
        assert case.tts.open == 0
        assert [w.chars for _, span in case.line.played for w in span.words] == [3], "no word counts that was not said"

    play(case())


def test_cancelling_stops_the_voice_and_queues_nothing_more() -> None:
    async def case() -> None:
        case = Case(ScriptedTts(chunk_s=0.5))
        task = asyncio.create_task(case.mouth.say(1, Clause("one two three four", 0)))
        await asyncio.sleep(0.7)
        played = len(case.line.played)
        assert played == 2
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert case.tts.open == 0
        await asyncio.sleep(5)
        assert len(case.line.played) == played

    play(case())


def test_cancelling_while_it_waits_for_the_ear_asks_nothing_of_the_voice() -> None:
    async def case() -> None:
        case = Case(ScriptedTts())
        case.line.pending_ms = 60_000
        task = asyncio.create_task(case.mouth.say(1, Clause("one", 0)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert case.tts.spoken == []
        assert case.line.played == []

    play(case())


@pytest.mark.parametrize("tts_hz", [8000, 22_050])
def test_a_phrase_from_memory_is_queued_at_once(tts_hz: int) -> None:
    async def case() -> None:
        case = Case(ScriptedTts(rate_hz=tts_hz))
        assert case.mouth.play_phrase(1, "Hello you.") is False
        await case.phrases.warm(["Hello you."], case.ctx)
        assert case.mouth.play_phrase(1, "Hello you.") is True
        assert [(u, c) for u, _, c in case.words()] == [(1, 5), (1, 10)] + [(1, 10)] * (len(case.words()) - 2)
        total_ms = sum(len(pcm) // 16 for pcm, _ in case.line.played)
        assert abs(total_ms - 100) <= 1, "at the line's rate"
        assert case.first_audio > 0
        (phrase,) = case.journal  # no engine was asked, but its speech is known
        assert (phrase["kind"], phrase["input"]) == ("phrase", "Hello you.")
        assert sum(samples for samples, _ in phrase["pieces"]) == pytest.approx(tts_hz / 10, abs=2)

    play(case())


def test_what_is_in_memory_is_not_asked_for_again() -> None:
    async def case() -> None:
        case = Case(ScriptedTts())
        await case.phrases.warm(["Hello."], case.ctx)
        await case.mouth.say(1, Clause("Hello.", 7))
        assert case.tts.spoken == ["Hello."]
        assert [event["kind"] for event in case.journal] == ["phrase"]
        assert case.words()[-1] == (1, 60, 13)

    play(case())


def test_the_journal_holds_what_the_voice_gave() -> None:
    async def case() -> None:
        case = Case(ScriptedTts(first_s=0.1, chunk_s=0.05))
        await case.mouth.say(1, Clause("one two", 0))
        request, *results = case.journal
        assert (request["kind"], request["engine"], request["input"]) == ("engine.request", "tts", "one two")
        assert len(request["input_hash"]) == 16
        assert [(r["offset_ms"], r["final"]) for r in results] == [(100.0, False), (150.0, False), (200.0, True)]
        assert results[0]["result"] == {"samples": 240, "words": [[240, 3]]}
        assert {r["id"] for r in results} == {request["id"]}

    play(case())
