"""The picture of a call: well-formed whatever was said, in scale, inside its frame; nothing lies over anything."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LocalError
from telephony.replay.picture.bubbles import bubbles_svg, place_bubbles
from telephony.replay.picture.drawing import draw_call
from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.frame import Frame
from telephony.replay.picture.lanes import place_flags, place_told
from telephony.replay.picture.scene import Flag, Scene, Speech, Wait, break_rows, make_scene, part_of
from telephony.replay.picture.style import LEFT_PX, PX_PER_MS, RIGHT_PX, SIDES, STAGE_STYLES, WIDTH_PX
from telephony.replay.picture.typeset import Word, escaped, line_px, width_px, wrap
from tests.telephony.replay.sample_call import BARGE_IN_MS, CALL, TOOLS, make_call

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("mode", ["full", "journal"])
async def test_the_picture_holds_the_call(tmp_path: Path, mode: str) -> None:
    svg = draw_call(await make_call(tmp_path, mode="full" if mode == "full" else "journal"))
    words = " ".join(texts(svg)).replace(" …", "")
    for line in CALL:
        for word in (line.get("said") or line["text"]).split():
            assert word in words
    for figure in ("652 ms", "822 ms", "456 ms", "barge-in", *(f"{tool[1]} {tool[5]} ms" for tool in TOOLS)):
        assert figure in texts(svg)
    assert ("no audio was kept" in words) is (mode == "journal")
    root = ElementTree.fromstring(svg)
    assert root.get("width") == str(WIDTH_PX)
    struck = [element.text for element in root.iter(f"{SVG}tspan")]
    assert " ".join(filter(None, struck)) == "eleven. Shall I text you a tracking link?"


async def test_everything_is_inside_the_frame_and_alone_in_its_file(tmp_path: Path) -> None:
    svg = draw_call(await make_call(tmp_path))
    root = ElementTree.fromstring(svg)
    height = float(root.get("height", "0"))
    for box in root.iter(f"{SVG}rect"):
        x, y = float(box.get("x", "0")), float(box.get("y", "0"))
        assert x >= 0
        assert x + float(box.get("width", "0")) <= WIDTH_PX
        assert y + float(box.get("height", "0")) <= height
    assert not re.search(r"href|url\(|<script|<image|<style", svg)


async def test_a_wait_is_drawn_to_scale_and_its_stages_fill_it(tmp_path: Path) -> None:
    call = [CALL[0], CALL[1], CALL[2]]
    root = ElementTree.fromstring(draw_call(await make_call(tmp_path, call=call)))
    colours = [colour for _, colour in STAGE_STYLES.values()]
    bars = [box for box in root.iter(f"{SVG}rect") if box.get("fill") in colours and box.get("height") == "13"]
    assert [box.get("fill") for box in bars] == colours
    left = float(bars[0].get("x", "0"))
    right = float(bars[-1].get("x", "0")) + float(bars[-1].get("width", "0"))
    assert left == pytest.approx(LEFT_PX + 7720 * PX_PER_MS, abs=0.1)
    assert right - left == pytest.approx(652 * PX_PER_MS, abs=1.0)


HOSTILE = "</text><script>alert(1)</script> ]]> & \" ' \x00\x1b[31m \u202e\ud800 \ufffe 🎉"


async def test_hostile_words_stay_words(tmp_path: Path) -> None:
    call = [
        {**line, "text": HOSTILE, "said": HOSTILE + " more"} if line["who"] == "agent" else line for line in CALL[:3]
    ]
    call[1] = {**call[1], "text": HOSTILE + "x" * 500}
    svg = draw_call(await make_call(tmp_path, call=call))
    assert "<script" not in svg
    assert any("alert(1)" in text for text in texts(svg))
    svg.encode("utf-8")


@given(st.text())
def test_any_text_is_escaped(text: str) -> None:
    element = ElementTree.fromstring(f'<a b="{escaped(text)}">{escaped(text)}</a>')
    assert element.get("b") == (element.text or "")


async def test_an_empty_call_and_no_call(tmp_path: Path) -> None:
    folder = await make_call(tmp_path, call=[])
    assert texts(draw_call(folder))[0] == "A call with parcel-desk"
    (folder / "journal.jsonl").write_text("")
    ElementTree.fromstring(draw_call(folder))
    (folder / "audio.wav").write_text("noise")
    with pytest.raises(LocalError, match="cannot be read as audio"):
        draw_call(folder)
    with pytest.raises(LocalError, match=r"holds no journal\.jsonl"):
        draw_call(tmp_path / "nothing")


def scene_of(speeches: list[Speech], waits: list[Wait], duration_ms: int) -> Scene:
    return Scene({}, duration_ms, tuple(speeches), tuple(waits), (), (), ())


@given(
    spans=st.lists(st.tuples(st.integers(0, 4000), st.integers(50, 15_000)), max_size=15),
    tail_ms=st.integers(0, 30_000),
)
def test_rows_follow_each_other_and_none_is_too_long(spans: list[tuple[int, int]], tail_ms: int) -> None:
    at, speeches, waits = 0, [], []
    for gap, length in spans:
        speeches.append(Speech("caller", at + gap, at + gap + length, (Word("a"),) * 9))
        waits.append(Wait(at + gap + length, at + gap + length + 600, (("stt_ms", 600),)))
        at += gap + length + 600
    duration_ms = max(at + tail_ms, 1000)
    rows = break_rows(scene_of(speeches, waits, duration_ms), 11_000)
    assert rows[0][0] == 0
    assert rows[-1][1] == duration_ms
    assert all(before[1] == after[0] for before, after in pairwise(rows))
    assert all(0 < end - start <= 11_000 for start, end in rows)
    for speech in speeches:  # every word is drawn once
        parts = [part for start, end in rows if (part := part_of(speech, start, end))]
        assert sum(len(part.words) for part in parts) == 9


def test_rows_break_where_nobody_speaks() -> None:
    speeches = [Speech("agent", 0, 7000, ()), Speech("caller", 9000, 12_000, ())]
    assert break_rows(scene_of(speeches, [], 12_500), 11_000) == [(0, 8700), (8700, 12_500)]


@given(
    spans=st.lists(st.tuples(st.integers(0, 300), st.integers(5, 400), st.integers(1, 30)), min_size=1, max_size=8),
    word=st.text("abc", min_size=1, max_size=40),
)
def test_bubbles_never_overlap(spans: list[tuple[int, int, int]], word: str) -> None:
    x, placed = float(LEFT_PX), []
    for gap, length, words in spans:
        x += gap
        if x + length > RIGHT_PX:
            break
        placed.append((x, x + length, (Word(word),) * words))
        x += length
    bubbles = place_bubbles(placed, SIDES["agent"])
    assert all(a.x + a.width <= b.x + 0.1 for a, b in pairwise(bubbles))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.integers(2, 120), st.lists(st.text("abWi", min_size=1, max_size=9), max_size=9)
        ),
        max_size=12,
    )
)
def test_words_stay_whole_or_are_left_out(speeches: list[tuple[int, int, list[str]]]) -> None:
    """Zoomed out, there is less room than a word needs."""
    x, placed = float(LEFT_PX), []
    for gap, length, words in speeches:
        placed.append((x + gap, x + gap + length, [Word(word) for word in words]))
        x += gap + length
    bubbles = place_bubbles(placed, SIDES["agent"])
    said = {word for _, _, words in speeches for word in words}
    assert {word.text.removesuffix("…") for bubble in bubbles for line in bubble.lines for word in line} <= said | {""}
    assert all(a.x + a.width <= b.x + 0.1 for a, b in pairwise(bubbles))
    assert all(word in bubble.left_out for bubble in bubbles for word in bubble.left_out.split())


def test_a_bubble_without_room_says_so_and_tells_all_when_pointed_at() -> None:
    near = [
        (LEFT_PX, LEFT_PX + 4, [Word("Hello.")]),
        (LEFT_PX + 8, LEFT_PX + 40, [Word("Goodbye"), Word("<you>.")]),
        (LEFT_PX + 45, LEFT_PX + 300, [Word("Thanks.")]),
    ]
    bubbles = place_bubbles(near, SIDES["agent"])
    dots = [bubble for bubble in bubbles if bubble.left_out]
    assert [bubble.left_out for bubble in dots] == ["Goodbye <you>."]
    assert "<title>Goodbye &lt;you&gt;.</title>" in bubbles_svg(bubbles, 100, upwards=False)
    assert [line for bubble in dots for line in bubble.lines] == [[Word("…")]]


def test_a_bubble_at_the_edge_gets_room_from_the_one_before_it() -> None:
    before = [Word(word) for word in "I cannot text you. Is there anything else?".split()]
    placed = [(RIGHT_PX - 264, RIGHT_PX - 147, before), (RIGHT_PX - 50, RIGHT_PX - 3, [Word("Goodbye.")])]
    bubbles = place_bubbles(placed, SIDES["agent"])
    assert [bubble.left_out for bubble in bubbles] == ["", ""]
    assert bubbles[1].lines == [[Word("Goodbye.")]]
    assert bubbles[1].x + bubbles[1].width <= RIGHT_PX + 0.1


@given(st.lists(st.integers(0, 900), max_size=12))
def test_flags_never_cover_each_other(at: list[int]) -> None:
    rows = place_flags([(LEFT_PX + x, Flag(0, "tool", "find_order 34 ms")) for x in sorted(at)])
    for index, row in enumerate(rows):
        assert row.x + row.width <= RIGHT_PX + 0.1
        for other in rows[:index]:
            assert row.level != other.level or abs(row.x - other.x) >= row.width


@given(st.lists(st.text("abcWi.", min_size=1, max_size=60), max_size=20), st.floats(30, 400), st.integers(1, 5))
def test_wrapped_lines_keep_to_their_width_and_lose_nothing(words: list[str], limit: float, most: int) -> None:
    lines = wrap([Word(word) for word in words], 14, limit, most)
    assert len(lines) <= most
    text = "".join(word.text for line in lines for word in line)
    if text.endswith("…"):
        assert "".join(words).startswith(text[:-1])
    else:
        assert text == "".join(words)
        assert all(line_px(line, 14) <= limit + 0.01 for line in lines)


def test_widths_are_those_of_letters() -> None:
    assert width_px("iiii", 14) < width_px("aaaa", 14) < width_px("WWWW", 14)
    assert width_px("漢", 14) > width_px("a", 14)


async def test_the_outline_is_that_of_the_audio(tmp_path: Path) -> None:
    folder = await make_call(tmp_path)
    envelope = Envelope(folder / "audio.wav")
    assert envelope.duration_ms == CALL[-1]["span"][1]
    agent, caller = (envelope.columns(channel, 0, 10.0, 500) for channel in (1, 0))
    spoken = np.ptp(agent, axis=1) > 0.1
    assert not spoken[:42].any()  # the agent begins at 420 ms
    assert spoken[42:438].mean() > 0.6
    assert not caller.any()
    assert agent.max() > 0.7
    assert envelope.columns(0, 10_000_000, 10.0, 3).tolist() == [[0, 0]] * 3


def test_a_scene_joins_what_follows_closely_and_marks_what_was_not_heard() -> None:
    def heard(number: int, start_ms: int, text: str, said: str) -> dict[str, object]:
        span = {"start_ms": start_ms, "end_ms": start_ms + 900, "complete": text == said}
        return {"kind": "agent.heard", "media_ms": start_ms, "utterance": number, "text": text, "said": said, **span}

    events = [heard(1, 0, "One.", "One."), heard(2, 1000, "Two", "Two three."), heard(3, 2000, "Four.", "Four.")]
    speeches = make_scene([*events, {"kind": "barge_in", "media_ms": BARGE_IN_MS}]).speeches
    assert [[(word.text, word.unheard) for word in speech.words] for speech in speeches] == [
        [("One.", False), ("Two", False), ("three.", True)],
        [("Four.", False)],
    ]


def _stopped(reason: str) -> list[dict[str, object]]:
    return [
        {"kind": "call.started", "media_ms": 0, "agent": "desk"},
        {"kind": "turn.started", "media_ms": 1100, "turn": 1, "speech_ms": 1000},
        {"kind": "turn.ended", "media_ms": 2500, "turn": 1, "speech_end_ms": 2000, "reason": reason},
        {"kind": "turn.committed", "media_ms": 2500, "turn": 1, "text": "one", "source": "voice"},
        {"kind": "turn.latency", "media_ms": 2900, "turn": 1, "voice_to_voice_ms": 800, "endpointing_ms": 800},
        {"kind": "agent.yielded", "media_ms": 4000, "turn": 2, "utterance": 1, "reason": "speech"},
        {"kind": "agent.took_up", "media_ms": 4900, "turn": 2, "utterance": 1, "reason": "noise"},
        {"kind": "agent.yielded", "media_ms": 6000, "turn": 3, "utterance": 1, "reason": "speech"},
        {"kind": "barge_in", "media_ms": 6200, "turn": 3, "utterance": 1, "reason": "words"},
        {"kind": "call.ended", "media_ms": 8000, "reason": "caller: stop"},
    ]


def test_the_picture_tells_why_a_turn_ended_and_what_the_agent_fell_silent_for(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("\n".join(json.dumps(event) for event in _stopped("slot complete")))
    told = texts(draw_call(tmp_path))
    assert told.count("answer whole") == 1
    assert told.count("silent for 0.9 s: a noise") == 1
    assert told.count("barge-in") == 1, "what was an interruption is marked as one, and as nothing else"


def test_what_would_cover_the_next_wait_is_told_below() -> None:
    """The longest waits have the longest reasons, and the callers who soon speak again."""
    first = Wait(1000, 1500, (), reason="answer not whole, waited long enough")

    def placed(*waits: Wait) -> list[tuple[str, str, int]]:
        return [(told.figure, told.reason, told.level) for told in place_told(waits, (0, 11_000), Frame(0))]

    assert placed(first) == [("500 ms", first.reason, 0)]
    assert placed(first, Wait(3000, 3500, ())) == [("500 ms", "", 0), ("", first.reason, 1), ("500 ms", "", 0)]
    assert placed(first, Wait(1700, 2000, ())) == [("500 ms", first.reason, 1), ("300 ms", "", 0)]
    again = Wait(1700, 2000, (), reason=first.reason)
    levels = [level for _, reason, level in placed(first, again, Wait(2100, 2400, ())) if reason]
    assert levels == [1, 2], "nor do they cover each other"
    (last,) = place_told([replace(first, start_ms=10_000, end_ms=10_900)], (0, 11_000), Frame(0))
    assert (last.figure, last.reason, last.level) == ("900 ms", first.reason, 1)
    assert last.right <= Frame(0).right_px
