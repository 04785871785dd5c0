"""Plan: how a call is to be run again. Plain data, so that it can be handed to other processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["same", "rehear", "anew"]
"""same: what the engines gave comes from the record, only turn logic and dialogue run anew. rehear: recognition runs
anew too. anew: everything does."""
CallerKind = Literal["open", "reactive"]
"""open: the caller's audio as it was recorded, whatever the agent does. reactive: each utterance keeps its recorded
distance from what the agent says now."""
Missing = Literal["stop", "embedded"]
"""What is not in the record: the run stops ("diverged at turn N"), or an embedded engine gives it."""
Tools = Literal["record", "read", "run"]
"""record: results come from the record alone. read: those that only read may also run. run: all run, if need be."""
Channel = Literal["left", "right", "mix"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to run a call again. `mode` None: "same" for a call's record, "anew" for a plain recording.

    `agent`: a name or folder, "" for the one that the record names. `settings`: "key=value" over its agent.toml.
    `agents_dir`: where agents are looked for. `fault`: a named pattern, or a file of faults. `channel`: where in a
    plain recording the caller is. `real`: engines outside this process are really asked; such a run is "not
    deterministic". `named`: where there is no agent of the record's name, this one (a name or folder) is taken if that
    is its name; of a plan without `agent` that is compared with one that has it.
    """

    mode: Mode | None = None
    agent: str = ""
    settings: tuple[str, ...] = ()
    agents_dir: tuple[Path, ...] = ()
    caller: CallerKind = "open"
    missing: Missing = "embedded"
    tools: Tools = "read"
    fault: str = ""
    channel: Channel | None = None
    real: bool = False
    named: str = ""
