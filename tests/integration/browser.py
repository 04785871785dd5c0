"""A real Chromium with a recording for its microphone, and everything that it does wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from tests.support.waiting import until

MICROPHONE_HZ = 48000
Heard = Sequence[tuple[float, Path | None]]


def chromium() -> str:
    """Where the browser is; skips the test where there is none."""
    pytest.importorskip("playwright.async_api", reason="playwright is not installed (extra dev)")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    return path


def microphone(path: Path, heard: Heard) -> Path:
    """A WAV file of pauses (seconds), each followed by a recording."""
    parts: list[Any] = []
    for pause_s, recording in heard:
        parts.append(np.zeros(round(pause_s * MICROPHONE_HZ)))
        if recording is not None:
            samples, rate_hz = soundfile.read(recording)
            parts.append(soxr.resample(samples, rate_hz, MICROPHONE_HZ))
    soundfile.write(path, np.concatenate(parts), MICROPHONE_HZ, subtype="PCM_16")
    return path


@dataclass
class Browser:
    """One page, and what it asked for and complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def state(self) -> str:
        """idle, ringing, talking or over."""
        return str(await self.page.evaluate("document.body.dataset.state"))

    async def until(self, script: str, limit_s: float = 20.0, argument: object = None) -> None:
        """Wait until a script says true. (Playwright's own waiting needs eval, which the page's policy forbids.)"""
        await until(lambda: self.page.evaluate(script, argument), within_s=limit_s, what=script, every_s=0.05)

    async def texts(self, selector: str) -> list[str]:
        """The texts of all that the selector finds."""
        return list(await self.page.locator(selector).all_inner_texts())


@asynccontextmanager
async def open_browser(
    microphone: Path | None, *, width: int = 1180, height: int = 860, flags: Sequence[str] = ()
) -> AsyncIterator[Browser]:
    """A headless Chromium with one empty page; `microphone` is heard once, from when the page opens it. Without one
    there is no microphone at all."""
    executable = chromium()
    from playwright.async_api import async_playwright

    given = ["--use-fake-ui-for-media-stream", "--disable-gpu", *flags]
    if microphone is not None:
        given += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    if os.geteuid() == 0:
        given.append("--no-sandbox")
    async with async_playwright() as playwright:
        chromium_ = await playwright.chromium.launch(executable_path=executable, args=given)
        try:
            page = await chromium_.new_page(viewport={"width": width, "height": height})
            browser = Browser(page)
            page.on("request", lambda request: browser.requests.append(request.url))
            page.on("websocket", lambda socket: browser.requests.append(socket.url))
            page.on(
                "console",
                lambda line: browser.complaints.append(line.text) if line.type in ("error", "warning") else None,
            )
            page.on("pageerror", lambda error: browser.complaints.append(str(error)))
            yield browser
        finally:
            await chromium_.close()
