"""What goes to an OpenAI-compatible server, and what its stream says, in our own terms. Pure.

The shapes are those of the chat completions API, as far as all servers agree on them: no `name` in messages (Groq
refuses it), `content` null beside tool calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.llm.base import Message, ToolSpec
from agent.llm.tool_deltas import CallPiece

#: With `strict_roles`, what stands for the caller before the agent's greeting.
CALL_BEGINS = "(The call begins.)"

_NAME_WRONG = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Piece:
    """What one chunk of a stream says. `finish` is why the answer ends, "" while it goes on."""

    text: str = ""
    calls: tuple[CallPiece, ...] = ()
    finish: str = ""


def wire_messages(messages: Sequence[Message], *, strict_roles: bool) -> list[dict[str, Any]]:
    """The messages of a request. Of the agent's words and the tool call behind them one message is made, as it was.

    `strict_roles`: for models whose chat template takes only caller and agent in turn, the caller first.
    """
    wired: list[dict[str, Any]] = []
    for message in messages:
        one = _wired(message)
        before = wired[-1] if wired else {"role": "system"}
        if _belong_together(before, one, strict_roles):
            wired[-1] = {**one, "content": _joined(before, one)}
            continue
        if strict_roles and one["role"] == "assistant" and before["role"] == "system":
            wired.append({"role": "user", "content": CALL_BEGINS})
        wired.append(one)
    return wired


def wire_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The tools of a request, in the agent's order."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
        }
        for tool in tools
    ]


def read_chunk(chunk: object) -> Piece:
    """A chunk of a stream as the SDK hands it out: it makes objects of whatever came, and checks nothing."""
    choices = getattr(chunk, "choices", None)
    choice = choices[0] if isinstance(choices, list) and choices else None
    delta = getattr(choice, "delta", None)
    calls = getattr(delta, "tool_calls", None)
    text = _text(delta, "content") or _text(delta, "refusal")
    pieces = tuple(map(_call_piece, calls)) if isinstance(calls, list) else ()
    return Piece(text, pieces, _text(choice, "finish_reason"))


def _wired(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": _NAME_WRONG.sub("_", call.name)[:64],  # one that the model made up: a server would refuse it
                "arguments": json.dumps(dict(call.arguments), ensure_ascii=False, default=str),
            },
        }
        for call in message.tool_calls
    ]
    return {"role": "assistant", "content": message.content or None, "tool_calls": calls}


def _belong_together(before: Mapping[str, Any], one: Mapping[str, Any], strict_roles: bool) -> bool:
    if one["role"] != before["role"] or "tool_calls" in before:
        return False
    if one["role"] == "assistant":
        return strict_roles or one["content"] is None
    return strict_roles and one["role"] == "user"


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    return "\n".join(text for text in (one["content"], other["content"]) if text) or None


def _call_piece(piece: object) -> CallPiece:
    function = getattr(piece, "function", None)
    index = getattr(piece, "index", None)
    arguments = getattr(function, "arguments", None)
    return CallPiece(
        index if isinstance(index, int) else None,
        _text(piece, "id"),
        _text(function, "name"),
        arguments if isinstance(arguments, str | Mapping) else "",
    )


def _text(holder: object, name: str) -> str:
    value = getattr(holder, name, None)
    return value if isinstance(value, str) else ""
