"""A card's number in a real call whose worker is killed with -9 while it is being given: nothing of it is on disk."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.script import load_script
from tests.integration.processes import TOKEN, ServiceProcess, service_process
from tests.support.waiting import until

DESK = Path("tests/agent/agents/card-desk").resolve()
RECORDINGS = Path("tests/recordings/slt").resolve()
CARD = "4111222233334444"
#: The synthetic recogniser hears the card desk's own script, whatever is said.
SCRIPT = f"""
[[step]]
say = "{RECORDINGS}/cancel.flac"
text = "i want to pay"

[[step]]
keys = "{CARD}#"
key_gap_ms = 100

[[step]]
keys = "{CARD}#"
key_gap_ms = 100
"""


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines() if line.endswith("}")]


def sound(folder: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(folder / "audio.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def asks_ms(folder: Path) -> int:
    return next(int(e["media_ms"]) for e in journal(folder) if e["kind"] == "agent.asks" and e["sensitive"])


async def killed_while_confirming(service: ServiceProcess, call: SandboxCall) -> Path:
    """Wait until the number has been given and the agent says it back; then kill the worker. Its folder."""
    folder = service.calls / call.call_sid
    written = folder / "journal.jsonl"
    await until(lambda: written.exists() and "Shall I charge" in written.read_text(), within_s=40, what="the question")
    worker = service.worker()
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    return folder


async def test_a_worker_killed_while_a_card_is_taken(tmp_path: Path) -> None:
    (tmp_path / "caller.toml").write_text(SCRIPT)
    async with service_process(tmp_path, "--supervise", AGENT=str(DESK), LOG_LEVEL="info") as service:
        call = SandboxCall(load_script(tmp_path / "caller.toml"), service.url, auth_token=TOKEN, max_call_s=60)
        ringing = asyncio.create_task(call.run())
        first = await killed_while_confirming(service, call)
        await ringing
        second = service.calls / f"{call.call_sid}-2"
        log = service.log.read_text()

    before, after = journal(first), journal(second)
    keys = [event["digit"] for event in before if event["kind"] == "key"]
    assert keys[:16] == ["•"] * 16, "the sixteenth is the last: the agent asks back before the hash key comes"
    assert keys[16:] in ([], ["#"])
    assert not (first / "call.json").exists()
    samples = sound(first)
    assert samples[: 8 * asks_ms(first)].any(axis=0).all()
    assert not samples[8 * asks_ms(first) :].any()

    kinds = [event["kind"] for event in after]
    assert kinds.index("agent.asks") < kinds.index("agent.clause"), "what comes now is confidential from the start"
    said = [event["text"] for event in after if event["kind"] == "agent.clause"]
    assert said[:2] == ["Sorry, we were cut off for a moment.", "What is the number of your card?"]
    assert any("Shall I charge" in text for text in said), "given again"
    assert not sound(second)[8 * asks_ms(second) :].any()

    for file in service.calls.rglob("*.json*"):
        text = re.sub(rb'"(n|at|seed|\w+_ms)":\s*[\d.]+', b"", file.read_bytes())
        assert not re.search(rb"\b(one|two|three|four)\b", text), file
        assert not any(CARD[at : at + 4].encode() in text for at in range(13)), file
    assert CARD not in log
