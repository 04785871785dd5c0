"""ScriptedCaller: a caller who follows a script written in Python, step by step, by what the agent says.

The conversation is the sandbox caller's (sandbox/talker.py): this only writes its script, and turns mu-law into PCM.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from agent.errors import LocalError
from telephony import g711
from telephony.faults.frames import FRAME_MS
from telephony.replay.callers.agent_ear import AgentEar
from telephony.replay.callers.line_quiet import quiet_frame
from telephony.replay.callers.loudness import loud_stretches
from telephony.sandbox.clip import Clip, load_clip
from telephony.sandbox.script import WAIT_S, Drop, HangUp, Keys, Pause, Say, Script, Step, WaitForHangUp
from telephony.sandbox.talker import Talker

RATE_HZ = g711.RATE_HZ
AFTER_MS = 700
"""The agent has finished when it has been quiet for so long: longer than a voice pauses between two sentences. (The
sandbox's caller needs 300 ms, because it also looks into the carrier's buffer.)"""


class _SayAtOnce(Say):
    """What follows a pause does not wait for the agent: the pause says when."""

    __slots__ = ()


class _KeysAtOnce(Keys):
    """As _SayAtOnce."""

    __slots__ = ()


@dataclass(slots=True)
class _Phrase:
    """What is said in one go: words, pauses in it, more words. Times from its beginning."""

    interrupt_after_ms: int | None
    at_once: bool
    pcm: bytearray = field(default_factory=bytearray)
    parts: list[tuple[str, float, float]] = field(default_factory=list)


class _Listener(Talker):
    def _finished(self, now_ms: float, after_ms: int, wait_s: float) -> bool:
        at_once = isinstance(self.cursor.step, _SayAtOnce | _KeysAtOnce)
        return at_once or super()._finished(now_ms, after_ms, wait_s)


class ScriptedCaller:
    """A Caller (phone.py) on a line of 8000 Hz. Write the script before the call begins: every step returns the caller.

    `says` waits until the agent has finished what it says, the greeting at first; if there is no answer, 15 s. Words
    that follow `pauses` are said after the pause, whatever the agent does then: `says(a).pauses(0.8).says(b)` is one
    thought with a pause in it. After the last step the caller waits for the answer, and hangs up.
    """

    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self.ear = AgentEar(RATE_HZ)
        self._steps: list[Step] = []
        self._phrase: _Phrase | None = None
        self._paused = False
        self._phrases: list[_Phrase] = []
        self._talker: _Listener | None = None

    # --- the script -------------------------------------------------------------------------------------------------

    def says(self, pcm: bytes, text: str, *, interrupt_after_ms: int | None = None) -> Self:
        """Say `pcm`: PCM16 mono at 8000 Hz. `interrupt_after_ms`: so long after the agent began, while it speaks.

        Raises LocalError when nothing in it is loud enough to be speech, or the call has begun.
        """
        self._unbegun()
        stretches = loud_stretches(pcm, RATE_HZ)
        if not stretches:
            raise LocalError(f"what the caller is to say ({text!r}) has no sound that is loud enough to be speech")
        if self._phrase is None or not self._paused or interrupt_after_ms is not None:
            at_once = self._phrase is None and self._paused
            self._flush()
            self._phrase = _Phrase(interrupt_after_ms, at_once)
        began_ms = len(self._phrase.pcm) * 1000 / (2 * RATE_HZ)
        self._phrase.parts.append((text, began_ms + stretches[0][0], began_ms + stretches[-1][1]))
        self._phrase.pcm += pcm[: len(pcm) // 2 * 2]
        self._paused = False
        return self

    def plays(self, path: Path | str, text: str = "", *, interrupt_after_ms: int | None = None) -> Self:
        """Say a recording: WAV or FLAC, any rate. `text`: its words, else its name. Raises LocalError."""
        pcm = g711.ulaw_to_pcm(load_clip(Path(path)).ulaw)
        return self.says(pcm, text or Path(path).name, interrupt_after_ms=interrupt_after_ms)

    def pauses(self, s: float) -> Self:
        """Say nothing for so long."""
        self._unbegun()
        if not 0 <= s <= 600:
            raise LocalError(f"a caller pauses for 0 to 600 seconds, not {s:g}")
        if self._phrase is not None:
            for _ in range(round(s * 1000) // FRAME_MS):
                self._phrase.pcm += quiet_frame(RATE_HZ, len(self._phrase.pcm) * 1000 / (2 * RATE_HZ))
        else:
            self._steps.append(Pause(round(s * 1000)))
        self._paused = True
        return self

    def presses(self, keys: str) -> Self:
        """Press keys, one after the other (0-9, *, #, A-D), when the agent has finished; behind a pause at once."""
        self._unbegun()
        if not keys or any(key not in "0123456789*#ABCD" for key in keys):
            raise LocalError(f"keys are 0-9, *, # and A-D, not {keys!r}")
        paused = self._paused
        self._flush()
        self._steps.append((_KeysAtOnce if paused else Keys)(keys, after_ms=AFTER_MS))
        return self

    def waits_for_hang_up(self, s: float = WAIT_S) -> Self:
        """Stay on the line until the agent ends the call, or has been silent for so long (that is an error)."""
        self._unbegun()
        self._flush()
        self._steps.append(WaitForHangUp(s))
        return self

    def hangs_up(self, after_ms: int | None = 300) -> Self:
        """Hang up when the agent has finished and been quiet for so long; None: at once."""
        self._unbegun()
        self._flush()
        self._steps.append(HangUp(after_ms))
        return self

    def drops(self, after_ms: int | None = None) -> Self:
        """The connection breaks: at once, or when the agent has finished."""
        self._unbegun()
        self._flush()
        self._steps.append(Drop(after_ms))
        return self

    def _flush(self) -> None:
        self._paused = False
        phrase, self._phrase = self._phrase, None
        if phrase is not None:
            first, last = phrase.parts[0][1], phrase.parts[-1][2]
            clip = Clip(g711.pcm_to_ulaw(bytes(phrase.pcm)), round(first), round(last))
            words = " … ".join(text for text, _, _ in phrase.parts)
            say = _SayAtOnce if phrase.at_once and phrase.interrupt_after_ms is None else Say
            self._steps.append(say(clip, words, after_ms=AFTER_MS, interrupt_after_ms=phrase.interrupt_after_ms))
            self._phrases.append(phrase)

    def _unbegun(self) -> None:
        if self._talker is not None:
            raise LocalError("the call has begun: write the caller's script before")

    # --- what came of it --------------------------------------------------------------------------------------------

    @property
    def spoken(self) -> list[tuple[str, float, float]]:
        """(text, start_ms, end_ms) of the words said so far, as `says` got them; what is being said, to its end."""
        if self._talker is None:
            return []
        voiced = [said for said in self._talker.spoken if said.by == "voice"]
        return [
            (text, said.speech_start_ms + start - phrase.parts[0][1], said.speech_start_ms + end - phrase.parts[0][1])
            for said, phrase in zip(voiced, self._phrases, strict=False)
            for text, start, end in phrase.parts
        ]

    @property
    def errors(self) -> list[str]:
        """What the agent was to do, and did not."""
        return self._talker.errors if self._talker is not None else []

    @property
    def notes(self) -> list[str]:
        """What could not be done as written: an interruption of an agent that was silent."""
        return self._talker.notes if self._talker is not None else []

    # --- Caller -----------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> str | None:
        return self._talker.ended if self._talker is not None else None

    @ended.setter
    def ended(self, how: str | None) -> None:
        self._begun().ended = how

    def _begun(self) -> _Listener:
        if self._talker is None:
            self._flush()
            self._talker = _Listener(Script("a caller", tuple(self._steps)), self.ear)
        return self._talker

    def frame(self, now_ms: float) -> bytes | None:
        return g711.ulaw_to_pcm(self._begun().frame(now_ms))

    def take_keys(self) -> list[str]:
        return self._begun().take_keys()

    def hear(self, start_ms: float, pcm: bytes) -> None:
        self.ear.hear(start_ms, pcm)

    def cleared(self, now_ms: float) -> None:
        """What was taken back was never heard: the ear knows only what was played."""

    def recorded_ms(self, media_ms: int) -> int:
        """There is no recording but the call's own."""
        return media_ms
