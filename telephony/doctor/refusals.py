"""What an answer that is not ours means: which proxy it came from, and what there is to mend. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from telephony.web.app import INSTANCE_HEADER, SEEN_HEADER

Asked = Literal["page", "upgrade", "webhook"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `headers` with names in small letters; `body` its first part."""

    status: int
    headers: Mapping[str, str]
    body: str = ""
    age_s: float = 0.0
    """Our clock at the middle of the exchange, less the answer's Date; 0 without one."""

    @property
    def instance(self) -> str | None:
        """The Offhook that answered; None if it was something else."""
        return self.headers.get(INSTANCE_HEADER.lower())

    @property
    def seen(self) -> tuple[str, tuple[str, ...]]:
        """How /healthz says that the request came: the kind of Host, the proxies' headers."""
        kind, *forwarding = self.headers.get(SEEN_HEADER.lower(), "").split(", ")
        return kind, tuple(forwarding)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The exchange did not come about."""

    why: str


def who(answer: Answer) -> str:
    """Which proxy this answer is by, as far as it shows itself."""
    server = answer.headers.get("server", "").lower()
    if "ngrok-error-code" in answer.headers:
        return f"ngrok ({answer.headers['ngrok-error-code'][:20]})"
    if "cf-ray" in answer.headers or "cloudflare" in server:
        return "Cloudflare"
    for mark, name in (("awselb", "the AWS load balancer"), ("nginx", "nginx"), ("caddy", "Caddy"), ("envoy", "Envoy")):
        if mark in server:
            return name
    return "the proxy"


def explain(answer: Answer, asked: Asked) -> tuple[str, str]:
    """What is wrong, and what to do, when a `page`, `upgrade` or `webhook` was not answered as it should be."""
    status, by = answer.status, who(answer)
    if answer.instance is not None:
        return _by_us(status, asked)
    if answer.headers.get("cf-mitigated") == "challenge":
        return (
            f"Cloudflare answers {status} with a challenge, which Twilio cannot solve",
            "add a rule that skips challenges, bot checks and rate limits for /twilio/ and /media/",
        )
    if 300 <= status < 400:
        target = answer.headers.get("location", "")[:100]
        return (
            f"{by} answers {status}, a redirect to {target!r}: sockets are not redirected, and a POST loses its body",
            "make OFFHOOK_PUBLIC_ORIGIN and the number's addresses the final ones",
        )
    if status in (502, 503, 504, 520, 521, 522, 523, 530) or "ngrok-error-code" in answer.headers:
        return (
            f"{by} answers {status}: it does not reach the service (tunnel down, service stopped, or another port)",
            "start the service, then the tunnel; let the proxy point to OFFHOOK_HOST and OFFHOOK_PORT",
        )
    if status in (401, 403):
        return (
            f"{by} answers {status} by itself: a firewall rule, a password, or an address list",
            "let everybody reach /twilio/ and /media/: Twilio has no fixed addresses, and the service checks itself",
        )
    if status == 429:
        return f"{by} answers 429: a rate limit", "take it off /twilio/ and /media/: the service has limits of its own"
    if asked == "upgrade":
        return _upgrade_by_proxy(status, by)
    return (
        f"{by} answers {status}; the service was not asked, or is not Offhook",
        "let the proxy pass everything on to the service, path and query untouched",
    )


def _upgrade_by_proxy(status: int, by: str) -> tuple[str, str]:
    if status == 101:
        return (
            "the upgrade was accepted with a token that no service gave: something else than Offhook answers there",
            "let the proxy pass /media/ on to the service",
        )
    if status == 400:
        return (
            f"{by} answers the upgrade with 400: it was spoilt on the way (HTTP/1.0 to the service, or a middleware "
            "such as ProxyFix that turned its scheme into https)",
            "nginx: proxy_http_version 1.1, with Upgrade and Connection headers; no ProxyFix in front of Offhook",
        )
    if status == 426:
        return (
            f"{by} answers 426, upgrade required: the request came without its upgrade",
            "pass the Upgrade and Connection headers on (docker/nginx.conf)",
        )
    return (
        f"{by} answers the upgrade with {status}; the service was not asked",
        "let the proxy pass /media/ on to the service as a WebSocket (docs/proxies.md)",
    )


def _by_us(status: int, asked: Asked) -> tuple[str, str]:
    if asked == "upgrade" and status in (400, 404, 405, 426):
        return (
            f"the upgrade reached the service as a plain request ({status}): the proxy drops the Upgrade and "
            "Connection headers (Twilio: 31920)",
            "pass them on, over HTTP/1.1 (docker/nginx.conf: proxy_http_version, Upgrade, Connection)",
        )
    if status == 413:
        return "the service says that the request is too big", "see whether a proxy adds to the body"
    if status >= 500:
        return f"the service answers {status}", "look into its log"
    return (
        f"the service answers {status}, which it should not",
        "see whether a proxy changes the method, the path or the body",
    )
