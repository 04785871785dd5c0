"""A telephone for tests, in virtual time: the replay's carrier (replay/phone.py), and a caller told what to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from telephony.media_stream.formats import line_format
from telephony.media_stream.messages import L16_16K, FromCarrier, Mark, MediaFormat
from telephony.replay.phone import VirtualPhone
from telephony.replay.wire import MemorySocket

__all__ = ["LOUD", "SILENCE", "MemorySocket", "Phone"]

#: 20 ms of silence, and of a loud square wave at 1 kHz, by format.
SILENCE = {MediaFormat(): b"\xff" * 160, L16_16K: bytes(640)}
LOUD = {
    MediaFormat(): b"\x9f\x9f\x9f\x9f\x1f\x1f\x1f\x1f" * 20,
    L16_16K: ((8000).to_bytes(2, "big") * 8 + (-8000).to_bytes(2, "big", signed=True) * 8) * 20,
}


class _Told:
    """A Caller who says what is put into `says`, then silence; nothing at all while `talks` is False."""

    def __init__(self, silence: bytes) -> None:
        self.ended: str | None = None
        self.talks = True
        self.says: deque[bytes] = deque()
        self.cleared_ms: list[float] = []
        self._silence = silence

    def frame(self, now_ms: float) -> bytes | None:
        pcm = self.says.popleft() if self.says else self._silence
        return pcm if self.talks else None

    def take_keys(self) -> list[str]:
        return []  # Phone.press sends them at once

    def hear(self, start_ms: float, pcm: bytes) -> None:
        """The carrier keeps what was heard."""

    def cleared(self, now_ms: float) -> None:
        self.cleared_ms.append(now_ms)

    def recorded_ms(self, media_ms: int) -> int:
        return media_ms


class Phone(VirtualPhone):
    """A caller with a carrier. Time is the loop's; the stream begins when `ring` is called."""

    def __init__(
        self, delay_s: float = 0.03, *, echoes_marks: bool = True, media_format: MediaFormat | None = None
    ) -> None:
        media_format = media_format or MediaFormat()
        decode = line_format(media_format).decode
        self._silence, self._loud = decode(SILENCE[media_format]), decode(LOUD[media_format])
        self._told = _Told(self._silence)
        super().__init__(self._told, rate_hz=media_format.sample_rate_hz, delay_s=delay_s)
        self.echoes_marks = echoes_marks
        self.left_ms: float | None = None
        self.unheard_ms = 0.0  # what was still to be played when the call ended

    @property
    def talks(self) -> bool:
        """A peer that sends no audio at all: False."""
        return self._told.talks

    @talks.setter
    def talks(self, talks: bool) -> None:
        self._told.talks = talks

    @property
    def cleared_ms(self) -> list[float]:
        """When the agent's waiting speech was taken back."""
        return self._told.cleared_ms

    @property
    def frame_due(self) -> asyncio.TimerHandle | None:
        """The caller's next frame: cancelled, the caller's clock stands still."""
        return self._frame_due

    @property
    def heard_ms(self) -> float:
        """How much of the agent the caller has heard."""
        self._send(self.carrier.advance(self.now_ms))
        return self.carrier.heard_ms

    @property
    def playing(self) -> bool:
        """Whether the agent is audible, or about to be."""
        self._send(self.carrier.advance(self.now_ms))
        return self.carrier.buffered_ms > 0

    def speak(self, ms: int) -> None:
        """Loud for so long, from the next frame on, behind what is being said."""
        self._told.says.extend([self._loud] * (ms // 20))

    def pause(self, ms: int) -> None:
        """Silence, within what is being said."""
        self._told.says.extend([self._silence] * (ms // 20))

    def press(self, keys: str) -> None:
        self._send([self.carrier.digit(key) for key in keys])

    def _end(self) -> None:
        if not self._over:
            super()._end()
            self.left_ms = self.now_ms
            self.unheard_ms = self.carrier.buffered_ms

    def _send(self, messages: Sequence[FromCarrier] | Sequence[Mark], late_s: float = 0.0) -> None:
        super()._send([message for message in messages if self.echoes_marks or not isinstance(message, Mark)], late_s)
