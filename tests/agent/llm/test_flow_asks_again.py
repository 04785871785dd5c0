"""A yes that does not count: the flow asks its question anew, instead of telling of a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.llm.test_flow import PARCELS, Talk


@pytest.mark.parametrize("missing", [1, 2])
async def test_a_question_whose_last_words_were_not_heard_is_asked_again(missing: int, tmp_path: Path) -> None:
    talk = Talk(PARCELS, tmp_path)
    asked = await talk.say("cancel order 4712")
    talk = Talk(PARCELS, tmp_path)
    await talk.say("cancel order 4712", heard_words=len(asked.split()) - missing)
    again = await talk.say("yes")
    assert again.endswith(asked)
    assert (await talk.say("yes")).startswith("-> cancel_order(4712) Order four, seven, one, two is cancelled")
