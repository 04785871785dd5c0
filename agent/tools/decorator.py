"""@tool: makes a typed, documented function into a Tool that a model may be offered."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticUserError, create_model

from agent.errors import AgentError
from agent.tools.base import Effect, Tool, ToolContext, ToolFunction

#: What chat models accept as a function's name.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_EFFECTS: tuple[str, ...] = get_args(Effect)


def tool(
    *, effect: Effect, filler: str = "", patience_s: float = 0.7, timeout_s: float = 8.0
) -> Callable[[ToolFunction], Tool]:
    """Marks a function as a tool.

    `effect` says what it does to the world ("read", "write", "irreversible"); `filler` is spoken when the result is not
    there within `patience_s`; `timeout_s` ends the wait. The function's docstring is what the model is told; its first
    parameter is the ToolContext, and the types of the others become the schema. Raises AgentError where this fails.
    """

    def make(function: ToolFunction) -> Tool:
        name = getattr(function, "__name__", "")
        if not _NAME.fullmatch(name):
            raise AgentError(f"a tool cannot be named {name!r}; write a function with a plain name of up to 64 letters")
        if effect not in _EFFECTS:
            raise AgentError(f"tool {name}: effect is {effect!r}; write one of {', '.join(_EFFECTS)}")
        if not 0 < timeout_s <= 120 or patience_s < 0:
            raise AgentError(f"tool {name}: timeout_s must lie above 0 and up to 120, patience_s at 0 or above")
        description = inspect.cleandoc(function.__doc__ or "")
        if not description:
            raise AgentError(f"tool {name} has no docstring; write one: it tells the model when to use the tool")
        schema = arguments_model(function).model_json_schema()
        schema.pop("title", None)
        for shown in schema.get("properties", {}).values():
            shown.pop("title", None)
        return Tool(
            name=name,
            description=description,
            parameters=schema,
            effect=effect,
            function=function,
            timeout_s=timeout_s,
            filler=filler,
            patience_s=patience_s,
        )

    return make


@lru_cache(maxsize=512)
def arguments_model(function: ToolFunction) -> type[BaseModel]:
    """The pydantic model of a tool's arguments: every parameter but the first. Raises AgentError."""
    name = getattr(function, "__name__", "tool")
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise AgentError(f"tool {name}: {error}; import the name, or correct the type") from error
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or hints.get(parameters[0].name) is not ToolContext:
        raise AgentError(f"tool {name}: the first parameter must be the context; write def {name}(ctx: ToolContext, …)")
    wanted: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise AgentError(f"tool {name}: {parameter} cannot be told to a model; write named parameters with types")
        if parameter.name not in hints:
            raise AgentError(f"tool {name}: {parameter.name} has no type; write {parameter.name}: str, for example")
        default = ... if parameter.default is parameter.empty else parameter.default
        wanted[parameter.name] = (hints[parameter.name], default)
    # A model that writes 4712 for a text means the text; a parameter nobody asked for is a mistake worth telling.
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, arbitrary_types_allowed=False)
    try:
        return create_model(f"{name}_arguments", __config__=config, **wanted)
    except (PydanticUserError, NameError) as error:
        raise AgentError(f"tool {name}: a parameter's type has no JSON form; use str, int, bool, …") from error
