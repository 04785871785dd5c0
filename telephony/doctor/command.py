"""`offhook doctor`: is everything in order; and `offhook doctor 31920`: what does Twilio's code mean."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from agent.errors import LocalError
from telephony.doctor.codes import CODES, DICTIONARY, Code, explain
from telephony.doctor.examine import examine
from telephony.doctor.finding import Finding, failed
from telephony.settings import Settings, load_settings
from telephony.terminal import plain

doctor_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "failed": ("FAILED", "bold red")}


@doctor_app.command(help="Is everything in order for calls to come in? Status 1 if something is not.")
def doctor(
    code: Annotated[str | None, typer.Argument(help="One of Twilio's error codes, to be explained: 31920.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="The settings file; else offhook.toml.")] = None,
    public_origin: Annotated[
        str | None, typer.Option("--public-origin", help="Where the carrier reaches us: https://agent.example.com")
    ] = None,
    rehearsal: Annotated[
        bool,
        typer.Option("--rehearsal", help="The public origin may be on this machine, on any port: a proxy is tried."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The command line."""
    if code is not None:
        if not (code.isascii() and code.isdecimal() and len(code) < 10):
            raise LocalError(
                f"{plain(code)[:40]!r} is no error code: write its number, as in `offhook doctor 31920`; "
                "without one the doctor looks at this machine"
            )
        raise typer.Exit(_explain(int(code), as_json=as_json))
    try:
        settings = load_settings(config, public_origin=public_origin)
    except LocalError as error:
        findings = [failed("settings", str(error))]
        _print(findings[0], as_json=as_json)
    else:
        findings = asyncio.run(_run(settings, rehearsal=rehearsal, as_json=as_json))
    bad = sum(finding.level == "failed" for finding in findings)
    if as_json:
        report = {"ok": bad == 0, "findings": [finding.as_dict() for finding in findings]}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
    else:
        typer.echo(f"{bad} of {len(findings)} checks failed" if bad else "nothing failed")
    raise typer.Exit(1 if bad else 0)


async def _run(settings: Settings, *, rehearsal: bool, as_json: bool) -> list[Finding]:
    findings = []
    async for finding in examine(settings, rehearsal=rehearsal):
        findings.append(finding)
        _print(finding, as_json=as_json)
    return findings


def _print(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        return
    mark, style = _MARKS.get(finding.level, ("left out", "dim"))
    line = Text(f"{mark:<8} ", style=style)
    line.append(
        plain(f"{finding.check}: {finding.said}{f' - {finding.mend}' if finding.mend else ''}"), style="default"
    )
    console = Console(soft_wrap=True)
    console.print(line)
    if finding.level == "failed" or finding.check == "signature":
        for detail in finding.details:
            console.print(Text(f"{'':<8}   {plain(detail)}", style="dim"))


def _explain(code: int, *, as_json: bool) -> int:
    """One of Twilio's codes, in plain words. 2 for one that the table does not hold."""
    known = explain(code)
    if known is None:
        typer.echo(f"offhook: {code} is not in the table; Twilio's page about it: {DICTIONARY}/{code}", err=True)
        typer.echo(f"known are {', '.join(str(each) for each in sorted(CODES))}", err=True)
        return 2
    if as_json:
        fields = ("code", "level", "name", "cause", "mend", "doubt", "page")
        sys.stdout.write(json.dumps({field: getattr(known, field) for field in fields}, indent=1) + "\n")
    else:
        typer.echo(as_text(known))
    return 0


def as_text(known: Code) -> str:
    """A code for people."""
    lines = [f"{known.code} ({known.level}): {known.name}", f"  cause: {known.cause}", f"  mend:  {known.mend}"]
    if known.doubt:
        lines.append(f"  note:  {known.doubt}")
    return "\n".join([*lines, f"  page:  {known.page}"])
