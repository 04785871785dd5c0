"""outcome_of: what came of a call, by its journal."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.llm.base import ToolCall
from agent.tools.base import ToolContext
from agent.tools.decorator import tool
from agent.turn_outcomes import NOISE_MS as OURS
from telephony.replay.judging.outcome import Cutoff, DeadAir, FalseStop, Outcome, outcome_of
from telephony.replay.judging.silences import LONGEST_PAUSE_MS, NOISE_MS, REACTION_MS
from tests.agent.call import Call
from tests.support.damaged import WEIRD
from tests.support.virtual_loop import virtual
from tests.telephony.replay.journals import answered, call, committed, ended, event, greeted, heard, spoken
from tests.telephony.replay.sample_call import CALL, _events

TWO_TURNS = call(("where is my parcel", "In Leeds."), ("thank you", "Goodbye."))


def air(outcome: Outcome) -> list[tuple[int, int, int, str]]:
    return [(gap.from_ms, gap.to_ms, gap.turn, gap.why) for gap in outcome.dead_air]


def test_turns_and_what_was_said() -> None:
    outcome = outcome_of(TWO_TURNS)
    first, second = outcome.turns
    assert (first.number, first.text, first.source, first.reply) == (1, "where is my parcel", "voice", "In Leeds.")
    assert (first.speech_start_ms, first.speech_end_ms, first.committed_ms) == (2000, 3000, 3600)
    assert (first.voice_to_voice_ms, first.stages["endpointing_ms"]) == (800, 560)
    assert second.reply == "Goodbye."
    assert outcome.waits_ms == (800, 800)
    assert [one.text for one in outcome.said] == ["Hello.", "In Leeds.", "Goodbye."]
    assert (outcome.ended_by, outcome.duration_ms) == ("caller: stop", 11000)


def test_a_filler_is_no_reply_and_the_truer_word_on_an_utterance_counts() -> None:
    events = [
        *greeted(),
        *spoken(1, 2000, 3000),
        committed(1, 3600, "find it"),
        event("agent.clause", 3700, utterance=2, turn=1, text="One moment.", aside=True),
        *heard(2, 1, "One moment.", 3800, 4200),
        *heard(3, 1, "", 5000, 5000, said="It is in Leeds."),
        *heard(3, 1, "It is", 5000, 5400, said="It is in Leeds."),
    ]
    outcome = outcome_of(events)
    assert outcome.turns[0].reply == "It is"
    assert [(one.text, one.aside, one.complete) for one in outcome.said][1:] == [
        ("One moment.", True, True),
        ("It is", False, False),
    ]


def test_tools_in_their_order_though_a_model_numbers_them_anew() -> None:
    events = [
        event("tool.called", 100, id="1", name="find", arguments={"n": 1}, turn=1, effect="read"),
        event("tool.returned", 150, id="1", name="find", ok=True, result="found"),
        event("tool.called", 200, id="1", name="cancel", arguments=["odd"], turn=2, effect="write"),
        event("tool.called", 300, id="2", name="slow", arguments={}, turn=2, effect="write"),
        event("tool.returned", 350, id="1", name="cancel", ok=False, result="refused"),
        event("tool.returned", 360, id="9", name="nobody", ok=True, result="x"),
    ]
    tools = outcome_of(events).tools
    assert [(run.name, run.arguments, run.at_ms, run.ok, run.result) for run in tools] == [
        ("find", {"n": 1}, 100, True, "found"),
        ("cancel", {}, 200, False, "refused"),
        ("slow", {}, 300, None, None),
    ]


def test_rejected_turns_barge_ins_errors() -> None:
    events = [
        event("barge_in", 500, turn=1, utterance=1),
        event("turn.rejected", 900, turn=1, reason="no text"),
        event("error", 950, where="stt", message="silent"),
    ]
    outcome = outcome_of(events)
    assert outcome.barge_ins_ms == (500,)
    assert outcome.rejected == ((900, 1, "no text"),)
    assert outcome.errors == ((950, "stt: silent"),)
    assert outcome.ended_by == ""


def test_false_stops_are_those_that_the_agent_went_on_from() -> None:
    events = [
        event("agent.yielded", 1000, turn=1, utterance=1, reason="speech"),
        event("agent.took_up", 1600, turn=1, utterance=1, reason="backchannel"),
        event("agent.yielded", 3000, turn=2, utterance=1, reason="speech"),
        event("barge_in", 3200, turn=2, utterance=1, reason="words"),
    ]
    outcome = outcome_of(events)
    assert outcome.false_stops == (FalseStop(1000, 600, "backchannel"),)
    assert outcome.barge_ins_ms == (3200,)


# --- cutoffs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goes_on_ms", "expected"),
    [
        (3700, [Cutoff(1, 3700, 700)]),  # before the answer
        (3800 + REACTION_MS - 1, [Cutoff(1, 3800 + REACTION_MS - 1, 800 + REACTION_MS - 1)]),
        (3800 + REACTION_MS, []),  # this may be a reaction to it: a barge-in
    ],
)
def test_who_goes_on_before_he_can_have_reacted_was_cut_off(goes_on_ms: int, expected: list[Cutoff]) -> None:
    events = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "my number is"), *answered(1, 3000, "Yes?")]
    events += [*spoken(2, goes_on_ms, goes_on_ms + 900), committed(2, goes_on_ms + 1500, "four two"), *ended(9000)]
    assert list(outcome_of(events).cutoffs) == expected


@pytest.mark.parametrize(("pause_ms", "cut_off"), [(LONGEST_PAUSE_MS, True), (LONGEST_PAUSE_MS + 1, False)])
def test_who_speaks_after_a_long_wait_for_no_answer_was_not_cut_off(pause_ms: int, cut_off: bool) -> None:
    events = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "hello"), *spoken(2, 3000 + pause_ms, 9000)]
    assert bool(outcome_of([*events, *ended(9900)]).cutoffs) is cut_off


def test_a_noise_is_neither_cut_off_nor_does_it_prove_that_somebody_was() -> None:
    noise = [*spoken(2, 3700, 3700 + NOISE_MS - 1), event("turn.rejected", 4700, turn=2, reason="no text")]
    before = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "hello"), *noise]
    more = [*spoken(3, 4700, 5500), committed(3, 6100, "are you there"), *answered(3, 5500, "Yes.")]
    # Turn 1 was cut off all the same: its caller went on within the longest pause, though behind a noise.
    assert outcome_of([*before, *more, *ended(9000)]).cutoffs == (Cutoff(1, 4700, 1700),)
    assert outcome_of([*before, *ended(9000)]).cutoffs == ()


def test_speech_that_was_not_understood_was_cut_off_too() -> None:
    events = [*greeted(), *spoken(1, 2000, 2800), event("turn.rejected", 3400, turn=1, reason="no text")]
    events += [*spoken(2, 3500, 4400), committed(2, 5000, "four two"), *ended(9000)]
    assert outcome_of(events).cutoffs == (Cutoff(1, 3500, 700),)
    short = [dict(one, reason="short") if one["kind"] == "turn.rejected" else one for one in events]
    assert outcome_of(short).cutoffs == ()


def test_the_sizes_of_a_noise_are_the_same_everywhere() -> None:
    assert NOISE_MS == OURS


# --- dead air -------------------------------------------------------------------------------------------------------


def test_dead_air_before_greeting_and_answers() -> None:
    outcome = outcome_of(TWO_TURNS)
    assert air(outcome) == [
        (0, 100, 0, "before the greeting"),
        (3000, 3800, 1, "before the answer"),
        (7000, 7800, 2, "before the answer"),
    ]
    assert outcome.dead_air[1] == DeadAir(3000, 3800, 1, "before the answer")
    assert outcome.dead_air[1].ms == 800


def test_a_reply_with_a_hole_in_it() -> None:
    events = [
        *greeted(),
        *spoken(1, 2000, 3000),
        committed(1, 3600, "well"),
        event("playout.started", 3840, at=3800),
        event("playout.done", 4400),
        event("playout.started", 7040, at=7000),
        event("playout.done", 7900),
        event("reply.heard", 8100),
        *ended(20000),
    ]
    assert air(outcome_of(events))[1:] == [(3000, 3800, 1, "before the answer"), (4400, 7000, 1, "within the answer")]


def test_an_answer_that_never_came() -> None:
    events = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "well"), *ended(9000)]
    assert air(outcome_of(events))[1:] == [(3000, 9000, 1, "before the answer")]
    assert air(outcome_of([event("call.started"), *ended(5000)])) == [(0, 5000, 0, "before the greeting")]


def test_while_the_caller_speaks_nobody_waits() -> None:
    events = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "my number is")]
    events += [*spoken(2, 3700, 5000), committed(2, 5600, "four"), *answered(2, 5000, "Yes."), *ended(9000)]
    assert air(outcome_of(events))[1:] == [(3000, 3700, 1, "before the answer"), (5000, 5800, 2, "before the answer")]


def test_keys_wait_from_the_last_key() -> None:
    keys = [event("key", 2000, digit="4"), event("key", 2400, digit="2"), committed(1, 3900, "42", "keys")]
    events = [*greeted(), *keys, event("playout.started", 4540, at=4500), event("reply.heard", 5500), *ended(6000)]
    assert air(outcome_of(events))[1:] == [(2400, 4500, 1, "before the answer")]


def test_who_is_asked_again_has_waited_for_that() -> None:
    events = [*greeted(), *spoken(1, 2000, 3000), event("turn.rejected", 6600, turn=1, reason="no text")]
    events.append(event("agent.clause", 6600, utterance=2, turn=1, text="Say it again please.", aside=True))
    events += [event("playout.started", 6700, at=6660), event("reply.heard", 7600), *ended(9000)]
    assert air(outcome_of(events))[1:] == [(3000, 6660, 1, "before it asked again")]


def test_nobody_waits_for_are_you_still_there() -> None:
    events = [*greeted(), *spoken(1, 2000, 2200), event("turn.rejected", 2900, turn=1, reason="no text")]
    events.append(event("silence.prompt", 9000, phrase="Are you still there?", count=1))
    events.append(event("agent.clause", 9000, utterance=2, turn=1, text="Are you still there?", aside=True))
    events += [event("playout.started", 9100, at=9060), event("reply.heard", 9900), *ended(12000)]
    assert air(outcome_of(events))[1:] == []


def test_a_journal_without_playout_is_read_by_the_heard_words() -> None:
    events = [event(kind, at_ms, **fields) for at_ms, kind, fields in _events(CALL, "full", "CA1")]
    outcome = outcome_of(sorted(events, key=lambda one: int(one["media_ms"])))
    assert len(outcome.turns) == 4
    assert ("before the answer", 1, 652) in [(gap.why, gap.turn, gap.ms) for gap in outcome.dead_air]


# --- whatever comes -------------------------------------------------------------------------------------------------

RICH = [
    *TWO_TURNS,
    event("key", 3000, digit="1"),
    committed(9, 3100, "1", "keys"),
    event("tool.called", 100, id="1", name="find", arguments={"n": 1}, turn=1, effect="read"),
    event("tool.returned", 150, id="1", name="find", ok=True, result="found"),
    event("barge_in", 500, turn=1, utterance=1),
    event("playout.stopped", 500, position_ms=3),
    event("silence.prompt", 9000, phrase="?", count=1),
    event("turn.rejected", 900, turn=1, reason="no text"),
    event("error", 950, where="stt", message="silent"),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(RICH), max_size=60), st.randoms(use_true_random=False))
def test_no_damage_is_too_much(events: list[dict[str, Any]], chance: random.Random) -> None:
    damaged: list[Any] = []
    for one in events:
        if chance.random() < 0.5:
            changed: dict[str, Any] = {**one, chance.choice(list(one)): chance.choice(WEIRD)}
            changed.pop(chance.choice(list(changed)) if chance.random() < 0.3 else "no such", None)
            damaged.append(changed if chance.random() < 0.9 else chance.choice(WEIRD))
        else:
            damaged.append(one)
    outcome = outcome_of(damaged)
    for gap in outcome.dead_air:
        assert gap.from_ms < gap.to_ms
    for one, other in itertools.pairwise(outcome.dead_air):
        assert one.to_ms <= other.from_ms, "the same silence counted twice"
    assert all(0 <= cutoff.after_ms <= LONGEST_PAUSE_MS for cutoff in outcome.cutoffs)


# --- real calls -----------------------------------------------------------------------------------------------------


@tool(effect="read")
async def look(ctx: ToolContext, number: str) -> Mapping[str, str]:
    """Look it up."""
    await asyncio.sleep(0.2)
    return {"number": number}


@virtual
async def test_a_real_call_with_a_hole_a_barge_in_a_tool_and_keys() -> None:
    answers = [
        (0.1, "This is the answer. ", 3.9, "And some more of it, later."),
        (0.1, ToolCall("1", "look", {"number": "42"})),
        (0.1, "It is in Leeds."),
        (0.1, "Keys it is."),
    ]
    call = Call(says=[(0.05, "hello"), (0.05, "wait")], answers=answers, tools=[look])
    async with call.running():
        await call.say()
        await call.until("agent.clause", 3)
        await asyncio.sleep(0.5)
        await call.say()
        await call.until_heard("Leeds")
        call.phone.press("1")
        await call.until_heard("Keys")
    outcome = outcome_of(call.events)
    first, second, keys = outcome.turns
    assert (first.text, first.reply) == ("hello", "This is the answer. And some more of")
    assert (second.text, second.reply) == ("wait", "It is in Leeds.")
    assert (keys.source, keys.text, keys.reply, keys.voice_to_voice_ms) == ("keys", "1", "Keys it is.", None)
    assert keys.speech_end_ms is None
    assert [(run.name, run.arguments, run.ok) for run in outcome.tools] == [("look", {"number": "42"}, True)]
    assert len(outcome.barge_ins_ms) == 1
    assert outcome.cutoffs == ()
    worst = max(outcome.dead_air, key=lambda gap: gap.ms)
    assert (worst.turn, worst.why) == (1, "within the answer")
    assert 3000 < worst.ms < 3500
    answered_gap = next(gap for gap in outcome.dead_air if gap.turn == 1)
    assert (answered_gap.why, answered_gap.ms) == ("before the answer", first.voice_to_voice_ms)


@virtual
async def test_a_real_caller_who_only_paused() -> None:
    call = Call(says=[(0.05, "my number is"), (0.05, "four two")], answers=[(1.0, "Yes?"), (0.1, "Thank you.")])
    async with call.running():
        await call.say()
        call.phone.speak(600)
        await call.until_heard("Thank you.")
    outcome = outcome_of(call.events)
    assert (outcome.cutoffs, outcome.barge_ins_ms) == ((), ()), "nothing was heard of an answer: it cost nothing"
    assert [turn.reply for turn in outcome.turns] == ["", "Thank you."]
    unheld = [{**event, "goes_on": None} for event in call.events]
    (cutoff,) = outcome_of(unheld).cutoffs
    assert cutoff.turn == 1
    assert 550 <= cutoff.after_ms <= 900


def cut_in_two(**second: Any) -> list[dict[str, Any]]:
    """A turn that was taken to be over too soon, and its caller 400 ms later."""
    later = [event("turn.committed", 5000, turn=2, text="please do", source="voice", **second)]
    return [
        *greeted(),
        *spoken(1, 2000, 3000, 250),
        committed(1, 3260, "yes"),
        *spoken(2, 3400, 4400),
        event("barge_in", 3500, turn=2, utterance=2, reason="went on" if second else "words"),
        *later,
        *answered(2, 4400, "Done."),
        *ended(9000),
    ]


def test_who_went_on_before_a_word_of_the_answer_was_heard_was_not_cut_off_and_interrupted_nobody() -> None:
    outcome = outcome_of(cut_in_two(goes_on=1))
    assert (outcome.cutoffs, outcome.barge_ins_ms) == ((), ())
    assert [turn.goes_on for turn in outcome.turns] == [None, 1]
    outcome = outcome_of(cut_in_two())
    assert [cutoff.turn for cutoff in outcome.cutoffs] == [1]
    assert outcome.barge_ins_ms == (3500,)


@pytest.mark.parametrize(
    ("reason", "cut"), [("backchannel", False), ("echo", False), ("noise", False), ("no text", True)]
)
def test_what_was_beside_the_point_cuts_nobody_off(reason: str, cut: bool) -> None:
    rejected = event("turn.rejected", 5000, turn=2, reason=reason)
    went_on = [*spoken(1, 2000, 3000, 250), committed(1, 3260, "yes"), *spoken(2, 3400, 4400), rejected]
    outcome = outcome_of([*greeted(), *went_on, *answered(1, 4400, "Done."), *ended(9000)])
    assert bool(outcome.cutoffs) is cut
