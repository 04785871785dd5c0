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

from agent.errors import LocalError, RemoteError, place_of
from agent.llm.base import ToolCall, ToolSpec
from agent.tomlfile import did_you_mean
from agent.tools.base import NEEDS_YES, Leaving, Tool, ToolContext, ToolFunction, ToolOutcome
from agent.tools.confirmation import NOT_CONFIRMED, Confirmation
from agent.tools.decorator import arguments_model
from agent.tools.permits import Permit, permit_for
from agent.tools.reads import key_of

log = logging.getLogger(__name__)

#: A tool's result goes into every later request to the model: beyond this it costs more than it tells.
MAX_RESULT_BYTES = 8192
#: What a blocking tool is charged in virtual time: a small database query.
SYNC_COST_MS = 5.0
#: Effects remembered against running twice; one call makes a handful.
MAX_REMEMBERED = 256

#: Between two tries of a read, at first; each further pause is twice as long, up to the other.
RETRY_PAUSE_S = 0.1
RETRY_PAUSE_MOST_S = 1.0

BUSY = "is at work for other callers; not begun"
NO_SUCH_TOOL = "there is no tool"
WRONG_ARGUMENTS = "wrong arguments:"


def never_began(result: Any) -> bool:
    """Whether a result tells that the tool's function was not even called: the registry had refused."""
    error = result.get("error") if isinstance(result, Mapping) else None
    return isinstance(error, str) and (error in (NEEDS_YES, BUSY) or error.startswith((NO_SUCH_TOOL, WRONG_ARGUMENTS)))


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

    def good_for_s(self, name: str) -> float:
        """How long a result of this tool is good within a call."""
        tool = self._tools.get(name)
        return tool.cache_s if tool is not None else 0.0

    def key(self, call: ToolCall) -> str:
        """What is the same call: the tool, and its arguments as they are understood, defaults among them."""
        model = self._models.get(call.name)
        if model is None:
            return key_of(call)
        try:
            return f"{call.name} {model.model_validate(dict(call.arguments)).model_dump_json()}"
        except (ValidationError, PydanticSerializationError):
            return key_of(call)

    async def run(
        self, call: ToolCall, tool_ctx: ToolContext, *, turn: int, confirmation: Confirmation = NOT_CONFIRMED
    ) -> ToolOutcome:
        """Runs one call; whatever goes wrong is in the outcome (`ok` False, result {"error": …}), never raised.

        `confirmation`: what the caller's turn answers; without a yes that was asked for and heard, an irreversible tool
        does not run. Within one `turn`, a tool with effects runs once for the same arguments; asked again, it gives the
        same outcome.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            return _failed(f"{NO_SUCH_TOOL} {call.name!r}; {did_you_mean(call.name, self._tools)}")
        try:
            arguments = self._models[call.name].model_validate(dict(call.arguments))
        except ValidationError as error:
            return _failed(f"{WRONG_ARGUMENTS} {_told(error)}")
        if tool.effect == "irreversible" and not confirmation.allows(tool.asked_with):
            return _failed(NEEDS_YES)
        if tool.effect == "read":
            return await _run(tool, arguments, tool_ctx)
        key = (tool_ctx.call_id, turn, tool.name, arguments.model_dump_json())
        if key in self._done:
            return self._done[key]
        # Should the run be cancelled, its effect may still have happened: then this is what a second try is told.
        self._remember(key, _failed("was interrupted; whether it took effect is not known"))
        outcome = await _run(tool, arguments, tool_ctx)
        if never_began(outcome.result):
            del self._done[key]  # it may be asked for again
        else:
            self._remember(key, outcome)
        return outcome

    def _remember(self, key: tuple[str, int, str, str], outcome: ToolOutcome) -> None:
        self._done[key] = outcome
        while len(self._done) > MAX_REMEMBERED:
            self._done.popitem(last=False)


async def call_function(
    function: ToolFunction, tool_ctx: ToolContext, given: Mapping[str, Any], permit: Permit | None = None
) -> Any:
    """What a tool's function returns. One that blocks does so on a thread of its own, and is charged SYNC_COST_MS in
    virtual time; where it is given up, its thread keeps the `permit` until it ends. Raises what the function raises."""
    work: Callable[[], Any] = partial(function, tool_ctx, **given)
    if inspect.iscoroutinefunction(function):
        return await work()
    if permit is not None:
        work = permit.held_by(work, tool_ctx.ctx.hand_over)
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
    """Waits its turn, runs, and tries a read again, all within the tool's time."""
    given = {name: getattr(arguments, name) for name in type(arguments).model_fields}
    deadline, task = asyncio.timeout(tool.timeout_s), asyncio.current_task()
    permit = permit_for(tool)
    try:
        async with deadline, permit:
            result = await _tries(tool, tool_ctx, given, permit)
    except (Exception, SystemExit, GeneratorExit, asyncio.CancelledError) as error:
        # A tool's sys.exit() and its like must not end the service and everybody's call. KeyboardInterrupt does: on the
        # event loop it cannot be told from Ctrl-C.
        if isinstance(error, GeneratorExit | asyncio.CancelledError) and _ends_us(error, task):
            raise
        if isinstance(error, TimeoutError) and deadline.expired():
            if not permit.granted:
                log.warning("tool %s was at work %d times over for %.1f s", tool.name, tool.concurrency, tool.timeout_s)
                return _failed(BUSY)
            log.warning("tool %s gave no result within %.1f s", tool.name, tool.timeout_s)
            doubt = "" if tool.effect == "read" else "; whether it took effect is not known"
            return _failed(f"no result within {tool.timeout_s:g} seconds{doubt}")
        # The exception's text may hold what no caller should hear, so it is not for the model; and what the caller
        # said, which may be a card's number, so it is not for the log either, but at the level that is off.
        log.error("tool %s failed: %s (its text, and the traceback, at log level debug)", tool.name, place_of(error))
        log.debug("tool %s failed", tool.name, exc_info=error)
        return _failed("the tool failed")
    return _outcome(tool, result)


async def _tries(tool: Tool, tool_ctx: ToolContext, given: Mapping[str, Any], permit: Permit) -> Any:
    """What the function returns, at the first try or a later one. Raises what it raises at the last."""
    pause_s = RETRY_PAUSE_S
    for left in range(tool.retries if tool.effect == "read" else 0, -1, -1):
        try:
            return await call_function(tool.function, tool_ctx, given, permit)
        except Exception as error:
            # A mistake of ours, or a refusal of theirs that will stay one: asking again changes nothing.
            final = isinstance(error, LocalError) or (isinstance(error, RemoteError) and not error.retryable)
            if not left or final:
                raise
            log.info("tool %s failed: %s; tried again in %.1f s", tool.name, place_of(error), pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, RETRY_PAUSE_MOST_S)
    raise AssertionError("a last try returns or raises")


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
