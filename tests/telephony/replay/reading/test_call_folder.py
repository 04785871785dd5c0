"""A real call, recorded in full by the product itself, read back: its audio to the sample, its events one by one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.llm.base import TextDelta, ToolCall
from agent.tools.base import Tool, ToolContext
from agent.tools.decorator import tool
from telephony.g711 import ulaw_to_pcm
from telephony.replay.reading.source import read_source
from telephony.replay.recorded import Recorded
from tests.agent.call import PHRASES, Call
from tests.support.virtual_loop import run_virtual


@tool(effect="read")
def look_up(ctx: ToolContext, number: str) -> dict[str, object]:
    """Look a number up."""
    return {"found": number}


class Recording:
    """A call, what was sent on it, and its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[dict[str, Any]] = []
        self.sent: list[bytes] = []

    async def hold(self) -> None:
        assert isinstance(look_up, Tool)
        call = Call(
            says=((0.05, "number four"), (0.2, "yes")),
            answers=(
                (0.1, ToolCall("t1", "look_up", {"number": "4"})),
                (0.1, "It is there. ", 0.05, "Anything else?"),
                (0.1, "Good. Very good."),
            ),
            tools=[look_up],
            record="full",
        )
        call.record_root, call.record_mode = self.root, "full"
        send = call.phone.carrier.caller_audio

        def sending(payload: bytes, *args: Any) -> Any:
            self.sent.append(payload)
            return send(payload, *args)

        call.phone.carrier.caller_audio = sending  # type: ignore[method-assign]
        async with call.running():
            await call.say(800)
            await call.until_heard("Anything else?")
            await call.say(500)
            await call.until("agent.clause", turn=2, text="Very good.")
            await asyncio.sleep(0.16)  # its voice is there, and waits behind what is heard
            call.phone.press("5")
            await call.until("reply.heard", 3)
        self.events = call.events

    @property
    def folder(self) -> Path:
        return self.root / "CA1"

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    recording = Recording(tmp_path_factory.mktemp("calls"))
    run_virtual(recording.hold())
    return recording


@pytest.fixture(scope="module")
def recorded(recording: Recording) -> Recorded:
    return read_source(recording.folder)


def test_what_was_called_and_how_it_ended(recording: Recording, recorded: Recorded) -> None:
    started = recording.of("call.started")[0]
    assert (recorded.name, recorded.source, recorded.rate_hz) == ("CA1", recording.folder, 8000)
    assert (recorded.call_id, recorded.agent, recorded.seed) == ("CA1", started["agent"], started["seed"])
    assert recorded.voice_hz == started["voice_hz"]
    assert recorded.engines == started["engines"]
    assert recorded.turn_settings == started["turns"]
    assert recorded.began_at.startswith("20")
    assert recorded.ended_by == "caller: stop"
    assert recorded.ended_ms == recording.events[-1]["media_ms"]
    assert list(recorded.events) == recording.events
    assert (recorded.notes, recorded.stalls, recorded.gaps, recorded.wound_up) == ((), (), (), None)


def test_the_caller_to_the_sample(recording: Recording, recorded: Recorded) -> None:
    assert recorded.caller == b"".join(ulaw_to_pcm(payload) for payload in recording.sent)[: len(recorded.caller)]
    assert recorded.duration_ms >= recorded.ended_ms - 20


def test_what_the_caller_heard_lies_where_it_was_heard(recorded: Recorded) -> None:
    assert recorded.heard is not None
    assert len(recorded.heard) == len(recorded.caller)
    heard = np.frombuffer(recorded.heard, "<i2")
    broken_off = [speech for speech in recorded.speeches if speech.heard_ms is None]
    assert [speech.text for speech in broken_off] == ["Very good."]
    for speech in recorded.speeches:
        if speech.heard_ms is not None:
            begin = speech.heard_ms * 8
            length = sum(piece.samples for piece in speech.pieces)
            loud = np.abs(heard[begin : begin + length]) > 1000
            # One is cut off; and where the ledger learns of its anchor, the record may have a seam.
            assert loud.mean() > 0.75, speech.text


def test_utterances(recording: Recording, recorded: Recorded) -> None:
    first, second = recorded.utterances
    started = recording.of("turn.started")
    spoken = [event["turn"] for event in started]
    ended = [event for event in recording.of("turn.ended") if event["turn"] in spoken]  # the third is a key's
    for utterance, begin, end in zip(recorded.utterances, started, ended, strict=True):
        assert (utterance.turn, utterance.began_ms) == (begin["turn"], begin["media_ms"])
        assert utterance.speech_start_ms == begin["speech_ms"]
        assert (utterance.speech_end_ms, utterance.ended_ms) == (end["speech_end_ms"], end["media_ms"])
        assert len(utterance.input_hash) == 16
        assert not utterance.failed
    assert (first.text, second.text) == ("number four", "yes")
    assert (first.final_delay_ms, second.final_delay_ms) == pytest.approx((50, 200), abs=1)


def test_replies(recorded: Recorded) -> None:
    assert [(reply.turn, reply.round, reply.cut) for reply in recorded.replies] == [
        (1, 0, False),
        (1, 1, False),
        (2, 0, False),
        (3, 0, False),
    ]
    tool_round, answer, _, last = recorded.replies
    ((offset_ms, call),) = tool_round.events
    assert isinstance(call, ToolCall)
    assert (offset_ms, call.name, dict(call.arguments)) == (pytest.approx(100, abs=1), "look_up", {"number": "4"})
    assert [event for _, event in answer.events] == [TextDelta("It is there. "), TextDelta("Anything else?")]
    assert [offset_ms for offset_ms, _ in answer.events] == pytest.approx([100, 150], abs=1)
    assert answer.end_offset_ms == pytest.approx(150, abs=1)
    assert last.input == "yes 5"


def test_speeches(recorded: Recorded) -> None:
    texts = [speech.text for speech in recorded.speeches]
    assert texts[:4] == [PHRASES.recording_notice, PHRASES.greeting, "It is there.", "Anything else?"]
    assert [speech.from_memory for speech in recorded.speeches[:4]] == [True, True, False, False]
    greeting, clause = recorded.speeches[1:3]
    assert sum(piece.samples for piece in clause.pieces) == sum(map(len, "It is there.".split(" "))) * 240 + 2 * 240
    assert clause.pieces[0].offset_ms == pytest.approx(50, abs=1)
    assert {piece.offset_ms for piece in greeting.pieces} == {0.0}
    assert all(piece.words[-1].sample <= piece.samples for piece in greeting.pieces)
    assert not any(speech.cut for speech in recorded.speeches)


def test_tools_and_keys(recording: Recording, recorded: Recorded) -> None:
    (tool_run,) = recorded.tools
    assert (tool_run.turn, tool_run.name, dict(tool_run.arguments)) == (1, "look_up", {"number": "4"})
    assert (tool_run.ok, tool_run.result, tool_run.decision) == (True, {"found": "4"}, None)
    assert tool_run.took_ms == recording.of("tool.returned")[0]["took_ms"]
    assert recorded.keys == ((recording.of("key")[0]["media_ms"], "5"),)
