"""Connections that waste the service's time, each over a real socket: they end soon, by name, and leave nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import inspect
import os
import socket
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext

from telephony.web import connections, media_socket, server
from telephony.web.doorkeeper import MOST_REFUSALS
from telephony.web.serve import Service, bind
from tests.integration.conftest import StartService
from tests.integration.foreign_carrier import ForeignCarrier
from tests.integration.settling import idle, settled
from tests.support.waiting import paced, until

CALL = "CA" + "7" * 32
KEY = base64.b64encode(b"0123456789abcdef").decode()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times that connections have, made short."""
    monkeypatch.setattr(connections, "HEAD_S", 0.4)
    monkeypatch.setattr(connections, "_TIME_S", dict.fromkeys(connections.Phase, 0.6))
    monkeypatch.setattr(server, "SWEEP_S", 0.05)
    monkeypatch.setattr(media_socket, "LINGER_S", 0.1)
    monkeypatch.setattr(media_socket, "DISCARD_S", 0.2)


@pytest.fixture
async def quiet(hurry: None, start_service: StartService) -> AsyncIterator[Service]:
    """A service that must be as it was when the test is over: no task, connection, descriptor or place more."""
    service = await start_service()
    async with asyncio.timeout(5):
        await answers(service)
    await settled(service)
    descriptors, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
    yield service
    await settled(service)
    await until(
        lambda: len(asyncio.all_tasks()) <= tasks and len(os.listdir("/proc/self/fd")) <= descriptors,
        within_s=5,
        what="tasks and descriptors as before",
    )
    assert service.host.counts["connection closed: server error"] == 0
    assert service.host.state()["expected"] == service.host.state()["calls"] == 0


async def answers(service: Service) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{service.url}/healthz") as response:
        assert await response.text() == "ok\n"


async def connect(service: Service) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", service.port)


async def until_closed(reader: asyncio.StreamReader, within_s: float = 5.0) -> bytes:
    """What came until the service closed."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(within_s):
            while data := await reader.read(65536):
                answer += data
    return answer


def upgrade(path: str = "/media/x", *more: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


POST = b"POST /twilio/voice HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CASES: list[tuple[str, bytes, str, bytes]] = [
    ("nothing", b"", "no request", b""),
    ("half a head", b"GET /healthz HT", "half a head", b""),
    ("half an upgrade", upgrade()[:-4], "half a head", b""),
    ("a body that does not come", POST + b"Content-Length: 1000\r\n\r\nCallSid=", "half a body", b""),
    ("a chunk that does not come", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nCall", "half a body", b""),
    ("a head without end", b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, "head too big", b"HTTP/1.1 431"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), "bad head", b"HTTP/1.1 400"),
    ("garbage", b"\x00\xff garbage \r\n\r\n", "bad head", b"HTTP/1.1 400"),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2", b"HTTP/1.1 505"),
    ("a socket before its upgrade", b"\x81\x85abcdhello", "bad head", b"HTTP/1.1 400"),
]


@pytest.mark.parametrize(("sent", "reason", "answer"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_what_is_no_request_is_closed_and_named(
    quiet: Service, caplog: pytest.LogCaptureFixture, sent: bytes, reason: str, answer: bytes
) -> None:
    reader, writer = await connect(quiet)
    writer.write(sent)
    assert (await until_closed(reader)).startswith(answer)
    writer.close()
    await settled(quiet)
    assert quiet.host.counts[f"connection closed: {reason}"] == 1
    events = [getattr(record, "event", "") for record in caplog.records]
    assert events.count(f"refused.connection.{reason.replace(' ', '-')}") == 1
    await answers(quiet)


@pytest.mark.parametrize(
    "sent",
    [
        upgrade("/media/x").replace(b"Version: 13", b"Version: 12"),
        upgrade("/media/x").replace(KEY.encode(), b"").replace(b"Sec-WebSocket-Key: \r\n", b""),
        upgrade("/media/x").replace(b"HTTP/1.1", b"HTTP/1.0"),
        upgrade("/media/x") + b"\x81\x85abcdhello" * 50,
        upgrade("/media/x", "Sec-WebSocket-Protocol: \xff"),
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 40,
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + b"\x00garbage\r\n\r\n" * 40,
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzzzzz\r\n",
        POST + b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000,
        b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000,
        POST + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    ],
    ids=range(13),
)
async def test_a_peer_that_holds_on_is_cut(quiet: Service, sent: bytes) -> None:
    """It never closes its side, and never reads either."""
    reader, writer = await connect(quiet)
    writer.write(sent)
    await settled(quiet)
    assert b"101 " not in await until_closed(reader)
    writer.close()
    await answers(quiet)


async def test_strangers_do_not_keep_anybody_out(
    hurry: None, start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.web.serve.strangers", lambda limit, max_calls: 20)
    monkeypatch.setattr(connections, "HEAD_S", 30.0)
    service = await start_service()
    idle = [await connect(service) for _ in range(60)]
    assert service.host.connections is not None
    assert service.host.connections.number()["head"] <= 20
    await answers(service)
    assert service.host.counts["connection closed: too many"] >= 40
    for _, writer in idle:
        writer.close()


async def test_whose_head_comes_late_is_answered_beside_bodies_that_never_come(
    hurry: None, start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.web.serve.strangers", lambda limit, max_calls: 60)
    monkeypatch.setattr(connections, "HEAD_S", 30.0)
    monkeypatch.setattr(connections, "_TIME_S", dict.fromkeys(connections.Phase, 30.0))
    service = await start_service()
    head = POST + b"X-Twilio-Signature: " + b"A" * 27 + b"=\r\nContent-Length: 1000\r\n\r\na"
    slow = []
    for _ in range(20):
        reader, writer = await connect(service)
        for _ in range(10):
            slow.append((await connect(service))[1])
            slow[-1].write(head)
        await paced(0.01)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200" in await until_closed(reader)
        writer.close()
    assert service.host.counts["connection closed: too many"] >= 140
    for writer in slow:
        writer.close()


# --- sockets that were admitted ---------------------------------------------------------------------------------------


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """A masked WebSocket frame, with a mask of zeros."""
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    size = len(payload)
    if size > 0xFFFF:
        length = struct.pack("!BQ", 0xFF, size)
    else:
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
    return bytes([first]) + length + bytes(4) + payload


CONNECTED = b'{"event":"connected","protocol":"Call","version":"1.0.0"}'
START = (
    b'{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"'
    + CALL.encode()
    + b'","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}'
)


async def admitted(
    service: Service, *more: str, buffer_bytes: int = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A socket past its upgrade, and the head of the answer. `buffer_bytes`: what the peer's system takes unread."""
    async with ForeignCarrier(service.url, (Path("data") / "auth-token").read_text().strip()) as carrier:
        url = await carrier.token_url(CALL)
    peer = socket.socket()
    if buffer_bytes:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    peer.setblocking(False)
    await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", service.port))
    reader, writer = await asyncio.open_connection(sock=peer)
    writer.write(upgrade(url[url.index("/media/") :], *more))
    async with asyncio.timeout(5):
        return reader, writer, await reader.readuntil(b"\r\n\r\n")


async def test_compression_is_not_taken(quiet: Service) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    reader, writer, head = await admitted(quiet, offer)
    assert head.startswith(b"HTTP/1.1 101")
    assert b"extensions" not in head.lower()
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(bytes(30_000_000)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    tracemalloc.start()
    writer.write(frame(1, packed[:-4], rsv1=True))
    await until_closed(reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
    writer.close()


Sender = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def tiny_fragments(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(1, b"{", fin=False))
    for _ in range(400):
        writer.write(frame(0, b"", fin=False) * 1000)
        await writer.drain()


async def pings(writer: asyncio.StreamWriter) -> None:
    for _ in range(400):
        writer.write(frame(9, b"") * 1000)
        await writer.drain()


async def marks(writer: asyncio.StreamWriter) -> None:
    mark = frame(1, b'{"event":"mark","sequenceNumber":"1","streamSid":"MZ1","mark":{"name":"x"}}')
    for _ in range(400):
        writer.write(mark * 100)
        await writer.drain()


async def big_messages(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(1, b"x" * 100_000))
    await writer.drain()


async def endless_message(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(1, b"x" * 1000, fin=False))
    for _ in range(3000):
        writer.write(frame(0, b"x" * 1000, fin=False))
        await writer.drain()


async def binaries(writer: asyncio.StreamWriter) -> None:
    writer.write(frame(2, b"x" * 100) * 100)
    await writer.drain()


@pytest.mark.parametrize(
    ("sender", "counted"),
    [
        (tiny_fragments, "connection closed: too much data"),
        (pings, "connection closed: too much data"),
        (marks, "socket protocol: too_fast"),
        (big_messages, "socket protocol: too_big"),
        (endless_message, "connection closed: too much data"),
        (binaries, "socket protocol: binary"),
    ],
)
async def test_floods_over_an_admitted_socket(quiet: Service, sender: Sender, counted: str) -> None:
    longest_s = await flood(quiet, sender)
    if longest_s >= 0.5:  # a machine may stop for a moment; a flood that stops the loop does so each time
        longest_s = await flood(quiet, sender)
    assert quiet.host.counts[counted] >= 1
    assert longest_s < 0.5, "no other call waits for long"


async def flood(quiet: Service, sender: Sender) -> float:
    """Send until the service has closed the socket. The longest time, in seconds, for which the loop stood still."""
    reader, writer, _ = await admitted(quiet)
    writer.write(frame(1, CONNECTED) + frame(1, START))
    longest_s, ends = 0.0, asyncio.Event()

    async def feel_the_loop() -> None:
        nonlocal longest_s
        while not ends.is_set():
            began_s = asyncio.get_running_loop().time()
            await paced(0.005)
            longest_s = max(longest_s, asyncio.get_running_loop().time() - began_s - 0.005)

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            await sender(writer)

    feeling, sending = asyncio.create_task(feel_the_loop()), asyncio.create_task(send())
    await until_closed(reader, within_s=10)
    sending.cancel()
    ends.set()
    await asyncio.wait({feeling, sending})
    writer.close()
    await settled(quiet)
    return longest_s
    assert quiet.host.state()["calls"] == 0


async def test_a_peer_that_reads_nothing_is_left(
    hurry: None, start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_small_buffers(host: str, port: int) -> socket.socket:
        listening = bind(host, port)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return listening

    monkeypatch.setattr("telephony.web.serve.bind", with_small_buffers)
    monkeypatch.setattr("telephony.media_stream.line.SEND_DEADLINE_S", 0.3)
    quiet = await start_service()
    _, writer, _ = await admitted(quiet, buffer_bytes=4096)
    # Pings with much in them: their answers fill every buffer on the way back.
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(frame(1, CONNECTED) + frame(1, START) + frame(9, b"x" * 125) * 6000)
    await until(lambda: quiet.host.state()["calls"], within_s=10, what="the call")
    await idle(quiet, 10)
    await settled(quiet)
    counts = quiet.host.counts
    assert counts["socket protocol: slow_reader"] == 1
    writer.transport.abort()


@pytest.mark.parametrize("after", [b"", frame(1, CONNECTED), frame(1, CONNECTED) + frame(1, START)])
async def test_a_socket_that_falls_silent_is_ended(
    quiet: Service, monkeypatch: pytest.MonkeyPatch, after: bytes
) -> None:
    monkeypatch.setattr("telephony.web.host.START_DEADLINE_S", 0.3)
    monkeypatch.setattr("telephony.media_stream.line.DEAD_S", 0.3)
    _, writer, _ = await admitted(quiet)
    writer.write(after)
    await settled(quiet)
    kind = "silent" if START in after else "no_start"
    assert quiet.host.counts[f"socket protocol: {kind}"] == 1
    writer.close()


async def test_hypercorn_is_as_we_know_it() -> None:
    """What telephony/web/server.py builds on beside Hypercorn's documented surface."""

    def names(callee: Any) -> list[str]:
        return list(inspect.signature(callee).parameters)

    assert names(TCPServer) == ["app", "loop", "config", "context", "state", "reader", "writer"]
    assert names(Lifespan) == ["app", "config", "loop", "lifespan_state"]
    assert names(WorkerContext) == ["max_requests"]
    assert inspect.iscoroutinefunction(TCPServer.run)


async def test_a_noisy_address_still_has_its_signed_webhooks(quiet: Service) -> None:
    """Behind a proxy the carrier has the same address as everybody."""
    async with ForeignCarrier(quiet.url, (Path("data") / "auth-token").read_text().strip()) as carrier:
        statuses = []
        for _ in range(MOST_REFUSALS + 5):
            async with carrier.http.post(f"{quiet.url}/twilio/voice", data={"CallSid": CALL}) as response:
                statuses.append(response.status)
        assert statuses == [403] * MOST_REFUSALS + [429] * 5
        forged = {"X-Twilio-Signature": "0" * 27 + "="}
        assert (await carrier.post(f"{quiet.url}/twilio/status", {"CallSid": CALL}, **forged))[0] == 403
        async with carrier.http.post(
            f"{quiet.url}/twilio/status",
            data={"CallSid": CALL},
            headers={"X-Twilio-Signature": carrier.sign(f"{quiet.url}/twilio/status", {"CallSid": CALL})},
        ) as response:
            assert response.status == 204
    await answers(quiet)
    assert quiet.host.counts["refused: shed"] == 5
