"""The parcel desk's tools: sample orders that never go stale, safe across threads."""

from __future__ import annotations

import datetime as dt
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.agents import load_agent
from agent.context import LiveContext
from agent.tools.base import ToolContext

AGENT = load_agent("parcel-desk")
STATUSES = {"in_transit", "out_for_delivery", "delivered", "delayed", "cancelled", "at_pickup_point"}


class Today(LiveContext):
    """A context whose date stands still."""

    def __init__(self) -> None: ...

    def wall_time(self) -> dt.datetime:
        return dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)  # a Monday


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    return ToolContext("call-1", "+15550142", tmp_path / "data", "", Today())


def use(name: str, ctx: ToolContext, number: str) -> dict[str, Any]:
    result: dict[str, Any] = AGENT.tools[name].function(ctx, order_number=number)
    return result


def test_find_order(ctx: ToolContext) -> None:
    found = use("find_order", ctx, "4712")
    assert (found["outcome"], found["day"], found["can_be_cancelled"]) == ("in_transit", "tomorrow", True)
    assert use("find_order", ctx, "8851")["day"] == "on Wednesday"
    assert use("find_order", ctx, "1234")["day"] == "yesterday"
    assert use("find_order", ctx, "7720")["day"] == "last Friday"
    assert use("find_order", ctx, "0000")["outcome"] == "not_found"
    assert json.dumps(found)


def test_the_samples(ctx: ToolContext) -> None:
    rows = AGENT.tools["find_order"].function.__globals__["sample_orders"]()
    numbers = [row[0] for row in rows]
    assert 38 <= len(set(numbers)) == len(numbers)
    assert all(len(number) == 4 and number.isdecimal() for number in numbers)
    assert {use("find_order", ctx, number)["outcome"] for number in numbers} == STATUSES


def test_cancel_order(ctx: ToolContext) -> None:
    assert use("cancel_order", ctx, "4712")["outcome"] == "cancelled"
    assert use("cancel_order", ctx, "4712")["outcome"] == "already_cancelled"
    assert use("find_order", ctx, "4712")["outcome"] == "cancelled"
    assert use("cancel_order", ctx, "1234")["outcome"] == "already_delivered"
    assert use("cancel_order", ctx, "0000")["outcome"] == "not_found"


def test_send_tracking_link(ctx: ToolContext, tmp_path: Path) -> None:
    assert use("send_tracking_link", ctx, "4712")["outcome"] == "sent"
    assert use("send_tracking_link", ctx, "0000")["outcome"] == "not_found"
    withheld = ToolContext("call-2", "anonymous", ctx.data_dir, "", ctx.ctx)
    assert use("send_tracking_link", withheld, "4712")["outcome"] == "no_number"
    assert stat.S_IMODE((ctx.data_dir / "orders.sqlite3").stat().st_mode) == 0o600


def test_many_callers_at_first_start(ctx: ToolContext) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: use("cancel_order", ctx, "4712")["outcome"], range(16)))
    assert sorted(set(outcomes)) == ["already_cancelled", "cancelled"]
    assert outcomes.count("cancelled") == 1
