"""Access: who may see the operator's pages - metrics, the browser phone - and whether a page that asks is our own.

Whoever knows the operator token may, by HTTP Basic (RFC 7617; user "operator"), which browsers and Prometheus both
speak. Without a public origin everybody on this machine may as well. With one there is a proxy or a tunnel, most likely
on this machine, and one that was told nothing shows itself by nothing: its requests cannot be told from our own. So
then it is the token, from everywhere, and without a token nobody.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from telephony.settings import MIN_OPERATOR_TOKEN
from telephony.twilio.signatures import SignatureCheck

OPERATOR = "operator"
#: What a browser is answered that has not said who it is.
CHALLENGE = 'Basic realm="offhook", charset="UTF-8"'
#: For whoever finds the pages shut.
HOW_TO_OPEN = (
    f"set OFFHOOK_OPERATOR_TOKEN ({MIN_OPERATOR_TOKEN} characters or more) where the service runs, "
    f'and come back with it as password of user "{OPERATOR}"'
)

Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer that tells nothing of the page."""

    status: int
    message: str
    headers: Mapping[str, str]


class Access:
    """Decides by the request's own head alone (an ASGI scope, of kind http or websocket)."""

    def __init__(self, check: SignatureCheck, *, public_origin: str, operator_token: SecretStr | None) -> None:
        """`public_origin` as in Settings ("" = none); without `operator_token` no password lets anybody in."""
        self._check = check
        self._public_origin = public_origin
        self._token = operator_token.get_secret_value().encode() if operator_token is not None else None

    def allows(self, scope: Scope) -> bool:
        """Whether whoever sent this may see an operator's page."""
        if not self._public_origin and self._of_this_machine(scope):
            return True
        if self._token is None:
            return False
        given = _password(scope["headers"])
        return given is not None and hmac.compare_digest(given, self._token)

    def refusal(self, scope: Scope) -> Refusal | None:
        """What to answer whoever may not; None for who may."""
        if self.allows(scope):
            return None
        if self._token is not None:
            return Refusal(401, "The operator's pages need a password.", {"WWW-Authenticate": CHALLENGE})
        whose = "shut" if self._public_origin else "for this machine only"
        return Refusal(403, f"The operator's pages are {whose}: {HOW_TO_OPEN}.", {})

    def _of_this_machine(self, scope: Scope) -> bool:
        # No client of today writes HTTP/1.0, and an nginx that was told nothing else does (proxy_http_version).
        if scope.get("http_version") == "1.0" or not _from_loopback(scope.get("client")):
            return False
        return self._check.local_origin(scope["headers"]) is not None

    def same_origin(self, scope: Scope) -> bool:
        """Whether the page that asks is ours: a browser names the page's origin in `Origin` (RFC 6454), programs send
        none. A browser sends cookies and passwords along whatever page asks, so this is looked at beside them."""
        origins = [value for name, value in scope["headers"] if name.lower() == b"origin"]
        if not origins:
            return True
        if len(origins) > 1:
            return False
        local = self._check.local_origin(scope["headers"])
        ours = {self._public_origin, local.url if local is not None else ""} - {""}
        return origins[0].decode("latin-1").lower() in ours


def _from_loopback(client: tuple[str, int | None] | None) -> bool:
    """Whether the connection comes from this machine: a service that listens to others too (OFFHOOK_HOST=0.0.0.0) is
    told any Host."""
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0]) if client else None
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # of a socket that listens on both kinds
    return address is not None and address.is_loopback


def _password(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The operator's password as given, or None: none, another user's, more than one, or not well written."""
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, credentials = values[0].partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
    except (ValueError, binascii.Error):
        return None
    return password if colon and user == OPERATOR.encode() else None
