"""first_divergence: where two runs of one call part, and what counts as the same."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.replay.judging.divergence import first_divergence, paired, scored_turns
from telephony.replay.judging.outcome import Outcome, Turn, outcome_of
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.sameness import begins_alike, plain_words, same_text, same_value
from telephony.replay.plan import Plan
from tests.telephony.replay.journals import answered, call, committed, ended, event, greeted, heard, spoken

TURNS = (("where is my parcel", "In Leeds."), ("cancel it", "It is cancelled."), ("thank you", "Goodbye."))
RECORDED = call(*TURNS)


def between(recorded: list[dict[str, Any]], now: list[dict[str, Any]], **how: Any) -> Divergence | None:
    return first_divergence(outcome_of(recorded), outcome_of(now), **how)


def what(found: Divergence | None) -> tuple[int, str, str, str] | None:
    return found and (found.turn, found.what, found.recorded, found.now)


def with_turns(*turns: tuple[str, str]) -> list[dict[str, Any]]:
    return call(*turns)


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is it?", "where is it", True),
        ("It's here.", "its here", True),
        ("four seven one one", "4711", True),
        ("four-seven, one one!", "47 11", True),
        ("order 12", "order 13", False),
        ("please stop", "stop", False),
        ("my card is • • • •", "my card is four two one nine", True),
        ("my card is • please", "my card is four two", False),
        ("• and •", "12 and • •", True),
        ("•", "", False),
        ("Straße", "STRASSE", True),
        ("да", "нет", False),
        ("", " ... ", True),
    ],
)
def test_same_text(one: str, other: str, same: bool) -> None:
    assert same_text(one, other) is same_text(other, one) is same


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("It is in", "It is in Leeds.", True),
        ("", "It is", True),
        ("It was", "It is in Leeds.", False),
        ("Your card • is", "Your card 4 2 1 9", True),
        ("Your card •", "Your name", False),
    ],
)
def test_begins_alike(one: str, other: str, alike: bool) -> None:
    assert begins_alike(one, other) is begins_alike(other, one) is alike


def test_same_value() -> None:
    assert same_value({"a": ["x", 1]}, {"a": ["x", 1]})
    assert same_value({"card": "• •"}, {"card": "4219"})
    assert same_value({"card": "•"}, {"card": 4219})
    assert not same_value({"a": "x"}, {"a": "X"})
    assert not same_value({"a": "x"}, {"b": "x"})
    assert not same_value(["a"], ["a", "b"])
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert same_value(deep, [deep]) is False


@settings(max_examples=100, deadline=None)
@given(st.text("a4 •é\n", max_size=12), st.text("a4 •é\n", max_size=12))
def test_texts_are_compared_alike_from_both_sides(one: str, other: str) -> None:
    assert same_text(one, one)
    assert begins_alike(one, one)
    assert same_text(one, other) is same_text(other, one)
    assert begins_alike(one, other) is begins_alike(other, one)
    if same_text(one, other):
        assert begins_alike(one, other)
    assert "••" not in "".join(plain_words(one))


# --- where they part ------------------------------------------------------------------------------------------------


def test_the_same_call_does_not_diverge() -> None:
    assert between(RECORDED, RECORDED) is None
    assert between(RECORDED, call(*TURNS, slower_ms=200)) is None
    assert between([], []) is None


def test_heard() -> None:
    found = between(RECORDED, with_turns(TURNS[0], ("can sell it", "What?"), TURNS[2]))
    assert found == Divergence(2, 7600, "heard", "cancel it", "can sell it")


def test_answered() -> None:
    found = between(RECORDED, with_turns(TURNS[0], ("cancel it", "It is shipped."), TURNS[2]))
    assert found == Divergence(2, 7800, "answered", "It is cancelled.", "It is shipped.")


def test_another_greeting_is_another_agent_from_the_start() -> None:
    now = [dict(one, text="Hi!", said="Hi!") if one.get("utterance") == 1 else one for one in RECORDED]
    assert what(between(RECORDED, now)) == (0, "answered", "Hello.", "Hi!")


def test_a_spelling_is_no_divergence() -> None:
    assert between(RECORDED, with_turns(("Where is my parcel?", "in leeds"), *TURNS[1:])) is None


@pytest.mark.parametrize(
    ("arguments", "name", "expected"),
    [
        ({"n": "4711"}, "find", None),
        ({"n": "•"}, "find", None),
        ({"n": "4712"}, "find", 'find({"n": "4712"})'),
        ({"n": "4711"}, "cancel", 'cancel({"n": "4711"})'),
        (None, "", ""),
    ],
)
def test_tools(arguments: dict[str, str] | None, name: str, expected: str | None) -> None:
    tool = event("tool.called", 3700, id="1", name="find", arguments={"n": "4711"}, turn=1)
    mine = [event("tool.called", 3710, id="1", name=name, arguments=arguments, turn=1)] if arguments else []
    found = what(between([*RECORDED, tool], [*RECORDED, *mine]))
    assert found == (None if expected is None else (1, "tool", 'find({"n": "4711"})', expected))


def cut_short(text: str, at_ms: int = 4500) -> list[dict[str, Any]]:
    """Turn 1's answer "It is in Leeds, in the depot." is heard as far as `text`, then the caller barges in."""
    events = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "where is it")]
    events.append(event("agent.clause", 3700, utterance=2, turn=1, text="It is in Leeds, in the depot.", aside=False))
    events += [event("playout.started", 3840, at=3800), event("barge_in", at_ms, turn=2, utterance=2)]
    events += [event("playout.stopped", at_ms), *heard(2, 1, text, 3800, at_ms, "It is in Leeds, in the depot.")]
    events += [*spoken(2, at_ms - 300, 5500), committed(2, 6100, "stop")]
    return events + answered(2, 5500, "As you like.") + ended(9000)


def test_where_a_reply_was_cut_short_is_not_compared_but_whether() -> None:
    whole = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "where is it")]
    whole += answered(1, 3000, "It is in Leeds, in the depot.", length_ms=300)
    whole += [*spoken(2, 4200, 5500), committed(2, 6100, "stop"), *answered(2, 5500, "As you like."), *ended(9000)]
    assert between(cut_short("It is in"), cut_short("It is")) is None
    assert what(between(whole, cut_short("It is"))) == (1, "interrupted", "heard out", "interrupted")
    assert what(between(cut_short("It is"), whole)) == (1, "interrupted", "interrupted", "heard out")
    other = what(between(cut_short("It is"), cut_short("It was")))
    assert other == (1, "answered", "It is", "It was")


def test_a_missing_turn_and_a_new_one() -> None:
    rejected = [event("turn.rejected", 7600, turn=2, reason="no text")]
    without = [one for one in RECORDED if one.get("turn") != 2 or one["kind"] in ("turn.started", "turn.ended")]
    assert what(between(RECORDED, without + rejected)) == (2, "missing", "cancel it", "")
    assert what(between(without + rejected, RECORDED)) == (2, "missing", "", "cancel it")


def test_turns_are_matched_by_their_speech_whatever_their_numbers() -> None:
    noise = [*spoken(9, 1000, 1100), event("turn.rejected", 1700, turn=9, reason="no text")]
    later = [dict(one, turn=one["turn"] + 10) if one.get("turn", 0) > 0 else one for one in RECORDED]
    assert between(RECORDED, [*noise, *later]) is None
    assert between([*noise, *later], RECORDED) is None


def test_ended() -> None:
    by_agent = [*RECORDED[:-1], *ended(15000, "agent: hangup")]
    cut = [*RECORDED[:-1], *ended(15000, "caller: closed")]
    assert what(between(RECORDED, by_agent)) == (3, "ended", "caller: stop", "agent: hangup")
    assert between(RECORDED, cut) is None
    assert between(RECORDED[:-1], by_agent) is None, "a torn journal does not say how its call ended"
    early = [one for one in RECORDED if one["media_ms"] < 9000] + ended(9000, "agent: hangup")
    assert what(between(RECORDED, early)) == (2, "ended", "caller: stop", "agent: hangup")
    assert what(between(early, RECORDED)) == (2, "ended", "agent: hangup", "caller: stop")


def test_an_answer_that_the_hang_up_cut_off_is_none_that_differs() -> None:
    cut = [one for one in RECORDED if one["media_ms"] < 11700] + ended(11750)
    assert between(RECORDED, cut) is None


def test_an_answer_of_which_nothing_was_heard_is_none() -> None:
    """A key or a word came just before its first sound: a frame more or less, and it was never begun."""
    first = [*greeted(), *spoken(1, 2000, 3000), committed(1, 3600, "where is it")]
    unheard = heard(2, 1, "", 3800, 3800, "It is in Leeds.")
    begun = heard(2, 1, "It", 3700, 3800, "It is in Leeds.")
    rest = [committed(2, 3800, "12"), *answered(2, 3800, "As you like."), *ended(9000)]
    assert between([*first, *unheard, *rest], [*first, *rest]) is None
    assert between([*first, *rest], [*first, *unheard, *rest]) is None
    assert between([*first, *begun, *rest], [*first, *rest]) is None
    assert between([*first, *unheard, *rest], [*first, *begun, *rest]) is None
    whole = [*first, *answered(1, 3000, "It is in Leeds."), *rest]
    assert what(between(whole, [*first, *unheard, *rest])) == (1, "interrupted", "heard out", "interrupted")
    assert what(between(whole, [*first, *rest])) == (1, "answered", "It is in Leeds.", "")


def test_what_is_no_longer_said_unasked_was_said_then() -> None:
    """Not at the call's beginning, where the report would point."""
    again = [event("agent.clause", 2600, utterance=50, turn=1, text="Say it again.", aside=True)]
    again += heard(50, 1, "Say it again.", 2650, 3300)
    found = between([*greeted(), *again, *ended(9000)], [*greeted(), *ended(9000)])
    assert found is not None
    assert (found.turn, found.at_ms, found.recorded, found.now) == (0, 2650, "Say it again.", "")


def test_what_was_said_unasked_counts_but_a_filler_does_not() -> None:
    def aside(at_ms: int, text: str) -> list[dict[str, Any]]:
        clause = event("agent.clause", at_ms, utterance=50, turn=1, text=text, aside=True)
        return [clause, *heard(50, 1, text, at_ms, at_ms + 100)]

    assert between(RECORDED, [*RECORDED, *aside(3650, "One moment.")]) is None
    found = what(between(RECORDED, [*RECORDED, *aside(5300, "Are you still there?")]))
    assert found == (1, "answered", "", "Are you still there?")


def test_a_reactive_caller_is_matched_by_order() -> None:
    one = [Turn(1, "a", "voice", 1000, 2000, 2600), Turn(2, "b", "voice", 5000, 6000, 6600)]
    other = [Turn(1, "a", "voice", 9000, 9500, 9900), Turn(4, "b", "voice", 50000, 51000, 52000)]
    assert paired(one, other, reactive=True) == list(zip(one, other, strict=True))
    assert paired(one, other) == [(one[0], None), (one[1], None), (None, other[0]), (None, other[1])]


def test_the_slack_in_which_speech_is_the_same() -> None:
    one, other = Turn(1, "a", "voice", 1000, 2000, 2600), Turn(1, "a", "voice", 2250, 2900, 3500)
    assert paired([one], [other]) == [(one, other)]
    assert paired([one], [other], speech_slack_ms=200) == [(one, None), (None, other)]


# --- what can be scored ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("diverged", "turns"),
    [
        (None, 3),
        (Divergence(2, 0, "heard", "", ""), 2),
        (Divergence(2, 0, "missing", "", ""), 1),
        (Divergence(0, 0, "answered", "", ""), 0),
    ],
)
def test_scored_turns(diverged: Divergence | None, turns: int) -> None:
    run = Run("CA1", Path("CA1"), Plan(), None, outcome_of(RECORDED), None, diverged=diverged)
    assert scored_turns(run) == turns


def test_nothing_to_score() -> None:
    assert scored_turns(Run("CA1", Path("CA1"), Plan(), None, Outcome(), None)) == 0


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_no_pair_of_damaged_calls_is_too_much(chance: random.Random, reactive: bool) -> None:
    sides = []
    for _ in range(2):
        events = [one for one in [*RECORDED, *cut_short("It is")] if chance.random() < 0.8]
        if chance.random() < 0.5:
            chance.shuffle(events)
        sides.append(outcome_of(events))
    assert first_divergence(sides[0], sides[0], reactive=reactive) is None
    first_divergence(sides[0], sides[1], reactive=reactive)
    for one, other in paired(sides[0].turns, sides[1].turns, reactive=reactive):
        assert one is not None or other is not None
