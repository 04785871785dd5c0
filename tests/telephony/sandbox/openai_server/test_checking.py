"""Requests as OpenAI's server checks them: what is refused, in which words; what is let pass, and read into."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.base import Message, ToolCall, ToolSpec
from telephony.sandbox.openai_server.checking import ChatRequest, read_request
from telephony.sandbox.openai_server.refusals import ApiError

USER = {"role": "user", "content": "where is my parcel"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "find_order", "arguments": '{"number": "4711"}'}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": '{"outcome": "delivered"}'}
TOOL = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object", "properties": {}}}}


def read(*messages: object, **more: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "m", "messages": list(messages), **more}).encode())


def refused(*messages: object, **more: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read(*messages, **more)
    assert caught.value.status == 400
    return caught.value


def test_a_conversation_with_a_tool_is_read_into_our_own_types() -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": "any"}, {"type": "text", "text": "thing"}]}
    system = {"role": "developer", "content": "You are a desk."}
    chat = read(system, USER, CALLS, RESULT, {"role": "assistant", "content": "It was"}, parts, tools=[TOOL])
    assert chat.messages == (
        Message("system", "You are a desk."),
        Message("user", "where is my parcel"),
        Message("assistant", tool_calls=(ToolCall("call_1", "find_order", {"number": "4711"}),)),
        Message("tool", '{"outcome": "delivered"}', tool_call_id="call_1", name="find_order"),
        Message("assistant", "It was"),
        Message("user", "anything"),
    )
    assert chat.tools == (ToolSpec("find_order", "", {"type": "object", "properties": {}}),)
    assert (chat.stream, chat.include_usage, chat.max_tokens) == (False, False, 0)


def test_what_is_not_known_is_let_pass() -> None:
    chat = read(USER, colour="blue", stream=True, stream_options={"include_usage": True}, max_completion_tokens=7)
    assert (chat.stream, chat.include_usage, chat.obfuscated, chat.max_tokens) == (True, True, True, 7)


def test_arguments_that_are_no_json_come_back_to_the_server_as_the_model_made_them() -> None:
    wild = {**CALL, "function": {"name": "find_order", "arguments": '{"number": '}}
    assert read(USER, {**CALLS, "tool_calls": [wild]}, RESULT).messages[1].tool_calls[0].arguments == {}


CASES: list[tuple[str, list[object], dict[str, Any], str, str | None, str | None]] = [
    ("no messages", [], {}, "Invalid 'messages': empty array", "messages", "empty_array"),
    ("a text for messages", [], {"messages": "hi"}, "Invalid type for 'messages'", "messages", "invalid_type"),
    (
        "an unknown role",
        [{"role": "caller", "content": ""}],
        {},
        "Invalid value: 'caller'",
        "messages[0].role",
        "invalid_value",
    ),
    (
        "a message without a role",
        [{"content": "hi"}],
        {},
        "Missing required parameter: 'messages[0].role'",
        "messages[0].role",
        "missing_required_parameter",
    ),
    (
        "no content",
        [{"role": "user", "content": None}],
        {},
        "expected a string, got null",
        "messages.[0].content",
        None,
    ),
    (
        "an assistant that says nothing and calls nothing",
        [USER, {"role": "assistant"}],
        {},
        "got null",
        "messages.[1].content",
        None,
    ),
    (
        "no calls in a list of calls",
        [{"role": "assistant", "content": "", "tool_calls": []}],
        {},
        "empty array",
        "messages[0].tool_calls",
        "empty_array",
    ),
    ("a result of nothing", [USER, RESULT], {}, "must be a response to a preceeding", "messages.[1].role", None),
    (
        "a result twice",
        [USER, CALLS, RESULT, RESULT],
        {},
        "must be a response to a preceeding",
        "messages.[3].role",
        None,
    ),
    (
        "a result without its call's id",
        [USER, CALLS, {"role": "tool", "content": ""}],
        {},
        "must have a 'tool_call_id'",
        "messages.[2].tool_call_id",
        None,
    ),
    (
        "a call without a result, at the end",
        [USER, CALLS],
        {},
        "did not have response messages: call_1",
        "messages.[2].role",
        None,
    ),
    (
        "a call without a result, and words behind it",
        [USER, CALLS, USER],
        {},
        "did not have response messages: call_1",
        "messages.[2].role",
        None,
    ),
    (
        "an id that is too long",
        [{**CALLS, "tool_calls": [{**CALL, "id": "x" * 41}]}],
        {},
        "maximum length 40, but got a string with length 41",
        "messages[0].tool_calls[0].id",
        "string_above_max_length",
    ),
    (
        "arguments that are an object",
        [{**CALLS, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}],
        {},
        "expected a string, but got an object",
        "messages[0].tool_calls[0].function.arguments",
        "invalid_type",
    ),
    ("an empty list of tools", [USER], {"tools": []}, "Invalid 'tools': empty array", "tools", "empty_array"),
    (
        "a tool with a name that is none",
        [USER],
        {"tools": [{"type": "function", "function": {"name": "find order"}}]},
        "does not match pattern",
        "tools[0].function.name",
        "invalid_value",
    ),
    (
        "a tool whose parameters are no object",
        [USER],
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]},
        "got 'type: \"string\"'",
        "tools[0].function.parameters",
        "invalid_function_parameters",
    ),
    ("a choice among no tools", [USER], {"tool_choice": "auto"}, "only allowed when 'tools'", "tool_choice", None),
    (
        "stream options without a stream",
        [USER],
        {"stream_options": {"include_usage": True}},
        "only allowed when 'stream'",
        "stream_options",
        None,
    ),
    ("a heat of 3", [USER], {"temperature": 3}, "a value <= 2, but got 3", "temperature", "decimal_above_max_value"),
    ("a chill", [USER], {"top_p": -1}, "a value >= 0, but got -1", "top_p", "decimal_below_min_value"),
    ("no tokens", [USER], {"max_tokens": 0}, "a value >= 1, but got 0", "max_tokens", "integer_below_min_value"),
    (
        "two limits",
        [USER],
        {"max_tokens": 1, "max_completion_tokens": 1},
        "at the same time is not supported",
        None,
        "invalid_parameter_combination",
    ),
]


@pytest.mark.parametrize(
    ("messages", "more", "said", "param", "code"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_what_is_refused(
    messages: list[object], more: dict[str, Any], said: str, param: str | None, code: str | None
) -> None:
    error = refused(*messages, **more)
    assert said in error.message
    assert error.body["error"] == {
        "message": error.message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"{", "could not parse the JSON body"), (b"[]", "could not parse"), (b'{"messages": []}', "a model parameter")],
)
def test_a_body_that_is_no_request(body: bytes, said: str) -> None:
    with pytest.raises(ApiError, match=said):
        read_request(body)


def test_what_a_reasoning_model_refuses() -> None:
    body = json.dumps({"model": "m", "messages": [USER], "max_tokens": 9}).encode()
    with pytest.raises(ApiError, match="Use 'max_completion_tokens' instead") as caught:
        read_request(body, ["max_tokens"])
    assert caught.value.code == "unsupported_parameter"
    body = json.dumps({"model": "m", "messages": [USER], "temperature": 0.2}).encode()
    with pytest.raises(ApiError, match=r"does not support 0\.2") as caught:
        read_request(body, ["temperature"])
    assert caught.value.code == "unsupported_value"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "tool_calls", "id", "type", "function", "name", "arguments", "parameters", "text"]
            ),
            below | st.sampled_from(["user", "assistant", "tool", "function", "text"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(messages=st.lists(ANY, max_size=4), tools=ANY, options=ANY)
def test_whatever_comes_is_read_or_refused(messages: list[object], tools: object, options: object) -> None:
    body = {"model": "m", "messages": messages, "tools": tools, "stream": True, "stream_options": options}
    try:
        read = read_request(json.dumps(body).encode())
    except ApiError as error:
        wire = json.dumps(error.body)
    else:
        assert len(read.messages) == len(messages)
        return
    assert json.loads(wire)["error"]["message"]
