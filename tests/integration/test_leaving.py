"""Leaving the stream: transfers that come back, digits, goodbyes heard to their end, a service that stops.

A real service in a process of its own, and the sandbox's caller, who follows the TwiML as Twilio does.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.script import load_script
from tests.integration.processes import TOKEN, ServiceProcess, service_process
from tests.integration.settling import closed_journals
from tests.support.waiting import paced

DESK = Path(__file__).parent / "leaving_desk"
LONG = bool(os.environ.get("OFFHOOK_LONG"))
GOODBYE = "Thank you for calling the leaving desk. Goodbye."


def desk(folder: Path, *hears: str) -> Path:
    """The agent, whose recogniser hears these things, one a turn."""
    copy = folder / "leaving-desk"
    shutil.copytree(DESK, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "agent.toml"
    file.write_text(file.read_text().replace('["SCRIPT"]', json.dumps(list(hears))))
    return copy


def speech(folder: Path) -> None:
    """hm.wav: 0.7 s of a tone."""
    t = np.arange(int(8000 * 0.7)) / 8000
    sf.write(folder / "hm.wav", 0.3 * np.sin(2 * np.pi * 500 * t), 8000)


def caller(folder: Path, service: ServiceProcess, steps: str) -> SandboxCall:
    (folder / "script.toml").write_text(steps)
    script = load_script(folder / "script.toml")
    return SandboxCall(script, service.url, auth_token=TOKEN, max_call_s=60, time_factor=0.02)


def heard(events: list[dict[str, Any]]) -> list[str]:
    return [event["text"] for event in events if event["kind"] == "agent.heard" and event["complete"]]


SAY = '[[step]]\nsay = "hm.wav"\n'
END = "[[step]]\nwait_for_hang_up = true\n"


async def test_a_transfer_that_nobody_answers_comes_back_to_the_agent_who_still_knows_everything(
    tmp_path: Path,
) -> None:
    speech(tmp_path)
    agent = desk(tmp_path, "a person please")
    async with service_process(tmp_path, AGENT=str(agent)) as service:
        steps = (
            f'[[dial]]\nto = "+15550142"\noutcome = "no-answer"\n{SAY}{SAY}[[step]]\nhang_up = true\nafter_ms = 600\n'
        )
        call = caller(tmp_path, service, steps)
        report = await call.run()
        first, second = await closed_journals(service, call.call_sid)
        assert [(dialled.to, dialled.outcome) for dialled in report.dialled][:1] == [("+15550142", "no-answer")]
        assert heard(first)[-1] == "I am putting you through."
        assert second[0]["continues"] == "nobody answered"
        assert heard(second)[0] == "I'm sorry, nobody could take your call. What else can I do for you?"
        assert "Hello, leaving desk." not in heard(second)
        assert [event["turn"] for event in second if event["kind"] == "turn.committed"] == [2]


async def test_digits_are_sent_and_the_conversation_goes_on(tmp_path: Path) -> None:
    speech(tmp_path)
    agent = desk(tmp_path, "press")
    async with service_process(tmp_path, AGENT=str(agent)) as service:
        call = caller(tmp_path, service, f"{SAY}[[step]]\npause_ms = 4000\n[[step]]\nhang_up = true\n")
        report = await call.run()
        assert report.digits_played == ["ww12#"], report
        first, second = await closed_journals(service, call.call_sid)
        assert heard(first)[-1] == "I am pressing the keys."
        assert second[0]["continues"] == "digits sent"


async def test_a_transfer_that_is_answered_ends_the_call(tmp_path: Path) -> None:
    speech(tmp_path)
    async with service_process(tmp_path, AGENT=str(desk(tmp_path, "a person please"))) as service:
        call = caller(tmp_path, service, f'[[dial]]\noutcome = "completed"\ntalk_s = 0.1\n{SAY}{END}')
        report = await call.run()
        assert (report.streams, report.ended_by) == (1, "agent hung up")
        assert report.errors == []


async def test_a_goodbye_is_heard_to_its_end_also_when_the_caller_talks_over_it(tmp_path: Path) -> None:
    """100 of 100 with --long. Every other caller talks into the goodbye, each at another moment."""
    speech(tmp_path)
    async with service_process(tmp_path, AGENT=str(desk(tmp_path, "goodbye"))) as service:
        calls = []
        for number in range(100 if LONG else 10):
            over = f'[[step]]\nsay = "hm.wav"\ninterrupt_after_ms = {20 * number + 300}\n' if number % 2 else ""
            calls.append(caller(tmp_path, service, SAY + over + END))
        limit = asyncio.Semaphore(10)

        async def run(call: SandboxCall) -> None:
            async with limit:
                await call.run()

        await asyncio.gather(*(run(call) for call in calls))
        cut = [call.call_sid for call in calls if not await heard_out(service, call)]
        assert cut == [], f"{len(cut)} of {len(calls)} goodbyes were cut off"


async def heard_out(service: ServiceProcess, call: SandboxCall) -> bool:
    """Both say so: the agent's own journal, and the far end, in whose buffer nothing was left when we hung up."""
    (events,) = await closed_journals(service, call.call_sid)
    assert call._streams is not None
    (leg,) = call._streams.legs
    said = [event for event in events if event["kind"] == "agent.heard" and event["said"].endswith("Goodbye.")]
    return (
        call.report.ended_by == "agent hung up"
        and " ".join(event["text"] for event in said if event["complete"]) == GOODBYE
        and leg.carrier.buffered == b""
    )


async def test_a_service_that_stops_lets_nobody_be_cut_off_in_the_middle_of_a_word(tmp_path: Path) -> None:
    """SIGTERM with ten live calls: each is told goodbye, and hears it out; status 0; within the stated time."""
    speech(tmp_path)
    drain_s = 1.5
    async with service_process(tmp_path, AGENT=str(desk(tmp_path, "number")), DRAIN_S=str(drain_s)) as service:
        calls = [caller(tmp_path, service, SAY * 12 + END) for _ in range(10)]
        running = []
        for call in calls:
            running.append(asyncio.create_task(call.run()))
            await paced(0.25)
        await paced(1.0)
        began_s = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(service.process.wait(), 60)
        took_s = time.monotonic() - began_s
        await asyncio.gather(*running)
        assert status == 0
        assert took_s < drain_s + 20.0 + 10.0 + 1.0 + 3.0
        for call in calls:
            (events,) = await closed_journals(service, call.call_sid)
            assert heard(events)[-1].startswith("I'm sorry, I have to end this call now.")
            assert call.report.ended_by == "agent hung up"
            assert call._streams is not None
            assert call._streams.legs[0].carrier.buffered == b""
            cut = [event for event in events if event["kind"] == "agent.heard" and not event["complete"]]
            broken = [event["text"] for event in cut if event["text"] and event["text"][-1] not in ".?!,"]
            interrupted = any(event["kind"] == "barge_in" for event in events)
            assert broken == [] or interrupted, broken
