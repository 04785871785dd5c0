"""`offhook config`: every setting with its value and where it came from. A secret's value is never among them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from telephony.settings import (
    SECRETS,
    Route,
    Settings,
    called_number,
    line_of,
    load_settings,
    settings_file,
    variable_of,
)
from telephony.terminal import plain


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, as it holds."""

    name: str
    value: object
    """As JSON has it; of a secret, only whether it is set and how long it is."""
    source: str
    """"command line", "environment NAME", "FILE, line N" or "default"."""


def settings_rows(config: Path | None = None, **overrides: Any) -> list[Row]:
    """All settings, in the order of Settings; each of [numbers] is a row of its own.

    Arguments and errors as of `load_settings`.
    """
    settings = load_settings(config, **overrides)
    path = settings_file(config)
    content = tomllib.loads(path.read_text("utf-8")) if path is not None else {}
    given = {name for name, value in overrides.items() if value is not None}
    rows: list[Row] = []
    for name in Settings.model_fields:
        source = _source(name, given, content, path)
        if name == "numbers" and settings.numbers:
            rows += _number_rows(settings, content, path, source)
        else:
            rows.append(Row(name, _value(name, getattr(settings, name)), source))
    return rows


def _source(name: str, given: Collection[str], content: Mapping[str, object], path: Path | None) -> str:
    if name in given:
        return "command line"
    if (variable := variable_of(name)) is not None:
        return f"environment {variable}"
    if path is not None and name in content:
        return f"{path}, line {line_of(path, name)}"
    return "default"


def _number_rows(settings: Settings, content: Mapping[str, Any], path: Path | None, source: str) -> Iterator[Row]:
    written = content.get("numbers")
    keys = {called_number(key): key for key in written} if isinstance(written, Mapping) else {}
    for number in settings.numbers:
        from_file = path is not None and number in keys and not source.startswith(("environment", "command"))
        where = f"{path}, line {line_of(path, 'numbers', keys[number])}" if from_file and path is not None else source
        yield Row(f"numbers.{number}", settings.route(number).model_dump(), where)


def _value(name: str, value: object) -> object:
    if name in SECRETS:
        return _secret(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [str(part) for part in value]
    return value


def _secret(value: object) -> str:
    if not isinstance(value, SecretStr):
        return "not set"
    return f"set, {len(value.get_secret_value())} characters"


def rows_as_json(rows: list[Row]) -> dict[str, dict[str, object]]:
    """By name: value and source."""
    return {row.name: {"value": row.value, "source": row.source} for row in rows}


def rows_as_table(rows: list[Row]) -> str:
    """Three columns of text, harmless on a terminal."""
    cells = [(plain(row.name), plain(_shown(row.value)), plain(row.source)) for row in rows]
    widths = [max(len(cell[column]) for cell in cells) for column in (0, 1)]
    return "\n".join(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}" for name, value, source in cells)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return os.pathsep.join(value) or "none"
    if isinstance(value, Mapping):
        if set(value) != set(Route.model_fields):
            return "none"
        hops = f", at most {value['max_hops']} documents" if value["max_hops"] else ""
        return f"{value['agent']}, mode {value['mode']}{hops}"
    return "none" if value == "" else str(value)
