"""Faults over real sockets: the sandbox's caller on a bad line, and a service of our own whose engines are broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from rich.console import Console

from agent.errors import LocalError
from agent.recording.folder import JOURNAL
from telephony.faults.plan import FaultPlan, load_faults
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.command import ring
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import load_script
from telephony.sandbox.show import print_report
from telephony.sandbox.understood import judge
from telephony.settings import load_settings
from telephony.web.serve import Service, open_service
from tests.integration.beep_agent import TOKEN, BeepAgent
from tests.support.waiting import paced

StartService = Callable[..., Awaitable[Service]]
TURN = '[[step]]\nsay = "tone.wav"\ntext = "hello"\n'
LEAVE = "[[step]]\nhang_up = true\nafter_ms = 200\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """One turn of 0.4 s of tone; the agent is to hang up."""
    sf.write(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 500 * np.arange(3200) / 8000), 8000)
    file = tmp_path / "tone.toml"
    file.write_text(TURN)
    return file


async def beeped(script: Path, faults: FaultPlan, agent: BeepAgent) -> CallReport:
    async with asyncio.timeout(20), agent.serving():
        return await SandboxCall(load_script(script), agent.url, auth_token=TOKEN, faults=faults).run()


def plan(folder: Path, text: str) -> FaultPlan:
    (folder / "bad.toml").write_text(text)
    return load_faults(str(folder / "bad.toml"))


def media(agent: BeepAgent) -> list[dict[str, Any]]:
    return [message for message in agent.seen.messages if message["event"] == "media"]


async def test_what_is_lost_leaves_holes_in_the_time_stamps_and_none_in_the_counters(script: Path) -> None:
    agent = BeepAgent(turns=1)
    report = await beeped(script, plan(script.parent, '[[line]]\nkind = "lose"\nlose = [0, 0, 1]\n'), agent)
    assert report.served, report
    console = Console(record=True)
    print_report(report, judge(report, []), console)
    assert "tone, " in (first := console.export_text().splitlines()[0])
    assert first.endswith(", faults: bad")
    got = media(agent)
    assert [int(one["media"]["timestamp"]) for one in got[:6]] == [0, 20, 60, 80, 120, 140]
    assert [int(one["media"]["chunk"]) for one in got] == list(range(1, len(got) + 1))
    numbers = [int(one["sequenceNumber"]) for one in agent.seen.messages if "sequenceNumber" in one]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_stall_holds_up_everything_and_loses_nothing(script: Path) -> None:
    agent = BeepAgent(turns=1)
    stall = '[[line]]\nkind = "stall"\nfrom_ms = 200\nto_ms = 600\n'
    report = await beeped(script, plan(script.parent, stall), agent)
    assert report.served, report
    stamps = [int(one["media"]["timestamp"]) for one in media(agent)]
    assert stamps == [20 * number for number in range(len(stamps))]
    arrived = dict(zip(stamps, agent.seen.arrivals_s, strict=True))
    assert arrived[200] - arrived[160] > 0.35, "the frame of 200 ms waits until 600 ms"
    assert arrived[580] - arrived[200] < 0.1, "what was held up comes at once"


async def test_a_socket_that_is_closed_by_a_fault_is_for_the_service_a_stream_that_is_over(script: Path) -> None:
    agent = BeepAgent(turns=1)
    drop = '[[line]]\nkind = "drop"\nfrom_ms = 300\n'
    agent.after = ["<Pause/><Hangup/>"]
    report = await beeped(script, plan(script.parent, drop), agent)
    assert [path for path, _ in agent.seen.posts if "stream" not in path] == [
        "/twilio/voice",
        "/twilio/after",
        "/twilio/status",
    ]
    assert agent.seen.close_codes == [1006]
    assert "the stream's socket was closed on purpose (faults: bad)" in report.warnings


async def test_a_line_drops_once_in_a_call(script: Path) -> None:
    agent = BeepAgent(turns=1)
    agent.after = [agent.voice, "<Hangup/>"]
    report = await beeped(script, plan(script.parent, '[[line]]\nkind = "drop"\nfrom_ms = 300\n'), agent)
    assert report.streams == 2
    assert report.ended_by == "agent hung up"
    assert report.spoken[-1].answer_ms is not None


async def test_a_line_that_drops_in_silence_carries_nothing_either_way(script: Path) -> None:
    agent = BeepAgent(greeting_ms=0)
    late: list[asyncio.Task[None]] = []

    def on_start(socket: Any, sid: str) -> None:
        async def beep_later() -> None:
            await paced(0.6)
            payload = "fn5+fn5+" * 100
            await socket.send_str(json.dumps({"event": "media", "streamSid": sid, "media": {"payload": payload}}))

        late.append(asyncio.create_task(beep_later()))

    agent.on_start = on_start
    faults = plan(script.parent, '[[line]]\nkind = "drop"\nhow = "silence"\nfrom_ms = 300\n')
    async with asyncio.timeout(20), agent.serving():
        call = SandboxCall(load_script(script), agent.url, auth_token=TOKEN, faults=faults, max_call_s=1.2)
        report = await call.run()
        await asyncio.gather(*late, return_exceptions=True)
    assert 200 < int(media(agent)[-1]["media"]["timestamp"]) < 320
    assert report.ear.heard_ms == 0


async def test_a_service_of_our_own_breaks_where_it_is_told_to(
    start_service: StartService, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await start_service()  # what its fixture prepares: folder, environment
    settings = load_settings(agent=str(tmp_path / "agents" / "test-desk"), port=0, drain_s=0.0)
    script.write_text(TURN + LEAVE)
    broken = plan(tmp_path, '[[stt]]\nfault = "fails"\n')
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings, faults=broken))
        async with asyncio.timeout(20):
            code = await ring(load_settings(), str(script), to=service.url, wav=None, as_json=True, fault="wifi")
    report = json.loads(capsys.readouterr().out)
    assert (code, report["verdict"], report["faults"]) == (1, "not served", "wifi")
    (folder,) = (tmp_path / "calls").iterdir()
    journal = (folder / JOURNAL).read_text()
    assert "the final text failed, on purpose (faults: bad)" in journal


async def test_faults_of_engines_are_not_the_callers_to_make(
    start_service: StartService, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await start_service()  # so there is a token; what is rung is nobody
    code = await ring(
        load_settings(), str(script), to="http://127.0.0.1:1", wav=None, as_json=True, fault="stalling-model"
    )
    report = json.loads(capsys.readouterr().out)
    assert code == 1
    note = "the service at http://127.0.0.1:1/twilio/voice is not ours to break; only its line is"
    assert f"faults stalling-model: {note}" in report["warnings"]


async def test_where_strangers_may_call_nothing_is_broken_on_purpose(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start_service()
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    settings = load_settings(
        agent=str(tmp_path / "agents" / "test-desk"), port=0, public_origin="https://desk.example.org"
    )
    with pytest.raises(LocalError, match="nothing is broken there on purpose"):
        async with open_service(settings, faults=load_faults("wifi")):
            pass
