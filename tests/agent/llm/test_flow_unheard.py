"""What a yes, a no or anything else means before the question was heard, and after: a table of all that can be asked.

An assistant message holds what was HEARD. Nobody is hung up on for a "no" said into an answer, nor agrees to anything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.llm.base import Message
from agent.llm.flow_state import Action, fold
from agent.llm.flowfile import read_flow
from tests.agent.llm.test_flow import PARCELS, Talk

DESK = """
[flow]
question = "What else?"
[not_understood]
first = "Pardon me."
[slots.number]
kind = "digits"
ask = "What is your order number?"
[slots.gift]
kind = "yes_no"
ask = "Is it a gift for somebody?"
[slots.matter]
kind = "free"
ask = "What is it all about?"
[intents.find]
heard = ["find it"]
reply = { say = "Your parcel is there today, so look at the door.", offer = "more" }
[intents.link]
heard = ["tell me"]
reply = { say = "It comes by the last van today.", offer = "link" }
[intents.send]
heard = ["send it"]
reply = "Sent."
[intents.short]
heard = ["short one"]
reply = { say = "It is there.", offer = "short" }
[intents.cancel]
heard = ["cancel it"]
tool = "cancel"
confirm = "Shall I really cancel the whole order?"
declined = "I left it."
[intents.track]
heard = ["track it"]
needs = ["number"]
reply = "Tracked."
[intents.wrap]
heard = ["wrap it"]
needs = ["gift"]
reply = "Gift: {gift}."
[intents.write]
heard = ["write it"]
needs = ["matter"]
reply = "Noted: {matter}."
[intents.help]
heard = ["help"]
reply = "I can do a few things for you."
resume = true
[intents.again]
heard = ["say it again"]
repeat = true
[intents.bye]
heard = ["goodbye"]
first = "Goodbye."
tool = "hang_up"
[offers.more]
ask = "Is there anything else?"
yes_say = "Go on."
no = "bye"
[offers.link]
ask = "Shall I send you a link?"
yes = "send"
no_say = "No link then."
[offers.short]
ask = "More?"
yes_say = "Go on."
no = "bye"
"""


def folded(tmp_path: Path, *said: str) -> Action:
    """What follows these turns: the caller's and what was heard of the agent, by turns."""
    file = tmp_path / "flow.toml"
    file.write_text(DESK)
    flow = replace(read_flow(file, None), patience="Take your time.")
    messages = [Message("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(said)]
    return fold(flow, [message for message in messages if message.content])[1]


FIND = "Your parcel is there today, so look at the door."
VAN = "It comes by the last van today."
CONFIRM = "Shall I really cancel the whole order?"
MISSED = "Pardon me. "

#: wish, heard of the reply: what a yes, a no and other words then lead to (what is said, and "->" the tool).
TABLE = [
    # An offer whose no hangs up. "Is there" must be heard in the offer itself, not in the answer before it.
    ("find it", FIND[:14], "Is there anything else?", "What else?", MISSED + "Is there anything else?"),
    ("find it", FIND[:21], "Is there anything else?", "What else?", MISSED + "Is there anything else?"),
    ("find it", FIND, "Is there anything else?", "What else?", MISSED + "Is there anything else?"),
    ("find it", f"{FIND} Is there", "Go on.", "Goodbye. -> hang_up", MISSED + "Is there anything else?"),
    ("find it", f"{FIND} Is there anything else?", "Go on.", "Goodbye. -> hang_up", MISSED + "Is there anything else?"),
    # Of one word.
    ("short one", "It is there.", "More?", "What else?", MISSED + "More?"),
    ("short one", "It is there. More?", "Go on.", "Goodbye. -> hang_up", MISSED + "More?"),
    # An offer that was begun is made again.
    ("tell me", VAN, "Shall I send you a link?", "What else?", MISSED + "Shall I send you a link?"),
    (
        "tell me",
        f"{VAN} Shall I",
        "Shall I send you a link?",
        "Shall I send you a link?",
        MISSED + "Shall I send you a link?",
    ),
    ("tell me", f"{VAN} Shall I send you", "Sent.", "No link then.", MISSED + "Shall I send you a link?"),
    # What would be done at a yes: a no at its beginning is a no.
    ("cancel it", "Shall", CONFIRM, "What else?", MISSED + CONFIRM),
    ("cancel it", "Shall I really cancel", CONFIRM, "I left it.", MISSED + CONFIRM),
    ("cancel it", CONFIRM, " -> cancel", "I left it.", MISSED + CONFIRM),
    # Slots: a number speaks for itself; a yes or a no does not.
    ("track it", "What", *["What is your order number?"] * 2, MISSED + "What is your order number?"),
    ("track it", "What is your order number?", *[MISSED + "What is your order number?"] * 3),
    ("wrap it", "Is", *["Is it a gift for somebody?"] * 2, MISSED + "Is it a gift for somebody?"),
    ("wrap it", "Is it a gift", "Gift: yes.", "Gift: no.", MISSED + "Is it a gift for somebody?"),
    ("write it", "What", *["What is it all about?"] * 2, "Noted: lorem ipsum."),
    ("write it", "What is it all", "Noted: yes.", "Noted: no.", "Noted: lorem ipsum."),
]


@pytest.mark.parametrize(("wish", "heard", "yes", "no", "other"), TABLE)
def test_heard_and_not_heard(wish: str, heard: str, yes: str, no: str, other: str, tmp_path: Path) -> None:
    for said, follows in (("yes", yes), ("no", no), ("lorem ipsum", other)):
        action = folded(tmp_path, wish, heard, said)
        assert action.say + (f" -> {action.tool}" if action.tool else "") == follows, said


def test_a_number_is_taken_before_its_question_was_heard(tmp_path: Path) -> None:
    assert folded(tmp_path, "track it", "What", "four seven one two").say == "Tracked."


def test_a_wish_of_its_own_is_carried_out_before_the_offer_was_heard(tmp_path: Path) -> None:
    assert folded(tmp_path, "find it", "Your parcel", "no, goodbye").tool == "hang_up"
    assert folded(tmp_path, "tell me", "It comes", "no, don't send it").say == "What else?"


def test_who_is_asked_again_and_speaks_before_that_is_not_hung_up_on(tmp_path: Path) -> None:
    """The offer was heard a turn before; a no to it is likely, but not sure: it is made again."""
    asked = ("find it", f"{FIND} Is there anything else?")
    for between, heard in (("lorem", "Pardon"), ("help", "I can do")):
        assert folded(tmp_path, *asked, between, heard, "no").say == "Is there anything else?"
    action = folded(tmp_path, *asked, "help", "I can do a few things for you. Is there anything", "no")
    assert action.tool == "hang_up"
    confirm = ("cancel it", CONFIRM, "lorem", "Pardon", "no")
    assert folded(tmp_path, *confirm).say == "I left it."


def test_what_was_asked_for_is_forgotten_with_a_no_that_nobody_asked_for(tmp_path: Path) -> None:
    assert folded(tmp_path, "find it", "Your parcel", "no", "What else?", "yes").say == "Pardon me. What else?"


async def test_a_no_into_the_answer_hangs_up_on_nobody(tmp_path: Path) -> None:
    """Four keys, and a no two seconds into what they found."""
    talk = Talk(PARCELS, tmp_path)
    assert "Is there anything else?" in await talk.say("1234", heard_words=4)
    assert await talk.say("no") == "What can I do for you?"
    assert "-> find_order(4712)" in await talk.say("four seven one two")


# --- who asks for patience --------------------------------------------------------------------------------------------

WAITING = ["hold on", "one moment", "let me look", "okay hang on", "wait", "yes, one moment", "uh hello, just a second"]
ASKED = [
    ("track it", "What is your order number?", "four seven one two", "Tracked."),
    ("wrap it", "Is it a gift for somebody?", "no", "Gift: no."),
    ("write it", "What is it all about?", "a bill", "Noted: a bill."),
    ("cancel it", CONFIRM, "no", "I left it."),
    ("find it", f"{FIND} Is there anything else?", "yes", "Go on."),
    ("send it", "Sent.", "find it", f"{FIND} Is there anything else?"),
]


@pytest.mark.parametrize("waiting", WAITING)
@pytest.mark.parametrize(("wish", "asked", "answer", "follows"), ASKED)
def test_who_asks_for_patience_gets_it(
    wish: str, asked: str, answer: str, follows: str, waiting: str, tmp_path: Path
) -> None:
    """However often: nothing counts as not understood, and what was asked is still being asked."""
    waits = (waiting, "Take your time.") * 4
    action = folded(tmp_path, wish, asked, *waits[:-1])
    assert (action.say, action.tool) == ("Take your time.", "")
    assert folded(tmp_path, wish, asked, *waits, answer).say == follows
    if answer != "a bill":
        assert folded(tmp_path, wish, asked, *waits, "lorem").say.startswith(MISSED)


def test_a_repeat_is_of_what_was_said_before(tmp_path: Path) -> None:
    said = ("track it", "What is your order number?", "hold on", "Take your time.", "say it again")
    assert folded(tmp_path, *said).say == "What is your order number?"


def test_a_part_that_was_heard_is_kept_while_the_caller_looks(tmp_path: Path) -> None:
    heard = "I heard four, seven. Please say the whole number."
    said = ("track it", "What is your order number?", "four seven", heard, "hold on", "Take your time.", "one two")
    assert folded(tmp_path, *said).say == "Tracked."


@pytest.mark.parametrize("muttered", ["I see", "you know", "oh, I see"])
def test_what_is_only_muttered_asks_for_nothing(muttered: str, tmp_path: Path) -> None:
    asked = f"{FIND} Is there anything else?"
    assert folded(tmp_path, "find it", asked, muttered).say == "Pardon me. Is there anything else?"
    assert folded(tmp_path, "track it", "What is your order number?", muttered).say == "Take your time."


async def test_the_parcel_desk_waits(tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    assert await talk.say("hold on") == PARCELS.phrases.take_your_time
    await talk.say("where is my parcel")
    for line in ("hold on", "let me look", "one moment", "one moment please"):
        assert await talk.say(line) == "Take your time."
    assert "-> find_order(4712)" in await talk.say("four seven one two")


def test_the_phrase_is_in_memory() -> None:
    assert PARCELS.phrases.take_your_time in PARCELS.fixed_phrases
