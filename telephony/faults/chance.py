"""Lists made by chance that is no chance: the same seed gives the same list on every machine, for ever.

Only `Random.random()` is used: Python promises that its sequence does not change between versions.
"""

from __future__ import annotations

from random import Random

LENGTH = 3000
"""Frames in a list, if nothing else is said: a minute, then it repeats."""


def lost(*, percent: float, mean_burst: float, seed: int, length: int = LENGTH) -> tuple[int, ...]:
    """1 for a lost frame: `percent` of them in the long run, in bursts of `mean_burst` frames on average (at least 1).

    Gilbert's chain of two states (Bell System Technical Journal 39, 1960), as tc-netem's `gemodel p r`: every frame of
    the bad state is lost, none of the good one.
    """
    leave_bad = 1 / mean_burst
    enter_bad = leave_bad * percent / (100 - percent)
    chance, bad, out = Random(seed), False, []
    for _ in range(length):
        bad = chance.random() >= leave_bad if bad else chance.random() < enter_bad
        out.append(int(bad))
    return tuple(out)


def late(*, percent: float, up_to_ms: int, seed: int, length: int = LENGTH) -> tuple[int, ...]:
    """How late each frame is: `percent` of them are, by anything up to `up_to_ms`, evenly."""
    chance, out = Random(seed), []
    for _ in range(length):
        hit, how_much = chance.random() * 100 < percent, chance.random()
        out.append(round(how_much * up_to_ms) if hit else 0)
    return tuple(out)
