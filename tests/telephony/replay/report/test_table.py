"""The report on a terminal: what it tells, how narrow it is, and that hostile text stays text."""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from telephony.replay.judging.compare import compare, compare_all
from telephony.replay.judging.outcome import Outcome, outcome_of
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.plan import Plan
from telephony.replay.report.compared_table import comparison_view, summary_view
from telephony.replay.report.table import MAX_CHARS, batch_view, divergence_line, run_view
from tests.telephony.replay.journals import answered, call, committed, ended, event, greeted, heard, spoken

TURNS = (("where is my parcel", "In Leeds."), ("cancel it", "It is cancelled."), ("thank you", "Goodbye."))
HOSTILE = "[red]x[/red] [/] \x1b[31m\x07 \u202e \ud800 tail"
TOOL = [
    event("tool.called", 3700, id="1", name="find_order", arguments={"number": "4711"}, turn=1),
    event("tool.returned", 3710, id="1", name="find_order", ok=False, result="none"),
]


def run(outcome: Outcome, **fields: object) -> Run:
    base = Run("CA1", Path("calls/CA1"), Plan(mode="same"), Path("out/CA1"), outcome, None, audio_ms=15_000, took_s=0.5)
    return replace(base, **fields)  # type: ignore[arg-type]


BASE = run(outcome_of(call(*TURNS)))
SLOW = run(outcome_of(call(*TURNS, slower_ms=200)))


def shown(view: RenderableType, width: int = 80, *, terminal: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=terminal).print(view)
    return out.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_one_call() -> None:
    outcome = replace(outcome_of([*call(*TURNS), *TOOL]), agent="front desk")
    diverged = Divergence(2, 7600, "heard", "cancel it", "can sell it")
    text = one_line(
        shown(
            run_view(
                run(
                    outcome,
                    recorded=outcome,
                    diverged=diverged,
                    notes=("odd header",),
                    served={"stt: hash": 3},
                    plan=Plan(mode="rehear", agent="desk", settings=("turns.trailing_ms=750",), fault="jitter"),
                )
            )
        )
    )
    for part in (
        "call CA1",
        "run rehear, open caller, fault jitter, deterministic",
        "agent front desk --set turns.trailing_ms=750",
        "15.0 s of call in 0.50 s, 30 times real time",
        "# at heard, answered wait end stt llm tts",
        "0 0.1 Hello.",
        "1 2.0 where is my parcel 800 560 40 100 50",
        'find_order({"number": "4711"}) (failed)',
        "2 7.6 diverged: heard",
        "Goodbye. not scored",
        "voice to voice, 2 scored turns: p50 800, p90 800, p95 800, max 800 ms",
        "longest silence: 0.8 s before the answer (turn 1, at 3.0 s)",
        'diverged at turn 2 (7.6 s), heard: "can sell it", the record has "cancel it"',
        "later turns are shown, not scored",
        "results: stt: hash 3",
        "note: odd header",
    ):
        assert part in text, part
    assert "not deterministic" not in text


def test_marks() -> None:
    events = [*greeted(), *spoken(1, 2000, 2400), committed(1, 3000, "where is"), *answered(1, 2400, "Where?")]
    events += [*spoken(2, 2900, 3400), event("turn.rejected", 4000, turn=2, reason="no text")]
    events += [event("agent.clause", 4000, utterance=9, turn=2, text="Say it again.", aside=True)]
    events += [*heard(9, 2, "Say it again.", 4100, 4600), event("error", 4700, where="stt", message="silent")]
    events += [event("turn.rejected", 4800, turn=3, reason="short"), committed(4, 5000, "42", "keys"), *ended(9000)]
    text = one_line(shown(run_view(run(outcome_of(events), deterministic=False))))
    assert "cutoff: the caller went on after 500 ms" in text
    assert "2 4.0 (no turn: no text) 2 4.1 Say it again." in text
    assert "keys 42" in text
    assert "error at 4.7 s: stt: silent" in text
    assert "same, open caller, not deterministic" in text
    assert "cut off 1, barge-ins 0, sounds that were no turn 2, end: the caller hung up" in text
    assert "short" not in text


def test_turns_that_are_one_are_shown_as_one() -> None:
    events = [*greeted(), *spoken(1, 2000, 3000, 250), committed(1, 3260, "yes"), *spoken(2, 3400, 4400)]
    events += [event("barge_in", 3500, turn=2, utterance=2, reason="went on")]
    events += [event("turn.committed", 5000, turn=2, text="please do", source="voice", goes_on=1)]
    events += [*answered(2, 4400, "Done."), event("agent.yielded", 6000, turn=3, utterance=3, reason="speech")]
    events += [event("agent.took_up", 6400, turn=3, utterance=3, reason="noise"), *ended(9000)]
    text = one_line(shown(run_view(run(outcome_of(events)))))
    assert "1+2 2.0 yes ... please do" in text
    assert text.count("please do") == 1
    assert "barge-ins 0, false stops 1, sounds" in text


def test_a_call_that_could_not_be_run() -> None:
    text = one_line(shown(run_view(run(Outcome(), failed="calls/CA1: the audio is empty", audio_ms=0, took_s=0.0))))
    assert "failed: calls/CA1: the audio is empty" in text
    assert "times real time" not in text
    assert "voice to voice" not in text


@pytest.mark.parametrize(
    ("what", "recorded", "now", "told"),
    [
        ("missing", "yes please", "", 'missing: nothing, the record has "yes please"'),
        ("missing", "", "no", 'missing: "no", the record has nothing'),
        ("ended", "agent: hangup", "agent: hangup", 'ended: "agent: hangup", the record has the same, after another'),
    ],
)
def test_a_divergence_of_which_one_side_has_nothing(what: str, recorded: str, now: str, told: str) -> None:
    assert told in one_line(divergence_line(Divergence(2, 7600, what, recorded, now)).plain)


def test_as_recorded() -> None:
    assert "as recorded: the same was heard" in one_line(shown(run_view(replace(BASE, recorded=BASE.outcome))))


def test_many_notes_are_counted() -> None:
    text = one_line(shown(run_view(replace(BASE, notes=tuple(f"note {n}" for n in range(9))))))
    assert "note 4" in text
    assert "note 5" not in text
    assert "... and 4 more" in text


def test_a_batch() -> None:
    diverged = replace(BASE, name="CA2", recorded=BASE.outcome, diverged=Divergence(1, 0, "answered", "a", "b"))
    runs = [BASE, diverged, replace(BASE, name="CA3", outcome=Outcome(), failed="empty", audio_ms=0, took_s=0.0)]
    text = one_line(shown(batch_view(runs)))
    for part in (
        "call turns p50 p95 cut off silent what came of it",
        "CA1 3 800 800 0 0.8 s ran",
        "CA2 1/3 800 800 0 0.8 s diverged at turn 1: answered",
        "CA3 0 0 empty",
        "3 calls: 1 failed, 1 diverged from the record",
        "voice to voice, 4 scored turns: p50 800, p90 800, p95 800, max 800 ms",
        "30.0 s of call in 1.00 s, 30 times real time",
    ):
        assert part in text, part


def test_notes_of_many_calls_stand_under_their_table() -> None:
    torn = run(SLOW.outcome, name="CA2", notes=("0.1 of 24.5 s are there: the file is cut short",))
    for view in (batch_view([BASE, torn]), summary_view(compare_all([(BASE, BASE), (BASE, torn)]))):
        assert "note: CA2: 0.1 of 24.5 s are there: the file is cut short" in one_line(shown(view))
    many = one_line(shown(batch_view([BASE, replace(torn, notes=tuple(f"note {n}" for n in range(12)))])))
    assert "CA2: note 9" in many
    assert "note 10" not in many
    assert "... and 2 more notes" in many


def test_a_comparison() -> None:
    text = one_line(shown(summary_view(compare_all([(BASE, SLOW)]))))
    for part in (
        "1 where is my parcel 800 1000 +200 endpointing +200 ms",
        "p50 800 1000 +200 ms",
        "endpointing (p50) 560 760 +200 ms",
        "stt (p50) 40 40 =",
        "endpointing +200 ms in 3 of 3 turns (1 call); 0 new cutoffs; words changed in 0 turns",
        "worse: p95 +200 ms (800 -> 1000 ms, +100 ms allowed)",
    ):
        assert part in text, part


def test_a_comparison_of_words() -> None:
    other = run(outcome_of(call(TURNS[0], ("can sell it", "What?"), TURNS[2])))
    text = one_line(shown(comparison_view(compare(BASE, other))))
    assert "2 - cancel it 800 800 +0 + can sell it - It is cancelled. + What?" in text
    assert 'base has "cancel it"' in text
    assert text.count("not scored") == 2


def test_many_comparisons() -> None:
    text = one_line(shown(summary_view(compare_all([(BASE, SLOW), (BASE, None), (BASE, BASE)]))))
    for part in (
        "call turns p50 now cutoffs words what moved",
        "CA1 3 800 1000 +200 ms endpointing +200 ms",
        "CA1 0 now has no such call",
        "CA1 3 800 800 = nothing",
        "; 1 call lost",
    ):
        assert part in text, part


def test_colours_say_which_way() -> None:
    slower, quicker = (shown(summary_view(compare_all([pair])), terminal=True) for pair in ((BASE, SLOW), (SLOW, BASE)))
    assert "\x1b[1;31m+200\x1b[0m" in slower
    assert "\x1b[32m-200\x1b[0m" in quicker


HOSTILE_RUN = run(
    outcome_of(
        [
            *call((HOSTILE, HOSTILE)),
            event("tool.called", 3700, id="1", name=HOSTILE, arguments={HOSTILE: HOSTILE}, turn=1),
            event("turn.rejected", 900, turn=9, reason=HOSTILE),
            event("error", 950, where=HOSTILE, message=HOSTILE),
            *ended(9000, HOSTILE),
        ]
    ),
    name=HOSTILE,
    failed=HOSTILE,
    notes=(HOSTILE,),
    served={HOSTILE: 1},
    plan=Plan(agent=HOSTILE, settings=(HOSTILE,), fault=HOSTILE),
    diverged=Divergence(1, 0, HOSTILE, HOSTILE, HOSTILE),
)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_hostile_text_stays_text(width: int) -> None:
    good = replace(HOSTILE_RUN, failed="")
    other = replace(good, outcome=outcome_of(call((HOSTILE + " more", HOSTILE + " more"))))
    views = [run_view(HOSTILE_RUN), run_view(good), batch_view([HOSTILE_RUN, good])]
    views += [summary_view(compare_all(pairs)) for pairs in ([(good, other)], [(good, HOSTILE_RUN), (good, other)])]
    for view in views:
        text = shown(view, width)
        assert not set(text) & set("\x1b\x07\u202e\ud800")
        assert all(len(line) <= width for line in text.splitlines())
        if width > 20:
            assert "[red]x[/red]" in text
        assert not re.search("\x1b\\[31m x", shown(view, width, terminal=True))


def test_no_line_is_without_end() -> None:
    endless = run(
        outcome_of(call(("word " * 5000, "word " * 5000))), diverged=Divergence(1, 0, "heard", "x" * 9999, "y")
    )
    assert len(shown(run_view(endless))) < 8 * MAX_CHARS


def test_views_fit_80_columns() -> None:
    longest = "CA" + "0123456789abcdef" * 2
    named = [replace(side, name=longest) for side in (BASE, SLOW)]
    for view in (
        run_view(named[0]),
        batch_view(named),
        summary_view(compare_all([(named[0], named[1])])),
        summary_view(compare_all([(named[0], named[1])] * 3)),
    ):
        assert max(map(len, shown(view).splitlines())) <= 80


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_damaged_call_is_too_much(chance: random.Random) -> None:
    events = [one for one in [*call(*TURNS), *TOOL] if chance.random() < 0.7]
    damaged = run(outcome_of(chance.sample(events, len(events))))
    for view in (run_view(damaged), batch_view([damaged]), summary_view(compare_all([(BASE, damaged)]))):
        assert shown(view)
