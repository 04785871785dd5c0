"""Access: this machine, or with a public origin the operator's password; and pages of our own only."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from telephony.twilio.signatures import SignatureCheck
from telephony.web.access import Access

TOKEN = "correct-horse-battery"
PUBLIC = "https://agent.example.com"


def _access(token: str | None = TOKEN, public: str = PUBLIC) -> Access:
    check = SignatureCheck(SecretStr("x" * 32), public_origin=public, port=8080)
    return Access(check, public_origin=public, operator_token=None if token is None else SecretStr(token))


def _scope(host: str, **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"headers": [(b"host", host.encode()), *named], "client": ("127.0.0.1", 40000), "http_version": "1.1"}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (_scope("127.0.0.1:8080"), False),
        (_scope("127.0.0.1:8080", authorization=_basic("operator", TOKEN)), True),
        (_scope("localhost:8080", x_forwarded_for="1.2.3.4"), False),
        (_scope("localhost"), False),
        (_scope("agent.example.com"), False),
        (_scope("agent.example.com", authorization=_basic("operator", TOKEN)), True),
        (_scope("agent.example.com", authorization="bAsIc" + _basic("operator", TOKEN)[5:]), True),
        (_scope("localhost:8080", cf_ray="1", authorization=_basic("operator", TOKEN)), True),
        (_scope("agent.example.com", authorization=_basic("operator", TOKEN + "x")), False),
        (_scope("agent.example.com", authorization=_basic("operator", "")), False),
        (_scope("agent.example.com", authorization=_basic("root", TOKEN)), False),
        (_scope("agent.example.com", authorization="Bearer " + TOKEN), False),
        (_scope("agent.example.com", authorization="Basic !!!"), False),
        (_scope("agent.example.com", authorization="Basic"), False),
        (_scope("agent.example.com", authorization="Basic " + base64.b64encode(b"operator").decode()), False),
    ],
)
def test_who_is_let_in(scope: dict[str, Any], allowed: bool) -> None:
    assert _access().allows(scope) is allowed


@pytest.mark.parametrize(
    ("client", "allowed"),
    [
        (("127.0.0.1", 1), True),
        (("127.9.9.9", 1), True),
        (("::1", 1), True),
        (("::ffff:127.0.0.1", 1), True),
        (("192.0.2.1", 1), False),
        (("::ffff:192.0.2.1", 1), False),
        (("fe80::1%eth0", 1), False),
        (("0.0.0.0", 1), False),
        (("nonsense", None), False),
        (None, False),
    ],
)
def test_a_stranger_who_writes_our_host_is_not_this_machine(client: tuple[str, int] | None, allowed: bool) -> None:
    assert _access(public="").allows({**_scope("127.0.0.1:8080"), "client": client}) is allowed


def test_two_passwords_are_none() -> None:
    scope = _scope("agent.example.com", authorization=_basic("operator", TOKEN))
    scope["headers"].append((b"Authorization", _basic("operator", TOKEN).encode()))
    assert not _access().allows(scope)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (_scope("127.0.0.1:8080"), True),
        (_scope("localhost:8080"), True),
        (_scope("localhost:8080", x_forwarded_for="1.2.3.4"), False),
        (_scope("localhost"), False),
        (_scope("agent.example.com"), False),
        ({**_scope("localhost:8080"), "http_version": "1.0"}, False),
        ({**_scope("localhost:8080"), "http_version": "2"}, True),
    ],
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_without_a_public_origin_this_machine_is_let_in(
    scope: dict[str, Any], allowed: bool, token: str | None
) -> None:
    """HTTP/1.0 is what an nginx speaks to us that was told nothing else, and then it shows itself by nothing else."""
    assert _access(token=token, public="").allows(scope) is allowed


def test_a_public_origin_without_a_token_lets_nobody_in_and_says_how_to_be_let_in() -> None:
    access = _access(token=None)
    refusal = access.refusal(_scope("127.0.0.1:8080"))
    assert refusal is not None
    assert refusal.status == 403
    assert "set OFFHOOK_OPERATOR_TOKEN" in refusal.message
    assert "16 characters" in refusal.message


def test_without_a_token_no_password_is_right() -> None:
    access = _access(token=None)
    assert not access.allows(_scope("agent.example.com", authorization=_basic("operator", "")))
    refusal = access.refusal(_scope("agent.example.com"))
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (403, {})


def test_with_a_token_a_stranger_is_asked_for_it() -> None:
    refusal = _access().refusal(_scope("agent.example.com"))
    assert refusal is not None
    assert (refusal.status, list(refusal.headers)) == (401, ["WWW-Authenticate"])


@pytest.mark.parametrize(
    ("scope", "same"),
    [
        (_scope("agent.example.com"), True),
        (_scope("agent.example.com", origin=PUBLIC), True),
        (_scope("agent.example.com", origin=PUBLIC.upper()), True),
        (_scope("agent.example.com", origin="https://evil.example"), False),
        (_scope("agent.example.com", origin="null"), False),
        (_scope("agent.example.com", origin="http://agent.example.com"), False),
        (_scope("agent.example.com", origin="http://agent.example.com:8080"), False),
        (_scope("localhost:8080", origin="http://localhost:8080"), True),
        (_scope("localhost:8080", origin="http://127.0.0.1:8080"), False),
        (_scope("evil.example", origin="http://evil.example"), False),
        (_scope("localhost:8080", origin=""), False),
    ],
)
def test_only_our_own_pages_may_ask(scope: dict[str, Any], same: bool) -> None:
    assert _access().same_origin(scope) is same
    if not same:
        scope["headers"].append((b"origin", PUBLIC.encode()))
        assert not _access().same_origin(scope)


def test_no_public_origin_is_nobodys_origin() -> None:
    assert not _access(public="").same_origin(_scope("agent.example.com", origin=""))
