from __future__ import annotations

import pytest

from telephony.bench.turns.caller import Stop
from telephony.bench.turns.marks import marked_text, word_audio
from telephony.bench.turns.over_talk import (
    backchannel,
    heard_words,
    interrupted,
    words_in_history,
    words_played,
)

from .made import event

COMMIT = event("turn.committed", 3000, text="stop", source="voice")


@pytest.mark.parametrize(
    ("stops", "stop_ms", "kept_on"),
    [
        ([Stop(1100)], 100, False),
        ([Stop(1100, 3500)], 100, False),  # the answer
        ([Stop(1100, 1900)], 100, True),  # the same again
        ([Stop(2600)], None, False),
        ([Stop(900)], None, False),
        ([], None, False),
    ],
)
def test_a_stop_counts_from_the_first_sample_and_must_last(
    stops: list[Stop], stop_ms: float | None, kept_on: bool
) -> None:
    found = interrupted(1000, 2000, 8000, stops, [COMMIT])
    assert (found.stop_ms, found.kept_on, found.committed) == (stop_ms, kept_on, True)


def test_an_interruption_that_was_never_taken_for_a_turn_is_told() -> None:
    assert not interrupted(1000, 2000, 2900, [Stop(1100)], [COMMIT]).committed


@pytest.mark.parametrize(
    ("stops", "events", "good", "stopped"),
    [
        ([], [], True, False),
        ([Stop(1100, 1900)], [], True, True),
        ([Stop(1100, 2101)], [], False, True),
        ([Stop(1100)], [], False, True),
        ([], [COMMIT], False, False),
        ([], [COMMIT | {"source": "keys"}], True, False),
    ],
)
def test_a_backchannel_is_good_if_the_agent_goes_on_in_time(
    stops: list[Stop], events: list[dict[str, object]], good: bool, stopped: bool
) -> None:
    found = backchannel(1000, 5000, stops, events)
    assert (found.good, found.stopped) == (good, stopped)


def test_words_played_are_read_across_pieces_but_not_across_a_cut() -> None:
    one, two, three = (word_audio(number, 300) for number in (1, 2, 3))
    pieces = [(0.0, one[:3000]), (187.5, one[3000:]), (300.0, two[:4000]), (900.0, three)]
    assert words_played(pieces) == [1, 3]
    assert words_played([]) == []


def test_what_the_history_holds_is_compared_with_what_was_played_reply_by_reply() -> None:
    events = [
        event("agent.heard", 1, text=marked_text(0, 3)),
        event("agent.heard", 2, text=""),
        event("agent.heard", 3, text=marked_text(10, 2)),
        event("agent.heard", 4, text=marked_text(11, 3)),
    ]
    history = words_in_history(events)
    assert history == [0, 1, 2, 10, 11, 11, 12, 13]
    found = heard_words([range(10), range(10, 20), range(20, 30)], [0, 1, 2, 3, 10, 11, 11], history)
    assert [(each.played, each.in_history, each.twice, each.off) for each in found] == [(4, 3, 0, -1), (2, 4, 1, 2)]
