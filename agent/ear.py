"""The ear: the caller's audio on its way to the voice activity detector and the recogniser, in gapless media time.

Everything up to the recogniser's own queue is a plain call per frame: no task, no wake-up.
"""

from __future__ import annotations

import audioop
from collections import deque
from collections.abc import Callable

from agent.audio.beep import BeepDetector, Tone
from agent.audio.resample import StreamResampler
from agent.context import CallContext
from agent.engines.requests import EngineRequest
from agent.hearing import Hearing
from agent.slots.base import Asks
from agent.stt.base import SttCall
from agent.turns.gate import GateEvent, SpeechGate, SpeechWindow
from agent.vad.base import LEAVE, VAD_RATE_HZ, WINDOW_MS, VadStream

#: What the recogniser hears from before the gate opened: the opening (1 or 2 windows), a first soft consonant, and a
#: short word before it that was too short to open the gate ("no, thank you": with 320 ms the "no" was lost).
PREROLL_MS = 608
#: Of the quiet after a sound the recogniser hears so much: the end of a soft consonant. The rest is held until the
#: caller goes on; a recogniser that listens to nothing but line noise finds words in it.
TAIL_MS = 200


class Ear:
    """One call's hearing. `on_gate` is called for every event of the speech gate, within `hear`."""

    def __init__(
        self,
        *,
        rate_hz: int,
        vad: VadStream,
        gate: SpeechGate,
        stt: SttCall,
        stt_name: str,
        stt_rate_hz: int,
        ctx: CallContext,
        journal: Callable[..., None],
        on_gate: Callable[[GateEvent], None],
        on_doubt: Callable[[int], None] = lambda media_ms: None,
        on_tone: Callable[[Tone], None] = lambda tone: None,
    ) -> None:
        """`on_doubt` is given the end of each window that may hold a voice and opens nothing; `on_tone` a machine's
        beep, while they are listened for."""
        self._on_doubt = on_doubt
        self._on_tone = on_tone
        self._beeps: BeepDetector | None = None
        self._gate = gate
        self._rate_hz = rate_hz
        self._vad = vad
        self._to_vad = StreamResampler(rate_hz, VAD_RATE_HZ)
        self._stt = stt
        self._stt_name = stt_name
        self._stt_rate_hz = stt_rate_hz
        self._ctx = ctx
        self._journal = journal
        self._on_gate = on_gate
        self._preroll: deque[bytes] = deque()
        self._preroll_bytes = 0
        self._preroll_limit = PREROLL_MS * rate_hz // 1000 * 2
        self._window_end_ms = 0
        self._level = 0
        self._end = 0  # in samples of the line, gaps included
        self.end_ms = 0
        """Where the audio heard so far ends, in media time."""
        self._hearing: Hearing | None = None
        self._quiet_ms = 0
        self._held: list[bytes] = []  # what the hearing is not given while the caller pauses
        self._given = 0  # so far hearings have been given the audio, in samples of the line
        self._open: set[Hearing] = set()

    def hear(self, pcm: bytes, media_ms: int) -> None:
        """The caller's next audio, at the line's rate; what is missing before it is heard as silence."""
        per_ms = self._rate_hz // 1000
        missing = media_ms * per_ms - self._end
        if missing >= per_ms:  # less is only a time stamp in whole milliseconds
            self._journal("line.gap", from_ms=self.end_ms, to_ms=media_ms)
            self._end += missing
            self._hear(bytes(2 * missing))
        self._end += len(pcm) // 2
        self.end_ms = self._end // per_ms
        self._hear(pcm)

    def _hear(self, pcm: bytes) -> None:
        if self._hearing is not None:
            if self._quiet_ms < TAIL_MS:
                self._give(self._hearing, pcm)
            else:
                self._held.append(pcm)
        self._preroll.append(pcm)
        self._preroll_bytes += len(pcm)
        while self._preroll_bytes - len(self._preroll[0]) >= self._preroll_limit:
            self._preroll_bytes -= len(self._preroll.popleft())
        self._level = level = max(self._level, audioop.rms(pcm, 2))
        narrow = self._to_vad.push(pcm)
        if self._beeps is not None:
            tone = self._beeps.push(narrow)
            if tone is not None:
                self._on_tone(tone)
        for probability in self._vad.push(narrow):
            self._level = 0
            self._window_end_ms += WINDOW_MS
            event = self._gate.window(probability, self._window_end_ms, level)
            if event is not None:
                self._follow(event)
                self._on_gate(event)
            elif probability >= LEAVE:
                self._on_doubt(self._window_end_ms)

    def _follow(self, event: GateEvent) -> None:
        """How long it has been quiet; when the caller goes on, the hearing is given the pause."""
        if isinstance(event, SpeechWindow) and (event.quiet or not event.speech):
            self._quiet_ms += WINDOW_MS
            return
        self._quiet_ms = 0
        if self._held and self._hearing is not None:
            self._give(self._hearing, b"".join(self._held))
        self._held.clear()

    def listen_for_beeps(self, listen: bool) -> None:
        """Whether beeps are looked for from now on."""
        if not listen:
            self._beeps = None
        elif self._beeps is None:
            self._beeps = BeepDetector(self.end_ms)

    @property
    def tone_sounds(self) -> bool:
        """Whether a tone sounds just now that may become a beep, as far as they are looked for."""
        return self._beeps is not None and self._beeps.sounding

    def _give(self, hearing: Hearing, pcm: bytes) -> None:
        """Audio up to now, for this hearing."""
        hearing.push(pcm)
        self._given = self._end

    def begin(self, asks: Asks, on_partial: Callable[[str], None]) -> Hearing:
        """Start recognising what may answer `asks`, from PREROLL_MS ago; but what an earlier hearing was given is not
        given again: its words would be said twice. A hearing still open goes on without more audio. `on_partial` is
        given each text so far."""
        request = EngineRequest(self._journal, self._ctx, "stt", self._stt_name, input_hash="", input="audio")
        utterance = self._stt.begin(lambda partial: hearing.on_partial(partial), asks)
        resampler = StreamResampler(self._rate_hz, self._stt_rate_hz)
        hearing = Hearing(utterance, resampler, request, on_partial, self._open.discard)
        fresh = min(self._preroll_limit, 2 * (self._end - self._given))
        if fresh:
            self._give(hearing, b"".join(self._preroll)[-fresh:])  # a gap's silence is one long piece
        self._open.add(hearing)
        self._hearing = hearing
        return hearing

    def rest(self) -> None:
        """The caller rests within a turn: its hearing is over, and the gate stays open. What is said next needs
        another one."""
        self._hearing = None
        self._held.clear()

    def latest(self, ms: int, until_ms: int) -> bytes:
        """The `ms` of audio until `until_ms`, at the line's rate; no more than is kept, which is PREROLL_MS.

        A window ends within a frame: what lies behind it has come already, and is not of it."""
        newer = 2 * (self._end - until_ms * self._rate_hz // 1000)
        size, pieces, found = 2 * ms * self._rate_hz // 1000 + newer, [], 0
        for pcm in reversed(self._preroll):
            pieces.append(pcm)
            found += len(pcm)
            if found >= size:
                break
        return b"".join(reversed(pieces))[-size : -newer or None]

    def end(self) -> None:
        """The stretch of speech is over: no more audio for its hearing, and the gate must open anew."""
        self.rest()
        self._gate.close()

    async def close(self) -> None:
        """The call is over: what is still being recognised is forgotten."""
        try:
            for hearing in tuple(self._open):
                await hearing.cancel()
        finally:
            await self._stt.close()
