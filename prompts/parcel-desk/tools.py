"""The parcel desk's tools: a small database of sample orders, made when it is first needed.

A real desk would ask its own systems here. Days are kept as offsets from today: the sample orders never go stale.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

from pydantic import Field

from agent.tools.base import Prefetch, ToolContext
from agent.tools.decorator import tool

OrderNumber = Annotated[str, Field(description="the order number: four digits", pattern=r"^\d{4}$")]

#: Another process may be writing; a caller waits no longer than this.
LOCK_TIMEOUT_S = 5.0

SCHEMA = """
CREATE TABLE orders (number TEXT PRIMARY KEY, item TEXT NOT NULL, status TEXT NOT NULL, day INTEGER NOT NULL,
                     place TEXT NOT NULL);
CREATE TABLE links (number TEXT NOT NULL, caller TEXT NOT NULL, call_id TEXT NOT NULL, asked_at TEXT NOT NULL);
CREATE TABLE cancellations (number TEXT PRIMARY KEY, call_id TEXT NOT NULL, asked_at TEXT NOT NULL);
PRAGMA user_version = 1;
"""

#: (number, item, status, day it comes or came: 0 is today, place)
SAMPLES = (
    ("4712", "a coffee grinder", "in_transit", 1, "the sorting centre in Dayton"),
    ("4713", "a desk lamp", "out_for_delivery", 0, "the van"),
    ("1234", "two books", "delivered", -1, "the front door"),
    ("2290", "a winter coat", "delayed", 3, "the hub in Denver"),
    ("9038", "a garden hose", "at_pickup_point", 5, "the post office on Main Street"),
    ("5561", "a bread knife", "cancelled", -2, "the warehouse"),
    ("8851", "running shoes", "in_transit", 2, "the hub in Denver"),
    ("3007", "a bicycle pump", "in_transit", 3, "the sorting centre in Dayton"),
    ("6649", "a kettle", "out_for_delivery", 0, "the van"),
    ("7720", "a chess set", "delivered", -3, "a neighbor"),
)
#: The rest, so that any way of saying a number can be tried: made from a fixed rule.
_RULE = ("in_transit", "delivered", "out_for_delivery", "delayed", "at_pickup_point", "in_transit")
_ITEMS = ("a backpack", "a toaster", "a pair of gloves", "a phone case", "a board game", "a picture frame")
_DAYS = {"in_transit": 2, "delivered": -2, "out_for_delivery": 0, "delayed": 4, "at_pickup_point": 6}
_PLACES = {
    "in_transit": "the hub in Denver",
    "delivered": "the front door",
    "out_for_delivery": "the van",
    "delayed": "the sorting centre in Dayton",
    "at_pickup_point": "the post office on Main Street",
}


def sample_orders() -> list[tuple[str, str, str, int, str]]:
    """All sample orders; the same in every run."""
    rows = list(SAMPLES)
    taken = {row[0] for row in rows}
    for n in range(30):
        number = str((1009 + n * 2963) % 9000 + 1000)
        status = _RULE[n % len(_RULE)]
        if number not in taken:
            taken.add(number)
            rows.append((number, _ITEMS[n % len(_ITEMS)], status, _DAYS[status] + n % 2 * (_DAYS[status] > 0),
                         _PLACES[status]))  # fmt: skip
    return rows


@contextmanager
def orders(ctx: ToolContext) -> Iterator[sqlite3.Connection]:
    """The database, within one transaction; a connection of its own for each use, as tools run on any thread."""
    ctx.data_dir.mkdir(parents=True, exist_ok=True)
    file = ctx.data_dir / "orders.sqlite3"
    file.touch(mode=0o600, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=LOCK_TIMEOUT_S, isolation_level=None)) as db:
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in SCHEMA.strip().split(";"):
                    db.execute(statement)
                db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", sample_orders())
            db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def spoken_day(today: dt.date, offset: int) -> str:
    """A day as one says it: "today", "tomorrow", "on Friday"; beyond a week with its date."""
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    if offset in near:
        return near[offset]
    day = today + dt.timedelta(days=offset)
    if 0 < offset < 7:
        return f"on {day:%A}"
    if -7 < offset < 0:
        return f"last {day:%A}"
    return f"on {day:%A}, {day:%B} {day.day}"


@tool(
    effect="read",
    fillers=("Let me look that up.", "One moment, I'm looking."),
    prefetch=Prefetch(from_slot="order_number", kind="digits", length=4),
)
def find_order(ctx: ToolContext, order_number: OrderNumber) -> dict[str, object]:
    """Find an order by its number: where it is, and when it comes."""
    with orders(ctx) as db:
        row = db.execute("SELECT item, status, day, place FROM orders WHERE number = ?", (order_number,)).fetchone()
    if row is None:
        return {"outcome": "not_found", "order_number": order_number}
    item, status, day, place = row
    return {
        "outcome": status,
        "order_number": order_number,
        "item": item,
        "place": place,
        "day": spoken_day(ctx.ctx.wall_time().date(), day),
        "can_be_cancelled": status not in ("delivered", "cancelled"),
    }


@tool(effect="write", filler="One moment.")
def send_tracking_link(ctx: ToolContext, order_number: OrderNumber) -> dict[str, object]:
    """Text a tracking link for an order to the number the caller is calling from.

    The wish is written down for the desk's text-message service to carry out.
    """
    if not any(character.isdigit() for character in ctx.caller):
        return {"outcome": "no_number", "order_number": order_number}
    with orders(ctx) as db:
        if db.execute("SELECT 1 FROM orders WHERE number = ?", (order_number,)).fetchone() is None:
            return {"outcome": "not_found", "order_number": order_number}
        asked_at = ctx.ctx.wall_time().isoformat(timespec="seconds")
        db.execute("INSERT INTO links VALUES (?, ?, ?, ?)", (order_number, ctx.caller, ctx.call_id, asked_at))
    return {"outcome": "sent", "order_number": order_number}


@tool(effect="irreversible", filler="One moment.", asked_with=("cancel",))
def cancel_order(ctx: ToolContext, order_number: OrderNumber) -> dict[str, object]:
    """Cancel an order that was not delivered yet. Only after the caller has said yes to being asked."""
    with orders(ctx) as db:
        row = db.execute("SELECT status FROM orders WHERE number = ?", (order_number,)).fetchone()
        if row is None:
            return {"outcome": "not_found", "order_number": order_number}
        if row[0] in ("delivered", "cancelled"):
            return {"outcome": f"already_{row[0]}", "order_number": order_number}
        asked_at = ctx.ctx.wall_time().isoformat(timespec="seconds")
        db.execute("UPDATE orders SET status = 'cancelled', day = 0 WHERE number = ?", (order_number,))
        db.execute("INSERT INTO cancellations VALUES (?, ?, ?)", (order_number, ctx.call_id, asked_at))
    return {"outcome": "cancelled", "order_number": order_number}
