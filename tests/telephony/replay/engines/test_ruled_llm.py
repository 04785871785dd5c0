"""An agent's rules run anew in every mode: a changed flow.toml is seen, an unchanged one comes when it came."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.agents import agent_folders
from telephony.replay.plan import Mode, Plan
from telephony.replay.run import replay
from tests.telephony.replay.parcel_call import parcel_call


def desk(folder: Path, **changes: str) -> Path:
    """The parcel desk, copied, with changes in its flow."""
    (packed,) = [each for each in agent_folders() if each.name == "parcel-desk"]
    copy = folder / "parcel-desk"
    shutil.copytree(packed, copy)
    flow = (copy / "flow.toml").read_text()
    for old, new in changes.items():
        old = old.replace("_", " ")
        assert old in flow
        flow = flow.replace(old, new)
    (copy / "flow.toml").write_text(flow)
    return copy


@pytest.mark.parametrize("mode", ["same", "rehear"])
def test_a_changed_flow_is_seen(mode: Mode, tmp_path: Path) -> None:
    agent = desk(tmp_path, What_is_your_order_number="And which number has your order")
    run = replay(parcel_call(), Plan(mode=mode, agent=str(agent)), tmp_path / "out")
    assert run.failed == ""
    assert run.diverged is not None
    assert (run.diverged.turn, run.diverged.what) == (1, "answered")
    assert run.diverged.now == "And which number has your order?"
    assert run.served["llm: rules"] >= 1


def test_a_record_from_before_every_question_said_what_it_asks_is_believed(tmp_path: Path) -> None:
    call = tmp_path / "CA1"
    shutil.copytree(parcel_call(), call)
    lines = [json.loads(line) for line in (call / "journal.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "agent.asks":
            del line["longest"], line["confirms"]
            line["slot_kind"] = line["slot_kind"] if line["slot"] else ""
    assert {"", "digits"} == {line["slot_kind"] for line in lines if line["kind"] == "agent.asks"}
    (call / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = replay(call, Plan(agent=str(desk(tmp_path))), tmp_path / "out")
    assert (run.failed, run.diverged) == ("", None)
    assert "llm: rules" not in run.served


def test_what_another_model_said_then_is_in_the_record_and_not_in_the_rules(tmp_path: Path) -> None:
    """A test's call with `model=`, or one from before the agent had a flow."""
    call = tmp_path / "CA1"
    shutil.copytree(parcel_call(), call)
    journal = (call / "journal.jsonl").read_text()
    assert journal.count('"llm":"flow"') == 1
    (call / "journal.jsonl").write_text(journal.replace('"llm":"flow"', '"llm":"other"'))
    agent = desk(tmp_path, What_is_your_order_number="And which number has your order")
    run = replay(call, Plan(agent=str(agent)), tmp_path / "out")
    assert (run.failed, run.diverged) == ("", None)
    assert "llm: rules" not in run.served


def test_an_unchanged_flow_answers_when_it_answered_then(tmp_path: Path) -> None:
    run = replay(parcel_call(), Plan(agent=str(desk(tmp_path))), tmp_path / "out")
    assert run.diverged is None
    assert "llm: rules" not in run.served
    assert run.served["llm: hash"] == 7
    stages = [turn.stages["llm_ms"] for turn in run.outcome.turns]
    assert stages == [turn.stages["llm_ms"] for turn in (run.recorded or run.outcome).turns]
