"""The caller who listens: gaps, barge-ins, keys and the end keep their distance from the agent's speech."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.replay.callers.leaving import AGENT_LEAVES_MS
from telephony.replay.callers.reactive import ONSET_MS, PATIENCE_MS, WAIT_MS, reactive
from telephony.sandbox.ear import SAME_BURST_MS
from tests.telephony.replay.callers.support import Rehearsal, Span, a_call, speaks

CALLER: list[Span] = [(2000, 3000), (6000, 6500)]
AGENT: list[Span] = [(200, 1400), (4000, 5200)]


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("later_ms", [0, 500, -600])
def test_gaps_are_kept_when_the_agent_is_slower_or_faster(rate_hz: int, later_ms: int) -> None:
    caller = reactive(a_call(CALLER, AGENT, rate_hz=rate_hz))
    agent = speaks((200, 1400), (4000 + later_ms, 5200 + later_ms))
    call = Rehearsal(caller, rate_hz, agent).run(20_000)
    assert call.said() == [(0, 2000, 3000), (1, 6000 + later_ms, 6500 + later_ms)]
    assert call.left_ms == 7500 + later_ms
    assert caller.ended == "hang up"
    assert caller.notes == []
    assert caller.unsaid == ()


def test_a_barge_in_stays_a_barge_in() -> None:
    recorded = a_call([(2000, 3000), (5000, 5600)], [(200, 1400), (4000, 5400)])
    caller = reactive(recorded)
    call = Rehearsal(caller, 8000, speaks((200, 1400), (4700, 6040))).run(20_000)
    assert call.said() == [(0, 2000, 3000), (1, 5700, 6300)]
    assert caller.notes == []


def test_a_reply_that_ends_before_it_is_interrupted_is_not_waited_out() -> None:
    caller = reactive(a_call([(2000, 3000), (9000, 9600)], [(200, 1400), (4000, 9500)]))
    call = Rehearsal(caller, 8000, speaks((200, 1400), (4000, 5000))).run(20_000)
    at_ms = 5000 + PATIENCE_MS + ONSET_MS
    assert call.said()[1] == (1, at_ms, at_ms + 600)
    assert caller.notes == ["what the caller said at 9.0 s: was said over the agent, which now had ended before"]


def test_a_filler_is_not_taken_for_the_answer() -> None:
    recorded = a_call([(2000, 3000), (8000, 8600)], [(200, 1400), (3500, 4000), (5500, 7500)])
    caller = reactive(recorded)
    call = Rehearsal(caller, 8000, speaks((200, 1400), (3500, 4000), (6500, 8500))).run(20_000)
    assert call.said()[1] == (1, 9000, 9600)
    without = reactive(recorded)
    call = Rehearsal(without, 8000, speaks((200, 1400), (3500, 4500))).run(20_000)
    at_ms = 4500 + 1500 + PATIENCE_MS + ONSET_MS
    assert call.said()[1] == (1, at_ms, at_ms + 600)
    assert without.notes == [
        f"what the caller said at 8.0 s: {at_ms - 5000} ms later than in the record, after the agent's end"
    ]


def test_who_answered_before_the_agents_end_answers_as_soon_as_it_can_be_known() -> None:
    caller = reactive(a_call([(1300, 2000)], [(200, 1400)]))
    call = Rehearsal(caller, 8000, speaks((200, 1400))).run(20_000)
    at_ms = 1400 + SAME_BURST_MS + ONSET_MS
    assert call.said() == [(0, at_ms, at_ms + 700)]
    assert len(caller.notes) == 1


def test_an_agent_that_says_nothing_is_waited_for_and_then_not() -> None:
    caller = reactive(a_call(CALLER, AGENT))
    call = Rehearsal(caller, 8000, speaks()).run(60_000)
    first = WAIT_MS + ONSET_MS
    assert call.said() == [(0, first, first + 1000), (1, 2 * first + 1000, 2 * first + 1500)]
    assert caller.notes[0] == "what the caller said at 2.0 s: the agent said nothing for 15 s before"
    assert caller.ended == "hang up"


def test_who_goes_on_after_a_pause_does_so_though_the_agent_cuts_in_now() -> None:
    caller = reactive(a_call([(2000, 3000), (3800, 4500)], [(200, 1400), (5000, 6000)]))
    call = Rehearsal(caller, 8000, speaks((200, 1400), (3500, 4300))).run(20_000)
    assert call.said() == [(0, 2000, 3000), (1, 3800, 4500)]
    note = "what the caller said at 3.8 s: the agent spoke before, where it was silent in the record"
    assert caller.notes[0] == note


def test_an_agent_that_goes_on_is_heard_out_before_the_caller_speaks() -> None:
    """The quiet before the speech had begun to be sent: that binds nobody."""
    caller = reactive(a_call([(2400, 3000)], [(200, 1400)]))
    call = Rehearsal(caller, 8000, speaks((200, 1400), (2000, 3000))).run(20_000)
    assert call.said() == [(0, 4000, 4600)]


def test_keys_keep_their_places() -> None:
    keys = ((2500, "9"), (6000, "1"), (6250, "2"))
    caller = reactive(a_call([(2000, 3000)], [(200, 1400), (4000, 5200)], keys=keys))
    call = Rehearsal(caller, 8000, speaks((200, 1400), (4500, 5700))).run(20_000)
    assert call.keys == [(2480, "9"), (6480, "1"), (6740, "2")]
    assert caller.recorded_ms(6600) == 6000


def test_where_the_agent_ended_the_call_it_is_given_time_to() -> None:
    recorded = dataclasses.replace(a_call(CALLER, AGENT), ended_by="agent: hangup")
    call = Rehearsal(reactive(recorded), 8000, speaks((200, 1400), (4000, 5200), (7000, 8000))).run(60_000)
    assert call.left_ms == 8000 + AGENT_LEAVES_MS


def test_a_dropped_line_drops() -> None:
    caller = reactive(a_call(CALLER, AGENT, ended_by="caller: closed", ended_ms=6600))
    call = Rehearsal(caller, 8000, speaks(*AGENT)).run(20_000)
    assert (caller.ended, call.left_ms) == ("drop", 6600)


def test_what_is_said_now_is_found_on_the_recording() -> None:
    caller = reactive(a_call(CALLER, AGENT))
    Rehearsal(caller, 8000, speaks((200, 1400), (4500, 5700))).run(7000)
    places = {2000: 2000, 2500: 2500, 3100: 3100, 3200: 3200, 4000: 3200, 6500: 6000, 6900: 6400}
    assert {now: caller.recorded_ms(now) for now in places} == places
    assert caller.recorded_ms(0) == 0


spans = st.lists(st.tuples(st.integers(1, 120), st.integers(4, 60)), max_size=6)


def laid_out(pairs: list[tuple[int, int]], unit_ms: int) -> list[Span]:
    at, out = 0, []
    for gap, length in pairs:
        out.append((at + gap * unit_ms, at + (gap + length) * unit_ms))
        at = out[-1][1]
    return out


@settings(deadline=None)
@given(spans, spans, spans, st.lists(st.integers(0, 6000), max_size=4))
def test_whatever_the_agent_does_all_is_said_once_whole_and_in_order(
    caller_spans: list[tuple[int, int]],
    agent_then: list[tuple[int, int]],
    agent_now: list[tuple[int, int]],
    key_times: list[int],
) -> None:
    said = laid_out(caller_spans, 10)
    keys = tuple((at, str(number)) for number, at in enumerate(sorted(key_times)))
    recorded = a_call(said, laid_out(agent_then, 20), keys=keys)
    caller = reactive(recorded)
    call = Rehearsal(caller, 8000, speaks(*laid_out(agent_now, 20))).run(400_000)
    assert call.left_ms is not None, "the caller never left"
    assert [(number, end - start) for number, start, end in call.said()] == [
        (number, end - start) for number, (start, end) in enumerate(said)
    ]
    assert [key for _, key in call.keys] == [key for _, key in keys]
    assert call.places == sorted(call.places)
    latest_ms = max(recorded.duration_ms, *key_times, 0)
    assert all(0 <= at <= latest_ms for at in call.places)
    final = [caller.recorded_ms(at) for at in range(0, call.left_ms, 20)]
    assert final == sorted(final)
