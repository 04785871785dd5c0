"""The caller's side of the conversation: goes through a script, frame by frame, by what the ear has heard. Pure.

Times are call time in ms. It is asked for one frame of mu-law at a time, and says what else is to be done.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from telephony import g711
from telephony.faults.frames import FRAME_MS
from telephony.sandbox.clip import Clip
from telephony.sandbox.cursor import Cursor
from telephony.sandbox.ear import SAME_BURST_MS, Ear
from telephony.sandbox.script import (
    AFTER_MS,
    WAIT_S,
    Drop,
    Keys,
    Pause,
    Say,
    SayWords,
    Script,
    Step,
    WaitForHangUp,
)

FRAME_BYTES = g711.RATE_HZ * FRAME_MS // 1000
LAST_WAIT_MS = 600
"""After the last step: so much quiet after the answer, before the caller hangs up."""
TURN_BY_TURN = 'start the service with OFFHOOK_MODE=gather, or write mode = "gather" at the number (docs/trial.md)'
"""What makes a service of ours ask with <Gather>."""
NOISE_AMPLITUDE = 56
"""Uniform noise of this amplitude lies at -60 dBFS (56 / sqrt 3 / 32768)."""


@dataclass(slots=True)
class Spoken:
    """Something the caller has said or keyed. Until it is over, `speech_end_ms` is where it will end."""

    text: str
    by: str  # "voice" or "keys"
    speech_start_ms: float
    speech_end_ms: float
    interrupted: bool = False
    expects_answer: bool = True


@lru_cache(maxsize=4)
def line_noise(seed: int = 1) -> tuple[bytes, ...]:
    """One second of quiet line noise as mu-law frames: what a telephone sends while nobody speaks."""
    noise = random.Random(seed)
    frame = range(FRAME_BYTES)
    return tuple(
        g711.pcm_to_ulaw(
            b"".join(noise.randint(-NOISE_AMPLITUDE, NOISE_AMPLITUDE).to_bytes(2, "little", signed=True) for _ in frame)
        )
        for _ in range(1000 // FRAME_MS)
    )


class Talker:
    """Speaks a script. `buffer_audible` tells whether audio that waits to be played would be heard."""

    def __init__(self, script: Script, ear: Ear, *, noise: bool = True) -> None:
        self.spoken: list[Spoken] = []
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.ended: str | None = None
        """"hang up" or "drop", once the caller wants to leave."""
        self.buffer_audible: Callable[[], bool] = lambda: False
        self.cursor = Cursor(script.steps)
        self._has_sound = any(isinstance(step, Say) for step in script.steps)
        self._entered_ms: float = 0
        self._ear = ear
        self._idle = line_noise() if noise else (g711.silence(FRAME_MS),)
        self._frames = 0
        self._sent_ms: float = 0  # call time up to which frames were given
        self._clip: Clip | None = None
        self._offset = 0
        self._keys_sent = 0
        self._keys_out: list[str] = []
        self._said_again: set[int] = set()
        self._lost = False

    @property
    def steps_left(self) -> bool:
        """Whether the script goes on."""
        return self.cursor.step is not None

    def unspoken(self) -> tuple[Step, ...]:
        """The steps not yet begun."""
        return self.cursor.left()

    def take_keys(self) -> list[str]:
        """The keys pressed since last asked."""
        keys, self._keys_out = self._keys_out, []
        return keys

    def stream_lost(self) -> None:
        """The stream broke: whoever had just spoken, and had no answer, cannot know whether he was heard."""
        self._lost = True

    def stream_begins(self, now_ms: float) -> None:
        """The caller is on the line (again). A step that the end of a stream cut off is done again, but only once; so
        are words that had no answer when the stream broke."""
        self.ended = None
        self._entered_ms = now_ms
        lost, self._lost = self._lost, False
        if self._clip is not None and self._sent_ms >= self.spoken[-1].speech_end_ms:
            self._clip = None  # only its last silence was not sent
        speaking = self._clip is not None or (lost and not self._keys_sent and self._unanswered())
        if not speaking and not self._keys_sent:
            return
        said = self.spoken[-1]
        said.speech_end_ms = min(said.speech_end_ms, self._sent_ms)
        said.expects_answer = False
        if speaking:
            self._clip = None
            self.cursor.back()
        self._keys_sent = 0
        self._keys_out.clear()
        if self.cursor.index in self._said_again:
            self.errors.append(f"the stream ended again while the caller said {said.text!r}: not said a third time")
            self.cursor.advance()
        else:
            self._said_again.add(self.cursor.index)
            self.notes.append(f"the stream ended while the caller said {said.text!r}: said again")

    def frame(self, now_ms: float) -> bytes:
        """The 20 ms of mu-law that begin at `now_ms`."""
        if self._clip is None and self.ended is None:
            while self._act(now_ms):
                pass
        idle = self._idle[self._frames % len(self._idle)]
        self._frames += 1
        self._sent_ms = now_ms + FRAME_MS
        if self._clip is None:
            return idle
        piece = self._clip.ulaw[self._offset : self._offset + FRAME_BYTES]
        self._offset += FRAME_BYTES
        if self._offset >= len(self._clip.ulaw):
            self._clip = None
        return piece + idle[len(piece) :]

    # --- the steps --------------------------------------------------------------------------------------------------

    def _act(self, now_ms: float) -> bool:
        """Do what the step in hand asks for now. True when the next step may begin in this same frame."""
        step = self.cursor.step
        if step is None:
            if self._finished(now_ms, LAST_WAIT_MS, WAIT_S):
                self.ended = "hang up"
            return False
        if isinstance(step, SayWords):
            return self._without_sound(step, now_ms)
        if isinstance(step, Say):
            return self._say(step, now_ms)
        if isinstance(step, Keys):
            return self._press(step, now_ms)
        if isinstance(step, Pause):
            return now_ms - self._entered_ms >= step.pause_ms and self._next(now_ms)
        if isinstance(step, WaitForHangUp):
            if now_ms - max(self._entered_ms, self._ear.last_audible_ms or 0) >= step.wait_s * 1000:
                self.errors.append(f"the agent did not hang up: {step.wait_s:g} s of silence")
                self.ended = "hang up"
            return False
        if step.after_ms is None or self._finished(now_ms, step.after_ms, step.wait_s):
            self.ended = "drop" if isinstance(step, Drop) else "hang up"
            self._next(now_ms)
        return False

    def _next(self, now_ms: float) -> bool:
        self.cursor.advance()
        self._entered_ms = now_ms
        return True

    def _say(self, step: Say, now_ms: float) -> bool:
        interrupting = step.interrupt_after_ms is not None and self._into_answer(now_ms, step.interrupt_after_ms)
        if not interrupting and not self._finished(now_ms, step.after_ms, step.wait_s):
            return False
        start, end = now_ms + step.clip.speech_start_ms, now_ms + step.clip.speech_end_ms
        if step.interrupt_after_ms is not None and not interrupting:
            self.notes.append(f"{step.text!r} was to interrupt the agent, which stopped or said nothing before")
        self._clip, self._offset = step.clip, 0
        self._next(now_ms)
        self.spoken.append(Spoken(step.text, "voice", start, end, interrupting, not self.cursor.leaves_at_once))
        return False

    def _without_sound(self, step: SayWords, now_ms: float) -> bool:
        """Words that no stream can carry: who has nothing else to say hangs up, and need not hear the agent out."""
        problem = f"say_text = {step.text!r} has no sound, and this is a media stream"
        if not self._has_sound:
            self.errors.append(f"{problem}: {TURN_BY_TURN}")
            self.ended = "hang up"
            while self.steps_left:
                self.cursor.advance()
            return False
        if not self._finished(now_ms, AFTER_MS, WAIT_S):  # until then the stream may end, and a <Gather> come
            return False
        self.errors.append(f"{problem}: give the step a recording (say)")
        return self._next(now_ms)

    def _press(self, step: Keys, now_ms: float) -> bool:
        if self._keys_sent == 0:
            if not self._finished(now_ms, step.after_ms, step.wait_s):
                return False
        elif now_ms - self.spoken[-1].speech_end_ms < step.key_gap_ms:
            return False
        self._keys_out.append(step.digits[self._keys_sent])
        self._keys_sent += 1
        if self._keys_sent == 1:
            self.spoken.append(Spoken(step.text or f"keys {step.digits}", "keys", now_ms, now_ms))
        self.spoken[-1].speech_end_ms = now_ms
        if self._keys_sent < len(step.digits):
            return False
        self._keys_sent = 0
        self._next(now_ms)
        self.spoken[-1].expects_answer = not self.cursor.leaves_at_once
        return False

    # --- what the agent does ----------------------------------------------------------------------------------------

    def _unanswered(self) -> bool:
        said = self.spoken[-1] if self.spoken else None
        return (
            said is not None
            and said.by == "voice"
            and said.expects_answer
            and self._ear.answer(said.speech_start_ms, said.speech_end_ms) is None
        )

    def _last_speech(self) -> tuple[float, float]:
        if not self.spoken:
            return 0.0, 0.0
        return self.spoken[-1].speech_start_ms, self.spoken[-1].speech_end_ms

    def _finished(self, now_ms: float, after_ms: int, wait_s: float) -> bool:
        """The agent has answered and is done; or has not, for so long that the caller waits no more."""
        start, end = self._last_speech()
        heard = self._ear.last_audible_ms
        if heard is None or self._ear.answer(start, end) is None:
            return now_ms - max(self._entered_ms, end) >= wait_s * 1000
        return now_ms - heard >= after_ms and not self.buffer_audible()

    def _into_answer(self, now_ms: float, after_ms: int) -> bool:
        """The agent has been answering for so long, and still is."""
        answer = self._ear.answer(*self._last_speech())
        heard = self._ear.last_audible_ms
        if answer is None or heard is None:
            return False
        return now_ms - answer.start_ms >= after_ms and now_ms - heard < SAME_BURST_MS
