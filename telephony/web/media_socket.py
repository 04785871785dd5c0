"""The media socket: a raw ASGI callable in front of the web app, because Quart's own socket queue has no bound.

Quart moves messages into an unbounded queue and drops what is unread at a disconnect (the carrier's `stop` among it).
Hypercorn's own queue, read directly, is bounded, pushes back on the peer, and loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from agent.errors import RemoteError
from telephony.logs.context import call_context, event
from telephony.logs.source import source_of
from telephony.media_stream.line import TextSocket
from telephony.tokens import TokenRefused
from telephony.twilio.twiml import MEDIA_PATH
from telephony.web.connections import Connection, connection_of

log = logging.getLogger("offhook.media")

AsgiScope = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

#: After our close frame a peer answers with its own within a round trip. If we left before, what it still sends
#: would meet a closed port, and the reset could overtake our close frame.
LINGER_S = 2.0
#: A peer that does not close goes on filling Hypercorn's queue, and would block it for ever if nobody read.
DISCARD_S = 30.0
#: A peer that takes nothing for so long gets no close frame.
CLOSE_S = 2.0
#: A 20 ms message has about 300 characters, 16 kHz ones 1000; the longest rightful one (`start`, with its parameters)
#: some thousands.
MAX_MESSAGE_CHARS = 64 * 1024
#: What `offhook doctor` gives for a token, to see it refused: the log says so, or it would look like an attack.
DOCTOR_PROBE = "offhook-doctor-probe"
#: A peer that goes on after so many does not speak this protocol. Nothing that we know sends even one.
MAX_BINARY_FRAMES = 50


class MediaHost(Protocol):
    """What the gate asks of the service."""

    @property
    def counts(self) -> Counter[str]:
        """Where the gate counts what it does, by name."""

    def verify_token(self, token: str) -> str:
        """The call that an unspent token would admit. Raises TokenRefused."""

    def enter(self, token: str) -> bool:
        """Spend the token and take a place for its call; False, and nothing spent, when there is none."""

    def note_upgrade(self, scope: AsgiScope, call_sid: str) -> None:
        """A socket is about to be accepted: look at its signature, for the log. May raise TokenRefused."""

    async def answer(self, socket: TextSocket, call_sid: str) -> int:
        """Serve a stream to its end and free its place; the close code for the socket. Never raises Exception."""


class MediaGate:
    """Takes media sockets for itself, hands everything else on to the web app."""

    def __init__(self, app: AsgiApp, host: MediaHost, *, refusal_headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """`refusal_headers` go with every refused upgrade."""
        self._app = app
        self._refusal_headers = refusal_headers
        self._host = host
        self._discarding: set[asyncio.Task[None]] = set()
        self._serving = 0

    @property
    def open_sockets(self) -> int:
        """Sockets that are served, or still being closed."""
        return self._serving + len(self._discarding)

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        await receive()  # websocket.connect
        raw_path: bytes = scope["raw_path"]
        if not raw_path.startswith(MEDIA_PATH.encode()):
            self._host.counts["socket refused: elsewhere"] += 1
            where = event("refused.path", source=source_of(scope))
            log.warning("a socket was refused: %r is no media socket", raw_path[:80], extra=where)
            await self._refuse(scope, send, 404)
            return
        token = raw_path[len(MEDIA_PATH) :].decode("latin-1").removesuffix("/")
        if token == DOCTOR_PROBE:
            why = event("refused.probe", source=source_of(scope))
            log.info("offhook doctor tried whether a media socket without a token is refused: it is", extra=why)
            await self._refuse(scope, send, 403)
            return
        try:
            call_sid = self._host.verify_token(token)
            self._host.note_upgrade(scope, call_sid)
            entered = self._host.enter(token)
        except TokenRefused as refusal:
            self._host.counts[f"socket refused: {refusal.reason}"] += 1
            why = event("refused.token", source=source_of(scope), reason=refusal.reason)
            log.warning("a media socket was refused: %s", refusal, extra=why)
            await self._refuse(scope, send, 403)
            return
        if not entered:
            why = event("refused.room", source=source_of(scope))
            log.warning("call %s: its media socket was refused: no room", call_sid, extra=why)
            await self._refuse(scope, send, 503)
            return
        self._host.counts["socket accepted"] += 1
        self._serving += 1
        try:
            with call_context(call_sid):
                await self._serve(call_sid, connection_of(scope), receive, send)
        finally:
            self._serving -= 1

    async def _refuse(self, scope: AsgiScope, send: AsgiSend, status: int) -> None:
        """Answer an upgrade with a real HTTP status where the server can, else by closing (which becomes 403)."""
        if "websocket.http.response" in scope.get("extensions", {}):
            headers = [(b"content-length", b"0"), (b"connection", b"close"), *self._refusal_headers]
            await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b""})
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, call_sid: str, connection: Connection | None, receive: AsgiReceive, send: AsgiSend) -> None:
        socket = AsgiTextSocket(receive, send)
        code = 1011
        if connection is not None:
            connection.keep()
        try:
            # The place is taken: from here on only `answer` may run, which frees it.
            code = await self._host.answer(socket, call_sid)
        finally:
            if connection is not None:
                connection.dismiss()
            await socket.close(code)
            if not await socket.linger(LINGER_S):
                discarding = asyncio.create_task(socket.discard(DISCARD_S))
                self._discarding.add(discarding)
                discarding.add_done_callback(self._discarding.discard)
            if socket.binary_frames:
                self._host.counts["socket binary frames"] += socket.binary_frames
                found = event("socket.binary", frames=socket.binary_frames)
                log.warning("call %s: %d binary frames were ignored", call_sid, socket.binary_frames, extra=found)


class AsgiTextSocket:
    """A TextSocket (media_stream/line.py) over one ASGI WebSocket. One reader; it accepts the upgrade at first use."""

    def __init__(self, receive: AsgiReceive, send: AsgiSend) -> None:
        self._receive = receive
        self._send = send
        self._accepted = False
        self._gone = False
        self._closed = False
        self._reading: asyncio.Timeout | None = None
        self.binary_frames = 0

    async def accept(self) -> None:
        """Answer the upgrade with 101."""
        if not self._accepted:
            self._accepted = True
            await self._send({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def receive(self) -> str | None:
        """The next text message; None once the peer is gone or we have closed. Binary frames are counted, not given.

        Raises RemoteError, and closes, for a message that is too long, and for too many binary frames.
        """
        await self.accept()
        while not (self._gone or self._closed):
            try:
                # A deadline that only our own close() sets: a dead peer would never wake this reader.
                async with asyncio.timeout(None) as self._reading:
                    event = await self._receive()
            except TimeoutError:
                return None
            finally:
                self._reading = None
            if event["type"] == "websocket.disconnect":
                self._gone = True
            else:
                text: str | None = event.get("text")
                if text is None:
                    self.binary_frames += 1
                    if self.binary_frames > MAX_BINARY_FRAMES:
                        await self.close(1003)
                        raise RemoteError(f"media stream: binary frames, more than {MAX_BINARY_FRAMES}")
                elif len(text) > MAX_MESSAGE_CHARS:
                    await self.close(1009)
                    raise RemoteError(
                        f"media stream: a message of {len(text)} characters; {MAX_MESSAGE_CHARS} are the most"
                    )
                else:
                    return text
        return None

    async def send(self, text: str) -> None:
        """Send one text message; returns when the transport has taken it. ConnectionResetError: the peer is gone."""
        if self._gone or self._closed:
            raise ConnectionResetError("the media socket is closed")
        await self.accept()
        await self._send({"type": "websocket.send", "bytes": None, "text": text})

    async def close(self, code: int = 1000) -> None:
        """Send the close frame, and wake a waiting `receive`. Idempotent; gives up on a peer that takes nothing."""
        if self._closed:
            return
        self._closed = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())
        if self._gone:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.accept()
                await self._send({"type": "websocket.close", "code": code, "reason": ""})
        except (TimeoutError, OSError):
            self._gone = True

    async def linger(self, deadline_s: float) -> bool:
        """After `close`: read and drop what the peer still sends. True once it is gone, False if it stays longer."""
        try:
            async with asyncio.timeout(deadline_s):
                while not self._gone:
                    self._gone = (await self._receive())["type"] == "websocket.disconnect"
        except TimeoutError:
            return False
        return True

    async def discard(self, deadline_s: float) -> None:
        """As `linger`, beside the server's own closing of the connection."""
        await self.linger(deadline_s)
