"""Tables that a TOML file may hold any number of, as [[line]]: each with the lines of its own keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.tomlfile import KeyPath, Mistakes, Table, key_lines

_HEAD = re.compile(r"\s*\[\[\s*([A-Za-z_-]+)\s*\]\]")


class Entry(Table):
    """One [[section]] of the file."""

    def numbers(self, key: str, low: int, high: int, most: int) -> tuple[int, ...]:
        """A list of whole numbers, required."""
        self._known.add(key)
        value = self.data.get(key)
        whole = isinstance(value, list) and all(isinstance(each, int) and low <= each <= high for each in value)
        if not whole or not value or len(value) > most:
            what = "is missing" if value is None else "cannot be that"
            self.wrong(key if key in self.data else "", f"{key} {what}; write a list of {low} to {high}, as [0, 1, 0]")
            return (0,)
        return tuple(int(each) for each in value)

    def made(self, key: str) -> Entry | None:
        """An inline table that says how a list is made by chance; None where there is none."""
        value = self.data.get(key)
        if not isinstance(value, dict):
            return None
        self._known.add(key)
        return Entry(self.file, (*self.path, key), value, self._lines, self._mistakes)

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number, whole or not."""
        self._known.add(key)
        value = self.data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.wrong(key, f"{key} is {value!r}; write a number from {low:g} to {high:g}")
            return default
        return float(value)


def entries_of(file: Path, top: Table, sections: Sequence[str], mistakes: Mistakes) -> Mapping[str, list[Entry]]:
    """Each section's tables, by its name.

    TOML's own reader forgets lines, and `key_lines` tells those of a section's first.
    """
    text = file.read_text(encoding="utf-8").splitlines()
    heads = [(at, match[1]) for at, line in enumerate(text) if (match := _HEAD.match(line))]
    out: dict[str, list[Entry]] = {}
    for name in sections:
        value = top.data.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            top.wrong(name, f"{name} must be written as [[{name}]], once for each fault")
            value = []
        blocks = [_lines(text, at, heads) for at, head in heads if head == name]
        same = len(blocks) == len(value)
        out[name] = [
            Entry(file, (name,), each, blocks[at] if same else {(name,): top.line(name)}, mistakes)
            for at, each in enumerate(value)
        ]
        top._known.add(name)
    return out


def _lines(text: list[str], start: int, heads: list[tuple[int, str]]) -> dict[KeyPath, int]:
    end = next((at for at, _ in heads if at > start), len(text))
    return {_unnumbered(path): line + start for path, line in key_lines("\n".join(text[start:end])).items()}


def _unnumbered(path: KeyPath) -> KeyPath:
    """A key's path as messages name it: without the number of its table, which is the first of its own lines."""
    return (path[0], *path[2:]) if path[1:2] == ("0",) else path
