"""Settings over agent.toml: what they may be, and how a mistake in one is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.agents import load_agent
from agent.definition import AgentDefinition
from agent.errors import AgentError
from agent.overrides import SHOWN_CHARS, override
from agent.tomlfile import Mistakes, Table
from tests.agent.test_agents import make


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("turns.trailing_ms=750", lambda agent: agent.turns.trailing_ms, 750),
        (" turns.trailing_ms = 750 ", lambda agent: agent.turns.trailing_ms, 750),
        ("llm.engine=synthetic", lambda agent: agent.llm.engine, "synthetic"),
        ('llm.engine="synthetic"', lambda agent: agent.llm.engine, "synthetic"),
        ('phrases.greeting="Hi"', lambda agent: agent.phrases.greeting, "Hi"),
        ("phrases.greeting=Good morning. It's open!", lambda agent: agent.phrases.greeting, "Good morning. It's open!"),
        ("phrases.greeting=a = b", lambda agent: agent.phrases.greeting, "a = b"),
        ("stt.speed=2.5", lambda agent: agent.stt.options, {"speed": 2.5}),
        ("stt.words.four=4", lambda agent: agent.stt.options, {"words": {"four": 4}}),
        ("record=full", lambda agent: agent.record, None),
        ("agent.record=full", lambda agent: agent.record, "full"),
        ("turns={trailing_ms = 900}", lambda agent: agent.turns.trailing_ms, 900),
    ],
)
def test_a_setting_lies_over_the_file(
    tmp_path: Path, setting: str, value: Callable[[AgentDefinition], object], expected: object
) -> None:
    folder = make(tmp_path / "desk")
    if expected is None:
        with pytest.raises(AgentError, match=r"^--set record=full: unknown key 'record'"):
            load_agent(str(folder), settings=[setting])
    else:
        assert value(load_agent(str(folder), settings=[setting])) == expected


def test_of_two_for_one_key_the_last_counts(tmp_path: Path) -> None:
    folder = make(tmp_path / "desk")
    agent = load_agent(str(folder), settings=["turns.trailing_ms=700", "turns.trailing_ms=800", "turns.barge_in_ms=90"])
    assert (agent.turns.trailing_ms, agent.turns.barge_in_ms) == (800, 90)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "turns.trailing_mss=1",
            "--set turns.trailing_mss=1: unknown key 'turns.trailing_mss'; did you mean 'trailing_ms'?",
        ),
        (
            "turns.trailing_ms=1",
            "--set turns.trailing_ms=1: turns.trailing_ms is 1; write a whole number from 100 to 5000",
        ),
        (
            "turns.trailing_ms=soon",
            "--set turns.trailing_ms=soon: turns.trailing_ms must be a whole number, not the text 'soon'",
        ),
        ("turn.trailing_ms=700", "--set turn.trailing_ms=700: unknown table 'turn'; did you mean 'turns'?"),
        ("agent.record=ful", "--set agent.record=ful: agent.record is 'ful'; did you mean 'full'?"),
        (
            "agent.transfer_to=+15550100",
            "--set agent.transfer_to=+15550100: "
            "agent.transfer_to must be a text in double quotes, not the number 15550100",
        ),
        ("trailing_ms", "--set trailing_ms: no setting; write key=value, as in turns.trailing_ms=750"),
        ("=750", "--set =750: no setting; write key=value, as in turns.trailing_ms=750"),
        ("turns..x=1", "--set turns..x=1: no setting; write key=value, as in turns.trailing_ms=750"),
        ("agent.name.first=x", "--set agent.name.first=x: agent.name is a value, and has nothing below it"),
        ("stt=vosk", "--set stt=vosk: stt is a table; name a key in it, as in stt.engine=…"),
        ("phrases.greeting=", "--set phrases.greeting=: phrases.greeting is empty; write a text, or take the line out"),
        (
            "turns.trailing_ms=700\nmax = 1",
            "--set turns.trailing_ms=700\nmax = 1: "
            "turns.trailing_ms must be a whole number, not the text '700\\nmax = 1'",
        ),
    ],
)
def test_a_mistake_in_a_setting_is_told_in_its_name(tmp_path: Path, setting: str, told: str) -> None:
    folder = make(tmp_path / "desk")
    with pytest.raises(AgentError) as error:
        load_agent(str(folder), settings=[setting])
    assert str(error.value) == told


def test_a_mistake_in_the_file_is_still_told_with_its_line(tmp_path: Path) -> None:
    folder = make(tmp_path / "desk", '[agent]\nname = "desk"\nrecord = 1\n\n[stt]\nengine = "synthetic"\n')
    with pytest.raises(AgentError) as error:
        load_agent(str(folder), settings=["phrases.still_there=Hm?", "turns.x=1"])
    told = str(error.value).replace(f"{folder}/", "").splitlines()
    assert told[0].startswith("--set turns.x=1: unknown key 'turns.x'")
    assert any(line.startswith("agent.toml:3: agent.record must be a text") for line in told)
    assert any(line.startswith("agent.toml:1: 'greeting' is missing in [phrases]") for line in told)


def test_a_long_setting_is_shown_short(tmp_path: Path) -> None:
    folder = make(tmp_path / "desk")
    with pytest.raises(AgentError) as error:
        load_agent(str(folder), settings=["phrases.x=" + "y" * 10_000])
    assert len(str(error.value).split(": unknown")[0]) <= SHOWN_CHARS + len("--set ")


@given(st.lists(st.one_of(st.text(), st.from_regex(r"[a-z.]{1,8}=[\[\]{}\"'0-9a-z.\n= ]{0,12}", fullmatch=True))))
@example(["a=" + "[" * 5000])
@example(["a.b=1", "a=2", "a={}", "a.b.c=1"])
def test_anything_may_be_given(settings: list[str]) -> None:
    mistakes = Mistakes()
    data = {"a": {"b": "kept"}, "c": 1}
    top = override(Table(Path("agent.toml"), (), data, {}, mistakes), settings, mistakes)
    assert data == {"a": {"b": "kept"}, "c": 1}
    assert isinstance(top.table("a"), Table)
