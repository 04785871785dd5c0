"""Options: what an agent's file says to an engine, and what it is told when that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from agent.engines.options import read_options
from agent.errors import LocalError
from agent.llm.synthetic import Options, SyntheticLlm
from tests.agent.support import make_agent


def test_right_options_are_taken() -> None:
    assert read_options(Options, make_agent(), "llm", "synthetic", {"tokens": 3}).tokens == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tokns": 3}, '"tokns"'),
        ({"tokens": "three"}, '"tokens"'),
        ({"tokens": 0}, "greater than or equal to 1"),
        ({"tokens": True}, "not True"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(LocalError) as caught:
        SyntheticLlm(make_agent(), **options)
    assert told in str(caught.value)
    assert "agent.toml: [llm]" in str(caught.value)
    assert "first_token_ms" in str(caught.value)
