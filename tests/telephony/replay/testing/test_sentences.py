"""Each sentence holds where it should, fails where it should, and then says what was there, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.tools.registry import NEEDS_YES
from telephony.replay.judging.outcome import DeadAir, Outcome, ToolRun, Turn
from telephony.replay.judging.result import Divergence
from telephony.replay.testing.sentences import CallStory
from tests.telephony.replay.testing.calls import CUT, PARCEL, again, call, with_

Sentence = Callable[[CallStory], object]

ORDER = {"order_number": "4219"}
FAILED = ToolRun(2, "find_order", ORDER, 8610, False, {"error": "the tool failed"})
REFUSED = ToolRun(2, "cancel_order", ORDER, 8610, False, {"error": NEEDS_YES})
HANGS = ToolRun(2, "find_order", ORDER, 8610)
TWICE = (*PARCEL.tools, replace(PARCEL.tools[0], at_ms=12_000))
UNANSWERED = (replace(PARCEL.turns[0], voice_to_voice_ms=None), *PARCEL.turns[1:])
KEYS = (Turn(1, "1234", "keys", None, None, 4000),)

HOLD: list[tuple[CallStory, Sentence]] = [
    (call(), lambda it: it.understood("Where's my parcel?", "4 2 … 1 9", "Goodbye!").understood_nothing_else()),
    (call(), lambda it: it.understood("um, where is my parcel please", "goodbye")),
    (call(), lambda it: it.ran("find_order", order_number="4219").before("hang_up").once().heard("on its way")),
    (call(), lambda it: it.ran("find_order").then("hang_up", reason="done").ended_by("agent")),
    (call(), lambda it: it.ran_no("cancel_order")),
    (with_(tools=(REFUSED,)), lambda it: it.ran_no("cancel_order").ran_nothing().had_no_errors()),
    (with_(tools=()), lambda it: it.ran_nothing()),
    (call(), lambda it: it.said("4219 is on its way and comes tomorrow")),
    (call(), lambda it: it.heard("Order 4219").heard("parcel desk").did_not_hear("tomorrow").did_not_hear("42")),
    (call(), lambda it: it.was_interrupted()),
    (with_(barge_ins_ms=()), lambda it: it.was_not_interrupted()),
    (call(), lambda it: it.had_no_cutoffs()),
    (call(), lambda it: it.answered_within(p50_ms=700, p95_ms=900, max_ms=900)),
    (with_(turns=UNANSWERED), lambda it: it.answered_within(max_ms=2800)),
    (call(), lambda it: it.had_no_dead_air_over(900)),
    (call(), lambda it: it.had_no_errors().took_at_most(12.4)),
    (with_(ended_by="caller: stop"), lambda it: it.ended_by("caller")),
    (with_(ended_by="agent: transfer"), lambda it: it.ended_by("transfer")),
    (with_(ended_by="caller: closed"), lambda it: it.ended_by("line")),
    (again(), lambda it: it.did_not_diverge()),
]

#: call, sentence, where the arrow stands, what the message holds besides.
FAIL: list[tuple[CallStory, Sentence, str, list[str]]] = [
    (
        call(),
        lambda it: it.understood("where is my parcel", "4 2 1 5"),
        "0:06.000",
        ['not understood to say "4 2 1 5"', 'was       "four two one nine" (turn 2, the closest)', "after"],
    ),
    (call(), lambda it: it.understood("goodbye", "where is my parcel"), "0:02.000", ["said earlier, at 0:02.000"]),
    (call(), lambda it: it.understood("goodbye", "goodbye"), "0:10.600", ["was       nothing more", "is missing"]),
    (with_(turns=()), lambda it: it.understood("hello"), "0:12.400", ["was       nothing more"]),
    (
        call(),
        lambda it: it.understood("where is my parcel", "goodbye").understood_nothing_else(),
        "0:06.000",
        ['something else: "four two one nine"', '"where is my parcel", "goodbye"'],
    ),
    (
        call(),
        lambda it: it.ran("find_order", order_number="4215"),
        "0:08.610",
        ['find_order(order_number="4215") did not run', 'here: order_number="4219" for "4215"'],
    ),
    (call(), lambda it: it.ran("find_order", order_number=4219), "0:08.610", ['order_number="4219" for 4219']),
    (call(), lambda it: it.ran("find_order", number="4219"), "0:08.610", ["here: no number"]),
    (call(), lambda it: it.ran("cancel_order"), "0:12.400", ["find_order(", "at 0:08.610", "hang_up("]),
    (with_(tools=()), lambda it: it.ran("cancel_order"), "0:12.400", ["no tool at all"]),
    (with_(tools=(FAILED,)), lambda it: it.ran("find_order"), "0:08.610", ["find_order() failed", "the tool failed"]),
    (with_(tools=(REFUSED,)), lambda it: it.ran("cancel_order"), "0:08.610", ["was refused", "spoken yes"]),
    (with_(tools=(HANGS,)), lambda it: it.ran("find_order"), "0:08.610", ["gave no result", "had not returned"]),
    (call(), lambda it: it.ran("hang_up").before("find_order"), "0:08.610", ["did not run before", "was first"]),
    (call(), lambda it: it.ran("find_order").before("cancel_order"), "0:12.400", ["cancel_order() did not run"]),
    (call(), lambda it: it.ran("hang_up").then("find_order"), "0:11.610", ["did not run after hang_up("]),
    (with_(tools=TWICE), lambda it: it.ran("find_order").once(), "0:12.000", ["more than once", "at 0:08.610"]),
    (call(), lambda it: it.ran_no("hang_up"), "0:11.610", ["the tool hang_up ran"]),
    (with_(tools=(FAILED,)), lambda it: it.ran_no("find_order"), "0:08.610", ["the tool find_order ran"]),
    (with_(tools=(HANGS,)), lambda it: it.ran_nothing(), "0:08.610", ["a tool ran", "had not returned"]),
    (call(), lambda it: it.said("and comes on Friday"), "0:08.900", ["did not say", "closest", "and comes tomorrow"]),
    (call(), lambda it: it.said("xylophone"), "0:12.400", ["is missing", '"Hello, parcel desk."']),
    (
        call(),
        lambda it: it.heard("and comes tomorrow"),
        "0:10.760",
        ["it was said, but cut off", 'heard     "Order four, two, one, nine is on its way,"', "comes tomorrow."],
    ),
    (call(), lambda it: it.heard("parcel disk"), "0:00.200", ["did not hear", 'closest   "Hello, parcel desk."']),
    (with_(said=()), lambda it: it.heard("hello"), "0:12.400", ["was       nothing"]),
    (call(), lambda it: it.did_not_hear("on its way"), "0:08.900", ['the caller heard "on its way"']),
    (with_(said=()), lambda it: it.did_not_hear("on its way"), "0:12.400", ["nor anything else"]),
    (with_(barge_ins_ms=()), lambda it: it.was_interrupted(), "0:12.400", ["nobody cut in"]),
    (call(), lambda it: it.was_not_interrupted(), "0:10.760", ["was interrupted"]),
    (
        with_(cutoffs=(CUT,)),
        lambda it: it.had_no_cutoffs(),
        "0:08.000",
        ['cut off after "four two one nine"', "450 ms later", "trailing_ms"],
    ),
    (with_(turns=(), rejected=()), lambda it: it.had_no_cutoffs(), "0:12.400", ["no turn that could be cut off"]),
    (
        call(),
        lambda it: it.answered_within(p95_ms=800),
        "0:08.000",
        ["longer than 800 ms: p95 900 ms", "(turn 2)", "650, 700, 900 ms", "came 900 ms later"],
    ),
    (call(), lambda it: it.answered_within(p50_ms=699), "0:03.200", ["p50 700 ms", "of which   endpointing 576"]),
    (call(), lambda it: it.answered_within(p50_ms=700, max_ms=899), "0:08.000", ["longest 900 ms"]),
    (with_(turns=UNANSWERED), lambda it: it.answered_within(max_ms=2799), "0:03.200", ["2800 ms without an answer"]),
    (with_(turns=KEYS), lambda it: it.answered_within(max_ms=9000), "0:12.400", ["no turn was answered"]),
    (
        call(),
        lambda it: it.had_no_dead_air_over(899),
        "0:08.000",
        ["nobody was heard for 900 ms before the answer", "silence until 0:08.900"],
    ),
    (with_(errors=((5000, "llm: gone"),)), lambda it: it.had_no_errors(), "0:05.000", ["llm: gone"]),
    (with_(tools=(FAILED,)), lambda it: it.had_no_errors(), "0:08.610", ["the tool find_order failed"]),
    (call(), lambda it: it.ended_by("caller"), "0:12.400", ["the caller hung up", "the agent hung up"]),
    (call(), lambda it: it.ended_by("transfer"), "0:12.400", ["not ended by the transfer"]),
    (with_(ended_by="agent: transfer"), lambda it: it.ended_by("agent"), "0:12.400", ["transferred"]),
    (call(), lambda it: it.took_at_most(12), "0:12.000", ["the call took 12.4 s", "at most 12 s"]),
    (
        again(Divergence(2, 8900, "answered", "It comes today.", "It comes tomorrow.")),
        lambda it: it.did_not_diverge(),
        "0:08.900",
        ["at turn 2 (answered)", "recorded  It comes today.", "now       It comes tomorrow."],
    ),
    (again(recorded=None), lambda it: it.did_not_diverge(), "0:00.000", ["no record to compare"]),
    (call(), lambda it: it.did_not_diverge(), "0:00.000", ["no record to compare"]),
]

ALL: list[Sentence] = [sentence for _, sentence in HOLD]


@pytest.mark.parametrize(("it", "sentence"), HOLD)
def test_what_holds_holds(it: CallStory, sentence: Sentence) -> None:
    assert isinstance(sentence(it), CallStory)


@pytest.mark.parametrize(("it", "sentence", "at", "told"), FAIL)
def test_what_does_not_hold_says_so_and_where(it: CallStory, sentence: Sentence, at: str, told: list[str]) -> None:
    with pytest.raises(AssertionError) as caught:
        sentence(it)
    message = str(caught.value)
    arrows = [line for line in message.splitlines() if line.startswith("-->")]
    assert len(arrows) == 1
    assert arrows[0].split()[1] == at
    assert f"(at {at})" in message.splitlines()[0]
    for part in told:
        assert part in message


@pytest.mark.parametrize("sentence", ALL)
def test_nothing_holds_of_a_call_that_was_none(sentence: Sentence) -> None:
    with pytest.raises(AssertionError, match="nothing happened in this call"):
        sentence(call(Outcome()))


@pytest.mark.parametrize("sentence", ALL)
def test_nothing_holds_of_a_call_that_could_not_be_run(sentence: Sentence) -> None:
    with pytest.raises(AssertionError, match="could not be run: no such folder"):
        sentence(again(failed="no such folder"))


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (lambda it: it.understood(), "at least one text"),
        (lambda it: it.understood("where is my parcel", "…"), "no word in it"),
        (lambda it: it.understood_nothing_else(), "else than what"),
        (lambda it: it.heard(""), "no word in it"),
        (lambda it: it.did_not_hear("!?"), "no word in it"),
        (lambda it: it.said(" "), "no word in it"),
        (lambda it: it.answered_within(), "needs a bound"),
        (lambda it: it.ran("find_ordr"), "did you mean 'find_order'"),
        (lambda it: it.ran_no("cancel_oder"), "did you mean 'cancel_order'"),
        (lambda it: it.ran("find_order").before("hangup"), "did you mean 'hang_up'"),
        (lambda it: it.ended_by("calller"), "did you mean 'caller'"),
    ],
)
def test_a_sentence_that_says_nothing_is_a_mistake(sentence: Sentence, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sentence(call())


def test_the_message_shows_the_lines_around_the_moment() -> None:
    with pytest.raises(AssertionError) as caught:
        call(name="parcel").heard("and comes tomorrow")
    assert (
        str(caught.value)
        == """\
the caller did not hear "and comes tomorrow": it was said, but cut off (parcel, at 0:10.760)
  expected  "and comes tomorrow"
  said      "Order four, two, one, nine is on its way, and comes tomorrow."
  heard     "Order four, two, one, nine is on its way,"

    … 5 more before
     0:08.610  tool    find_order(order_number="4219") -> {"outcome": "in_transit"}
     0:08.900  agent   "Order four, two, one, nine is on its way," – cut off; all of it: "Order four, two, one, nine is on its way, and comes tomorrow."
     0:10.600  caller  "goodbye"
     0:10.760  caller  cuts in
-->  0:10.760  here the agent was cut off
     0:11.610  tool    hang_up(reason="done") -> {"outcome": "leaving"}
     0:11.650  agent   "Goodbye."
     0:12.400  end     the agent hung up"""  # noqa: E501
    )


def test_the_page_is_named_and_its_failure_hides_nothing() -> None:
    with pytest.raises(AssertionError, match=r"listen to it: \.offhook/parcel\.html"):
        call(page=lambda: ".offhook/parcel.html").was_not_interrupted()

    def disk_full() -> str:
        raise OSError("no space left")

    with pytest.raises(AssertionError, match=r"(?s)the agent was interrupted.*could not be written: OSError: no space"):
        call(page=disk_full).was_not_interrupted()


def test_hostile_words_are_harmless_on_a_terminal() -> None:
    turns = (replace(PARCEL.turns[0], text="where \x1b[2J is it"),)
    with pytest.raises(AssertionError) as caught:
        with_(turns=turns).understood("hello\x1b[0m you")
    assert "\x1b" not in str(caught.value)


def test_a_long_silence_is_found_among_short_ones() -> None:
    airs = (*PARCEL.dead_air, DeadAir(5000, 6300, 1, "within the answer"))
    with pytest.raises(AssertionError, match="1300 ms within the answer"):
        with_(dead_air=airs).had_no_dead_air_over(1200)


def test_a_call_reads_as_a_conversation() -> None:
    assert str(call()).splitlines()[1] == ' 0:02.000  caller  "where is my parcel"'
    assert repr(call(name="parcel")) == "<call parcel: 3 turns, 0:12.400>"


def test_the_tool_that_ran_can_be_looked_at() -> None:
    assert call().ran("find_order").tool.result == {"outcome": "in_transit"}
