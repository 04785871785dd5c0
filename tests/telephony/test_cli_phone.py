"""What `offhook serve` says of the browser phone: where it is, and for whom."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from telephony.cli import _phone_told
from telephony.settings import Settings

PUBLIC = "https://agent.example.com"


@pytest.mark.parametrize(
    ("origin", "token", "told"),
    [
        ("", None, "the browser phone is http://127.0.0.1:8080/phone"),
        ("", "a-long-enough-secret", "the browser phone is http://127.0.0.1:8080/phone"),
        (PUBLIC, None, "the browser phone and /metrics are shut: OFFHOOK_OPERATOR_TOKEN opens them"),
        (PUBLIC, "a-long-enough-secret", f"the browser phone is {PUBLIC}/phone (user operator, password OFFHOOK_OPE"),
    ],
)
def test_the_phone_is_told_as_it_is(origin: str, token: str | None, told: str) -> None:
    settings = Settings.model_construct(
        public_origin=origin, operator_token=SecretStr(token) if token is not None else None
    )
    line = _phone_told(settings, "http://127.0.0.1:8080")
    assert line.startswith(told)
    assert "long-enough" not in line
