"""The flow engine: whole dialogues as tables, questions that count only when heard, mistakes in flow.toml by line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.agents import load_agent
from agent.context import LiveContext
from agent.errors import AgentError
from agent.llm.base import LlmRequest, Message, TextDelta, ToolCall
from agent.llm.flow import FlowEngine
from agent.llm.flowfile import read_flow
from agent.tools.base import ToolContext
from agent.tools.confirmation import Confirmation
from agent.tools.registry import ToolRegistry

PARCELS = load_agent("parcel-desk")
BAKERY = load_agent("opening-hours", [Path(__file__).parents[1] / "agents"])


class Talk:
    """A conversation with an agent's flow, with its real tools: what the dialogue does, without audio."""

    def __init__(self, agent: Any, folder: Path, caller: str = "+15550142", transfer_to: str = "+15550100") -> None:
        self.engine = FlowEngine(agent)
        self.ctx = LiveContext(ThreadPoolExecutor(1), seed=1)
        self.tools = ToolRegistry(agent.tools)
        self.tool_ctx = ToolContext("call-1", caller, folder, transfer_to, self.ctx)
        self.messages: list[Message] = [Message("assistant", agent.phrases.greeting)]
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.turn = 0
        self.asked = (agent.phrases.greeting, True)  # what was said last, and whether it was heard

    async def complete(self) -> tuple[str, list[ToolCall]]:
        events = [e async for e in self.engine.stream(LlmRequest(tuple(self.messages)), self.ctx)]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        return text, [event for event in events if isinstance(event, ToolCall)]

    async def say(self, text: str, heard_words: int | None = None) -> str:
        """One turn; of the reply, the caller hears `heard_words`. Gives the reply, and "-> tool(value)" for calls."""
        self.turn += 1
        confirmation = Confirmation(*self.asked, text)
        self.messages.append(Message("user", text))
        reply: list[str] = []
        while True:
            said, calls = await self.complete()
            if said:
                reply.append(said)
                heard = said if heard_words is None else " ".join(said.split()[:heard_words])
                self.messages.append(Message("assistant", heard))
                self.asked = (said, heard == said)
            if not calls:
                return " ".join(reply)
            for call in calls:
                self.calls.append((call.name, call.arguments))
                reply.append(f"-> {call.name}({', '.join(map(str, call.arguments.values()))})")
                outcome = await self.tools.run(call, self.tool_ctx, confirmation=confirmation, turn=self.turn)
                self.messages.append(Message("assistant", tool_calls=(call,)))
                content = json.dumps(outcome.result)
                self.messages.append(Message("tool", content, tool_call_id=call.id, name=call.name))


#: name -> turns; each turn: what the caller says, and fragments of the reply in their order (!x: must not be in it).
DIALOGUES: dict[str, list[tuple[str, list[str]]]] = {
    "asked for the number": [
        ("Hello, where is my parcel?", ["What is your order number?", "!->"]),
        (
            "Four seven one two.",
            ["-> find_order(4712)", "Order four, seven, one, two is on its way", "tomorrow", "link?"],
        ),
        ("Yes, please.", ["-> send_tracking_link(4712)", "to your phone", "anything else?"]),
        ("That's all, thank you.", ["Goodbye.", "-> hang_up()"]),
    ],
    "number at once": [("where is my order four seven one three", ["-> find_order(4713)", "out for delivery"])],
    "only the number": [("4713", ["-> find_order(4713)"])],
    "wish and number in pieces": [
        ("track my order", ["order number?"]),
        ("it's forty seven", ["I heard four, seven.", "four digits", "!->"]),
        ("twelve", ["-> find_order(4712)"]),
    ],
    "incomplete, then whole": [
        ("where is order four seven one", ["I heard four, seven, one."]),
        ("four seven one two", ["-> find_order(4712)"]),
    ],
    "correction": [
        ("where is order four seven one two", ["-> find_order(4712)"]),
        ("no, four seven one three", ["-> find_order(4713)", "out for delivery"]),
        ("four seven one two, no, nine oh three eight", ["-> find_order(9038)", "post office"]),
    ],
    "said twice": [("four seven one two four seven one two", ["-> find_order(4712)"])],
    "not found": [
        ("where is my parcel", ["number?"]),
        ("nine nine nine nine", ["-> find_order(9999)", "can't find order nine, nine, nine, nine"]),
        ("four seven one two", ["-> find_order(4712)", "on its way"]),
    ],
    "cancel, confirmed": [
        ("I want to cancel my order", ["order number?"]),
        ("eight eight five one", ["Shall I really cancel order eight, eight, five, one?", "!->"]),
        ("yes, cancel it", ["-> cancel_order(8851)", "is cancelled", "!yes first"]),
        ("where is it", ["-> find_order(8851)", "was cancelled"]),
    ],
    "cancel, declined": [
        ("cancel order four seven one two", ["Shall I really cancel", "!->"]),
        ("no, don't cancel it", ["left it as it is", "!->"]),
        ("yes", ["!->"]),
    ],
    "cancel, other number at the question": [
        ("cancel order four seven one two", ["four, seven, one, two?"]),
        ("no four seven one three", ["Shall I really cancel order four, seven, one, three?", "!->"]),
        ("yes three three oh seven", ["Shall I really cancel order three, three, zero, seven?", "!->"]),
    ],
    "cancel what was just found": [
        ("where is order four seven one two", ["on its way"]),
        ("cancel it please", ["Shall I really cancel order four, seven, one, two?", "!->"]),
        ("okay, where is it", ["-> find_order(4712)"]),
        ("yes", ["!cancel_order"]),
    ],
    "cannot cancel": [
        ("cancel order one two three four", ["Shall I"]),
        ("yes", ["-> cancel_order(1234)", "already delivered"]),
    ],
    "another order": [
        ("where is order four seven one two", ["on its way"]),
        ("where is another order", ["What is your order number?", "!->"]),
    ],
    "in the middle: help, repeat, hello": [
        ("cancel my order", ["number?"]),
        ("help", ["text you a tracking link", "What is your order number?"]),
        ("say that again please", ["What is your order number?"]),
        ("hello", ["Hello.", "What is your order number?"]),
        ("nine oh three eight", ["Shall I really cancel order nine, zero, three, eight?"]),
        ("could you repeat that", ["Shall I really cancel order nine, zero, three, eight?"]),
        ("yes", ["-> cancel_order(9038)"]),
    ],
    "not understood": [
        ("blah blah", ["Sorry", "What can I do for you?"]),
        ("blah", ["for example"]),
        ("blah", ["person?"]),
        ("yes please", ["One moment.", "-> transfer_to_person()", "putting you through"]),
    ],
    "misses are counted in a row": [
        ("blah", ["Sorry"]),
        ("where is my parcel", ["number?"]),
        ("blah", ["Sorry, I did not catch that.", "order number?"]),
    ],
    "too few digits three times": [
        ("where is my parcel", ["number?"]),
        ("seven one one", ["I heard seven, one, one"]),
        ("one one", ["I heard one, one"]),
        ("seven seven seven", ["person?"]),
    ],
    "bare yes and empty text": [("yes", ["Sorry", "!->"]), ("", ["for example", "!->"])],
    "thanks and no more": [
        ("thank you", ["welcome", "anything else?"]),
        ("no thanks", ["Goodbye.", "-> hang_up()"]),
    ],
    "politeness around the wish": [
        ("hello, where is my parcel, thank you", ["number?"]),
        ("thank you, goodbye", ["Goodbye.", "-> hang_up()"]),
    ],
    "no thanks to the link": [("4712", ["link?"]), ("no, thank you", ["anything else?", "!->"])],
    "no number at hand": [
        ("where is my parcel", ["number?"]),
        ("I don't have the number", ["in the message", "person?"]),
        ("no", ["What can I do"]),
    ],
    "one moment is no number": [
        ("where is my parcel", ["number?"]),
        ("one moment please", ["Take your time.", "!heard"]),
    ],
    "delayed": [("2290", ["-> find_order(2290)", "delayed"])],
    "delivered": [("1234", ["was delivered yesterday", "front door"])],
}


@pytest.mark.parametrize("name", DIALOGUES)
async def test_dialogue(name: str, tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    for line, fragments in DIALOGUES[name]:
        reply = await talk.say(line)
        at = 0
        for fragment in fragments:
            if fragment.startswith("!"):
                assert fragment[1:] not in reply, (line, reply)
            else:
                assert fragment in reply[at:], (line, reply)
                at = reply.index(fragment, at) + len(fragment)


async def test_a_second_agent_is_a_second_folder(tmp_path: Path) -> None:
    talk = Talk(BAKERY, tmp_path)
    assert "seven to six" in await talk.say("When do you open tomorrow?")
    assert await talk.say("thanks, bye") == "Goodbye. -> hang_up()"


async def test_no_person_to_hand_over_to(tmp_path: Path) -> None:
    assert "no one is free" in await Talk(PARCELS, tmp_path, transfer_to="").say("operator")


async def test_withheld_number(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path, caller="")
    await talk.say("4712")
    assert "can't see your number" in await talk.say("yes")


async def test_a_yes_before_the_question_was_heard_confirms_nothing(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    assert "Shall I really" in await talk.say("cancel order four seven one two", heard_words=3)
    assert await talk.say("yes") == "Shall I really cancel order four, seven, one, two?"
    assert "-> cancel_order(4712)" in await talk.say("yes")


async def test_an_offer_not_heard_is_made_again(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    await talk.say("4712", heard_words=4)
    assert await talk.say("yes") == "Shall I text you a tracking link?"


async def test_a_turn_cut_off_before_its_tool_ran_can_be_repeated(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    await talk.say("cancel 4712")
    talk.messages.append(Message("user", "yes"))  # and nothing came of it
    assert "-> cancel_order(4712)" in await talk.say("yes")


async def test_the_history_alone_carries_the_state(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    await talk.say("cancel my order")
    await talk.say("four seven one two")
    after_crash = Talk(PARCELS, tmp_path)
    after_crash.messages = talk.messages
    assert "-> cancel_order(4712)" in await after_crash.say("yes")


async def test_a_failing_tool_is_told(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    call = ToolCall("1", "find_order", {"order_number": "4712"})
    talk.messages += [Message("user", "4712"), Message("assistant", tool_calls=(call,))]
    for content in ('{"error": "boom"}', "not json", '{"outcome": "in_transit"}'):
        messages = [*talk.messages, Message("tool", content, tool_call_id="1", name="find_order")]
        events = [e async for e in talk.engine.stream(LlmRequest(tuple(messages)), talk.ctx)]
        text = "".join(e.text for e in events if isinstance(e, TextDelta))
        # The last one lacks the field {day}: better to say so than to say half a sentence.
        assert text.startswith("I'm sorry, I can't look that up"), content


async def test_words_are_streamed_one_by_one(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    request = LlmRequest((Message("user", "help"),))
    pieces = [e.text async for e in talk.engine.stream(request, talk.ctx) if isinstance(e, TextDelta)]
    assert pieces[:3] == ["I ", "can ", "tell "]


@pytest.mark.parametrize("junk", ["x" * 10_000, "where " * 2000, "one " * 2500, "\u0000\ufdfa" * 5000, "{}[]%s" * 1700])
async def test_hostile_text_takes_bounded_time(junk: str, tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    began = time.perf_counter()
    async with asyncio.timeout(5):
        assert await talk.say(junk)
    assert time.perf_counter() - began < 1.0


FLOW = """
[flow]
question = "What?"

[slots.number]
kind = "digits"
ask = "Which number?"
{slot}
[intents.find]
heard = ["find it"]
needs = ["number"]
{intent}
[offers.more]
ask = "More?"
yes_say = "Go on."
{offer}
"""
FIND = 'tool = "find_order"\narguments = { order_number = "number" }\n'
NO = 'no_say = "Fine."'

MISTAKES = [
    ("", 'tool = "find_ordr"', NO, "12", "there is no tool 'find_ordr' in tools.py; did you mean 'find_order'?"),
    ("", 'tool = "find_order"', NO, "12", "must be given 'order_number'"),
    ("lenght = 4\n", FIND, NO, "8", "did you mean 'length'?"),
    ('sensitive = "yes"\n', FIND, NO, "8", "slots.number.sensitive must be true or false"),
    ("length = 40\n", FIND, NO, "8", "write a whole number from 1 to 20"),
    ("kind_ = 1\n", FIND, NO, "8", "unknown key"),
    ('starts = "fnd"\n', FIND, NO, "8", "there is no intent 'fnd'; did you mean 'find'?"),
    ("", FIND + "[intents.find.replies]\nok = { say = \"{x:digit}\" }", NO, "15", "did you mean 'digits'?"),
    ("", FIND + "[intents.find.replies]\nok = { say = \"{x\" }", NO, "15", "stray brace"),
    ("", FIND + "[intents.find.replies]\nok = { say = \"x\", offer = \"mor\" }", NO, "15", "did you mean 'more'?"),
    ("", "", NO, "9", "does nothing"),
    ("", FIND, "", "15", 'no_say = "…"'),
    ("", 'tool = "cancel_order"\narguments = { order_number = "number" }\n', NO, "12", "is irreversible; add confirm"),
    ("", FIND + "confirm = \"Really {nmber}?\"\ndeclined = \"Ok.\"", NO, "14", "did you mean 'number'?"),
]  # fmt: skip


@pytest.mark.parametrize(("slot", "intent", "offer", "line", "advice"), MISTAKES)
def test_mistakes_in_flow_toml(slot: str, intent: str, offer: str, line: str, advice: str, tmp_path: Path) -> None:
    file = tmp_path / "flow.toml"
    file.write_text(FLOW.format(slot=slot, intent=intent, offer=offer))
    with pytest.raises(AgentError) as told:
        read_flow(file, PARCELS.tools)
    lines = [each for each in str(told.value).splitlines() if advice in each]
    assert lines, told.value
    assert lines[0].startswith(f"{file}:{line}:"), lines


def test_unknown_option() -> None:
    with pytest.raises(AgentError, match="does not know model"):
        FlowEngine(PARCELS, model="x")
