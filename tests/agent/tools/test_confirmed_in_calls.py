"""The yes that lets an irreversible tool run, in calls held turn by turn."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agent.agents import load_agent
from agent.llm.flow import FlowEngine
from agent.text_call import TextCall
from tests.agent.test_text_call import Fixture


def cancelled(folder: Path) -> list[str]:
    file = folder / "orders.sqlite3"
    if not file.exists():  # no tool has run
        return []
    with closing(sqlite3.connect(file)) as db:
        return [row[0] for row in db.execute("SELECT number FROM cancellations")]


def the_desk(folder: Path) -> Fixture:
    agent = load_agent("parcel-desk")
    fx = Fixture(folder, [], agent)
    fx.llm = FlowEngine(agent)  # type: ignore[assignment]
    return fx


def test_a_yes_to_the_question_that_was_heard(tmp_path: Path) -> None:
    async def scene(call: TextCall) -> None:
        await call.begin(3)
        asked = await call.answer("cancel order 4712", "speech", 3, confidence=0.9)
        assert asked.text.startswith("Shall I really cancel")
        assert (await call.answer("yes", "speech", 3, confidence=0.9)).text.startswith("Order")
        assert cancelled(tmp_path) == ["4712"]

    the_desk(tmp_path).run(scene)


def test_a_yes_to_are_you_still_there_is_asked_about_again(tmp_path: Path) -> None:
    async def scene(call: TextCall) -> None:
        await call.begin(3)
        await call.answer("cancel order 4713", "speech", 3, confidence=0.9)
        assert "still there" in (await call.nothing_heard(3)).text
        again = await call.answer("yes", "speech", 3, confidence=0.9)
        assert "Shall I really cancel" in again.text
        assert cancelled(tmp_path) == []
        await call.answer("yes", "speech", 3, confidence=0.9)
        assert cancelled(tmp_path) == ["4713"]

    the_desk(tmp_path).run(scene)
