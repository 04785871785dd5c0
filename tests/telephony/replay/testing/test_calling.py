"""Scripted callers ring real agents, in virtual time; and their calls are run again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError, LocalError
from agent.llm.base import LlmRequest
from agent.recording.folder import JOURNAL
from telephony.replay.judging.outcome import Outcome
from telephony.replay.testing.fixtures import Desk, Replays, script
from telephony.replay.testing.script import CallerScript

ROOT = Path(__file__).parents[4]
RECORDINGS = ROOT / "tests" / "recordings" / "rms"
NUMBER = {"order_number": "4712"}

pytest.importorskip("espeakng_loader", reason="the embedded voice is not installed")


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    (tmp_path / "work").mkdir()
    pages = tmp_path / "pages"
    return Desk(request.node.nodeid, RECORDINGS, ROOT, tmp_path / "work", pages, lambda path: None)


@pytest.fixture
def caller(desk: Desk) -> CallerScript:
    return script(desk)


@pytest.fixture
def replay(desk: Desk) -> Replays:
    return Replays(desk)


def test_a_parcel_is_found(caller: CallerScript) -> None:
    caller.says("where is my parcel").says("four seven one two").says("goodbye").stays()
    call = caller.calls("parcel-desk", on="2026-12-24 10:00")
    call.understood("where is my parcel", "4 7 1 2", "goodbye").understood_nothing_else()
    call.ran("find_order", **NUMBER).before("hang_up").once()
    call.heard("It should arrive tomorrow").did_not_hear("cancel")
    call.had_no_cutoffs().answered_within(p95_ms=900).had_no_dead_air_over(1200).had_no_errors().was_not_interrupted()
    call.ended_by("agent").took_at_most(30)
    assert call.run is not None
    assert call.run.deterministic


def test_a_step_after_a_call_begins_another_call(caller: CallerScript) -> None:
    """Two calls in a test, or in a fixture and a test; what the first caller said is not said again."""
    caller.says("where is my parcel").hangs_up()
    first = caller.calls("parcel-desk")
    caller.says("goodbye").stays()
    second = caller.calls("parcel-desk")
    first.understood("where is my parcel").understood_nothing_else()
    second.understood("goodbye").understood_nothing_else().ended_by("agent")
    again = caller.calls("parcel-desk")
    again.understood("goodbye").understood_nothing_else()


def test_a_pause_within_a_thought_is_cut_off_or_not(caller: CallerScript) -> None:
    caller.says("where is my parcel").says("four seven … one two")
    with pytest.raises(AssertionError, match=r'the caller was cut off after "four seven"(?s:.*)trailing_ms'):
        caller.calls("parcel-desk").understood("four seven", "one two").had_no_cutoffs()
    patient = caller.calls("parcel-desk", set={"turns.trailing_ms": 1200})
    patient.understood("where is my parcel", "4712").had_no_cutoffs().ended_by("caller")


def test_pauses_join_what_is_said_to_one_thought(caller: CallerScript) -> None:
    caller.says("where is my parcel").says("four seven").pauses(0.3).says("one two")
    caller.calls("parcel-desk").understood("where is my parcel", "4712").had_no_cutoffs()


def test_who_interrupts_is_heard_and_the_agent_stops(caller: CallerScript) -> None:
    caller.says("where is my parcel").says("four seven one two").interrupts("goodbye", after_ms=900).stays()
    call = caller.calls("parcel-desk").was_interrupted().understood("goodbye").ended_by("agent")
    call.said("text you a tracking link").did_not_hear("text you a tracking link")
    with pytest.raises(AssertionError, match="it was said, but cut off"):
        call.heard("text you a tracking link")


def test_keys(caller: CallerScript) -> None:
    caller.says("where is my parcel").presses("4712#")
    caller.calls("parcel-desk").ran("find_order", **NUMBER)


def test_a_recording_is_heard_by_the_real_recogniser(caller: CallerScript) -> None:
    pytest.importorskip("pocketsphinx")
    caller.plays("goodbye.flac").stays()
    caller.calls("parcel-desk").understood("goodbye").ended_by("agent")


def test_words_too_if_the_test_says_so(caller: CallerScript) -> None:
    caller.says("cancel my order")
    heard = {ear: caller.calls("parcel-desk", ear=ear, set={"stt.engine": "synthetic"}) for ear in ("real", "as said")}
    heard["real"].understood("where is my parcel")  # whatever is said, the synthetic one hears this
    heard["as said"].understood("cancel my order")


def test_a_recording_whose_words_are_known_is_heard_as_said(caller: CallerScript) -> None:
    caller.plays("goodbye.flac", text="where is my parcel").stays(2)
    call = caller.calls("parcel-desk").understood("where is my parcel")
    with pytest.raises(AssertionError, match="the agent did not hang up"):
        call.ended_by("agent")


def test_tools_give_what_they_are_told_to(caller: CallerScript) -> None:
    def find_order(order_number: str) -> dict[str, object]:
        return {"outcome": "not_found", "order_number": order_number}

    caller.says("where is my parcel").says("four seven one two")
    call = caller.calls("parcel-desk", tools={"find_order": find_order})
    assert call.ran("find_order").tool.result == {"outcome": "not_found", "order_number": "4712"}
    call = caller.calls("parcel-desk", tools={"find_order": {"outcome": "delayed", "day": "on Friday", **NUMBER}})
    call.heard("Friday")
    call = caller.calls("parcel-desk", tools={"find_order": OSError("the warehouse is down")})
    with pytest.raises(AssertionError, match="the tool find_order failed"):
        call.had_no_errors()
    with pytest.raises(AssertionError, match=r"find_order\(\) failed"):
        call.ran("find_order")


def test_a_scripted_model_answers_in_turn(caller: CallerScript) -> None:
    asked: list[str] = []

    def last(request: LlmRequest) -> str:
        asked.append(request.messages[-1].content)
        return "It is on its way."

    caller.says("hello").says("four seven one two").says("bye").stays()
    model = ["Which number?", ["One moment.", ("find_order", NUMBER)], last, ("hang_up", {})]
    call = caller.calls("parcel-desk", model=model, tools={"find_order": {"day": "today"}})
    call.heard("which number").heard("one moment").heard("on its way")
    call.ran("find_order", **NUMBER).then("hang_up").ended_by("agent").had_no_errors()
    assert [json.loads(text) for text in asked] == [{"day": "today"}]


def test_a_model_without_a_reply_is_an_error(caller: CallerScript) -> None:
    caller.says("hello").says("goodbye")
    with pytest.raises(AssertionError, match="1 replies, and none to 'goodbye'"):
        caller.calls("parcel-desk", model=["Hello."]).had_no_errors()


def test_what_a_model_cannot_answer_is_an_error(caller: CallerScript) -> None:
    caller.says("hello")
    with pytest.raises(AssertionError, match="cannot answer 5"):
        caller.calls("parcel-desk", model=[[5]]).had_no_errors()


def test_a_fault_strikes(caller: CallerScript) -> None:
    caller.says("where is my parcel").says("four seven one two")
    with pytest.raises(AssertionError, match="gave no result"):
        caller.calls("parcel-desk", fault="hanging-tool").ran("find_order")


def test_what_was_not_said_is_told(caller: CallerScript) -> None:
    caller.says("goodbye").says("where is my parcel")
    with pytest.raises(AssertionError, match='over before the caller could say "where is my parcel"'):
        caller.calls("parcel-desk").understood("where is my parcel")


async def test_a_call_within_a_running_loop(caller: CallerScript) -> None:
    caller.says("goodbye").stays()
    caller.calls("parcel-desk").ended_by("agent")


def test_the_same_script_is_the_same_call(caller: CallerScript) -> None:
    caller.says("where is my parcel").says("four seven one two").interrupts("yes", after_ms=700)
    journals = []
    for _ in range(2):
        run = caller.calls("parcel-desk", on="2026-12-24T10:00:00+01:00").run
        assert run is not None
        assert run.folder is not None
        journals.append((run.folder / JOURNAL).read_text())
    assert journals[0] == journals[1]


def but_for_the_line(outcome: Outcome) -> Outcome:
    """All of a call that does not depend on how long the way to the carrier is."""
    turns = [replace(one, voice_to_voice_ms=None, stages={**one.stages, "line_ms": 0}) for one in outcome.turns]
    said = [replace(one, start_ms=0, end_ms=0) for one in outcome.said]
    silences = [replace(one, from_ms=0, to_ms=0) for one in outcome.dead_air]
    return replace(outcome, turns=tuple(turns), said=tuple(said), dead_air=tuple(silences), duration_ms=0)


def test_a_call_is_run_again(caller: CallerScript, replay: Replays) -> None:
    caller.says("where is my parcel").says("four seven one two").says("goodbye").stays()
    first = caller.calls("parcel-desk", on="2026-12-24 10:00")
    assert first.run is not None
    assert first.run.folder is not None
    again = replay(first.run.folder, mode="same").did_not_diverge().ended_by("agent")
    assert but_for_the_line(again.outcome) == but_for_the_line(first.outcome)
    # The record tells the way to the carrier and back by when a mark came (30 ms each way are told as 23.5), and a mark
    # that comes some ms sooner may come a frame sooner.
    assert list(again.outcome.waits_ms) == pytest.approx(first.outcome.waits_ms, abs=20)
    assert again.outcome.duration_ms == pytest.approx(first.outcome.duration_ms, abs=20)
    slower = replay(first.run.folder, set={"turns.trailing_ms": 1000, "turns.min_trailing_ms": 1000}, caller="reactive")
    first.answered_within(max_ms=800)
    with pytest.raises(AssertionError, match="endpointing"):
        slower.answered_within(max_ms=800)
    with pytest.raises(ValueError, match="did you mean 'find_order'"):
        again.ran_no("find_ordr")


def test_a_damaged_call_fails_at_once(tmp_path: Path, replay: Replays) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / JOURNAL).write_text("this is no journal\n")
    with pytest.raises(AssertionError, match="the call could not be run") as caught:
        replay(tmp_path / "damaged")
    assert "\n" not in str(caught.value), "there is no moment to point at"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mode": "sme"}, "did you mean 'same'"),
        ({"caller": "reactiv"}, "did you mean 'reactive'"),
        ({"missing": "?"}, "known here: embedded, stop"),
        ({"tools": {"find_order": {}}}, "known here: read, record, run"),
        ({"channel": "lef"}, "did you mean 'left'"),
    ],
)
def test_mistakes_in_a_replay(replay: Replays, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replay("goodbye.flac", **options)


def test_a_plain_recording_is_run(replay: Replays) -> None:
    pytest.importorskip("pocketsphinx")
    call = replay("goodbye.flac", agent="parcel-desk", tools="run")
    assert call.outcome.turns
    with pytest.raises(AssertionError, match="no record to compare"):
        call.did_not_diverge()


@pytest.mark.parametrize(
    ("step", "error", "told"),
    [
        (lambda it: it.says(""), ValueError, "words on both sides"),
        (lambda it: it.says("four … !"), ValueError, "words on both sides"),
        (lambda it: it.says("four", pause_s=-1), ValueError, "between 0 and 600"),
        (lambda it: it.pauses(601), ValueError, "between 0 and 600"),
        (lambda it: it.presses("12x"), ValueError, "the keys 0-9"),
        (lambda it: it.presses(""), ValueError, "the keys 0-9"),
        (lambda it: it.interrupts("stop", after_ms=-5), ValueError, "after_ms"),
        (lambda it: it.plays("no-such.flac"), FileNotFoundError, "there is no no-such.flac, neither in"),
        (lambda it: it.plays("__init__.py").calls("parcel-desk"), FileNotFoundError, "neither in"),
        (lambda it: it.plays("../turns.toml", text="hm").calls("parcel-desk"), LocalError, "cannot be read as WAV"),
        (lambda it: it.hangs_up().says("wait"), ValueError, "has hung up"),
        (lambda it: it.calls("parcel-desk"), ValueError, "nothing to do"),
        (lambda it: it.says("hello").calls("parcel-dsk"), AgentError, "did you mean 'parcel-desk'"),
        (lambda it: it.says("hello").calls("parcel-desk", tools={"fnd_order": 1}), LocalError, "'find_order'"),
        (lambda it: it.says("hello").calls("parcel-desk", set={"turns.trailing": 1}), AgentError, "trailing_ms"),
        (lambda it: it.says("hello").calls("parcel-desk", on="noon"), LocalError, "no date and time"),
        (lambda it: it.says("hello").calls("parcel-desk", ear="sharp"), ValueError, "as said"),
        (lambda it: it.says("hello").calls("parcel-desk", fault="wfi"), LocalError, "wifi"),
        (lambda it: it.plays("goodbye.flac").calls("parcel-desk", ear="as said"), LocalError, "what is said in it"),
        (lambda it: it.says("hm").plays("goodbye.flac").calls("parcel-desk"), LocalError, "what is said in it"),
    ],
)
def test_mistakes_in_a_script(
    caller: CallerScript, step: Callable[[Any], object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        step(caller)


def test_agents_and_files_are_found_beside_the_test_first(tmp_path: Path) -> None:
    beside, root = tmp_path / "tests" / "phone", tmp_path
    beside.mkdir(parents=True)
    desk = Desk("t", beside, root, tmp_path, tmp_path, lambda path: None)
    for place in (root, beside):
        (place / "a.flac").touch()
        shutil.copytree(ROOT / "prompts" / "parcel-desk", place / "my-desk")
    assert desk.find("a.flac") == beside / "a.flac"
    assert desk.agent("my-desk") == str(beside / "my-desk")
    assert desk.agent("parcel-desk") == "parcel-desk"
    (tmp_path / "agents").mkdir()
    assert desk.agents_dir() == (beside, tmp_path / "tests", tmp_path, tmp_path / "agents")


def test_a_page_is_of_this_run_and_of_this_parameter(tmp_path: Path) -> None:
    names = []
    for test in ("tests/a.py::t[x/y]", "tests/a.py::t[x-y]"):
        desk = Desk(test, tmp_path, tmp_path, tmp_path, tmp_path, lambda path: None)
        name, _, page = desk.next_call()
        names.append(name)
        page.write_text("old")
        Desk(test, tmp_path, tmp_path, tmp_path, tmp_path, lambda path: None).next_call()
        assert not page.exists()
    assert len(set(names)) == 2
