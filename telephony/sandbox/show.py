"""A sandbox call, run and shown: the report as a table for people, or as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport, SpokenReport
from telephony.sandbox.script import find_script, load_script


def run_call(script: str, to: str, *, wav: Path | None, as_json: bool, auth_token: str) -> int:
    """Make one call and print its report. 0 only if the caller was served (see CallReport.served).

    `script`: a .toml script, a WAV or FLAC file, or the name of a packed caller ("demo"). `to`: the service's address.
    Raises LocalError for a script or an address that cannot be used.
    """
    call = SandboxCall(load_script(find_script(script)), to, auth_token=auth_token)
    report = asyncio.run(call.run())
    if wav is not None:
        call.write_wav(wav)
    if as_json:
        sys.stdout.write(json.dumps(report.as_dict(), indent=2) + "\n")
    else:
        print_report(report, Console(), wav)
    return 0 if report.served else 1


def print_report(report: CallReport, console: Console, wav: Path | None = None) -> None:
    """The report for people."""
    title = f"{report.script}, {report.duration_ms / 1000:.1f} s, {report.ended_by}"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("at", justify="right")
    table.add_column("caller")
    table.add_column("answer after", justify="right")
    table.add_column("")
    for said in report.spoken:
        answer = "none" if said.voice_to_voice_ms is None else f"{said.voice_to_voice_ms} ms"
        table.add_row(f"{said.speech_start_ms / 1000:.1f} s", Text(said.text), answer, _remarks(said))
    console.print(table)
    ear, pacing = report.ear, report.pacing
    greeting = "never" if report.greeting_ms is None else f"after {report.greeting_ms} ms"
    console.print(
        f"agent heard {greeting}; {ear.heard_ms / 1000:.1f} s of audio, {ear.late_share:.2%} late in {ear.gaps} gaps, "
        f"worst {ear.worst_gap_ms} ms; own frames late by {pacing.p99_ms} ms (p99), {pacing.max_ms} ms (most)"
    )
    for verb in report.twiml:
        console.print(Text(f"  TwiML {verb}", style="dim"))
    for warning in report.warnings:
        console.print(Text(f"  warning: {warning}", style="yellow"))
    for error in report.errors:
        console.print(Text(f"  error: {error}", style="red"))
    if wav is not None:
        console.print(Text(f"  audio: {wav} (left the caller, right what the caller heard)"))
    console.print("the caller was served" if report.served else "the caller was NOT served", style="bold")


def _remarks(said: SpokenReport) -> str:
    remarks = []
    if said.interrupted:
        remarks.append(f"cut in; agent silent after {said.barge_in_stop_ms} ms")
    if said.talked_over:
        remarks.append("agent began to speak meanwhile")
    if not said.expects_answer:
        remarks.append("no answer expected")
    return "; ".join(remarks)
