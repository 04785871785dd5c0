"""The gate of the media socket, against a server made of two queues."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from telephony.media_stream.line import TextSocket
from telephony.tokens import TokenRefused
from telephony.web import media_socket
from telephony.web.media_socket import AsgiTextSocket, MediaGate
from tests.support.waiting import until

Answer = Callable[[TextSocket], Awaitable[int]]


class FakeServer:
    """An ASGI server's side of one socket."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.to_app.put_nowait({"type": "websocket.connect"})

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.disconnect()

    def text(self, text: str) -> None:
        self.to_app.put_nowait({"type": "websocket.receive", "text": text, "bytes": None})

    def disconnect(self) -> None:
        self.to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})

    @property
    def kinds(self) -> list[str]:
        return [message["type"].removeprefix("websocket.") for message in self.sent]


class FakeHost:
    def __init__(self, answer: Answer | None = None, *, full: bool = False) -> None:
        self._answer = answer
        self._full = full
        self.counts: Counter[str] = Counter()

    def verify_token(self, token: str) -> str:
        if token != "good":
            raise TokenRefused("no")
        return "CA1"

    def enter(self, token: str) -> bool:
        return not self._full

    def note_upgrade(self, scope: Any, call_sid: str) -> None:
        assert call_sid == "CA1"

    async def answer(self, socket: TextSocket, call_sid: str) -> int:
        assert self._answer is not None
        return await self._answer(socket)


async def serve(host: FakeHost, server: FakeServer, path: bytes = b"/media/good", **scope: Any) -> None:
    async def no_app(*_: Any) -> None:
        raise AssertionError("a websocket never reaches the web app")

    full_scope = {"type": "websocket", "raw_path": path, "extensions": {"websocket.http.response": {}}, **scope}
    async with asyncio.timeout(5):
        await MediaGate(no_app, host)(full_scope, server.to_app.get, server.send)


@pytest.mark.parametrize(
    ("path", "status"),
    [(b"/media/bad", 403), (b"/media/", 403), (b"/media/\xff", 403), (b"/other", 404), (b"/mediagood", 404)],
)
async def test_a_refusal_is_an_http_status(path: bytes, status: int) -> None:
    server, host = FakeServer(), FakeHost()
    await serve(host, server, path)
    assert host.counts == {"socket refused: elsewhere" if status == 404 else "socket refused: forged": 1}
    assert server.kinds == ["http.response.start", "http.response.body"]
    assert server.sent[0]["status"] == status


async def test_no_room_is_503_and_a_server_without_the_extension_closes() -> None:
    server = FakeServer()
    await serve(FakeHost(full=True), server)
    assert server.sent[0]["status"] == 503
    server = FakeServer()
    await serve(FakeHost(full=True), server, extensions={})
    assert server.kinds == ["close"]


async def test_everything_but_sockets_goes_to_the_web_app() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    for kind in ("http", "lifespan"):
        await MediaGate(app, FakeHost())({"type": kind}, FakeServer().to_app.get, FakeServer().send)
    assert seen == ["http", "lifespan"]


async def test_every_message_before_the_disconnect_is_read_and_binary_ones_are_counted() -> None:
    server, heard = FakeServer(), []

    async def listen(socket: TextSocket) -> int:
        while (text := await socket.receive()) is not None:
            heard.append(text)
        assert await socket.receive() is None
        with pytest.raises(ConnectionResetError):
            await socket.send("too late")
        return 1000

    for number in range(30):
        server.text(str(number))
    server.to_app.put_nowait({"type": "websocket.receive", "text": None, "bytes": b"x"})
    server.text("last")
    server.disconnect()
    await serve(FakeHost(listen), server)
    assert heard == [*map(str, range(30)), "last"]
    assert server.kinds == ["accept"], "a peer that has gone gets no close frame"


@pytest.mark.parametrize("code", [1000, 1011, 1002])
async def test_the_socket_is_closed_with_the_hosts_code(code: int) -> None:
    server = FakeServer()

    async def hang_up(socket: TextSocket) -> int:
        await socket.send("hello")
        return code

    await serve(FakeHost(hang_up), server)
    assert server.kinds == ["accept", "send", "close"]
    assert server.sent[-1]["code"] == code


async def test_a_host_that_fails_after_all_closes_1011() -> None:
    server = FakeServer()

    async def fail(socket: TextSocket) -> int:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        await serve(FakeHost(fail), server)
    assert server.sent[-1] == {"type": "websocket.close", "code": 1011, "reason": ""}


async def test_our_own_close_wakes_a_reader_of_a_dead_peer() -> None:
    server = FakeServer()
    await server.to_app.get()
    socket = AsgiTextSocket(server.to_app.get, server.send)
    reading = asyncio.create_task(socket.receive())
    await asyncio.sleep(0)
    await socket.close(1000)
    await socket.close(1011)
    async with asyncio.timeout(1):
        assert await reading is None
    assert not reading.cancelled()
    assert server.kinds == ["accept", "close"]


async def test_a_cancelled_reader_is_cancelled() -> None:
    server = FakeServer()
    await server.to_app.get()
    socket = AsgiTextSocket(server.to_app.get, server.send)
    reading = asyncio.create_task(socket.receive())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_peer_that_does_not_close_is_read_beside_the_servers_own_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(media_socket, "LINGER_S", 0.01)
    server = FakeServer()

    async def send(message: Any) -> None:
        server.sent.append(message)

    async def leave(socket: TextSocket) -> int:
        await socket.receive()
        return 1000

    server.text("first")
    host = FakeHost(leave)
    gate = MediaGate(lambda *_: asyncio.sleep(0), host)
    scope = {"type": "websocket", "raw_path": b"/media/good", "extensions": {}}
    await gate(scope, server.to_app.get, send)
    assert gate.open_sockets == 1
    assert host.counts == {"socket accepted": 1}
    for _ in range(50):
        server.text("still talking")
    server.disconnect()
    await until(lambda: not gate.open_sockets, within_s=1, what="the socket let go of")
    assert server.to_app.empty(), "else the server's reader would wait for ever"
