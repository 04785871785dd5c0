"""The phone's routes: whose they are, what they admit, and what becomes of their calls' feeds."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from quart import Quart

from telephony.admission import Admission
from telephony.twilio.signatures import SignatureCheck
from telephony.web.access import Access
from telephony.web.call_feed import MAX_READERS
from telephony.web.connections import STATE_KEY, Connection, ConnectionBook
from telephony.web.phone import JOIN_WITHIN_MS, KEPT_AFTER_END_MS, MAX_FEEDS, STATIC, Phone, phone_blueprint
from tests.support.waiting import stays, until
from tests.telephony.web.test_access import PUBLIC, TOKEN, _basic

HERE = {"Host": "127.0.0.1:8080"}
OURS = {**HERE, "Origin": "http://127.0.0.1:8080"}
STARTED = {"kind": "call.started", "media_ms": 0, "agent": "desk"}
ENDED = {"kind": "call.ended", "media_ms": 9, "reason": "caller: stop"}


@dataclass
class Host:
    """A room that takes calls until it is full."""

    full: bool = False
    admitted: list[tuple[str, Admission]] = field(default_factory=list)

    def admit(self, call_sid: str, admission: Admission) -> str | None:
        if self.full:
            return None
        self.admitted.append((call_sid, admission))
        return "tok.en"

    def journal(self, *events: dict[str, Any]) -> None:
        listener = self.admitted[-1][1].listener
        assert listener is not None
        for event in events:
            listener(event)


class Client:
    """A browser on this machine, or a proxy here that brings one from elsewhere."""

    def __init__(self, app: Quart) -> None:
        self.app = app
        self._client = app.test_client()

    async def open(self, path: str, **given: Any) -> Any:
        base = {"client": ("127.0.0.1", 50000), "state": given.pop("state", {})}
        return await self._client.open(path, scope_base=base, **given)

    async def get(self, path: str, **given: Any) -> Any:
        return await self.open(path, method="GET", **given)

    async def post(self, path: str, **given: Any) -> Any:
        return await self.open(path, method="POST", **given)


@dataclass
class Bench:
    """The routes in an app of their own."""

    host: Host
    phone: Phone
    client: Client
    now: list[int]

    async def call(self, agent: str | None = None, headers: dict[str, str] = OURS) -> Any:
        body = {} if agent is None else {"agent": agent}
        return await self.client.post("/phone/calls", json=body, headers=headers)

    async def events(self, address: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """The whole event stream; it must end by itself."""
        async with asyncio.timeout(5):
            response = await self.client.get(address, headers={**HERE, **(headers or {})})
            return response.status_code, await response.get_data(as_text=True)


def bench(token: str | None = None, public: str = "") -> Bench:
    host, now = Host(), [0]
    check = SignatureCheck(SecretStr("x" * 32), public_origin=public, port=8080)
    access = Access(check, public_origin=public, operator_token=None if token is None else SecretStr(token))
    phone = Phone(
        host, {"desk": "parcel-desk", "/srv/agents/other": "other-desk"}, max_call_s=600, now_ms=lambda: now[0]
    )
    app = Quart("test", static_folder=None)
    app.register_blueprint(phone_blueprint(phone, access))
    return Bench(host, phone, Client(app), now)


ROUTES = [
    "/phone/events/x",
    "/phone",
    "/phone/agents",
    "/phone/static/phone.js",
    "/phone/static/nothing",
    "/phone/calls",
]
THERE = {"Host": "agent.example.com"}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        (HERE, None, 403),
        (HERE, TOKEN, 401),
        ({**HERE, "X-Forwarded-For": "1.2.3.4"}, None, 403),
        (THERE, None, 403),
        (THERE, TOKEN, 401),
        ({**THERE, "Authorization": _basic("operator", "wrong-password-here")}, TOKEN, 401),
    ],
)
async def test_a_stranger_learns_nothing(path: str, headers: dict[str, str], token: str | None, status: int) -> None:
    b = bench(token, PUBLIC)
    response = await b.client.open(path, method="POST" if path.endswith("calls") else "GET", headers=headers)
    assert response.status_code == status
    assert ("WWW-Authenticate" in response.headers) is (status == 401)
    assert "parcel" not in await response.get_data(as_text=True)
    assert b.host.admitted == []


async def test_the_operator_is_served_here_and_by_password_there() -> None:
    b = bench()
    known = {"Host": "agent.example.com", "Authorization": _basic("operator", TOKEN), "Origin": PUBLIC}
    for headers in (OURS, known):
        b = bench(TOKEN, PUBLIC if headers is known else "")
        for address in ("/phone", "/phone/"):
            assert (await b.client.get(address, headers=headers)).status_code == 200
        response = await b.client.get("/phone/agents", headers=headers)
        assert await response.get_json() == {"agents": ["parcel-desk", "other-desk"]}
        assert (await b.call(headers=headers)).status_code == 200


async def test_the_page_loads_only_its_own_files_under_a_strict_policy() -> None:
    b = bench()
    page = await (await b.client.get("/phone", headers=HERE)).get_data(as_text=True)
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    for source in STATIC.glob("*.js"):
        text = source.read_text()
        named |= {f"/phone/static/{name}" for name in re.findall(r'from "\./([^"]+)"', text)}
        assert "innerHTML" not in text
        assert "insertAdjacentHTML" not in text
        assert not re.search(r"\beval\(|new Function", text)
        assert "//" not in re.sub(r"https?://127\.0\.0\.1|^\s*//.*$| // .*$", "", text, flags=re.M), "no other host"
    assert "/phone/static/carrier.js" in named
    for path in named:
        response = await b.client.get(path, headers=HERE)
        assert response.status_code == 200, path
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        again = await b.client.get(path, headers={**HERE, "If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page), "no inline code"


@pytest.mark.parametrize("name", ["..%2fphone.py", "../phone.py", "%2e%2e/phone.py", "phone.py", "", "phone.html%00"])
async def test_no_other_file_is_served(name: str) -> None:
    assert (await bench().client.get(f"/phone/static/{name}", headers=HERE)).status_code == 404


async def test_a_call_is_admitted_as_our_own_carriers() -> None:
    b = bench()
    call = await (await b.call("other-desk")).get_json()
    sid, admission = b.host.admitted[0]
    assert re.fullmatch(r"PH[0-9a-f]{32}", sid)
    assert call["call"] == sid
    assert call["media"] == "/media/tok.en"
    assert call["events"].startswith("/phone/events/")
    assert (admission.agent, admission.caller, admission.own_carrier) == ("/srv/agents/other", "browser", True)
    await b.call()
    assert b.host.admitted[1][1].agent == "", "the service's own"
    assert b.host.admitted[1][0] != sid


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost.evil"])
async def test_another_sites_page_places_no_call(origin: str) -> None:
    b = bench()
    response = await b.call(headers={**HERE, "Origin": origin})
    assert response.status_code == 403
    assert b.host.admitted == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 200), (b"{}", 200), (b"[]", 400), (b"{", 400), (b'{"agent": 7}', 400), (b'{"agent": "../x"}', 404),
     (b'{"agent": "/srv/agents/other"}', 404), (b"\xff\xfe", 400), (b"[" * 3000, 400), (b" " * 5000, 400)],
)  # fmt: skip
async def test_bodies_of_every_kind(body: bytes, status: int) -> None:
    response = await bench().client.post("/phone/calls", data=body, headers=OURS)
    assert response.status_code == status
    if status != 200:
        assert (await response.get_json())["error"]


async def test_no_room() -> None:
    b = bench()
    b.host.full = True
    response = await b.call()
    assert response.status_code == 503
    assert "busy" in (await response.get_json())["error"]
    assert b.phone._feeds == {}


async def test_the_events_of_a_call_and_of_no_other() -> None:
    b = bench()
    first = await (await b.call()).get_json()
    second = await (await b.call()).get_json()
    b.host.journal(STARTED, {"kind": "turn.committed", "media_ms": 5, "turn": 1, "text": "<b>hi</b>"}, ENDED)
    status, text = await b.events(second["events"])
    assert status == 200
    lines = [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith('data: {"kind')]
    assert [line["kind"] for line in lines] == ["call.started", "turn.committed", "call.ended"]
    assert text.endswith("event: over\ndata: {}\n\n")
    response = await b.client.get(second["events"], headers={**HERE, "Last-Event-ID": "2"})
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert (await response.get_data(as_text=True)).count('data: {"kind') == 1
    for hostile in ("x", "-1", "9" * 400, "\u0663"):
        assert (await b.events(second["events"], {"Last-Event-ID": hostile}))[0] == 200
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await (await b.client.get(first["events"], headers=HERE)).get_data()


async def test_an_event_stream_outlives_the_servers_deadline_for_answers() -> None:
    b = bench()
    b.client.app.config["RESPONSE_TIMEOUT"] = 0.05
    call = await (await b.call()).get_json()
    reading = asyncio.create_task(b.events(call["events"]))
    b.host.journal(STARTED)
    await stays(lambda: not reading.done(), for_s=0.2, what="the stream, beyond the server's 0.05 s")
    b.host.journal(ENDED)
    _, text = await reading
    assert "call.ended" in text


async def test_an_events_address_needs_the_operator_and_its_token() -> None:
    """Addresses stand in proxies' logs: whoever reads one there does not listen in."""
    b = bench(TOKEN, PUBLIC)
    known = {**THERE, "Authorization": _basic("operator", TOKEN)}
    call = await (await b.call(headers=known)).get_json()
    b.host.journal(STARTED, ENDED)
    assert (await b.events(call["events"], THERE))[0] == 401
    assert (await b.events(call["events"]))[0] == 401
    assert (await b.events(call["events"], known))[0] == 200, "a browser sends the page's password along with it"
    b = bench()
    call = await (await b.call()).get_json()
    b.host.journal(STARTED, ENDED)
    assert (await b.events(call["events"], {"X-Forwarded-For": "1.2.3.4"}))[0] == 403
    for address in (call["events"][:-2] + "AA", "/phone/events/x", "/phone/events/" + "x" * 5000):
        assert (await b.events(address))[0] == 403


async def test_an_events_address_lives_no_longer_than_a_call_may() -> None:
    b = bench()
    call = await (await b.call()).get_json()
    b.host.journal(STARTED, ENDED)
    b.now[0] = JOIN_WITHIN_MS + 600_000 + KEPT_AFTER_END_MS + 1
    assert (await b.events(call["events"]))[0] == 403


async def test_a_fifth_reader_of_a_call_costs_the_first_its_connection() -> None:
    """One that reads nothing, too: its stream waits in the server, where only its connection can be ended."""
    cut: list[int] = []

    class Wire:
        def __init__(self, number: int) -> None:
            self.number = number

        def cut(self, reason: str) -> None:
            assert reason == "too many readers"
            cut.append(self.number)

        def cancel(self) -> None: ...
        def has_spoken(self) -> bool:
            return True

    b = bench()
    call = await (await b.call()).get_json()
    b.host.journal(STARTED)

    async def read(connection: Connection) -> bytes:
        response = await b.client.get(call["events"], headers=HERE, state={STATE_KEY: connection})
        data: bytes = await response.get_data(as_text=False)
        return data

    book = ConnectionBook(Counter(), now_s=lambda: 0.0)
    (feed,) = (kept.feed for kept in b.phone._feeds.values())
    reading = []
    for number in range(MAX_READERS + 2):
        connection = book.opened(Wire(number))
        connection.keep()
        reading.append(asyncio.create_task(read(connection)))
        await until(lambda: len(feed._readers) + len(cut) == len(reading), within_s=5, what="the next reader")
    assert cut == [0, 1]
    assert book.counts == {"connection closed: too many readers": 2}
    async with asyncio.timeout(5):
        await asyncio.gather(*reading[:2])
        b.host.journal(ENDED)
        assert all(b"call.ended" in text for text in (await asyncio.gather(*reading))[2:])


async def test_feeds_are_forgotten() -> None:
    b = bench()
    joined = await (await b.call()).get_json()
    b.host.journal(STARTED)
    never = await (await b.call()).get_json()
    b.now[0] += JOIN_WITHIN_MS + 1
    assert (await b.events(never["events"]))[0] == 204, "an EventSource is told not to come back"
    assert len(b.phone._feeds) == 1
    b.host.admitted[0][1].listener(ENDED)  # type: ignore[misc]
    assert (await b.events(joined["events"]))[0] == 200
    b.now[0] += KEPT_AFTER_END_MS
    assert (await b.events(joined["events"]))[0] == 200
    b.now[0] += 1
    assert (await b.events(joined["events"]))[0] == 204
    assert b.phone._feeds == {}


async def test_feeds_are_bounded() -> None:
    b = bench()
    for _ in range(MAX_FEEDS):
        assert b.phone.call("") is not None
    assert b.phone.call("") is None
    b.now[0] += JOIN_WITHIN_MS + 1
    assert b.phone.call("") is not None


def test_every_file_of_the_page_is_there() -> None:
    assert {path.name for path in STATIC.iterdir()} >= {"phone.html", "phone.css", "phone.js", "phone.svg"}
    assert Path("telephony/web") in [Path(*STATIC.parts[-3:-1])], "inside the package, and so in the wheel"
