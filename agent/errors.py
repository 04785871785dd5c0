"""The two kinds of error: ours, and the peer's. Messages say what was wrong, where, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

#: Of a group of errors, so many are told.
MOST_TOLD = 3


class OffhookError(Exception):
    """The root. Raise one of the two below."""


class LocalError(OffhookError):
    """Our side is wrong: configuration, an agent's files, a missing extra, a broken call order."""


class RemoteError(OffhookError):
    """The other side is wrong: a carrier, a vendor, a peer. `retryable` says whether trying again may help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class MissingExtra(LocalError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed: pip install 'offhook[{extra}]'")


class AgentError(LocalError):
    """An agent's folder holds a mistake; the message names file, line, and what to write instead."""


class EngineError(RemoteError):
    """An engine failed or missed its deadline."""


def place_of(error: BaseException) -> str:
    """The kind of error, and the place it came from: "ValueError in charge, tools.py:12"; of a group, its members.

    Not its text: that may quote what a caller said, or a secret.
    """
    first = list(islice(members(error), MOST_TOLD + 1))
    return "; ".join([_place(each) for each in first[:MOST_TOLD]] + ["…"] * (len(first) > MOST_TOLD))


def members(error: BaseException) -> Iterator[BaseException]:
    """The error itself; of a group, those in it, however deep."""
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from members(member)
    else:
        yield error


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
