"""Whom a <Dial> calls, and what comes of it: by the script's [[dial]] entries, one for each <Dial>, in order. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from telephony.sandbox.script import DialPlan
from telephony.sandbox.verbs import Dial


@dataclass(frozen=True, slots=True)
class Dialled:
    """One <Dial> that was followed. Times are those of the call, not the sandbox's shortened ones."""

    to: str
    outcome: str
    """Twilio's DialCallStatus: completed, no-answer, busy, failed, canceled."""
    ring_s: float
    talk_s: float
    caller_id: str = ""

    @property
    def answered(self) -> bool:
        return self.outcome == "completed"

    def form(self, dial_sid: str) -> dict[str, str]:
        """What the action is told; a duration only if somebody answered."""
        told = {"DialCallStatus": self.outcome, "DialCallSid": dial_sid}
        return told | ({"DialCallDuration": str(math.ceil(self.talk_s))} if self.answered else {})


class DialBook:
    """The outcomes to come. Beyond the last entry everybody answers."""

    def __init__(self, plans: Iterable[DialPlan]) -> None:
        self.errors: list[str] = []
        self._plans = deque(plans)

    @property
    def left(self) -> tuple[DialPlan, ...]:
        """The entries that no <Dial> has come for."""
        return tuple(self._plans)

    def taken_out(self) -> None:
        """A <Dial> that the account may not make, and that nobody is called by: its entry is done."""
        if self._plans:
            self._plans.popleft()

    def call(self, verb: Dial) -> Dialled:
        """What comes of this <Dial>. Nobody answers after its timeout."""
        plan = self._plans.popleft() if self._plans else DialPlan()
        if plan.to and plan.to != verb.to:
            self.errors.append(f"<Dial> called {verb.to}; the script expected {plan.to}")
        if plan.outcome == "no-answer" or plan.after_s >= verb.timeout_s:
            return Dialled(verb.to, "no-answer", verb.timeout_s, 0.0, verb.caller_id)
        talk_s = plan.talk_s if plan.outcome == "completed" else 0.0
        return Dialled(verb.to, plan.outcome, plan.after_s, talk_s, verb.caller_id)
