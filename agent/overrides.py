"""Settings over an agent's file, as "key=value": what a run of a call tries out without writing it down.

`turns.trailing_ms=750`, `llm.engine=synthetic`, `phrases.greeting=Good morning.` A value is read as TOML, and where it
is none, taken as a text. A mistake in a setting is told as one in the file is, but in its own name.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from agent.tomlfile import KeyPath, Mistakes, Table

OPTION = "--set"
"""As people give a setting."""
SHOWN_CHARS = 80

_SETTING = re.compile(r"\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*=(.*)", re.DOTALL)


def override(top: Table, settings: Sequence[str], mistakes: Mistakes) -> Table:
    """The table with `settings` over what it holds, the last of two for one key. What is no setting is told to
    `mistakes`."""
    data = copy.deepcopy(dict(top.data))
    names: dict[KeyPath, str] = {}
    for setting in settings:
        name = setting_name(setting)
        match = _SETTING.fullmatch(setting)
        if match is None:
            mistakes.add(name, 0, "no setting; write key=value, as in turns.trailing_ms=750")
            continue
        path: KeyPath = tuple(match[1].split("."))
        value = _value(match[2].strip())
        wrong = _put(data, path, value)
        if wrong:
            mistakes.add(name, 0, wrong)
        else:
            names[path] = name
    return top.overridden(data, names)


def setting_name(setting: str) -> str:
    """How a setting is named in a message."""
    shown = setting if len(setting) <= SHOWN_CHARS else f"{setting[: SHOWN_CHARS - 1]}…"
    return f"{OPTION} {shown}"


def _value(written: str) -> Any:
    try:
        read = tomllib.loads(f"value = {written}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return written
    # "1\nother = 2" is valid TOML too, but no value.
    return read["value"] if read.keys() == {"value"} else written


def _put(data: dict[str, Any], path: KeyPath, value: Any) -> str:
    """Put a value into its place; why not, if there is none."""
    for depth, key in enumerate(path[:-1], start=1):
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            return f"{'.'.join(path[:depth])} is a value, and has nothing below it"
    before = data.get(path[-1])
    if isinstance(before, Mapping) and not isinstance(value, Mapping):
        return f"{'.'.join(path)} is a table; name a key in it, as in {'.'.join(path)}.{next(iter(before), 'key')}=…"
    data[path[-1]] = value
    return ""
