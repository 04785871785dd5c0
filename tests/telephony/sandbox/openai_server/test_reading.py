"""A stand-in's behaviour from TOML: the patterns that come along, and mistakes by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import AgentError, LocalError
from telephony.sandbox.openai_server.behaviour import Fault, Pace, Quirks, fault_of
from telephony.sandbox.openai_server.reading import PATTERNS, load_behaviour


def test_every_pattern_is_read_and_says_what_it_is() -> None:
    names = sorted(file.stem for file in PATTERNS.glob("*.toml"))
    assert names == ["busy", "hosted", "no-quota", "prompt", "slow", "stalling"]
    assert all(load_behaviour(name).description for name in names)
    assert load_behaviour("hosted").pace == Pace(first_token_ms=400, token_ms=15)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        """
[pace]
headers_ms = 20
[quirks]
no_index = true
[[fault]]
kind = "stall"
request = 2
after = 3
for_s = 1.5
[[fault]]
kind = "slow"
from = 4
token_ms = 200
[[fault]]
kind = "refuse"
refusal = "rate_limit"
retry_after_s = 0.5
"""
    )
    read = load_behaviour(str(file))
    assert (read.name, read.pace, read.quirks) == ("mine", Pace(headers_ms=20), Quirks(no_index=True))
    assert read.faults == (
        Fault("stall", request=2, after=3, for_ms=1500),
        Fault("slow", first=4, pace=Pace(token_ms=200)),
        Fault("refuse", refusal="rate_limit", retry_after_s=0.5),
    )
    kinds = [fault.kind if (fault := fault_of(read.faults, number)) else "" for number in range(1, 6)]
    assert kinds == ["refuse", "stall", "refuse", "slow", "slow"]
    assert fault_of((), 1) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[fault]]\nkind = 'stal'", ":2: fault.kind is 'stal'; did you mean 'stall'?"),
        ("[[fault]]\nkind = 'end'\nfor_s = 3", ":3: unknown key 'fault.for_s'"),
        ("[[fault]]\nkind = 'end'\n[[fault]]\nkind = 'end'\nafter = -1", ":5: fault.after is -1"),
        ("[[fault]]\nkind = 'slow'", ":1: say how slow"),
        ("[[fault]]\nkind = 'refuse'", ":1: 'refusal' is missing"),
        ("[[fault]]\nkind = 'end'\nrequest = 1\nfrom = 2", ":4: write request (that one alone) or from"),
        ("[pace]\nfirst_token = 3", ":2: unknown key 'pace.first_token'"),
        ("[quirks]\nno_ids = 1", ":2: quirks.no_ids must be true or false"),
        ("[fault]\nkind = 'end'", "fault must be written as [[fault]]"),
    ],
)
def test_mistakes_are_told_by_line(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(AgentError) as caught:
        load_behaviour(str(file))
    assert told in str(caught.value)


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(LocalError, match="did you mean 'hosted'"):
        load_behaviour("hostd")
