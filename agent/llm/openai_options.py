"""The options of the engine "openai", and what follows from them: where it asks, with which key, for what."""

from __future__ import annotations

import os
import re
from dataclasses import field
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.dataclasses import dataclass

from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.errors import LocalError
from agent.llm.openai_errors import Peer

OPENAI_URL = "https://api.openai.com/v1"
#: What is sent where a server of one's own wants no key: the SDK insists on some.
NO_KEY = "none"
#: Its servers refuse the older name for newer models; others may not know the new one (telephony-facts F2).
_NEW_FIELD_HOSTS = ("openai.com", "openai.azure.com")
#: What the engine itself writes into a request.
_OURS = frozenset({"model", "messages", "tools", "stream"})


_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [llm] may say for this engine."""

    model: Annotated[str, Field(min_length=1)]
    base_url: str = ""
    """The server, to the part before /chat/completions. Empty: OPENAI_BASE_URL, or OpenAI."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key."""
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_tokens_field: Literal["", "max_tokens", "max_completion_tokens"] = ""
    """The field's name for this server; empty: by its host."""
    reasoning_effort: str = ""
    extra_body: dict[str, Any] = field(default_factory=dict)
    """More fields of the request, as this server knows them."""
    context_tokens: Annotated[int, Field(ge=500)] = 16_000
    """What a request may hold; what is said aloud in half an hour has about 10,000 (agent/llm/context_budget.py)."""
    strict_roles: bool = False
    """The model's chat template takes caller and agent in turn only, the caller first (Gemma, Mistral)."""
    keep_alive_s: Annotated[float, Field(ge=0)] = 30.0
    """While calls are up, the server is asked for something small at this interval; 0: never."""


def options_of(agent: AgentDefinition, given: dict[str, Any]) -> Options:
    """The options as agent.toml gives them. Raises LocalError."""
    options = read_options(Options, agent, "llm", "openai", given)
    where = f'{agent.folder / "agent.toml"}: [llm] engine "openai"'
    if not _VARIABLE.fullmatch(options.api_key_env):  # not told: it may be the key itself
        raise LocalError(f'{where}: api_key_env names an environment variable, in capitals; write "OPENAI_API_KEY"')
    taken = sorted(_OURS & set(options.extra_body))
    if taken:
        raise LocalError(f"{where}: extra_body cannot hold {', '.join(taken)}; the engine writes these itself")
    if options.base_url:
        _check_url(options.base_url, f"{where}: base_url")
    return options


def peer_of(options: Options) -> Peer:
    """The server and its key, from options and environment. Raises LocalError where a key is missing or cannot be."""
    given = options.base_url or os.environ.get("OPENAI_BASE_URL", "")
    if not options.base_url and given:
        _check_url(given, "the environment variable OPENAI_BASE_URL")
    where = (given or OPENAI_URL).rstrip("/")
    key = os.environ.get(options.api_key_env, "").strip()
    if not key and (options.api_key_env != "OPENAI_API_KEY" or where == OPENAI_URL):
        raise LocalError(f'engine "openai": {options.api_key_env} is not set; put the key of {where} into it')
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise LocalError(
            f'engine "openai": {options.api_key_env} holds a space or a sign that no key has; copy it anew'
        )
    return Peer(where, options.model, options.api_key_env, key or NO_KEY)


def body_of(options: Options, peer: Peer) -> dict[str, Any]:
    """The fields of every request that come from the options."""
    body: dict[str, Any] = {}
    if options.temperature is not None:
        body["temperature"] = options.temperature
    if options.reasoning_effort:
        body["reasoning_effort"] = options.reasoning_effort
    if options.max_tokens is not None:
        host = urlsplit(peer.where).hostname or ""
        new = any(host == known or host.endswith(f".{known}") for known in _NEW_FIELD_HOSTS)
        body[options.max_tokens_field or ("max_completion_tokens" if new else "max_tokens")] = options.max_tokens
    return body | options.extra_body


def _check_url(url: str, what: str) -> None:
    """Raises LocalError without the address: it may hold a password."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        secret = bool(parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        fits, secret = False, False
    if not fits:
        raise LocalError(f'{what} is no address; write one such as "http://localhost:8000/v1"')
    if secret:
        raise LocalError(f"{what} holds a user or a query; write the address alone, and the key into the environment")
