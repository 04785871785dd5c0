"""What may be told of an error whose own text may quote a caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agent.errors import place_of

SAID = "4111 1111"


def charge() -> None:
    raise ValueError(SAID)


async def charge_two() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(charge))


def grouped() -> None:
    raise ExceptionGroup(SAID, [ValueError(SAID)] * 5)


def told(fails: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        fails()
    return place_of(caught.value)


def test_kind_and_place_and_no_words() -> None:
    line = charge.__code__.co_firstlineno + 1
    assert told(charge) == f"ValueError in charge, test_errors.py:{line}"
    assert told(lambda: asyncio.run(charge_two())) == f"ValueError in charge, test_errors.py:{line}"
    assert told(grouped) == "ValueError; ValueError; ValueError; …"
    assert place_of(KeyError(SAID)) == "KeyError"
