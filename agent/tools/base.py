"""Tools: a typed Python function with a docstring, marked by what it does to the world.

    @tool(effect="read", filler="Let me look that up.")
    def find_order(ctx: ToolContext, order_number: str) -> dict[str, object]:
        \"\"\"Find an order by its number.\"\"\"

The first parameter is the ToolContext; the others become the JSON schema that the model sees (by pydantic).
A tool returns something JSON can hold, or a `Leaving` to end or hand over the call once what is being said was heard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.context import CallContext
from agent.line import Decision
from agent.slots.base import SlotKind

#: read: may be prefetched, repeated, dropped. write: runs once, after the commit.
#: irreversible: besides, only after the caller's spoken yes.
Effect = Literal["read", "write", "irreversible"]
#: What the model is told of an irreversible tool that was not run.
NEEDS_YES = "needs the caller's spoken yes first"


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may know of the call. `data_dir` is the agent's own folder for databases and files."""

    call_id: str
    caller: str
    data_dir: Path
    transfer_to: str
    ctx: CallContext


@dataclass(frozen=True, slots=True)
class Leaving:
    """A tool's wish to leave the line; carried out when everything said before it has been heard."""

    decision: Decision
    result: dict[str, object] = field(default_factory=dict)


ToolFunction = Callable[..., Any | Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Prefetch:
    """When a read is started before the model asks for it: Prefetch(from_slot="number"). See agent/tools/prefetch.py.

    `from_slot`: as soon as the caller has said that slot's value, whether it was being asked for or not; the parameter
    that takes it is `argument`, or has the slot's name. `kind` and `length` say what the value is where the agent's
    flow does not ("digits", of 4). `from_caller`: the parameter that takes the caller's number, when the call begins.
    """

    from_slot: str = ""
    argument: str = ""
    kind: SlotKind | Literal[""] = ""
    length: int = 0
    from_caller: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function, made ready to be offered to a model. What each field means: agent/tools/decorator.py."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect
    function: ToolFunction
    timeout_s: float = 8.0
    filler: str = ""
    patience_s: float = 0.7
    fillers: tuple[str, ...] = ()
    retries: int = 0
    concurrency: int = 0
    background: bool = False
    prefetch: tuple[Prefetch, ...] = ()
    cache_s: float = 30.0
    asked_with: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of a call: `result` goes back to the model as JSON; `decision` is set when the call is to be left."""

    result: Any
    ok: bool = True
    decision: Decision | None = None
