"""The report of a sandbox call for people, on a terminal: what was said, the waits, the problems, the verdict.

What a service answered is hostile text: it is shown without markup and without control characters.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from telephony.sandbox.report import CallReport, SpokenReport
from telephony.sandbox.understood import NOT_SERVED, Line, Outcome
from telephony.terminal import plain

LATE_PACING_MS = 20.0
"""Own frames that leave a whole frame late: then the waits tell of this machine as much as of the agent."""


def print_report(
    report: CallReport, outcome: Outcome, console: Console, wav: Path | None = None, *, verbose: bool = False
) -> None:
    """The report for people; `verbose` adds the sandbox's own doings: TwiML, redirects, its own pacing."""
    began = bool(report.streams or report.gathers)
    if not (began or report.conversation) and report.errors:  # it never came to a conversation: only why
        _line(console, f"no call: {plain(report.errors[0])}{advice(report.errors[0])}", "red")
        return
    faults = f", faults: {report.faults}" if report.faults else ""
    _line(console, plain(f"{report.script}, {report.duration_ms / 1000:.1f} s, {report.ended_by}{faults}"), "bold")
    _print_transcript(outcome.transcript, console)
    if report.spoken:
        console.print(_waits(report, outcome))
    if report.streams:
        _print_ear(report, console)
    if verbose:
        _print_inside(report, console)
    for warning in report.warnings:
        _line(console, f"warning: {plain(warning)}", "yellow")
    for error in report.errors:
        _line(console, f"error: {plain(error.removeprefix('error '))}{advice(error)}", "red")
    if wav is not None:
        _line(console, f"audio: {wav} (left the caller, right what the caller heard)")
    if began:
        _line(console, f"what was understood and said: offhook calls show {report.call_sid}", "dim")
    _line(console, outcome.told, "bold red" if outcome.verdict == NOT_SERVED else "bold green")


def advice(error: str) -> str:
    """What to do about an error that has its cause here, on lines of its own; "" if there is nothing to say."""
    if "answered 403" in error:
        return (
            "\nThe service does not take this caller's signature. Either its token is another: call in the folder in "
            "which the service runs, or set OFFHOOK_DATA_DIR (or TWILIO_AUTH_TOKEN) to what it has. Or its address is: "
            "the service's OFFHOOK_PUBLIC_ORIGIN must be the very address that is rung."
        )
    if "certificate is not trusted" in error or "error 31910" in error:
        return "\nFor a certificate of your own: SSL_CERT_FILE=ca.pem offhook call …; Twilio takes a public one only."
    return "\nIs the service running there? (offhook serve)" if "Cannot connect" in error else ""


def _line(console: Console, text: str, style: str = "") -> None:
    """One line, however long: an id or an address that is broken in two cannot be copied."""
    console.print(Text(text, style=style), soft_wrap=True)


def _print_transcript(lines: tuple[Line, ...], console: Console) -> None:
    for line in lines:
        by = f" ({line.by})" if line.by else ""
        remark = f" [{line.remark}]" if line.remark else ""
        style = "cyan" if line.who == "caller" else ""
        _line(console, plain(f"{line.who:>7}{by}: {line.text}{remark}"), style)


def _waits(report: CallReport, outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("at", justify="right")
    table.add_column("the caller said", overflow="fold")
    table.add_column("understood")
    table.add_column("answer after", justify="right")
    table.add_column("remarks", overflow="fold")
    for said, understood in zip(report.spoken, outcome.spoken, strict=True):
        answer = "none" if said.voice_to_voice_ms is None else f"{said.voice_to_voice_ms} ms"
        known = {True: "yes", False: "NO" if said.expects_answer else "no", None: "not known"}[understood]
        table.add_row(
            f"{said.speech_start_ms / 1000:.1f} s", Text(plain(said.text)), known, answer, ", ".join(_remarks(said))
        )
    return table


def _remarks(said: SpokenReport) -> list[str]:
    remarks = []
    if said.interrupted:
        remarks.append(f"cut in; agent silent after {said.barge_in_stop_ms} ms")
    if said.talked_over:
        remarks.append("agent began to speak meanwhile")
    if not said.expects_answer:
        remarks.append("no answer expected")
    return remarks


def _print_ear(report: CallReport, console: Console) -> None:
    ear, pacing = report.ear, report.pacing
    greeting = "never" if report.greeting_ms is None else f"after {report.greeting_ms} ms"
    late = f"{ear.late_share:.2%} late in {ear.gaps} gaps, worst {ear.worst_gap_ms} ms" if ear.gaps else "none late"
    _line(console, f"agent heard {greeting}; {ear.heard_ms / 1000:.1f} s of audio, {late}")
    if pacing.p99_ms > LATE_PACING_MS:
        busy = f"this machine was busy (the caller's own frames were up to {pacing.max_ms:.0f} ms late)"
        _line(console, f"warning: {busy}: the waits may tell of it, not of the agent", "yellow")


def _print_inside(report: CallReport, console: Console) -> None:
    if report.streams:
        pacing = report.pacing
        _line(console, f"own frames late by {pacing.p99_ms} ms (p99), {pacing.max_ms} ms (most)", "dim")
    _line(console, f"{report.hops} redirects and actions; slowest answer {report.max_answer_ms} ms", "dim")
    for verb in report.twiml:
        _line(console, f"  TwiML {plain(verb)}", "dim")
