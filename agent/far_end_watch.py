"""FarEndWatch: a machine at the far end of a running call - its words, speech and beep, told once and journaled."""

from __future__ import annotations

from collections.abc import Callable

from agent.audio.beep import Tone
from agent.call_parts import CallParts
from agent.ear import Ear
from agent.open_turn import OpenTurn
from agent.turns.echo import words_are_echo
from agent.turns.far_end import Beep, FarEnd, FarEndEvent, Voicemail


class FarEndWatch:
    """One call's watch on its far end. `on_far_end` is told, once each, that it is a machine, and of its beep."""

    def __init__(self, parts: CallParts, ear: Ear, on_far_end: Callable[[FarEndEvent], None]) -> None:
        self._ear = ear
        self._replies = parts.replies
        self._journal = parts.journal
        self._on_far_end = on_far_end
        self._far_end = FarEnd()
        ear.listen_for_beeps(True)

    def heard(self, turn: OpenTurn, text: str, media_ms: int) -> None:
        """What the far end has said in this turn so far, partial or final ("": nothing new), unless it is our echo."""
        may_echo = bool(text) and (turn.over_agent or turn.echo.began)
        if turn.echo.is_echo or (may_echo and words_are_echo(text, self._replies.at_ear(turn.began_ms).words)):
            return
        if turn.spoke_ms:
            self._tell(self._far_end.speech(turn.began_ms, turn.spoke_ms, turn.over_agent))
        self._tell(self._far_end.words(text, media_ms))

    def tone(self, tone: Tone) -> None:
        """A tone has sounded, and then it was quiet."""
        self._tell(self._far_end.beep(tone))

    def committed(self) -> None:
        """What it has said is going to be answered."""
        self._far_end.said()

    def heard_out(self) -> None:
        """It has heard all that was said to it."""
        self._far_end.heard_out()

    def records_now(self, media_ms: int) -> bool:
        """Whether a message left now would be recorded. Beeps are listened for as long as one may matter."""
        self._ear.listen_for_beeps(self._far_end.listens(media_ms))
        return self._far_end.records_now(media_ms, self._ear.tone_sounds)

    def _tell(self, events: tuple[FarEndEvent, ...]) -> None:
        for event in events:
            match event:
                case Voicemail(_, reason, text):
                    self._journal("far_end.voicemail", reason=reason, text=text)
                case Beep(at, hz, length_ms):
                    self._journal("far_end.beep", at=at, hz=hz, length_ms=length_ms)
            self._on_far_end(event)
