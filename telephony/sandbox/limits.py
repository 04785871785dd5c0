"""What Twilio allows one call: an ordinary account's limits, and a trial account's. Pure.

Trial: https://www.twilio.com/docs/usage/trials/try-out-voice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from telephony.sandbox.faults import Fault
from telephony.sandbox.verbs import ConnectStream, Dial, Notice, PlayFile, UnknownVerb, Verb
from telephony.sandbox.webhooks import ANSWER_DEADLINE_S


@dataclass(frozen=True, slots=True)
class Limits:
    """`hops`: redirects and actions in one call; None where Twilio names no number."""

    answer_s: float = ANSWER_DEADLINE_S
    hops: int | None = None
    call_s: float | None = None
    trial: bool = False


ORDINARY = Limits()
TRIAL = Limits(answer_s=5.0, hops=10, call_s=600.0, trial=True)
TRIAL_LOOPS = 10
TRIAL_REMOVES = frozenset(
    (
        "Connect ConversationRelay",
        "Connect VirtualAgent",
        "Dial Application",
        "Dial Client",
        "Dial WhatsApp",
        "Pay",
        "Record",
        "Refer",
    )
)


def as_allowed(verb: Verb, limits: Limits) -> Verb:
    """The verb as this account may have it: on a trial, some are replaced by a spoken notice."""
    if not limits.trial:
        return verb
    match verb:
        case ConnectStream():
            return Notice("<Connect><Stream>")
        case Dial():
            return Notice(f"<Dial><{verb.noun}>")
        case UnknownVerb(name) if name in TRIAL_REMOVES:
            return Notice("".join(f"<{tag}>" for tag in name.split()))
        case PlayFile() if not 1 <= verb.loop <= TRIAL_LOOPS:
            return replace(verb, loop=TRIAL_LOOPS)
        case _:
            return verb


def check_hop(limits: Limits, hops: int) -> None:
    """Before the `hops`-th redirect or action is followed. Fault if there may not be so many."""
    if limits.hops is not None and hops > limits.hops:
        raise Fault(
            None, f"a trial account follows {limits.hops} redirects and actions in one call; here came one more"
        )
