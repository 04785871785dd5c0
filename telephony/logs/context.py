"""What a log line is about: the call that is being served, and the stable name of what happened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

_CALL: ContextVar[str] = ContextVar("offhook_call", default="")


def current_call() -> str:
    """The call that the running task serves; "" outside of one."""
    return _CALL.get()


def set_call(call_id: str) -> None:
    """From here on, to its end, this task serves that call; tasks and threads that it starts serve it too."""
    _CALL.set(call_id)


@contextlib.contextmanager
def call_context(call_id: str) -> Iterator[None]:
    """Within the block, log lines are the call's: those of engines and tools as well."""
    token = _CALL.set(call_id)
    try:
        yield
    finally:
        _CALL.reset(token)


def event(name: str, /, **fields: object) -> dict[str, Any]:
    """For a log call's `extra`: the stable name of what happened ("refused.signature"), and fields for a machine.

    A refusal names its `source` (an address), by which a flood of the same is told in one line.
    """
    return {"event": name, "fields": fields}
