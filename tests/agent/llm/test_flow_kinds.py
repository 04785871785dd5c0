"""A flow that asks for values of every kind: understood, completed, corrected, read back; and each question's Asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.agents import load_agent
from agent.errors import AgentError
from agent.llm.base import LlmRequest, Message, Protected, TextDelta, ToolCall
from agent.llm.flow import FlowEngine
from agent.llm.flow_words import understand
from agent.llm.flowfile import read_flow
from agent.masking import MARK
from agent.slots.base import Asks, asks_of
from tests.agent.llm.test_flow import Talk
from tests.agent.support import make_context

DESK = load_agent("booking-desk", [Path(__file__).parents[1] / "agents"])
ENGINE = FlowEngine(DESK)
FLOW = ENGINE._flow

BOOKING = ["I want to book a table", "may fourth", "twelve dollars and fifty cents", "jane dot doe at gmail dot com"]

#: name -> turns; each turn: what the caller says, and fragments of the reply in their order (!x: must not be in it).
DIALOGUES: dict[str, list[tuple[str, list[str]]]] = {
    "a whole booking": [
        (BOOKING[0], ["For what day?"]),
        (BOOKING[1], ["How much"]),
        (BOOKING[2], ["email address?"]),
        (BOOKING[3], ["spell your last name"]),
        ("d o e", ["at a window?"]),
        (
            "uh-huh",
            ["May fourth, with twelve dollars and fifty cents in advance, for d, o, e, jane dot doe at gmail dot com?"],
        ),
        (
            "yes please",
            [
                "-> book(--05-04, 12.50, jane.doe@gmail.com, doe, True)",
                "Booked for May fourth. At the window: yes.",
                "twenty seven dollars and fifty cents. Your code is d, seven.",
            ],
        ),
        ("nothing", ["Goodbye. -> hang_up()"]),
    ],
    "the day in the first sentence": [("book a table for may fourth twenty twenty six", ["How much"])],
    "a relative day": [("could I book for tomorrow", ["How much"])],
    "an ordinal is no day": [("book my second table", ["For what day?"])],
    "a day in two turns": [
        ("book", ["For what day?"]),
        ("in may", ["I heard in may. Please say the whole date."]),
        ("the fourth", ["How much"]),
    ],
    "a day begun anew": [
        ("book", ["For what day?"]),
        ("may the", ["I heard may the."]),
        ("may fourth", ["How much"]),
    ],
    "an amount in two turns": [
        ("book for tomorrow", ["How much"]),
        ("twelve dollars and", ["I heard twelve dollars and. Please say the whole amount."]),
        ("fifty cents", ["email"]),
    ],
    "an address in two turns": [
        ("book for tomorrow", ["How much"]),
        ("ten dollars", ["email"]),
        ("jane dot doe at", ["I heard jane dot doe at. Please say the whole address."]),
        ("gmail dot com", ["spell"]),
    ],
    "help and a repeat in the middle of an address": [
        ("book for tomorrow", ["How much"]),
        ("help", ["I book tables. How much"]),
        ("ten dollars", ["email"]),
        ("what did you say", ["What is your email address?"]),
        ("info at cancel dot com", ["spell"]),
    ],
    "another wish instead of an address": [
        ("book for tomorrow", ["How much"]),
        ("ten dollars", ["email"]),
        ("cancel it", ["I cancelled it."]),
    ],
    "said besides": [("book", ["For what day?"]), ("may fourth and I want a good seat", ["How much"])],
    "codes": [
        ("the key please", ["code of your room?"]),
        ("a b", ["I heard a, b. Please spell all of it."]),
        ("one two", ["Room a, b, one, two is open."]),
    ],
    "a number of one or two digits": [
        ("number of guests", ["How many are you?"]),
        ("twelve", ["For one two, then."]),
    ],
    "a name and free words": [
        ("I want to leave a message", ["Who may I say"]),
        ("hi, it's Jane Doe", ["What is your message?"]),
        (
            "the order that I wanted to cancel came after all",
            ["-> take_message(Jane Doe, the order that", "Thank you, Jane Doe."],
        ),
    ],
    "no name, no message: other wishes": [
        ("leave a message", ["Who may I say"]),
        ("thank you", ["welcome"]),
        ("leave a message", ["Who may I say"]),
        ("say that again", ["Who may I say"]),
        ("Jane", ["What is your message?"]),
        ("goodbye", ["-> hang_up()"]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
async def test_dialogue(name: str, tmp_path: Path) -> None:
    talk = Talk(DESK, tmp_path)
    for line, fragments in DIALOGUES[name]:
        reply = await talk.say(line)
        at = 0
        for fragment in fragments:
            assert fragment in reply[at:], (line, reply)
            at = reply.index(fragment, at) + len(fragment)


#: What is said to "Shall I book ... for May fourth, with twelve dollars and fifty cents ...?", and what comes of it.
CORRECTED = [
    ("no, the fifth of may", "Shall I book a table for May fifth, with twelve dollars"),
    ("no, fifteen dollars", "for May fourth, with fifteen dollars in advance"),
    ("jane dot smith at gmail dot com", "jane dot smith at gmail dot com?"),
    ("yes, on may fourth", "-> book(--05-04, 12.50, jane.doe@gmail.com, doe, False)"),
    ("no", "All right, I did not book it."),
    ("no, not on the second", "All right, I did not book it."),
]


@pytest.mark.parametrize(("said", "reply"), CORRECTED)
async def test_what_was_read_back_can_be_corrected(said: str, reply: str, tmp_path: Path) -> None:
    talk = Talk(DESK, tmp_path)
    for line in (*BOOKING, "d o e", "no"):
        await talk.say(line)
    assert reply in await talk.say(said)


#: asked, what was heard before, said -> value, part
VALUES = [
    ("guests", "", "three and my table is late", "3", ""),
    ("room", "", "a b one two and I am late", "ab12", ""),
    ("room", "ab", "a b one two", "ab12", ""),
    ("room", "ab", "c", "", "abc"),
    ("room", "ab", "a b", "", "ab"),
    ("room", "a", "a b c", "", "abc"),
    ("room", "abc", "c a b d", "cabd", ""),
    ("room", "ab", "what do you mean", "", ""),
    ("day", "march the", "fourth of", "", "march the fourth of"),
    ("day", "", "may", "", "may"),
    ("day", "may", "no june third", "--06-03", ""),
    ("day", "", "may and I do not know", "", ""),
    ("deposit", "a hundred and", "twenty dollars", "120.00", ""),
    ("deposit", "a hundred and", "a hundred and twenty dollars", "120.00", ""),
    ("email", "jane dot doe", "jane dot doe at gmail dot com", "jane.doe@gmail.com", ""),
    ("email", "", "jane dot " * 30, "", ""),
    ("message", "", "…", "", ""),
    ("message", "", "hold on, let me think", "", ""),
    ("caller", "", "doctor", "", "doctor"),
    ("caller", "", "thank you, Jane Doe", "Jane Doe", ""),
    ("caller", "doctor", "Jane Doe", "Doctor Jane Doe", ""),
]


@pytest.mark.parametrize(("asked", "before", "said", "value", "part"), VALUES)
def test_a_value_that_was_asked_for(asked: str, before: str, said: str, value: str, part: str) -> None:
    understood = understand(FLOW, said, asked, before=before)
    assert (understood.values.get(asked, ""), understood.partial) == (value, part)
    assert understood.partial_slot == (asked if part else "")


def test_a_sensitive_value_is_not_taken_unasked() -> None:
    assert understand(FLOW, "I am a member, born on may fourth nineteen eighty").values == {}
    assert understand(FLOW, "book it for may fourth").values == {"day": "--05-04"}


#: What was said to the sensitive questions, as a journal has it.
LOST = (
    "I am a member",
    "When were you born?",
    MARK,
    "What is your private address?",
    MARK,
    "Your mother's name?",
    MARK,
)


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ((), "When were you born?"),
        (("You were born on the fourth, is that right?", "yes"), "When were you born?"),
        (("When were you born?", "may fourth nineteen eighty"), "What is your private address?"),
        (("You were born on", "no"), "All right."),
    ],
)
async def test_a_value_that_was_lost_is_asked_for_again(said: tuple[str, ...], reply: str) -> None:
    events = await asks(*LOST, *said)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert text == reply
    assert not any(isinstance(event, ToolCall) for event in events)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(f"jane dot at gmail com may fourth twelve dollars and a b one • no yes {MARK}".split())
             | st.text(max_size=20), max_size=12),
    st.sampled_from(["", *FLOW.slots]),
    st.sampled_from(["", "four", "may", "jane dot doe at", "{}", MARK]),
)  # fmt: skip
def test_whatever_is_said_gives_values_of_their_kind(said: list[str], asked: str, before: str) -> None:
    understood = understand(FLOW, " ".join(said), asked, before=before, confirming=() if asked else ("day", "deposit"))
    for name, value in understood.values.items():
        assert isinstance(value, bool) is (FLOW.slots[name].kind == "yes_no")
        assert value != ""
    assert bool(understood.partial) is bool(understood.partial_slot)
    assert understood.partial_slot not in understood.values


async def asks(*said: str) -> list[object]:
    """What an answer begins with, after these texts of caller and agent in turn."""
    messages = tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(said))
    return [event async for event in ENGINE.stream(LlmRequest(messages), make_context(1))]


ASKED = [
    (["book"], Asks("day", "date")),
    (["number of guests"], Asks("guests", "digits", length=1, longest=2)),
    (["the key"], Asks("room", "spelled", length=4)),
    (["the key", "What is the code of your room?", "a b"], Asks("room", "spelled", length=4, before="ab")),
    (["leave a message"], Asks("caller", "name")),
    (["I'm a member"], Asks("born", "date", sensitive=True)),
    (["thanks"], Asks(kind="yes_no")),
    (["thanks", "You're welcome. Is there anything else?", "no"], Asks()),
    (["pay it", "How much?", "ten dollars"], Asks(kind="yes_no")),
    (["pay it", "How much?", "ten dollars", "Do you agree to pay ten dollars?", "yes"], Asks()),
    (["cancel"], Asks()),
]


@pytest.mark.parametrize(("said", "expected"), ASKED)
async def test_every_question_says_what_it_asks(said: Sequence[str], expected: Asks) -> None:
    events = await asks(*said)
    assert [event for event in events if isinstance(event, Asks)] == [expected]
    assert events[0] == expected


PROTECTED = [
    (["terms"], True),
    (["pay it", "How much?", "ten dollars"], True),
    (["pay it", "How much?", "ten dollars", "Do you agree to pay ten dollars?", "yes"], True),
    (["cancel"], False),
    (["book"], False),
]


@pytest.mark.parametrize(("said", "protected"), PROTECTED)
async def test_what_cannot_be_interrupted_says_so_before_its_text(said: Sequence[str], protected: bool) -> None:
    events = await asks(*said)
    assert (Protected() in events) is protected
    if protected:
        assert events[1] == Protected()


@pytest.mark.parametrize(
    "said", [Asks(), *(slot.asks for slot in FLOW.slots.values()), Asks("card", "yes_no", True, hides="digits")]
)
def test_what_was_asked_can_be_read_from_the_journal(said: Asks) -> None:
    assert asks_of(said.fields()) == said


def test_what_the_flow_may_ask_is_known_beforehand() -> None:
    assert set(DESK.asks) >= {Asks(kind="date"), Asks(kind="digits", length=1, longest=2), Asks(kind="yes_no")}
    assert len(DESK.asks) == len(set(DESK.asks))


FLOW_TEXT = """
[slots.value]
{slot}
[intents.take]
heard = ["take it"]
needs = ["value"]
reply = {reply}
"""
ASK = 'ask = "Which?"'
MISTAKES = [
    (f'kind = "dates"\n{ASK}', '"x"', 3, "did you mean 'date'?"),
    (f'kind = "date"\nlength = 4\n{ASK}', '"x"', 4, "a value of kind 'date' has no length"),
    (f'kind = "name"\n{ASK}\nlongest = 4', '"x"', 5, "a value of kind 'name' has no longest"),
    (f'kind = "digits"\n{ASK}\nlongest = 4', '"x"', 5, "longest is 4, and length 4"),
    (f'kind = "digits"\n{ASK}\nlength = 3\nlongest = 2', '"x"', 6, "longest is 2, and length 3"),
    (f'kind = "digits"\n{ASK}\nlongest = 30', '"x"', 5, "write a whole number from 1 to 20"),
    (f'kind = "spelled"\n{ASK}\nlongest = 6', '"x"', 5, "longest goes with length"),
    (f'kind = "date"\n{ASK}\nstarts = "take"', '"x"', 5, "known only where it was asked for"),
    (f'kind = "free"\n{ASK}\nincomplete = "More?"', '"x"', 5, "never comes in part"),
    (f'kind = "date"\n{ASK}', '"{value:dat}"', 8, "unknown formatter :dat; did you mean 'date'?"),
    (f'kind = "date"\n{ASK}', '{ say = "x", protected = "yes" }', 8, "must be true or false"),
]


@pytest.mark.parametrize(("slot", "reply", "line", "advice"), MISTAKES)
def test_mistakes_about_kinds(slot: str, reply: str, line: int, advice: str, tmp_path: Path) -> None:
    file = tmp_path / "flow.toml"
    file.write_text(FLOW_TEXT.format(slot=slot, reply=reply))
    with pytest.raises(AgentError) as told:
        read_flow(file, None)
    (mistake,) = str(told.value).splitlines()
    assert mistake.startswith(f"{file}:{line}: ")
    assert advice in mistake
