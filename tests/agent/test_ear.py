"""The ear: what the recogniser is given of what the caller says, and of what the line hums in between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.context import LiveContext
from agent.ear import PREROLL_MS, TAIL_MS, Ear
from agent.hearing import PARTIAL_CHARS
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, SttUtterance, Transcript
from agent.turns.gate import GateEvent, SpeechBegan, SpeechGate

RATE_HZ = 8000
FRAME_MS = 32  # one frame, one window: so the tables below count in windows
LOUD = b"\x00\x20\x00\xe0" * (RATE_HZ * FRAME_MS // 2000)
QUIET = bytes(len(LOUD))


class LoudnessVad:
    """Takes every loud frame for speech."""

    def push(self, pcm: bytes) -> list[float]:
        return [1.0 if any(pcm) else 0.0]


class Utterance:
    def __init__(self) -> None:
        self.audio = b""

    def push(self, pcm: bytes) -> None:
        self.audio += pcm

    async def final(self) -> Transcript:
        return Transcript("")

    async def cancel(self) -> None:
        pass


class Recogniser:
    def __init__(self) -> None:
        self.utterances: list[Utterance] = []
        self.on_partial: Callable[[Partial], None] = lambda partial: None

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        self.on_partial = on_partial
        self.utterances.append(Utterance())
        return self.utterances[-1]

    async def close(self) -> None:
        pass


class Listener:
    """An ear, and what comes of a pattern of frames: "#" loud, "." quiet."""

    def __init__(self) -> None:
        self.stt = Recogniser()
        self.events: list[GateEvent] = []
        self.journal: list[dict[str, object]] = []
        self.texts: list[str] = []
        self.ear = Ear(
            rate_hz=RATE_HZ,
            vad=LoudnessVad(),
            gate=SpeechGate(160),  # three windows of this detector, which is always sure
            stt=self.stt,
            stt_name="fake",
            stt_rate_hz=RATE_HZ,
            ctx=LiveContext(ThreadPoolExecutor(1)),
            journal=lambda kind, **fields: self.journal.append(fields),
            on_gate=self._on_gate,
        )
        self._now_ms = 0

    def _on_gate(self, event: GateEvent) -> None:
        self.events.append(event)
        if isinstance(event, SpeechBegan):
            self.ear.begin(NOTHING_ASKED, self.texts.append)

    def hear(self, pattern: str) -> None:
        for frame in pattern:
            self.ear.hear(LOUD if frame == "#" else QUIET, self._now_ms)
            self._now_ms += FRAME_MS

    def given(self) -> str:
        """What the last utterance was given, as a pattern."""
        audio = self.stt.utterances[-1].audio
        frames = [audio[at : at + len(LOUD)] for at in range(0, len(audio), len(LOUD))]
        return "".join("#" if any(frame) else "." for frame in frames)


@pytest.fixture
async def listener() -> Listener:
    return Listener()


TAIL = -(-TAIL_MS // FRAME_MS)


async def test_the_recogniser_hears_what_came_before_the_gate_opened(listener: Listener) -> None:
    listener.hear("." * 40 + "###")
    assert listener.given() == "." * (PREROLL_MS // FRAME_MS - 3) + "###"


async def test_a_text_without_end_is_cut_for_the_journal_and_for_everybody(listener: Listener) -> None:
    listener.hear("." * 40 + "####")
    listener.stt.on_partial(Partial("so " * 5000, 15_000))
    listener.stt.on_partial(Partial("it is", 2))
    assert listener.texts == [("so " * 5000)[:PARTIAL_CHARS], "it is"]
    *_, long, short = (fields["result"] for fields in listener.journal if "result" in fields)
    assert long == {"text": listener.texts[0], "stable_chars": PARTIAL_CHARS}
    assert short == {"text": "it is", "stable_chars": 2}


async def test_a_long_quiet_is_kept_from_the_recogniser(listener: Listener) -> None:
    listener.hear("#####" + "." * 30)
    assert listener.given() == "#####" + "." * TAIL


async def test_a_pause_within_a_turn_is_given_once_the_caller_goes_on(listener: Listener) -> None:
    said = "#####" + "." * 15 + "####"
    listener.hear(said)
    listener.hear("#")
    assert listener.given().startswith(said), "nothing is lost, nothing comes twice, and the order is kept"


async def test_what_was_held_is_not_given_to_the_next_utterance(listener: Listener) -> None:
    listener.hear("#####" + "." * 15)
    listener.ear.end()
    listener.hear("." * 15 + "###")
    assert len(listener.stt.utterances) == 2
    assert listener.given() == "." * (PREROLL_MS // FRAME_MS - 3) + "###"


async def test_the_latest_audio_ends_where_it_is_asked_to_and_not_with_the_newest_frame(listener: Listener) -> None:
    listener.hear("." * 10 + "#####")
    newest = listener.ear.end_ms
    assert listener.ear.latest(160, newest) == LOUD * 5
    assert listener.ear.latest(160, newest - 32) == QUIET + LOUD * 4
    assert listener.ear.latest(32, newest - 144) == (QUIET + LOUD)[len(LOUD) // 2 :][: len(LOUD)]


async def test_no_sound_is_given_to_two_utterances(listener: Listener) -> None:
    """Who goes on soon after a turn's end would else have said its last words twice."""
    listener.hear("#####" + "." * 8)
    listener.ear.end()
    listener.hear("...###")
    assert listener.given() == "." * (8 - TAIL + 3) + "###"
