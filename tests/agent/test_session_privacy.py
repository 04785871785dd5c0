"""Whole calls to a desk that takes a card's number: what of it is on disk, in sound and in writing."""

from __future__ import annotations

import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from rich.console import Console

from agent.agents import load_agent
from agent.continuation import continue_from
from agent.llm.flow import FlowEngine
from agent.summary import parse_journal
from telephony.call_folders import show_call
from telephony.calls import call_view
from telephony.conversation_view import ConversationView
from telephony.replay.picture.drawing import draw_call
from tests.agent.call import PHRASES, Call
from tests.agent.wayward import Said, WaywardStt
from tests.support.virtual_loop import run_virtual, virtual

AGENTS = Path(__file__).parent / "agents"
CARD = "4111222233334444"
SPOKEN = "four one one one two two two two three three three three four four four four"
#: No phrase of the desk has such a word; the greeting's and the notice's have none either.
_DIGIT_WORDS = re.compile(rb"\b(one|two|three|four)\b", re.IGNORECASE)


class CountedFlow(FlowEngine):
    """The flow engine, as the checks at a call's end want it: it holds nothing open."""

    open = 0


class CardCall(Call):
    """A call to the card desk, recorded in full under `root`; the caller says `says`, a text for each turn."""

    def __init__(self, root: Path, *says: str, sensitive: bool = True) -> None:
        super().__init__(says=[(0.05, text) for text in says])
        desk = load_agent("card-desk", [AGENTS])
        self.agent = type(desk)(
            **{name: getattr(desk, name) for name in desk.__slots__}
            | {"phrases": PHRASES, "turns": self.agent.turns}
            | ({} if sensitive else {"sensitive_lengths": ()})
        )
        self.llm = flow = CountedFlow(self.agent)  # type: ignore[assignment]
        if not sensitive:
            for slot in flow._flow.slots.values():
                object.__setattr__(slot, "sensitive", False)
        self.record_root, self.record_mode = root, "full"

    async def turn(self, ms: int = 600) -> None:
        """Say the next text, and hear the answer out."""
        heard = self.count("reply.heard")
        await self.say(ms)
        await self.until("reply.heard", heard + 1)
        await asyncio.sleep(0.5)


def written(root: Path) -> bytes:
    """All text that a call left on disk."""
    return b"\n".join(file.read_bytes() for file in (root / "CA1").iterdir() if file.suffix != ".wav")


def holds_nothing(text: bytes) -> None:
    """No digit of the card, in figures, in words, or as JSON's escapes."""
    assert _DIGIT_WORDS.findall(text) == []
    unstamped = re.sub(rb'"(n|at|seed|\w+_ms|voice_to_voice)":\s*[\d.]+', b"", text)
    for part in range(len(CARD) - 3):
        assert CARD[part : part + 4].encode() not in unstamped


def sound(root: Path) -> npt.NDArray[np.int16]:
    samples, _ = soundfile.read(root / "CA1" / "audio.wav", dtype="int16")
    return np.asarray(samples)


def windows(c: Call) -> list[tuple[int, float]]:
    return c.session._record._confidential._windows


async def pay(root: Path, *, sensitive: bool = True) -> Call:
    """The whole of it: asked for the number, said, confirmed with the number, charged, told back; then another wish."""
    c = CardCall(root, "I want to pay", SPOKEN, "yes", "goodbye", sensitive=sensitive)
    async with c.running():
        await c.turn()
        await c.turn(4800)
        await c.turn()
        await c.say()
        await c.ended()
    return c


@virtual
async def test_the_number_is_nowhere_on_disk_and_nobody_is_told_it(tmp_path: Path) -> None:
    c = await pay(tmp_path)
    assert [event["text"] for event in c.of("turn.committed")] == [
        "I want to pay", " ".join("•" * 16), "yes", "goodbye",
    ]  # fmt: skip
    (called,), (returned,) = c.of("tool.called", name="charge"), c.of("tool.returned", name="charge")
    assert called["arguments"] == {"card": "•"}
    assert returned["result"] == {"outcome": "charged", "card": "•", "digits": ["•"] * 16, "receipt": "•"}
    assert any("Shall I charge card •, •," in text for text in c.heard())
    holds_nothing(written(tmp_path))
    holds_nothing(json.dumps(c.events, ensure_ascii=False).encode())
    summary = json.loads((tmp_path / "CA1" / "call.json").read_text())
    assert "charge" in [tool["name"] for tool in summary["tools"]]
    spoken = " ".join(c.tts.spoken)
    assert "four, one, one, one, two" in spoken, "the caller does hear it"


def test_both_channels_are_silent_in_the_window_and_untouched_around_it(tmp_path: Path) -> None:
    root = tmp_path
    c = run_virtual(pay(root / "masked"))
    plain = run_virtual(pay(root / "plain", sensitive=False))
    assert [e["media_ms"] for e in c.events] == [e["media_ms"] for e in plain.events], "masking costs no time"
    (window,) = windows(c)
    assert windows(plain) == []
    first, last = (int(8 * ms) for ms in window)
    assert last - first > 8 * 10_000
    masked, whole = sound(root / "masked"), sound(root / "plain")
    assert masked.shape == whole.shape
    assert not masked[first:last].any()
    assert whole[first:last].any(axis=0).all(), "there was something to be silenced, on both sides"
    assert (masked[:first] == whole[:first]).all()
    assert (masked[last:] == whole[last:]).all()
    assert whole[:first].any(axis=0).all()
    assert whole[last:].any(axis=0).all()


@virtual
async def test_the_terminal_and_the_drawing_show_nothing_of_it(tmp_path: Path) -> None:
    c = await pay(tmp_path)
    console = Console(file=io.StringIO(), width=200)
    view = ConversationView(console)
    for event in c.events:
        view.on_event(tmp_path / "CA1", event)
    console.print(call_view(show_call(tmp_path, "CA1"), tmp_path / "CA1"))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "Shall I charge card •" in shown
    holds_nothing(shown.encode())
    drawn = draw_call(tmp_path / "CA1").encode()
    assert b"Shall I charge" in drawn
    assert _DIGIT_WORDS.findall(drawn) == []
    assert CARD.encode() not in drawn


@virtual
async def test_an_answer_into_the_middle_of_the_question_is_in_the_window(tmp_path: Path) -> None:
    c = CardCall(tmp_path, "I want to pay", SPOKEN, "goodbye")
    async with c.running():
        await c.say()
        asks = await c.until("agent.asks", sensitive=True)
        await c.until("playout.started", 2)
        await asyncio.sleep(0.3)
        await c.say(4800)
        assert c.count("barge_in") == 1
        assert windows(c) == [(asks["media_ms"], float("inf"))]
        began_ms = c.of("turn.started")[-1]["speech_ms"]
        assert asks["media_ms"] < began_ms
    samples = sound(tmp_path)
    assert not samples[8 * asks["media_ms"] :].any()
    assert samples[: 8 * asks["media_ms"]].any(axis=0).all()
    holds_nothing(written(tmp_path))


@virtual
async def test_keys_are_masked_one_by_one_and_shown_in_the_turns_outside_the_window(tmp_path: Path) -> None:
    c = CardCall(tmp_path, "I want to pay", "yes", "invoice", "goodbye")
    async with c.running():
        c.phone.press("90385#")
        await c.until("turn.committed")
        await asyncio.sleep(4)
        await c.turn()
        c.phone.press(CARD + "#")
        await c.until("turn.committed", 3)
        await c.until("reply.heard", 4)
        await asyncio.sleep(0.5)
        await c.turn()
        await c.turn()
        c.phone.press("55507#")
        await c.until_heard("five, five, five, zero, seven")
    keys = [event["digit"] for event in c.of("key")]
    assert keys == [*("•" * 5), "#", *("•" * 16), "#", *("•" * 5), "#"]
    committed = [event["text"] for event in c.of("turn.committed")]
    assert committed == ["90385", "I want to pay", "•", "yes", "invoice", "55507"]
    holds_nothing(written(tmp_path))


@virtual
async def test_the_number_said_again_after_the_window_is_masked_and_silenced(tmp_path: Path) -> None:
    c = CardCall(tmp_path, "I want to pay", SPOKEN, "yes", f"I said {CARD} which card", "which card", "goodbye")
    async with c.running():
        for ms in (600, 4800, 600, 4800, 600):
            await c.turn(ms)
        await c.say()
        await c.ended()
    assert [event["text"] for event in c.of("turn.committed")][3:5] == ["I said • which card", "which card"]
    holds_nothing(written(tmp_path))
    samples, began_ms = sound(tmp_path), {event["turn"]: event["speech_ms"] for event in c.of("turn.started")}
    committed_ms = {event["turn"]: event["media_ms"] for event in c.of("turn.committed")}
    assert len(windows(c)) == 3
    assert not samples[8 * (began_ms[4] - 100) : 8 * committed_ms[4]].any(), "the caller says it: silenced after all"
    assert samples[8 * (began_ms[5]) : 8 * committed_ms[5], 0].any(), "a turn without it"
    for first, last in windows(c):
        assert not samples[8 * first : int(8 * last)].any()


@virtual
async def test_a_number_that_nobody_asked_for_is_masked_and_silenced(tmp_path: Path) -> None:
    c = CardCall(tmp_path, f"I want to pay with {SPOKEN}", "yes", "goodbye")
    async with c.running():
        await c.turn(5400)
        await c.turn()
    began_ms = c.of("turn.started")[0]["speech_ms"]
    assert c.of("turn.committed")[0]["text"] == "I want to pay with " + " ".join("•" * 16)
    assert not sound(tmp_path)[8 * began_ms : 8 * c.of("turn.committed")[0]["media_ms"]].any()
    holds_nothing(written(tmp_path))


@virtual
async def test_a_number_that_nobody_asked_for_is_not_in_what_was_asked_ahead_either(tmp_path: Path) -> None:
    """The caller pauses within it, and each time the model is asked about what was said so far."""
    c = CardCall(tmp_path, "goodbye")
    c.agent = type(c.agent)(**{name: getattr(c.agent, name) for name in c.agent.__slots__} | {"think_ahead": True})
    c.stt = WaywardStt()
    said = [f"I want to pay with {' '.join(SPOKEN.split()[:digits])}" for digits in (4, 8, 12, 16)]
    c.stt.said = Said(said[-1], partials=tuple((0.4 + 1.15 * part, text) for part, text in enumerate(said)))
    async with c.running():
        for _ in said:
            c.phone.speak(600)
            c.phone.pause(550)
        await c.until("turn.committed")
        await c.until("reply.heard", 2)
    asked = [event for event in c.of("engine.request") if event.get("ahead")]
    assert {event["engine"] for event in asked} == {"llm", "tts"}
    assert all("•" in event["input"] and not event["input_hash"] for event in asked)
    holds_nothing(written(tmp_path))


@virtual
async def test_a_tool_that_fails_quotes_the_number_nowhere(tmp_path: Path) -> None:
    c = CardCall(tmp_path, "I want to pay", SPOKEN.removesuffix("four") + "zero", "yes", "goodbye")
    async with c.running():
        for ms in (600, 4800, 600):
            await c.turn(ms)
    assert c.of("tool.returned")[0]["ok"] is False
    holds_nothing(written(tmp_path))


def test_the_log_quotes_it_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    test_a_tool_that_fails_quotes_the_number_nowhere(tmp_path)
    assert "tool charge failed: ValueError in charge, tools.py:" in caplog.text
    holds_nothing(caplog.text.encode())


@virtual
async def test_words_are_masked_where_the_slot_is_no_number(tmp_path: Path) -> None:
    c = CardCall(tmp_path, "my health", "yes", "goodbye")
    async with c.running():
        for _ in range(2):
            await c.turn()
        await c.say()
        await c.ended()
    assert [event["text"] for event in c.of("turn.committed")] == ["my health", "•", "goodbye"]
    assert c.of("tool.called", name="note")[0]["arguments"] == {"consent": "•"}
    assert b'"consent":true' not in written(tmp_path)


# --- the service dies, and the call comes back ------------------------------------------------------------------------


def events(root: Path) -> list[dict[str, Any]]:
    with (root / "CA1" / "journal.jsonl").open("rb") as journal:
        return list(parse_journal(journal))


async def cut_off(root: Path, turns: int, *, asked: str) -> Call:
    """A call that dies `turns` turns into a payment; what the disk holds at that moment is left in `root`."""
    c = CardCall(root / "first", "I want to pay", SPOKEN, "yes")
    async with c.running():
        for ms in (600, 4800, 600)[:turns]:
            await c.turn(ms)
        await asyncio.sleep(1)  # more than a flush
        disk = {file.name: file.read_bytes() for file in (root / "first" / "CA1").iterdir()}
    assert asked in c.heard()[-1]
    assert set(disk) == {"journal.jsonl", "audio.wav"}
    (root / "CA1").mkdir()
    for name, data in disk.items():
        (root / "CA1" / name).write_bytes(data)
    return c


@virtual
async def test_what_is_on_disk_when_the_service_dies_in_a_window(tmp_path: Path) -> None:
    c = await cut_off(tmp_path, 2, asked="Shall I charge card •")
    holds_nothing(written(tmp_path))
    samples = sound(tmp_path)
    assert not samples[8 * windows(c)[0][0] :].any()
    assert samples.any(axis=0).all()


@pytest.mark.parametrize(("turns", "asked"), [(1, "What is the number"), (2, "Shall I charge card •")])
def test_a_call_that_comes_back_asks_for_the_number_again(tmp_path: Path, turns: int, asked: str) -> None:
    async def case() -> None:
        await cut_off(tmp_path, turns, asked=asked)
        before = continue_from([events(tmp_path)], "cut off")
        assert before is not None
        c = CardCall(tmp_path / "second", SPOKEN, "yes", "goodbye")
        c.continuation = before
        async with c.running():
            await c.until_heard("What is the number of your card?")
            assert c.of("agent.asks")[0]["sensitive"] is True
            assert windows(c) == [(c.of("agent.asks")[0]["media_ms"], float("inf"))]
            await c.turn(4800)
            await c.turn()
            assert c.of("tool.called")[0]["name"] == "charge"
            assert "four, one, one, one, two" in " ".join(c.tts.spoken)
            assert "•" not in " ".join(c.tts.spoken)
        holds_nothing(written(tmp_path / "second"))

    run_virtual(case())


# --- the notice -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "notice", "said"),
    [("full", "full", True), ("journal", "full", False), ("journal", "always", True), ("off", "full", False)],
)
def test_the_caller_is_told_before_the_greeting(record: str, notice: str, said: bool) -> None:
    async def case() -> None:
        async with Call(record=record, notice=notice).running() as c:
            assert c.heard() == [*([PHRASES.recording_notice] if said else []), PHRASES.greeting]

    run_virtual(case())
