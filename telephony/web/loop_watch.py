"""LoopWatch: how late the event loop wakes up, sampled by one task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

#: Often enough to meet what stalls a call (300 ms empties the far end's buffer), seldom enough to cost nothing.
EVERY_S = 0.1
#: The gauge looks back on a minute.
SAMPLES = 600


class LoopWatch:
    """Sleeps and measures. `on_lag` is told each lag in seconds, `every_round` is called every hundred samples."""

    def __init__(self, on_lag: Callable[[float], None], every_round: Callable[[], None] = lambda: None) -> None:
        self._on_lag = on_lag
        self._every_round = every_round
        self._lags: deque[float] = deque(maxlen=SAMPLES)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            for _ in range(100):
                due_s = loop.time() + EVERY_S
                await asyncio.sleep(EVERY_S)
                lag_s = max(0.0, loop.time() - due_s)
                self._lags.append(lag_s)
                self._on_lag(lag_s)
            self._every_round()

    def p99_s(self) -> float:
        """Of the last minute's lags, the one that 99 of 100 do not exceed; 0 before the first."""
        ranked = sorted(self._lags)
        return ranked[-(-99 * len(ranked) // 100) - 1] if ranked else 0.0
