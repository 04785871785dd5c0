"""One-call tokens: what admits a media socket. They stand in the socket's path, live 60 s and are spent once.

A token is an HMAC-SHA256 over call, worker, expiry and nonce. It is bound to the worker that made it, whose memory
holds which ones are spent: after a restart no old token is good. Pure: clock and chance are passed in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import LocalError, RemoteError

#: A carrier opens the socket within a second or two of the TwiML; a retried webhook may take fifteen.
LIFETIME_MS = 60_000
#: More tokens than this cannot be spent within their lifetime by any machine we run on; then refuse, do not forget.
MAX_SPENT = 100_000
#: Spent tokens are swept this often, not at every check.
_SWEEP_MS = 5_000
#: Longer is no token of ours: call (64) + worker (32) + expiry + nonce in base64, and the MAC.
_MAX_CHARS = 400
_NONCE_BYTES = 16
_CALL_SID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WORKER = re.compile(r"[A-Za-z0-9_-]{1,32}")


#: Why tokens are refused, in one word each, for whoever counts it.
REFUSALS = ("flood", "long", "forged", "foreign", "expired", "spent", "origin")


class TokenRefused(RemoteError):
    """This token admits nothing. The message says why, and never holds the token; `reason` is one of REFUSALS."""

    def __init__(self, message: str, *, reason: str = "forged") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Ticket:
    call_sid: str
    expires_ms: int
    nonce: str


def is_call_sid(text: str) -> bool:
    """Whether `text` can name a call: letters, digits, "-" and "_", at most 64."""
    return _CALL_SID.fullmatch(text) is not None


class TokenDesk:
    """Mints and checks the tokens of one worker."""

    def __init__(
        self,
        secret: bytes,
        worker: str,
        *,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        purpose: str = "media",
        lifetime_ms: int = LIFETIME_MS,
    ) -> None:
        """`secret` is the MAC's key; `now_ms` a monotonic clock; `random_bytes(n)` unguessable bytes. `purpose` names
        what the tokens open: no other MAC made with the key can pass for one of them."""
        if len(secret) < 16:
            raise LocalError("the key of the media tokens must have at least 16 bytes")
        if not _WORKER.fullmatch(worker):
            raise LocalError(f"worker id {worker!r}: write letters, digits, - and _ only, at most 32")
        self._secret = secret
        self._worker = worker
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._purpose = f"offhook {purpose} token 1\n".encode("ascii")
        self._lifetime_ms = lifetime_ms
        self._spent: dict[str, int] = {}
        self._next_sweep_ms = 0

    def mint(self, call_sid: str) -> str:
        """A token for one socket of this call; characters A-Z a-z 0-9 - _ and one dot."""
        if not is_call_sid(call_sid):
            raise LocalError(f"call id {call_sid[:80]!r}: letters, digits, - and _ only, at most 64")
        nonce = _encode(self._random_bytes(_NONCE_BYTES))
        expires_ms = self._now_ms() + self._lifetime_ms
        body = "\n".join((call_sid, self._worker, str(expires_ms), nonce)).encode("ascii")
        return f"{_encode(body)}.{_encode(self._mac(body))}"

    def verify(self, token: str) -> str:
        """The call that this token would admit now. Spends nothing. Raises TokenRefused."""
        return self._ticket(token).call_sid

    def check(self, token: str) -> str:
        """The call that this token admits; it is spent from here on. Raises TokenRefused."""
        ticket = self._ticket(token)
        self._sweep()
        if len(self._spent) >= MAX_SPENT:
            raise TokenRefused("too many sockets within a minute", reason="flood")
        self._spent[ticket.nonce] = ticket.expires_ms
        return ticket.call_sid

    def _ticket(self, token: str) -> _Ticket:
        if len(token) > _MAX_CHARS:
            raise TokenRefused("the token is too long", reason="long")
        body_text, _, mac_text = token.partition(".")
        body, mac = _decode(body_text), _decode(mac_text)
        # The MAC comes first, and in constant time: nothing of an unsigned body is looked at.
        if body is None or mac is None or not hmac.compare_digest(mac, self._mac(body)):
            raise TokenRefused("the token is not of our making", reason="forged")
        call_sid, worker, expires_text, nonce = body.decode("ascii").split("\n")
        if worker != self._worker:
            raise TokenRefused("the token is another worker's, or from before a restart", reason="foreign")
        if int(expires_text) <= self._now_ms():
            raise TokenRefused("the token has expired", reason="expired")
        if nonce in self._spent:
            raise TokenRefused("the token is spent", reason="spent")
        return _Ticket(call_sid, int(expires_text), nonce)

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._secret, self._purpose + body, hashlib.sha256).digest()

    def _sweep(self) -> None:
        now_ms = self._now_ms()
        if now_ms >= self._next_sweep_ms:
            self._next_sweep_ms = now_ms + _SWEEP_MS
            self._spent = {nonce: until for nonce, until in self._spent.items() if until > now_ms}


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    """Base64url without padding; None for anything else, also for a second spelling of the same bytes."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None
    return data if _encode(data) == text else None
