"""make_agent and friends: the least an agent must be, for tests that need one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import soundfile

from agent.audio.resample import StreamResampler
from agent.context import LiveContext
from agent.definition import AgentDefinition, EngineChoice, Phrases, TurnSettings
from agent.tts.espeak import EspeakTts


def make_agent(**overrides: Any) -> AgentDefinition:
    """An agent with synthetic engines and the energy detector; any field may be given instead."""
    fields: dict[str, Any] = {
        "name": "test-desk",
        "folder": Path("prompts/test-desk"),
        "language": "en-US",
        "system_prompt": "You are a test.",
        "phrases": Phrases(greeting="Hello, this is the test desk."),
        "stt": EngineChoice("synthetic", {"script": ["where is my parcel", "yes please"]}),
        "llm": EngineChoice("synthetic"),
        "tts": EngineChoice("synthetic"),
        "vad": EngineChoice("energy"),
        "turns": TurnSettings(),
        "tools": {},
    }
    fields.update(overrides)
    return AgentDefinition(**fields)


def make_context(workers: int = 2, seed: int = 1) -> LiveContext:
    """A live context with its own few threads; call it with a running loop."""
    return LiveContext(ThreadPoolExecutor(workers), seed=seed)


@cache
def recorded_pcm(name: str, rate_hz: int) -> bytes:
    """A recorded caller, e.g. "slt/where", PCM16 at `rate_hz`, with half a second of silence around it."""
    path = Path(__file__).parents[1] / "recordings" / f"{name}.flac"
    samples, file_hz = soundfile.read(path, dtype="int16")
    pause = bytes(file_hz)
    resampler = StreamResampler(file_hz, rate_hz)
    return resampler.push(pause + samples.astype("<i2").tobytes() + pause) + resampler.flush()


@cache
def espeak_pcm(text: str, rate_hz: int, variant: str = "m3") -> bytes:
    """`text`, spoken by espeak-ng at `rate_hz`, PCM16. Never twice quite the same samples (see agent/tts/espeak.py)."""

    async def speak() -> bytes:
        voice = EspeakTts(make_agent(), variant=variant)
        await voice.start()
        resampler = StreamResampler(voice.rate_hz, rate_hz)
        context = make_context(1)
        pcm = b"".join([resampler.push(chunk.pcm) async for chunk in voice.speak(text, context)])
        return pcm + resampler.flush()

    # A loop of its own, in a thread of its own: callable from tests that run in a loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, speak()).result()
