"""ToolDeltas: whole tool calls out of the pieces in which a model's server streams them. Pure.

The API's rule: a piece carries its call's `index`; id and name come once, in the call's first piece; the arguments are
one JSON text, cut anywhere. What servers really send, and what is understood here: no index or no id; the same index
for every call; the name again in each piece; the whole call in one; arguments as an object, as JSON in a JSON string,
after an empty `{}`, or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.llm.base import ToolCall

#: A tool takes a few hundred characters; a server that streams arguments without end must cost bounded room.
MAX_ARGUMENT_CHARS = 20_000
#: In one answer. A model that asks for more is in a loop.
MAX_CALLS = 16
#: The one argument of a call whose arguments were no JSON object: no tool takes it, so the call is refused, and the
#: model is told why.
NOT_AN_OBJECT = "arguments that were not a JSON object"
_QUOTED_CHARS = 200

#: Ids that every server takes back. (OpenAI refuses longer ones than 40 characters.)
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,40}")


@dataclass(frozen=True, slots=True)
class CallPiece:
    """One piece, as it came; what it did not have is None or empty."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str | Mapping[str, Any] = ""


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str = ""
    name: str = ""
    text: str = ""


class ToolDeltas:
    """The calls of one answer."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def push(self, piece: CallPiece) -> None:
        """One more piece. Raises ValueError where a server sends more than any tool takes."""
        arguments = piece.arguments if isinstance(piece.arguments, str) else json.dumps(dict(piece.arguments))
        call = self._of(piece, arguments)
        call.id = call.id or piece.id
        if piece.name and piece.name != call.name:
            call.name += piece.name
        call.text += arguments
        if len(call.text) > MAX_ARGUMENT_CHARS:
            raise ValueError(f"more than {MAX_ARGUMENT_CHARS} characters of arguments for one tool call")

    def calls(self, used_ids: frozenset[str], new_id: Callable[[], str]) -> tuple[ToolCall, ...]:
        """All calls, in the order in which they began; those that never got a name are left out. A missing, repeated
        or impossible id is replaced by `new_id()`; `used_ids` are those of the conversation so far."""
        ids = set(used_ids)
        whole = []
        for call in self._calls:
            if not call.name:
                continue
            fits = call.id not in ids and _ID.fullmatch(call.id)
            whole.append(ToolCall(call.id if fits else new_id(), call.name, _decoded(call.text)))
            ids.add(whole[-1].id)
        return tuple(whole)

    def _of(self, piece: CallPiece, arguments: str) -> _Call:
        """The call that a piece belongs to, begun if it is the first of it."""
        latest_first = self._calls[::-1]
        if piece.index is not None:
            call = next((one for one in latest_first if one.index == piece.index), None)
        else:
            same_id = (one for one in latest_first if piece.id and one.id == piece.id)
            call = next(same_id, latest_first[0] if latest_first else None)
        if call is None or _begins_another(call, piece, arguments):
            if len(self._calls) >= MAX_CALLS:
                raise ValueError(f"more than {MAX_CALLS} tool calls in one answer")
            call = _Call(piece.index)
            self._calls.append(call)
        return call


def _begins_another(call: _Call, piece: CallPiece, arguments: str) -> bool:
    """Whether a piece that has the index of `call`, or none, is the first of another call.

    A new id alone does not say so, some servers make one for every piece; nor does a name, some repeat it.
    """
    if not piece.name or not call.name:
        return False
    other_id = bool(piece.id and call.id and piece.id != call.id)
    if piece.name != call.name:
        return other_id or _is_object(call.text)
    return _is_object(call.text) and (other_id or bool(arguments))


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _decoded(text: str) -> Mapping[str, Any]:
    text = text.strip()
    if text.startswith("{}") and len(text) > 2:
        text = text[2:]  # a placeholder, and then the arguments
    if text in ("", "null", '""'):
        return {}
    try:
        value = json.loads(text)
        value = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {NOT_AN_OBJECT: text[:_QUOTED_CHARS]}
