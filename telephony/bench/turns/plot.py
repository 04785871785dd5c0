"""The curve of false cutoffs against mean delay, as one self-contained SVG or page; light and dark. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telephony.bench.turns.tallies import Point
from telephony.replay.picture.typeset import FONT, ROOM, escaped, width_px

WIDTH_PX, HEIGHT_PX = 880, 570
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 76, 840, 142, 496
TEXT_PX = 13
LABEL_GAP_PX = 17
LEAST_MS = 600
"""The axis of delays is at least so long."""
_STYLE = """
svg{--paper:#fcfcfb;--ink:#1d2733;--muted:#667180;--rule:#e2e4e7;--c0:#0072b2;--c1:#c2410c;--c2:#14703f;--c3:#8a4f9e}
@media (prefers-color-scheme:dark){svg{--paper:#14181d;--ink:#e8ebef;--muted:#9aa5b1;--rule:#2c333b;--c0:#5db4ea;
--c1:#ff9666;--c2:#5fcf94;--c3:#c79ad6}}
.paper{fill:var(--paper);stroke:var(--rule)}.rule{stroke:var(--rule)}.muted{fill:var(--muted)}
text{fill:var(--ink)}text.muted{fill:var(--muted)}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}.halo{stroke:var(--paper);stroke-width:4;paint-order:stroke}
.l0{stroke:var(--c0)}.l1{stroke:var(--c1)}.l2{stroke:var(--c2)}.l3{stroke:var(--c3)}
.d0{fill:var(--c0)}.d1{fill:var(--c1)}.d2{fill:var(--c2)}.d3{fill:var(--c3)}
text.d0{fill:var(--c0)}text.d1{fill:var(--c1)}text.d2{fill:var(--c2)}text.d3{fill:var(--c3)}
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of the plot."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure that others published, to compare with: a share of cut pauses at a mean delay."""

    name: str
    mean_ms: float
    cut_share: float


@dataclass(frozen=True, slots=True)
class _Label:
    """`ideal_px` is where its baseline would best stand."""

    x_px: float
    ideal_px: float
    text: str
    css: str

    def box(self) -> tuple[float, float]:
        """Its left and right."""
        return self.x_px, self.x_px + width_px(self.text, TEXT_PX) * ROOM


def plot_svg(curves: Sequence[Curve], marks: Sequence[Mark] = (), subtitle: str = "") -> str:
    """The plot as an SVG document, WIDTH_PX by HEIGHT_PX. Each point bears its setting as a title."""
    delays = [point.mean_ms for curve in curves for point in curve.points] + [mark.mean_ms for mark in marks]
    shares = [point.cut_share for curve in curves for point in curve.points] + [mark.cut_share for mark in marks]
    axes = _Axes(_top(max([LEAST_MS, *delays]), 100), max(0.1, _top(100 * max([0.0, *shares]), 10) / 100))
    lines, dots, labels = [], [], []
    for number, curve in enumerate(curves):
        ranked = sorted(curve.points, key=lambda point: point.mean_ms)
        path = " ".join(f"{axes.x(point.mean_ms):.1f},{axes.y(point.cut_share):.1f}" for point in ranked)
        lines.append(f'<polyline class="line l{number % 4}" points="{path}"/>')
        dots += [_dot(axes, point, number) for point in ranked]
    for mark in marks:
        x, y = axes.x(mark.mean_ms), axes.y(mark.cut_share)
        dots.append(f'<path class="muted" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>')
        labels.append(_Label(x + 9, y + 4, _share(mark), "muted"))
    parts = [
        *_legend(curves),
        _published(marks),
        axes.svg(),
        *lines,
        *dots,
        *(_text(label, y) for label, y in _placed(labels)),
    ]
    return _document(parts, subtitle)


def plot_html(svg: str, rows: Sequence[Sequence[str]]) -> str:
    """A page with the plot and the points as a table (the first row is its head). It loads nothing."""
    head, *body = rows
    cells = "".join(f"<th>{escaped(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Turn-taking: false cutoffs and delay</title>'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<style>body{{font:15px {FONT};margin:24px auto;max-width:{WIDTH_PX}px;padding:0 16px}}"
        "svg{max-width:100%;height:auto}table{border-collapse:collapse;margin-top:20px}"
        "th,td{text-align:right;padding:3px 14px 3px 0}th:first-child,td:first-child{text-align:left}</style>"
        f"{svg}<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></html>\n"
    )


def _legend(curves: Sequence[Curve]) -> list[str]:
    parts, x = [], LEFT_PX * 1.0
    for number, curve in enumerate(curves):
        parts.append(f'<path class="line l{number % 4}" d="M{x:.1f} 88h22"/>')
        parts.append(_line(x + 30, 92, curve.name, "start", f"d{number % 4}"))
        x += 30 + width_px(curve.name, TEXT_PX) * ROOM + 28
    return parts


def _published(marks: Sequence[Mark]) -> str:
    """What the diamonds are: beside them there is no room for names."""
    if not marks:
        return ""
    told = ", ".join(f"{mark.name} {_share(mark)} at {mark.mean_ms:.0f} ms" for mark in marks)
    x, y = LEFT_PX + 11, 112
    return f'<path class="muted" d="M{x} {y - 5}l5 5l-5 5l-5 -5z"/>' + _line(
        x + 19, y + 4, f"published: {told}", "start"
    )


def _share(mark: Mark) -> str:
    return f"{mark.cut_share:.1%}".replace(".0%", "%")


def _top(value: float, step: int) -> float:
    """The next whole step above."""
    return step * -(-value // step)


@dataclass(frozen=True, slots=True)
class _Axes:
    longest_ms: float
    most_share: float

    def x(self, mean_ms: float) -> float:
        return LEFT_PX + (RIGHT_PX - LEFT_PX) * mean_ms / self.longest_ms

    def y(self, share: float) -> float:
        return BOTTOM_PX - (BOTTOM_PX - TOP_PX) * share / self.most_share

    def svg(self) -> str:
        parts = []
        step_ms = next(step for step in (100, 200, 500, 1000, 5000) if self.longest_ms / step <= 12 or step == 5000)
        for mean_ms in range(0, int(self.longest_ms) + 1, step_ms):
            x = self.x(mean_ms)
            parts.append(f'<path class="rule" d="M{x:.1f} {TOP_PX}V{BOTTOM_PX}"/>')
            parts.append(_line(x, BOTTOM_PX + 20, str(mean_ms), "middle"))
        step = 0.05 if self.most_share <= 0.4 else 0.1
        for at in range(round(self.most_share / step) + 1):
            y = self.y(at * step)
            parts.append(f'<path class="rule" d="M{LEFT_PX} {y:.1f}H{RIGHT_PX}"/>')
            parts.append(_line(LEFT_PX - 10, y + 4, f"{at * step:.0%}", "end"))
        middle = (LEFT_PX + RIGHT_PX) / 2
        parts.append(
            _line(middle, BOTTOM_PX + 48, "mean delay from the last speech sample to the end of turn, ms", "middle")
        )
        return "".join(parts)


def _dot(axes: _Axes, point: Point, number: int) -> str:
    title = f"{point.label}: {point.cut_share:.1%} of pauses cut, mean delay {point.mean_ms:.0f} ms"
    x, y = axes.x(point.mean_ms), axes.y(point.cut_share)
    return f'<circle class="d{number % 4}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escaped(title)}</title></circle>'


def _placed(labels: Sequence[_Label]) -> list[tuple[_Label, float]]:
    """Each label with the baseline where it stands: as near to its place as the ones placed before it allow."""
    placed: list[tuple[_Label, float]] = []
    for label in sorted(labels, key=lambda label: label.ideal_px):
        left, right = label.box()
        near = [y for other, y in placed if other.box()[0] < right and left < other.box()[1]]
        steps = sorted((step * LABEL_GAP_PX / 4 for step in range(-80, 81)), key=abs)
        y = next(
            label.ideal_px + step
            for step in [*steps, 0.0]
            if TOP_PX + 4 <= label.ideal_px + step <= BOTTOM_PX - 4
            and all(abs(label.ideal_px + step - other) >= LABEL_GAP_PX for other in near)
        )
        placed.append((label, y))
    return placed


def _text(label: _Label, y_px: float) -> str:
    return _line(label.x_px, y_px, label.text, "start", f"{label.css} halo")


def _line(x: float, y: float, text: str, anchor: str, css: str = "muted", size_px: float = TEXT_PX) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size_px}" text-anchor="{anchor}"'
    return f'<text class="{css}" {place}>{escaped(text)}</text>'


def _document(parts: Sequence[str], subtitle: str) -> str:
    title = "Pauses inside a turn that were taken for its end, against the wait after it"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}" '
            f'viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" role="img" font-family="{FONT}">',
            f"<title>{escaped(title)}</title><style>{_STYLE}</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{WIDTH_PX - 1}" height="{HEIGHT_PX - 1}" rx="12"/>',
            _line(28, 40, title, "start", "title", 18),
            _line(28, 64, subtitle, "start"),
            *parts,
            "</svg>\n",
        ]
    )
