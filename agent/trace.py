"""The latency of one turn, stage by stage: from the caller's last speech to the agent's first audible sample.

The two ends are media time (they are measured in the audio); the marks between are the call's clock, and the line's
share is what is left. Stages add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable


class TurnTrace:
    """Marks of one turn. Each mark counts once: the first token is the first token of the reply."""

    def __init__(self, turn: int, speech_end_ms: int, ended_media_ms: int, now_s: Callable[[], float]) -> None:
        self.turn = turn
        self._now_s = now_s
        self._speech_end_ms = speech_end_ms
        self._ended_media_ms = ended_media_ms
        self._ended_s = now_s()
        self._marks: dict[str, float] = {}

    def mark(self, stage: str) -> None:
        """Stages, in order: "stt" (text accepted), "llm" (first token), "clause" (first whole), "tts" (first audio)."""
        self._marks.setdefault(stage, (self._now_s() - self._ended_s) * 1000)

    def heard(self, media_ms: int) -> dict[str, int]:
        """The answer began to be heard at `media_ms`: all stages, in whole milliseconds."""
        whole = media_ms - self._speech_end_ms
        stages = {"voice_to_voice_ms": whole, "endpointing_ms": self._ended_media_ms - self._speech_end_ms}
        before = 0.0
        for stage in ("stt", "llm", "clause", "tts"):
            at = max(before, self._marks.get(stage, before))
            stages[f"{stage}_ms"] = round(at) - round(before)
            before = at
        stages["line_ms"] = whole - sum(value for name, value in stages.items() if name != "voice_to_voice_ms")
        return stages
