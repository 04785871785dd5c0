"""Whom a log line names as a request's source."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.logs.source import source_of


@pytest.mark.parametrize(
    ("client", "forwarded", "source"),
    [
        (("192.0.2.1", 4711), [], "192.0.2.1"),
        (None, [], "?"),
        (("127.0.0.1", 1), [b"198.51.100.7"], "127.0.0.1 for 198.51.100.7"),
        (("127.0.0.1", 1), [b"forged, 198.51.100.7"], "127.0.0.1 for 198.51.100.7"),
        (("127.0.0.1", 1), [b"forged", b"also forged,\t2001:db8::1"], "127.0.0.1 for 2001:db8::1"),
        (("127.0.0.1", 1), [b"x" * 500], "127.0.0.1 for " + "x" * 64),
        (("127.0.0.1", 1), [b""], "127.0.0.1 for "),
    ],
)
def test_the_peer_and_whom_its_proxy_names(client: Any, forwarded: list[bytes], source: str) -> None:
    headers = [(b"host", b"x"), *((b"X-Forwarded-For", value) for value in forwarded)]
    assert source_of({"client": client, "headers": headers}) == source
