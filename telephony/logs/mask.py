"""Secrets never stand in a log: known ones, media tokens and passwords of requests are replaced by a mask."""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

MASK = "[masked]"
#: A shorter secret would mask half of every line; nothing that short protects anything.
_SHORTEST = 6
#: A media token (telephony/tokens.py): a body in base64url, a dot, the 43 characters of a SHA-256. The dot may be
#: escaped, and a damaged one is masked by its path. Hostile text is searched in linear time: a run of letters is
#: entered at its first one only, and never backed out of.
_PATTERNS = (
    (re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{40,}+(?:\.|%2[eE])[A-Za-z0-9_-]{43}"), MASK),
    (re.compile(r"(/media/|/phone/events/)[^\s\"'<>]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(basic|bearer)[ \t]{1,4}[A-Za-z0-9+/_.=~-]{6,}"), rf"\1 {MASK}"),
)
_USER_INFO = re.compile(r"//[^/]*@")


class SecretMask:
    """Knows this process's secrets, and takes them out of texts. One for all logs: see `hide` and `masked`."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def hide(self, secret: str) -> None:
        """From now on this text is masked, as it is, and as URLs and Basic authentication would write it."""
        secret = secret.strip()
        if len(secret) < _SHORTEST:
            return
        spellings = {secret, quote(secret, safe=""), base64.b64encode(secret.encode("utf-8", "replace")).decode()}
        # The longest first: a secret may be a part of another.
        self._known = tuple(sorted({*self._known, *spellings}, key=lambda text: (-len(text), text)))

    def masked(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


_PROCESS = SecretMask()


def hide(secret: str) -> None:
    """Keep this secret out of everything that this process logs."""
    _PROCESS.hide(secret)


def masked(text: str) -> str:
    """The text without any secret that `hide` was told, or that looks like a media token or a password."""
    return _PROCESS.masked(text)


def bare_url(url: str) -> str:
    """A URL without its query, which may hold what a caller said, and without user and password."""
    return _USER_INFO.sub("//", re.split("[?#]", url, maxsplit=1)[0])
