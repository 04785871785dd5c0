"""Under each named pattern a whole call ends properly: what is heard instead, how long nobody speaks, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from agent.line import HangUp, Transfer
from telephony.faults.kinds import Stall, Window
from telephony.faults.plan import FaultPlan, load_faults, named_faults
from tests.support.virtual_loop import run_virtual, virtual
from tests.telephony.faults.desk import Desk

GREETED = ["Hello, this is the desk.", "Yes, I can find it. What is your order number?"]
SERVED = [*GREETED, "Thank you, I am looking.", "Your parcel is on its way. Is there anything else?", "Goodbye."]
TROUBLE = "We have trouble, goodbye."
#: The caller's reaction, the end of a turn, its text, the model, the voice, the way there and back: if all goes well.
WELL_MS = 1100


@dataclass(frozen=True)
class Expected:
    heard: list[str]
    reason: str = "agent: hangup"
    told: str = ""
    silence_ms: int = WELL_MS
    """Nobody is silent for longer."""


EXPECTED = {
    "wifi": Expected(SERVED),
    "mobile": Expected(SERVED),
    "bad-trunk": Expected(SERVED),
    "stalls": Expected(SERVED),
    "fast-clock": Expected(SERVED),
    "slow-clock": Expected(SERVED),
    # A caller who speaks into a pause of the model gets one answer to both.
    "slow-model": Expected([*GREETED, "Thank you, I am looking.", "Goodbye."], silence_ms=2500),
    # The deadline of a final text is 3 s; the second time in a row it is given up.
    "silent-recogniser": Expected(
        [*GREETED, "Say it again please.", TROUBLE], told="no final text within 3 s", silence_ms=3000 + WELL_MS
    ),
    "failing-recogniser": Expected([*GREETED, "Say it again please.", TROUBLE], told="the final text failed"),
    "stalling-model": Expected([*GREETED, TROUBLE], told="the next result took longer", silence_ms=5000 + WELL_MS),
    "dying-voice": Expected([GREETED[0], TROUBLE], told="the rest of the speech failed"),
    # The filler breaks the tool's 8 s in two.
    "hanging-tool": Expected([*SERVED[:3], "Let me look that up.", *SERVED[3:]], silence_ms=8000 - 500),
    # What is said into a dead line is nobody's to hear; five seconds later it is given up.
    "dropped-line": Expected([], reason="caller: silent"),
    "closed-line": Expected(GREETED, reason="caller: closed"),
}


def whole(plan: FaultPlan, **options: object) -> Desk:
    desks: list[Desk] = []

    async def case() -> None:
        desks.append(await Desk(plan, **options).whole())

    run_virtual(case())
    return desks[0]


def test_nothing_is_expected_of_a_pattern_that_is_not() -> None:
    assert {name for name, _ in named_faults()} == set(EXPECTED)


def test_a_call_without_faults_is_served() -> None:
    desk = whole(FaultPlan("none"))
    assert (desk.heard(), desk.reason, desk.told) == (SERVED, "agent: hangup", "")
    assert desk.longest_silence_ms <= WELL_MS


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_call_under_each_pattern_ends_properly(name: str) -> None:
    expected = EXPECTED[name]
    desk = whole(load_faults(name))
    assert desk.task.exception() is None
    assert desk.reason == expected.reason
    if expected.heard:
        assert desk.heard() == expected.heard
    assert expected.told in desk.told
    assert bool(desk.told) == bool(expected.told), "the journal tells of an error, and of none where there is none"
    assert desk.longest_silence_ms <= expected.silence_ms
    if TROUBLE in expected.heard:
        assert desk.decisions == [HangUp("trouble")]


@pytest.mark.parametrize("name", ["silent-recogniser", "stalling-model", "dying-voice"])
def test_where_a_person_can_take_the_call_one_does(name: str) -> None:
    desk = whole(load_faults(name), transfer_to="+15005550009")
    assert desk.decisions == [Transfer("+15005550009", "trouble")]
    assert desk.heard()[-1] == TROUBLE


def test_a_tool_that_hangs_is_in_the_journal_with_what_the_model_was_told() -> None:
    desk = whole(load_faults("hanging-tool"))
    (returned,) = desk.of("tool.returned", name="find_order")
    assert returned["ok"] is False
    assert returned["result"] == {"error": "no result within 8 seconds"}


def test_lost_frames_leave_gaps_in_the_journal_and_late_ones_none() -> None:
    assert whole(load_faults("wifi")).count("line.gap") > 3
    assert whole(load_faults("stalls")).count("line.gap") == 0


@pytest.mark.parametrize("name", ["wifi", "silent-recogniser"])
def test_the_same_faults_make_the_same_call(name: str) -> None:
    assert whole(load_faults(name)).events == whole(load_faults(name)).events


@virtual
async def test_marks_wait_behind_the_frames_that_are_held() -> None:
    """One socket carries both: a mark that overtook a stalled frame would prove what was heard before its time."""
    desk = Desk(FaultPlan("stalled", line_faults=(Stall(Window(400, 1300)),)))
    given, texts = desk.socket.give, []

    def give(text: str | None, delay_s: float | None = None) -> None:
        texts.append(text)
        given(text, delay_s)

    desk.socket.give = give
    await desk.whole()
    sent = [json.loads(text) for text in texts if text]
    numbers = [int(one["sequenceNumber"]) for one in sent if "sequenceNumber" in one]
    assert numbers == list(range(1, len(numbers) + 1))
    greeting = desk.of("playout.done")[0]
    assert (greeting["basis"], greeting["position_ms"]) == ("mark", 720)
    assert greeting["media_ms"] >= 1280, "its proof came when the stall was over"
    assert desk.heard() == SERVED
