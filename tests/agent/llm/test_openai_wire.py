"""Requests and chunks of the chat completions API, in our own terms."""

from __future__ import annotations

from typing import Any

import pytest
from openai._models import construct_type
from openai.types.chat import ChatCompletionChunk

from agent.llm.base import Message, ToolCall, ToolSpec
from agent.llm.openai_wire import CALL_BEGINS, Piece, read_chunk, wire_messages, wire_tools
from agent.llm.tool_deltas import CallPiece

CALL = ToolCall("call-1", "find_order", {"order_number": "4712", "für": "é"})
WIRED_CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "find_order", "arguments": '{"order_number": "4712", "für": "é"}'},
}
CONVERSATION = (
    Message("system", "Be brief."),
    Message("assistant", "Hello."),
    Message("user", "4712"),
    Message("assistant", "Let me see."),
    Message("assistant", tool_calls=(CALL,)),
    Message("tool", '{"outcome": "delayed"}', tool_call_id="call-1", name="find_order"),
    Message("assistant", "It is late."),
)


def test_a_conversation_as_servers_take_it() -> None:
    assert wire_messages(CONVERSATION, strict_roles=False) == [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "4712"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [WIRED_CALL]},
        {"role": "tool", "tool_call_id": "call-1", "content": '{"outcome": "delayed"}'},
        {"role": "assistant", "content": "It is late."},
    ]


def test_calls_without_a_word_have_no_content() -> None:
    second = Message("assistant", tool_calls=(ToolCall("b", "made up!", {}),))
    wired = wire_messages((CONVERSATION[4], CONVERSATION[5], second), strict_roles=False)
    assert [message.get("content", "-") for message in wired] == [None, '{"outcome": "delayed"}', None]
    assert wired[2]["tool_calls"][0]["function"] == {"name": "made_up_", "arguments": "{}"}


def test_roles_in_turn_for_templates_that_insist() -> None:
    messages = (
        Message("system", "Be brief."),
        Message("assistant", "Hello."),
        Message("assistant", "This call is recorded."),
        Message("user", "one"),
        Message("user", "two"),
    )
    assert wire_messages(messages, strict_roles=True) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": CALL_BEGINS},
        {"role": "assistant", "content": "Hello.\nThis call is recorded."},
        {"role": "user", "content": "one\ntwo"},
    ]
    assert len(wire_messages(messages, strict_roles=False)) == 5


def test_tools() -> None:
    schema = {"type": "object", "properties": {}}
    assert wire_tools([ToolSpec("hang_up", "End the call.", schema)]) == [
        {"type": "function", "function": {"name": "hang_up", "description": "End the call.", "parameters": schema}}
    ]


def chunk(delta: Any, **choice: Any) -> object:
    return construct_type(type_=ChatCompletionChunk, value={"choices": [{"index": 0, "delta": delta, **choice}]})


@pytest.mark.parametrize(
    ("given", "piece"),
    [
        (chunk({"role": "assistant", "content": ""}), Piece()),
        (chunk({"content": "Hello"}), Piece("Hello")),
        (chunk({"content": None, "refusal": "I will not."}), Piece("I will not.")),
        (chunk({"reasoning_content": "Hm."}), Piece()),
        (chunk({}, finish_reason="stop"), Piece(finish="stop")),
        (
            chunk({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f"}}]}),
            Piece(calls=(CallPiece(0, "a", "f"),)),
        ),
        (
            chunk({"tool_calls": [{"function": {"name": "f", "arguments": {"n": 1}}}]}),
            Piece(calls=(CallPiece(None, "", "f", {"n": 1}),)),
        ),
        (construct_type(type_=ChatCompletionChunk, value={"choices": [], "usage": {}}), Piece()),
    ],
)
def test_chunks(given: object, piece: Piece) -> None:
    assert read_chunk(given) == piece


@pytest.mark.parametrize(
    "value",
    [
        "text", 7, None, [], {}, {"choices": None}, {"choices": "ab"}, {"choices": [None]}, {"choices": [7]},
        {"choices": [{"delta": "x"}]}, {"choices": [{"delta": {"content": 7, "tool_calls": "x"}}]},
        {"choices": [{"delta": {"tool_calls": [None]}}]}, {"choices": [{"finish_reason": {}}]},
    ],
)  # fmt: skip
def test_what_is_no_chunk_says_nothing(value: object) -> None:
    piece = read_chunk(construct_type(type_=ChatCompletionChunk, value=value))
    assert (piece.text, piece.finish) == ("", "")
    assert all(call == CallPiece() for call in piece.calls)
