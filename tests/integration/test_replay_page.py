"""A run's page in a real browser, from a file: nothing is asked of a network, it plays, scrubs, seeks and sorts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from telephony.replay.judging.result import Run
from telephony.replay.report.page.comparison import write_comparison
from telephony.replay.report.page.index import write_index
from telephony.replay.report.page.report import write_page
from tests.integration.browser import Browser, chromium, open_browser
from tests.telephony.replay.report.page.made import DIVERGED, failed_run, made_run

MS = "Number(document.body.dataset.ms)"


TAP = """
const make = AudioContext.prototype.createChannelMerger;
AudioContext.prototype.createChannelMerger = function (inputs) {
  const [merger, parts, sides] = [make.call(this, inputs), this.createChannelSplitter(2), []];
  merger.connect(parts);
  for (const side of [0, 1]) {
    sides.push(this.createAnalyser());
    parts.connect(sides[side], side);
  }
  window.loudness = () => sides.map((side) => {
    const samples = new Float32Array(2048);
    side.getFloatTimeDomainData(samples);
    return Math.max(...samples.map(Math.abs));
  });
  return merger;
};
"""
"""Measures what leaves the page's mixer, left and right."""


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium()


@asynccontextmanager
async def opened(path: Path, *, width: int = 1280, script: str = "") -> AsyncIterator[Browser]:
    """The page in a browser; afterwards: it has complained of nothing, and asked for nothing but itself."""
    async with open_browser(None, width=width) as browser:
        await browser.page.add_init_script(script)
        await browser.page.goto(path.as_uri())
        yield browser
        assert browser.complaints == []
        assert [url for url in browser.requests if not url.startswith(("file://", "blob:", "data:"))] == []
        assert {url for url in browser.requests if url.startswith("file://")} >= {path.as_uri()}


async def at_ms(browser: Browser) -> float:
    return float(await browser.page.evaluate(MS))


async def page_of(run: Run, tmp_path: Path) -> Path:
    write_page(run, tmp_path / "page.html")
    return tmp_path / "page.html"


async def test_the_page_plays_and_shows_where_it_is(tmp_path: Path) -> None:
    async with opened(await page_of(await made_run(tmp_path), tmp_path)) as browser:
        place = "document.querySelector('.canvas > .head-line').getBoundingClientRect().x"
        before = await browser.page.evaluate(place)
        await browser.page.click("#play")
        await browser.until(f"{MS} > 1200")
        assert await browser.page.evaluate(place) > before
        assert await browser.page.locator("#play").get_attribute("aria-label") == "pause"
        assert await browser.page.locator("tspan.heard").count() >= 1
        assert "no sound" not in (await browser.page.locator("#now").get_attribute("title") or "")
        await browser.page.keyboard.press(" ")
        stopped_ms = await at_ms(browser)
        assert await browser.page.locator("#play").get_attribute("aria-label") == "play"
        await browser.page.keyboard.press("ArrowRight")
        assert await at_ms(browser) == pytest.approx(stopped_ms + 2000, abs=30)
        await browser.page.keyboard.press("Shift+ArrowLeft")
        assert await at_ms(browser) == 0
        await browser.page.click("#caller")
        assert await browser.page.locator("#caller").get_attribute("aria-pressed") == "false"


async def test_the_sound_goes_where_the_page_goes(tmp_path: Path) -> None:
    async with opened(await page_of(await made_run(tmp_path), tmp_path)) as browser:
        await browser.page.click("[data-seek='19480'].seek")
        await browser.page.click("#play")
        await browser.until(f"{MS} > 19900")
        assert await at_ms(browser) < 25_000
        assert await browser.page.locator("#turns tr.heard").get_attribute("data-s") == "19480"


async def test_each_voice_is_heard_and_can_be_silenced(tmp_path: Path) -> None:
    """From 8.4 s on only the agent speaks, for 4 s."""
    async with opened(await page_of(await made_run(tmp_path), tmp_path), script=TAP) as browser:
        await browser.page.click("[data-seek='5010'].seek")
        for _ in range(2):
            await browser.page.keyboard.press("ArrowRight")
        await browser.page.select_option("#speed", "0.5")
        await browser.page.click("#play")
        await browser.until("window.loudness && Math.min(...loudness()) > 0.01")
        await browser.page.click("#agent")
        await browser.until("Math.max(...loudness()) < 0.001")
        await browser.page.click("#agent")
        await browser.page.click("#stereo")
        await browser.until("loudness()[0] < 0.001 && loudness()[1] > 0.01")
        assert 9000 < await at_ms(browser) < 12_800


async def test_a_click_on_the_overview_a_word_or_a_turn_seeks(tmp_path: Path) -> None:
    async with opened(await page_of(await made_run(tmp_path), tmp_path)) as browser:
        box = await browser.page.locator("#overview").bounding_box()
        length_ms = float(
            await browser.page.evaluate("JSON.parse(document.getElementById('data').textContent).duration_ms")
        )
        await browser.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 10)
        await browser.page.mouse.down()
        assert await at_ms(browser) == pytest.approx(length_ms * 0.25, abs=60)
        await browser.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 10, steps=3)
        await browser.page.mouse.up()
        assert await at_ms(browser) == pytest.approx(length_ms * 0.75, abs=60)
        await browser.page.click("#turns tr[data-s='12870'] td:nth-child(2)")
        assert await at_ms(browser) == 12_870
        word = browser.page.locator(".level:not([hidden]) tspan[data-s]", has_text="cancel").first
        await word.click()
        assert await at_ms(browser) == float(await word.get_attribute("data-s"))


async def test_zoom_keeps_the_place_and_the_filter_hides_turns(tmp_path: Path) -> None:
    async with opened(await page_of(await made_run(tmp_path, diverged=DIVERGED), tmp_path)) as browser:
        await browser.page.click("[data-seek='12870'].seek")
        for key in ("+", "-", "-", "-"):
            await browser.page.keyboard.press(key)
            place = "document.querySelector('.canvas > .head-line').getBoundingClientRect().x"
            assert 0 < await browser.page.evaluate(place) < 1280
            assert await browser.page.locator(".level:not([hidden])").count() == 1
        await browser.page.fill("#find", "cancel_order")
        assert await browser.page.locator("#turns tbody tr:visible").count() == 1
        await browser.page.fill("#find", "")
        await browser.page.select_option("#show", "scored")
        assert await browser.page.locator("#turns tbody tr:visible").count() == 4


async def test_of_two_runs_either_is_heard(tmp_path: Path) -> None:
    run = await made_run(tmp_path)
    write_comparison(run, replace(run, name="again"), tmp_path / "page.html")
    async with opened(tmp_path / "page.html") as browser:
        await browser.page.click("#play")
        await browser.until(f"{MS} > 500")
        await browser.page.select_option("#hear", "1")
        await browser.until(f"{MS} > 1500")
        sides = await browser.page.evaluate(
            "[...document.querySelectorAll('tspan.heard')].map((node) => node.closest('.strip').dataset.side)"
        )
        assert set(sides) <= {"1"}


async def test_without_sound_the_page_moves_all_the_same(tmp_path: Path) -> None:
    run = await made_run(tmp_path)
    (run.source / "audio.wav").unlink()
    async with opened(await page_of(run, tmp_path)) as browser:
        assert await browser.page.is_disabled("#stereo")
        await browser.page.click("#play")
        await browser.until(f"{MS} > 400")


@pytest.mark.parametrize("width", [360, 800, 1600])
async def test_nothing_is_wider_than_the_window(tmp_path: Path, width: int) -> None:
    run = await made_run(tmp_path, diverged=DIVERGED, notes=("x" * 400,))
    async with opened(await page_of(run, tmp_path), width=width) as browser:
        assert await browser.page.evaluate("document.documentElement.scrollWidth") <= width
        bare = "[...document.querySelectorAll('button, input, select, a')].filter((node) => !node.innerText.trim()"
        bare += " && !node.ariaLabel && !node.closest('label')).length"
        assert await browser.page.evaluate(bare) == 0


async def test_the_index_sorts_and_leads_to_a_call_and_back(tmp_path: Path) -> None:
    runs = [await made_run(tmp_path, name="CAb", diverged=DIVERGED), failed_run("it broke")]
    runs.append(await made_run(tmp_path, name="CAa"))
    index = write_index(runs, tmp_path / "pages")
    async with opened(index) as browser:
        names = "#calls td[data-label='Call'] a"
        assert await browser.texts(names) == ["CAb", "bad.wav", "CAa"]
        await browser.page.click("th .sort >> text=Call")
        assert await browser.texts(names) == ["bad.wav", "CAa", "CAb"]
        assert await browser.page.locator("th").first.get_attribute("aria-sort") == "ascending"
        await browser.page.click("th .sort >> text=Divergence")
        assert (await browser.texts(names))[0] == "CAb"
        await browser.page.click("th .sort >> text=Divergence")
        assert (await browser.texts(names))[-1] == "CAb"
        await browser.page.fill("#find", "broke")
        assert await browser.page.locator("#calls tbody tr:visible").count() == 1
        await browser.page.fill("#find", "")
        await browser.page.click("text=CAb")
        await browser.page.wait_for_url("**/CAb-1.html")
        await browser.page.click("text=all calls")
        await browser.page.wait_for_url("**/index.html")
