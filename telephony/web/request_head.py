"""The head of a request as it came on the wire: where it ends, and what of it the server must not see. Pure.

Hypercorn takes whatever an upgrade offers, with no setting against it: permessage-deflate (a small frame becomes
hundreds of megabytes) and HTTP/2 in the clear (a hundred streams on one connection). Both are offers that a server may
leave unanswered, so their headers are renamed before it reads them. Lines are told apart as h11 does.
"""

from __future__ import annotations

import re

#: A carrier's head has about 1 kB, behind two proxies 3 kB.
MAX_HEAD_BYTES = 16 * 1024
_END = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]\r?\n")
_FOLDED = re.compile(rb"\n[ \t]")
_EXTENSIONS = re.compile(rb"(?i)\nsec-websocket-extensions(?=:)")
_OTHER_UPGRADE = re.compile(rb"(?i)\nupgrade(?=:(?![ \t]*websocket[ \t]*\r?\n))")
#: Hypercorn reads these as ASCII, and fails on anything else.
_FOREIGN_LETTERS = re.compile(rb"(?i)\n(?:connection|sec-websocket-[a-z]*):[^\n]*[\x80-\xff]")
_UPGRADE = re.compile(rb"(?i)\nupgrade:")
_LENGTH = re.compile(rb"(?i)\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r?\n")
_IN_PIECES = re.compile(rb"(?i)\ntransfer-encoding:")
NOT_TAKEN = b"\nx-offhook-not-taken"


class BadHead(Exception):
    """No request that is served here. `status` is the answer, `reason` a word for whoever counts."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def head_end(data: bytes | bytearray, searched: int = 0) -> int | None:
    """How long the head is, its blank line included; None while it is not whole. The first `searched` bytes of `data`
    are known to hold no end. Raises BadHead as soon as it can be told that no good head will come."""
    if data and not 0x41 <= data[0] <= 0x5A:  # not a capital letter: TLS to a plain port, a blank line, garbage
        raise BadHead(400, "bad head")
    found = _END.search(data, max(0, searched - 2))
    if (found.end() if found else len(data)) > MAX_HEAD_BYTES:
        raise BadHead(431, "head too big")
    return found.end() if found else None


def screened(head: bytes) -> bytes:
    """A whole head as the server may see it. Raises BadHead."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise BadHead(505, "HTTP/2") if b" HTTP/2" in head.split(b"\n", 1)[0] else BadHead(400, "bad head")
    # RFC 9112, 5.2: a server must refuse a folded line, or unfold it.
    if _FOLDED.search(head) or _FOREIGN_LETTERS.search(head):
        raise BadHead(400, "bad head")
    return _OTHER_UPGRADE.sub(NOT_TAKEN, _EXTENSIONS.sub(NOT_TAKEN, head))


def is_upgrade(head: bytes) -> bool:
    """Whether a screened head asks for a WebSocket; what follows it is frames then, or nothing that is taken."""
    return _UPGRADE.search(head) is not None


def body_bytes(head: bytes) -> int | None:
    """How long the body is that a screened head announces; None if only the body's own end tells. Of a head that
    contradicts itself anything: the server refuses it."""
    if _IN_PIECES.search(head):
        return None
    length = _LENGTH.search(head)
    return int(length[1]) if length else 0
