"""A recorded session of echo, replayed: the agent says what was played then, and what came back then comes back.

What the agent says is cut into marked words, so that it can fall silent and take up again anywhere; the echo goes by
what is really played, so it ends where the agent does.
"""

from __future__ import annotations

import asyncio
import audioop
from collections.abc import AsyncIterator

from agent.context import CallContext
from agent.line import WordEnd
from agent.tts.base import SpeechChunk
from telephony.bench.turns.items import BYTES_PER_MS, RATE_HZ, EchoItem
from telephony.bench.turns.marks import numbers
from telephony.bench.turns.voice import FIRST_BYTE_MS, SPEED, spoken
from telephony.faults.frames import FRAME_MS
from telephony.g711 import pcm_to_ulaw, ulaw_to_pcm

#: The agent's speech in pieces so long, each a marked word: people speak as fast.
PIECE_MS = 300
#: What the room still gives after the agent fell silent; later it lies below the line's noise.
TAIL_MS = 100
#: A piece that is softer than this (of 16 bits), or shorter, looks like any other: its place is not looked for.
_TELLING, _TELLING_MS = 64, 10


def pieces(session: EchoItem) -> int:
    """Of how many words what the agent says there is made."""
    return -(-len(session.far) // (PIECE_MS * BYTES_PER_MS))


class RecordedVoice:
    """A TtsEngine (agent/tts/base.py): word N of a reply of `pieces` words is piece N of the recording."""

    name = "recorded"
    remote = False
    rate_hz = RATE_HZ

    def __init__(self, session: EchoItem) -> None:
        self.identity = f"recorded/{session.name}"
        self._far = session.far
        self._count = pieces(session)

    async def start(self) -> None:
        """Nothing to load."""

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        """One piece for each marked word; any other word as the bench's own voice says it."""
        await asyncio.sleep(FIRST_BYTE_MS / 1000)
        end = 0
        for token in text.split():
            end = text.index(token, end) + len(token)
            marked = numbers(token)
            pcm = self._piece(marked[0]) if marked else spoken(token)
            yield SpeechChunk(pcm, (WordEnd(len(pcm) // 2, end),))
            await asyncio.sleep(len(pcm) / (2 * RATE_HZ * SPEED))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _piece(self, number: int) -> bytes:
        at = number % self._count * PIECE_MS * BYTES_PER_MS
        return self._far[at : at + PIECE_MS * BYTES_PER_MS]


class RecordedEcho:
    """What comes back (caller.Echo): of each piece that is played, what came back of it in the recording. The
    recording's own delay is in it."""

    def __init__(self, session: EchoItem, softer_db: float = 0.0) -> None:
        """`softer_db`: so much softer than it was recorded."""
        self._far = ulaw_to_pcm(pcm_to_ulaw(session.far))  # as the caller hears it
        self._echo = audioop.mul(session.echo, 2, 10 ** (-softer_db / 20))
        self._place = 0  # in the recording, where what is played next is looked for first
        self._due = bytearray()  # from `_due_ms` on
        self._due_ms = 0.0

    def played(self, start_ms: float, pcm: bytes) -> None:
        """This is played to the caller."""
        place = self._found(pcm)
        if place is None:
            return
        self._place = place + len(pcm)
        echo = self._echo[place : place + len(pcm) + TAIL_MS * BYTES_PER_MS]
        at = 2 * round((start_ms - self._due_ms) * RATE_HZ / 1000)
        if at < 0:  # its beginning should have come back already
            echo, at = echo[-at:], 0
        self._due[at:] = bytes(max(0, at - len(self._due)))
        self._due += echo

    def frame(self, now_ms: float) -> bytes:
        """The 20 ms of echo from `now_ms` on, as PCM16."""
        size = FRAME_MS * BYTES_PER_MS
        past = max(0, 2 * round((now_ms - self._due_ms) * RATE_HZ / 1000))
        echo = bytes(self._due[past : past + size]).ljust(size, b"\0")
        del self._due[: past + size]
        self._due_ms = now_ms + FRAME_MS
        return echo

    def _found(self, pcm: bytes) -> int | None:
        """Where in the recording this lies; None of what is not in it (a fade, the silence before one)."""
        if self._far[self._place : self._place + len(pcm)] == pcm:
            return self._place
        if len(pcm) < _TELLING_MS * BYTES_PER_MS or audioop.max(pcm, 2) < _TELLING:
            return None
        place = self._far.find(pcm)
        return place if place >= 0 and place % 2 == 0 else None
