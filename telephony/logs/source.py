"""Whom a request comes from, as a log line names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The longest address that there is, with room for a port.
_MAX_CHARS = 64


def source_of(scope: Mapping[str, Any]) -> str:
    """The peer's address of an ASGI scope; behind a proxy also the address that the proxy says it serves: "A for B".

    B is the last one of X-Forwarded-For, which the nearest proxy has written; anybody may have written the others.
    """
    client = scope.get("client")
    peer = str(client[0]) if client else "?"
    forwarded = [value for name, value in scope.get("headers", ()) if name.lower() == b"x-forwarded-for"]
    if not forwarded:
        return peer
    return f"{peer} for {forwarded[-1].rpartition(b',')[2].strip().decode('latin-1')[:_MAX_CHARS]}"
