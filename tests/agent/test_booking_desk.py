"""Whole calls to a desk that asks for values of every kind: turn by turn in text, and by voice in virtual time."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

from agent.agents import load_agent
from agent.line import HangUp, LineInfo
from agent.llm.flow import FlowEngine
from agent.record import CallRecord
from agent.text_call import TextCall
from tests.agent.call import PHRASES, Call
from tests.support.virtual_loop import VirtualContext, run_virtual, virtual

AGENTS = Path(__file__).parent / "agents"
DESK = load_agent("booking-desk", [AGENTS])
SAID = (
    "I want to book a table",
    "may fourth",
    "twelve dollars and fifty cents",
    "jane dot doe at gmail dot com",
    "d o e",
    "yes",
    "yes please",
)
BOOKED = {"day": "--05-04", "deposit": "12.50", "email": "jane.doe@gmail.com", "surname": "doe", "window": True}
KINDS = ["date", "money", "email", "spelled", "yes_no", "yes_no", "", "yes_no"]

MEMBER = ("I am a member", "may fourth nineteen eighty", "jane dot doe at gmail dot com", "Brigitte Lindqvist", "yes")
#: What is secret in it, in the caller's words and the agent's, in values and in what is said of them.
SECRETS = re.compile(rb"may.{0,3}fourth|nineteen|eighty|1980|05-04|jane|doe|gmail|brigitte|lindqvist", re.IGNORECASE)


# --- in text ----------------------------------------------------------------------------------------------------------


def test_a_whole_booking_in_text(tmp_path: Path) -> None:
    """Keys of a number end by its length only where it has one; the journal says what each question asked for."""
    answers: list[Any] = []

    async def case() -> None:
        ctx = VirtualContext()
        record = CallRecord.open(tmp_path, "CA1", mode="journal", rate_hz=8000, ctx=ctx)
        async with TextCall(
            LineInfo("CA1", 8000, "+1555", "+1666", kind="gather"), DESK, FlowEngine(DESK), record, ctx, tmp_path
        ) as call:
            await call.begin(3.0)
            for text in (*SAID, "yes", "number of guests", "12", "the key", "a b one two", "goodbye"):
                answers.append(await call.answer(text, "keys" if text == "12" else "speech", 3.0))

    run_virtual(case())
    assert "Booked for May fourth." in answers[6].text
    assert [answer.digits for answer in answers] == [0] * len(answers), "one key of two must not end an entry"
    assert "For one two, then." in answers[9].text
    assert answers[-1].decision == HangUp("done")
    journal = [json.loads(line) for line in (tmp_path / "CA1" / "journal.jsonl").read_text().splitlines()]
    asked = [event for event in journal if event["kind"] == "agent.asks"]
    assert [event["slot_kind"] for event in asked][: len(KINDS)] == KINDS
    guests = next(event for event in asked if event["slot"] == "guests")
    assert (guests["length"], guests["longest"], guests["confirms"]) == (1, 2, False)
    called = next(event for event in journal if event["kind"] == "tool.called")
    assert called["arguments"] == BOOKED


def test_keys_end_by_themselves_only_where_their_number_is_known(tmp_path: Path) -> None:
    desk, digits = load_agent("card-desk", [AGENTS]), []

    async def case() -> None:
        ctx = VirtualContext()
        record = CallRecord.open(tmp_path, "CA1", mode="off", rate_hz=8000, ctx=ctx)
        who = LineInfo("CA1", 8000, "+1555", "+1666", kind="gather")
        async with TextCall(who, desk, FlowEngine(desk), record, ctx, tmp_path) as call:
            await call.begin(3.0)
            for text in ("I want to pay", "4111222233334444", "no", "my health"):
                digits.append((await call.answer(text, "speech", 3.0)).digits)

    run_virtual(case())
    assert digits == [16, 0, 0, 0]


# --- by voice ---------------------------------------------------------------------------------------------------------


class CountedFlow(FlowEngine):
    """The flow engine, as the checks at a call's end want it: it holds nothing open."""

    open = 0


class BookingCall(Call):
    """A call to the booking desk, recorded in full under `root`; the caller says `says`, a text for each turn."""

    def __init__(self, root: Path, *says: str) -> None:
        super().__init__(says=[(0.05, text) for text in says])
        self.agent = replace(DESK, phrases=PHRASES, turns=self.agent.turns)
        self.llm = CountedFlow(self.agent)  # type: ignore[assignment]
        self.record_root, self.record_mode = root, "full"

    async def turn(self, ms: int = 900) -> None:
        """Say the next text, and hear the answer out."""
        heard = self.count("reply.heard")
        await self.say(ms)
        await self.until("reply.heard", heard + 1)
        await asyncio.sleep(0.5)


@virtual
async def test_a_whole_booking_by_voice(tmp_path: Path) -> None:
    c = BookingCall(tmp_path, *SAID, "goodbye")
    async with c.running():
        for _ in SAID:
            await c.turn()
        await c.say()
        await c.ended()
    assert [event["text"] for event in c.of("turn.committed")] == [*SAID, "goodbye"]
    assert [event["slot_kind"] for event in c.of("agent.asks")][: len(KINDS)] == KINDS
    assert c.of("tool.called", name="book")[0]["arguments"] == BOOKED
    read_back = (
        "for May fourth, with twelve dollars and fifty cents in advance, for d, o, e, jane dot doe at gmail dot com"
    )
    assert any(read_back in text for text in c.heard())


@virtual
async def test_a_protected_reply_is_heard_out_and_what_was_said_over_it_is_answered(tmp_path: Path) -> None:
    c = BookingCall(tmp_path, "the terms", "cancel it")
    async with c.running():
        await c.say()
        await c.until("playout.started", 2)
        await asyncio.sleep(0.3)
        c.phone.speak(900)
        await c.until_heard("By law you may step back within two weeks.")
        await c.until_heard("I cancelled it.")
    (law,) = [event for event in c.of("agent.heard") if event["text"].startswith("By law")]
    assert all(event["media_ms"] >= law["end_ms"] for event in c.of("agent.yielded"))
    assert c.of("turn.started")[1]["media_ms"] < law["end_ms"] - 500, "the caller spoke over it"
    results = [event["result"] for event in c.of("engine.result")]
    assert {"protected": True} in results


@virtual
async def test_an_unprotected_reply_is_interrupted(tmp_path: Path) -> None:
    c = BookingCall(tmp_path, "leave a message", "Jane Doe", "I come later", "cancel it")
    async with c.running():
        await c.turn()
        await c.turn()
        await c.say()
        await c.until("playout.started", 4)
        await asyncio.sleep(0.3)
        c.phone.speak(900)
        await c.until_heard("I cancelled it.")
    (said,) = [event for event in c.of("agent.heard") if event["said"].startswith("Thank you, Jane Doe")]
    assert not said["complete"]


# --- what is not written ----------------------------------------------------------------------------------------------


def written(root: Path) -> bytes:
    """All text that a call left on disk."""
    return b"\n".join(file.read_bytes() for file in (root / "CA1").iterdir() if file.suffix != ".wav")


@virtual
async def test_no_word_of_a_sensitive_value_of_any_kind_is_written(tmp_path: Path) -> None:
    c = BookingCall(tmp_path, *MEMBER, "cancel it", "cancel it", "goodbye")
    async with c.running():
        for _ in MEMBER:
            await c.turn(1200)
        await c.turn()
        await c.turn()
        await c.say()
        await c.ended()
    assert "May fourth, nineteen eighty" in " ".join(c.tts.spoken), "the caller does hear it"
    committed = [event["text"] for event in c.of("turn.committed")]
    assert committed == ["I am a member", "•", "•", "•", "•", "cancel it", "cancel it", "goodbye"]
    asked = [(e["slot"], e["slot_kind"], e["sensitive"], e["confirms"]) for e in c.of("agent.asks")]
    assert asked[:5] == [
        ("born", "date", True, False),
        ("private", "email", True, False),
        ("maiden", "name", True, False),
        ("born", "date", True, True),
        ("born", "date", True, True),  # while the tool runs with it
    ]
    assert c.of("tool.called", name="join")[0]["arguments"] == dict.fromkeys(("born", "private", "maiden"), "•")
    assert SECRETS.findall(written(tmp_path)) == []
    assert SECRETS.findall(json.dumps(c.events, ensure_ascii=False).encode()) == []
    (window,) = c.session._record._confidential._windows
    samples, _ = soundfile.read(tmp_path / "CA1" / "audio.wav", dtype="int16")
    first, last = (int(8 * ms) for ms in window)
    assert last - first > 8 * 10_000
    assert not samples[first:last].any()
    assert samples[:first].any(axis=0).all()
    assert samples[last:].any(axis=0).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_value_that_is_corrected_or_given_in_part_is_not_written_either(tmp_path: Path, turns: int) -> None:
    async def case() -> None:
        c = BookingCall(tmp_path, "I am a member", "in may", "the fourth nineteen eighty", "jane dot doe")
        async with c.running():
            for _ in range(turns + 1):
                await c.turn(1200)
        assert SECRETS.findall(written(tmp_path)) == []
        assert [event["text"] for event in c.of("turn.committed")] == ["I am a member", *["•"] * turns]
        told = ["I heard in may", "private address?", "I heard jane dot doe"][turns - 1]
        assert told in " ".join(c.tts.spoken)

    run_virtual(case())
