"""Turn ends counted: false cutoffs, delays and losses of a group of items, and curves of the two. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from agent.summary import percentile
from telephony.bench.turns.turn_ends import TurnEnd


@dataclass(frozen=True, slots=True)
class Tally:
    """A group's figures. Shares are 0..1; delays in ms from the last speech sample, of items that were not cut.

    `causes` of losses; `reasons` why turns ended, in time and (`cut_reasons`) too early; each with its count.
    """

    items: int
    cut: int
    pauses: int
    pauses_cut: int
    not_ended: int
    """Not cut, and no end came at all. The others ended: they are in `ended_ms`."""
    ended_ms: tuple[int, ...]
    committed_ms: tuple[int, ...]
    understood: int
    whole: int
    """Understood, and not cut: the items that have no cause of loss."""
    causes: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]
    cut_reasons: tuple[tuple[str, int], ...]
    probable_ms: tuple[int, ...]

    @property
    def cut_share(self) -> float:
        """Of items."""
        return self.cut / self.items if self.items else 0.0

    @property
    def pauses_cut_share(self) -> float:
        """Of inner pauses of at least 200 ms."""
        return self.pauses_cut / self.pauses if self.pauses else 0.0

    @property
    def mean_ms(self) -> float:
        """The mean delay to the end of a turn; 0 if none ended."""
        return fmean(self.ended_ms) if self.ended_ms else 0.0

    def ended(self, percent: float) -> int | None:
        """A percentile of the delay to `turn.ended`, by nearest rank."""
        return percentile(self.ended_ms, percent)

    def committed(self, percent: float) -> int | None:
        """A percentile of the delay to `turn.committed`, by nearest rank."""
        return percentile(self.committed_ms, percent)


def tally(ends: Sequence[TurnEnd]) -> Tally:
    """The figures of these items together."""
    causes = Counter(end.cause for end in ends if end.cause)
    reasons = Counter(end.reason for end in ends if end.reason and not end.cut)
    cut_reasons = Counter(end.reason for end in ends if end.reason and end.cut)
    return Tally(
        items=len(ends),
        cut=sum(end.cut for end in ends),
        pauses=sum(end.pauses for end in ends),
        pauses_cut=sum(end.pauses_cut for end in ends),
        not_ended=sum(end.ended_ms is None and not end.cut for end in ends),
        ended_ms=tuple(end.ended_ms for end in ends if end.ended_ms is not None),
        committed_ms=tuple(end.committed_ms for end in ends if end.committed_ms is not None),
        understood=sum(end.understood for end in ends),
        whole=sum(end.understood and not end.cut for end in ends),
        causes=tuple(causes.most_common()),
        reasons=tuple(reasons.most_common()),
        cut_reasons=tuple(cut_reasons.most_common()),
        probable_ms=tuple(end.probable_ms for end in ends if end.probable_ms is not None),
    )


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of a sweep: mean delay and the share of inner pauses that were cut."""

    label: str
    mean_ms: float
    cut_share: float


def cut_share_at(points: Sequence[Point], mean_ms: float) -> float | None:
    """The share of pauses cut at a mean delay, between the two settings next to it (a straight line); None beyond the
    settings that were tried. Of settings of the same delay the better counts."""
    best: dict[float, float] = {}
    for point in points:
        best[point.mean_ms] = min(point.cut_share, best.get(point.mean_ms, 1.0))
    ranked = sorted(best.items())
    for (before_ms, before), (after_ms, after) in pairwise(ranked):
        if before_ms <= mean_ms <= after_ms:
            along = (mean_ms - before_ms) / (after_ms - before_ms)
            return before + along * (after - before)
    return ranked[0][1] if len(ranked) == 1 and ranked[0][0] == mean_ms else None
