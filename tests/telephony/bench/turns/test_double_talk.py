"""Double talk: what comes back follows what is played, and each stop is told as what it is."""

from __future__ import annotations

import numpy as np
import pytest

from agent.line import WordEnd
from telephony.bench.turns import double_talk
from telephony.bench.turns.caller import Heard, Played, Stop
from telephony.bench.turns.course import Act
from telephony.bench.turns.items import BYTES_PER_MS, EchoItem
from telephony.bench.turns.marks import marked_text
from telephony.bench.turns.over_talk import MISSED_MS
from telephony.bench.turns.recorded_echo import PIECE_MS, TAIL_MS, RecordedEcho, RecordedVoice, pieces
from telephony.bench.turns.run import CallPlan, CallRun, hold
from telephony.bench.turns.sums import wrong_sums
from telephony.g711 import pcm_to_ulaw, ulaw_to_pcm
from tests.agent.support import make_context

from .made import event, item

FRAME = 20 * BYTES_PER_MS


def noise(ms: int, level: float, seed: int = 1) -> bytes:
    return (np.random.default_rng(seed).standard_normal(8 * ms) * level).astype("<i2").tobytes()


def session(near: bytes = b"", speech: tuple[tuple[int, int], ...] = ()) -> EchoItem:
    far = noise(2000, 3000)
    return EchoItem("s", far, noise(2000, 500, seed=2), near, speech)


def heard_of(echo: RecordedEcho, played: list[tuple[float, bytes]], until_ms: int) -> bytes:
    """Frame by frame, each after what is played within it is known."""
    came = b""
    for at in range(0, until_ms, 20):
        for start_ms, pcm in played:
            if at <= start_ms < at + 20:
                echo.played(start_ms, pcm)
        came += echo.frame(float(at))
    return came


def as_played(pcm: bytes) -> bytes:
    return ulaw_to_pcm(pcm_to_ulaw(pcm))


def test_what_comes_back_is_what_came_back_of_that_piece() -> None:
    one = session()
    far = as_played(one.far)
    pieces_played = [(100.0 + at / BYTES_PER_MS, far[at : at + FRAME]) for at in range(0, 1000 * BYTES_PER_MS, FRAME)]
    came = heard_of(RecordedEcho(one), pieces_played, 1600)
    start, end = 100 * BYTES_PER_MS, (1100 + TAIL_MS) * BYTES_PER_MS
    assert not any(came[:start])
    assert came[start:end] == one.echo[: end - start]
    assert not any(came[end:]), "it ends with what is played"


def test_what_is_taken_up_again_comes_back_again_from_its_place() -> None:
    one = session()
    far = as_played(one.far)
    place = 600 * BYTES_PER_MS
    faded = bytes(len(far[:FRAME]))
    played = [(0.0, far[place : place + FRAME]), (500.0, faded), (520.0, far[place - FRAME : place])]
    came = heard_of(RecordedEcho(one, softer_db=20.0), played, 1000)
    again = np.frombuffer(came[520 * BYTES_PER_MS :][:FRAME], "<i2").astype(int)
    recorded = np.frombuffer(one.echo[place - FRAME : place], "<i2").astype(int)
    assert np.abs(again - recorded / 10).max() <= 1
    assert not any(came[500 * BYTES_PER_MS : 520 * BYTES_PER_MS])


def test_a_sliver_of_audio_has_no_place() -> None:
    one = session()
    came = heard_of(RecordedEcho(one), [(0.0, as_played(one.far)[1000:1008])], 200)
    assert not any(came)


async def test_the_voice_says_the_recording_piece_by_piece() -> None:
    one = session()
    assert pieces(one) == 7
    text = marked_text(7, 7)
    chunks = [chunk async for chunk in RecordedVoice(one).speak(text, make_context())]
    assert b"".join(chunk.pcm for chunk in chunks) == one.far, "word 7 of the second reply is its first piece"
    ends = [word for chunk in chunks for word in chunk.words]
    assert ends[0] == WordEnd(8 * PIECE_MS, len(text.split()[0]))
    assert ends[-1].chars == len(text)


def test_the_callers_stretches_are_interruptions_each_with_words() -> None:
    near = bytes(10_000 * BYTES_PER_MS)
    spans = ((1000, 1900), (2100, 2600), (4000, 4100), (6000, 7000))
    first, last = double_talk.interruptions_of(EchoItem("s", near, near, near, spans))
    assert (first.name, last.name) == ("s/900", "s/5900")
    assert first.speech == ((100, 1000), (1200, 1700))
    assert first.duration_ms == 1800
    assert [word.start_ms for word in first.words] == [100, 500, 900, 1200, 1600]
    assert all(word.end_ms <= 1000 or word.start_ms >= 1200 for word in first.words)
    one = EchoItem("s", noise(10_000, 3000), noise(10_000, 500), near, spans)
    calls = double_talk.recorded_plans([one], tag="t")
    assert len(calls) == len(double_talk.SOFTER_DB)
    assert [act.when for act in calls[0].acts] == ["listen", "over", "over"]
    assert [act.wait_ms for act in calls[0].acts[1:]] == pytest.approx([900, 5900], abs=20)
    assert len({call.name for call in calls}) == len(calls)


def _run(stops: list[Stop], *events: dict[str, object]) -> CallRun:
    said = item(("no", 0, 400), ("wait", 600, 1000), kind="free")
    plan = CallPlan("c", (Act(said, when="over"),), voice="recorded")
    return CallRun(plan, events, Heard([Played(0, 10_000)], stops, 60_000), 60_000)


@pytest.mark.parametrize(
    ("at_ms", "missed", "false"),
    [(9900, 1, 1), (10_100, 0, 0), (10_900, 0, 0), (11_400, 0, 0), (10_000 + MISSED_MS + 1200, 1, 1), (2000, 1, 1)],
)
def test_a_stop_belongs_to_an_interruption_or_to_nothing(at_ms: float, missed: int, false: int) -> None:
    result = double_talk.double_talk([_run([Stop(at_ms, at_ms + 500)])])
    figures = result["all"]
    assert (figures["interruptions"], figures["missed"], figures["false_stops"]) == (1, missed, false)
    assert figures["resumed_in_time"] == false
    assert figures["false_stops_at_first"] == (at_ms == 2000)
    assert figures["false_stops_a_minute"] == false
    assert wrong_sums({"double_talk": {"made": result}}) == []


def test_what_stops_the_next_reply_is_false_once_the_interruption_was_committed() -> None:
    run = _run([Stop(10_100, 12_000), Stop(12_500, 13_000)], event("turn.committed", 11_500, source="voice"))
    assert double_talk.double_talk([run])["all"]["false_stops"] == 1


def test_a_recorded_session_is_held_as_a_call() -> None:
    """A loud caller, hardly an echo: what is said is played, comes back, and is stopped."""
    at = np.arange(8 * 3000)
    talk = np.where(at // 1600 % 2 == 0, np.random.default_rng(3).standard_normal(len(at)) * 4000, 0)
    one = EchoItem("s", noise(3000, 2500), noise(3000, 20), talk.astype("<i2").tobytes(), ((1000, 1900),))
    call = double_talk.recorded_plans([one], tag="t")[-1]
    done = hold(call)
    assert done.why == ""
    assert [each.act for each in done.heard.played] == [1]
    assert done.heard.audible_ms > 3000
    assert double_talk.double_talk([done])["all"]["interruptions"] == 1
