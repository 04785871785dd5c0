"""MemorySocket: both ends of a media stream's socket within one virtual loop; what is sent arrives later, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class MemorySocket:
    """A TextSocket (media_stream/line.py) towards the line; `give` is its peer's end. Each way takes `delay_s`."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.on_text: Callable[[str], None] = lambda text: None
        """Told each text that the line has sent, when it arrives."""
        self.on_close: Callable[[int], None] = lambda code: None
        self.delay_s = delay_s
        self.closed: int | None = None
        """The code with which the line has closed it."""
        self.taking = asyncio.Event()
        """While this is not set, the peer takes nothing."""
        self.taking.set()
        self.sent = 0
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[str] = deque()
        self._under_way: deque[str | None] = deque()
        self._last_s = 0.0
        self._gone = False

    # --- the line's side --------------------------------------------------------------------------------------------

    async def receive(self) -> str | None:
        if self._gone or self.closed is not None:
            return None
        text = await self._inbox.get()
        self._gone = text is None
        return text

    async def send(self, text: str) -> None:
        if self._gone or self.closed is not None:
            raise ConnectionResetError("closed")
        await self.taking.wait()
        self.sent += 1
        self._outbox.append(text)
        self._loop.call_later(self.delay_s, lambda: self.on_text(self._outbox.popleft()))

    async def close(self, code: int = 1000) -> None:
        if self.closed is None:
            self.closed = code
            self._inbox.put_nowait(None)
            self._loop.call_later(self.delay_s, self.on_close, code)

    # --- the peer's side --------------------------------------------------------------------------------------------

    def give(self, text: str | None, delay_s: float | None = None) -> None:
        """Send to the line; None: the peer is gone. As on a TCP connection nothing overtakes what was sent before."""
        due = max(self._loop.time() + (self.delay_s if delay_s is None else delay_s), self._last_s)
        self._last_s = due
        self._under_way.append(text)  # on a loop that mixes timers of one moment, their order is kept here
        self._loop.call_at(due, lambda: self._inbox.put_nowait(self._under_way.popleft()))
