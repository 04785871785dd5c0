"""The browser phone in a real Chromium, against a real service: whole conversations, keys, mute, and what may fail."""

from __future__ import annotations

import asyncio
import audioop
import itertools
import json
import random
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import numpy as np
import pytest
import soundfile

from agent.line import HangUp, Transfer
from telephony.media_stream.carrier import CarrierStream
from telephony.media_stream.messages import L16_16K, Clear, MediaFormat, Play, SendMark
from telephony.web.serve import Service
from tests.integration.browser import Browser, Heard, microphone, open_browser
from tests.integration.conftest import StartService
from tests.integration.settling import idle
from tests.support.waiting import paced, until

CALLERS = Path(__file__).parents[2] / "telephony" / "sandbox" / "callers" / "demo"
NUMBERS = itertools.count()
#: A caller's audio that comes so late, or never, is a machine's that is busy with something else: pauses are moved.
BUSY_MS, LOST_MS = 200, 10_000
WIDE = Path(__file__).parents[1] / "recordings" / "wide"
#: One word, with no pause in it: "that's all ... thank you ... goodbye" becomes one turn or two, as its pauses (of 180
#: to 250 ms) fall into the detector's windows, and what the agent says between the two is heard or not. On the wideband
#: line it is a wideband voice's: of a telephone's, the recogniser of that line makes nothing.
GOODBYE = Path(__file__).parents[1] / "recordings" / "slt" / "goodbye.flac"
#: What the microphone hears, by the line that carries it; and what the agent should understand.
#: Each pause leaves a second and more for a machine that is late: the greeting lasts 4.2 s and the question 1.3 s (it
#: begins 0.4 s after what is asked); the answer lasts 6.2 s, and is spoken over in its middle.
PARCEL: dict[str, tuple[Heard, list[str]]] = {
    "telephone": (
        [(5.7, CALLERS / "where.flac"), (3.2, CALLERS / "number.flac"), (4.0, GOODBYE), (10.0, None)],
        ["hello where is my parcel", "four seven one two", "goodbye"],
    ),
    "wide": (
        [
            (5.5, WIDE / "slt-where.flac"),
            (3.0, WIDE / "slt-number-sentence.flac"),
            (3.8, WIDE / "slt-goodbye.flac"),
            (10.0, None),
        ],
        ["hello where is my parcel", "four seven one two", "goodbye"],
    ),
}


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def calls() -> list[Path]:
    return sorted(Path("calls").glob("PH*"), key=lambda folder: folder.stat().st_mtime)


def buzz(seconds: int) -> Path:
    """A recording of something loud, which the synthetic engines take for speech."""
    path = Path("buzz.wav")
    times = np.arange(seconds * 48000) / 48000
    soundfile.write(path, 0.3 * np.sign(np.sin(2 * np.pi * 300 * times)), 48000)
    return path


@asynccontextmanager
async def phone(service: Service, heard: Heard, **given: Any) -> AsyncIterator[Browser]:
    """The page, open. Whatever the test does, the page asks no other host and complains of nothing."""
    file = microphone(Path(f"microphone-{next(NUMBERS)}.wav"), heard).resolve()
    async with open_browser(file, **given) as browser:
        await browser.page.goto(f"{service.url}/phone")
        await browser.until("document.querySelector('#agent').value !== ''")
        yield browser
        here = urlsplit(service.url).netloc
        assert {urlsplit(url).netloc for url in browser.requests} == {here}, "a request left the machine"
        assert browser.complaints == []


async def call(browser: Browser) -> None:
    await browser.page.click("#call")
    await browser.until("document.body.dataset.state === 'talking'")


async def test_a_whole_conversation_on_either_line(start_service: StartService) -> None:
    """Both at once: each takes as long as people do. On a machine that was too busy to play the microphones and to
    carry them in time, which the records tell, once more."""
    service = await start_service(agent="parcel-desk")
    failure = await converse_on_both(service)
    if failure is not None and most_late_ms() >= BUSY_MS:
        failure = await converse_on_both(service)
    if failure is not None:
        raise failure


async def converse_on_both(service: Service) -> BaseException | None:
    """What failed, if something did."""
    before = set(calls())
    ends = await asyncio.gather(*(converse(service, line) for line in ("wide", "telephone")), return_exceptions=True)
    await idle(service, within_s=30)
    failure = next((end for end in ends if end is not None), None)
    if failure is None:
        try:
            assert sorted(check_record(folder) for folder in calls() if folder not in before) == [8000, 16000]
        except AssertionError as error:
            failure = error
    return failure


def most_late_ms() -> int:
    """How late the callers' audio came at worst; LOST_MS where some never came."""
    told = [event for folder in calls() for event in journal(folder)]
    return max(
        (event.get("late_ms", LOST_MS) for event in told if event["kind"] in ("line.stall", "line.gap")), default=0
    )


async def converse(service: Service, line: str) -> None:
    heard, understood = PARCEL[line]
    async with phone(service, heard) as browser:
        await browser.page.check(f"input[value={line}]")
        await call(browser)
        await browser.until("document.querySelector('.note.end') !== null", 60)
        said = await browser.texts(".said.caller .text")
        said[1] = said[1][-len(understood[1]) :]  # "it's", "my order number is"
        assert said == understood
        agent = await browser.texts(".said.agent .text")
        assert agent[1:3] == ["Hello, parcel desk. How can I help?", "What is your order number?"]
        assert agent[3].startswith("Order four, seven, one, two is on its way. It should arrive tomorrow.")
        assert agent[3].endswith(await browser.page.inner_text(".said.cut .unheard"))
        assert await browser.page.locator(".unheard").count() == 1
        assert agent[-1].endswith("Goodbye.")
        assert "find_order" in (await browser.texts(".tool summary"))[0]
        assert "4712" in (await browser.texts(".tool summary"))[0]
        assert await browser.texts(".note.end") == ["The agent hung up."]
        waits = await browser.texts(".wait b")
        assert len(waits) == 3
        assert max(int(text.removesuffix(" ms")) for text in waits) < 2500
        assert await browser.page.locator(".wait .endpointing_ms").count() == 3
        assert await browser.page.inner_text("#call-label") == "Call again"
        assert not await browser.page.is_visible("#problem")


def check_record(folder: Path) -> int:
    """The call's record is whole and without a fault. Returns the line's rate."""
    events = journal(folder)
    kinds = [event["kind"] for event in events]
    assert not {"error", "line.gap", "playout.marks_lost"} & set(kinds)
    assert kinds.count("barge_in") == 1
    assert kinds.count("turn.latency") == 3
    assert all(event["basis"] == "mark" for event in events if event["kind"] == "playout.done")
    assert events[-1]["reason"] == "agent: hangup"
    with wave.open(str(folder / "audio.wav")) as audio:
        rate_hz = audio.getframerate()
        samples = np.frombuffer(audio.readframes(audio.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(samples).max(axis=0).min() > 3000, "both are heard"
    assert events[0]["rate_hz"] == rate_hz
    return rate_hz


async def test_keys_mute_barge_in_and_hanging_up(start_service: StartService) -> None:
    service = await start_service()
    loud = buzz(1)
    heard: Heard = [(4.0, loud), (0.8, loud), (20, None)]
    async with phone(service, heard) as browser:
        await call(browser)
        await browser.page.click(".key[data-digit='4']")
        await browser.page.keyboard.press("7")
        await browser.page.keyboard.press("#")
        await browser.until("document.querySelectorAll('kbd').length === 3")
        assert await browser.texts("kbd") == ["4", "7", "#"]
        await browser.page.keyboard.press("m")
        assert await browser.page.get_attribute("#mute", "aria-pressed") == "true"
        assert await browser.page.inner_text("#mute span") == "Muted"
        await browser.page.click("#mute")
        await browser.until("document.querySelector('.said.caller:not(.keys) .text') !== null", 15)
        await browser.until("document.querySelector('.unheard') !== null", 15)  # spoken over
        said = await browser.page.inner_text(".said.cut .text")
        unheard = await browser.page.inner_text(".unheard")
        assert said.endswith(unheard)
        await browser.page.click("#call")
        await browser.until("document.querySelector('.note.end') !== null")
        assert await browser.texts(".note.end") == ["You hung up."]
    await idle(service)
    events = journal(calls()[0])
    assert [event["digit"] for event in events if event["kind"] == "key"] == ["4", "7", "#"]
    assert any(event["kind"] == "turn.committed" and event["source"] == "keys" for event in events)
    cut = next(event for event in events if event["kind"] == "agent.heard" and not event["complete"])
    assert cut["said"] == said
    assert events[-1]["reason"] == "caller: stop"


TRANSCRIPT = """
async (lines) => {
  const { Transcript } = await import("/phone/static/transcript.js");
  const list = document.createElement("ol");
  const transcript = new Transcript(list, document.createElement("div"), document.createElement("p"));
  const shown = () => [...list.children].map((line) => (line.querySelector(".text") ?? line).textContent);
  return lines.map((line) => (transcript.take(line), shown()));
}
"""


async def test_the_transcript_tells_what_became_of_falling_silent(start_service: StartService) -> None:
    service = await start_service()
    lines = [
        {"kind": "agent.clause", "utterance": 1, "turn": 1, "text": "It is on its way.", "at": 0},
        {"kind": "turn.started", "turn": 2, "at": 100},
        {"kind": "agent.yielded", "turn": 2, "utterance": 1, "at": 200},
        {"kind": "agent.took_up", "turn": 2, "utterance": 1, "reason": "backchannel", "at": 600},
        {"kind": "turn.rejected", "turn": 2, "reason": "backchannel", "at": 700},
        {"kind": "turn.started", "turn": 3, "at": 800},
        {"kind": "agent.yielded", "turn": 3, "utterance": 1, "at": 900},
        {"kind": "barge_in", "turn": 3, "utterance": 1, "reason": "words", "at": 1000},
        {"kind": "turn.committed", "turn": 3, "text": "four 711", "source": "both", "at": 1100},
        {"kind": "turn.corrected", "turn": 3, "text": "four 712", "at": 1200},
        {"kind": "barge_in", "turn": 4, "utterance": 2, "reason": "key", "at": 1300},
    ]
    async with phone(service, [(1.0, None)]) as browser:
        shown = await browser.page.evaluate(TRANSCRIPT, lines)
    said, listening = "It is on its way.", "the caller is only listening: the agent goes on"
    assert shown[2] == [said, "the caller speaks: the agent waits", "• • •"]
    assert shown[3] == [said, listening, "• • •"]
    assert shown[4] == [said, listening, "listening, not a turn"]
    assert shown[7][3:] == ["the caller speaks: the agent stops", "• • •"], "one line for one thing"
    assert shown[8][4:] == ["four 711"]
    assert shown[9][4:] == ["four 712"]
    assert shown[10][5:] == ["a key is pressed: the agent stops"]


SLOW_MICROPHONE = """
() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((done) => setTimeout(done, 400));
    return open(wanted);
  };
}
"""


async def test_muted_the_line_carries_silence_and_no_gap(start_service: StartService) -> None:
    service = await start_service()
    async with phone(service, [(0.0, buzz(10))]) as browser:
        await browser.page.evaluate(SLOW_MICROPHONE)
        await browser.page.click("#call")
        await browser.page.click("#mute")
        await browser.until("document.body.dataset.state === 'talking'")
        await paced(1.5)  # of a muted call
        await browser.page.click("#call")
        await browser.until("document.body.dataset.state === 'over'")
    await idle(service)
    folder = calls()[0]
    with wave.open(str(folder / "audio.wav")) as audio:
        samples = np.frombuffer(audio.readframes(audio.getnframes()), "<i2").reshape(-1, 2)
    assert len(samples) > 16000
    assert not samples[:, 0].any()
    assert not any(event["kind"] == "line.gap" for event in journal(folder))


async def test_what_fails_is_told_in_plain_words(start_service: StartService) -> None:
    service = await start_service(max_calls=1)
    async with phone(service, [(30, None)]) as browser:
        async with aiohttp.ClientSession() as other:
            async with other.post(f"{service.url}/phone/calls", json={}) as response:
                assert response.status == 200
            await browser.page.click("#call")
            await browser.until("document.body.dataset.state === 'over'")
            assert "busy" in await browser.page.inner_text("#problem")
            browser.complaints.clear()  # Chromium itself notes the 503
        refused = """() => {
          navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
        }"""
        for fault, words in (
            (refused, "not allowed to use the microphone"),
            (refused.replace("NotAllowedError", "NotFoundError"), "No microphone was found"),
            (refused.replace("NotAllowedError", "NotReadableError"), "another program"),
            ("() => { Object.defineProperty(window, 'isSecureContext', { value: false }); }", "secure pages only"),
        ):
            await browser.page.evaluate(fault)
            await browser.page.click("#call")
            await browser.until("words => document.querySelector('#problem').textContent.includes(words)", 5, words)
            assert await browser.state() == "over"
            assert await browser.page.inner_text("#call-label") == "Call", "no call began"


async def test_a_service_that_dies_and_comes_back(start_service: StartService, tmp_path: Path) -> None:
    agent = tmp_path / "agents" / "test-desk" / "agent.toml"  # who must not hang up by itself, also on a busy machine
    agent.write_text(agent.read_text().replace("no_input_ms = 1500", "no_input_ms = 60000"))
    service = await start_service()
    async with phone(service, [(60, None)]) as browser:
        await call(browser)
        await browser.until("document.querySelector('.said.agent') !== null")
        (ongoing,) = service.host._calls.values()
        ongoing.end("a test")  # the socket closes without a word from the agent
        await browser.until("document.body.dataset.state === 'over'")
        assert await browser.page.inner_text("#call-label") == "Call again"
        assert len(await browser.texts(".note.end")) == 1
        await idle(service)
        await call(browser)
        await browser.page.click("#call")
        await browser.until("document.body.dataset.state === 'over'")
        assert await browser.texts(".note.end") == ["You hung up."], "the page starts anew for each call"
        await idle(service)
        for decision, words in (
            (Transfer("+15550123", "person"), "transferred the call to +15550123"),
            (HangUp("service stopped"), "the service is stopping"),
        ):
            await call(browser)
            (ongoing,) = service.host._calls.values()
            # The browser is in its call a moment before the service has opened its record, and can leave it.
            await until(lambda ongoing=ongoing: ongoing.session is not None, within_s=5, what="the service's session")
            await ongoing.leave(decision)
            await browser.until("document.querySelector('.note.end') !== null")
            assert words in (await browser.texts(".note.end"))[0]
            await idle(service)
    assert len(calls()) == 4


async def test_a_service_that_is_gone_is_not_laid_to_the_browser(start_service: StartService) -> None:
    service = await start_service()
    for earlier in (False, True):
        async with phone(service, [(60, None)]) as browser:
            if earlier:
                await call(browser)
                await browser.page.click("#call")
                assert await browser.page.inner_text("#call-label") == "Call again"
                await idle(service)
            await browser.page.context.set_offline(True)
            await browser.page.click("#call")
            await browser.until("document.querySelector('#problem').textContent !== ''", 10)
            assert await browser.page.inner_text("#problem") == (
                "The service does not answer. Is `offhook serve` running?"
            )
            assert await browser.page.inner_text("#call-label") == "Call", "no call began"
            browser.complaints.clear()  # Chromium itself notes that nobody answers


FITS = """() => {
  const handset = document.querySelector(".handset");
  const line = document.querySelector("fieldset").getBoundingClientRect();
  return document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth
    && handset.scrollHeight <= handset.clientHeight && handset.scrollWidth <= handset.clientWidth
    && line.bottom <= innerHeight;
}"""


@pytest.mark.parametrize(("width", "height"), [(1280, 757), (1366, 640), (1180, 800), (390, 844)])
async def test_all_of_the_handset_is_seen_at_once(start_service: StartService, width: int, height: int) -> None:
    """With a choice of agents, and a problem that holds a long word."""
    agents = Path(__file__).parents[1] / "agent" / "agents"
    service = await start_service(numbers={"+15550100": {"agent": str(agents / "opening-hours")}})
    async with phone(service, [(1, None)], width=width, height=height) as browser:
        assert await browser.page.locator("#agent option").count() == 2
        assert await browser.page.evaluate(FITS)
        tell = "text => Object.assign(document.querySelector('#problem'), { hidden: false, textContent: text })"
        await browser.page.evaluate(f"text => void ({tell})(text)", f"It cannot be: http://127.0.0.1/{'x' * 40}")
        assert await browser.page.evaluate(FITS)


TWIN = """
async ([format, script]) => {
  const { CarrierBuffer } = await import("/phone/static/carrier.js");
  const heard = [];
  const carrier = new CarrierBuffer(format, (start, audio) => heard.push([start, [...audio]]));
  const marks = [];
  for (const [at, what, value] of script) {
    marks.push(...carrier.advance(at));
    if (what === "play") carrier.play(new Uint8Array(value));
    if (what === "mark") marks.push(...carrier.mark(value));
    if (what === "clear") marks.push(...carrier.clear());
  }
  return { heard, marks, buffered: carrier.bufferedMs, pending: carrier.marks.length };
}
"""
LINE_LEVEL = """
async ([inHz, outHz, hz]) => {
  const { Resampler } = await import("/phone/static/resample.js");
  const resampler = new Resampler(inHz, outHz);
  const out = [];
  for (let at = 0; at < inHz / 2; at += 128) {
    const block = Float32Array.from({ length: 128 }, (_, i) => Math.sin((2 * Math.PI * hz * (at + i)) / inHz));
    out.push(...resampler.push(block));
  }
  const steady = out.slice(outHz / 10);
  return [out.length, Math.sqrt(2 * steady.reduce((sum, x) => sum + x * x, 0) / steady.length)];
}
"""
CODEC = """
async ([format]) => {
  const { FORMATS, decodeInto, encode } = await import("/phone/static/codec.js");
  const samples = new Float32Array(65536);
  const all = Float32Array.from({ length: 65536 }, (_, i) => (i - 32768) / 32768);
  const bytes = encode(all, FORMATS[format]);
  decodeInto(samples, 0, bytes, FORMATS[format]);
  return [[...bytes], [...samples].map((sample) => sample * 32768)];
}
"""


async def test_the_pages_parts_are_true_to_their_twins(start_service: StartService) -> None:
    """Carrier, codec and resampler in the browser's own engine, beside ours."""
    service = await start_service()
    async with phone(service, [(1, None)]) as browser:
        chance = random.Random(7)
        for media_format in (MediaFormat(), L16_16K) * 3:
            carrier = CarrierStream("MZ", "CA", "AC", media_format=media_format)
            script, marks, at = [], [], 0.0
            for number in range(80):
                at += chance.choice([0, 0.03, 1, 7.77, 20, 90])
                what = chance.choice(["play", "play", "mark", "mark", "clear", "wait"])
                value: Any = [chance.randrange(256) for _ in range(chance.choice([0, 1, 7, 320, 640]))]
                value = value if what == "play" else f"m{number}"
                script.append([at, what, value])
                marks += carrier.advance(at)
                if what == "play":
                    carrier.receive(Play("MZ", bytes(value)), at)
                elif what == "mark":
                    marks += carrier.receive(SendMark("MZ", value), at)
                elif what == "clear":
                    marks += carrier.receive(Clear("MZ"), at)
            form = {"sampleRate": media_format.sample_rate_hz, "sampleBytes": media_format.sample_bytes}
            twin = await browser.page.evaluate(TWIN, [form, script])
            per_ms = form["sampleRate"] * form["sampleBytes"] / 1000
            runs: list[tuple[float, bytes]] = []
            for start, audio in twin["heard"]:
                if runs and runs[-1][0] * per_ms + len(runs[-1][1]) == start:
                    runs[-1] = (runs[-1][0], runs[-1][1] + bytes(audio))
                else:
                    runs.append((start / per_ms, bytes(audio)))
            assert runs == carrier.heard
            assert twin["marks"] == [mark.name for mark in marks]
            assert twin["buffered"] == carrier.buffered_ms
            assert twin["pending"] == len(carrier.pending_marks)

        pcm = np.arange(-32768, 32768, dtype="<i2")
        encoded, decoded = await browser.page.evaluate(CODEC, ["wide"])
        assert bytes(encoded) == audioop.byteswap(pcm.tobytes(), 2)
        assert decoded == pcm.tolist()
        encoded, decoded = await browser.page.evaluate(CODEC, ["telephone"])
        assert decoded == np.frombuffer(audioop.ulaw2lin(bytes(encoded), 2), "<i2").tolist()
        ours = np.frombuffer(audioop.ulaw2lin(audioop.lin2ulaw(pcm.tobytes(), 2), 2), "<i2").astype(int)
        assert np.abs(np.array(decoded) - pcm).max() <= np.abs(ours - pcm).max() + 4, "no worse than G.711 allows"

        for rate, line, passes, stopped in (
            (48000, 16000, 6400, 8700),
            (44100, 16000, 6400, 8700),
            (48000, 8000, 3200, 4350),
            (44100, 8000, 3200, 4350),
        ):
            count, level = await browser.page.evaluate(LINE_LEVEL, [rate, line, passes])
            assert abs(level - 1) < 0.03
            assert abs(count - line / 2) <= 128 * line / rate + 50
            _, level = await browser.page.evaluate(LINE_LEVEL, [rate, line, stopped])
            assert level < 0.01, "what the line cannot hold is taken out, not folded back"
            _, level = await browser.page.evaluate(LINE_LEVEL, [line, rate, passes])
            assert abs(level - 1) < 0.03


async def test_another_sites_page_cannot_use_a_browsers_token(start_service: StartService) -> None:
    service = await start_service()
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{service.url}/phone/calls", json={}) as response:
            media = (await response.json())["media"]
        for origin, status in (("https://evil.example", 403), (service.url, 101)):
            try:
                async with session.ws_connect(f"{service.url}{media}", headers={"Origin": origin}) as socket:
                    assert not socket.closed
                    found = 101
            except aiohttp.WSServerHandshakeError as error:
                found = error.status
            assert found == status
    await idle(service)


def test_the_file_that_is_the_microphone_is_as_long_as_it_says(tmp_path: Path) -> None:
    file = microphone(tmp_path / "m.wav", [(0.5, CALLERS / "yes.flac"), (1.0, None)])
    with wave.open(str(file)) as audio:
        assert audio.getnframes() / audio.getframerate() == pytest.approx(2.51, abs=0.01)


async def test_behind_the_operators_password_a_call_and_its_events(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that was told the password once sends it along with the event stream, too."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("OFFHOOK_OPERATOR_TOKEN", "an-operators-token")
    service = await start_service(public_origin="https://agent.example.com")
    async with open_browser(buzz(2).resolve()) as browser:
        host = urlsplit(service.url).netloc
        await browser.page.goto(f"http://operator:an-operators-token@{host}/phone")
        await browser.page.goto(f"{service.url}/phone")
        await browser.until("document.querySelector('#agent').value !== ''")
        browser.complaints.clear()
        await call(browser)
        await browser.until("document.querySelectorAll('.said.agent').length > 0", 15)
        await browser.page.click("#call")
        await idle(service)
        assert browser.complaints == []
