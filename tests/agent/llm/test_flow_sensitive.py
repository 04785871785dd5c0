"""Sensitive slots in the flow engine: what it says it asks for, and how it goes on once a value was masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.agents import load_agent
from agent.llm.base import LlmRequest, Message, ToolCall
from agent.llm.flow import FlowEngine
from agent.llm.flow_state import fold
from agent.masking import MARK
from agent.slots.base import Asks
from tests.agent.support import make_context

DESK = load_agent("card-desk", [Path(__file__).parents[1] / "agents"])
ENGINE = FlowEngine(DESK)
FLOW = ENGINE._flow
CARD = "4111222233334444"
ASK = "What is the number of your card?"
CONFIRM_ALOUD = "Shall I charge card four, one, one, one, and so on?"
CONFIRM = f"Shall I charge card {', '.join(MARK * 16)}?"


def conversation(*texts: str) -> tuple[Message, ...]:
    """The caller's and the agent's texts in turn, the caller's first; "!…" is a charge's result."""
    messages: list[Message] = []
    for at, text in enumerate(texts):
        if text.startswith("!"):
            messages.append(Message("assistant", tool_calls=(ToolCall("c1", "charge", {"card": MARK}),)))
            messages.append(Message("tool", text[1:], tool_call_id="c1", name="charge"))
        else:
            messages.append(Message("assistant" if at % 2 else "user", text))
    return tuple(messages)


ASKED = [
    (("I want to pay",), Asks("card", "digits", sensitive=True, length=16)),
    (("I want to pay", ASK, "four one"), Asks("card", "digits", sensitive=True, length=16, before="41")),
    (("I want to pay", ASK, "what"), Asks("card", "digits", sensitive=True, length=16)),
    (("I want to pay", ASK, CARD), Asks("card", "yes_no", sensitive=True, hides="digits")),  # to be confirmed
    (("I want to pay", ASK, CARD, CONFIRM_ALOUD, "yes"), Asks("card", "yes_no", sensitive=True, hides="digits")),
    (("health",), Asks("consent", "yes_no", sensitive=True)),
    (("invoice",), Asks("invoice", "digits", length=5)),
    (("goodbye",), Asks()),
    (("I want to pay", ASK, CARD, "Shall I charge card four?", "no"), Asks()),
]


@pytest.mark.parametrize(("said", "asks"), ASKED)
async def test_the_reply_begins_with_what_it_asks_for(said: tuple[str, ...], asks: Asks) -> None:
    events = [event async for event in ENGINE.stream(LlmRequest(conversation(*said)), make_context(1))]
    assert events[0] == asks
    assert events.count(asks) == 1


#: What was said as the journal has it, and how the next reply begins.
MASKED = [
    (("I want to pay", ASK, "• • • •"), ASK),
    (("I want to pay", ASK, "it is •, thanks", CONFIRM, "yes"), ASK),
    (("I want to pay with •",), ASK),
    (("I want to pay", ASK, "•", CONFIRM, "no"), "All right, I did not charge it."),
    (("I want to pay", ASK, "•", CONFIRM, "no, it is •"), ASK),
    (("I want to pay", ASK, "•", CONFIRM, "yes", '!{"outcome": "charged", "receipt": "•"}'), "Done. I charged card"),
    (("I want to pay", ASK, "•", CONFIRM, "yes", '!{"outcome": "refused"}'), "That card was refused."),
    (("health", "Have you ever been ill?", "•"), "Have you ever been ill?"),
    (("•",), "Sorry"),
    # Asked anew after the break:
    (("I want to pay", ASK, "•", CONFIRM, "yes", ASK, CARD), "Shall I charge card four, one,"),
    (("I want to pay with •", ASK, "four one one one"), "I heard four, one, one, one."),
    (("which card", ASK, "•", ASK, CARD), "Your card is four, one,"),
    (("health", "Have you ever been ill?", "•", "Have you ever been ill?", "yes"), "note(True)"),
]


@pytest.mark.parametrize(("said", "reply"), MASKED)
def test_a_masked_value_is_never_used_but_asked_for_again(said: tuple[str, ...], reply: str) -> None:
    takes = {name: set(tool.parameters.get("properties", {})) for name, tool in DESK.tools.items()}
    _, action = fold(FLOW, conversation(*said), takes)
    assert MARK not in action.say
    assert MARK not in str(action.arguments)
    told = action.say or f"{action.tool}({', '.join(map(str, action.arguments.values()))})"
    assert told.startswith(reply)


def test_lengths_that_only_sensitive_numbers_have(tmp_path: Path) -> None:
    assert FLOW.sensitive_lengths() == (16,)
    assert DESK.sensitive_lengths == (16,)
    text = (DESK.folder / "flow.toml").read_text().replace("length = 5", "length = 16")
    (folder := tmp_path / "desk").mkdir()
    for file in DESK.folder.glob("*.*"):
        (folder / file.name).write_text(text if file.name == "flow.toml" else file.read_text())
    assert load_agent(str(folder)).sensitive_lengths == (), "an invoice's number would be masked"
