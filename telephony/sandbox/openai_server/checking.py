"""A request's JSON checked as OpenAI's server checks it, and read into the house's own types. Pure.

What it does not know is let pass, as most servers of this protocol do; what it knows must be right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.llm.base import Message, ToolCall, ToolSpec
from telephony.sandbox.openai_server.refusals import INVALID, ApiError

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
#: A tool call's id may have so many characters; OpenAI's own have 29.
MAX_ID_CHARS = 40
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KINDS: dict[type, str] = {str: "a string", list: "an array", dict: "an object", bool: "a boolean", int: "an integer"}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A completion that is asked for. `max_tokens` 0: as many as it takes."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    stream: bool
    include_usage: bool
    obfuscated: bool
    max_tokens: int


def read_request(body: bytes, unsupported: Iterable[str] = ()) -> ChatRequest:
    """The request in `body`. `unsupported`: parameters that the model refuses, as reasoning models do.

    Raises ApiError, status 400, in the server's words.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ApiError(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you "
            "have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)"
        )
    if not isinstance(data.get("model"), str) or not data["model"]:
        raise ApiError("you must provide a model parameter")
    for name in unsupported:
        if data.get(name) is not None:
            raise _unsupported(name, data[name])
    stream = bool(_given(data, "stream", bool, "stream"))
    options = _given(data, "stream_options", dict, "stream_options") or {}
    if options and not stream:
        raise ApiError(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    tools = _tools(data)
    return ChatRequest(
        data["model"],
        _messages(data),
        tools,
        stream,
        bool(options.get("include_usage")),
        options.get("include_obfuscation") is not False,
        _max_tokens(data),
    )


def _unsupported(name: str, value: object) -> ApiError:
    if name == "temperature":
        return ApiError(
            f"Unsupported value: 'temperature' does not support {value} with this model. Only the default (1) value is "
            "supported.",
            param=name,
            code="unsupported_value",
        )
    instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
    return ApiError(message, param=name, code="unsupported_parameter")


def _max_tokens(data: Mapping[str, Any]) -> int:
    names = [name for name in ("max_tokens", "max_completion_tokens") if data.get(name) is not None]
    if len(names) > 1:
        raise ApiError(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
        )
    for name in names:
        if _given(data, name, int, name) < 1:
            raise ApiError(
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {data[name]} instead.",
                param=name,
                code="integer_below_min_value",
            )
    _within(data, "temperature", 2)
    _within(data, "top_p", 1)
    return int(data[names[0]]) if names else 0


def _within(data: Mapping[str, Any], name: str, most: int) -> None:
    value = data.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(name, "a decimal", value)
    if not 0 <= value <= most:
        side, sign, bound = ("above maximum", "<=", most) if value > most else ("below minimum", ">=", 0)
        raise ApiError(
            f"Invalid '{name}': decimal {side} value. Expected a value {sign} {bound}, but got {value} instead.",
            param=name,
            code=f"decimal_{side.split()[0]}_{side.split()[1][:3]}_value",
        )


# --- messages ---------------------------------------------------------------------------------------------------------


def _messages(data: Mapping[str, Any]) -> tuple[Message, ...]:
    given = _needed(data, "messages", list, "messages")
    if not given:
        raise _empty("messages")
    out: list[Message] = []
    waiting: dict[str, str] = {}  # tool calls that have no result yet: id -> name
    known: dict[str, str] = {}
    for at, each in enumerate(given):
        where = f"messages[{at}]"
        if not isinstance(each, dict):
            raise _wrong_type(where, "an object", each)
        role = _needed(each, "role", str, f"{where}.role")
        if role not in ROLES:
            known_roles = ", ".join(f"'{name}'" for name in ROLES[:-1])
            raise ApiError(
                f"Invalid value: '{role[:80]}'. Supported values are: {known_roles}, and '{ROLES[-1]}'.",
                param=f"{where}.role",
                code="invalid_value",
            )
        if role == "tool":
            out.append(_result(each, at, known, waiting))
            continue
        if waiting:
            raise _unanswered(waiting, at)
        calls = _calls(each, where) if role == "assistant" else ()
        waiting = {call.id: call.name for call in calls}
        known |= waiting
        text = _text(each, at, optional=bool(calls))
        kept = "system" if role == "developer" else role
        out.append(Message(kept, text, calls))  # type: ignore[arg-type]
    if waiting:
        raise _unanswered(waiting, len(given))
    return tuple(out)


def _result(message: Mapping[str, Any], at: int, known: Mapping[str, str], waiting: dict[str, str]) -> Message:
    call = message.get("tool_call_id")
    if call is None:
        raise ApiError(
            "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.",
            param=f"messages.[{at}].tool_call_id",
        )
    if not isinstance(call, str):
        raise _wrong_type(f"messages[{at}].tool_call_id", "a string", call)
    if call not in waiting:
        raise ApiError(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
            param=f"messages.[{at}].role",
        )
    del waiting[call]
    return Message("tool", _text(message, at), tool_call_id=call, name=known[call])


def _unanswered(waiting: Iterable[str], at: int) -> ApiError:
    return ApiError(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(waiting)}",
        param=f"messages.[{at}].role",
    )


def _calls(message: Mapping[str, Any], where: str) -> tuple[ToolCall, ...]:
    given = _given(message, "tool_calls", list, f"{where}.tool_calls")
    if given is None:
        return ()
    if not given:
        raise _empty(f"{where}.tool_calls")
    out = []
    for at, each in enumerate(given):
        place = f"{where}.tool_calls[{at}]"
        if not isinstance(each, dict):
            raise _wrong_type(place, "an object", each)
        name = _needed(each, "id", str, f"{place}.id")
        if len(name) > MAX_ID_CHARS:
            raise ApiError(
                f"Invalid '{place}.id': string too long. Expected a string with maximum length {MAX_ID_CHARS}, but got "
                f"a string with length {len(name)} instead.",
                param=f"{place}.id",
                code="string_above_max_length",
            )
        _needed(each, "type", str, f"{place}.type")
        function = _needed(each, "function", dict, f"{place}.function")
        written = _needed(function, "arguments", str, f"{place}.function.arguments")
        called = _named(function, f"{place}.function.name")
        out.append(ToolCall(name, called, _decoded(written)))
    return tuple(out)


def _decoded(written: str) -> Mapping[str, Any]:
    """A model's arguments, which the server takes back as they were: valid JSON or not."""
    try:
        decoded = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _text(message: Mapping[str, Any], at: int, *, optional: bool = False) -> str:
    content = message.get("content")
    if content is None and optional:
        return ""
    if content is None:
        raise ApiError("Invalid value for 'content': expected a string, got null.", param=f"messages.[{at}].content")
    if isinstance(content, str):
        return content
    place = f"messages[{at}].content"
    if not isinstance(content, list):
        raise _wrong_type(place, "one of an array of objects or a string", content)
    texts = []
    for number, part in enumerate(content):
        if not isinstance(part, dict):
            raise _wrong_type(f"{place}[{number}]", "an object", part)
        if _needed(part, "type", str, f"{place}[{number}].type") == "text":
            texts.append(_needed(part, "text", str, f"{place}[{number}].text"))
    return "".join(texts)


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(data: Mapping[str, Any]) -> tuple[ToolSpec, ...]:
    given = _given(data, "tools", list, "tools")
    if given is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if data.get(name) not in (None, "none"):
                raise ApiError(
                    f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", param=name
                )
        return ()
    if not given:
        raise _empty("tools")
    return tuple(_tool(each, f"tools[{at}]") for at, each in enumerate(given))


def _tool(tool: object, where: str) -> ToolSpec:
    if not isinstance(tool, dict):
        raise _wrong_type(where, "an object", tool)
    kind = _needed(tool, "type", str, f"{where}.type")
    if kind != "function":
        raise ApiError(
            f"Invalid value: '{kind[:80]}'. Supported values are: 'function' and 'custom'.",
            param=f"{where}.type",
            code="invalid_value",
        )
    function = _needed(tool, "function", dict, f"{where}.function")
    name = _named(function, f"{where}.function.name")
    described = _given(function, "description", str, f"{where}.function.description") or ""
    shape = _given(function, "parameters", dict, f"{where}.function.parameters")
    if shape is not None and shape.get("type") != "object":
        got = json.dumps(shape.get("type")) if shape.get("type") is not None else '"None"'
        raise ApiError(
            f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', got "
            f"'type: {got}'.",
            param=f"{where}.function.parameters",
            code="invalid_function_parameters",
        )
    return ToolSpec(name, described, shape or {})


def _named(function: Mapping[str, Any], where: str) -> str:
    name = str(_needed(function, "name", str, where))
    if not _NAME.fullmatch(name):
        raise ApiError(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            param=where,
            code="invalid_value",
        )
    return name


# --- values -----------------------------------------------------------------------------------------------------------


def _needed(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    if data.get(key) is None:
        raise ApiError(
            f"Missing required parameter: '{where}'.", INVALID, param=where, code="missing_required_parameter"
        )
    return _given(data, key, kind, where)


def _given(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """The value of `key`, checked; None where there is none, or null."""
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _wrong_type(where, _KINDS[kind], value)
    return value


def _wrong_type(where: str, wanted: str, value: object) -> ApiError:
    got = next((name for kind, name in _KINDS.items() if type(value) is kind), "null" if value is None else "a decimal")
    return ApiError(
        f"Invalid type for '{where}': expected {wanted}, but got {got} instead.", param=where, code="invalid_type"
    )


def _empty(where: str) -> ApiError:
    return ApiError(
        f"Invalid '{where}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        param=where,
        code="empty_array",
    )
