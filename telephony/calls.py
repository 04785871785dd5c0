"""`offhook calls …`: list, show, delete and draw calls, on a terminal.

What callers said is hostile text: it is shown without markup, and without the control characters that move a terminal.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from agent.errors import LocalError
from agent.recording.folder import AUDIO
from telephony.call_folders import (
    StoredCall,
    find_call,
    list_calls,
    remove,
    same_number,
    show_call,
    stored_calls,
)
from telephony.terminal import ending, plain

calls_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The calls that were: list, show, delete, draw.",
)

#: Columns of terminal on which a call's whole line fits, its id of 34 characters included.
WIDE = 120

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
        typer.echo(f"no calls in {root}")
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
    """Show one call: who said what, which tools ran, how long the answers took."""
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
    """Delete calls: journal, audio and summary. --caller and --older-than together: calls that both are true of."""
    if (bool(call_ids) + (caller is not None or older_than is not None) + everything) != 1:
        raise LocalError("say which calls: their ids, or --caller and --older-than, or --all")
    root = _root(calls_dir)
    now = dt.datetime.now(dt.UTC)
    calls = _chosen(stored_calls(root, now), root, call_ids or [], caller, older_than, now)
    running = [call for call in calls if call.running]
    calls = [call for call in calls if not call.running]
    if running:
        typer.echo(f"left alone, for they may be running: {', '.join(call.name for call in running)}")
    if not calls:
        typer.echo(f"no calls to delete in {root}")
        raise typer.Exit(2 if call_ids else 0)
    folders = [folder for call in calls for folder in call.folders]
    for folder in folders[:MAX_NAMED]:
        typer.echo(f"  {folder}")
    if len(folders) > MAX_NAMED:
        typer.echo(f"  … and {len(folders) - MAX_NAMED} more folders")
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
    return f"{number} call{'' if number == 1 else 's'}"


@calls_app.command("draw")
def draw_command(
    call_id: CallId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The SVG file to write; else call.svg in the call's folder.")
    ] = None,
    calls_dir: CallsDir = None,
) -> None:
    """Draw one call: both voices on a time line, the words, and where each answer's time went."""
    from telephony.replay.drawing import draw_call

    folder = find_call(_root(calls_dir), call_id)
    svg = draw_call(folder)
    output = output or folder / "call.svg"
    try:
        output.write_text(svg, "utf-8")
    except OSError as error:
        raise LocalError(f"{output} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {output}")


def calls_table(calls: list[dict[str, Any]], width: int) -> Table:
    """One line a call, its id whole. On less than WIDE columns of terminal: what tells calls apart, no more."""
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("call", no_wrap=True, min_width=max((len(call["folder"]) for call in calls), default=0))
    table.add_column("started", no_wrap=True)
    for name in ("length", "turns", "p50"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        for name in ("agent", "caller", "ended by"):
            table.add_column(name, overflow="fold")
    for call in calls:
        p50_ms = _dig(call, "latency", "p50_ms")
        row = [call["folder"], _when(call)[: None if wide else len("2026-01-31 12:00")], _length(call)]
        row += [_dig(call, "counts", "turns") or 0, f"{p50_ms} ms" if p50_ms else ""]
        if wide:
            row += [call.get("agent", ""), call.get("caller", ""), _ended(call)]
        table.add_row(*map(_plain, row))
    return table


def call_view(call: dict[str, Any], folder: Path) -> Group:
    """One call: its facts, its transcript, its tools, its latencies."""
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("call", call["folder"]),
        ("started", f"{_when(call)}, {_length(call)}"),
        ("agent", call.get("agent", "")),
        ("from, to", f"{call.get('caller') or '?'} -> {call.get('called') or '?'}"),
        ("ended by", _ended(call)),
        ("audio", folder / AUDIO if (folder / AUDIO).exists() else "none kept"),
    ):
        facts.add_row(Text(name, "dim"), _plain(value))
    parts: list[Table | Text] = [facts, Text(), _transcript(call)]
    if call.get("tools"):
        parts += [Text(), _tools(call)]
    latency = call["latency"]
    if isinstance(latency, dict) and latency.get("n"):
        figures = "  ".join(f"{name[:-3]} {latency.get(name)} ms" for name in ("p50_ms", "p90_ms", "p95_ms", "max_ms"))
        parts += [Text(), Text(f"voice to voice, {latency['n']} turns:  {figures}")]
    return Group(*parts)


def _transcript(call: dict[str, Any]) -> Table:
    waits = {turn.get("turn"): turn.get("voice_to_voice_ms") for turn in call.get("turns", [])}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(overflow="fold")
    table.add_column(justify="right", style="dim")
    for line in call["transcript"]:
        caller = line.get("who") == "caller"
        text = _plain(line.get("text", ""))
        if not line.get("complete", True):
            text.append(" [cut off]", "dim")
        wait_ms = waits.get(line.get("turn")) if caller else None
        name = Text("caller", "bold") if caller else Text("agent", "bold blue")
        at_s = line.get("start_ms", 0) / 1000
        table.add_row(f"{at_s:.1f} s", name, text, f"{wait_ms} ms" if wait_ms is not None else "")
    return table


def _tools(call: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tool", "arguments", "effect", "ok", "took"):
        table.add_column(name, overflow="fold")
    for tool in call["tools"]:
        ok, took_ms = tool.get("ok"), tool.get("took_ms")
        table.add_row(
            _plain(tool.get("name", "")),
            _plain(json.dumps(tool.get("arguments"), ensure_ascii=False)),
            _plain(tool.get("effect") or ""),
            {True: "yes", False: "no"}.get(ok, "?") if isinstance(ok, bool) else "?",
            f"{took_ms:.0f} ms" if isinstance(took_ms, int | float) else "",
        )
    return table


def _plain(value: object) -> Text:
    return Text(plain(value))


def _when(call: dict[str, Any]) -> str:
    return str(call["started_at"])[:19].replace("T", " ")


def _length(call: dict[str, Any]) -> str:
    value = call.get("duration_ms")
    seconds = round(value / 1000) if isinstance(value, int | float) else 0
    return f"{seconds // 60}:{seconds % 60:02d}"


def _ended(call: dict[str, Any]) -> str:
    if call.get("ended_by"):
        return ending(str(call["ended_by"]))
    return "not ended (running, or cut off)" if call.get("rebuilt") else "unknown"


def _dig(call: dict[str, Any], outer: str, inner: str) -> Any:
    values = call.get(outer)
    return values.get(inner) if isinstance(values, dict) else None


def _root(calls_dir: Path | None) -> Path:
    if calls_dir is not None:
        return calls_dir
    from telephony.settings import load_settings

    return load_settings().calls_dir
