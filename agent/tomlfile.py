"""TOML with line-true mistakes: reads a file, hands out checked values, and collects every mistake with file and line.

`tomllib` forgets where a key stood, so a small scan of the text finds the lines again (`key_lines`).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.errors import AgentError

KeyPath = tuple[str, ...]

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_KEY_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")
_TABLE = re.compile(r"\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)|\s*\(at end of document\)")


def _parts(dotted: str) -> KeyPath:
    return tuple(a or b or c for a, b, c in _KEY_PART.findall(dotted))


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) on which each table and key of a valid TOML text stands."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}  # of [[tables]] of one name, so far
    depth = 0  # open brackets of an array that goes over several lines
    fence = ""  # the triple quote we are inside of
    for number, line in enumerate(text.splitlines(), start=1):
        rest = line
        if not fence and depth == 0:
            if match := _TABLE.match(line):
                table = _numbered(_parts(match[1]), counts, another=line.lstrip().startswith("[["))
                for n in range(1, len(table) + 1):
                    lines.setdefault(table[:n], number)
                continue
            if match := _KEY.match(line):
                path = table + _parts(match[1])
                for n in range(len(table) + 1, len(path) + 1):
                    lines.setdefault(path[:n], number)
                rest = line[match.end() :]
        depth, fence = _skip_value(rest, depth, fence)
    return lines


def _numbered(path: KeyPath, counts: dict[KeyPath, int], *, another: bool) -> KeyPath:
    """The path with the number (from 0) of each [[table]] in it behind its name: ("http_tool", "1", "headers")."""
    numbered: KeyPath = ()
    for at, part in enumerate(path, start=1):
        numbered = (*numbered, part)
        if another and at == len(path):
            counts[numbered] = counts.get(numbered, -1) + 1
        if numbered in counts:
            numbered = (*numbered, str(counts[numbered]))
    return numbered


def _skip_value(rest: str, depth: int, fence: str) -> tuple[int, str]:
    """After this much of a value: how deep in brackets we are, and inside which triple quote."""
    while rest:
        if fence:
            _, found, rest = rest.partition(fence)
            if not found:
                return depth, fence
            fence = ""
        starts = [(at, quote) for quote in ('"""', "'''") if (at := rest.find(quote)) >= 0]
        plain, fence, rest = rest.partition(min(starts)[1]) if starts else (rest, "", "")
        plain = _STRINGS.sub("", plain).partition("#")[0]
        depth = max(0, depth + plain.count("[") - plain.count("]"))
    return depth, fence


class Mistakes:
    """Everything found wrong in an agent's folder, so that it can be told all at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, file: Path | str, line: int, text: str) -> None:
        """A mistake in `file`; `line` 0 means the file as a whole (it is missing, say), or that it is no file."""
        self._found.append((str(file), line, text))

    def raise_if_any(self) -> None:
        """Raises AgentError, one line per mistake: `file:line: what is wrong; what to write instead`."""
        if self._found:
            told = [f"{file}:{line}: {text}" if line else f"{file}: {text}" for file, line, text in sorted(self._found)]
            raise AgentError("\n".join(told))


def read_table(file: Path, mistakes: Mistakes) -> Table | None:
    """The file's top table, or None where it cannot be read (told to `mistakes`)."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        mistakes.add(file, 0, "this file is missing; write it (prompts/parcel-desk holds an example)")
        return None
    except (OSError, UnicodeDecodeError) as error:
        mistakes.add(file, 0, f"cannot be read ({error}); save it as UTF-8 text")
        return None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _AT_LINE.search(str(error))
        line = int(match[1]) if match and match[1] else len(text.splitlines())
        what = _AT_LINE.sub("", str(error))
        mistakes.add(file, line, f'this is not valid TOML: {what}; texts stand in double quotes, as in key = "text"')
        return None
    except (RecursionError, ValueError):  # brackets in brackets by the thousand, a number of thousands of digits
        mistakes.add(file, 0, "this is TOML that nobody writes: nested too deep, or a number too long; write it anew")
        return None
    return Table(file, (), data, key_lines(text), mistakes)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of what there is."""
    choices = list(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(sorted(choices))}" if choices else "nothing may stand here"


_KINDS = {str: "a text in double quotes", int: "a whole number", bool: "true or false", float: "a number"}


class Table:
    """One table of a TOML file. Getters check values and tell mistakes; `done` tells the keys nobody asked for."""

    def __init__(
        self,
        file: Path,
        path: KeyPath,
        data: Mapping[str, Any],
        lines: Mapping[KeyPath, int],
        mistakes: Mistakes,
        settings: Mapping[KeyPath, str] | None = None,
    ) -> None:
        """`settings` names what does not come from the file (agent/overrides.py)."""
        self.file = file
        self.path = path
        self.data = data
        self._lines = lines
        self._mistakes = mistakes
        self._settings = settings or {}
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def line(self, key: str = "") -> int:
        """Where `key`, or else this table, stands."""
        path = (*self.path, key) if key else self.path
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def wrong(self, key: str, text: str) -> None:
        """Tell a mistake at `key` ("" means at the table)."""
        setting = self._setting_of(key)
        if setting:
            self._mistakes.add(setting, 0, text)
        else:
            self._mistakes.add(self.file, self.line(key), text)

    def overridden(self, data: Mapping[str, Any], settings: Mapping[KeyPath, str]) -> Table:
        """This table with other contents, of which `settings` tells by path what is not in the file, and its name."""
        return Table(self.file, self.path, data, self._lines, self._mistakes, settings)

    def _setting_of(self, key: str) -> str:
        """The setting that put what stands at `key` ("": this table) there; "" if it is from the file."""
        path = (*self.path, key) if key else self.path
        for end in range(len(path), 0, -1):
            if path[:end] in self._settings:
                return self._settings[path[:end]]
        if not key or path in self._lines:
            return ""
        return next((name for place, name in self._settings.items() if place[: len(path)] == path), "")

    def _name(self, key: str) -> str:
        return ".".join((*self.path, key))

    def _value(self, key: str, kind: type, required: bool) -> Any:
        self._known.add(key)
        if key not in self.data:
            if required:
                where = f"[{'.'.join(self.path)}]" if self.path else "the top of the file"
                self.wrong("", f"{key!r} is missing in {where}; add {key} = {_EXAMPLES[kind]}")
            return None
        value = self.data[key]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            self.wrong(key, f"{self._name(key)} must be {_KINDS[kind]}, not {_shown(value)}")
            return None
        return value

    def text(self, key: str, default: str | None = None, *, choices: tuple[str, ...] = (), empty: bool = False) -> str:
        """A text; required where `default` is None; one of `choices` where there are any."""
        value = self._value(key, str, default is None)
        if value is None:
            return default or ""
        if choices and value not in choices:
            self.wrong(key, f"{self._name(key)} is {value!r}; {did_you_mean(value, choices)}")
            return default or choices[0]
        if not empty and not value.strip():
            self.wrong(key, f"{self._name(key)} is empty; write a text, or take the line out")
        return str(value)

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._value(key, int, False)
        if value is None:
            return default
        if not low <= value <= high:
            self.wrong(key, f"{self._name(key)} is {value}; write a whole number from {low} to {high}")
            return default
        return int(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false."""
        value = self._value(key, bool, False)
        return default if value is None else bool(value)

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; required ones must not be empty."""
        self._known.add(key)
        value = self.data.get(key)
        if value is None:
            if required:
                self.wrong("", f'{key!r} is missing in [{".".join(self.path)}]; add {key} = ["text", "text"]')
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            self.wrong(key, f'{self._name(key)} must be a list of texts, as in ["text", "text"], not {_shown(value)}')
            return ()
        return tuple(value)

    def table(self, key: str) -> Table:
        """A table below this one; an empty one where it is not in the file."""
        self._known.add(key)
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, f"{self._name(key)} must be a table: write [{self._name(key)}] above its keys")
            value = {}
        return Table(self.file, (*self.path, key), value, self._lines, self._mistakes, self._settings)

    def list_of_tables(self, key: str) -> list[Table]:
        """The tables that stand as [[key]], in order; none where there are none."""
        self._known.add(key)
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.wrong(key, f"{self._name(key)} must be tables: write [[{self._name(key)}]] above the keys of each")
            return []
        return [
            Table(self.file, (*self.path, key, str(at)), each, self._lines, self._mistakes, self._settings)
            for at, each in enumerate(value)
        ]

    def tables(self) -> dict[str, Table]:
        """Every key of this table, each of which must be a table itself, by name."""
        return {key: self.table(key) for key in self.data}

    def mapping(self, key: str) -> dict[str, str]:
        """An inline table of texts: { a = "x", b = "y" }."""
        below = self.table(key)
        return {name: below.text(name) for name in below.data}

    def rest(self) -> dict[str, Any]:
        """Whatever was not asked for: options that another part checks."""
        options = {key: value for key, value in self.data.items() if key not in self._known}
        self._known.update(options)
        return options

    def done(self) -> None:
        """Tell every key that nobody asked for."""
        for key in self.data:
            if key not in self._known:
                kind = "table" if isinstance(self.data[key], dict) else "key"
                self.wrong(key, f"unknown {kind} {self._name(key)!r}; {did_you_mean(key, self._known)}")


_EXAMPLES = {str: '"…"', int: "1", bool: "true", float: "1.0"}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"the flag {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) < 40 else "a text"
    return "a list" if isinstance(value, list) else "a table" if isinstance(value, dict) else f"{value}"
