"""A call whose turns are committed by a partial text, run again with another prompt: each turn gets its own reply."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.definition import AgentDefinition, EngineChoice
from agent.kit import ENGINES
from agent.llm.base import ToolCall
from telephony.replay.plan import Mode, Plan
from telephony.replay.reading.source import read_source
from tests.agent.call import Call
from tests.agent.resting import FOUR, Heard, KeepingStt, asked
from tests.support.virtual_loop import run_virtual
from tests.telephony.replay.engines import test_round_trip
from tests.telephony.replay.engines.test_round_trip import TOOLS, run_again, tale

#: The final text comes long after the turn was committed by the partial one.
LATE: Heard = ("four seven one two", 1.2, "four seven one two")
HEARD: tuple[Heard, ...] = (("", 0.05, "hello"), LATE)
LOOKED_UP = ToolCall("t1", "cancel", {"order": "4712"})


class AgentsKeepingStt(KeepingStt):
    """KeepingStt, as an agent's engine."""

    def __init__(self, agent: AgentDefinition) -> None:
        super().__init__(HEARD)


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES["vad"], "loud", (test_round_trip.__name__, "AgentsLoudVad"))
    monkeypatch.setitem(ENGINES["stt"], "keeping", (__name__, "AgentsKeepingStt"))


def record(root: Path, *rest: Any) -> list[dict[str, Any]]:
    """The agent asks for four digits; what it thinks then is `rest`."""

    async def main() -> list[dict[str, Any]]:
        made = Call(answers=[(0.1, FOUR, "What is the number?"), *rest], tools=TOOLS)
        made.stt = KeepingStt(HEARD)
        made.record_root, made.record_mode = root, "full"
        async with made.running():
            await asked(made)
            await made.say(1200)
            await made.until("turn.committed", 2)
            await asyncio.sleep(4)
        return made.events

    return run_virtual(main())


@pytest.mark.parametrize("mode", ["same", "rehear"])
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param([(0.1, "Thank you, I have it.")], id="a reply"),
        pytest.param([(0.1, LOOKED_UP), (0.1, "It is cancelled.")], id="with a tool"),
    ],
)
def test_a_turn_committed_by_a_partial_text_gets_its_own_reply(rest: list[Any], mode: Mode, tmp_path: Path) -> None:
    then = record(tmp_path / "then", *rest)
    by = {event["turn"]: event["by"] for event in then if event["kind"] == "turn.committed"}
    assert by[2] == "partial"
    recorded = read_source(tmp_path / "then" / "CA1")
    changed = {"system_prompt": "You are another test.", "stt": EngineChoice("keeping")}
    held, kit = run_again(recorded, tmp_path / "now", Plan(mode=mode, missing="stop"), **changed)
    assert (held.error, kit.diverged) == (None, None)
    assert tale(held.events) == tale(then)
    assert kit.served["llm: turn"] == 1 + len(rest)
