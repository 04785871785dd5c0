"""An answer on the wire: its pieces joined are the answer, whatever a server's habits; chunks in the vendor's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.sandbox.openai_server.answers import Answer, Call
from telephony.sandbox.openai_server.behaviour import Quirks
from telephony.sandbox.openai_server.chunks import (
    Used,
    Written,
    chunk,
    completion,
    event,
    finish_of,
    pieces_of,
    role_delta,
    shortened,
    tokens_of,
)
from telephony.sandbox.openai_server.seen import LEAST_CACHED, PromptMemory

WRITTEN = Written("chatcmpl-1", 1_700_000_000, "m", ("call_1", "call_2"))
BOTH = Answer("One moment.", (Call("find_order", {"order_number": "4711"}), Call("weather")))


def joined(pieces: list[dict[str, Any]]) -> tuple[str, list[tuple[str, str, str]]]:
    """The text, and each call's id, name and arguments, as a client puts them together."""
    text, calls = "", {}
    for piece in pieces:
        text += piece.get("content") or ""
        for delta in piece.get("tool_calls", ()):
            call = calls.setdefault(delta["index"], ["", "", ""])
            call[0] += delta.get("id", "")
            call[1] = delta["function"].get("name", call[1])
            call[2] += delta["function"]["arguments"]
    return text, [(made[0], made[1], made[2]) for made in calls.values()]


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(whole_calls=True), Quirks(repeats_name=True)])
def test_pieces_joined_are_the_answer(quirks: Quirks) -> None:
    assert joined(pieces_of(BOTH, WRITTEN, quirks)) == (
        "One moment.",
        [("call_1", "find_order", '{"order_number": "4711"}'), ("call_2", "weather", "{}")],
    )


def test_the_head_of_a_call_comes_first_and_its_arguments_in_pieces() -> None:
    pieces = [piece["tool_calls"][0] for piece in pieces_of(BOTH, WRITTEN, Quirks())[3:]]
    assert pieces[0] == {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "find_order", "arguments": ""},
    }
    assert pieces[1] == {"index": 0, "function": {"arguments": '{"or'}}
    assert len([piece for piece in pieces if piece["index"] == 0]) == 7


def test_other_servers_leave_index_and_id_out() -> None:
    pieces = pieces_of(BOTH, WRITTEN, Quirks(no_index=True, no_ids=True))
    assert not any({"index", "id"} & call.keys() for piece in pieces for call in piece.get("tool_calls", ()))


def test_arguments_that_are_a_text_go_out_as_they_are() -> None:
    for wild in ("", '{"order_number": ', "null"):
        pieces = pieces_of(Answer(calls=(Call("f", wild),)), WRITTEN, Quirks())
        assert joined(pieces) == ("", [("call_1", "f", wild)])


def test_a_chunk_has_the_vendors_shape() -> None:
    made = chunk(WRITTEN, {"content": "Hi"})
    assert made == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": "fp_standin00",
        "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}],
    }
    told = Written("chatcmpl-1", 1_700_000_000, "m", (), include_usage=True, obfuscated=True)
    assert chunk(told, None)["choices"] == []
    assert chunk(told, None)["usage"] is None
    assert chunk(told, None)["obfuscation"]
    sent = event(made)
    assert sent.startswith(b'data: {"id":"chatcmpl-1",')
    assert sent.endswith(b"\n\n")
    assert json.loads(sent[6:]) == made


def test_an_answer_without_a_stream() -> None:
    made = completion(WRITTEN, BOTH, Used(1200, 1024, 15))
    message = made["choices"][0]["message"]
    assert (message["role"], message["content"], message["refusal"]) == ("assistant", "One moment.", None)
    assert message["tool_calls"][1] == {
        "id": "call_2",
        "type": "function",
        "function": {"name": "weather", "arguments": "{}"},
    }
    assert made["choices"][0]["finish_reason"] == "tool_calls"
    assert (made["usage"]["total_tokens"], made["usage"]["prompt_tokens_details"]["cached_tokens"]) == (1215, 1024)


def test_who_only_calls_has_no_content() -> None:
    assert role_delta(Answer("Hi")) == {"role": "assistant", "content": "", "refusal": None}
    assert role_delta(Answer(calls=(Call("f"),)))["content"] is None
    assert finish_of(Answer("Hi")) == "stop"
    assert finish_of(Answer("Hi", finish="content_filter")) == "content_filter"


@given(limit=st.integers(1, 20))
def test_a_limit_cuts_an_answer_at_so_many_pieces(limit: int) -> None:
    whole = pieces_of(BOTH, WRITTEN, Quirks())
    cut = shortened(BOTH, limit)
    pieces = pieces_of(cut, WRITTEN, Quirks())
    assert pieces == whole[:limit]
    assert finish_of(cut) == ("length" if limit < len(whole) else "tool_calls")


def test_what_prompts_begin_with_in_common_is_known_from_1024_tokens_on_in_steps() -> None:
    memory = PromptMemory()
    long = {"messages": [{"role": "system", "content": "x" * 4 * 1500}]}
    assert memory.look(long)[1] == 0
    more = {"messages": [*long["messages"], {"role": "user", "content": "hi"}]}
    tokens, cached = memory.look(more)
    assert LEAST_CACHED < cached <= 1500 + 16
    assert cached % 128 == 0
    assert tokens > 1500
    other = {"messages": [{"role": "system", "content": "y" + "x" * 4 * 1500}]}
    assert memory.look(other)[1] == 0, "one letter at the beginning, and nothing is known"
    assert memory.look({"messages": [{"role": "user", "content": "hi"}]})[1] == 0
