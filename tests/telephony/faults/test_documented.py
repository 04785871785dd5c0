"""docs/faults.md is true: its example loads, its table of patterns is whole, and its figures are those of a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from telephony.faults.plan import load_faults, named_faults
from tests.telephony.faults.test_patterns import whole

PAGE = (Path(__file__).parents[3] / "docs" / "faults.md").read_text()
#: Names of the row's patterns -> the longest silence in seconds, None for "–".
ROWS = {
    tuple(re.findall(r"`([\w-]+)`", cells[1])): None if cells[-2].strip() == "–" else float(cells[-2].split()[0])
    for line in PAGE.splitlines()
    if len(cells := line.split("|")) == 6 and cells[1].strip().startswith("`")
}


def test_every_pattern_is_documented() -> None:
    assert sorted(name for names in ROWS for name in names) == [name for name, _ in named_faults()]


def test_the_example_can_be_used(tmp_path: Path) -> None:
    (example,) = re.findall(r"(?m)^    description = (?:.*\n)(?:(?:    .*)?\n)*", PAGE)
    (tmp_path / "tunnel.toml").write_text(example)
    plan = load_faults(str(tmp_path / "tunnel.toml"))
    assert (len(plan.line_faults), len(plan.llm_faults)) == (2, 1)


@pytest.mark.parametrize(("name", "silence_s"), [(n, s) for names, s in ROWS.items() for n in names if s is not None])
def test_the_silences_are_those_that_the_page_tells(name: str, silence_s: float) -> None:
    assert round(whole(load_faults(name)).longest_silence_ms / 1000, 1) == silence_s
