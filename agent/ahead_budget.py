"""Budget: how much of a call's thinking ahead may come to nothing. Pure."""

from __future__ import annotations

#: A caller who pauses and goes on, again and again, is not answered in thought each time.
MOST_IN_A_TURN = 3
#: Where so many drafts were in vain, and more of them than not, this caller or this recogniser is not to be guessed.
MOST_IN_VAIN = 6


class Budget:
    """One call's. `began()` for each draft, `taken()` for one that became the reply."""

    def __init__(self) -> None:
        self.drafts = 0
        self.taken_over = 0
        self._turn = 0
        self._in_turn = 0

    @property
    def in_vain(self) -> int:
        """Drafts that did not become a reply (one that is under way among them)."""
        return self.drafts - self.taken_over

    def allows(self, turn: int) -> bool:
        """Whether one more may be begun, in this turn."""
        if turn == self._turn and self._in_turn >= MOST_IN_A_TURN:
            return False
        return self.in_vain < MOST_IN_VAIN or self.taken_over >= self.in_vain

    def began(self, turn: int) -> None:
        if turn != self._turn:
            self._turn, self._in_turn = turn, 0
        self._in_turn += 1
        self.drafts += 1

    def taken(self) -> None:
        self.taken_over += 1
