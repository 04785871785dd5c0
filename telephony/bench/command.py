"""The commands of `offhook bench`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agent.errors import LocalError
from telephony.bench.capacity import measure_capacity
from telephony.bench.figures import print_latency
from telephony.bench.hostile import measure_hostile
from telephony.bench.latency import AGENTS, measure_latency
from telephony.bench.turns.command import turns
from telephony.bench.understanding import measure_understanding

bench_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # as the root command's
    help="Measure: latency, capacity, understanding, turn-taking, hostile peers.",
)

bench_app.command()(turns)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Engines = Annotated[str, typer.Option(help="embedded, synthetic, or both.")]


def _chosen(engines: str) -> list[str]:
    if engines == "both":
        return list(AGENTS)
    if engines not in AGENTS:
        raise LocalError(f"--engines {engines!r} is not known: write embedded, synthetic or both")
    return [engines]


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


@bench_app.command()
def latency(
    engines: Engines = "both",
    calls: Annotated[int, typer.Option(min=1, help="Calls with each kind of engine.")] = 6,
    at_once: Annotated[int, typer.Option(min=1, help="So many at a time.")] = 2,
    as_json: Json = False,
) -> None:
    """Voice to voice, measured at the caller's ear: p50, p90, p95, p99, and where the time goes."""
    console = Console(stderr=as_json)
    results = []
    for kind in _chosen(engines):
        result = asyncio.run(measure_latency(kind, calls=calls, at_once=at_once))
        results.append(result)
        title = f"{kind} engines, {result['served']} of {calls} calls served"
        print_latency(console, title, result["voice_to_voice"], result["stages_p50"])
        stop = result["barge_in_stop"]
        console.print(f"barge-in: agent silent after p50 {stop['p50_ms']} ms, p95 {stop['p95_ms']} ms (n {stop['n']})")
        console.print(f"late audio {result['late_share']:.3%}; callers late p99 {result['caller_late_p99_ms']} ms\n")
    if as_json:
        _print_json(results)


@bench_app.command()
def capacity(
    engines: Engines = "synthetic",
    steps: Annotated[str, typer.Option(help="Numbers of calls to try, ascending.")] = "10,25,50,75,100",
    turns: Annotated[int, typer.Option(min=1, help="Turns in each call.")] = 5,
    as_json: Json = False,
) -> None:
    """Calls on one core before the caller hears it: late audio under 0.1 %, p95 within 50 ms of a single call's."""
    try:
        numbers = [int(step) for step in steps.split(",")]
    except ValueError:
        raise LocalError(f"--steps {steps!r}: write whole numbers with commas between, as 10,25,50") from None
    console = Console(stderr=as_json)
    results = []
    for kind in _chosen(engines):
        console.print(f"{kind} engines; the service on one core")

        def show(step: dict[str, Any]) -> None:
            voice = step["voice_to_voice"]
            console.print(
                f"{step['calls']:4d} calls  p50 {voice['p50_ms']} p95 {voice['p95_ms']} ms  "
                f"late {step['late_share']:.4%} worst {step['worst_gap_ms']} ms  "
                f"cpu {step['cpu_s_per_call_s']} s/s  memory {step['memory_mib']} MiB  "
                f"callers late {step['caller_late_p99_ms']} ms  {step['verdict']}"
            )

        result = asyncio.run(measure_capacity(kind, numbers, turns=turns, on_step=show))
        results.append(result)
        console.print(f"calls on one core: {result['calls_per_core']} (the most that was tried and good)\n")
    if as_json:
        _print_json(results)


@bench_app.command()
def hostile(
    calls: Annotated[int, typer.Option(min=1, help="Good calls.")] = 10,
    attackers: Annotated[int, typer.Option(min=1, help="Hostile sockets and webhooks at any time.")] = 500,
    turns: Annotated[int, typer.Option(min=1, help="Turns in each good call.")] = 5,
    as_json: Json = False,
) -> None:
    """Good calls alone, and again beside hostile sockets and webhooks of every kind; what is left afterwards."""
    console = Console(stderr=as_json)

    def show(part: str, step: dict[str, Any]) -> None:
        voice = step["voice_to_voice"]
        console.print(
            f"{part:7s} {step['served']} of {step['calls']} calls served  "
            f"p50 {voice['p50_ms']} p95 {voice['p95_ms']} ms  "
            f"late {step['late_share']:.4%} worst gap {step['worst_gap_ms']} ms  "
            f"callers late {step['caller_late_p99_ms']} ms  waited for its core {step['waited_for_core_s']} s"
        )

    result = asyncio.run(measure_hostile(calls, attackers, turns=turns, on_part=show))
    if result["void"]:
        console.print("[bold]void[/bold]: the callers could not keep time beside the attackers on these cores")
    before, peak, after = result["before"], result["peak"], result["after"]
    console.print(
        f"memory {result['fresh']['memory_mib']} MiB fresh, {before['memory_mib']} after a first volley; "
        f"at most {peak['memory_mib']}, afterwards {after['memory_mib']}"
    )
    console.print(f"descriptors {before['descriptors']}, at most {peak['descriptors']}, then {after['descriptors']}")
    console.print(f"all that the attackers had was gone after {result['settled_after_s']} s")
    for name in ("threads", "tasks", "calls", "reservations", "connections"):
        console.print(f"{name} {before[name]}, afterwards {after[name]}")
    table = Table(title=f"{result['attacks']} attacks, {attackers} at a time", title_justify="left")
    for column in ("kind", "tried", "told as", "times"):
        table.add_column(column)
    for kind, told in result["kinds"].items():
        table.add_row(kind, str(told["tried"]), told["count"] or "(nothing wrong)", str(told["counted"] or ""))
    console.print(table)
    console.print(f"not told by name: {', '.join(result['not_counted']) or 'none'}")
    console.print(
        f"log: {result['log_lines']} lines, {result['tracebacks']} tracebacks; our own faults {result['failed']}"
    )
    if as_json:
        _print_json(result)


@bench_app.command()
def understanding(
    file: Annotated[Path, typer.Argument(help="A list of recorded turns: tests/recordings/turns.toml")],
    agent: Annotated[str, typer.Option(help="The agent to say them to: a name or a folder.")] = "parcel-desk",
    at_once: Annotated[int, typer.Option(min=1, help="So many calls at a time.")] = 3,
    as_json: Json = False,
) -> None:
    """How many recorded caller turns the agent understands, over real calls, and how fast it answers."""
    console = Console(stderr=as_json)
    result = asyncio.run(measure_understanding(file, agent, at_once=at_once))
    title = f"{result['understood']} of {result['turns']} turns understood"
    print_latency(console, title, result["voice_to_voice"], result["stages_p50"])
    if result["missed"]:
        table = Table(title="not understood", title_justify="left")
        for column in ("voice", "said", "heard"):
            table.add_column(column)
        for row in result["missed"]:
            table.add_row(row["voice"], row["said"], row["heard"] or "(nothing)")
        console.print(table)
    if as_json:
        _print_json(result)
