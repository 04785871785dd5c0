"""`offhook call`: ring a service with the sandbox's caller, and tell how it was served."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.errors import LocalError
from telephony.auth import AUTH_TOKEN_FILE, auth_token
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport, SpokenReport
from telephony.sandbox.script import find_script, load_script
from telephony.settings import Settings
from telephony.terminal import plain


async def ring(
    settings: Settings,
    script: str,
    *,
    to: str | None,
    wav: Path | None,
    as_json: bool,
    trial: bool = False,
    fallback: str | None = None,
) -> int:
    """Make one call to `to`, or to the service of these settings. 0 if the caller was served, else 1.

    `trial`: as a trial account's number would. `fallback`: the number's fallback URL.
    Raises LocalError for a script that cannot be read, a WAV that cannot be written, or a missing auth token.
    """
    what = load_script(find_script(script))
    to = to or settings.public_origin or settings.local_url()
    one = SandboxCall(what, to, auth_token=_token(settings, to), trial=trial, fallback_url=fallback)
    report = await one.run()
    if wav is not None:
        try:
            one.write_wav(wav)
        except OSError as error:
            raise LocalError(f"{wav} cannot be written: {error.strerror}") from None
    if as_json:
        sys.stdout.write(json.dumps(report.as_dict(), indent=1) + "\n")
    else:
        print_report(report, Console(), wav)
    return 0 if report.served else 1


def print_report(report: CallReport, console: Console, wav: Path | None = None) -> None:
    """The report for people. What a service answered is shown without markup and without control characters."""
    talked = any(one.by != "stream" for one in report.conversation)
    if not (report.streams or talked) and report.errors:  # it never came to a conversation: only why
        console.print(Text(f"no call: {plain(report.errors[0])}{_advice(report.errors[0])}", style="red"))
        return
    title = Text(plain(f"{report.script}, {report.duration_ms / 1000:.1f} s, {report.ended_by}"))
    if report.streams or not talked:
        _print_streams(report, console, title)
    else:
        console.print(title)
    if talked:
        _print_conversation(report, console)
    if report.hops:
        console.print(f"{report.hops} redirects and actions; slowest answer {report.max_answer_ms} ms")
    for verb in report.twiml:
        console.print(Text(f"  TwiML {plain(verb)}", style="dim"))
    for warning in report.warnings:
        console.print(Text(f"  warning: {plain(warning)}", style="yellow"))
    for error in report.errors:
        console.print(Text(f"  error: {plain(error.removeprefix('error '))}", style="red"))
    if wav is not None:
        console.print(Text(f"  audio: {wav} (left the caller, right what the caller heard)"))
    console.print(Text(f"  what was understood and said: offhook calls show {report.call_sid}", style="dim"))
    console.print(
        "every utterance was followed by an answer; the caller was served"
        if report.served
        else "the caller was NOT served",
        style="bold",
    )


def _print_streams(report: CallReport, console: Console, title: Text) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("at", justify="right")
    table.add_column("caller")
    table.add_column("answer after", justify="right")
    table.add_column("")
    for said in report.spoken:
        answer = "none" if said.voice_to_voice_ms is None else f"{said.voice_to_voice_ms} ms"
        table.add_row(f"{said.speech_start_ms / 1000:.1f} s", Text(plain(said.text)), answer, _remarks(said))
    console.print(table)
    ear, pacing = report.ear, report.pacing
    greeting = "never" if report.greeting_ms is None else f"after {report.greeting_ms} ms"
    console.print(
        f"agent heard {greeting}; {ear.heard_ms / 1000:.1f} s of audio, {ear.late_share:.2%} late in {ear.gaps} gaps, "
        f"worst {ear.worst_gap_ms} ms; own frames late by {pacing.p99_ms} ms (p99), {pacing.max_ms} ms (most)"
    )


def _print_conversation(report: CallReport, console: Console) -> None:
    for one in report.conversation:
        by = "" if one.by in ("say", "speech") else f" ({one.by})"
        remark = "" if one.heard else " [not heard]"
        remark += " [interrupted]" if one.interrupted else ""
        console.print(Text(plain(f"{one.who:>7}{by}: {one.text}{remark}"), style="cyan" if one.who == "caller" else ""))


def _advice(error: str) -> str:
    if "answered 403" in error:
        return (
            "\nThe service does not know this caller's signature: call in the folder in which the service runs, or set "
            "OFFHOOK_DATA_DIR (or TWILIO_AUTH_TOKEN) to what it has."
        )
    return "\nIs the service running there? (offhook serve)" if "Cannot connect" in error else ""


def _token(settings: Settings, to: str) -> str:
    """The token that the service at `to` knows. Never makes one: a service that has not started has none."""
    if settings.twilio_auth_token is None:
        file = settings.data_dir / AUTH_TOKEN_FILE
        if urlsplit(to if "//" in to else f"//{to}").hostname not in ("127.0.0.1", "localhost", "::1"):
            raise LocalError(f"{to} is not on this machine: set TWILIO_AUTH_TOKEN to the token its service has")
        if not file.exists():
            raise LocalError(
                f"there is no {file}: start the service first (offhook serve), in this folder, or set "
                "OFFHOOK_DATA_DIR to the one it has"
            )
        settings = settings.model_copy(update={"public_origin": ""})
    return auth_token(settings).get_secret_value()


def _remarks(said: SpokenReport) -> str:
    remarks = []
    if said.interrupted:
        remarks.append(f"cut in; agent silent after {said.barge_in_stop_ms} ms")
    if said.talked_over:
        remarks.append("agent began to speak meanwhile")
    if not said.expects_answer:
        remarks.append("no answer expected")
    return "; ".join(remarks)
