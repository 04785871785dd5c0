"""A recording taken apart: where the caller speaks, and where that stands to what the agent says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ear import PREROLL_MS
from telephony.replay.callers.loudness import loud_stretches
from telephony.replay.callers.utterances import (
    MONO_GAP_MS,
    Place,
    agent_bursts,
    place_of,
    recorded_caller,
    speech_of,
)
from telephony.replay.recorded import Recorded, RecordedUtterance
from telephony.sandbox.ear import Burst
from tests.telephony.replay.callers.support import Span, a_call, track


@pytest.mark.parametrize(
    ("start_ms", "previous_ms", "agent", "stops", "place"),
    [
        (500, 0, [], [], Place("on", 500)),
        (2500, 0, [(100, 2000)], [], Place("after", 500, 1)),
        (2100, 0, [(100, 900), (1300, 2000)], [], Place("after", 100, 2, 400)),
        (1500, 0, [(100, 2000)], [], Place("over", 1400)),
        (1500, 0, [(100, 900), (1300, 3000)], [], Place("over", 1400)),
        (1900, 0, [(100, 2000)], [], Place("after", -100, 1)),  # begins before the agent's very end
        (1900, 0, [(100, 2000)], [2010], Place("over", 1800)),  # ... which the caller brought about
        (2000, 0, [(100, 2000)], [2000], Place("over", 1900)),  # a key stops it at once: it ends as the key comes
        (2020, 0, [(100, 2000)], [2020], Place("over", 1920)),
        (2020, 0, [(100, 2000)], [2300], Place("after", 20, 1)),
        (2500, 0, [(100, 2000)], [2500], Place("after", 500, 1)),  # what was stopped was not yet audible
        (1900, 1500, [(100, 1000)], [], Place("on", 400)),  # nothing said since
        (1900, 1000, [(100, 3000)], [], Place("on", 900, 1)),  # the agent speaks through both
        (2600, 1000, [(100, 1500), (2000, 3000)], [], Place("over", 600)),
        (50, 1000, [], [], Place("on", -950)),  # a key within speech
    ],
)
def test_where_an_act_stands(
    start_ms: int, previous_ms: int, agent: list[Span], stops: list[int], place: Place
) -> None:
    assert place_of(start_ms, previous_ms, [Burst(*span) for span in agent], stops) == place


def test_the_journals_utterances_keep_their_soft_edges_and_never_overlap() -> None:
    recorded = a_call([(2000, 3000), (3100, 3600), (6000, 6500)], [(0, 1000), (4000, 5000)])
    acts = recorded_caller(recorded).acts
    assert [(act.from_ms, act.start_ms, act.end_ms, act.to_ms) for act in acts] == [
        (2000 - PREROLL_MS, 2000, 3000, 3100),
        (3100, 3100, 3600, 3800),
        (6000 - PREROLL_MS, 6000, 6500, 6700),
    ]
    assert [act.place for act in acts] == [Place("after", 1000, 1), Place("on", 100), Place("after", 1000, 1)]


def test_keys_and_the_end_have_places_too() -> None:
    recorded = a_call([(2000, 3000)], [(0, 1000), (4000, 5000)], keys=((5300, "1"), (5500, "2"), (2500, "9")))
    caller = recorded_caller(recorded)
    assert [(act.key, act.place) for act in caller.acts] == [
        ("", Place("after", 1000, 1)),
        ("9", Place("on", -500)),
        ("1", Place("after", 300, 1)),
        ("2", Place("on", 200)),
    ]
    assert caller.leaves == Place("on", 500)
    assert recorded_caller(dataclasses.replace(recorded, ended_by="agent: hangup")).leaves is None


def test_who_leaves_while_the_agent_speaks_does_not_wait_for_its_end() -> None:
    """What is on record of the agent ends there too, so its sound alone does not tell."""
    cut = {"kind": "agent.heard", "start_ms": 4000, "end_ms": 4990, "complete": False, "text": "It is"}
    recorded = a_call([(2000, 3000)], [(0, 1000), (4000, 4990)], events=(cut,), ended_ms=5000)
    assert recorded_caller(recorded).leaves == Place("over", 1000)
    whole = dataclasses.replace(recorded, events=({**cut, "complete": True},))
    assert recorded_caller(whole).leaves == Place("after", 10, 1)
    interrupted = dataclasses.replace(recorded, ended_ms=6000)
    assert recorded_caller(interrupted).leaves == Place("after", 1010, 1)


def test_what_was_silenced_or_not_recorded_is_known_from_the_journal() -> None:
    said = {"kind": "agent.heard", "start_ms": 3000, "end_ms": 4000}
    recorded = a_call([(6000, 6500)], [(0, 1000)], events=(said, {"kind": "agent.heard", "start_ms": 0, "end_ms": 990}))
    assert agent_bursts(recorded) == [Burst(0, 1000), Burst(3000, 4000)]
    assert agent_bursts(dataclasses.replace(recorded, heard=None)) == [Burst(0, 990), Burst(3000, 4000)]


def test_a_plain_recording_is_split_by_loudness() -> None:
    caller = track(9000, [(1000, 1500), (1900, 2500), (6000, 6800)])
    stereo = Recorded("plain", Path("plain.wav"), 8000, caller, heard=track(9000, [(3000, 4000), (4300, 5000)]))
    assert speech_of(stereo) == ((1000, 2500), (6000, 6800))
    assert [act.place for act in recorded_caller(stereo).acts] == [Place("on", 1000), Place("after", 1000, 2, 300)]
    mono = dataclasses.replace(stereo, heard=None)
    assert [act.place for act in recorded_caller(mono).acts] == [Place("after", MONO_GAP_MS)] * 2


def test_clicks_and_line_noise_are_no_speech() -> None:
    noisy = bytearray(track(6000, [(0, 6000)], level=300))  # -40 dBFS all along
    noisy[2 * 16_000 : 2 * 16_000 + 16 * 800] = track(800, [(0, 800)])
    noisy[2 * 30_000 : 2 * 30_000 + 160] = track(10, [(0, 10)], level=30_000)
    assert loud_stretches(bytes(noisy), 8000) == ((2000, 2800),)
    assert loud_stretches(b"", 8000) == loud_stretches(bytes(16_000), 8000) == ()
    assert loud_stretches(track(500, [(0, 500)]), 8000) == ((0, 500),), "speech without any noise around it"


@given(st.binary(max_size=20_000), st.sampled_from((8000, 11_025, 16_000)))
def test_stretches_of_anything_are_ascending_and_apart(noise: bytes, rate_hz: int) -> None:
    stretches = loud_stretches(noise, rate_hz)
    edges = [edge for stretch in stretches for edge in stretch]
    assert edges == sorted(edges)
    assert all(start < end for start, end in stretches)


@given(st.lists(st.tuples(st.integers(-50, 3000), st.integers(-50, 3000)), max_size=8))
def test_a_journal_that_tells_nonsense_gives_utterances_all_the_same(spans: list[Span]) -> None:
    told = tuple(RecordedUtterance(n, start, start, end, end, "") for n, (start, end) in enumerate(spans))
    recorded = Recorded("odd", Path("odd"), 8000, bytes(32_000), utterances=told, events=({"kind": "x"},))
    acts = recorded_caller(recorded).acts
    edges = [edge for act in acts for edge in (act.from_ms, act.to_ms)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= 2000 for edge in edges)
    assert all(act.from_ms <= act.start_ms < act.end_ms <= act.to_ms for act in acts)
