"""Loading agents: what a folder says, and every mistake in it by file and line, with what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.agents import agent_folders, load_agent
from agent.errors import AgentError
from agent.tomlfile import key_lines

AGENTS = Path(__file__).parent / "agents"
GOOD = '[agent]\nname = "desk"\n\n[phrases]\ngreeting = "Hello."\n\n[stt]\nengine = "synthetic"\n'
FLOW = '[intents.bye]\nheard = ["bye"]\ntool = "hang_up"\n'
TOOLS = """
from agent.tools.base import ToolContext
from agent.tools.decorator import tool

@tool(effect="read")
def look(ctx: ToolContext, what: str) -> dict[str, str]:
    \"\"\"Look.\"\"\"
    return {"what": what}
"""


def make(folder: Path, agent: str = GOOD, flow: str | None = FLOW, tools: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "agent.toml").write_text(agent)
    if flow is not None:
        (folder / "flow.toml").write_text(flow)
    if tools is not None:
        (folder / "tools.py").write_text(tools)
    return folder


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(AgentError) as told:
        load_agent(str(folder))
    return str(told.value).replace(f"{folder}/", "").splitlines()


def test_parcel_desk() -> None:
    agent = load_agent("parcel-desk")
    assert agent.record == "full"
    assert agent.grammar is not None
    assert agent.llm.engine == "flow"
    assert "find_order" in agent.tools
    assert "hang_up" in agent.tools
    assert "cancel_order" in agent.system_prompt
    assert agent.tools["cancel_order"].effect == "irreversible"


def test_a_second_agent_is_a_second_folder() -> None:
    agent = load_agent("opening-hours", [AGENTS])
    assert agent.name == "opening-hours"
    assert set(agent.tools) == {"hang_up", "transfer_to_person", "send_keys", "take_message"}
    names = [folder.name for folder in agent_folders([AGENTS])]
    assert names == sorted(names)
    assert {"opening-hours", "parcel-desk"} <= set(names)


def test_by_path_and_options(tmp_path: Path) -> None:
    folder = make(tmp_path / "desk", GOOD + "words_ms = 50\n[turns]\ntrailing_ms = 700\n")
    agent = load_agent(str(folder))
    assert agent.stt.options == {"words_ms": 50}
    assert agent.turns.trailing_ms == 700
    assert agent.turns.barge_in_ms == 64


def test_unknown_agent() -> None:
    with pytest.raises(AgentError, match="did you mean 'parcel-desk'"):
        load_agent("parcel-deks")


def test_two_agents_tools_do_not_clash(tmp_path: Path) -> None:
    one = load_agent(str(make(tmp_path / "a", tools=TOOLS)))
    two = load_agent(str(make(tmp_path / "b", tools=TOOLS.replace("Look.", "Look twice."))))
    assert one.tools["look"].description == "Look."
    assert two.tools["look"].description == "Look twice."
    assert one.tools["look"].function.__module__ != two.tools["look"].function.__module__


AGENT_TOML = [
    ("[agent]\nretain_day = 3\n", "agent.toml:2:", "did you mean 'retain_days'?"),
    ('[agent]\nname = "A B"\n', "agent.toml:2:", "small letters"),
    ("[agent]\nmax_call_s = 1\n", "agent.toml:2:", "from 10 to 86400"),
    ('[agent]\nmax_call_s = "1"\n', "agent.toml:2:", "must be a whole number, not the text '1'"),
    ("[agent]\nmax_call_s = true\n", "agent.toml:2:", "not the flag true"),
    ('[agent]\nrecord = "ful"\n', "agent.toml:2:", "did you mean 'full'?"),
    ('[agent]\nnotice = "allways"\n', "agent.toml:2:", "did you mean 'always'?"),
    ('[phrases]\nrecording_notice = " "\n', "agent.toml:2:", "phrases.recording_notice is empty"),
    ('[agent]\ntransfer_to = "0800"\n', "agent.toml:2:", "+15550100"),
    ('[voicemail]\nthen = "hangup"\n', "agent.toml:2:", "did you mean 'hang_up'?"),
    ('[voicemail]\nthen = "message"\n', "agent.toml:2:", "write message = "),
    ('[voicemail]\nmessage = " "\nthen = "message"\n', "agent.toml:2:", "write message = "),
    ('[voicemail]\nmessage = "Hello."\n', "agent.toml:2:", 'write then = "message"'),
    ("[voicemail]\nthem = 1\n", "agent.toml:2:", "did you mean 'then'?"),
    ("[phrase]\n", "agent.toml:1:", "did you mean 'phrases'?"),
    ("agent = 3\n", "agent.toml:1:", "write [agent]"),
    ('[phrases]\ngreeting = ""\n', "agent.toml:2:", "empty"),
    ("[phrases]\n", "agent.toml:1:", "'greeting' is missing in [phrases]; add greeting ="),
    ("\n[turns]\n# comment\ntrailing_ms = 5\n", "agent.toml:4:", "from 100 to 5000"),
    ('[agent]\nname = "x\n', "agent.toml:2:", "not valid TOML"),
    ('[agent]\nname = "x"\nname = "y"\n', "agent.toml:3:", "not valid TOML"),
    ('[stt]\nengine = "pocketsphinx"\n', "grammar.jsgf:", "write grammar.jsgf"),
    ('[llm]\nengine = "openai"\n', "system.md:", "system.md"),
]


@pytest.mark.parametrize(("text", "where", "advice"), AGENT_TOML)
def test_mistakes_in_agent_toml(text: str, where: str, advice: str, tmp_path: Path) -> None:
    told = [line for line in mistakes(make(tmp_path / "desk", text)) if advice in line]
    assert told, mistakes(tmp_path / "desk")
    assert told[0].startswith(where)


TOOLS_PY = [
    ("x = 1\ndef (:\n", "2", "not valid Python"),
    ("import os\n\nimport nowhere_at_all\n", "3", "No module named 'nowhere_at_all'"),
    (TOOLS.replace('"""Look."""', ""), "5", "has no docstring"),
    (TOOLS.replace("what: str", "what"), "5", "what has no type"),
    (TOOLS.replace("ctx: ToolContext, ", ""), "5", "the first parameter must be the context"),
    (TOOLS.replace('"read"', '"reed"'), "5", "write one of read, write, irreversible"),
    (TOOLS.replace("what: str", "what: Nope"), "6", "'Nope' is not defined"),
    (TOOLS.replace("what: str", "what: 'Nope'"), "5", "import the name, or correct the type"),
    (TOOLS.replace("what: str", "*what: str"), "5", "named parameters"),
    (TOOLS.replace("what: str", "what: object()"), "", "tool"),
]


@pytest.mark.parametrize(("text", "line", "advice"), TOOLS_PY)
def test_mistakes_in_tools_py(text: str, line: str, advice: str, tmp_path: Path) -> None:
    told = mistakes(make(tmp_path / "desk", tools=text))
    assert any(each.startswith(f"tools.py:{line}") and advice in each for each in told), told


def test_all_mistakes_are_told_together(tmp_path: Path) -> None:
    folder = make(
        tmp_path / "desk", "[agent]\nnam = 1\nlanguage = 2\n", FLOW.replace("hang_up", "hang"), "import nope\n"
    )
    told = mistakes(folder)
    assert [re.sub(r": .*", "", line) for line in told] == [
        "agent.toml:1",
        "agent.toml:2",
        "agent.toml:3",
        "grammar.jsgf",
        "tools.py:1",
    ]
    (folder / "tools.py").unlink()
    assert any(line.startswith("flow.toml:3: there is no tool 'hang'") for line in mistakes(folder))


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    assert any("agent.toml: this file is missing" in line for line in mistakes(tmp_path / "desk"))
    folder = make(tmp_path / "two", flow=None)
    assert any("flow.toml: this file is missing" in line for line in mistakes(folder))


def test_key_lines() -> None:
    text = (
        'top = 1\n[a]\nb = """\n[not.a.table]\nc = 1\n"""\nd = [\n  "x]", # ]\n  2,\n]\ne.f = 2\n["q r".s]\nt = "#"\n'
        "[[u]]\nv = 1\n[u.w]\nx = 1\n[[u]]\nv = 2\n"
    )
    lines = {".".join(path): line for path, line in key_lines(text).items()}
    assert lines == {
        "top": 1, "a": 2, "a.b": 3, "a.d": 7, "a.e": 11, "a.e.f": 11, "q r": 12, "q r.s": 12, "q r.s.t": 13,
        "u": 14, "u.0": 14, "u.0.v": 15, "u.0.w": 16, "u.0.w.x": 17, "u.1": 18, "u.1.v": 19,
    }  # fmt: skip


def test_the_grammar_uses_words_the_dictionary_has() -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx")
    dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text().splitlines()
    known = {line.split(maxsplit=1)[0] for line in dictionary if line}
    grammar = load_agent("parcel-desk").grammar
    assert grammar is not None
    text = re.sub(r"/\*.*?\*/", "", grammar.read_text(), flags=re.DOTALL)
    text = text.split(";", 2)[2]  # past the header and the grammar's name
    used = set(re.findall(r"[a-z']+", re.sub(r"<[^>]*>|public|/\d+/", " ", text)))
    assert len(used) > 60
    assert not used - known
