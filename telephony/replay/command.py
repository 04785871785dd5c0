"""`offhook replay`: the command, its options, and what they ask for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from telephony.replay.order import Order, carry_out
from telephony.replay.plan import CallerKind, Channel, Missing, Mode, Plan, Tools
from telephony.replay.request import base_plan, check_place, check_plans, find_sources, settings_in
from telephony.settings import load_settings

replay_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)  # as the root command's

_WHAT, _HOW, _WHERE = "What runs", "How it runs", "What comes out"


# For typer: its options' choices, which are those of plan.py.
_Mode = StrEnum("_Mode", ["same", "rehear", "anew"])
_Caller = StrEnum("_Caller", ["open", "reactive"])
_Missing = StrEnum("_Missing", ["stop", "embedded"])
_Tools = StrEnum("_Tools", ["record", "read", "run"])
_Channel = StrEnum("_Channel", ["left", "right", "mix"])


_HELP = """Run calls again, in virtual time, and report what came of them.

Status 0: all ran and, with --against, nothing is worse. 1: a call failed, or asked for what its record does not hold, \
or is worse than its base. 2: nothing was run, for the reason told.
"""


@replay_app.command("replay", help=_HELP)
def replay_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="CALL|FILE|DIR",
            help="Calls by id (all their streams) or folder, recordings, or folders of them.",
            show_default=False,
        ),
    ],
    agent: Annotated[
        str,
        typer.Option(
            metavar="NAME|FOLDER", help="The agent that answers; else the one of the record.", rich_help_panel=_WHAT
        ),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Over its agent.toml, once or more: turns.trailing_ms=700.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BASE",
            help="Compare, call by call, with: record (the call as it was), as-is (without --agent and --set), "
            "an agent, or key=value.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    channel: Annotated[
        _Channel | None,
        typer.Option(
            help="Where the caller is on a recording of two channels.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    mode: Annotated[
        _Mode | None,
        typer.Option(
            help="same: engine results from the record. rehear: recognition anew. anew: all anew. "
            "Else same for a call, anew for a recording.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    caller: Annotated[
        _Caller,
        typer.Option(
            help="open: the recorded caller speaks when it did. reactive: each utterance keeps its distance from what "
            "the agent says now.",
            rich_help_panel=_HOW,
        ),
    ] = _Caller.open,
    missing: Annotated[
        _Missing,
        typer.Option(
            help="What the record does not hold: an embedded engine gives it, or the run stops.",
            rich_help_panel=_HOW,
        ),
    ] = _Missing.embedded,
    tools: Annotated[
        _Tools,
        typer.Option(
            help="record: tools' results from the record only. read: tools that only read may also run. run: all may, "
            "whatever they do to the world.",
            rich_help_panel=_HOW,
        ),
    ] = _Tools.read,
    fault: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="What goes wrong meanwhile: a named pattern (wifi, stalling-model, …), or a file of faults: "
            "docs/faults.md.",
            rich_help_panel=_HOW,
        ),
    ] = "",
    real: Annotated[
        bool,
        typer.Option("--real", help="Ask remote engines, too; such a run is not deterministic.", rich_help_panel=_HOW),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="So many calls at once; else one for each core.", rich_help_panel=_HOW),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the runs' own records here: a new folder.", rich_help_panel=_WHERE),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html|DIR",
            help="A page to look at and listen to; of several calls, a folder of pages with an index.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.", rich_help_panel=_WHERE)] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The settings file; else offhook.toml, if there is one.", rich_help_panel=_HOW),
    ] = None,
) -> None:
    """Make a plan of the options, and carry it out."""
    service = load_settings(config)
    plan = Plan(
        mode=cast(Mode | None, mode and mode.value),
        agent=agent,
        settings=settings_in("--set", settings or ()),
        agents_dir=service.agents_dir,
        caller=cast(CallerKind, caller.value),
        missing=cast(Missing, missing.value),
        tools=cast(Tools, tools.value),
        fault=fault,
        channel=cast(Channel | None, channel and channel.value),
        real=real,
    )
    base = base_plan(against, plan) if against else None
    check_plans([plan, base] if base is not None else [plan])
    found = find_sources(sources, service.calls_dir)
    for option, place in (("--out", out), ("--html", html)):
        if place is not None:
            check_place(option, place, [*sources, *found])
    order = Order(tuple(found), plan, bool(against), base, jobs, out, html, as_json)
    raise typer.Exit(carry_out(order))
