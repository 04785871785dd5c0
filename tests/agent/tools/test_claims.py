"""Claims: which sentences say that something was done, by which tool, and what bears them out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tools.base import Tool, ToolContext
from agent.tools.builtin import BUILTIN_TOOLS
from agent.tools.claims import Used, claims, find_claims, unproved
from agent.tools.decorator import tool
from agent.tools.verbs import done_forms, past_forms


@tool(effect="irreversible")
def cancel_order(ctx: ToolContext) -> None:
    """Cancel an order."""


@tool(effect="irreversible")
def cancel_subscription(ctx: ToolContext) -> None:
    """Cancel a subscription."""


@tool(effect="write")
def send_tracking_link(ctx: ToolContext) -> None:
    """Text a tracking link."""


@tool(effect="write")
def table_booking(ctx: ToolContext) -> None:
    """Book a table."""


@tool(effect="write", claims=("habe ich storniert", "ist storniert"))
def storno(ctx: ToolContext) -> None:
    """Storniert eine Bestellung."""


@tool(effect="write")
def waive_fee(ctx: ToolContext) -> None:
    """Waive a fee."""


@tool(effect="read")
def find_order(ctx: ToolContext) -> None:
    """Find an order."""


def named(*tools: Tool) -> dict[str, Tool]:
    return {each.name: each for each in (*BUILTIN_TOOLS, *tools)}


TOOLS = named(cancel_order, send_tracking_link, table_booking, storno, waive_fee, find_order)

CLAIMED = [
    ("I've cancelled it.", ["cancel_order"]),
    ("I have now canceled your order", ["cancel_order"]),
    ("Okay, I went ahead and cancelled that for you.", ["cancel_order"]),
    ("It's cancelled.", ["cancel_order"]),
    ("Your order has been cancelled.", ["cancel_order"]),
    ("No problem, it's been cancelled now.", ["cancel_order"]),
    ("Cancelled!", ["cancel_order"]),
    ("I was able to cancel it.", ["cancel_order"]),
    ("We managed to cancel it", ["cancel_order"]),
    ("I sent you the link.", ["send_tracking_link"]),
    ("I just texted you a link.", ["send_tracking_link"]),
    ("The link has been sent, and I've cancelled the order.", ["send_tracking_link", "cancel_order"]),
    ("I've cancelled it, and sent you a link.", ["cancel_order", "send_tracking_link"]),
    ("I looked it up and cancelled it", ["cancel_order"]),
    ("It's booked.", ["table_booking"]),
    ("I've got you booked for Friday.", ["table_booking"]),
    ("You are booked for Friday at 8.30 p.m.", ["table_booking"]),
    ("I've reserved a table for you.", ["table_booking"]),
    ("Die Bestellung habe ich storniert.", ["storno"]),
    ("I've waived the fee.", ["waive_fee"]),
    ("I've taken your message.", ["take_message"]),
    ("It has been taken care of.", ["take_message", "cancel_order", "send_tracking_link", "table_booking", "storno",
                                    "waive_fee"]),
]  # fmt: skip

NOT_CLAIMED = [
    "",
    "Shall I cancel it?",
    "Has it been cancelled?",
    "Is it booked?",
    "I'll cancel it.",
    "I'm cancelling it now.",
    "The order is being cancelled.",
    "I can cancel it for you.",
    "I haven't cancelled it.",
    "I wasn't able to cancel it.",
    "It could not be cancelled.",
    "It can't be booked.",
    "Once it's cancelled, you get a mail.",
    "If it was sent, you will see it.",
    "It will be sent tomorrow.",
    "Let me text you a link.",
    "Nothing was sent.",
    "Your parcel was delivered yesterday.",
    "This call is recorded.",
    "I've checked, and it is in transit.",
    "I've found your order.",
    "I see you cancelled it yourself",
    "I made a mistake.",
    "I've put that badly.",
    "You're all set. Goodbye.",
    "I've noted your number.",
    "Send us a mail.",
    "The booking desk is open.",
]


@pytest.mark.parametrize(("sentence", "names"), CLAIMED)
def test_what_is_claimed(sentence: str, names: list[str]) -> None:
    assert list(claims(sentence, TOOLS)) == names


@pytest.mark.parametrize("sentence", NOT_CLAIMED)
def test_what_is_not(sentence: str) -> None:
    assert find_claims(sentence, TOOLS) == ()


def test_what_no_tool_can_do_is_claimed_all_the_same() -> None:
    (claim,) = find_claims("I've refunded you twelve dollars.", TOOLS)
    assert claim.tools == ()
    assert unproved("I've refunded you twelve dollars.", TOOLS, [Used("cancel_order", True, {"outcome": "cancelled"})])
    assert len(unproved("I've refunded you twelve dollars.", named(find_order), [])) == 1


def test_of_two_tools_for_one_act_the_one_that_is_named() -> None:
    tools = named(cancel_order, cancel_subscription)
    assert claims("I've cancelled your subscription", tools) == ("cancel_subscription",)
    assert claims("I've cancelled both orders", tools) == ("cancel_order",)
    assert set(claims("I've cancelled it", tools)) == {"cancel_order", "cancel_subscription"}


DONE = Used("cancel_order", True, {"outcome": "cancelled"})


@pytest.mark.parametrize(
    ("sentence", "used", "proved"),
    [
        ("I've cancelled it.", [DONE], True),
        ("I've cancelled it.", [], False),
        ("I've cancelled it.", [Used("cancel_order", True, None)], True),
        ("I've cancelled it.", [Used("cancel_order", True, {"outcome": "not_found"})], False),
        ("I've cancelled it.", [Used("cancel_order", True, {"outcome": "already_cancelled"})], False),
        ("I've cancelled it.", [Used("cancel_order", False, {"error": "the tool failed"})], False),
        ("I've cancelled it.", [Used("cancel_order", True, {"outcome": "started"})], False),
        ("I've cancelled it.", [Used("find_order", True, {"status": "cancelled"})], False),
        ("I've cancelled it.", [Used("send_tracking_link", True, {"outcome": "sent"})], False),
        ("I've booked it.", [Used("table_booking", True, {"outcome": "noted"})], True),
        ("It was already cancelled.", [Used("cancel_order", True, {"outcome": "already_cancelled"})], True),
        ("It was cancelled on Monday.", [Used("find_order", True, [{"status": "was Cancelled"}])], True),
        ("The link was sent.", [Used("find_order", True, {"links_sent": 1})], True),
        ("It was cancelled on Monday.", [Used("find_order", True, {"status": "in_transit"})], False),
        ("It was cancelled on Monday.", [], False),
        ("Where is it?", [], True),
        ("Okay, done.", [], False),
        ("Okay, done.", [DONE], True),
    ],
)
def test_what_bears_it_out(sentence: str, used: list[Used], proved: bool) -> None:
    assert (unproved(sentence, TOOLS, used) == ()) is proved


@pytest.mark.parametrize(
    ("verb", "forms"),
    [("cancel", ("canceled", "cancelled")), ("send", ("sent",)), ("notify", ("notified",)), ("move", ("moved",)),
     ("submit", ("submited", "submitted")), ("delay", ("delayed",))],
)  # fmt: skip
def test_past_forms(verb: str, forms: tuple[str, ...]) -> None:
    assert past_forms(verb) == forms
    assert all(verb in done_forms(form) for form in forms)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    names = claims(text, TOOLS)
    assert set(names) <= set(TOOLS)
    assert claims(text + "?", TOOLS) == () or any(stop in text for stop in ".!?;:\n…。！？")


@given(st.sampled_from([sentence for sentence, _ in CLAIMED]), st.sampled_from(["not", "never", "if", "will"]))
def test_with_a_not_or_an_if_before_it_nothing_is_claimed_of_the_clause(sentence: str, word: str) -> None:
    clause = sentence.split(",")[-1]
    assert not claims(f"{word} {clause}", TOOLS)
