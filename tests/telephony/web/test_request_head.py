"""The head of a request: what the server is not to see is gone from it, and nothing else."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.web.request_head import MAX_HEAD_BYTES, NOT_TAKEN, BadHead, body_bytes, head_end, screened

GET = b"GET /media/x HTTP/1.1\r\nHost: a\r\n"


def parsed(head: bytes) -> h11.Request | None:
    """The head as h11, which Hypercorn reads with, understands it."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("piece", [1, 2, 3, 7, 100])
def test_the_end_is_found_however_it_comes(end: bytes, piece: int) -> None:
    head = GET + b"Upgrade: websocket" + end + end
    data = bytearray()
    for at in range(0, len(head), piece):
        searched = len(data)
        data += head[at : at + piece]
        found = head_end(data, searched)
        assert (found is not None) == (len(data) >= len(head))
    assert found == len(head)
    assert head_end(head + b"{body}\r\n\r\n") == len(head)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\r\n", 400),
        (b"\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"{}", 400),
        (b"\x00", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES, 431),
        (b"GET /" + b"x" * 100_000, 431),
    ],
)
def test_what_will_never_be_a_head_is_told_early(data: bytes, status: int) -> None:
    with pytest.raises(BadHead) as refusal:
        head_end(data)
    assert refusal.value.status == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/3.0\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET / x HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", 400),
        (b"G\xc3\x84T / HTTP/1.1\r\n\r\n", 400),
        (GET + b"Sec-WebSocket-Extensions:\r\n permessage-deflate\r\n\r\n", 400),
        (GET + b"Upgrade:\r\n\th2c\r\n\r\n", 400),
        (GET + b"Sec-WebSocket-Protocol: a\xff\r\n\r\n", 400),
        (GET + b"CONNECTION: \x80\r\n\r\n", 400),
    ],
)
def test_heads_that_are_not_served(head: bytes, status: int) -> None:
    with pytest.raises(BadHead) as refusal:
        screened(head)
    assert refusal.value.status == status


@pytest.mark.parametrize(
    "offer",
    [
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        b"sec-websocket-EXTENSIONS:permessage-deflate\r\nSEC-WEBSOCKET-EXTENSIONS: x\r\n",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Upgrade: h2c, websocket\r\n",
        b"UPGRADE:  H2C \r\nUpgrade: websocket\r\n",
        b"Upgrade: websocket2\r\n",
        b"Upgrade:\r\n",
    ],
)
def test_offers_are_left_unanswered(offer: bytes) -> None:
    request = parsed(screened(GET + offer + b"X: 1\r\n\r\n"))
    assert request is not None
    headers = dict(request.headers)
    assert b"sec-websocket-extensions" not in headers
    assert headers.get(b"upgrade", b"websocket") == b"websocket"
    assert (headers[b"host"], headers[b"x"]) == (b"a", b"1")


def test_what_is_wanted_is_not_touched() -> None:
    head = GET + b"Upgrade: WebSocket\r\nConnection: Upgrade\r\nX-Upgrade: h2c\r\nQ: a\tupgrade: h2c\r\n\r\n"
    assert screened(head) == head


names = st.sampled_from(
    [b"Upgrade", b"upgrade", b"Sec-WebSocket-Extensions", b"X", b"Connection", b" Upgrade", b"Host"]
)
values = st.one_of(
    st.sampled_from([b"h2c", b"websocket", b"WebSocket ", b"permessage-deflate", b"", b"a\r\n b", b"a\rUpgrade: h2c"]),
    st.binary(max_size=12),
)
colons = st.sampled_from([b":", b": ", b" :", b":\t", b":\r\n ", b""])
ends = st.sampled_from([b"\r\n", b"\n", b"\r\r\n", b"\n\r\n"])
lines = st.builds(lambda n, c, v, e: n + c + v + e, names, colons, values, ends)


@given(lines=st.lists(lines, max_size=6), line=st.sampled_from([b"GET /a HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n"]))
def test_h11_never_sees_an_offer_and_misses_nothing_else(lines: list[bytes], line: bytes) -> None:
    data = line + b"Host: a\r\n" + b"".join(lines) + b"\r\n"
    end = head_end(data)
    assert end is not None
    try:
        request = parsed(screened(data[:end]))
    except BadHead:
        return
    before = parsed(data[:end])
    assert (request is None) == (before is None)
    if request is None or before is None:
        return
    seen = list(request.headers)
    assert request.http_version == b"1.1"
    for name, value in seen:
        assert name != b"sec-websocket-extensions"
        assert name != b"upgrade" or value.lower() == b"websocket"
    kept = [pair for pair in seen if pair[0] != NOT_TAKEN.strip()]
    rest = [
        (name, value)
        for name, value in before.headers
        if name != b"sec-websocket-extensions" and not (name == b"upgrade" and value.lower() != b"websocket")
    ]
    assert kept == rest


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"content-length:1000\r\n", 1000),
        (b"CONTENT-LENGTH: \t7 \n", 7),
        (b"X-Content-Length: 7\r\n", 0),
        (b"Transfer-Encoding: chunked\r\n", None),
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", None),
    ],
)
def test_the_body_that_is_announced(lines: bytes, expected: int | None) -> None:
    assert body_bytes(GET + lines + b"\r\n") == expected
