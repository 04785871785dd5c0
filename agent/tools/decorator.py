"""@tool: makes a typed, documented function into a Tool that a model may be offered."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticUserError, create_model

from agent.errors import AgentError
from agent.slots.base import KINDS
from agent.tomlfile import did_you_mean
from agent.tools.base import Effect, Prefetch, Tool, ToolContext, ToolFunction

#: What chat models accept as a function's name.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_EFFECTS: tuple[str, ...] = get_args(Effect)


#: Nobody waits longer on the line; what takes longer is told later (`background`).
MAX_TIMEOUT_S = 120.0
MAX_BACKGROUND_S = 900.0
MAX_RETRIES = 5


def tool(
    *,
    effect: Effect,
    filler: str = "",
    fillers: Sequence[str] = (),
    patience_s: float = 0.7,
    timeout_s: float = 8.0,
    retries: int = 0,
    concurrency: int = 0,
    background: bool = False,
    prefetch: Prefetch | Sequence[Prefetch] = (),
    cache_s: float = 30.0,
    asked_with: Sequence[str] = (),
    claims: Sequence[str] = (),
) -> Callable[[ToolFunction], Tool]:
    """Marks a function as a tool. Its docstring is what the model is told; its first parameter is the ToolContext, and
    the types of the others become the schema. Raises AgentError where this fails.

    `effect`: what it does to the world ("read", "write", "irreversible"). `filler`, or several `fillers`: one is spoken
    when the result is not there within `patience_s`. `timeout_s` ends the wait, retries included; a read that fails is
    tried again up to `retries` times. `concurrency`: so many calls of it run at once in one worker (0: any number); the
    others wait. `background`: acknowledged at once, its result told later. `prefetch`: when a read is started ahead;
    `cache_s`: how long its result is good within a call (0: never told twice). `asked_with`: of an irreversible tool,
    words of which the question that the caller said yes to must have one. `claims`: phrases that claim its effect was
    had, beside those known from its name (agent/tools/claims.py), as in another language than English.
    """
    rules = (prefetch,) if isinstance(prefetch, Prefetch) else tuple(prefetch)
    spoken = tuple(text for text in (filler, *_texts(fillers)) if text)

    def make(function: ToolFunction) -> Tool:
        name = getattr(function, "__name__", "")
        if not _NAME.fullmatch(name):
            raise AgentError(f"a tool cannot be named {name!r}; write a function with a plain name of up to 64 letters")
        if effect not in _EFFECTS:
            raise AgentError(f"tool {name}: effect is {effect!r}; write one of {', '.join(_EFFECTS)}")
        longest_s = MAX_BACKGROUND_S if background else MAX_TIMEOUT_S
        if not 0 < timeout_s <= longest_s or not 0 <= patience_s < math.inf:
            raise AgentError(
                f"tool {name}: timeout_s must lie above 0 and up to {longest_s:g}, patience_s at 0 or above"
            )
        description = inspect.cleandoc(function.__doc__ or "")
        if not description:
            raise AgentError(f"tool {name} has no docstring; write one: it tells the model when to use the tool")
        schema = arguments_model(function).model_json_schema()
        schema.pop("title", None)
        for shown in schema.get("properties", {}).values():
            shown.pop("title", None)
        made = Tool(
            name=name,
            description=description,
            parameters=schema,
            effect=effect,
            function=function,
            timeout_s=timeout_s,
            filler=spoken[0] if spoken else "",
            patience_s=patience_s,
            fillers=spoken,
            retries=retries,
            concurrency=concurrency,
            background=background,
            prefetch=rules,
            cache_s=cache_s,
            asked_with=_texts(asked_with),
            claims=_texts(claims),
        )
        _check(made)
        return made

    return make


def _texts(given: Sequence[str]) -> tuple[str, ...]:
    """A text alone is one text, not a row of letters."""
    return (given,) if isinstance(given, str) else tuple(given)


def _check(made: Tool) -> None:
    """What does not go together. Raises AgentError."""

    def wrong(what: str) -> AgentError:
        return AgentError(f"tool {made.name}: {what}")

    reads = made.effect == "read"
    if not 0 <= made.retries <= MAX_RETRIES:
        raise wrong(f"retries must lie between 0 and {MAX_RETRIES}")
    if made.retries and not reads:
        raise wrong("only a read is tried again: what changes the world might do so twice; take retries out")
    if made.concurrency < 0 or not 0 <= made.cache_s < math.inf:
        raise wrong("concurrency and cache_s must be 0 or above")
    if made.asked_with and made.effect != "irreversible":
        raise wrong("asked_with is for irreversible tools: no other asks for a yes")
    if made.prefetch and not reads:
        raise wrong("only a read is started ahead; take prefetch out")
    if made.prefetch and made.background:
        raise wrong("what is told later need not be started ahead; take prefetch or background out")
    parameters = made.parameters.get("properties", {})
    for rule in made.prefetch:
        if bool(rule.from_slot) == bool(rule.from_caller):
            raise wrong("a Prefetch has one of from_slot and from_caller")
        if rule.kind and rule.kind not in KINDS:
            raise wrong(f"there is no kind of slot {rule.kind!r}; {did_you_mean(rule.kind, KINDS)}")
        argument = rule.from_caller or rule.argument or rule.from_slot
        if argument not in parameters:
            raise wrong(f"it has no parameter {argument!r} to prefetch by; {did_you_mean(argument, parameters)}")
        if set(made.parameters.get("required", ())) - {argument}:
            raise wrong(f"it cannot be started ahead with {argument!r} alone; give the other parameters defaults")


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
