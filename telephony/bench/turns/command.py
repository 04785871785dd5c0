"""`offhook bench turns`: turn-taking measured with callers whose every word is known, through the real audio path."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agent.errors import LocalError
from telephony.bench.turns.bench import MEASURES, WITH_CORPUS, Numbers, curve_points, run_bench
from telephony.bench.turns.plot import Curve, Mark, plot_html, plot_svg
from telephony.bench.turns.report import curve_rows, print_report
from telephony.bench.turns.stock import load_stock
from telephony.bench.turns.sums import wrong_sums
from telephony.bench.turns.targets import targets
from telephony.bench.turns.vad import measure_vad
from telephony.replay.batch import default_jobs

PUBLISHED = (
    Mark("hosted LiveKit model", 300, 0.099),
    Mark("Smart Turn v3.2", 300, 0.35),
    Mark("silence alone", 300, 0.56),
)
"""As their makers and LiveKit's own benchmark give them, on other recordings: a yardstick, not a comparison."""
#: The widest table's width.
WIDE = 200
_RECOGNISERS = ("released", "embedded", "both")


def turns(
    corpus: Annotated[
        Path | None, typer.Option(help="A folder of recorded speech with its manifest.jsonl; without: made-up callers.")
    ] = None,
    only: Annotated[str, typer.Option(help=f"Of {','.join(MEASURES)}; all without.")] = "",
    stt: Annotated[
        str, typer.Option(help="Slots with true words (released), the embedded recogniser, or both.")
    ] = "both",
    items: Annotated[int, typer.Option(min=0, help="So many slot answers, and of all else in proportion.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; without: one for each core.")] = 0,
    sweep: Annotated[bool, typer.Option("--sweep", help="More settings for the curve of free speech.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write the curve to FILE.svg or FILE.html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Turn-taking: cutoffs, delays, stops, echo, double talk, backchannels, words heard, voicemail; in virtual time."""
    wanted = _wanted(only, corpus)
    if stt not in _RECOGNISERS:
        raise LocalError(f"--stt {stt!r} is not known: write {', '.join(_RECOGNISERS)}")
    if plot is not None and plot.suffix not in (".svg", ".html"):
        raise LocalError(f"--plot {plot}: write a name that ends in .svg or .html")
    if plot is not None and "free" not in wanted:
        raise LocalError("--plot draws the curve of free speech: let --only hold free")
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = WIDE  # a log or a pipe has no edge: figures must not be cut
    numbers = WITH_CORPUS if corpus is not None else Numbers()
    if items:
        numbers = numbers.scaled(items)
    result: dict[str, Any] = {}
    if any(name != "vad" for name in wanted):
        with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                      console=Console(stderr=True), transient=True) as bar:  # fmt: skip
            loading = bar.add_task("gathering callers", total=None)
            stock = load_stock(corpus)
            bar.remove_task(loading)
            task = bar.add_task("calls", total=None)
            result = run_bench(
                stock,
                numbers,
                only=wanted,
                stt=stt,
                sweep=sweep,
                jobs=jobs or default_jobs(),
                begun=lambda calls: bar.update(task, total=calls),
                progress=lambda: bar.advance(task),
            )
    if "vad" in wanted and corpus is not None:
        result["vad"] = measure_vad(corpus)
    if as_json:
        told = {
            **result,
            "wrong_sums": wrong_sums(result),
            "targets": [[row.measure, row.target, row.figure, row.met, row.few] for row in targets(result)],
        }
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        print_report(console, result)
    if plot is not None:
        _write_plot(plot, result, corpus)
        console.print(f"the curve is in {plot}", highlight=False)


def _wanted(only: str, corpus: Path | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in only.split(",") if name.strip()) or MEASURES
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise LocalError(f"--only {only!r}: {', '.join(unknown)} is not measured here; write of {', '.join(MEASURES)}")
    if names == ("vad",) and corpus is None:
        raise LocalError("--only vad needs recordings that were labelled by hand: give their folder with --corpus")
    return names


def _write_plot(path: Path, result: dict[str, Any], corpus: Path | None) -> None:
    curves = [
        Curve("Offhook, words and silence", tuple(curve_points(result, "words"))),
        Curve("silence alone", tuple(curve_points(result, "silence"))),
    ]
    callers = "recorded callers" if corpus is not None else "made-up callers"
    points: dict[str, Any] = next(iter(result["curves"]["words"].values()), {})
    subtitle = f"{points.get('pauses', 0)} pauses of at least 200 ms in {points.get('items', 0)} turns of {callers}"
    svg = plot_svg(curves, PUBLISHED, f"Free speech, true words 150 ms after each; {subtitle}")
    text = svg if path.suffix == ".svg" else plot_html(svg, curve_rows(result))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalError(f"--plot {path}: cannot be written ({error.strerror})") from None
