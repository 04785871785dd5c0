"""Prefetch: what is looked up ahead, from who calls and from what was said so far."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.slots.base import NOTHING_ASKED, Asks
from agent.tools.base import Prefetch, ToolContext
from agent.tools.decorator import tool
from agent.tools.prefetch import MAX_PER_TURN, Prefetcher

NUMBER = Asks("order_number", "digits", length=4)
CODE = Asks("code", "digits", length=4, longest=6)
DAY = Asks("day", "date")
CARD = Asks("card", "digits", sensitive=True, length=16)


@tool(effect="read", prefetch=Prefetch(from_slot="order_number"))
def find_order(ctx: ToolContext, order_number: str) -> None:
    """Find an order."""


@tool(effect="read", prefetch=[Prefetch(from_slot="code", argument="key"), Prefetch(from_caller="number")])
def find_both(ctx: ToolContext, key: str = "", number: str = "") -> None:
    """Find somebody by a code or a telephone number."""


@tool(effect="read", prefetch=Prefetch(from_slot="day"))
def free_tables(ctx: ToolContext, day: str) -> None:
    """Find the free tables of a day."""


@tool(effect="read", prefetch=Prefetch(from_slot="card"))
def find_card(ctx: ToolContext, card: str) -> None:
    """Find a card."""


def ahead(*tools: Any) -> Prefetcher:
    return Prefetcher(tools, (NUMBER, CODE, DAY, CARD))


def given_by(prefetcher: Prefetcher, *partials: str, asks: Asks = NOTHING_ASKED) -> list[dict[str, Any]]:
    return [dict(call.arguments) for text in partials for call in prefetcher.partial(text, asks, 1)]


@pytest.mark.parametrize(
    ("asks", "partials", "looked_up"),
    [
        (NUMBER, ["four", "four seven", "four seven one two", "four seven one two please"], ["4712"]),
        (NUMBER, ["4712"], ["4712"]),
        (NOTHING_ASKED, ["where is order four two", "where is order four two one nine"], ["4219"]),
        (NOTHING_ASKED, ["where is order 4219 and is it late"], ["4219"]),
        (NOTHING_ASKED, ["order 4219", "order 4219 no 4218"], ["4219", "4218"]),
        (NOTHING_ASKED, ["order 421"], []),
        (NOTHING_ASKED, ["call me at 555 010 0199"], []),
        (Asks("", "yes_no"), ["yes", "yes for order 4712"], ["4712"]),
        (NUMBER, ["I don't have it"], []),
        (CARD, ["4712"], []),
        (Asks("card", "yes_no", hides="digits"), ["yes 4712"], []),
    ],
)
def test_a_number_of_known_length(asks: Asks, partials: list[str], looked_up: list[str]) -> None:
    assert [each["order_number"] for each in given_by(ahead(find_order), *partials, asks=asks)] == looked_up


def test_a_value_that_may_go_on_waits_for_the_next_partial() -> None:
    assert given_by(ahead(find_both), "1234", asks=CODE) == []
    assert given_by(ahead(find_both), "1234", "1234", asks=CODE) == [{"key": "1234"}]
    assert given_by(ahead(find_both), "1234", "12345", asks=CODE) == []
    assert given_by(ahead(find_both), "123456", asks=CODE) == [{"key": "123456"}]


def test_another_kind_counts_where_it_was_asked_for() -> None:
    said = "may fourth twenty twenty six"
    assert given_by(ahead(free_tables), said, said, asks=DAY) == [{"day": "2026-05-04"}]
    assert given_by(ahead(free_tables), said, said) == []


def test_kind_and_length_of_the_rule_where_the_flow_has_no_such_slot() -> None:
    @tool(effect="read", prefetch=Prefetch(from_slot="pin", argument="n", kind="digits", length=3))
    def by_pin(ctx: ToolContext, n: str) -> None:
        """Find by pin."""

    assert given_by(Prefetcher([by_pin]), "my pin is one two three") == [{"n": "123"}]


def test_what_is_sensitive_is_never_looked_up_ahead() -> None:
    assert given_by(ahead(find_card), "4111 1111 1111 1111", asks=CARD) == []
    assert given_by(ahead(find_card), "4111 1111 1111 1111") == []


@pytest.mark.parametrize(("caller", "known"), [("+15550100", True), ("sip:100@pbx.test", True), ("", False),
                                               ("anonymous", False)])  # fmt: skip
def test_who_calls(caller: str, known: bool) -> None:
    calls = ahead(find_order, find_both).caller_known(caller)
    assert [dict(call.arguments) for call in calls] == ([{"number": caller}] if known else [])


@given(st.lists(st.text(alphabet="0123456789 ab", max_size=40), max_size=20))
def test_few_guesses_a_turn_each_once(partials: list[str]) -> None:
    found = given_by(ahead(find_order), *partials)
    assert len(found) <= MAX_PER_TURN
    assert all(found.count(each) == 1 for each in found)
    assert all(len(each["order_number"]) == 4 for each in found)


def test_a_new_turn_begins_anew() -> None:
    prefetcher = ahead(find_order)
    for number in range(1000, 1010):
        prefetcher.partial(f"order {number}", NOTHING_ASKED, 1)
    assert prefetcher.partial("order 1000", NOTHING_ASKED, 1) == ()
    assert len(prefetcher.partial("order 1000", NOTHING_ASKED, 2)) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"effect": "write", "prefetch": Prefetch(from_slot="n")}, "only a read"),
        ({"prefetch": Prefetch(from_slot="m")}, "no parameter 'm'"),
        ({"prefetch": Prefetch(from_slot="m", argument="n")}, "cannot be started ahead with 'n' alone"),
        ({"prefetch": Prefetch()}, "one of from_slot and from_caller"),
        ({"prefetch": Prefetch(from_slot="n", from_caller="n")}, "one of from_slot and from_caller"),
        ({"prefetch": Prefetch(from_slot="n", kind="digit")}, "did you mean 'digits'"),  # type: ignore[arg-type]
        ({"prefetch": Prefetch(from_slot="n"), "background": True}, "background"),
        ({"effect": "write", "retries": 1}, "only a read is tried again"),
        ({"retries": 99}, "retries"),
        ({"concurrency": -1}, "concurrency"),
        ({"cache_s": float("inf")}, "cache_s"),
        ({"asked_with": ("x",)}, "irreversible"),
        ({"timeout_s": 121}, "up to 120"),
        ({"timeout_s": 901, "background": True}, "up to 900"),
    ],
)
def test_what_does_not_go_together_is_told(options: dict[str, Any], told: str) -> None:
    def look(ctx: ToolContext, n: str, o: int) -> None:
        """Look."""

    with pytest.raises(AgentError, match=told):
        tool(**{"effect": "read", **options})(look)
