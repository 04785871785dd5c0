"""Loading agents: one folder of prompts/ in, one AgentDefinition out, or every mistake in the folder told at once."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.agentfile import AgentSettings, check_agent
from agent.definition import AgentDefinition
from agent.errors import AgentError, LocalError
from agent.llm.flowfile import check_flow
from agent.overrides import override
from agent.tomlfile import Mistakes, Table, did_you_mean, read_table
from agent.tools.base import Tool
from agent.tools.builtin import BUILTIN_TOOLS

_PACKAGE = Path(__file__).resolve().parent
#: Engines that speak by a file, and so need no system.md.
_NO_PROMPT = frozenset({"flow", "synthetic"})


def agent_folders(search: Sequence[Path] = ()) -> list[Path]:
    """The folders of all agents there are, by name; of two with one name, the first found counts.

    Looked through in this order: the folders in `search`, then ./prompts of the clone, or agent/prompts of a wheel.
    """
    found: dict[str, Path] = {}
    for place in _places(search):
        for file in sorted(place.glob("*/agent.toml")):
            found.setdefault(file.parent.name, file.parent)
    return [found[name] for name in sorted(found)]


def _places(search: Sequence[Path]) -> list[Path]:
    packed, clone = _PACKAGE / "prompts", _PACKAGE.parent / "prompts"
    return [*search, packed if packed.is_dir() else clone]


def load_agent(
    name_or_folder: str, search: Sequence[Path] = (), settings: Sequence[str] = (), *, recorded: bool = False
) -> AgentDefinition:
    """Reads and checks an agent's folder, given by name or by path. `settings`: "key=value" over its agent.toml
    (agent/overrides.py). `recorded`: the name comes from a call's record, and is no path: an agent has code, and
    who hands us a recording shall not choose what runs here.

    Raises AgentError; its message has one line per mistake: `file:line: what is wrong; what to write instead`, or
    `--set key=value: …` for one of the settings.
    """
    folder = _find(name_or_folder, search, recorded)
    mistakes = Mistakes()
    top = read_table(folder / "agent.toml", mistakes)
    if top is not None:
        top = override(top, settings, mistakes)
    return _load(folder, top, mistakes)


def _load(folder: Path, top: Table | None, mistakes: Mistakes) -> AgentDefinition:
    http_tools = _http_tools(top) if top is not None else {}
    settings = check_agent(top, folder.resolve().name) if top is not None else None
    own = _load_tools(folder / "tools.py", mistakes)
    tools = {tool.name: tool for tool in BUILTIN_TOOLS} | http_tools | (own or {})
    for name in http_tools.keys() & (own or {}).keys():
        mistakes.add(folder / "tools.py", 0, f"agent.toml has an [[http_tool]] named {name!r} too; rename one of them")
    flow_file, flow = folder / "flow.toml", None
    if flow_file.is_file() or (settings is not None and settings.engines["llm"].engine == "flow"):
        flow = check_flow(flow_file, tools if own is not None else None, mistakes)
    if settings is None:
        mistakes.raise_if_any()
        raise AgentError(f"{folder / 'agent.toml'}: cannot be read")
    prompt, grammar = _texts(folder, settings, mistakes)
    mistakes.raise_if_any()
    return AgentDefinition(
        name=settings.name,
        folder=folder,
        language=settings.language,
        system_prompt=prompt,
        phrases=settings.phrases,
        stt=settings.engines["stt"],
        llm=settings.engines["llm"],
        tts=settings.engines["tts"],
        vad=settings.engines["vad"],
        turns=settings.turns,
        voicemail=settings.voicemail,
        think_ahead=settings.think_ahead,
        tools=tools,
        grammar=grammar,
        record=settings.record,
        notice=settings.notice,
        retain_days=settings.retain_days,
        transfer_to=settings.transfer_to,
        max_call_s=settings.max_call_s,
        sensitive_lengths=flow.sensitive_lengths() if flow is not None else (),
        asks=flow.questions() if flow is not None else (),
    )


def _http_tools(top: Table) -> dict[str, Tool]:
    if "http_tool" not in top:
        return {}
    from agent.tools.httpfile import check_http_tools  # an HTTP client is imported by those who have use for it

    return check_http_tools(top)


def _find(name_or_folder: str, search: Sequence[Path], recorded: bool) -> Path:
    folders = {folder.name: folder for folder in agent_folders(search)}
    if name_or_folder in folders:
        return folders[name_or_folder]
    if recorded:
        raise AgentError(
            f"there is no agent {name_or_folder[:80]!r} here, as the record names it; give its folder with --agent, "
            "or say in offhook.toml where your agents are (agents_dir)"
        )
    folder = Path(name_or_folder)
    if name_or_folder and os.path.isdir(folder):  # unlike Path's: False for a name that no file can have
        return folder
    advice = did_you_mean(name_or_folder, folders) if folders else "give the path of a folder that holds agent.toml"
    raise AgentError(f"there is no agent {name_or_folder!r}; {advice}")


def _texts(folder: Path, settings: AgentSettings, mistakes: Mistakes) -> tuple[str, Path | None]:
    """system.md, and the path of grammar.jsgf where there is one."""
    prompt = ""
    prompt_file, grammar = folder / "system.md", folder / "grammar.jsgf"
    if prompt_file.is_file():
        try:
            prompt = prompt_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            mistakes.add(prompt_file, 0, f"cannot be read ({error}); save it as UTF-8 text")
    engine = settings.engines["llm"].engine
    if not prompt and engine not in _NO_PROMPT:
        mistakes.add(prompt_file, 0, f"the engine {engine!r} needs instructions; write them into system.md")
    if grammar.is_file():
        return prompt, grammar
    if settings.engines["stt"].engine == "pocketsphinx":
        mistakes.add(
            grammar,
            0,
            'the engine "pocketsphinx" hears only what a grammar allows; write grammar.jsgf (JSGF 1.0), '
            "or name another [stt] engine in agent.toml",
        )
    return prompt, None


def _load_tools(file: Path, mistakes: Mistakes) -> dict[str, Tool] | None:
    """The tools of tools.py ({} where there is no such file), or None where it cannot be imported.

    Each file becomes a module under a name made from its whole path, so that two agents never clash.
    """
    if not file.is_file():
        return {}
    path = file.resolve()
    name = f"offhook_tools_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        mistakes.add(file, 0, "cannot be imported; give it Python text")
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic resolves annotations through it
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        mistakes.add(file, error.lineno or 0, f"this is not valid Python: {error.msg}")
        return None
    except Exception as error:  # noqa: BLE001 - another's code may raise anything; it becomes a told mistake
        what = str(error) if isinstance(error, LocalError) else f"importing failed with {type(error).__name__}: {error}"
        mistakes.add(file, _line_in(path, error), what)
        return None
    return _tools_of(vars(module), file, mistakes)


def _line_in(path: Path, error: BaseException) -> int:
    """The last line of `path` that the traceback goes through, 0 if none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] or 0) if lines else 0


def _tools_of(names: Mapping[str, object], file: Path, mistakes: Mistakes) -> dict[str, Tool]:
    tools: dict[str, Tool] = {}
    for value in names.values():
        if not isinstance(value, Tool):
            continue
        if tools.get(value.name, value) is not value:
            line = value.function.__code__.co_firstlineno if hasattr(value.function, "__code__") else 0
            mistakes.add(file, line, f"there are two tools named {value.name!r}; give each function its own name")
        tools[value.name] = value
    return tools
