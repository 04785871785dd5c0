"""Ending: when a call must end, its goodbye waits for a moment that cuts nobody short, but not for ever. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.turns.floor import Floor

#: For so long nobody is cut short; then what is still to be said is left unsaid.
WIND_UP_S = 8.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How the call ends: `phrase` is said, then the line is left for `reason`. `until_s`: it waits no longer."""

    phrase: str
    reason: str
    until_s: float

    @classmethod
    def begun(cls, phrase: str, reason: str, now_s: float) -> Ending:
        """The call must end from now on."""
        return cls(phrase, reason, now_s + WIND_UP_S)

    def due(self, floor: Floor, now_s: float) -> bool:
        """Whether to say it now: nobody has the floor, or whoever has it has had time enough."""
        return floor is Floor.OPEN or (floor is not Floor.LEAVING and now_s > self.until_s)
