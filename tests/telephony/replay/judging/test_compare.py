"""compare, compare_all: what a change did to calls, named."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.definition import TurnSettings
from telephony.replay.judging.compare import Comparison, compare, compare_all
from telephony.replay.judging.outcome import Cutoff, Outcome, outcome_of
from telephony.replay.judging.result import Run
from telephony.replay.judging.turn_changes import Bounds
from telephony.replay.plan import Plan
from tests.agent.call import Call
from tests.support.virtual_loop import run_virtual
from tests.telephony.replay.journals import answered, call, committed, ended, event, greeted, spoken

TURNS = (("where is my parcel", "In Leeds."), ("cancel it", "It is cancelled."), ("thank you", "Goodbye."))
LAST = ("thank you", "Goodbye.")


def run(events: list[dict[str, Any]] | Outcome, name: str = "CA1", **fields: Any) -> Run:
    outcome = events if isinstance(events, Outcome) else outcome_of(events)
    return replace(Run(name, Path(f"calls/{name}"), Plan(), None, outcome, None), **fields)


def five(**how: int) -> list[Run]:
    return [run(call(*TURNS, **how), f"CA{number}") for number in range(5)]


BASE = run(call(*TURNS))
CUT_OFF = [
    *greeted(),
    *[*spoken(1, 2000, 2400), committed(1, 3000, "where is"), *answered(1, 2400, "Where is what?")],
    *[*spoken(2, 2900, 3400), committed(2, 4000, "my parcel"), *answered(2, 3400, "In Leeds.")],
    *ended(9000),
]


def test_a_slower_endpointing_is_caught_and_named() -> None:
    summary = compare_all(zip(five(), five(slower_ms=200), strict=True))
    assert summary.verdict == (
        "endpointing +200 ms in 15 of 15 turns (5 calls); 0 new cutoffs; words changed in 0 turns"
    )
    assert summary.worse
    assert summary.reasons == (
        "p50 +200 ms (800 -> 1000 ms, +60 ms allowed)",
        "p95 +200 ms (800 -> 1000 ms, +100 ms allowed)",
    )
    turn = summary.comparisons[0].turns[0]
    assert (turn.wait_ms, turn.stage, turn.label, turn.moved) == (200, "endpointing_ms", "endpointing +200 ms", True)
    assert summary.comparisons[0].stage_medians["endpointing_ms"] == (560, 760)
    assert summary.comparisons[0].stage_medians["llm_ms"] == (100, 100)
    assert [side["p95_ms"] for side in summary.latency] == [800, 1000]


def test_a_quicker_one_is_named_and_not_worse() -> None:
    summary = compare_all(zip(five(slower_ms=200), five(), strict=True))
    assert summary.verdict.startswith("endpointing -200 ms in 15 of 15 turns (5 calls); ")
    assert (summary.worse, summary.reasons) == (False, ())


@pytest.mark.parametrize(("slower_ms", "moved"), [(0, False), (40, False), (41, True)])
def test_noise_is_no_change(slower_ms: int, moved: bool) -> None:
    summary = compare_all([(BASE, run(call(*TURNS, slower_ms=slower_ms)))])
    assert any(turn.moved for turn in summary.comparisons[0].turns) is moved
    assert not summary.worse
    if not moved:
        assert summary.verdict == "no turn moved (3 turns, 1 call); 0 new cutoffs; words changed in 0 turns"


def test_the_bounds_can_be_others() -> None:
    pairs = [(BASE, run(call(*TURNS, slower_ms=200)))]
    assert not compare_all(pairs, Bounds(p50_ms=200, p95_ms=200)).worse
    assert "no turn moved" in compare_all(pairs, Bounds(noise_ms=200)).verdict


def test_changes_that_are_not_alike_are_told_with_their_span() -> None:
    slow = [run(call(*TURNS, slower_ms=200)), run(call(*TURNS, slower_ms=600), "CA2")]
    verdict = compare_all(zip([BASE, run(call(*TURNS), "CA2")], slow, strict=True)).verdict
    assert verdict.startswith("endpointing +200 ms (from +200 to +600) in 6 of 6 turns (2 calls); ")


def test_words_that_changed_and_what_comes_after_is_not_scored() -> None:
    now = run(call(TURNS[0], ("can sell it", "What?"), LAST, slower_ms=0))
    summary = compare_all([(BASE, now)])
    (comparison,) = summary.comparisons
    assert [(turn.scored, turn.heard, turn.said) for turn in comparison.turns] == [
        (True, False, False),
        (True, True, True),
        (False, False, False),
    ]
    assert comparison.diverged is not None
    assert comparison.diverged.turn == 2
    assert comparison.latency[0]["n"] == 2
    assert summary.verdict == (
        "no turn moved (2 turns, 1 call); 0 new cutoffs; words changed in 1 turn; 1 turn after that not scored"
    )
    assert summary.reasons == ("words changed in 1 turn",)
    assert not compare_all([(BASE, now)], Bounds(words=False)).worse


def test_turns_after_a_divergence_do_not_count_however_slow() -> None:
    answers = call(TURNS[0], ("cancel it", "It is not."), LAST)
    slow_end = call(TURNS[0], ("cancel it", "It is not."), LAST, slower_ms=3000)
    now = [*(one for one in answers if one.get("turn") != 3), *(one for one in slow_end if one.get("turn") == 3)]
    summary = compare_all([(BASE, run(now))])
    assert [turn.scored for turn in summary.comparisons[0].turns] == [True, True, False]
    assert summary.comparisons[0].turns[2].wait_ms == 3000
    assert "no turn moved (2 turns, 1 call)" in summary.verdict
    assert summary.reasons == ("words changed in 1 turn",)


def test_another_greeting_leaves_nothing_to_score() -> None:
    other = [dict(one, text="Hi!", said="Hi!") if one.get("utterance") == 1 else one for one in call(*TURNS)]
    summary = compare_all([(BASE, run(other))])
    assert not summary.comparisons[0].scored
    assert summary.reasons == ("1 call went another way",)
    assert "3 turns after that not scored" in summary.verdict


def test_a_new_cutoff() -> None:
    whole = [*greeted(), *spoken(1, 2000, 3400), committed(1, 4000, "where is my parcel")]
    base = run([*whole, *answered(1, 3400, "In Leeds."), *ended(9000)])
    summary = compare_all([(base, run(CUT_OFF))])
    (comparison,) = summary.comparisons
    assert comparison.new_cutoffs == (Cutoff(1, 2900, 500),)
    assert comparison.gone_cutoffs == ()
    assert "; 1 new cutoff; words changed in 1 turn; " in summary.verdict
    assert "1 new cutoff" in summary.reasons
    back = compare_all([(run(CUT_OFF), base)])
    assert back.comparisons[0].gone_cutoffs == (Cutoff(1, 2900, 500),)
    assert "0 new cutoffs; 1 cutoff gone" in back.verdict


def test_a_cutoff_that_both_have_is_not_new() -> None:
    comparison = compare(run(CUT_OFF), run(CUT_OFF))
    assert (comparison.new_cutoffs, comparison.gone_cutoffs) == ((), ())
    assert len(comparison.turns) == 2


def test_a_cutoff_after_the_divergence_does_not_count() -> None:
    before = [*greeted(), *spoken(1, 1000, 1300), event("turn.rejected", 1900, turn=1, reason="no text")]
    other = [dict(one, text="Hi!", said="Hi!") if one.get("utterance") == 1 else one for one in CUT_OFF]
    assert compare(run(before), run(other)).new_cutoffs == ()


def test_false_stops_are_counted_on_both_sides() -> None:
    stop = [
        event("agent.yielded", 3900, turn=2, utterance=2, reason="speech"),
        event("agent.took_up", 4300, turn=2, utterance=2, reason="echo"),
    ]
    assert compare(BASE, run([*call(*TURNS), *stop])).false_stops == (0, 1)


def test_tools_and_barge_ins() -> None:
    tool = event("tool.called", 3700, id="1", name="find", arguments={"n": "4711"}, turn=1)
    barge_in = event("barge_in", 3900, turn=2, utterance=2)
    summary = compare_all([(BASE, run([*call(*TURNS), tool])), (BASE, run([*call(*TURNS), barge_in]))])
    assert summary.comparisons[0].turns[0].tools
    assert summary.comparisons[1].barge_ins == (0, 1)
    assert "tools changed in 1 turn" in summary.verdict
    assert summary.reasons == ("tools changed in 1 turn",)


def test_a_turn_that_is_missing() -> None:
    without = [one for one in call(*TURNS) if one.get("turn") != 2]
    summary = compare_all([(BASE, run(without))])
    assert [(turn.base is None, turn.now is None, turn.scored) for turn in summary.comparisons[0].turns] == [
        (False, False, True),
        (False, True, False),
        (False, False, False),
    ]
    assert summary.reasons == ("1 call went another way",)


def test_calls_that_vanished_failed_or_are_new() -> None:
    failed = replace(BASE, failed="the disk is full", outcome=Outcome())
    cases: list[tuple[Run | None, Run | None, str, bool]] = [
        (BASE, None, "now has no such call", True),
        (BASE, failed, "now failed: the disk is full", True),
        (failed, BASE, "base failed: the disk is full", False),
        (None, BASE, "base has no such call", False),
        (failed, None, "base failed: the disk is full; now has no such call", False),
        (failed, failed, "both failed: the disk is full", False),
    ]
    for base, now, why, vanished in cases:
        comparison = compare(base, now)
        assert (comparison.failed, comparison.vanished, comparison.turns) == (why, vanished, ())
        assert compare_all([(base, now)]).worse is vanished
    summary = compare_all([(BASE, None), (failed, BASE), (BASE, BASE)])
    assert summary.verdict == (
        "no turn moved (3 turns, 1 call); 0 new cutoffs; words changed in 0 turns; 1 call lost; 1 call not compared"
    )
    assert summary.reasons == ("1 call lost",)
    with pytest.raises(ValueError, match="neither side"):
        compare(None, None)


def test_a_run_that_stopped_is_compared_as_far_as_it_came() -> None:
    slow = call(*TURNS, slower_ms=200)
    stopped = run([one for one in slow if one["media_ms"] < 9000], failed="diverged at turn 3: no such result")
    summary = compare_all([(BASE, stopped)])
    (comparison,) = summary.comparisons
    assert (comparison.failed, comparison.vanished) == ("now failed: diverged at turn 3: no such result", True)
    assert [turn.scored for turn in comparison.turns] == [True, True, False]
    assert summary.verdict == (
        "endpointing +200 ms in 2 of 2 turns (1 call); 0 new cutoffs; words changed in 0 turns; "
        "1 turn after that not scored; 1 call lost"
    )
    assert summary.reasons[-1] == "1 call lost"


def test_nothing_at_all() -> None:
    summary = compare_all([])
    assert summary.verdict == "no turn moved (0 turns, 0 calls); 0 new cutoffs; words changed in 0 turns"
    assert not summary.worse
    assert Comparison("CA1", None, None).stage_medians == {}


def test_without_an_answer_the_wait_for_the_accepted_turn_is_compared() -> None:
    def unheard(slower_ms: int) -> Run:
        ends = 560 + slower_ms
        return run([*greeted(), *spoken(1, 2000, 3000, ends), committed(1, 3040 + ends, "hello"), *ended(3900)])

    assert compare_all([(unheard(0), unheard(200))]).verdict.startswith("commit +200 ms in 1 of 1 turn (1 call); ")


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_pair_of_damaged_runs_is_too_much(chance: random.Random) -> None:
    def damaged() -> Run:
        events = [one for one in [*call(*TURNS), *CUT_OFF] if chance.random() < 0.8]
        return run(events if chance.random() < 0.5 else chance.sample(events, len(events)))

    base, now = damaged(), damaged()
    assert not compare_all([(base, base)]).worse
    summary = compare_all([(base, now), (now, base)])
    assert summary.worse is bool(summary.reasons)
    assert all(turn.scored is False for turn in summary.comparisons[0].turns if turn.base is None or turn.now is None)


def test_real_calls_of_which_one_ends_its_turns_200_ms_later() -> None:
    async def outcome(trailing_ms: int) -> Outcome:
        call = Call(
            says=[(0.05, "hello"), (0.05, "thank you")],
            answers=[(0.1, "Good morning."), (0.1, "Goodbye.")],
            turns=TurnSettings(trailing_ms=trailing_ms),
        )
        async with call.running():
            await call.say()
            await call.until_heard("Good morning.")
            await call.say()
            await call.until_heard("Goodbye.")
        return outcome_of(call.events)

    trailing_ms = TurnSettings().trailing_ms
    base, slow = run_virtual(outcome(trailing_ms)), run_virtual(outcome(trailing_ms + 200))
    # The second turn is spoken after the first answer, so it lies later in the slower call: a reactive caller.
    runs = [replace(run(one), plan=Plan(caller="reactive")) for one in (base, slow)]
    summary = compare_all([(runs[0], runs[1])])
    assert summary.worse
    assert "endpointing +1" in summary.verdict or "endpointing +2" in summary.verdict
    assert " in 2 of 2 turns (1 call)" in summary.verdict
    (comparison,) = summary.comparisons
    assert all(170 <= turn.stages["endpointing_ms"] <= 230 for turn in comparison.turns)
