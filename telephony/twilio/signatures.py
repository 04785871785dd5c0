"""Twilio's signature on webhooks: checked over the configured origin, or over loopback; there is no unsigned path.

What is signed is our own idea of the URL (origin from the configuration, path and query as they came on the wire),
never one that the request's Host may choose. The HMAC itself is twilio's own RequestValidator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlparse

from pydantic import SecretStr
from twilio.request_validator import RequestValidator, add_port, remove_port
from werkzeug.datastructures import MultiDict

from agent.errors import RemoteError

SIGNATURE_HEADER = b"x-twilio-signature"
#: Host names that only this machine can mean.
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
#: Headers by which a proxy or tunnel shows itself. One of them, and the request is not from this machine:
#: a tunnel here makes the whole internet look like loopback (docs/architecture.md, who may call).
FORWARDING_HEADERS = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-original-host",
        b"x-original-url",
        b"x-envoy-external-address",
        b"client-ip",
        b"true-client-ip",
        b"fastly-client-ip",
        b"cdn-loop",
        b"ngrok-skip-browser-warning",
        b"tailscale-user-login",
    }
)
FORWARDING_PREFIXES = (b"x-forwarded", b"cf-", b"x-amzn-trace", b"x-azure-", b"x-appengine-", b"ngrok-", b"tailscale-")

Headers = Iterable[tuple[bytes, bytes]]
#: Of a URL that nobody signed rightly, so much is told: its path and query are whatever the peer liked to send.
_SHOWN_CHARS = 200
#: A peer may send as many x-forwarded-anything as it likes.
_SHOWN_NAME, _SHOWN_NAMES = 40, 12


class NotSigned(RemoteError):
    """The request does not carry our carrier's signature. The message is for our log, not for the peer. `given`: it has
    one that does not fit; else it has none."""

    def __init__(self, message: str, *, given: bool = True) -> None:
        super().__init__(message)
        self.given = given


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request reached us, and so where its answers must point: "https://host" or "http://127.0.0.1:8080"."""

    url: str

    def http(self, path: str) -> str:
        """An absolute URL for a webhook."""
        return self.url + path

    def socket(self, path: str) -> str:
        """An absolute URL for a WebSocket: wss, or ws on this machine."""
        return "ws" + self.url.removeprefix("http") + path


class SignatureCheck:
    """Tells requests of our carrier (or our own sandbox) from all others."""

    def __init__(self, token: SecretStr, *, public_origin: str, port: int) -> None:
        """`public_origin` as in Settings ("" = none); `port` is the one we listen on."""
        self._validator = RequestValidator(token.get_secret_value())
        self._public = Origin(public_origin) if public_origin else None
        names = [f"{host}:{port}" for host in LOOPBACK_HOSTS]
        # A client leaves the default port out of Host.
        self._local_hosts = frozenset(names + list(LOOPBACK_HOSTS) if port == 80 else names)

    def local_origin(self, headers: Headers) -> Origin | None:
        """The origin of a request made on this machine; None for any request that may come from elsewhere."""
        hosts: list[bytes] = []
        for name, value in headers:
            name = name.lower()
            if is_forwarding(name):
                return None
            if name == b"host":
                hosts.append(value)
        if len(hosts) != 1:
            return None
        host = hosts[0].decode("latin-1").lower()
        return Origin(f"http://{host}") if host in self._local_hosts else None

    def check(self, headers: Headers, raw_path: bytes, query: bytes, form: MultiDict[str, str]) -> Origin:
        """The origin under which this webhook is rightly signed. Raises NotSigned.

        `raw_path` and `query` as on the wire, still encoded; `form` the body's fields, blank and repeated ones too.
        """
        headers = list(headers)
        signature = _only(headers, SIGNATURE_HEADER)
        path = _target(raw_path, query)
        # Both are tried: a proxy on this machine may show itself by nothing at all (nginx, by default, sends its
        # own loopback address as Host), and then the public origin is what the carrier signed.
        origins = [origin for origin in (self._public, self.local_origin(headers)) if origin is not None]
        if not origins:
            raise NotSigned("not from this machine, and no public origin is configured (OFFHOOK_PUBLIC_ORIGIN)")
        for origin in origins:
            if self._validator.validate(origin.http(path), form, signature):
                return origin
        tried = [url for origin in origins for url in signed_urls(origin.http(path))]
        raise NotSigned(f"the signature does not fit {' or '.join(repr(url[:_SHOWN_CHARS]) for url in tried)}")

    def seen(self, headers: Headers) -> str:
        """How a request came, for `offhook doctor`: "public", "local" or "other" Host, and the names (never the values)
        of the headers by which proxies showed themselves."""
        headers = [(name.lower(), value) for name, value in headers]
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        public = self._public.url.removeprefix("https://") if self._public else None
        kind = "other"
        if public and hosts in ([public], [f"{public}:443"]):
            kind = "public"
        elif len(hosts) == 1 and hosts[0] in self._local_hosts:
            kind = "local"
        forwarding = {name[:_SHOWN_NAME].decode("latin-1") for name, _ in headers if is_forwarding(name)}
        return ", ".join([kind, *sorted(forwarding)[:_SHOWN_NAMES]])

    def check_upgrade(self, headers: Headers, raw_path: bytes) -> bool | None:
        """Whether a media socket's upgrade is signed; None without a signature (other carriers send none).

        Reports differ on what exactly is signed here (telephony-facts A9): wss or https, with and without the port
        and a final slash. So the one-call token admits the socket, and this verdict is for the log.
        """
        headers = list(headers)
        values = [value for name, value in headers if name.lower() == SIGNATURE_HEADER]
        if not values:
            return None
        signature = values[0].decode("latin-1")
        path = _target(raw_path, b"").rstrip("/")
        bases: list[str] = []
        for origin in (self._public, self.local_origin(headers)):
            if origin is not None:
                # twilio's validator fills in port 80 for wss; 443 is what its other variant would need.
                bases += [origin.http(path), origin.socket(path)]
                if ":" not in origin.url.removeprefix("https://"):
                    bases.append(f"{origin.socket('')}:443{path}")
        verdicts = [self._validator.validate(base + slash, {}, signature) for base in bases for slash in ("", "/")]
        return any(verdicts)


def is_forwarding(name: bytes) -> bool:
    """Whether a header of this name (in small letters) is a proxy's or a tunnel's."""
    return name in FORWARDING_HEADERS or name.startswith(FORWARDING_PREFIXES)


def signed_urls(url: str) -> list[str]:
    """The exact strings that twilio's validator tries for a webhook's URL: without a port, and with one.

    What is signed is one of them, followed by the form's names and values in the order of the names.
    """
    parts = urlparse(url)
    return list(dict.fromkeys((remove_port(parts), add_port(parts))))


def _only(headers: list[tuple[bytes, bytes]], wanted: bytes) -> str:
    values = [value for name, value in headers if name.lower() == wanted]
    if len(values) != 1:
        raise NotSigned("no signature" if not values else "more than one signature", given=bool(values))
    return values[0].decode("latin-1")


def _target(raw_path: bytes, query: bytes) -> str:
    # An absolute-form target ("GET http://other/…") would glue another host to our origin.
    if not raw_path.startswith(b"/"):
        raise NotSigned("the request target is not a path")
    path = raw_path.decode("latin-1")
    return f"{path}?{query.decode('latin-1')}" if query else path
