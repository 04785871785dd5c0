"""A long conversation within its budget: what stays, what goes, and how seldom what was read before changes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.llm.base import Message, ToolCall, ToolSpec
from agent.llm.context_budget import KEPT_EXCHANGES, NOTES_SHARE, estimate, estimate_tools, within_budget

SYSTEM = Message("system", "Answer the telephone. " * 20)


def exchange(number: int, said: str, tools: int, answer: str) -> list[Message]:
    """What one turn leaves in the history."""
    messages = [Message("user", f"{number}: {said}")]
    for at in range(tools):
        call = ToolCall(f"call-{number}-{at}", "find_order", {"order_number": f"{number:04}"})
        messages += [
            Message("assistant", tool_calls=(call,)),
            Message("tool", f'{{"outcome": "in_transit", "item": "{answer}"}}', tool_call_id=call.id, name=call.name),
        ]
    return [*messages, Message("assistant", answer)]


TURNS = st.lists(
    st.tuples(st.text(max_size=80), st.integers(0, 2), st.text(max_size=200)).map(lambda turn: turn), max_size=60
)
BUDGETS = st.integers(300, 4000)


def conversation(turns: list[tuple[str, int, str]]) -> list[list[Message]]:
    greeting = [[Message("assistant", "Hello, parcel desk.")]]
    return greeting + [exchange(number, *turn) for number, turn in enumerate(turns)]


def flat(exchanges: list[list[Message]]) -> list[Message]:
    return [SYSTEM, *(message for one in exchanges for message in one)]


@settings(max_examples=60, deadline=None)
@given(TURNS, BUDGETS)
def test_what_is_kept(turns: list[tuple[str, int, str]], budget: int) -> None:
    exchanges = conversation(turns)
    whole = flat(exchanges)
    kept = within_budget(whole, budget)
    last = [message for one in exchanges[-KEPT_EXCHANGES:] for message in one]
    assert kept[0] == SYSTEM
    assert list(kept[-len(last) :]) == last
    assert sum(map(estimate, kept)) <= max(budget, sum(map(estimate, [SYSTEM, *last])))
    if sum(map(estimate, whole)) <= budget:
        assert list(kept) == whole
    called = {call.id for message in kept for call in message.tool_calls}
    assert called == {message.tool_call_id for message in kept if message.role == "tool"}
    # What is kept is the end of the conversation, behind at most one message of notes.
    behind = list(kept[1:])
    notes = [message for message in behind if message not in whole]
    assert len(notes) <= 1
    assert behind[len(notes) :] == whole[len(whole) - len(behind) + len(notes) :]
    assert all(message.role == "user" for message in notes)


@settings(max_examples=40, deadline=None)
@given(TURNS, st.integers(1500, 4000))
def test_between_cuts_requests_only_grow(turns: list[tuple[str, int, str]], budget: int) -> None:
    """The same bytes at the beginning of each request, but for a few cuts; each frees a good part of the budget."""
    exchanges = conversation(turns)
    before: list[Message] = []
    cuts = spent = 0
    for count in range(1, len(exchanges) + 1):
        spent += sum(map(estimate, exchanges[count - 1]))
        now = list(within_budget(flat(exchanges[:count]), budget))
        if now[: len(before)] != before:
            cuts += 1
        before = now
    largest = max(sum(map(estimate, one)) for one in exchanges)
    freed = (budget - estimate(SYSTEM)) * 7 // 8 // 2 - KEPT_EXCHANGES * largest
    if freed > 0:
        assert cuts <= spent // freed


def test_within_one_exchange_it_is_stable_too() -> None:
    """A reply asks several times: with each tool's result."""
    messages = flat(conversation([("where is it", 2, "on its way")] * 40))
    for end in range(len(messages) - 5, len(messages)):
        assert within_budget(messages[:end], 1500)[:4] == within_budget(messages, 1500)[:4]


def test_a_call_and_its_result_stay_together_across_a_turn() -> None:
    """A lookup of a turn that was broken off ends in the next one."""
    call = ToolCall("c", "find_order", {})
    middle = [
        Message("user", "where is it"),
        Message("assistant", tool_calls=(call,)),
        Message("user", "hello?"),
        Message("tool", "{}", tool_call_id="c", name="find_order"),
    ]
    messages = [SYSTEM, *[Message("user", "x" * 300)] * 3, *middle, *[Message("user", "y" * 300)] * 2]
    for budget in range(300, 1400, 20):
        kept = within_budget(messages, budget)
        assert any(message.tool_calls for message in kept) == any(message.role == "tool" for message in kept)


def test_what_is_left_out_is_noted() -> None:
    messages = flat(conversation([("where is order 4712", 1, "a coffee grinder")] + [("thanks", 0, "z" * 400)] * 20))
    notes = within_budget(messages, 2400)[1]
    assert notes.role == "user"
    assert "Caller said: 20: thanks" not in notes.content
    assert 'used find_order with {"order_number": "0000"}' in notes.content
    assert 'find_order found: {"outcome": "in_transit"' in notes.content
    assert "You said: zzz" in notes.content
    assert "z" * 200 not in notes.content
    assert estimate(notes) <= 2400 // NOTES_SHARE


def test_a_prompt_beyond_the_budget_leaves_the_last_exchanges() -> None:
    exchanges = conversation([("hello", 0, "yes?")] * 10)
    kept = within_budget(flat(exchanges), 10)
    assert list(kept) == flat(exchanges[-KEPT_EXCHANGES:])
    assert within_budget([], 100) == ()
    assert within_budget([SYSTEM], 100) == (SYSTEM,)


def test_estimates_err_on_the_safe_side() -> None:
    """No tokenizer makes more of plain English than a token for each word and each mark; nor of Chinese than one for
    each character, but for rare ones."""
    assert estimate(Message("user", "Where is my order, number four seven one two?")) >= 11
    assert estimate(Message("user", "你好，我的包裹在哪里？")) >= 11
    assert estimate_tools([ToolSpec("find_order", "Find an order.", {"type": "object", "properties": {}})]) >= 20
