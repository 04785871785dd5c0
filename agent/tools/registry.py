"""Running tools: arguments checked, time limited, effects gated in code, every mishap a result the model can read."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from agent.errors import place_of
from agent.llm.base import ToolCall, ToolSpec
from agent.tomlfile import did_you_mean
from agent.tools.base import Leaving, Tool, ToolContext, ToolFunction, ToolOutcome
from agent.tools.decorator import arguments_model

log = logging.getLogger(__name__)

#: A tool's result goes into every later request to the model: beyond this it costs more than it tells.
MAX_RESULT_BYTES = 8192
#: What a blocking tool is charged in virtual time: a small database query.
SYNC_COST_MS = 5.0
#: Effects remembered against running twice; one call makes a handful.
MAX_REMEMBERED = 256

NEEDS_YES = "needs the caller's spoken yes first"
NO_SUCH_TOOL = "there is no tool"
WRONG_ARGUMENTS = "wrong arguments:"


def never_began(result: Any) -> bool:
    """Whether a result tells that the tool's function was not even called: the registry had refused."""
    error = result.get("error") if isinstance(result, Mapping) else None
    return isinstance(error, str) and (error == NEEDS_YES or error.startswith((NO_SUCH_TOOL, WRONG_ARGUMENTS)))


class ToolRegistry:
    """The tools of an agent, ready to run. One per call, or shared: what it remembers is kept apart by call."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = dict(tools)
        self._models: dict[str, type[BaseModel]] = {
            name: arguments_model(tool.function) for name, tool in self._tools.items()
        }
        self._done: OrderedDict[tuple[str, int, str, str], ToolOutcome] = OrderedDict()

    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told."""
        return tuple(ToolSpec(tool.name, tool.description, tool.parameters) for tool in self._tools.values())

    def get(self, name: str) -> Tool | None:
        """The tool of that name."""
        return self._tools.get(name)

    async def run(self, call: ToolCall, tool_ctx: ToolContext, *, confirmed: bool, turn: int) -> ToolOutcome:
        """Runs one call; whatever goes wrong is in the outcome (`ok` False, result {"error": …}), never raised.

        `confirmed`: the caller has just said yes, without which an irreversible tool does not run. Within one `turn`, a
        tool with effects runs once for the same arguments; asked again, it gives the same outcome.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            return _failed(f"{NO_SUCH_TOOL} {call.name!r}; {did_you_mean(call.name, self._tools)}")
        try:
            arguments = self._models[call.name].model_validate(dict(call.arguments))
        except ValidationError as error:
            return _failed(f"{WRONG_ARGUMENTS} {_told(error)}")
        if tool.effect == "irreversible" and not confirmed:
            return _failed(NEEDS_YES)
        if tool.effect == "read":
            return await _run(tool, arguments, tool_ctx)
        key = (tool_ctx.call_id, turn, tool.name, arguments.model_dump_json())
        if key in self._done:
            return self._done[key]
        # Should the run be cancelled, its effect may still have happened: then this is what a second try is told.
        self._remember(key, _failed("was interrupted; whether it took effect is not known"))
        outcome = await _run(tool, arguments, tool_ctx)
        self._remember(key, outcome)
        return outcome

    def _remember(self, key: tuple[str, int, str, str], outcome: ToolOutcome) -> None:
        self._done[key] = outcome
        while len(self._done) > MAX_REMEMBERED:
            self._done.popitem(last=False)


async def call_function(function: ToolFunction, tool_ctx: ToolContext, given: Mapping[str, Any]) -> Any:
    """What a tool's function returns. One that blocks does so on a thread of its own, and is charged SYNC_COST_MS in
    virtual time. Raises what the function raises."""
    work = partial(function, tool_ctx, **given)
    if inspect.iscoroutinefunction(function):
        return await work()
    return await tool_ctx.ctx.offload(partial(_blocking, work), cost_ms=SYNC_COST_MS, apart=True)


def _blocking(work: Callable[[], Any]) -> Any:
    """For a thread: what means the end of a program, a task or a generator on the event loop means nothing here, and
    must not be handed over to it."""
    try:
        return work()
    except (KeyboardInterrupt, GeneratorExit, StopIteration, asyncio.CancelledError) as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # inline, in virtual time: it is Ctrl-C, for all we know
        raise RuntimeError(f"{type(error).__name__} in a tool").with_traceback(error.__traceback__) from None


def _ends_us(error: BaseException, task: asyncio.Task[Any] | None) -> bool:
    """Whether a tool on the event loop did not raise this of its own: `task`, in which it ran, is cancelled, or is
    dropped by somebody else."""
    if isinstance(error, asyncio.CancelledError):
        return task is None or task.cancelling() > 0
    try:
        return task is None or asyncio.current_task() is not task
    except RuntimeError:  # no loop runs any more
        return True


async def _run(tool: Tool, arguments: BaseModel, tool_ctx: ToolContext) -> ToolOutcome:
    given = {name: getattr(arguments, name) for name in type(arguments).model_fields}
    deadline, task = asyncio.timeout(tool.timeout_s), asyncio.current_task()
    try:
        async with deadline:
            result = await call_function(tool.function, tool_ctx, given)
    except (Exception, SystemExit, GeneratorExit, asyncio.CancelledError) as error:
        # A tool's sys.exit() and its like must not end the service and everybody's call. KeyboardInterrupt does: on the
        # event loop it cannot be told from Ctrl-C.
        if isinstance(error, GeneratorExit | asyncio.CancelledError) and _ends_us(error, task):
            raise
        if isinstance(error, TimeoutError) and deadline.expired():
            log.warning("tool %s gave no result within %.1f s", tool.name, tool.timeout_s)
            doubt = "" if tool.effect == "read" else "; whether it took effect is not known"
            return _failed(f"no result within {tool.timeout_s:g} seconds{doubt}")
        # The exception's text may hold what no caller should hear, so it is not for the model; and what the caller
        # said, which may be a card's number, so it is not for the log either, but at the level that is off.
        log.error("tool %s failed: %s (its text, and the traceback, at log level debug)", tool.name, place_of(error))
        log.debug("tool %s failed", tool.name, exc_info=error)
        return _failed("the tool failed")
    return _outcome(tool, result)


def _outcome(tool: Tool, result: Any) -> ToolOutcome:
    decision, ok = None, True
    if isinstance(result, Leaving):
        decision, result = result.decision, result.result
    elif isinstance(result, ToolOutcome):  # a stand-in tells all of it (telephony/replay/engines)
        decision, ok, result = result.decision, result.ok, result.result
    try:
        plain = to_jsonable_python(result)
        size = len(json.dumps(plain, allow_nan=False, ensure_ascii=False).encode())
    except (PydanticSerializationError, ValueError, TypeError):
        log.error("tool %s returned what JSON cannot hold: %s", tool.name, type(result).__name__)
        return ToolOutcome({"error": "the tool's result cannot be told"}, ok=False, decision=decision)
    if size > MAX_RESULT_BYTES:
        log.warning("tool %s returned %d bytes; at most %d are told", tool.name, size, MAX_RESULT_BYTES)
        return ToolOutcome({"error": "the tool's result is too long to be told"}, ok=False, decision=decision)
    return ToolOutcome(plain, ok=ok, decision=decision)


def _failed(text: str) -> ToolOutcome:
    return ToolOutcome({"error": text}, ok=False)


def _told(error: ValidationError) -> str:
    """pydantic's errors as one short sentence: `order_number: Field required`."""
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'arguments'}: {each['msg']}" for each in error.errors()[:5]
    )
