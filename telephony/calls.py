"""`offhook calls …`: list, show, delete, draw and keep calls, on a terminal."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from agent.errors import LocalError
from agent.recording.folder import replace_file
from telephony.call_folders import (
    StoredCall,
    find_call,
    list_calls,
    named_folder,
    remove,
    same_digits,
    same_number,
    show_call,
    stored_calls,
)
from telephony.call_view import call_view, calls_table
from telephony.terminal import plain

calls_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The calls that were: list, show, delete, draw, keep as tests.",
)

#: The status of a deletion that left a call alone, however the calls were chosen.
LEFT_ALONE = 1
#: So many folders are named before a deletion.
MAX_NAMED = 20
_AGE = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}

CallsDir = Annotated[Path | None, typer.Option("--calls-dir", help="Where the calls are; else as in the settings.")]
CallId = Annotated[
    str, typer.Argument(metavar="ID", help="The call, as `offhook calls list` names it, or the beginning of it.")
]


@calls_app.command("list")
def list_command(
    calls_dir: CallsDir = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many, newest first.")] = 20,
) -> None:
    """List the calls, newest first."""
    root = _root(calls_dir)
    calls = list_calls(root)
    if not calls:
        typer.echo(f"no calls in {named_folder(root)}")
        return
    console = Console()
    console.print(calls_table(calls[:number], console.width))
    if len(calls) > number:
        typer.echo(f"{len(calls) - number} more; -n {len(calls)} shows them all")


@calls_app.command("show")
def show_command(
    call_id: CallId,
    calls_dir: CallsDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole summary, as JSON.")] = False,
) -> None:
    """Show one call: who said what, why turns and silences came about, which tools ran, how long answers took."""
    root = _root(calls_dir)
    call = show_call(root, call_id)
    if as_json:
        typer.echo(json.dumps(call, indent=1))
        return
    Console().print(call_view(call, root / call["folder"]))


@calls_app.command("delete")
def delete_command(
    call_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="Calls, as `offhook calls list` names them, or the beginning of a name."
        ),
    ] = None,
    caller: Annotated[str | None, typer.Option("--caller", help="All calls from this number: +15550100")] = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="All calls that ended longer ago: 7d, 12h, 30m.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All calls.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    calls_dir: CallsDir = None,
) -> None:
    """Delete calls: journal, audio and summary. --caller and --older-than together: calls that both are true of.

    Status 1 if a call was left alone because it may be running.
    """
    if (bool(call_ids) + (caller is not None or older_than is not None) + everything) != 1:
        raise LocalError("say which calls: their ids, or --caller and --older-than, or --all")
    root = _root(calls_dir)
    now = dt.datetime.now(dt.UTC)
    stored = stored_calls(root, now)
    chosen = _chosen(stored, root, call_ids or [], caller, older_than, now)
    calls = [call for call in chosen if not call.running]
    left = [_why_left(call, now) for call in chosen if call.running]
    _tell(left, "calls left alone")
    if calls:
        _delete(calls, dry_run=dry_run, yes=yes)
    elif not left:
        typer.echo(f"no calls to delete in {named_folder(root)}")
    if caller is not None and not any(same_number(call.caller, caller) for call in stored):
        _tell(_meant(caller, stored), "numbers")
    if left:
        raise typer.Exit(LEFT_ALONE)


def _delete(calls: list[StoredCall], *, dry_run: bool, yes: bool) -> None:
    folders = [folder for call in calls for folder in call.folders]
    _tell([f"  {folder}" for folder in folders], "folders")
    if dry_run:
        typer.echo(f"{_calls(len(calls))} would be deleted")
        return
    if not yes:
        typer.confirm(f"Delete {_calls(len(calls))} for good?", abort=True)
    failed = remove(calls)
    whole = sum(not any(str(folder) in failed for folder in call.folders) for call in calls)
    typer.echo(f"deleted {_calls(whole)}")
    if failed:
        told = "; ".join(f"{folder}: {why}" for folder, why in list(failed.items())[:MAX_NAMED])
        raise LocalError(f"{_calls(len(calls) - whole)} could not be deleted whole: {told}")


def _tell(lines: list[str], what: str) -> None:
    for line in lines[:MAX_NAMED]:
        typer.echo(line)
    if len(lines) > MAX_NAMED:
        typer.echo(f"  … and {len(lines) - MAX_NAMED} more {what}")


def _why_left(call: StoredCall, now: dt.datetime) -> str:
    again = f"; try again in {_span(call.running_until - now)}" if call.running_until is not None else ""
    return f"left alone: {call.name} may be running: its files changed {_span(now - call.changed_at)} ago{again}"


def _meant(caller: str, stored: list[StoredCall]) -> list[str]:
    """Callers whose number has these digits, though it is written otherwise: without its + it is another number."""
    meant = dict.fromkeys(call.caller for call in stored if same_digits(call.caller, caller))
    return [f"numbers are written with + and country code: --caller {plain(number)}" for number in meant]


def _chosen(
    calls: list[StoredCall],
    root: Path,
    call_ids: list[str],
    caller: str | None,
    older_than: str | None,
    now: dt.datetime,
) -> list[StoredCall]:
    if call_ids:
        named = {find_call(root, call_id) for call_id in call_ids}
        return [call for call in calls if named & set(call.folders)]
    if caller is not None:
        if not caller.strip():
            raise LocalError("--caller is empty; write the number as `offhook calls list` shows it: +15550100")
        calls = [call for call in calls if same_number(call.caller, caller)]
    if older_than is not None:
        before = now - _age(older_than)
        calls = [call for call in calls if call.ended_at < before]
    return calls


def _age(text: str) -> dt.timedelta:
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise LocalError(f"--older-than {text[:40]!r} is no time; write days, hours or minutes: 7d, 12h, 30m")
    return dt.timedelta(**{_UNITS[found[2]]: int(found[1])})


def _calls(number: int) -> str:
    return _number_of(number, "call")


def _number_of(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _span(time: dt.timedelta) -> str:
    """A stretch of time in whole minutes, upwards; a short one in seconds."""
    seconds = max(1, math.ceil(time.total_seconds()))
    return _number_of(seconds, "second") if seconds < 90 else _number_of(math.ceil(seconds / 60), "minute")


@calls_app.command("draw")
def draw_command(
    call_id: CallId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The SVG file to write; else call.svg in the call's folder.")
    ] = None,
    calls_dir: CallsDir = None,
) -> None:
    """Draw one call: both voices on a time line, the words, why turns ended, and where each answer's time went."""
    from telephony.replay.picture.drawing import draw_call

    folder = find_call(_root(calls_dir), call_id)
    svg = draw_call(folder)
    beside = folder / "call.svg"
    try:
        if output is None:
            replace_file(beside, svg.encode())  # it holds what was said: for its owner only, as all in this folder
        else:
            output.write_text(svg, "utf-8")
    except OSError as error:
        raise LocalError(f"{output or beside} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {output or beside}")


@calls_app.command("keep")
def keep_command(
    call_id: CallId,
    kept_as: Annotated[
        Path, typer.Option("--as", metavar="tests/calls/NAME", help="The folder; the test is test_NAME.py beside it.")
    ],
    agent: Annotated[
        str, typer.Option(metavar="NAME|FOLDER", help="The agent that the test is of; else the one of the record.")
    ] = "",
    keep_numbers: Annotated[
        bool, typer.Option("--keep-numbers", help="Leave the numbers of caller and called as they are.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write anew what is there.")] = False,
    calls_dir: CallsDir = None,
) -> None:
    """Make one call a test: a copy without what is secret or personal, and a pytest test of its outcome.

    Status 1 if the agent, as it is today, does not pass it.
    """
    from telephony.replay.keep.folders import place_of
    from telephony.replay.keep.keep import Wish, keep_call
    from telephony.settings import load_settings

    place = place_of(kept_as)
    root = _root(calls_dir)
    folder = find_call(root, call_id)
    call = next(call for call in stored_calls(root, dt.datetime.now(dt.UTC)) if folder in call.folders)
    if call.running:
        raise LocalError(f"{call.name} may be running: keep it when it has ended")
    kept = keep_call(call.folders, place, Wish(agent, load_settings().agents_dir, keep_numbers, force))
    for made in (*kept.folders, kept.test):
        typer.echo(f"wrote {made}")
    if kept.silenced:
        typer.echo(f"{_number_of(kept.silenced, 'turn')} of the caller, silent in the record: other speech put in")
    typer.echo("What the caller said is in it, in words and in sound: look at it before you share it.")
    for why in kept.wrong:
        typer.echo(f"The test FAILS today: {plain(why)}")
    if kept.wrong:
        raise typer.Exit(1)
    typer.echo("The test passes.")


def _root(calls_dir: Path | None) -> Path:
    if calls_dir is not None:
        return calls_dir
    from telephony.settings import load_settings

    return load_settings().calls_dir
