"""An answer in the shape of the wire: the chunks of a stream, or one completion, and the tokens used. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from telephony.sandbox.openai_server.answers import Answer, Call
from telephony.sandbox.openai_server.behaviour import Quirks

_TOKEN = re.compile(r"\s?\w{1,8}|\s?[^\w\s]|\s")
#: So many characters of a call's arguments come at once.
_ARGUMENT_CHARS = 4
#: English text has about so many characters a token: for what an answer is said to have used.
CHARS_A_TOKEN = 4
#: OpenAI pads chunks, so that their lengths do not tell the words; which letters they are means nothing.
_PADDING = "q7Vd2LxZ0tRk9WmB"


@dataclass(frozen=True, slots=True)
class Written:
    """What all chunks of one answer have in common."""

    id: str
    created: int
    model: str
    call_ids: tuple[str, ...]
    include_usage: bool = False
    obfuscated: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """What the request took and the answer made, in tokens."""

    prompt: int
    cached: int
    completion: int

    def as_dict(self) -> dict[str, Any]:
        """The `usage` object."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def tokens_of(text: str) -> list[str]:
    """The text in pieces as a model makes them: joined they are the text."""
    return _TOKEN.findall(text)


def shortened(answer: Answer, max_tokens: int) -> Answer:
    """The answer as far as `max_tokens` reach (0: all of it); a call that is cut has arguments that are no JSON."""
    if not max_tokens:
        return answer
    tokens = tokens_of(answer.text)
    left = max_tokens - len(tokens)
    calls = []
    for call in answer.calls:
        if left <= 0:
            break
        pieces = _arguments(call)
        kept = pieces[: max(0, left - 1)]
        calls.append(Call(call.name, "".join(kept), call.id) if len(kept) < len(pieces) else call)
        left -= 1 + len(pieces)
    cut = left < 0 or len(calls) < len(answer.calls)
    return Answer("".join(tokens[:max_tokens]), tuple(calls), "length") if cut else answer


def pieces_of(answer: Answer, written: Written, quirks: Quirks) -> list[dict[str, Any]]:
    """The deltas of the answer, each a piece that comes at a moment of its own; the first tells the role, too."""
    deltas: list[dict[str, Any]] = [{"content": token} for token in tokens_of(answer.text)]
    for index, call in enumerate(answer.calls):
        deltas += ({"tool_calls": [piece]} for piece in _call_pieces(index, call, written.call_ids[index], quirks))
    return deltas


def _call_pieces(index: int, call: Call, call_id: str, quirks: Quirks) -> Iterator[dict[str, Any]]:
    place = {} if quirks.no_index else {"index": index}
    head = {**place, **({} if quirks.no_ids else {"id": call_id}), "type": "function"}
    pieces = _arguments(call)
    if quirks.whole_calls:
        yield {**head, "function": {"name": call.name, "arguments": "".join(pieces)}}
        return
    yield {**head, "function": {"name": call.name, "arguments": ""}}
    again = {"name": call.name} if quirks.repeats_name else {}
    for piece in pieces:
        yield {**place, "function": {**again, "arguments": piece}}


def _arguments(call: Call) -> list[str]:
    text = arguments_text(call)
    return [text[at : at + _ARGUMENT_CHARS] for at in range(0, len(text), _ARGUMENT_CHARS)]


def arguments_text(call: Call) -> str:
    """The arguments as the model writes them."""
    return call.arguments if isinstance(call.arguments, str) else json.dumps(dict(call.arguments), ensure_ascii=False)


def role_delta(answer: Answer) -> dict[str, Any]:
    """What the first chunk says before any piece of the answer."""
    return {"role": "assistant", "content": "" if answer.text or not answer.calls else None, "refusal": None}


def finish_of(answer: Answer) -> str:
    """Why the answer ends."""
    return answer.finish or ("tool_calls" if answer.calls else "stop")


def chunk(written: Written, delta: dict[str, Any] | None, finish: str | None = None, number: int = 0) -> dict[str, Any]:
    """One chunk of the stream; `delta` None: one without choices. `number` makes its padding."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    made = _common(written, "chat.completion.chunk") | {"choices": choices}
    if written.include_usage:
        made["usage"] = None
    if written.obfuscated:
        made["obfuscation"] = _PADDING[: 1 + number * 7 % len(_PADDING)]
    return made


def completion(written: Written, answer: Answer, used: Used) -> dict[str, Any]:
    """The whole answer to a request without `stream`."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None, "annotations": []}
    if answer.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments_text(call)}}
            for call, call_id in zip(answer.calls, written.call_ids, strict=True)
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_of(answer)}
    return _common(written, "chat.completion") | {"choices": [choice], "usage": used.as_dict()}


def _common(written: Written, kind: str) -> dict[str, Any]:
    return {
        "id": written.id,
        "object": kind,
        "created": written.created,
        "model": written.model,
        "service_tier": "default",
        "system_fingerprint": "fp_standin00",
    }


def event(data: dict[str, Any]) -> bytes:
    """A server-sent event, as OpenAI writes its JSON: without spaces."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
