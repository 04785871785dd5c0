"""Twilio's side of the webhooks: signed form posts, and what came back."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
from twilio.request_validator import RequestValidator

from agent.errors import LocalError, RemoteError

ANSWER_DEADLINE_S = 15.0  # Twilio waits so long for a voice webhook


def new_sid(prefix: str) -> str:
    """A fresh SID, e.g. "CA" and 32 hex digits."""
    return prefix + secrets.token_hex(16)


def voice_url(to: str) -> str:
    """The voice webhook that `to` means: a service's base address, or the webhook's own."""
    parts = urlsplit(to)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LocalError(f"{to}: not the address of a service: give one like http://127.0.0.1:8080")
    return urljoin(to, "/twilio/voice") if parts.path in ("", "/") else to


def socket_url(document_url: str, stream_url: str) -> str:
    """The stream's address, relative to the document it stood in. RemoteError for a scheme that is none of a socket."""
    parts = urlsplit(urljoin(document_url, stream_url))
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    if scheme not in ("wss", "ws"):
        raise RemoteError(f"the stream's address has scheme {parts.scheme!r}, not wss (error 31922)")
    if scheme == "ws" and urlsplit(document_url).scheme != "http":
        raise RemoteError("the stream's address is ws: Twilio takes wss only (error 31922)")
    return urlunsplit(parts._replace(scheme=scheme))


class Webhooks:
    """Posts as Twilio posts for one call: form-encoded, signed with the account's token for the exact address."""

    def __init__(self, http: aiohttp.ClientSession, auth_token: str, call: Mapping[str, str]) -> None:
        self._http = http
        self._validator = RequestValidator(auth_token)
        self._call = dict(call)

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature for a post, or (with no form) for the upgrade of a stream's socket."""
        return str(self._validator.compute_signature(url, dict(form)))

    async def post(self, url: str, call_status: str, **more: str) -> str:
        """Post the call's parameters and `more`; returns the body. RemoteError unless it is answered with 2xx."""
        form = {**self._call, "CallStatus": call_status, **more}
        headers = {"X-Twilio-Signature": self.signature(url, form), "I-Twilio-Idempotency-Token": new_sid("")}
        try:
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                async with self._http.post(url, data=form, headers=headers, allow_redirects=False) as response:
                    body = await response.text()
                    if not 200 <= response.status < 300:
                        raise RemoteError(f"POST {url}: answered {response.status}: {body[:200]!r}")
                    return body
        except TimeoutError:
            raise RemoteError(f"POST {url}: no answer in {ANSWER_DEADLINE_S:g} s", retryable=True) from None
        except (aiohttp.ClientError, UnicodeDecodeError) as error:
            raise RemoteError(f"POST {url}: {error or type(error).__name__}", retryable=True) from None

    async def stream_event(self, url: str, event: str, stream_sid: str, name: str, error: str = "") -> None:
        """Tell the stream's status callback: `stream-started`, `stream-stopped` or `stream-error`."""
        more = {"StreamSid": stream_sid, "StreamName": name or stream_sid, "StreamEvent": event}
        more["Timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if error:
            more["StreamError"] = error
        await self.post(url, "in-progress", **more)
