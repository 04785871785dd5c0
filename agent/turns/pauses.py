"""Pauses: how long a silence to wait for, from how finished the words are and how this caller pauses. Pure."""

from __future__ import annotations

import math

from agent.definition import TurnSettings

#: An inner pause of somebody who speaks at leisure on the telephone: where a caller's factor is 1.
USUAL_MS = 500
#: Shorter ones are part of speaking, not pauses.
LEAST_MS = 200
#: So many of a caller's last inner pauses count.
_REMEMBERED = 8
#: The usual pause counts as so many pauses: one pause alone hardly moves the factor.
_PRIOR = 3.0
#: So far from 0.5 a likelihood is taken as certain: words never say more.
_SURE = 0.4
#: However a caller pauses, the waits change by no more than this.
LEAST_FACTOR, MOST_FACTOR = 0.75, 1.6


class CallerPauses:
    """This caller's own inner pauses, and the silence to wait for. Knows durations only, no clock."""

    def __init__(self) -> None:
        self._recent: list[int] = []
        self._factor = 1.0

    def inner(self, pause_ms: int) -> None:
        """The caller went on after a pause of so long, within a turn."""
        if pause_ms < LEAST_MS:
            return
        self._recent = [*self._recent[1 - _REMEMBERED :], pause_ms]
        self._factor = _factor(self._recent)

    @property
    def factor(self) -> float:
        """How much longer (above 1) or shorter than usual this caller's inner pauses are; bounded."""
        return self._factor

    def wait_ms(self, likelihood: float, settings: TurnSettings) -> int:
        """The silence that ends the turn, where the words are complete with this `likelihood`.

        `min_trailing_ms` from 0.9 on, `trailing_ms` at 0.5, `max_trailing_ms` up to 0.1, evenly between them. What
        lies above the least is longer or shorter for this caller, up to `max_trailing_ms`.
        """
        least, unsure, most = settings.least_ms, settings.trailing_ms, settings.most_ms
        lean = min(1.0, max(-1.0, (likelihood - 0.5) / _SURE))
        wait = unsure - (unsure - least) * lean if lean >= 0.0 else unsure - (most - unsure) * lean
        return round(min(most, least + (wait - least) * self._factor))


def _factor(pauses: list[int]) -> float:
    """The median of the pauses against the usual one, held near 1 while there are few."""
    ordered = sorted(pauses)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    weight = len(ordered) / (len(ordered) + _PRIOR)
    return min(MOST_FACTOR, max(LEAST_FACTOR, math.exp(weight * math.log(median / USUAL_MS))))
