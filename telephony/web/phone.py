"""The browser phone: its page, the calls that it asks for, and what it is told of them as they happen.

The page holds a call as any carrier does, over the media socket (telephony/web/media_socket.py). Here stand the routes
around it, which are the operator's (telephony/web/access.py):

    GET  /phone                     the page; its files are below /phone/static/
    GET  /phone/agents              {"agents": [names]}, the service's own first
    POST /phone/calls {agent?}      {call, media, events}: the call's id and its two addresses, each with its token
    GET  /phone/events/<token>      what happens in the call, as server-sent events; the operator's like the others
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from quart import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from telephony.admission import Admission
from telephony.tokens import TokenDesk, TokenRefused
from telephony.twilio.twiml import MEDIA_PATH
from telephony.web.access import Access
from telephony.web.call_feed import CallFeed
from telephony.web.connections import connection_of

STATIC = Path(__file__).parent / "static"
#: A page that has its tokens joins the call within seconds; a feed that nothing came to is forgotten after this.
JOIN_WITHIN_MS = 60_000
#: A browser whose event stream broke comes back within a second or two, also to read how the call ended.
KEPT_AFTER_END_MS = 60_000
#: Feeds at once: beyond, no call is taken. Each is a call of this worker, or was within the last minute.
MAX_FEEDS = 500
#: The body names an agent.
MAX_BODY_BYTES = 4096

_HEADERS = {
    # Nothing but this service's own files, no inline code, nothing embedded and nobody's frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
BUSY = "All lines are busy. Try again in a moment."


class PhoneHost(Protocol):
    """What the phone asks of the service."""

    def admit(self, call_sid: str, admission: Admission) -> str | None:
        """Keep a place for this call, and the token of its media socket; None when full or draining."""


@dataclass(slots=True)
class _Kept:
    """A call's feed, and since when it has been in the state it was last seen in."""

    feed: CallFeed
    since_ms: int
    over: bool = False


class Phone:
    """The calls that browsers hold, and what is told of each. `agents`: settings' name -> the agent's own name."""

    def __init__(
        self, host: PhoneHost, agents: Mapping[str, str], *, max_call_s: int, now_ms: Callable[[], int]
    ) -> None:
        """`max_call_s`: no call lasts longer. So long, and a minute before and after, its events may be read."""
        self._longest_ms = JOIN_WITHIN_MS + max_call_s * 1000 + KEPT_AFTER_END_MS
        self._host = host
        self._agents = {name: written for written, name in reversed(list(agents.items()))}
        self.names = list(dict.fromkeys(agents.values()))
        self._now_ms = now_ms
        self._feeds: dict[str, _Kept] = {}
        self._tokens = TokenDesk(
            secrets.token_bytes(32),
            "phone",
            now_ms=now_ms,
            random_bytes=secrets.token_bytes,
            purpose="events",
            lifetime_ms=self._longest_ms,
        )

    def call(self, agent: str) -> dict[str, str] | None:
        """A new call's id and addresses; None when there is no room. KeyError for an agent that is not served."""
        written = self._agents[agent] if agent else ""
        self._sweep()
        call_sid = "PH" + secrets.token_hex(16)
        if len(self._feeds) >= MAX_FEEDS:
            return None
        feed = CallFeed()
        admission = Admission(agent=written, caller="browser", own_carrier=True, listener=feed.push)
        token = self._host.admit(call_sid, admission)
        if token is None:
            return None
        self._feeds[call_sid] = _Kept(feed, self._now_ms())
        return {"call": call_sid, "media": MEDIA_PATH + token, "events": f"/phone/events/{self._tokens.mint(call_sid)}"}

    def feed(self, token: str) -> CallFeed | None:
        """The feed that this token opens; None for a call that is over and forgotten. Raises TokenRefused."""
        call_sid = self._tokens.verify(token)
        self._sweep()
        kept = self._feeds.get(call_sid)
        return kept.feed if kept else None

    def _sweep(self) -> None:
        """Forget calls that ended a while ago, or never began."""
        now_ms = self._now_ms()
        for call_sid, kept in list(self._feeds.items()):
            if kept.feed.ended and not kept.over:
                kept.over, kept.since_ms = True, now_ms
            elif kept.over and now_ms - kept.since_ms > KEPT_AFTER_END_MS:
                del self._feeds[call_sid]
            elif now_ms - kept.since_ms > (self._longest_ms if kept.feed.begun else JOIN_WITHIN_MS):
                kept.feed.end()
                del self._feeds[call_sid]


def phone_blueprint(phone: Phone, access: Access) -> Blueprint:
    """The routes. Whoever may not see an operator's pages gets 401 or 403 and learns nothing."""
    blueprint = Blueprint("phone", __name__)
    files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _TYPES}

    @blueprint.before_request
    async def guard() -> Response | None:
        # The event streams too: their addresses stand in proxies' logs. A browser sends the page's password with them.
        refusal = access.refusal(request.scope)
        return _problem(refusal.status, refusal.message, dict(refusal.headers)) if refusal is not None else None

    @blueprint.after_request
    async def strict(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @blueprint.get("/phone", strict_slashes=False)
    async def page() -> Response:
        return _file(files, "phone.html")

    @blueprint.get("/phone/static/<name>")
    async def static(name: str) -> Response:
        return _file(files, name)

    @blueprint.get("/phone/agents")
    async def agents() -> Response:
        return jsonify(agents=phone.names)

    @blueprint.post("/phone/calls")
    async def calls() -> Response:
        if not access.same_origin(request.scope):
            return _problem(403, "Another site's page may not place calls here.")
        agent = await _wanted_agent()
        if agent is None:
            return _problem(400, 'Send a JSON object such as {"agent": "parcel-desk"}, or {}.')
        try:
            call = phone.call(agent)
        except KeyError:
            return _problem(404, "No such agent is served here.")
        if call is None:
            return _problem(503, BUSY)
        return _plain_response(json.dumps(call), "application/json", {"Cache-Control": "no-store"})

    @blueprint.get("/phone/events/<token>")
    async def events(token: str) -> Response:
        try:
            feed = phone.feed(token)
        except TokenRefused:
            return _problem(403, "This address is not good, or not any more.")
        if feed is None:
            return Response(status=204)  # tells an EventSource not to come back
        return _event_stream(feed, request.headers.get("Last-Event-ID", ""))

    return blueprint


async def _wanted_agent() -> str | None:
    """The agent that the body names, "" for none; None for a body that is not well written."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return None
    try:
        body = json.loads(await request.get_data(as_text=True) or "{}")
    except (ValueError, RecursionError, HTTPException):
        return None
    agent = body.get("agent", "") if isinstance(body, dict) else None
    return agent if isinstance(agent, str) else None


def _event_stream(feed: CallFeed, last_id: str) -> Response:
    after = int(last_id) if last_id.isascii() and last_id.isdecimal() and len(last_id) < 10 else 0

    connection = connection_of(cast(MutableMapping[str, Any], request.scope))

    def put_out() -> None:
        if connection is not None:
            connection.close("too many readers")

    async def blocks() -> AsyncIterator[bytes]:
        async for block in feed.read(after, put_out=put_out):
            yield block.encode()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = Response(blocks(), content_type="text/event-stream", headers=headers)
    response.timeout = None  # Quart would cut it after a minute
    return response


def _file(files: Mapping[str, bytes], name: str) -> Response:
    content = files.get(name)
    if content is None:
        return _problem(404, "No such file.")
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return Response(status=304, headers={"ETag": tag})
    kind = _TYPES[Path(name).suffix]
    return _plain_response(content, f"{kind}; charset=utf-8", {"ETag": tag})


def _plain_response(body: str | bytes, content_type: str, headers: Mapping[str, str]) -> Response:
    return Response(body, content_type=content_type, headers=dict(headers))


def _problem(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    response = jsonify(error=text)
    response.status_code = status
    response.headers.extend(headers or {})
    return response
