"""The caller before a <Gather>: keys as Twilio takes them, words, silence, and hanging up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.sandbox.clip import Clip
from telephony.sandbox.cursor import Cursor
from telephony.sandbox.gather import Answered, Collected, GatherCaller, collect
from telephony.sandbox.script import Drop, HangUp, Keys, Pause, Say, SayWords, Step, WaitForHangUp
from telephony.sandbox.verbs import Gather, PlayFile, SayText, Wait

BOTH = frozenset(("dtmf", "speech"))
SPEECH = frozenset(("speech",))


@pytest.mark.parametrize(
    ("keys", "gap_ms", "gather", "expected"),
    [
        ("4711", 250, Gather(), Collected("4711", "", 5.75)),  # ends five seconds after the last key
        ("4711#", 250, Gather(), Collected("4711", "", 1.0)),
        ("4711#9", 250, Gather(), Collected("4711", "9", 1.0)),
        ("4711", 250, Gather(num_digits=4), Collected("4711", "", 0.75)),
        ("4711", 250, Gather(num_digits=1), Collected("4", "711", 0.0)),
        ("47#", 250, Gather(num_digits=2), Collected("47", "#", 0.25)),
        ("47#1", 100, Gather(finish_on_key=""), Collected("47#1", "", 5.3)),
        ("47*1", 100, Gather(finish_on_key="*"), Collected("47", "1", 0.2)),
        ("#", 100, Gather(), Collected("", "", 5.0)),  # works only behind a digit
        ("#5#", 100, Gather(), Collected("5", "", 0.2)),
        ("47", 2000, Gather(timeout_s=2), Collected("4", "7", 2.0)),  # too slow
        ("#7", 2000, Gather(timeout_s=2), Collected("", "7", 2.0)),
        ("47", 1999, Gather(timeout_s=2), Collected("47", "", 3.999)),
    ],
)
def test_keys(keys: str, gap_ms: int, gather: Gather, expected: Collected) -> None:
    taken = collect(keys, gap_ms, gather)
    assert (taken.digits, taken.lost) == (expected.digits, expected.lost)
    assert taken.waited_s == pytest.approx(expected.waited_s)


@given(
    st.text("0123456789*#", min_size=1, max_size=12),
    st.integers(0, 8000),
    st.builds(
        Gather,
        timeout_s=st.integers(1, 7),
        num_digits=st.none() | st.integers(1, 9),
        finish_on_key=st.sampled_from(["", "#", "*", "0"]),
    ),
)
def test_keys_are_taken_or_lost_and_none_made_up(keys: str, gap_ms: int, gather: Gather) -> None:
    taken = collect(keys, gap_ms, gather)
    pressed = keys[: len(keys) - len(taken.lost)]
    kept = pressed.replace(gather.finish_on_key, "") if gather.finish_on_key else pressed
    assert taken.digits == kept
    assert keys.endswith(taken.lost)
    assert gather.num_digits is None or len(taken.digits) <= gather.num_digits
    assert 0 <= taken.waited_s <= (len(keys) - 1) * gap_ms / 1000 + gather.timeout_s


def caller(*steps: Step) -> tuple[GatherCaller, Cursor]:
    cursor = Cursor(steps)
    return GatherCaller(cursor), cursor


def test_words_are_what_the_recogniser_returns() -> None:
    them, _ = caller(Say(Clip(b"", 0, 0), "where is it"), SayWords("four seven"))
    first, second = them.answer(Gather(SPEECH)), them.answer(Gather(BOTH, speech_timeout_s=3))
    assert dict(first.form) == {"SpeechResult": "where is it", "Confidence": "0.9"}
    assert [(said.by, said.text, said.heard) for said in first.said] == [("speech", "where is it", True)]
    assert first.waited_s == pytest.approx(1.2 + 1.0)  # three words, and a recogniser that sees the end itself
    assert dict(second.form)["SpeechResult"] == "four seven"
    assert second.waited_s == pytest.approx(0.8 + 3.0)


@pytest.mark.parametrize(
    ("step", "gather", "by"),
    [(SayWords("hello"), Gather(), "speech"), (Keys("12"), Gather(SPEECH), "keys"), (Keys("#"), Gather(), "keys")],
)
def test_what_was_not_asked_for_is_not_heard(step: Step, gather: Gather, by: str) -> None:
    them, cursor = caller(step, SayWords("next"))
    answered = them.answer(gather)
    assert answered.form == {}
    assert [(said.by, said.heard) for said in answered.said] == [(by, False)]
    assert not answered.hung_up
    assert cursor.step == SayWords("next")


def test_a_pause_as_long_as_the_timeout_ends_it_empty_and_goes_on() -> None:
    them, _ = caller(Pause(12_000), SayWords("now"), Pause(5000), Pause(1000), Keys("1"))
    gather = Gather(BOTH, speech_timeout_s=1)
    silent = Answered(waited_s=5)
    assert [them.answer(gather), them.answer(gather)] == [silent, silent]
    third = them.answer(gather)
    assert dict(third.form)["SpeechResult"] == "now"
    assert third.waited_s == pytest.approx(2.0 + 0.4 + 1.0)
    assert them.answer(gather) == silent
    assert dict(them.answer(gather).form) == {"Digits": "1"}


@pytest.mark.parametrize("step", [HangUp(after_ms=0), Drop(after_ms=0)])
def test_hanging_up_when_the_agent_has_finished(step: Step) -> None:
    them, cursor = caller(step)
    assert not them.leaves_at_once()
    assert them.answer(Gather()).hung_up
    assert cursor.step is None


@pytest.mark.parametrize("step", [HangUp(), Drop()])
def test_hanging_up_at_once(step: Step) -> None:
    them, cursor = caller(SayWords("bye"), step)
    said = them.answer(Gather(SPEECH)).said[0]
    assert not said.expects_answer
    assert them.leaves_at_once()
    assert cursor.step is None
    assert not them.leaves_at_once()


def test_waiting_for_the_agent_to_hang_up_has_an_end() -> None:
    them, _ = caller(WaitForHangUp(wait_s=12))
    gather = Gather()
    assert [them.answer(gather).hung_up for _ in range(2)] == [False, False]
    them.agent_spoke()  # patience begins anew
    assert [them.answer(gather).hung_up for _ in range(3)] == [False, False, True]
    assert them.errors == ["the agent did not hang up: 12 s of silence"]


def test_when_the_script_is_over_one_gather_stays_empty() -> None:
    them, _ = caller()
    assert them.answer(Gather()) == Answered(waited_s=5)
    assert them.answer(Gather()).hung_up


@pytest.mark.parametrize(
    ("after_ms", "gather", "cuts_in", "note"),
    [
        (1000, Gather(SPEECH, prompts=(SayText("one two three"),)), 1000, ""),
        (1200, Gather(SPEECH, prompts=(SayText("one two three"),)), None, "stopped or said nothing"),
        (1200, Gather(SPEECH, prompts=(SayText("one two three", loop=2),)), 1200, ""),
        (1200, Gather(SPEECH, prompts=(Wait(1), PlayFile("/x"))), 1200, ""),
        (0, Gather(SPEECH), None, "stopped or said nothing"),
        (100, Gather(SPEECH, barge_in=False, prompts=(SayText("one two"),)), None, "bargeIn"),
        (None, Gather(SPEECH, prompts=(SayText("one two"),)), None, ""),
    ],
)
def test_cutting_in(after_ms: int | None, gather: Gather, cuts_in: int | None, note: str) -> None:
    them, _ = caller(SayWords("stop", interrupt_after_ms=after_ms))
    assert them.cuts_in_after_ms(gather) == cuts_in
    assert len(them.notes) == bool(note)
    assert all(note in one for one in them.notes)
