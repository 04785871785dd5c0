"""A run's page: whole, alone, harmless whatever was said, and true to the run."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LocalError
from telephony.replay.judging.outcome import Cutoff, DeadAir, outcome_of
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.picture import style
from telephony.replay.plan import Plan
from telephony.replay.report.page import report
from telephony.replay.report.page.html import asset, data_block, told
from telephony.replay.report.page.report import write_page
from tests.telephony.replay.report.page.made import DIVERGED, Taken, events_of, failed_run, made_run
from tests.telephony.replay.sample_call import CALL, make_call

HOSTILE = (
    "</script><script>alert(1)</script></style><img src=x onerror=alert(2)> --> <!-- ]]> & \" ' `${1}` "
    "\x00\x1b[31m \u202eturned\u2066 \ud800 \ufffe שלום 🎉"
)


def page_of(run: Run, tmp_path: Path) -> Taken:
    write_page(run, tmp_path / "page.html")
    return Taken((tmp_path / "page.html").read_text("utf-8"))


async def test_the_page_holds_the_call_and_is_for_its_owner_only(tmp_path: Path) -> None:
    page = page_of(await made_run(tmp_path), tmp_path)
    for line in CALL:
        for word in (line.get("said") or line["text"]).split():
            assert word in page.text
    assert "A call with parcel-desk" in page.text
    assert "find_order(number='4711')" in page.text
    assert {"652 ms", "822 ms", "456 ms"} <= set(re.findall(r"\d+ ms", page.text))
    assert [row["data-s"] for row in page.of("tr") if "data-s" in row] == ["420", "5010", "12870", "19480", "24980"]
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o600


async def test_a_strict_policy_names_exactly_the_style_and_the_script_of_the_page(tmp_path: Path) -> None:
    page = page_of(await made_run(tmp_path, diverged=DIVERGED), tmp_path)
    policy = page.of("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    hashes = {}
    for tag, given_, text in page.raw:
        if not given_.get("type"):
            hashes[tag] = "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert f"style-src '{hashes['style']}'" in policy
    assert f"script-src '{hashes['script']}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:; media-src data: blob:; ")
    assert "unsafe" not in policy
    assert [
        given_ for _, given_ in page.elements if "style" in given_ or any(name[:2] == "on" for name in given_)
    ] == []
    assert len([tag for tag, given_, _ in page.raw if tag == "script" and not given_.get("type")]) == 1


async def test_the_page_names_no_other_place(tmp_path: Path) -> None:
    page = page_of(await made_run(tmp_path), tmp_path)
    for _, given_ in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            assert given_.get(name, "data:,") == "data:,"
    assert not re.search(r"url\(|@import", asset("page.css"))
    assert not re.search(r"fetch\(|XMLHttp|import\(|innerHTML|eval\(|WebSocket", asset("page.js"))


def test_what_is_inlined_cannot_end_its_element_early() -> None:
    assert "</" not in asset("page.js").replace("</g>", "")
    assert "<" not in asset("page.css")
    assert "<!--" not in asset("page.js")
    assert "\r" not in asset("page.js") + asset("page.css")  # a browser would hash what it made of them


async def test_hostile_words_stay_words(tmp_path: Path) -> None:
    lines = [{**line, "text": HOSTILE, **({"said": HOSTILE + " more"} if "said" in line else {})} for line in CALL]
    folder = await make_call(tmp_path, call=lines)
    outcome = outcome_of(events_of(folder))
    tools = [replace(tool, name=HOSTILE, arguments={HOSTILE: HOSTILE}, result=HOSTILE) for tool in outcome.tools]
    outcome = replace(
        outcome, tools=tuple(tools), errors=((5, HOSTILE),), rejected=((9, 9, HOSTILE),), ended_by=HOSTILE
    )
    run = Run(
        name=HOSTILE,
        source=folder,
        plan=Plan(mode="same", agent=HOSTILE, settings=(HOSTILE,), fault=HOSTILE),
        folder=folder,
        outcome=outcome,
        recorded=outcome,
        diverged=Divergence(2, 15_000, HOSTILE, HOSTILE, HOSTILE),
        failed=HOSTILE,
        notes=(HOSTILE,),
        served={HOSTILE: 1},
    )
    harmless = page_of(await made_run(tmp_path / "other", diverged=DIVERGED), tmp_path)
    page = page_of(run, tmp_path)
    known = {tag for tag, _ in harmless.elements} | {"ul", "li", "code"}
    assert {tag for tag, _ in page.elements} <= known
    assert len(page.of("script")) == len(harmless.of("script"))
    assert page.of("img") == []
    assert "alert(1)" in page.text
    assert "\u202e" not in page.html
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page.html)


@given(st.text())
def test_any_text_stays_one_text(text: str) -> None:
    page = Taken(f'<p title="{told(text)}">{told(text)}</p>')
    assert [tag for tag, _ in page.elements] == ["p"]
    assert page.of("p")[0].get("title", "") == page.text


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5)
)
def test_data_for_the_script_comes_whole_and_holds_no_markup(data: object) -> None:
    page = Taken(data_block("data", data))
    assert "<" not in page.raw[0][2]
    assert json.loads(page.raw[0][2]) == data


async def test_texts_of_megabytes_and_times_of_centuries_make_a_page_of_common_size(tmp_path: Path) -> None:
    folder = await make_call(tmp_path)
    huge = "word " * 40_000 + "x" * 1_000_000
    heard = {"text": huge, "said": huge, "complete": True, "start_ms": -5, "end_ms": 10**14}
    more = [
        {"v": 1, "n": 900, "media_ms": 10**15, "kind": "agent.heard", "utterance": 77, "turn": 1, **heard},
        {"v": 1, "n": 901, "media_ms": 10**15, "kind": "line.gap", "from_ms": 10**12, "to_ms": 10**15},
        {"v": 1, "n": 902, "media_ms": -7, "kind": "key", "digit": "<"},
        {"v": 1, "n": 903, "media_ms": 5, "kind": "error", "where": huge, "message": huge},
    ]
    with (folder / "journal.jsonl").open("a") as journal:
        journal.writelines(json.dumps(event) + "\n" for event in more)
    outcome = outcome_of(events_of(folder))
    page = page_of(Run("long", folder, Plan(mode="same"), folder, outcome, None), tmp_path)
    assert len(page.html) < 6_000_000
    assert "only the first 4 hours are drawn" in page.text


async def test_a_divergence_is_a_line_across_both_sides_and_what_follows_is_not_scored(tmp_path: Path) -> None:
    page = page_of(await made_run(tmp_path, diverged=DIVERGED), tmp_path)
    assert "From here on the recorded caller answers an agent that no longer exists" in page.text
    assert "It is on its way." in page.text
    assert {figure["data-side"] for figure in page.of("figure")} == {"0", "1"}
    drawings = page.of("figure") + page.of("div", **{"class": "paper"})
    assert page.text.count("first divergence") == len(drawings)  # in each scale of each side, and on paper
    scored = {row["data-s"]: "scored" in row["data-tags"].split() for row in page.of("tr") if "data-tags" in row}
    assert scored == {"420": True, "5010": True, "12870": True, "19480": True, "24980": False}
    reactive = page_of(
        await made_run(tmp_path / "r", diverged=DIVERGED, plan=Plan(mode="same", caller="reactive")), tmp_path
    )
    assert "no longer exists" not in reactive.text


async def test_what_went_wrong_is_on_the_page(tmp_path: Path) -> None:
    run = await made_run(tmp_path)
    outcome = replace(
        run.outcome,
        cutoffs=(Cutoff(2, 15_300, 320),),
        dead_air=(DeadAir(24_000, 27_400, 4, "before the answer"), DeadAir(100, 400, 0, "before the greeting")),
        errors=((16_000, "llm: no answer within 4 s"),),
    )
    with (run.source / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"v": 1, "media_ms": 9000, "kind": "line.gap", "from_ms": 9000, "to_ms": 9400}) + "\n")
    page = page_of(replace(run, outcome=outcome, notes=("a note",)), tmp_path)
    for told_ in (
        "cut off: went on after 320 ms",
        "dead air 3.4 s before the answer",
        "line gap 400 ms",
        "llm: no answer within 4 s",
        "a note",
        "barge-in",
        "interrupted",
    ):
        assert told_ in page.text
    assert "dead air 0.3 s" not in page.text


async def test_a_run_that_failed_has_a_page_too(tmp_path: Path) -> None:
    page = page_of(failed_run("the file <b> is empty"), tmp_path)
    assert "the file <b> is empty" in page.text
    assert "There is no record to draw" in page.text
    with pytest.raises(LocalError, match="cannot be written"):
        write_page(failed_run("x"), tmp_path / "nowhere" / "page.html")


async def test_the_sound_in_the_page_is_the_calls(tmp_path: Path) -> None:
    run = await made_run(tmp_path)
    page = page_of(run, tmp_path)
    kind, data = next((given_["type"], text) for _, given_, text in page.raw if given_.get("id") == "sound-0")
    assert kind == "audio/flac"
    found, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="int16")
    there, there_hz = soundfile.read(run.source / "audio.wav", dtype="int16")
    assert rate_hz == there_hz
    assert (found == there).all()
    assert json.loads(next(text for _, given_, text in page.raw if given_.get("id") == "data"))["sounds"] == ["sound-0"]


async def test_without_its_audio_a_call_is_drawn_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await made_run(tmp_path)
    monkeypatch.setattr(report, "MAX_PAGE_BYTES", 100_000)
    page = page_of(run, tmp_path)
    assert "it is left out" in page.text
    assert not page.of("script", id="sound-0")
    monkeypatch.setattr(report, "MAX_AUDIO_BYTES", 1000)
    assert "the audio is too long for a page" in page_of(run, tmp_path).text
    (run.source / "audio.wav").write_text("noise")
    assert "cannot be read as audio" in page_of(run, tmp_path).text
    (run.source / "audio.wav").unlink()
    assert "no audio was kept" in page_of(run, tmp_path).text
    (run.source / "journal.jsonl").unlink()
    assert "There is no record to draw" in page_of(run, tmp_path).text


def test_every_colour_of_the_drawing_has_a_place_in_the_dark() -> None:
    alike = {colour for _, colour in style.STAGE_STYLES.values()} - {"#8a4f9e", "#c3c8cf", "#0b5394"}
    drawn = {style.INK, style.MUTED, style.RULE, style.ALARM, "#ffffff", *style.FLAG_COLOURS.values()}
    drawn |= {colour for side in style.SIDES.values() for colour in (side.wave, side.tint, side.ink)}
    drawn |= {colour for _, colour in style.STAGE_STYLES.values()} - alike
    for colour in drawn:
        assert f'="{colour}"]' in asset("page.css"), colour
