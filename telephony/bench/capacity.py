"""`offhook bench capacity`: how many calls one core holds before the caller hears it.

The service is pinned to one core, the callers run on the others and report their own lateness: a run in which they
were late themselves is void, because it measures the callers.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telephony.bench.figures import spread
from telephony.bench.latency import AGENTS
from telephony.bench.service import BenchService, bench_service, pin, server_and_caller_cores
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import Say, Script, find_script, load_script

#: Quality has broken when more of the agent's audio than this comes late …
LATE_SHARE = 0.001
#: … or the 95th percentile of voice to voice is so much above that of a single call …
P95_EXCESS_MS = 50
#: … or a call was not served at all. A run is void when the callers' own frames were later than this (p99).
CALLER_LATE_MS = 15.0
#: Calls begin spread over this, as real ones do; turns then lie apart too.
SPREAD_S = 4.0


async def measure_capacity(
    engines: str, steps: list[int], *, turns: int, on_step: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Run each number of calls in `steps` until quality breaks; the single call first, as the measure."""
    server_cores, caller_cores = server_and_caller_cores()
    pin(caller_cores)
    script = talk(turns)
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        async with bench_service(AGENTS[engines], Path(folder), cores=server_cores) as service:
            for number in [1, *steps]:
                step = await measure_step(service, script, number)
                single = results[0] if results else step
                step["verdict"] = verdict(step, single)
                results.append(step)
                on_step(step)
                if step["verdict"].startswith("broken"):
                    break
    good = [step["calls"] for step in results if step["verdict"] == "good"]
    return {"engines": engines, "server_cores": server_cores, "steps": results, "calls_per_core": max(good, default=0)}


def talk(turns: int) -> Script:
    """A caller who asks the same thing again and again, in a recorded voice; each time when the answer has ended."""
    demo = load_script(find_script("demo"))
    clip = next(step.clip for step in demo.steps if isinstance(step, Say))
    return Script("talk", tuple(Say(clip, "where is my parcel") for _ in range(turns)))


def verdict(step: dict[str, Any], single: dict[str, Any]) -> str:
    """good, void or broken, with the reason."""
    if step["caller_late_p99_ms"] > CALLER_LATE_MS:
        return f"void: the callers' own frames were {step['caller_late_p99_ms']} ms late (p99)"
    if step["served"] < step["calls"]:
        return f"broken: {step['calls'] - step['served']} calls were not served"
    if step["late_share"] > LATE_SHARE:
        return f"broken: {step['late_share']:.3%} of the audio late"
    p95, alone = step["voice_to_voice"]["p95_ms"], single["voice_to_voice"]["p95_ms"]
    if p95 is None or alone is None:
        return "void: no answer was heard"
    if p95 - alone > P95_EXCESS_MS:
        return f"broken: p95 {p95 - alone} ms above a single call's"
    return "good"


async def measure_step(service: BenchService, script: Script, number: int) -> dict[str, Any]:
    """So many calls at once: what their callers heard, and what it took."""
    before_cpu_s, loop = service.cpu_s(), asyncio.get_running_loop()
    before_waited_s = service.waited_s()
    began_s = loop.time()

    async def one(delay_s: float) -> CallReport:
        await asyncio.sleep(delay_s)
        return await SandboxCall(script, service.url, auth_token=service.auth_token).run()

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(SPREAD_S * n / number)) for n in range(number)]
    reports = [task.result() for task in running]
    call_s = sum(report.duration_ms for report in reports) / 1000
    heard_ms = sum(report.ear.heard_ms for report in reports)
    late_ms = sum(report.ear.late_ms for report in reports)
    answers = [s.voice_to_voice_ms for r in reports for s in r.spoken if s.voice_to_voice_ms is not None]
    return {
        "calls": number,
        "served": sum(report.served for report in reports),
        "seconds": round(loop.time() - began_s, 1),
        "voice_to_voice": spread(answers),
        "late_share": round(late_ms / max(1, heard_ms + late_ms), 6),
        "worst_gap_ms": max(report.ear.worst_gap_ms for report in reports),
        "caller_late_p99_ms": max(report.pacing.p99_ms for report in reports),
        "cpu_s_per_call_s": round((service.cpu_s() - before_cpu_s) / max(0.001, call_s), 4),
        "waited_for_core_s": round(service.waited_s() - before_waited_s, 2),
        "memory_mib": round(service.memory_mib(), 1),
        "errors": sorted({error for report in reports for error in report.errors})[:5],
    }
