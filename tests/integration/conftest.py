"""A real service on a real port, with synthetic engines."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from telephony.auth import auth_token
from telephony.settings import load_settings
from telephony.web import room
from telephony.web.serve import Service, open_service
from tests.integration.foreign_carrier import ForeignCarrier

AGENT = """
[agent]
name = "test-desk"
record = "full"

[phrases]
greeting = "Hello, this is the test desk."
recording_notice = "Recorded."
no_input_goodbye = "Goodbye now."
not_understood = "What?"
still_there = "Hello?"
trouble = "Trouble."

[stt]
engine = "synthetic"
script = ["where is my parcel", "no thank you"]

[llm]
engine = "synthetic"
tokens = 14
clause_tokens = 4

[tts]
engine = "synthetic"
speed = 50.0
first_byte_ms = 20

[vad]
engine = "energy"

[turns]
no_input_ms = 1500
max_no_input = 0
"""

#: Tests call from few numbers, and often.
NO_LIMITS = {"max_calls_per_source": 0, "calls_per_minute": 0, "calls_per_minute_per_source": 0}

StartService = Callable[..., Awaitable[Service]]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def start_service(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a service; settings may be given. It is closed, drained, at the end of the test."""
    folder = tmp_path / "agents" / "test-desk"
    folder.mkdir(parents=True)
    (folder / "agent.toml").write_text(AGENT)
    async with AsyncExitStack() as stack:

        async def start(**given: Any) -> Service:
            settings = load_settings(**{"agent": str(folder), "port": 0, "drain_s": 0.0, **NO_LIMITS, **given})
            return await stack.enter_async_context(open_service(settings))

        yield start
        # The test is over: whoever was promised a place is not on the way any more.
        monkeypatch.setattr(room, "ARRIVES_WITHIN_MS", 0)


@pytest.fixture
async def service(start_service: StartService) -> Service:
    return await start_service()


@pytest.fixture
async def carrier(service: Service) -> Any:
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        yield carrier
