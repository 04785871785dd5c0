"""A made-up call's folder, as real as can be without a telephone: for the tests of whatever reads call folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.record import CallRecord, RecordMode
from tests.agent.support import make_context

RATE_HZ = 8000
STAGES = ("endpointing_ms", "stt_ms", "llm_ms", "clause_ms", "tts_ms", "line_ms")

#: who, start_ms, end_ms, text (caller: turn number and its stages; agent: turn, and what was said if cut short)
CALL: list[dict[str, Any]] = [
    {
        "who": "agent",
        "turn": 0,
        "span": (420, 4380),
        "text": "Parcel desk, good morning. This call is recorded. What is your order number?",
    },
    {
        "who": "caller",
        "turn": 1,
        "span": (5010, 7720),
        "text": "hi it is four seven one one",
        "stages": (552, 41, 6, 3, 28, 22),
    },
    {
        "who": "agent",
        "turn": 1,
        "span": (8372, 13150),
        "text": "Order four seven one one left our depot in Leeds this "
        "morning. It should be with you tomorrow between nine and",
        "said": "Order four seven one one left our depot in Leeds this morning. It should be with you tomorrow between "
        "nine and eleven. Shall I text you a tracking link?",
    },
    {
        "who": "caller",
        "turn": 2,
        "span": (12870, 14950),
        "text": "sorry can you cancel it please",
        "stages": (552, 63, 148, 4, 31, 24),
    },
    {
        "who": "agent",
        "turn": 2,
        "span": (15772, 18900),
        "text": "I can do that. Shall I cancel order four seven one one now?",
    },
    {"who": "caller", "turn": 3, "span": (19480, 19910), "text": "yes", "stages": (352, 38, 12, 3, 26, 25)},
    {
        "who": "agent",
        "turn": 3,
        "span": (20366, 24100),
        "text": "It is cancelled. You get your money back within five days. Anything else?",
    },
    {"who": "caller", "turn": 4, "span": (24980, 26100), "text": "no thank you bye", "stages": (552, 44, 5, 3, 27, 21)},
    {"who": "agent", "turn": 4, "span": (26752, 28300), "text": "Thank you for calling. Goodbye."},
]
TOOLS = [
    (8290, "find_order", {"number": "4711"}, 1, "read", 34, True),
    (15640, "find_order", {"number": "4711"}, 2, "read", 12, True),
    (20270, "cancel_order", {"number": "4711"}, 3, "write", 58, True),
]
BARGE_IN_MS = 13030


async def make_call(
    root: Path, *, mode: RecordMode = "full", call_id: str = "CA5d1", call: list[dict[str, Any]] | None = None
) -> Path:
    """Write the call through CallRecord, as a session would; returns its folder."""
    record = CallRecord.open(root, call_id, mode=mode, rate_hz=RATE_HZ, ctx=make_context())
    lines = CALL if call is None else call
    for media_ms, kind, fields in sorted(_events(lines, mode, call_id), key=lambda event: event[0]):
        record.event(kind, media_ms, **fields)
    if mode == "full":
        for seed, line in enumerate(lines):
            push = record.caller_audio if line["who"] == "caller" else record.agent_audio
            push(speech_like(line["span"][1] - line["span"][0], seed, agent=line["who"] == "agent"), line["span"][0])
    await record.close()
    assert record.folder is not None
    return record.folder


def _events(lines: list[dict[str, Any]], mode: str, call_id: str) -> list[tuple[int, str, dict[str, Any]]]:
    about = {"call_id": call_id, "agent": "parcel-desk", "caller": "+15550100", "called": "+15550199", "record": mode}
    engines = {"stt": "pocketsphinx", "llm": "flow", "tts": "espeak", "vad": "silero"}
    rest = {"line": "media-stream", "rate_hz": RATE_HZ, "seed": 7, "engines": engines, "retain_days": 30}
    out: list[tuple[int, str, dict[str, Any]]] = [(0, "call.started", {**about, **rest})]
    for number, line in enumerate(lines, start=1):
        start_ms, end_ms = line["span"]
        turn = line["turn"]
        if line["who"] == "agent":
            heard = {"utterance": number, "text": line["text"], "said": line.get("said", line["text"])}
            span = {"complete": "said" not in line, "start_ms": start_ms, "end_ms": end_ms}
            out.append((start_ms - 60, "agent.clause", {"utterance": number, "turn": turn, "text": heard["said"]}))
            out.append((end_ms, "agent.heard", {**heard, **span}))
            continue
        stages = dict(zip(STAGES, line["stages"], strict=True))
        voice_to_voice_ms = sum(stages.values())
        committed_ms = end_ms + stages["endpointing_ms"] + stages["stt_ms"]
        out.append((start_ms + 100, "turn.started", {"turn": turn, "speech_ms": start_ms}))
        ended = {"turn": turn, "speech_end_ms": end_ms, "reason": "silence"}
        out.append((end_ms + stages["endpointing_ms"], "turn.ended", ended))
        committed = {"turn": turn, "text": line["text"], "confidence": 0.9, "source": "voice"}
        out.append((committed_ms, "turn.committed", committed))
        latency = {"turn": turn, "voice_to_voice_ms": voice_to_voice_ms, **stages}
        out.append((end_ms + voice_to_voice_ms, "turn.latency", latency))
    if lines is CALL:
        out.append((BARGE_IN_MS, "barge_in", {"turn": 2, "utterance": 3}))
        for number, (at_ms, name, arguments, turn, effect, took_ms, ok) in enumerate(TOOLS, start=1):
            key = {"id": f"tool-{number}", "name": name}
            out.append((at_ms, "tool.called", {**key, "arguments": arguments, "turn": turn, "effect": effect}))
            out.append((at_ms + took_ms, "tool.returned", {**key, "ok": ok, "result": "ok", "took_ms": took_ms}))
    last_ms = max([line["span"][1] for line in lines], default=0) + 120
    out.append((last_ms, "leave", {"decision": {"type": "hang_up", "reason": "goodbye"}}))
    out.append((last_ms + 180, "call.ended", {"reason": "goodbye"}))
    return out


def speech_like(length_ms: int, seed: int, *, agent: bool) -> bytes:
    """Noise with the rise and fall of syllables and words; PCM16 at RATE_HZ."""
    rng = np.random.default_rng(seed)
    envelope: npt.NDArray[np.float64] = np.zeros(length_ms * RATE_HZ // 1000)
    at = 0
    while at < len(envelope):
        length = int(rng.uniform(0.09, 0.24) * RATE_HZ)
        part = np.sin(np.linspace(0, np.pi, length)) ** 0.7 * rng.uniform(0.35, 1.0)
        envelope[at : at + length] += part[: len(envelope) - at]
        at += length + (int(rng.uniform(0.02, 0.3) * RATE_HZ) if rng.random() < 0.25 else -length // 5)
    voice = np.sin(2 * np.pi * (180 if agent else 115) * np.arange(len(envelope)) / RATE_HZ)
    sound = envelope * (0.6 * voice + 0.4 * rng.standard_normal(len(envelope))) * (6500 if agent else 4000)
    return sound.clip(-32000, 32000).astype("<i2").tobytes()
