"""What a trial account may do."""

import pytest

from telephony.sandbox.faults import Fault
from telephony.sandbox.limits import ORDINARY, TRIAL, as_allowed, check_hop
from telephony.sandbox.verbs import ConnectStream, Dial, Gather, Hangup, Notice, PlayFile, SayText, UnknownVerb, Verb


@pytest.mark.parametrize(
    ("verb", "allowed"),
    [
        (ConnectStream("wss://h", "/a"), Notice("<Connect><Stream>")),
        (Dial("+1", None), Notice("<Dial><Number>")),
        (Dial("sip:a@h", None, noun="Sip"), Notice("<Dial><Sip>")),
        (UnknownVerb("Dial Client"), Notice("<Dial><Client>")),
        (UnknownVerb("Record"), Notice("<Record>")),
        (UnknownVerb("Dial Queue"), UnknownVerb("Dial Queue")),
        (UnknownVerb("Enqueue"), UnknownVerb("Enqueue")),
        (PlayFile("/x", 0), PlayFile("/x", 10)),
        (PlayFile("/x", 11), PlayFile("/x", 10)),
        (PlayFile("/x", 10), PlayFile("/x", 10)),
        (SayText("hello"), SayText("hello")),
        (Gather(), Gather()),
        (Hangup(), Hangup()),
    ],
)
def test_trial(verb: Verb, allowed: Verb) -> None:
    assert as_allowed(verb, TRIAL) == allowed
    assert as_allowed(verb, ORDINARY) == verb


def test_ten_hops() -> None:
    check_hop(TRIAL, 10)
    check_hop(ORDINARY, 400)
    with pytest.raises(Fault, match="10 redirects and actions"):
        check_hop(TRIAL, 11)
