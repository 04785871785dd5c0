"""What a measure makes of a call's journal."""

from typing import Any

from telephony.bench.turns import measures
from telephony.bench.turns.caller import Heard
from telephony.bench.turns.run import CallPlan, CallRun


def _heard(utterance: int, *, complete: bool) -> dict[str, Any]:
    return {"kind": "agent.heard", "media_ms": 1000, "turn": utterance, "utterance": utterance, "complete": complete}


def _given_up(*events: dict[str, Any]) -> int:
    run = CallRun(CallPlan("echo", (), voice="espeak"), events, Heard(), 60_000)
    given_up: int = measures.false_stops([run])["all"]["abandoned"]
    return given_up


def test_a_reply_is_given_up_if_something_broke_it_off_and_not_if_the_caller_hung_up_on_it() -> None:
    barge_in = {"kind": "barge_in", "media_ms": 900, "utterance": 2, "reason": "words"}
    assert _given_up(_heard(1, complete=True), _heard(2, complete=False)) == 0
    assert _given_up(_heard(1, complete=True), barge_in, _heard(2, complete=False)) == 1
    assert _given_up(_heard(1, complete=False), _heard(2, complete=True)) == 1


def test_of_a_call_in_which_nothing_was_played_nothing_is_told() -> None:
    run = CallRun(CallPlan("c", ()), (), Heard(), 60_000)
    assert list(measures.played_items(run)) == []
    assert measures.answers([run])["all"]["items"] == 0
