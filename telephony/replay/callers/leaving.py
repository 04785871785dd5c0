"""When a replayed caller leaves, once there is nothing more to say. Pure: asked with the time."""

from __future__ import annotations

from telephony.replay.callers.agent_ear import AgentEar
from telephony.replay.recorded import Recorded

AGENT_LEAVES_MS = 10_000
"""In the record the agent ended the call: the caller stays until the agent has been silent for so long."""
ANSWER_MS = 8_000
"""After a plain recording: so long the caller waits for an answer to begin; longer than an agent's own patience."""
ANSWERED_MS = 1_000
"""So much silence after an answer, and the caller takes it to be over."""
LONGEST_MS = 60_000
"""An agent that never stops speaking is not listened to for ever."""


def way_out(recorded: Recorded) -> str | None:
    """How the recorded caller left, as a Caller says it; None: the caller did not, or the source does not tell.

    Where a journal stops without an end, the service died: the line breaks there, for nothing is known of what came.
    """
    if recorded.has_journal and not recorded.ended_by:
        return "drop"
    if not recorded.ended_by.startswith("caller"):
        return None
    return "hang up" if recorded.ended_by == "caller: stop" else "drop"


class Leaving:
    """Whether a caller who has nothing more to say goes now."""

    def __init__(self, recorded: Recorded, ear: AgentEar) -> None:
        self._agent_leaves = recorded.has_journal
        self._ear = ear

    def due(self, now_ms: float, silent_since_ms: float, speech_end_ms: float) -> bool:
        """`silent_since_ms`: where what the caller had to say ended; `speech_end_ms`: the last speech in it.

        Where the agent ended the recorded call, it is given AGENT_LEAVES_MS of its own silence to do so again. After a
        plain recording the caller goes when the agent has answered the last speech, or has not within ANSWER_MS.
        """
        waited_ms = now_ms - silent_since_ms
        quiet_ms = min(waited_ms, self._ear.quiet_ms(now_ms))
        if waited_ms >= LONGEST_MS:
            return True
        if self._agent_leaves:
            return quiet_ms >= AGENT_LEAVES_MS
        heard_ms = self._ear.last_audible_ms
        answered = heard_ms is not None and heard_ms > speech_end_ms
        return now_ms - (heard_ms or 0.0) >= ANSWERED_MS if answered else waited_ms >= ANSWER_MS
