"""What comes of a <Dial>, by the script's outcomes."""

import pytest

from telephony.sandbox.dial import DialBook, Dialled
from telephony.sandbox.script import OUTCOMES, DialPlan
from telephony.sandbox.verbs import Dial

TO = Dial("+15550100", "/after", timeout_s=25)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (DialPlan(), Dialled("+15550100", "completed", 1.0, 1.0)),
        (DialPlan("+15550100", "completed", 2.0, 61.2), Dialled("+15550100", "completed", 2.0, 61.2)),
        (DialPlan(outcome="no-answer", after_s=3), Dialled("+15550100", "no-answer", 25, 0)),
        (DialPlan(after_s=25), Dialled("+15550100", "no-answer", 25, 0)),  # picked up too late
        (DialPlan(outcome="busy", after_s=26), Dialled("+15550100", "no-answer", 25, 0)),
        (DialPlan(outcome="busy", after_s=2), Dialled("+15550100", "busy", 2, 0)),
        (DialPlan(outcome="failed", after_s=0), Dialled("+15550100", "failed", 0, 0)),
        (DialPlan(outcome="canceled"), Dialled("+15550100", "canceled", 1, 0)),
    ],
)
def test_outcomes(plan: DialPlan, expected: Dialled) -> None:
    book = DialBook((plan,))
    assert book.call(TO) == expected
    assert book.errors == []
    assert book.left == ()


def test_used_in_order_and_then_everybody_answers() -> None:
    book = DialBook((DialPlan(outcome="busy"), DialPlan(outcome="failed")))
    assert [book.call(TO).outcome for _ in range(2)] == ["busy", "failed"]
    assert book.call(TO).outcome == "completed"


def test_the_wrong_number_is_an_error() -> None:
    book = DialBook((DialPlan(to="+15550111"), DialPlan()))
    book.call(TO)
    assert book.errors == ["<Dial> called +15550100; the script expected +15550111"]
    assert book.left == (DialPlan(),)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_an_answered_call_has_a_duration(outcome: str) -> None:
    form = Dialled("+1", outcome, 1, 1.2).form("CA1")
    assert form["DialCallStatus"] == outcome
    assert form["DialCallSid"] == "CA1"
    assert form.get("DialCallDuration") == ("2" if outcome == "completed" else None)
