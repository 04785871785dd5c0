"""The server: Hypercorn's HTTP and WebSocket, behind an accept of our own that strangers cannot wear out.

Hypercorn has no limit on connections, keeps those whose handshake failed as long as their peer likes, waits for ever
for a queue that nobody reads, and from Python 3.12.1 on its shutdown waits for every peer. So a connection comes to it
(to its `TCPServer`, one a connection) only with a whole, screened head; until then it costs a transport and a few
bytes; and at the end of its time it is cut, whatever Hypercorn waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIFramework, LifespanState
from hypercorn.utils import wrap_app

from telephony.logs.context import event
from telephony.web.connections import STATE_KEY, Connection, ConnectionBook
from telephony.web.frames import FrameCounter
from telephony.web.request_head import BadHead, body_bytes, head_end, is_upgrade, screened

log = logging.getLogger("offhook.server")

#: Waiting to be accepted; each costs the kernel little, and us a descriptor for a moment.
BACKLOG = 1024
#: So much of a peer is read at once before others have their turn. Of a WebSocket: two ordinary messages, or some
#: eighty of the smallest frames, which are two milliseconds of work.
PIECE_BYTES = 2048
PIECE_OF_FRAMES_BYTES = 512
#: What a peer may send: a 16 kHz call sends 45 kB/s, ten seconds of it at once after a stall.
MAX_BYTES_AT_ONCE = 1024 * 1024
MAX_BYTES_PER_S = 128 * 1024
#: And WebSocket frames: more than a line forgives in messages (media_stream/line.py), for pings and pieces.
MAX_FRAMES_AT_ONCE = 1500
MAX_FRAMES_PER_S = 250
SWEEP_S = 0.5


class Server:
    """Serves an ASGI app on a listening socket. Made by `open_server`."""

    def __init__(self, app: AppWrapper, config: Config, book: ConnectionBook) -> None:
        self.book = book
        self.context = WorkerContext(None)
        self.tasks: set[asyncio.Task[Any]] = set()
        self._app = app
        self._config = config

    async def serve(self, front: Front, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its whole head to its end."""
        state = cast(LifespanState, {STATE_KEY: front.connection})
        try:
            loop = asyncio.get_running_loop()
            await TCPServer(self._app, loop, self._config, self.context, state, reader, writer)
        except Exception:
            self.book.counts["connection closed: server error"] += 1
            log.warning("a connection was ended: the server failed on it", exc_info=True, extra=event("socket.server"))
            front.cut("")
        finally:
            self.book.ended(front.connection)

    async def stop(self, grace_s: float) -> None:
        """No more requests; those that run may finish within `grace_s`."""
        self.book.close_strangers()
        await self.context.terminated.set()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=grace_s)
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=grace_s)


class Front(asyncio.Protocol):
    """A connection until its request's head is whole; then it is a stream, and the server's."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._data = bytearray()
        self._handed_over = False
        self.task: asyncio.Task[Any] | None = None
        self.transport: asyncio.Transport
        self.connection: Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connection = self._server.book.opened(self)

    def data_received(self, data: bytes) -> None:
        searched = len(self._data)
        self._data += data
        try:
            end = head_end(self._data, searched)
            if end is not None:
                self._hand_over(screened(bytes(self._data[:end])), bytes(self._data[end:]))
        except BadHead as problem:
            self._refuse(problem)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.book.ended(self.connection)

    # --- Wire -------------------------------------------------------------------------------------------------------

    def cut(self, reason: str) -> None:
        if reason:
            name = f"refused.connection.{reason.replace(' ', '-')}"
            log.warning("a connection was closed: %s", reason, extra=event(name, source=self._peer()))
        self.transport.abort()

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def has_spoken(self) -> bool:
        return bool(self._data) or self._handed_over

    # --- the two ways on --------------------------------------------------------------------------------------------

    def _refuse(self, problem: BadHead) -> None:
        """Say so, where it is a peer that speaks HTTP, and close. What it still sends is not read."""
        book = self._server.book
        name = f"refused.connection.{problem.reason.replace(' ', '-')}"
        log.warning("a connection was refused: %s", problem, extra=event(name, source=self._peer()))
        status = f"HTTP/1.1 {problem.status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        book.counts[f"connection closed: {problem.reason}"] += 1
        self.connection.dismiss()
        self.transport.write(status.encode("ascii"))
        self.transport.close()  # once that is sent

    def _hand_over(self, head: bytes, rest: bytes) -> None:
        loop = asyncio.get_running_loop()
        reader = PacedReader(self._on_too_much, loop, frames_after=len(head) if is_upgrade(head) else None)
        streams = asyncio.StreamReaderProtocol(reader, self._serve, loop=loop)
        self._handed_over = True
        self._data = bytearray()
        length = body_bytes(head)
        self._server.book.requested(self.connection, body_due=length is None or len(rest) < length)
        self.transport.set_protocol(streams)
        streams.connection_made(self.transport)
        streams.data_received(head + rest)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: of one that asyncio's streams make, being cancelled is logged as an error (up to 3.11).
        tasks = self._server.tasks
        self.task = asyncio.get_running_loop().create_task(self._server.serve(self, reader, writer))
        tasks.add(self.task)
        self.task.add_done_callback(tasks.discard)

    def _on_too_much(self) -> None:
        self._server.book.close(self.connection, "too much data")

    def _peer(self) -> str:
        address = self.transport.get_extra_info("peername")
        return str(address[0]) if isinstance(address, tuple) else ""


class Allowance:
    """So much at once, and so much again each second."""

    __slots__ = ("_clock", "_last_s", "_left", "_most", "_per_s")

    def __init__(self, most: int, per_s: int, clock: Callable[[], float]) -> None:
        self._most = self._left = float(most)
        self._per_s = per_s
        self._clock = clock
        self._last_s = clock()

    def use(self, amount: int) -> bool:
        """Whether there was that much left."""
        now_s = self._clock()
        self._left = min(self._most, self._left + (now_s - self._last_s) * self._per_s) - amount
        self._last_s = now_s
        return self._left >= 0


class PacedReader(asyncio.StreamReader):
    """A stream of which a little is read at a time, and not faster than a rightful peer sends."""

    def __init__(
        self, on_too_much: Callable[[], None], loop: asyncio.AbstractEventLoop, *, frames_after: int | None
    ) -> None:
        """`frames_after`: so many bytes are the head of an upgrade, what follows is WebSocket frames."""
        super().__init__(limit=16 * 1024, loop=loop)
        self._on_too_much = on_too_much
        self._head_bytes = frames_after or 0
        self._frames = FrameCounter() if frames_after is not None else None
        self._bytes_left = Allowance(MAX_BYTES_AT_ONCE, MAX_BYTES_PER_S, loop.time)
        self._frames_left = Allowance(MAX_FRAMES_AT_ONCE, MAX_FRAMES_PER_S, loop.time)

    async def read(self, n: int = -1) -> bytes:
        piece = PIECE_BYTES if self._frames is None or self._head_bytes else PIECE_OF_FRAMES_BYTES
        data = await super().read(piece)
        enough = self._bytes_left.use(len(data))
        if self._frames is not None:
            begun = self._frames.feed(data[self._head_bytes :])
            self._head_bytes = max(0, self._head_bytes - len(data))
            enough = self._frames_left.use(begun) and enough
        if not enough:
            self._on_too_much()
            return b""
        if len(data) == piece:
            await asyncio.sleep(0)  # there is more: whoever sends without pause waits for all others between
        return data


@contextlib.asynccontextmanager
async def open_server(
    app: ASGIFramework, config: Config, listening: socket.socket, book: ConnectionBook, *, grace_s: float
) -> AsyncIterator[Server]:
    """Serve `app` while the block runs; at its end, what runs has `grace_s`. Closes `listening`."""
    loop = asyncio.get_running_loop()
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, config, loop, LifespanState())
    living = asyncio.create_task(lifespan.handle_lifespan())
    await lifespan.wait_for_startup()
    server = Server(wrapped, config, book)
    accepting = await loop.create_server(lambda: Front(server), sock=listening, backlog=BACKLOG)
    sweeping = asyncio.create_task(_sweep_for_ever(book))
    try:
        yield server
    finally:
        accepting.close()
        await server.stop(grace_s)
        sweeping.cancel()
        await lifespan.wait_for_shutdown()
        living.cancel()
        await asyncio.wait({living, sweeping})


async def _sweep_for_ever(book: ConnectionBook) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        book.sweep()
