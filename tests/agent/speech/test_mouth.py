"""The mouth: order, word offsets, the bound ahead, cancelling, and a voice that fails."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from agent.context import CallContext
from agent.errors import EngineError
from agent.line import Line
from agent.speech.cache import PhraseCache
from agent.speech.clauses import Clause
from agent.speech.mouth import AHEAD_MS, CLAUSE_AHEAD_MS, LEAD_IN_MS, Mouth
from agent.speech.voice import BETWEEN_AUDIO_S, FIRST_AUDIO_S, Voice
from agent.tts.base import SpeechChunk
from telephony.media_stream.line import MediaStreamLine, accept_stream
from tests.agent.fakes import FakeLine, ScriptedTts
from tests.support.phone import Phone
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
        self.mouth = Mouth(line, Voice(tts, self.phrases, self.ctx, self._note), self._first)

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


# --- held -----------------------------------------------------------------------------------------------------------


def test_held_it_is_silent_and_takes_up_in_order_what_was_queued_and_what_came_since() -> None:
    async def case() -> None:
        case = Case(ScriptedTts())
        await case.mouth.say(1, Clause("one two", 0))
        queued = b"".join(pcm for pcm, _ in case.line.played)
        case.mouth.hold()
        assert case.mouth.held
        assert (case.line.cleared, case.line.pending_ms, case.mouth.pending_ms) == (1, 0, 70)
        await case.mouth.say(1, Clause("three", 8))
        await case.phrases.warm(["Four."], case.ctx)
        assert case.mouth.play_phrase(2, "Four.")
        assert case.line.played == []
        assert case.mouth.pending_ms == 170
        first_audio = case.first_audio
        assert case.mouth.take_up()
        assert not case.mouth.held
        assert case.first_audio == first_audio, "only what the voice gives is first audio"
        lead_in = bytes(16 * LEAD_IN_MS)
        sound = b"".join(pcm for pcm, _ in case.line.played)
        assert sound[: len(lead_in) + len(queued)] == lead_in + queued
        assert case.mouth.pending_ms == case.line.pending_ms == LEAD_IN_MS + 170
        assert [(u, at - LEAD_IN_MS, c) for u, at, c in case.words()] == [
            (1, 30, 3), (1, 70, 7), (1, 70, 7), (1, 120, 13), (1, 120, 13), (2, 170, 5), (2, 170, 5)
        ]  # fmt: skip
        await case.mouth.say(3, Clause("five", 0))
        assert case.words()[-1] == (3, LEAD_IN_MS + 210, 4), "and goes on as before"

    play(case())


def test_holding_twice_taking_up_and_dropping_without_a_hold_do_no_harm() -> None:
    async def case() -> None:
        case = Case(ScriptedTts())
        case.mouth.drop()
        assert case.mouth.take_up() is False
        assert case.line.played == []
        await case.mouth.say(1, Clause("one", 0))
        heard = case.mouth.hold()
        assert case.mouth.hold() == heard
        assert (case.line.cleared, case.mouth.pending_ms) == (1, 30)
        assert case.mouth.take_up() is True
        assert case.mouth.take_up() is False
        assert case.line.pending_ms == 30 + LEAD_IN_MS
        case.mouth.hold()
        case.mouth.drop()
        assert (case.mouth.held, case.mouth.pending_ms, case.mouth.take_up()) == (False, 0, False)
        await case.mouth.say(2, Clause("two", 0))
        assert [said.utterance for _, said in case.line.played] == [2, 2], "it speaks again"
        case.mouth.hold()
        case.mouth.stop()
        assert (case.mouth.held, case.mouth.pending_ms, case.line.cleared) == (False, 0, 3), (
            "cleared by the hold already"
        )
        await case.mouth.say(3, Clause("three", 0))
        case.mouth.stop()
        assert (case.mouth.pending_ms, case.line.cleared) == (0, 4)

    play(case())


def test_taken_up_again_and_again_before_it_was_heard_the_lead_in_does_not_grow() -> None:
    async def case() -> None:
        case = Case(ScriptedTts())
        await case.mouth.say(1, Clause("one", 0))
        for _ in range(5):
            case.mouth.hold()
            case.mouth.take_up()
        assert case.line.pending_ms == 30 + LEAD_IN_MS

    play(case())


def test_what_is_held_before_anything_was_queued_begins_at_once_when_taken_up() -> None:
    async def case() -> None:
        case = Case(ScriptedTts(first_s=0.5))
        saying = asyncio.create_task(case.mouth.say(1, Clause("one two", 0)))
        await asyncio.sleep(0.1)
        case.mouth.hold()
        await saying
        assert (case.line.played, case.mouth.pending_ms) == ([], 70)
        assert case.first_audio > 0
        assert case.mouth.take_up()
        assert case.words() == [(1, 30, 3), (1, 70, 7), (1, 70, 7)], "nothing was broken off: no lead-in"

    play(case())


def test_held_it_gathers_no_more_than_it_would_queue_and_goes_on_when_taken_up() -> None:
    async def case() -> None:
        case = Case(ScriptedTts(char_ms=100))
        case.mouth.hold()

        async def speak() -> None:
            for number in range(9):
                await case.mouth.say(1, Clause("abcdefghij", 11 * number))

        speaking = asyncio.create_task(speak())
        await asyncio.sleep(60)
        assert AHEAD_MS < case.mouth.pending_ms <= AHEAD_MS + 1000
        case.mouth.take_up()
        case.line.pending_ms = 0
        await asyncio.sleep(1)
        assert case.line.pending_ms > AHEAD_MS
        case.mouth.hold()
        speaking.cancel()
        await asyncio.wait([speaking])
        assert speaking.cancelled()
        held_ms = case.mouth.pending_ms
        await asyncio.sleep(1)
        assert case.mouth.pending_ms == held_ms
        assert case.tts.open == 0
        case.mouth.drop()

    play(case())


def test_over_a_line_the_caller_hears_each_word_whole_and_what_counts_is_what_was_heard() -> None:
    """Two seconds of one long clause, held every 600 ms for 150 ms: the carrier's record against the ledger's."""

    async def case() -> None:
        phone = Phone()
        phone.ring()
        line = MediaStreamLine(
            phone.socket,
            await accept_stream(phone.socket),
            on_leave=lambda decision: None,
            now_s=asyncio.get_running_loop().time,
        )
        serving = asyncio.create_task(line.run())
        tts = ScriptedTts(char_ms=40)
        text = "abc defg hij klm nop qrst uvw xyz abcd efg hij klm nop"
        mouth = Mouth(line, Voice(tts, PhraseCache(tts), VirtualContext(), lambda kind, **data: None), lambda: None)
        await mouth.say(1, Clause(text, 0))
        chars = 0
        while mouth.pending_ms > 0:
            await asyncio.sleep(0.6)
            heard = mouth.hold().chars.get(1, 0)
            assert heard >= chars
            chars = heard
            before = phone.heard_ms
            await asyncio.sleep(0.15)
            assert phone.heard_ms - before <= 60
            mouth.take_up()
        await asyncio.sleep(0.5)
        assert line.heard().chars == {1: len(text)}
        assert phone.heard_ms > 40 * len(text)
        assert len(phone.carrier.heard) >= 4, "it was silent in between"
        phone.drop()
        await serving

    play(case())


class EndlessTts(ScriptedTts):
    """Gives audio for ever, faster than it is heard."""

    given_ms = 0

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        while True:
            await asyncio.sleep(0.001)
            self.given_ms += 1000
            yield SpeechChunk(b"\1\0" * 8000, ())


@pytest.mark.parametrize("held", [False, True])
def test_a_voice_that_never_ends_is_taken_no_further_than_so_far_ahead(held: bool) -> None:
    async def case() -> None:
        tts = EndlessTts()
        case = Case(tts)
        if held:
            case.mouth.hold()
        task = asyncio.create_task(case.mouth.say(1, Clause("Well.", 0)))
        await asyncio.sleep(5)
        assert CLAUSE_AHEAD_MS <= tts.given_ms <= CLAUSE_AHEAD_MS + 7000
        assert case.mouth.pending_ms <= CLAUSE_AHEAD_MS + 1000
        task.cancel()
        await asyncio.wait([task])

    play(case())
