"""One long row for a page: the words carry their times, spans and the divergence lie where they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.replay.picture.frame import Frame
from telephony.replay.picture.row import Row
from telephony.replay.picture.scene import Flag, Scene, Span, Speech, Wait, timed
from telephony.replay.picture.typeset import Word

SPEECHES = (
    Speech("caller", 1000, 2000, timed((Word("hello"), Word("there")), 1000, 2000)),
    Speech("agent", 2600, 4000, (*timed((Word("Good"), Word("day.")), 2600, 4000), Word("What", unheard=True))),
)
SCENE = Scene({}, 60_000, SPEECHES, (Wait(2000, 2600, (("stt_ms", 600),)),), (), (), ())


def drawn(scene: Scene, px_per_ms: float = 0.1) -> ElementTree.Element:
    frame = Frame(0, px_per_ms, 24.0, 24.0 + scene.duration_ms * px_per_ms, 48.0 + scene.duration_ms * px_per_ms, True)
    svg, _ = Row(scene, None, frame, scene.duration_ms).svg(0.0)
    return ElementTree.fromstring(f"<svg>{svg}</svg>")


def test_words_tell_when_they_are_heard_and_what_was_not_heard_tells_nothing() -> None:
    spans = [(span.text, span.get("data-s"), span.get("data-e")) for span in drawn(SCENE).iter("tspan")]
    assert spans == [
        ("hello", "1000", "1500"),
        ("there", "1500", "2000"),
        ("Good", "2600", "3300"),
        ("day.", "3300", "4000"),
        ("What", None, None),
    ]


def test_a_wait_tells_its_stages_and_the_lanes_names_are_the_pages() -> None:
    root = drawn(SCENE)
    assert [title.text for title in root.iter("title")] == ["waited 600 ms: speech to text 600 ms"]
    assert "Caller" not in [text.text for text in root.iter("text")]


@pytest.mark.parametrize("px_per_ms", [0.04, 0.1, 0.3])
def test_spans_and_the_divergence_lie_at_their_time(px_per_ms: float) -> None:
    scene = replace(SCENE, spans=(Span(10_000, 12_000, "gap"), Span(30_000, 60_000, "unscored")), diverged_ms=30_000)
    root = drawn(scene, px_per_ms)
    boxes = [box for box in root.iter("rect") if box.get("fill-opacity") in ("0.2", "0.07")]
    assert [float(box.get("x", "0")) for box in boxes] == pytest.approx([24 + 1e4 * px_per_ms, 24 + 3e4 * px_per_ms])
    assert [float(box.get("width", "0")) for box in boxes] == pytest.approx([2000 * px_per_ms, 30_000 * px_per_ms])
    dashed = [path for path in root.iter("path") if path.get("stroke-dasharray") == "7 4"]
    assert [path.get("d", "").split()[0] for path in dashed] == [f"M{24 + 3e4 * px_per_ms:.1f}"]
    figures = [float(text.get("x", "0")) for text in root.iter("text") if ":" in (text.text or "")]
    assert all(right - left >= 40 for left, right in pairwise(figures))


def test_the_name_of_a_barge_in_covers_no_wait_and_no_other_flag() -> None:
    """All three at one moment: each has a line of its own."""
    wait = Wait(2000, 3900, (("stt_ms", 1900),), "sentence not finished, waited long enough")
    flag = Flag(3950, "stop", "silent for 0.4 s: a noise")
    scene = replace(SCENE, waits=(wait, Wait(4300, 5000, ())), flags=(flag,), barge_ins_ms=(3960,))
    heights = {text.text: float(text.get("y", "0")) for text in drawn(scene).iter("text")}
    assert heights["1900 ms"] == heights[wait.reason]
    lines = [heights[name] for name in (wait.reason, flag.label, "barge-in")]
    assert all(below - above >= 12 for above, below in pairwise(lines)), lines


@given(st.lists(st.text(min_size=1, max_size=12), max_size=12), st.integers(0, 10**6), st.integers(0, 10**5))
def test_times_of_words_follow_each_other(words: list[str], start_ms: int, length_ms: int) -> None:
    spans = [word.span_ms for word in timed([Word(word) for word in words], start_ms, start_ms + length_ms)]
    known = [span for span in spans if span is not None]
    assert len(known) == len(words)
    assert all(before[1] == after[0] for before, after in pairwise(known))
    if known:
        assert (known[0][0], known[-1][1]) == (start_ms, start_ms + length_ms)
