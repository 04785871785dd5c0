"""HTTP tools: a request to one fixed host, declared in agent.toml, and what its answer tells.

The other side may be hostile, and so may a caller's words: arguments are encoded, redirects stay on the host, addresses
are checked (agent/tools/addresses.py), time and size are limited, and secrets leave this process in headers only.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from agent.errors import LocalError, RemoteError
from agent.tools.addresses import CheckedResolver

log = logging.getLogger(__name__)

#: What is read of an answer; what is told of it is limited by the registry.
MAX_BODY_BYTES = 256 * 1024
MAX_REDIRECTS = 3
MAX_DEPTH = 32
#: A shorter secret is no secret, and blotting it out would spoil every answer.
MIN_BLOTTED_CHARS = 4
BLOT = "•••"

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOVED = (301, 302, 303, 307, 308)
#: Within a path these would be another path to one server or another, encoded or not.
_NOT_IN_PATH = re.compile(r"[/\\?#%;\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request, as agent.toml declares it. `origin`: "https://api.example.org:8443"; `path` and the texts in `query`
    and `body` hold {arguments}; `headers` hold ${SECRETS}; `result` names parts of the answer by dotted paths."""

    tool: str
    method: str
    origin: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    result: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 8.0
    private_network: bool = False

    def url(self, given: Mapping[str, Any]) -> str:
        """The whole address, arguments encoded. Raises LocalError for an argument that a path cannot hold."""
        path = "".join(
            literal + (_in_path(self.tool, name, given[name]) if name else "") for literal, name in parts(self.path)
        )
        if any(segment in (".", "..") for segment in path.split("/")):
            raise LocalError(f"tool {self.tool}: the path of its address would lead elsewhere")
        query = {key: fill(text, given) for key, text in self.query.items()}
        shown = urlencode([(key, _as_text(value)) for key, value in query.items() if value is not None])
        return f"{self.origin}{path}" + (f"?{shown}" if shown else "")

    def payload(self, given: Mapping[str, Any]) -> Any:
        """The JSON that is sent, None for none. An argument that stands alone keeps its type."""
        return None if self.body is None else _filled(self.body, given)

    def secrets(self) -> dict[str, str]:
        """The values that ${NAMES} in the headers stand for. Raises LocalError for one that cannot be sent."""
        names = {name for text in self.headers.values() for name in _SECRET.findall(text)}
        found = {name: os.environ.get(name, "").strip() for name in names}
        for name, value in found.items():
            if not value:
                raise LocalError(f"tool {self.tool}: the environment has no {name}, which its headers name; set it")
            if not value.isascii() or not value.isprintable():
                raise LocalError(f"tool {self.tool}: {name} in the environment holds what no header can; set it anew")
        return found


def secret_names(text: str) -> list[str]:
    """The NAMES of the ${NAMES} in a text."""
    return _SECRET.findall(text)


def parts(text: str) -> list[tuple[str, str]]:
    """A text with {fields}: each piece as it is, and the field after it ("" for none). Raises ValueError."""
    found: list[tuple[str, str]] = []
    for literal, name, how, conversion in Formatter().parse(text):
        if name is not None and (how or conversion or not name.isidentifier()):
            raise ValueError(f"{{{name}}} is no argument's name")
        found.append((literal, name or ""))
    return found


def fill(text: str, given: Mapping[str, Any]) -> Any:
    """A text with its arguments; an argument alone as it is, with its type."""
    pieces = parts(text)
    if len(pieces) == 1 and pieces[0][1] and not pieces[0][0]:
        return given[pieces[0][1]]
    return "".join(literal + (_as_text(given[name]) if name else "") for literal, name in pieces)


def _filled(value: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return fill(value, given)
    if isinstance(value, Mapping):
        return {key: _filled(each, given) for key, each in value.items()}
    return [_filled(each, given) for each in value] if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _in_path(tool: str, name: str, value: Any) -> str:
    text = _as_text(value)
    if not text.strip() or _NOT_IN_PATH.search(text) or not text.strip("."):
        raise LocalError(f"tool {tool}: {name} is empty, or holds a sign that an address cannot have")
    return quote(text, safe="")


async def fetch(call: HttpCall, given: Mapping[str, Any]) -> dict[str, Any]:
    """Send the request; what its answer tells, with an `outcome`: "ok" where the answer has none of its own, "done" for
    an empty answer, "not_found" for 404 and 410.

    Raises LocalError where our side is wrong, RemoteError for everything else, retryable where asking again may help.
    Neither names a secret, or anything that the other side has sent.
    """
    try:
        url, payload, secrets = call.url(given), call.payload(given), call.secrets()
        status, body = await _exchange(call, url, payload, secrets)
        if status in (404, 410):
            return {"outcome": "not_found"}
        return _told(call, _read(call, body), list(secrets.values()))
    except (LocalError, RemoteError) as error:
        log.warning("%s", error)
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Its text may quote what was sent; its kind says enough. (A TimeoutError is an OSError.)
        problem = f"tool {call.tool}: {call.origin} cannot be asked ({type(error).__name__})"
        log.warning("%s", problem)
        raise RemoteError(problem, retryable=not isinstance(error, ValueError)) from None


async def _exchange(call: HttpCall, url: str, payload: Any, secrets: Mapping[str, str]) -> tuple[int, bytes]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "offhook"}
    headers |= {key: _SECRET.sub(lambda name: secrets[name[1]], text) for key, text in call.headers.items()}
    resolver = CheckedResolver(private_network=call.private_network)
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),  # what one caller's answer set is not told with another's request
        timeout=aiohttp.ClientTimeout(total=call.timeout_s),
        auto_decompress=False,
        trust_env=False,  # a proxy would look the name up itself
    ) as session:
        place = URL(url, encoded=True)
        for _ in range(MAX_REDIRECTS + 1):
            async with session.request(
                call.method, place, json=payload, headers=headers, allow_redirects=False
            ) as response:
                if response.status not in _MOVED:
                    return response.status, await _body(call, response)
                place = _moved(call, place, response.headers.get("Location", ""))
    raise RemoteError(f"tool {call.tool}: {call.origin} redirects again and again")


def _moved(call: HttpCall, place: URL, location: str) -> URL:
    """Where a redirect leads. Raises RemoteError where that is not the same host, or what was asked changes something:
    nobody can say what has been done then."""
    if call.method not in ("GET", "HEAD"):
        raise RemoteError(f"tool {call.tool}: {call.origin} answered with a redirect; write the address it leads to")
    try:
        new = place.join(URL(location))
        stays = new.origin() == place.origin() and new.user is None
    except ValueError:
        stays = False
    if not stays:
        raise RemoteError(
            f"tool {call.tool}: {call.origin} redirects to another host; write that address if you mean it"
        )
    return new


async def _body(call: HttpCall, response: aiohttp.ClientResponse) -> bytes:
    """The answer's JSON text, b"" where there is none. Raises RemoteError."""
    status = response.status
    if status in (404, 410):
        return b""
    if not 200 <= status < 300:
        retryable = status in (408, 425, 429) or status >= 500
        raise RemoteError(f"tool {call.tool}: {call.origin} answered {status}", retryable=retryable)
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise RemoteError(f"tool {call.tool}: {call.origin} compressed its answer, though asked not to")
    taken = bytearray()
    async for chunk in response.content.iter_any():
        taken += chunk
        if len(taken) > MAX_BODY_BYTES:
            raise RemoteError(f"tool {call.tool}: {call.origin} answered more than {MAX_BODY_BYTES} bytes")
    kind = response.content_type.lower()
    if taken and kind != "application/json" and not kind.endswith("+json"):
        raise RemoteError(f"tool {call.tool}: {call.origin} answered something else than JSON")
    return bytes(taken)


def _read(call: HttpCall, body: bytes) -> Any:
    if not body.strip():
        return {"outcome": "done"}
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RemoteError(f"tool {call.tool}: {call.origin} answered with broken JSON") from None


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _told(call: HttpCall, answer: Any, secrets: list[str]) -> dict[str, Any]:
    """The answer as a result: the parts that are wanted, and no secret, should the other side say one back."""
    if call.result and answer != {"outcome": "done"}:
        answer = {name: _part(answer, path) for name, path in call.result.items()}
    elif not isinstance(answer, dict):
        answer = {"items" if isinstance(answer, list) else "value": answer}
    blotted = _blotted(answer, [secret for secret in secrets if len(secret) >= MIN_BLOTTED_CHARS], 0)
    if blotted is _TOO_DEEP:
        raise RemoteError(f"tool {call.tool}: {call.origin} answered with lists within lists without end")
    return {"outcome": "ok", **blotted}


def _part(answer: Any, path: str) -> Any:
    """What stands at "order.items.0.name"; None for nothing."""
    for step in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(step)
        elif isinstance(answer, list) and step.isdecimal() and len(step) < 6:
            answer = answer[int(step)] if int(step) < len(answer) else None
        else:
            return None
    return answer


_TOO_DEEP = object()


def _blotted(value: Any, secrets: list[str], depth: int) -> Any:
    if depth > MAX_DEPTH:
        return _TOO_DEEP
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, BLOT).replace(quote(secret, safe=""), BLOT)
        return value
    if isinstance(value, dict):
        pairs = {_blotted(key, secrets, depth): _blotted(each, secrets, depth + 1) for key, each in value.items()}
        return _TOO_DEEP if any(each is _TOO_DEEP for each in pairs.values()) else pairs
    if isinstance(value, list):
        items = [_blotted(each, secrets, depth + 1) for each in value]
        return _TOO_DEEP if any(each is _TOO_DEEP for each in items) else items
    return value
