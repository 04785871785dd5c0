from __future__ import annotations

import pytest

from telephony.bench.turns.items import Item
from telephony.bench.turns.tallies import Point, cut_share_at, tally
from telephony.bench.turns.turn_ends import TurnEnd, turn_end

from .made import event, item

ITEM = item(("four", 0, 300), ("seven", 340, 600), ("one", 1000, 1300), ("two", 2000, 2400), kind="free")
START_MS = 10_000


def ended(*events: dict[str, object], of: Item = ITEM) -> TurnEnd:
    return turn_end(of, START_MS, START_MS + 20_000, events)


def test_a_turn_that_ends_after_the_last_sample_has_its_delays() -> None:
    end = ended(
        event("turn.probable_end", 12_500, speech_end_ms=12_400, reason="unsure"),
        event("turn.ended", 12_650, speech_end_ms=12_410, reason="complete"),
        event("turn.committed", 12_700, text="four seven one two", source="voice"),
    )
    assert (end.cut, end.ended_ms, end.committed_ms, end.probable_ms) == (False, 250, 300, 100)
    assert (end.pauses, end.pauses_cut, end.reason, end.cause) == (2, 0, "complete", "")
    assert end.understood


@pytest.mark.parametrize(
    ("at_ms", "pauses_cut", "cut_after"),
    [(650, 1, 2), (990, 1, 2), (1200, 1, 2), (1400, 1, 3), (2399, 1, 3)],
)
def test_an_end_before_the_last_sample_is_a_false_cutoff_of_the_pause_before_it(
    at_ms: int, pauses_cut: int, cut_after: int
) -> None:
    end = ended(event("turn.ended", START_MS + at_ms, speech_end_ms=START_MS + 600, reason="silence"))
    assert (end.cut, end.pauses_cut, end.cut_after) == (True, pauses_cut, cut_after)
    assert (end.ended_ms, end.committed_ms, end.cause) == (None, None, "cut off")


def test_two_ends_in_one_pause_count_once_and_in_two_pauses_twice() -> None:
    once = [event("turn.ended", START_MS + at, speech_end_ms=START_MS + 600, reason="silence") for at in (700, 900)]
    later = event("turn.committed", START_MS + 1600, text="one", source="voice")
    assert ended(*once).pauses_cut == 1
    assert ended(*once, later).pauses_cut == 2


def test_a_commit_alone_before_the_last_sample_cuts_too_but_not_a_key() -> None:
    assert ended(event("turn.committed", 11_500, text="four", source="voice")).cut
    assert not ended(event("turn.committed", 11_500, text="4", source="keys")).cut


def test_a_turn_that_only_a_key_ended_never_ended() -> None:
    late = [event("turn.ended", 20_400, speech_end_ms=12_400, reason="keys"),
            event("turn.committed", 20_400, text="four seven one two 1", source="speech")]  # fmt: skip
    end = ended(event("key", 20_400, digit="1"), *late)
    assert (end.cut, end.ended_ms, end.committed_ms, end.cause) == (False, None, None, "never ended")


def test_what_belongs_to_others_does_not_count() -> None:
    before = event("turn.ended", START_MS + 100, speech_end_ms=START_MS - 300, reason="silence")
    after = event("turn.ended", START_MS + 20_001, speech_end_ms=START_MS + 19_000, reason="silence")
    end = ended(before, after)
    assert (end.cut, end.ended_ms, end.cause) == (False, None, "never ended")


@pytest.mark.parametrize(
    ("text", "cause"),
    [("", "ended, but nothing was recognised"), ("four seven", "recogniser: words missing"),
     ("four seven one three", "recogniser: other words"), ("four seven one two", "")],
)  # fmt: skip
def test_losses_have_causes(text: str, cause: str) -> None:
    events = [event("turn.ended", 12_600, speech_end_ms=12_400, reason="silence")]
    if text:
        events.append(event("turn.committed", 12_640, text=text, source="voice"))
    assert ended(*events).cause == cause


def test_a_tally_counts_items_pauses_and_delays_of_those_not_cut() -> None:
    cut = ended(event("turn.ended", 11_650, speech_end_ms=11_300, reason="silence"))
    fine = [ended(event("turn.ended", 12_400 + ms, speech_end_ms=12_400, reason="complete")) for ms in (100, 200, 600)]
    figures = tally([cut, *fine])
    assert (figures.items, figures.cut, figures.pauses, figures.pauses_cut) == (4, 1, 8, 1)
    assert (figures.cut_share, figures.pauses_cut_share, figures.mean_ms) == (0.25, 0.125, 300)
    assert (figures.ended(50), figures.ended(95)) == (200, 600)
    assert dict(figures.reasons) == {"complete": 3}
    assert dict(figures.cut_reasons) == {"silence": 1}
    empty = tally([])
    assert (empty.cut_share, empty.pauses_cut_share, empty.mean_ms, empty.ended(50)) == (0, 0, 0, None)


CURVE = [Point("a", 200, 0.5), Point("c", 600, 0.1), Point("b", 400, 0.2)]


@pytest.mark.parametrize(
    ("mean_ms", "share"), [(200, 0.5), (300, 0.35), (400, 0.2), (500, 0.15), (600, 0.1), (199, None), (601, None)]
)
def test_a_curve_is_read_between_its_settings(mean_ms: float, share: float | None) -> None:
    assert cut_share_at(CURVE, mean_ms) == (None if share is None else pytest.approx(share))


def test_of_two_settings_with_one_delay_the_better_counts() -> None:
    assert cut_share_at([*CURVE, Point("d", 400, 0.4)], 400) == pytest.approx(0.2)
    assert cut_share_at([Point("a", 300, 0.2)], 300) == 0.2
    assert cut_share_at([], 300) is None
