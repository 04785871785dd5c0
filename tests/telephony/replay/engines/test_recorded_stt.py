"""RecordedStt: what a new utterance hears of the recorded ones, and when."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from agent.definition import EngineChoice
from agent.errors import EngineError
from agent.stt.base import Partial, Transcript
from telephony.replay.engines.recorded_stt import RecordedStt, RecordedSttCall
from telephony.replay.engines.serving import Serving
from telephony.replay.plan import Plan
from telephony.replay.recorded import Diverged, Recorded, RecordedPartial, RecordedUtterance
from tests.agent.support import make_agent
from tests.support.virtual_loop import VirtualContext, virtual
from tests.telephony.replay.engines.given import STARTED, a_record, books, now_ms, own, until_ms

PARCEL = RecordedUtterance(
    turn=1,
    began_ms=1100,
    speech_start_ms=1000,
    speech_end_ms=3000,
    ended_ms=3560,
    text="where is my parcel please",
    confidence=0.9,
    final_delay_ms=40.0,
    partials=(
        RecordedPartial(1500, "where", 0, 400.0),
        RecordedPartial(1900, "where is my", 5, 800.0),
        RecordedPartial(2600, "where is my parcel", 11, 1500.0),
    ),
)
YES = RecordedUtterance(
    turn=2,
    began_ms=5100,
    speech_start_ms=5000,
    speech_end_ms=5600,
    ended_ms=6160,
    text="yes do",
    confidence=0.7,
    final_delay_ms=20.0,
    partials=(RecordedPartial(5300, "yes", 3, 200.0),),
)
CALL = a_record(utterances=(PARCEL, YES))
FRAME = b"\1\0" * 160


def rejected(turn: int, reason: str) -> dict[str, Any]:
    return {"kind": "turn.rejected", "turn": turn, "reason": reason, "media_ms": 0, "call_ms": 0.0}


def ear(serving: Serving) -> RecordedSttCall:
    return RecordedStt(serving, own("stt", serving)).call(VirtualContext())


async def hear(
    call: RecordedSttCall, from_ms: int, to_ms: int, shown: list[tuple[int, str]] | None = None
) -> Transcript:
    """Begin at `from_ms`, push frames up to `to_ms`, ask for the text."""
    await until_ms(from_ms)

    def show(partial: Partial) -> None:
        if shown is not None:
            shown.append((now_ms(), partial.text))

    utterance = call.begin(show)
    while now_ms() < to_ms:
        utterance.push(FRAME)
        await asyncio.sleep(0.02)
    return await utterance.final()


@pytest.mark.parametrize(
    ("spoken", "heard"),
    [
        pytest.param([(1100, 3200)], [("where is my parcel please", "time")], id="as then"),
        pytest.param([(1160, 3100)], [("where is my parcel please", "time")], id="begun a little later"),
        pytest.param(
            [(1100, 3200), (5100, 5800)], [("where is my parcel please", "time"), ("yes do", "time")], id="two"
        ),
        pytest.param([(1100, 5800)], [("where is my parcel please yes do", "time")], id="joined"),
        pytest.param(
            [(1100, 2100), (2300, 3200)], [("where is my", "part"), ("parcel please", "part")], id="cut in two"
        ),
        pytest.param(
            [(1100, 1300), (1700, 3200)], [("", "part"), ("where is my parcel please", "part")], id="cut early"
        ),
        pytest.param(
            [(1100, 2100), (2300, 5800)],
            [("where is my", "part"), ("parcel please yes do", "part")],
            id="cut and joined",
        ),
        pytest.param([(2700, 3200)], [("please", "part")], id="only its end"),
    ],
)
@virtual
async def test_hears_what_was_heard_here_then(spoken: list[tuple[int, int]], heard: list[tuple[str, str]]) -> None:
    serving = books(CALL)
    call = ear(serving)
    for (from_ms, to_ms), (text, how) in zip(spoken, heard, strict=True):
        before = serving.served.copy()
        assert (await hear(call, from_ms, to_ms)).text == text
        assert serving.served - before == {f"stt: {how}": 1}
    await call.close()


@virtual
async def test_the_final_text_and_the_partial_ones_come_when_they_came_then() -> None:
    shown: list[tuple[int, str]] = []
    transcript = await hear(ear(books(CALL)), 1100, 3560, shown)
    assert now_ms() == 3600
    assert transcript.confidence == 0.9
    assert shown == [(1500, "where"), (1900, "where is my"), (2600, "where is my parcel")]


@virtual
async def test_partial_texts_follow_a_caller_who_speaks_later_than_then_and_stop_with_the_utterance() -> None:
    serving = books(CALL, recorded_ms=lambda media_ms: media_ms - 1000)
    shown: list[tuple[int, str]] = []
    await hear(ear(serving), 2100, 3200, shown)
    await until_ms(9000)
    assert shown == [(2500, "where"), (2900, "where is my")]


@virtual
async def test_none_of_the_next_ones_partial_texts() -> None:
    late = replace(PARCEL, final_delay_ms=3000.0)
    shown: list[tuple[int, str]] = []
    await hear(ear(books(a_record(utterances=(late, YES)))), 1100, 3560, shown)
    assert now_ms() == 6560
    assert [text for _, text in shown] == ["where", "where is my", "where is my parcel"]


@virtual
async def test_joined_ones_are_shown_joined() -> None:
    shown: list[tuple[int, str]] = []
    await hear(ear(books(CALL)), 1100, 5800, shown)
    assert shown[-1] == (5300, "where is my parcel please yes")


@virtual
async def test_the_same_audio_is_the_same_utterance_also_where_nothing_was_heard_then() -> None:
    audio = hashlib.sha256(FRAME * 50).hexdigest()[:16]
    serving = books(a_record(utterances=(PARCEL, replace(YES, input_hash=audio))))
    call = ear(serving)
    assert await hear(call, 8000, 9000) == Transcript("yes do", 0.7)
    assert serving.served == {"stt: hash": 1}
    assert serving.turn == 2
    with pytest.raises(Diverged):
        await hear(call, 10_000, 11_000)


@virtual
async def test_what_was_heard_here_goes_before_the_same_audio_elsewhere() -> None:
    audio = hashlib.sha256(FRAME * 105).hexdigest()[:16]
    serving = books(a_record(utterances=(PARCEL, replace(YES, input_hash=audio))))
    assert (await hear(ear(serving), 1100, 3200)).text == PARCEL.text


@virtual
async def test_of_two_with_the_same_audio_the_one_that_lies_here() -> None:
    audio = hashlib.sha256(FRAME * 50).hexdigest()[:16]
    twice = a_record(utterances=(replace(PARCEL, input_hash=audio), replace(YES, input_hash=audio)))
    call = ear(books(twice))
    assert [(await hear(call, at_ms, at_ms + 1000)).text for at_ms in (1100, 5100)] == [PARCEL.text, YES.text]


@virtual
async def test_hashes_say_nothing_on_a_line_of_another_rate() -> None:
    audio = hashlib.sha256(FRAME * 50).hexdigest()[:16]
    serving = books(a_record(utterances=(PARCEL, replace(YES, input_hash=audio))))
    call = RecordedStt(serving, own("stt", serving)).call(VirtualContext(), line_hz=16000)
    with pytest.raises(Diverged):
        await hear(call, 8000, 9000)


@pytest.mark.parametrize("reason", ["no text", "stt"])
@virtual
async def test_what_failed_then_fails_now_after_as_long(reason: str) -> None:
    failed = replace(PARCEL, text="", failed=True, final_delay_ms=700.0)
    serving = books(a_record(utterances=(failed,), events=(STARTED, rejected(1, reason))))
    with pytest.raises(EngineError, match='"then-ear": no final text, as in the record'):
        await hear(ear(serving), 1100, 3560)
    assert now_ms() == 4260


@pytest.mark.parametrize(
    ("partials", "events"),
    [
        pytest.param((), (STARTED, rejected(1, "short")), id="too short to be meant"),
        pytest.param((), (STARTED, rejected(1, "leaving")), id="the agent was leaving"),
    ],
)
@virtual
async def test_what_nobody_waited_for_then_is_not_known(partials: Any, events: Any) -> None:
    dropped = replace(PARCEL, text="", failed=True, partials=partials)
    serving = books(a_record(utterances=(dropped,), events=events))
    with pytest.raises(Diverged, match=r"diverged at turn 1: speech at .* was not recognised"):
        await hear(ear(serving), 1100, 3200)
    assert serving.diverged is not None


@virtual
async def test_of_what_nobody_waited_for_the_partial_texts_are_known() -> None:
    dropped = replace(PARCEL, text="", failed=True)
    serving = books(a_record(utterances=(dropped,), events=(STARTED, rejected(1, "short"))))
    assert (await hear(ear(serving), 1100, 3200)).text == "where is my parcel"
    assert serving.served == {"stt: part": 1}


@virtual
async def test_what_was_still_awaited_at_the_end_of_the_record_is_awaited_up_to_there() -> None:
    pending = replace(PARCEL, text="", failed=True, partials=())
    serving = books(a_record(utterances=(pending,), ended_ms=3900))
    with pytest.raises(Diverged):
        await hear(ear(serving), 1100, 3560)
    assert now_ms() > 3900


@virtual
async def test_speech_where_there_was_none_stops_the_run() -> None:
    serving = books(CALL)
    call = ear(serving)
    await hear(call, 1100, 3200)
    with pytest.raises(Diverged) as stopped:
        await hear(call, 4000, 4300)
    assert stopped.value is serving.diverged
    assert stopped.value.turn == 2
    assert "4300 ms" in stopped.value.what


@virtual
async def test_or_the_agents_own_recogniser_hears_it() -> None:
    serving = books(CALL, Plan(missing="embedded"))
    agent = make_agent(stt=EngineChoice("synthetic", {"script": ["something new"]}))
    stt = RecordedStt(serving, own("stt", serving, agent=agent))
    shown: list[tuple[int, str]] = []
    call = stt.call(VirtualContext())
    assert (await hear(call, 4000, 4300, shown)).text == "something new"
    assert (await hear(call, 5100, 5800, shown)).text == "yes do"
    assert serving.served == {"stt: embedded": 1, "stt: time": 1}
    assert serving.diverged is None
    await call.close()
    await stt.close()


@virtual
async def test_cancelling_ends_everything_and_gives_the_text_to_the_next() -> None:
    serving = books(CALL)
    call = ear(serving)
    shown: list[tuple[int, str]] = []
    await until_ms(1100)
    utterance = call.begin(lambda partial: shown.append((now_ms(), partial.text)))
    utterance.push(FRAME)
    await utterance.cancel()
    await utterance.cancel()
    utterance.push(FRAME)
    assert (await hear(call, 1300, 3200)).text == PARCEL.text
    assert shown == []


@virtual
async def test_what_is_understood_is_the_turn_that_is_answered() -> None:
    keys: tuple[dict[str, Any], ...] = (
        {"kind": "key", "digit": "4", "media_ms": 4000, "call_ms": 0.0},
        {"kind": "turn.committed", "turn": 7, "source": "keys", "text": "4", "media_ms": 6000, "call_ms": 0.0},
    )
    serving = books(a_record(utterances=(PARCEL, replace(YES, turn=8)), events=(STARTED, *keys)))
    call = ear(serving)
    turns = [serving.turn]
    await hear(call, 1100, 3200)
    turns.append(serving.turn)
    await until_ms(4100)
    turns.append(serving.turn)
    await hear(call, 5100, 5800)
    turns.append(serving.turn)
    assert turns == [0, 1, 7, 8]


@virtual
async def test_it_is_answered_from_when_its_last_word_is_asked_for_unless_it_was_rejected_then() -> None:
    rejected = {"kind": "turn.rejected", "turn": 2, "reason": "backchannel", "media_ms": 6000, "call_ms": 0.0}
    late = replace(PARCEL, final_delay_ms=2000.0)
    serving = books(a_record(utterances=(late, YES), events=(STARTED, rejected)))
    call = ear(serving)
    first = asyncio.create_task(hear(call, 1100, 3200))
    await until_ms(3300)
    assert (first.done(), serving.turn) == (False, 1)
    await first
    assert (await hear(call, 5250, 5800)).text == YES.text
    assert serving.turn == 1


def test_its_rate_is_the_lines_and_its_name_the_recorded_one() -> None:
    wide: Recorded = a_record(rate_hz=16000)
    serving = Serving(Plan(missing="stop"), wide, at_ms=lambda: 0, recorded_ms=lambda media_ms: media_ms)
    stt = RecordedStt(serving, own("stt", serving))
    assert (stt.name, stt.rate_hz, stt.remote) == ("then-ear", 16000, False)
