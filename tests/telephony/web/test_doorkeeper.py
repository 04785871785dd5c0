"""The doorkeeper: sheds what cannot be right, and never anything else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from telephony.web.connections import STATE_KEY, ConnectionBook, Phase
from telephony.web.doorkeeper import MAX_ADDRESSES, MOST_REFUSALS, WINDOW_S, Doorkeeper, RefusalLimit

SIGNED = [(b"X-Twilio-Signature", b"0" * 27 + b"=")]


class Clock:
    s = 0.0

    def __call__(self) -> float:
        return self.s


class App:
    """Answers everything with one status, and counts what reaches it."""

    def __init__(self) -> None:
        self.status = 403
        self.headers: list[tuple[bytes, bytes]] = []
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})


class Fixture:
    def __init__(self) -> None:
        self.clock, self.app, self.counts = Clock(), App(), Counter[str]()
        self.keeper = Doorkeeper(self.app, self.counts, ["twilio", "healthz", "phone"], self.clock)

    async def ask(self, path: str, address: str = "192.0.2.1", method: str = "POST", **more: Any) -> int:
        scope = {"type": "http", "raw_path": path.encode(), "method": method, "client": (address, 5), "headers": []}
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("a body was read")

        await self.keeper({**scope, **more}, receive, send)
        return int(sent[0]["status"])

    async def make_noise(self) -> None:
        for _ in range(MOST_REFUSALS):
            await self.ask("/twilio/voice")
        self.app.asked = 0
        self.counts.clear()


@pytest.fixture
def fx() -> Fixture:
    return Fixture()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/wp-login.php", {}),
        ("/", {}),
        ("/media/x", {"method": "GET"}),
        ("/healthzz", {}),
        ("/twilio/voice", {}),
        ("/twilio/voice", {"headers": SIGNED, "method": "GET"}),
        ("/twilio/voice", {"headers": SIGNED + SIGNED}),
        ("/twilio/voice", {"headers": [(b"x-twilio-signature", b"short")]}),
    ],
)
async def test_a_noisy_address_is_shed_where_it_cannot_be_right(fx: Fixture, path: str, more: Any) -> None:
    assert await fx.ask(path, **more) == 403, "the app's own answer, at first"
    await fx.make_noise()
    assert await fx.ask(path, **more) == 429
    assert (fx.app.asked, fx.counts) == (0, {"refused: shed": 1})
    assert await fx.ask(path, address="192.0.2.2", **more) == 403, "another address is not held to account"
    fx.clock.s = WINDOW_S
    assert await fx.ask(path, **more) == 403


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/twilio/voice", {"headers": SIGNED}),
        ("/twilio/gather?turn=3", {"headers": SIGNED}),
        ("/healthz", {"method": "GET"}),
        ("/phone/calls", {}),
        ("/phone", {"method": "GET"}),
    ],
)
async def test_what_may_be_right_is_never_shed(fx: Fixture, path: str, more: Any) -> None:
    await fx.make_noise()
    await fx.make_noise()
    fx.app.status = 200
    assert await fx.ask(path, **more) == 200
    assert fx.app.asked == 1


async def test_only_refusals_make_noise(fx: Fixture) -> None:
    for status in (200, 204, 503, 500):
        fx.app.status = status
        for _ in range(MOST_REFUSALS):
            await fx.ask("/nowhere")
    assert not fx.counts


async def test_an_event_stream_has_all_the_time_it_needs(fx: Fixture) -> None:
    class Wire:
        def cut(self, reason: str) -> None: ...
        def cancel(self) -> None: ...
        def has_spoken(self) -> bool:
            return True

    book = ConnectionBook(Counter(), now_s=fx.clock)
    connection = book.opened(Wire())
    fx.app.status = 200
    await fx.ask("/healthz", state={STATE_KEY: connection})
    assert book.number()["head"] == 1
    fx.app.headers = [(b"Content-Type", b"text/event-stream; charset=utf-8")]
    await fx.ask("/phone/events/x", state={STATE_KEY: connection})
    assert book.number()["kept"] == 1


async def test_a_request_is_whole_when_the_last_of_its_body_is_read() -> None:
    class Wire:
        def cut(self, reason: str) -> None: ...
        def cancel(self) -> None: ...
        def has_spoken(self) -> bool:
            return True

    phases = []
    book = ConnectionBook(Counter(), now_s=Clock())
    connection = book.opened(Wire())
    book.requested(connection, body_due=True)
    body = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while body:
            phases.append(connection.phase)
            await receive()
        phases.append(connection.phase)

    async def receive() -> Any:
        return body.pop(0)

    async def send(message: Any) -> None: ...

    keeper = Doorkeeper(app, Counter(), ["twilio"], Clock())
    scope: dict[str, Any] = {"type": "http", "raw_path": b"/twilio/voice", "method": "POST", "client": None}
    await keeper({**scope, "headers": [], "state": {STATE_KEY: connection}}, receive, send)
    assert phases == [Phase.BODY, Phase.BODY, Phase.REQUEST]


def test_addresses_are_forgotten() -> None:
    clock = Clock()
    limit = RefusalLimit(clock)
    for number in range(2 * MAX_ADDRESSES):
        limit.note(str(number))
    assert len(limit._windows) == MAX_ADDRESSES
