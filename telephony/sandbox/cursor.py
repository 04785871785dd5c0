"""How far a caller has come in a script. One for the whole call: streams and <Gather> share it."""

from __future__ import annotations

from telephony.sandbox.script import Drop, HangUp, Step


class Cursor:
    """Stands on a step, or behind the last one."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps = steps
        self.index = 0

    @property
    def step(self) -> Step | None:
        """The step in hand; None when the script is over."""
        return self._steps[self.index] if self.index < len(self._steps) else None

    @property
    def leaves_at_once(self) -> bool:
        """The step in hand is to go, whatever the agent has to say: no answer can come to what was said before it."""
        return isinstance(self.step, HangUp | Drop) and self.step.after_ms is None

    def advance(self) -> None:
        """The step in hand is done, or under way."""
        self.index += 1

    def back(self) -> None:
        """The step before is to be done again."""
        self.index -= 1

    def left(self) -> tuple[Step, ...]:
        """The steps not yet begun, that in hand among them."""
        return self._steps[self.index :]
