from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from telephony.bench.turns.plot import (
    BOTTOM_PX,
    LABEL_GAP_PX,
    LEFT_PX,
    RIGHT_PX,
    TOP_PX,
    Curve,
    Mark,
    plot_html,
    plot_svg,
)
from telephony.bench.turns.tallies import Point

SVG = "{http://www.w3.org/2000/svg}"
CURVES = [
    Curve("words & silence", (Point("x 1", 400, 0.1), Point("x 0.5", 200, 0.4), Point("x 2", 900, 0.0))),
    Curve("silence <alone>", (Point("200 ms", 210, 0.9),)),
    Curve("nothing", ()),
]


def test_every_point_is_drawn_inside_the_plot_with_its_setting() -> None:
    root = ElementTree.fromstring(plot_svg(CURVES, [Mark("theirs", 300, 0.099)], "made up"))
    dots = root.findall(f"{SVG}circle")
    assert [dot.findtext(f"{SVG}title") for dot in dots][:2] == [
        "x 0.5: 40.0% of pauses cut, mean delay 200 ms",
        "x 1: 10.0% of pauses cut, mean delay 400 ms",
    ]
    assert len(dots) == 4
    assert all(
        LEFT_PX <= float(dot.attrib["cx"]) <= RIGHT_PX and TOP_PX <= float(dot.attrib["cy"]) <= BOTTOM_PX
        for dot in dots
    )
    texts = [text.text for text in root.findall(f"{SVG}text")]
    assert {"words & silence", "silence <alone>", "published: theirs 9.9% at 300 ms", "9.9%", "made up"} <= set(texts)


def test_a_line_goes_from_the_quickest_setting_to_the_slowest() -> None:
    root = ElementTree.fromstring(plot_svg(CURVES))
    line = root.findall(f"{SVG}polyline")[0].attrib["points"]
    xs = [float(point.split(",")[0]) for point in line.split()]
    assert xs == sorted(xs)
    assert len(xs) == 3


def test_labels_at_one_place_do_not_lie_over_each_other() -> None:
    marks = [Mark(f"number {at}", 300 + at, 0.3 + at / 500) for at in range(6)]
    root = ElementTree.fromstring(plot_svg(CURVES, marks))
    rows = sorted(float(t.attrib["y"]) for t in root.findall(f"{SVG}text") if t.attrib["class"] == "muted halo")
    assert len(rows) == 6
    assert all(after - before >= LABEL_GAP_PX for before, after in pairwise(rows))


@pytest.mark.parametrize("curves", [[], [Curve("one", (Point("a", 0, 0),))], [Curve("one", (Point("a", 90_000, 1),))]])
def test_any_curve_can_be_drawn(curves: list[Curve]) -> None:
    ElementTree.fromstring(plot_svg(curves))


def test_a_page_holds_the_plot_and_its_points_and_loads_nothing() -> None:
    svg = plot_svg(CURVES)
    page = plot_html(svg, [["setting", "delay"], ["<b>", "200"]])
    assert svg in page
    assert "<td>&lt;b&gt;</td><td>200</td>" in page
    assert not re.search(r"<script|src=|@import|url\(", page)
