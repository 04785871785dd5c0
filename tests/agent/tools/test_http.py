"""HTTP tools against a server that may be hostile: what is sent, what is told, and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from agent.errors import LocalError, RemoteError
from agent.tools.http import BLOT, MAX_BODY_BYTES, HttpCall, fetch
from tests.support.waiting import paced

KEY = "sk-very-secret/+1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A real one on loopback; `answer` is what it does next."""

    def __init__(self) -> None:
        self.answer: Handler = self.echo
        self.requests: list[web.Request] = []
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        await request.read()
        return await self.answer(request)

    async def echo(self, request: web.Request) -> web.Response:
        body = await request.text()
        return web.json_response({"path": request.raw_path, "headers": dict(request.headers), "body": body})

    def call(self, **fields: Any) -> HttpCall:
        given = {"tool": "t", "method": "GET", "origin": str(self.server.make_url("")).rstrip("/"), "path": "/a/{n}",
                 "private_network": True, "timeout_s": 2.0, **fields}  # fmt: skip
        return HttpCall(**given)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with made.server:
        yield made


async def test_what_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    call = server.call(
        method="POST", query={"q": "{n}", "lang": "en", "none": "{m}"}, headers={"Authorization": "Bearer ${TEST_KEY}"},
        body={"number": "{n}", "text": "no. {n}", "deep": [{"count": "{count}", "flag": True}]},
    )  # fmt: skip
    told = await fetch(call, {"n": "4 7&1=2", "m": None, "count": 3})
    (request,) = server.requests
    assert request.raw_path == "/a/4%207%261%3D2?q=4+7%261%3D2&lang=en"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    sent = {"number": "4 7&1=2", "text": "no. 4 7&1=2", "deep": [{"count": 3, "flag": True}]}
    assert json.loads(told["body"]) == sent
    assert told["headers"]["Authorization"] == f"Bearer {BLOT}"  # said back, it is told to nobody
    assert "Cookie" not in told["headers"]
    assert told["outcome"] == "ok"


@pytest.mark.parametrize(
    "bad", ["", " ", ".", "..", "../x", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a;b", "a\nb", "\x00"]
)
def test_an_argument_leads_to_no_other_path(bad: str) -> None:
    with pytest.raises(LocalError):
        HttpCall("t", "GET", "https://x.test", "/a/{n}/b").url({"n": bad})


@given(st.text(), st.text())
def test_whatever_is_said_the_host_and_the_path_stay(one: str, other: str) -> None:
    call = HttpCall("t", "GET", "https://x.test", "/a/{n}.json", query={"q": "{m}", "fixed": "1"})
    try:
        url = URL(call.url({"n": one, "m": other}), encoded=True)
    except (LocalError, UnicodeEncodeError):
        return
    assert (url.scheme, url.host, url.raw_path.count("/"), url.fragment) == ("https", "x.test", 2, "")
    assert url.raw_path.startswith("/a/")
    assert url.raw_path.endswith(".json")
    assert list(url.query) == ["q", "fixed"]
    assert url.query["q"] == other
    assert URL(str(url)).raw_path.count("/") == 2  # nothing for a client to make shorter


async def redirect_to(place: str, status: int = 302) -> web.Response:
    return web.Response(status=status, headers={"Location": place})


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest", "http://localhost:1/", "//evil.test/", "https://127.0.0.1/", "ftp://x/", "file:///etc"],
)  # fmt: skip
async def test_a_redirect_leads_to_no_other_host(server: Server, place: str) -> None:
    server.answer = lambda request: redirect_to(place)
    with pytest.raises(RemoteError, match="redirects to another host"):
        await fetch(server.call(), {"n": "1"})
    assert len(server.requests) == 1


async def test_redirects_on_the_host_are_followed_a_few_times_by_what_reads(server: Server) -> None:
    async def once(request: web.Request) -> web.StreamResponse:
        return await (redirect_to("/b?c=1") if request.path.startswith("/a") else server.echo(request))

    server.answer = once
    assert (await fetch(server.call(), {"n": "1"}))["path"] == "/b?c=1"
    with pytest.raises(RemoteError, match="answered with a redirect"):
        await fetch(server.call(method="POST", body={}), {"n": "1"})
    server.answer = lambda request: redirect_to("/a/1")
    with pytest.raises(RemoteError, match="again and again"):
        await fetch(server.call(), {"n": "1"})
    assert len(server.requests) == 2 + 1 + 4


async def respond(**fields: Any) -> web.Response:
    return web.Response(**fields)


JSON = "application/json"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": '{"a": 1}', "content_type": JSON}, {"outcome": "ok", "a": 1}),
        ({"text": '{"outcome": "late"}', "content_type": "application/problem+json"}, {"outcome": "late"}),
        ({"text": "[1]", "content_type": JSON}, {"outcome": "ok", "items": [1]}),
        ({"text": "7", "content_type": JSON}, {"outcome": "ok", "value": 7}),
        ({"body": b"\xef\xbb\xbf{}", "content_type": JSON}, {"outcome": "ok"}),
        ({"status": 204}, {"outcome": "done"}),
        ({"status": 404, "text": "<html>"}, {"outcome": "not_found"}),
    ],
)
async def test_what_is_told(server: Server, fields: dict[str, Any], told: dict[str, Any]) -> None:
    server.answer = lambda request: respond(**fields)
    assert await fetch(server.call(), {"n": "1"}) == told


@pytest.mark.parametrize(
    ("fields", "problem", "retryable"),
    [
        ({"status": 500}, "answered 500", True),
        ({"status": 429}, "answered 429", True),
        ({"status": 400}, "answered 400", False),
        ({"status": 401, "text": KEY}, "answered 401", False),
        ({"text": "<html>", "content_type": "text/html"}, "something else than JSON", False),
        ({"text": "{", "content_type": JSON}, "broken JSON", False),
        ({"text": '{"a": NaN}', "content_type": JSON}, "broken JSON", False),
        ({"text": "[" * 100_000, "content_type": JSON}, "broken JSON", False),
        ({"text": "9" * 5000, "content_type": JSON}, "broken JSON", False),
        ({"text": "[" * 50 + "]" * 50, "content_type": JSON}, "lists within lists", False),
        ({"body": b"\xff\xfe", "content_type": JSON}, "broken JSON", False),
        ({"body": b" " * (MAX_BODY_BYTES + 1), "content_type": JSON}, "more than", False),
        (
            {"body": gzip.compress(b"0" * 9_000_000), "content_type": JSON, "headers": {"Content-Encoding": "gzip"}},
            "compressed",
            False,
        ),
    ],
)
async def test_what_is_refused(server: Server, fields: dict[str, Any], problem: str, retryable: bool) -> None:
    server.answer = lambda request: respond(**fields)
    with pytest.raises(RemoteError, match=problem) as raised:
        await fetch(server.call(), {"n": "1"})
    assert raised.value.retryable is retryable


async def test_an_answer_that_never_ends_is_cut_off(server: Server) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65536)
        except (ConnectionError, OSError):
            return response

    server.answer = endless
    with pytest.raises(RemoteError, match="more than"):
        await fetch(server.call(), {"n": "1"})


@pytest.mark.parametrize("drips", [False, True])
async def test_an_answer_that_is_slow_is_not_waited_for(server: Server, drips: bool) -> None:
    left = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON})
        if drips:
            await response.prepare(request)
        while not left.is_set():
            await paced(0.02)
            if drips:
                await response.write(b" ")
        return response

    server.answer = slow
    began = asyncio.get_running_loop().time()
    with pytest.raises(RemoteError, match="cannot be asked"):
        await fetch(server.call(timeout_s=0.2), {"n": "1"})
    left.set()
    assert asyncio.get_running_loop().time() - began < 1.5


async def test_no_cookie_goes_from_one_call_to_the_next(server: Server) -> None:
    server.answer = lambda request: respond(status=204, headers={"Set-Cookie": "caller=jane; Path=/"})
    call = server.call()
    await fetch(call, {"n": "1"})
    await fetch(call, {"n": "2"})
    assert "Cookie" not in server.requests[1].headers


async def test_a_proxy_in_the_environment_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await fetch(server.call(), {"n": "1"}))["outcome"] == "ok"


async def test_a_name_that_leads_to_this_machine_is_not_asked(server: Server) -> None:
    call = server.call(origin=f"http://localhost:{server.server.port}", private_network=False)
    with pytest.raises(RemoteError, match="cannot be asked"):
        await fetch(call, {"n": "1"})
    assert server.requests == []
    assert (await fetch(replace(call, private_network=True), {"n": "1"}))["outcome"] == "ok"


async def test_parts_of_the_answer(server: Server) -> None:
    answer = {"order": {"items": [{"name": "a lamp"}], "state": "late"}}
    server.answer = lambda request: respond(text=json.dumps(answer), content_type=JSON)
    wanted = {"outcome": "order.state", "item": "order.items.0.name", "no": "order.x.y", "far": "order.items.99999.a"}
    told = await fetch(server.call(result=wanted), {"n": "1"})
    assert told == {"outcome": "late", "item": "a lamp", "no": None, "far": None}


@pytest.mark.parametrize("value", [None, "", " ", "a\r\nX-Evil: 1", "ключ"])
async def test_a_secret_that_cannot_be_sent(server: Server, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEST_KEY", value)
    with pytest.raises(LocalError, match="TEST_KEY") as raised:
        await fetch(server.call(headers={"X-Key": "${TEST_KEY}"}), {"n": "1"})
    assert "Evil" not in str(raised.value)
    assert server.requests == []


async def test_no_error_and_no_log_line_holds_a_secret(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    call = server.call(headers={"X-Key": "${TEST_KEY}"})
    caplog.set_level(logging.DEBUG)
    for answer in (
        lambda request: respond(status=500, text=KEY, reason=KEY),
        lambda request: respond(text=KEY, content_type=f"text/{KEY.replace('/', '')}"),
        lambda request: redirect_to(f"http://evil.test/{KEY}"),
    ):
        server.answer = answer
        with pytest.raises(RemoteError) as raised:
            await fetch(call, {"n": "1"})
        assert KEY not in repr(raised.value)
        assert raised.value.__cause__ is None
    with pytest.raises(RemoteError):
        await fetch(replace(call, origin="http://127.0.0.1:1"), {"n": "1"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("agent")]
    assert len(ours) == 4
    assert not any(KEY in line for line in ours)
