"""What can go wrong with an OpenAI-compatible server, as an EngineError that says what, where, and what to do.

No message holds the key, or what was said in the call: a server's own words are quoted only where they hold neither.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import httpx2
import openai

from agent.errors import EngineError

#: A server's own words are quoted up to here.
_QUOTED_CHARS = 160
#: Shorter words of a call may stand in any message: a yes, a number of two digits.
_PRIVATE_CHARS = 4
#: Where a server begins to quote the request.
_QUOTE_BEGINS = re.compile(r"[\[{\n]|input_value|input:")
_NUMBER = re.compile(r"\d{3,}")
_KEY_LIKE = re.compile(r"\b(?:sk|pk|gsk|key|Bearer)[-_ ][A-Za-z0-9*_.-]{6,}")

_NO_QUOTA = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "quota_exceeded", "insufficient_credits"}
)
_BILLING = "see to its billing, or name a second engine in agent.toml"
_QUOTA_WORDS = re.compile(r"quota|billing|credit|balance", re.IGNORECASE)
_TOO_LONG = re.compile(r"context.length|context window|maximum context|too many tokens", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Peer:
    """The server, as messages name it."""

    where: str
    """Its base_url."""
    model: str
    key_env: str
    key: str = field(repr=False)


def engine_error(error: Exception, peer: Peer, *, began: bool, private: Collection[str]) -> EngineError:
    """`began`: something of the answer has come, so that asking again would say it twice. `private`: texts of the call.

    `error` is what the SDK raised, or the ValueError of an answer that cannot be read.
    """
    if isinstance(error, openai.APIStatusError):
        text, retryable = _of_status(error, peer)
    elif isinstance(error, openai.APIConnectionError):
        text, retryable = _of_connection(error, peer, began), True
    elif isinstance(error, openai.APIError):
        text, retryable = _of_stream(error)
    elif isinstance(error, ValueError):
        why = "a chunk is no JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
        text, retryable = f"sent what cannot be read ({why}); ask it with curl, and look at its log", True
    else:
        text, retryable = f"cannot be asked ({type(error).__name__}); look at its log, and at this host's network", True
    quoted = _quoted(error, peer, private)
    said = f' It says: "{quoted}"' if quoted else ""
    return EngineError(f'engine "openai": {peer.where} {text}.{said}', retryable=retryable and not began)


def _of_status(error: openai.APIStatusError, peer: Peer) -> tuple[str, bool]:
    status, code = error.status_code, _code(error)
    if status == 401:
        return f"does not accept the key (401); put a valid key of this server into {peer.key_env}", False
    if status == 402 or (status == 429 and _no_quota(error)):
        return (
            f"has no quota left for this key ({status}{_behind(code)}); waiting does not help: {_BILLING}",
            False,
        )
    if status == 403:
        return f'does not let this key use the model "{peer.model}" (403); give the key of {peer.key_env} access', False
    if status == 404:
        return (
            f'knows no model "{peer.model}", or has no chat completions there (404); check model, and base_url: most '
            "end in /v1",
            False,
        )
    if status == 429:
        after = error.response.headers.get("retry-after", "")
        wait = f"; it asks to wait {after} s" if after.isascii() and after.isdecimal() else ""
        return f"is asked too often (429){wait}; name a second engine in agent.toml, or raise its limits", True
    if status in (400, 413, 422) and (code == "context_length_exceeded" or _TOO_LONG.search(_words(error))):
        return f'was sent a longer conversation than "{peer.model}" takes ({status}); set context_tokens lower', False
    if 300 <= status < 400:
        return f"sends requests elsewhere ({status}); write the address that it answers at as base_url", False
    if status >= 500 or status in (408, 409, 425):
        return f"is broken or overloaded ({status}); look at its log, or its status page", True
    return f"refuses the request ({status}{_behind(code)}); check the options in [llm]", False


def _of_connection(error: openai.APIConnectionError, peer: Peer, began: bool) -> str:
    cause = error.__cause__
    if isinstance(cause, httpx2.ConnectTimeout):
        return "did not take the connection in time; check base_url, and that no firewall is between"
    if isinstance(cause, httpx2.PoolTimeout):
        return "has no connection free: more calls at once than this worker should hold"
    if isinstance(error, openai.APITimeoutError):
        return "fell silent in the middle of its answer" if began else "took the request and did not answer in time"
    if isinstance(cause, httpx2.ConnectError):
        reason = re.sub(r"\s+", " ", str(cause))[:_QUOTED_CHARS]
        return f"cannot be reached ({reason or 'no reason given'}); check base_url, and that the server runs"
    if began:
        return "broke off its answer; look at its log"
    return "closed the connection before it answered; look at its log"


def _of_stream(error: openai.APIError) -> tuple[str, bool]:
    """An error that comes in the stream, behind a status of 200."""
    code = _code(error)
    if code in _NO_QUOTA:
        return f"has no quota left for this key ({code}); waiting does not help: {_BILLING}", False
    return f"gave up its answer{f' ({code})' if code else ''}; look at its log, or its status page", True


def _no_quota(error: openai.APIStatusError) -> bool:
    code = _code(error)
    if code in _NO_QUOTA or code == "rate_limit_exceeded":
        return code in _NO_QUOTA
    return "retry-after" not in error.response.headers and bool(_QUOTA_WORDS.search(_words(error)))


def _behind(code: str) -> str:
    return f", {code}" if code else ""


def _code(error: openai.APIError) -> str:
    """The error's code, or its type, where it is a plain word."""
    for value in (error.code, error.type):
        if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", value):
            return value
    return ""


def _words(error: openai.APIError) -> str:
    """What the server itself says."""
    body = error.body
    said = body.get("message", body.get("detail", "")) if isinstance(body, Mapping) else body
    return said if isinstance(said, str) and not said.lstrip().startswith("<") else ""  # a proxy's page says nothing


def _quoted(error: Exception, peer: Peer, private: Collection[str]) -> str:
    if not isinstance(error, openai.APIError) or isinstance(error, openai.AuthenticationError):
        return ""  # a refusal of the key quotes the key
    words = _words(error)
    parts = {text for text in private if len(text) >= _PRIVATE_CHARS}
    if any(text in words for text in parts) or any(n in text for n in _NUMBER.findall(words) for text in parts):
        return ""
    words = _QUOTE_BEGINS.split(words, maxsplit=1)[0]
    words = words.replace(peer.key, "…") if peer.key else words
    return _KEY_LIKE.sub("…", words)[:_QUOTED_CHARS].strip()
