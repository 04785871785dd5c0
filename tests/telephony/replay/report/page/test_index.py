"""A batch's index and the pages of comparisons."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from telephony.replay.judging.compare import compare_all
from telephony.replay.judging.outcome import Outcome, Turn
from telephony.replay.judging.result import Run
from telephony.replay.report.page.comparison import write_comparison
from telephony.replay.report.page.index import write_comparison_index, write_index
from tests.telephony.replay.report.page.made import DIVERGED, Taken, failed_run, made_run


def slower(run: Run, by_ms: int) -> Run:
    """The run with each turn's endpointing so much slower."""

    def turn(one: Turn) -> Turn:
        stages = {**one.stages, "endpointing_ms": one.stages["endpointing_ms"] + by_ms}
        return replace(one, stages=stages, voice_to_voice_ms=(one.voice_to_voice_ms or 0) + by_ms)

    outcome: Outcome = replace(run.outcome, turns=tuple(turn(one) for one in run.outcome.turns))
    return replace(run, outcome=outcome)


def values(page: Taken, label: str) -> list[str]:
    return [cell["data-v"] for cell in page.of("td", **{"data-label": label})]


async def test_an_index_leads_to_a_page_of_each_call(tmp_path: Path) -> None:
    runs = [
        await made_run(tmp_path, name="CAone"),
        await made_run(tmp_path, name="CAtwo", diverged=DIVERGED),
        failed_run("no such <file>"),
        await made_run(tmp_path / "again", name="CAone"),
    ]
    folder = tmp_path / "pages"
    index = write_index(runs, folder)
    assert index == folder / "index.html"
    page = Taken(index.read_text("utf-8"))
    links = [link["href"] for link in page.of("a")]
    assert links == ["CAone-1.html", "CAtwo-2.html", "bad-3.html", "CAone-4.html"]
    for link in links:
        assert {"href": "index.html", "class": "back"} in Taken((folder / link).read_text("utf-8")).of("a")
    assert "4 calls" in page.text
    assert "no such <file>" in page.text
    assert values(page, "Turns") == ["4", "4", "0", "4"]
    assert values(page, "p50") == ["652", "652", "-1", "652"]
    assert values(page, "Divergence") == ["-1", "3", "-1", "-1"]


async def test_names_of_calls_lead_nowhere_else(tmp_path: Path) -> None:
    run = replace(failed_run("x"), name="../../etc/<passwd>\x00\ud800")
    page = Taken(write_index([run], tmp_path / "pages").read_text("utf-8"))
    names = [path.name for path in (tmp_path / "pages").iterdir() if path.name != "index.html"]
    assert re.fullmatch(r"[A-Za-z0-9_]+-1\.html", names[0])
    assert [link["href"] for link in page.of("a")] == names


async def test_a_comparison_has_both_runs_on_one_scale_and_marks_what_moved(tmp_path: Path) -> None:
    base = await made_run(tmp_path)
    write_comparison(base, slower(base, 200), tmp_path / "page.html", base_name="as is")
    page = Taken((tmp_path / "page.html").read_text("utf-8"))
    assert {figure["data-side"] for figure in page.of("figure")} == {"0", "1"}
    assert len({svg["width"] for svg in page.of("svg", **{"class": "long"})}) == len(
        page.of("div", **{"class": "level"})
    )
    assert page.text.count("endpointing +200 ms") >= 4 * 3
    assert "was 652 ms: +200 ms" in page.text
    assert "First divergence" not in page.text
    assert [option for option in page.of("option") if option.get("value") == "differs"]


async def test_an_index_of_comparisons_tells_the_verdict(tmp_path: Path) -> None:
    base = [await made_run(tmp_path), await made_run(tmp_path / "b", name="CAlost")]
    now = [slower(base[0], 200), replace(base[1], failed="it broke", folder=None)]
    summary = compare_all(zip(base, now, strict=True))
    page = Taken(write_comparison_index(summary, tmp_path / "pages").read_text("utf-8"))
    assert summary.verdict in page.text
    assert values(page, "p50 by") == ["200", "0"]
    assert "it broke" in page.text
    assert len(list((tmp_path / "pages").iterdir())) == 3


async def test_a_side_without_a_record_leaves_the_other(tmp_path: Path) -> None:
    base = await made_run(tmp_path)
    write_comparison(base, replace(base, folder=None, failed="it broke"), tmp_path / "page.html")
    page = Taken((tmp_path / "page.html").read_text("utf-8"))
    assert {figure["data-side"] for figure in page.of("figure")} == {"0"}
    assert "it broke" in page.text


async def test_notes_stand_with_their_call(tmp_path: Path) -> None:
    run = replace(await made_run(tmp_path, name="CAone"), notes=("torn <short>", "b", "c", "d", "e"))
    pages = [
        write_index([run], tmp_path / "pages"),
        write_comparison_index(compare_all([(replace(run, notes=()), run)]), tmp_path / "both"),
    ]
    for page in pages:
        text = Taken(page.read_text("utf-8")).text
        assert "torn <short>" in text
        assert "and 2 more notes" in text
