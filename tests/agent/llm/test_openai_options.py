"""The options of the engine "openai": what follows from them, and what is refused, without a secret in the message."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.agents import load_agent
from agent.definition import EngineChoice
from agent.errors import LocalError, MissingExtra
from agent.kit import make_engine
from agent.llm.openai_options import NO_KEY, OPENAI_URL, Options, body_of, options_of, peer_of
from tests.agent.support import make_agent

PARCEL_DESK = Path(__file__).parents[3] / "prompts" / "parcel-desk"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_an_agent_changes_engines_in_agent_toml_alone(tmp_path: Path) -> None:
    folder = shutil.copytree(PARCEL_DESK, tmp_path / "desk", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "agent.toml"
    lines = ['engine = "openai"', 'model = "m"', 'base_url = "http://localhost:8000/v1"', "temperature = 0"]
    text = file.read_text(encoding="utf-8").replace('engine = "flow"', "\n".join(lines))
    file.write_text(text, encoding="utf-8")
    agent = load_agent(str(folder))
    engine = make_engine("llm", agent.llm, agent)
    assert (engine.name, engine.remote) == ("openai", True)
    assert "no markdown" in agent.system_prompt


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, '"model": Field required. It takes'),
        ({"model": ""}, "at least 1 character"),
        ({"model": "m", "temprature": 1}, "temprature"),
        ({"model": "m", "temperature": 3.0}, "less than or equal to 2"),
        ({"model": "m", "context_tokens": 10}, "greater than or equal to 500"),
        ({"model": "m", "api_key_env": "sk-secret"}, "api_key_env"),
        ({"model": "m", "api_key_env": "gsk_secret"}, "api_key_env"),
        ({"model": "m", "base_url": "localhost:8000"}, 'base_url is no address; write one such as "http'),
        ({"model": "m", "base_url": "http://x:99999/v1"}, "base_url is no address"),
        ({"model": "m", "base_url": "http://user:secret@x/v1"}, "write the address alone"),
        ({"model": "m", "base_url": "http://x/v1?key=secret"}, "write the address alone"),
        ({"model": "m", "extra_body": {"messages": [], "seed": 1}}, "extra_body cannot hold messages"),
    ],
)
def test_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(LocalError) as refused:
        make_engine("llm", EngineChoice("openai", options), make_agent())
    assert told in str(refused.value)
    assert "agent.toml" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_where_and_with_which_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalError, match="OPENAI_API_KEY is not set"):
        peer_of(Options("m"))
    local = peer_of(Options("m", "http://localhost:8000/v1/"))
    assert (local.where, local.key) == ("http://localhost:8000/v1", NO_KEY)
    with pytest.raises(LocalError, match="GROQ_API_KEY is not set"):
        peer_of(Options("m", "http://localhost:8000/v1", api_key_env="GROQ_API_KEY"))
    monkeypatch.setenv("OPENAI_API_KEY", " sk-1234567890 \n")
    peer = peer_of(Options("m"))
    assert (peer.where, peer.key) == (OPENAI_URL, "sk-1234567890")
    assert "1234567890" not in repr(peer)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://llm:8000/v1")
    assert peer_of(Options("m")).where == "http://llm:8000/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://u:hidden@llm:8000/v1")
    with pytest.raises(LocalError, match="OPENAI_BASE_URL") as refused:
        peer_of(Options("m"))
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("key", ["sk-one two", "sk-é", "sk-\x01"])
def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(LocalError, match="copy it anew") as refused:
        peer_of(Options("m"))
    assert "sk-" not in str(refused.value)


def test_the_fields_of_a_request() -> None:
    def body(**options: Any) -> dict[str, Any]:
        given = {"base_url": "http://x/v1"} | options
        read = options_of(make_agent(), {"model": "m", **given})
        return body_of(read, peer_of(read))

    assert body() == {}
    assert body(temperature=0.0, reasoning_effort="low") == {"temperature": 0.0, "reasoning_effort": "low"}
    assert body(max_tokens=9) == {"max_tokens": 9}
    assert body(max_tokens=9, base_url="https://eu.api.openai.com/v1") == {"max_completion_tokens": 9}
    assert body(max_tokens=9, base_url="https://notopenai.com/v1") == {"max_tokens": 9}
    assert body(max_tokens=9, max_tokens_field="max_completion_tokens") == {"max_completion_tokens": 9}
    assert body(temperature=1.0, extra_body={"seed": 4, "temperature": 0.5}) == {"seed": 4, "temperature": 0.5}


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "agent.llm.openai_chat", raising=False)
    with pytest.raises(MissingExtra, match=r"offhook\[openai\]"):
        importlib.import_module("agent.llm.openai_chat")
