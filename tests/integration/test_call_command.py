"""`offhook call` against a real service: served is who was understood, and the service's own record tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from telephony.sandbox.command import ring
from telephony.settings import load_settings
from telephony.web.serve import Service
from tests.integration.conftest import AGENT

StartService = Callable[..., Awaitable[Service]]
HEARD = 'script = ["where is my parcel", "no thank you"]'


@pytest.mark.parametrize(
    ("change", "line", "code", "verdict"),
    [
        (("", ""), "where is my parcel", 0, "served"),
        ((HEARD, 'script = [""]'), "[not understood]", 1, "not served"),
    ],
)
async def test_the_verdict(
    start_service: StartService,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    line: str,
    code: int,
    verdict: str,
) -> None:
    (tmp_path / "agents" / "test-desk" / "agent.toml").write_text(AGENT.replace(*change))
    tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(6400) / 8000)
    sf.write(tmp_path / "tone.wav", tone, 8000)
    script = tmp_path / "tone.toml"
    script.write_text('[[step]]\nsay = "tone.wav"\n[[step]]\npause_ms = 2800\n[[step]]\nhang_up = true\n')
    service = await start_service()
    url = service.url
    async with asyncio.timeout(30):
        told: Any = await ring(load_settings(), str(script), to=url, wav=None, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], told) == (verdict, code), report
    assert report["answered"]  # an apology is an answer, to the ear
    lines = [f"{one['text']} [{one['remark']}]" for one in report["transcript"] if one["who"] == "caller"]
    assert line in "".join(lines)
    assert len(lines) == 1
