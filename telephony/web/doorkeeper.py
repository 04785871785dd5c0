"""Doorkeeper: stands before the app, sheds at once what cannot be right from an address that was refused often.

Why only that, and no more: behind a proxy all the world has one address, the carrier too. So an address is never shut
out. Whatever may be right - a webhook with a signature that looks like one, a page of this service - goes on to the
app, however noisy its address is; only its own check can tell it from an imitation. What can not be right whoever
sends it - a webhook without a signature, a path that nobody serves - is refused in any case, and of a noisy address it
is refused here: no body read, no routing, no line in the log.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from telephony.twilio.signatures import SIGNATURE_HEADER
from telephony.web.connections import connection_of
from telephony.web.media_socket import AsgiApp, AsgiReceive, AsgiScope, AsgiSend

#: Refusals in a minute that an address has before it is noisy: a mistaken configuration makes a handful.
MOST_REFUSALS = 60
WINDOW_S = 60.0
#: Addresses that are told apart at once. An attacker may have any number; each of them then makes little noise.
MAX_ADDRESSES = 1000
#: Base64 of an HMAC-SHA1, or of a SHA-256 one.
_SIGNATURE = re.compile(rb"[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=")
_WEBHOOKS = b"/twilio/"
_TOO_MANY = [(b"content-length", b"0"), (b"connection", b"close"), (b"retry-after", b"60")]


class RefusalLimit:
    """Refusals by address, in windows of WINDOW_S. Pure; the clock is passed in."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str) -> None:
        """A request from there was refused."""
        until_s, number = self._windows.get(address, (0.0, 0))
        if until_s <= self._now_s():
            self._windows.pop(address, None)
            until_s, number = self._now_s() + WINDOW_S, 0
        self._windows[address] = (until_s, number + 1)
        if len(self._windows) > MAX_ADDRESSES:
            self._windows.popitem(last=False)

    def noisy(self, address: str) -> bool:
        """Whether it was refused too often within this window."""
        until_s, number = self._windows.get(address, (0.0, 0))
        return number >= MOST_REFUSALS and until_s > self._now_s()


class Doorkeeper:
    """An ASGI app in front of another."""

    def __init__(self, app: AsgiApp, counts: Counter[str], served: Iterable[str], now_s: Callable[[], float]) -> None:
        """`served` are the first parts of all paths that the app serves: "healthz", "phone"."""
        self.counts = counts
        self._app = app
        self._served = frozenset(part.encode() for part in served)
        self._limit = RefusalLimit(now_s)

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        address = str(client[0]) if client else ""
        if self._limit.noisy(address) and self._cannot_be_right(scope):
            self.counts["refused: shed"] += 1
            await send({"type": "http.response.start", "status": 429, "headers": _TOO_MANY})
            await send({"type": "http.response.body", "body": b""})
            return

        connection = connection_of(scope)

        async def received() -> Any:
            message = await receive()
            if connection is not None and message["type"] == "http.request" and not message.get("more_body", False):
                connection.whole()
            return message

        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                if 400 <= message["status"] < 500:
                    self._limit.note(address)
                elif connection is not None and _is_event_stream(message):
                    connection.keep()
            await send(message)

        await self._app(scope, received, watched)

    def _cannot_be_right(self, scope: AsgiScope) -> bool:
        path: bytes = scope["raw_path"]
        if path.startswith(_WEBHOOKS):
            signatures = [value for name, value in scope["headers"] if name.lower() == SIGNATURE_HEADER]
            return scope["method"] != "POST" or len(signatures) != 1 or not _SIGNATURE.fullmatch(signatures[0])
        return path[1:].partition(b"/")[0] not in self._served


def _is_event_stream(message: Any) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", ())
    )
