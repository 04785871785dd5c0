"""`offhook bench latency`: voice to voice, measured in the audio at the caller's ear, and where the time goes."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from telephony.bench.figures import spread, stage_medians
from telephony.bench.service import BenchService, bench_service
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import Script, find_script, load_script

#: The agents that are measured: by name, or a folder.
AGENTS = {"embedded": "parcel-desk", "synthetic": str(Path(__file__).parent / "agents" / "synthetic")}


async def measure_latency(engines: str, *, calls: int, at_once: int, script: str = "demo") -> dict[str, Any]:
    """Make `calls` calls, `at_once` at a time, to a service of their own with these engines."""
    told = load_script(find_script(script))
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        async with bench_service(AGENTS[engines], Path(folder)) as service:
            reports = await ring(service, [told] * calls, at_once=at_once)
        summaries = [json.loads(file.read_text()) for file in sorted(service.calls_dir.glob("*/call.json"))]
    answers = [
        said.voice_to_voice_ms
        for report in reports
        for said in report.spoken
        if said.voice_to_voice_ms is not None and not said.talked_over
    ]
    stops = [said.barge_in_stop_ms for report in reports for said in report.spoken if said.barge_in_stop_ms is not None]
    return {
        "engines": engines,
        "calls": calls,
        "served": sum(report.served for report in reports),
        "voice_to_voice": spread(answers),
        "barge_in_stop": spread(stops),
        "stages_p50": stage_medians(turn for summary in summaries for turn in summary["turns"]),
        "late_share": max((report.ear.late_share for report in reports), default=0.0),
        "caller_late_p99_ms": max((report.pacing.p99_ms for report in reports), default=0.0),
    }


async def ring(service: BenchService, scripts: list[Script], *, at_once: int) -> list[CallReport]:
    """Make one call for each script, `at_once` at a time; reports in the scripts' order."""
    free = asyncio.Semaphore(at_once)

    async def one(script: Script) -> CallReport:
        async with free:
            return await SandboxCall(script, service.url, auth_token=service.auth_token).run()

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(script)) for script in scripts]
    return [task.result() for task in running]
