"""What a sandbox call was like: measured in the audio, at the caller's ear, and read in the TwiML. JSON-able."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from telephony.media_stream.carrier import LONGEST_HOLE_MS, Gap
from telephony.sandbox.dial import Dialled
from telephony.sandbox.ear import Ear
from telephony.sandbox.talker import Spoken


@dataclass(frozen=True, slots=True)
class SpokenReport:
    """One thing the caller said or keyed, and what came of it. Times are call time."""

    text: str
    by: str
    speech_start_ms: int
    speech_end_ms: int
    """The end of the last speech sample (not of the recording) or of the last key."""
    answer_ms: int | None
    """The agent's first audible sample in answer."""
    voice_to_voice_ms: int | None
    """`answer_ms` - `speech_end_ms`; below zero when the agent spoke before the caller had finished."""
    interrupted: bool = False
    barge_in_stop_ms: int | None = None
    """Where it interrupted: from the caller's first speech sample to the last the caller heard of the agent."""
    talked_over: bool = False
    """The agent began to speak while the caller spoke."""
    expects_answer: bool = True


@dataclass(frozen=True, slots=True)
class EarReport:
    """The audio as the caller heard it."""

    heard_ms: int
    late_ms: int
    """Silence within an answer, because audio came too late: gaps of up to a second while the caller said nothing."""
    late_share: float
    """`late_ms` in proportion to all that was or should have been heard then."""
    worst_gap_ms: int
    gaps: int


@dataclass(frozen=True, slots=True)
class PacingReport:
    """How late our own frames were. If this is bad, the figures above tell of this machine, not of the agent."""

    frames: int
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing that was said outside the streams, or done: by the agent's TwiML, the caller, or Twilio itself."""

    at_ms: int
    """Since the call began; waits are shortened (SandboxCall's `time_factor`)."""
    who: str
    """agent, caller, or twilio."""
    by: str
    """Of the agent: say, play, digits, stream, dial. Of the caller: speech, keys. Of Twilio: notice (a trial's)."""
    text: str
    heard: bool = True
    """Of the caller: a <Gather> took it."""
    interrupted: bool = False
    """Of the agent: the caller spoke over it."""
    expects_answer: bool = True


@dataclass(slots=True)
class CallReport:
    """One call, for people and for programs (`as_dict` is JSON-able)."""

    call_sid: str
    to: str
    script: str
    started_at: str
    faults: str = ""
    """The pattern, or file, of what goes wrong on purpose."""
    duration_ms: int = 0
    ended_by: str = ""
    """"agent hung up", "caller hung up", "caller dropped", "rejected", or the error: "error 11200: …", "error: …"."""
    served: bool = False
    """The agent was heard, answered everything that asked for an answer, and the call ended cleanly: as far as the ear
    can tell. Whether the words were understood is in the service's record (telephony/sandbox/understood.py)."""
    greeting_ms: int | None = None
    """Call time of the agent's first audible sample in a stream."""
    spoken: list[SpokenReport] = field(default_factory=list)
    ear: EarReport = field(default_factory=lambda: EarReport(0, 0, 0.0, 0, 0))
    pacing: PacingReport = field(default_factory=lambda: PacingReport(0, 0.0, 0.0))
    conversation: list[Utterance] = field(default_factory=list)
    """What was said and done outside the streams, in order; a stream is one entry of it."""
    streams: int = 0
    stream_starts_ms: list[int] = field(default_factory=list)
    """Call time at which each stream began."""
    gathers: int = 0
    hops: int = 0
    """Redirects and actions followed: the documents behind the first, but for the fallback URL's."""
    fallbacks: int = 0
    """How often the fallback URL saved the call."""
    max_answer_ms: int = 0
    """The longest that a document was waited for, connecting included."""
    twiml: list[str] = field(default_factory=list)
    """Every verb followed, in order."""
    dialled: list[Dialled] = field(default_factory=list)
    digits_played: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What Twilio's debugger would show, and what else was odd."""
    errors: list[str] = field(default_factory=list)
    error_codes: list[int] = field(default_factory=list)
    """Twilio's codes of the errors and warnings."""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def spoken_reports(spoken: Sequence[Spoken], ear: Ear) -> list[SpokenReport]:
    """Match what the caller said with what was heard of the agent."""
    reports = []
    for number, said in enumerate(spoken):
        start, end = said.speech_start_ms, said.speech_end_ms
        until = spoken[number + 1].speech_start_ms if number + 1 < len(spoken) else None
        answer = ear.answer(start, end, until)
        stopped = None
        if said.interrupted:
            over = next((burst for burst in reversed(ear.bursts) if burst.start_ms <= start), None)
            stopped = max(0, round(over.end_ms - start)) if over is not None else 0
        reports.append(
            SpokenReport(
                text=said.text,
                by=said.by,
                speech_start_ms=round(start),
                speech_end_ms=round(end),
                answer_ms=round(answer.start_ms) if answer else None,
                voice_to_voice_ms=round(answer.start_ms - end) if answer else None,
                interrupted=said.interrupted,
                barge_in_stop_ms=stopped,
                talked_over=any(start < burst.start_ms < end for burst in ear.bursts),
                expects_answer=said.expects_answer,
            )
        )
    return reports


def ear_report(gaps: Sequence[Gap], heard_ms: float, spoken: Sequence[Spoken]) -> EarReport:
    """Late audio: gaps of up to LONGEST_HOLE_MS in which the caller was silent too (else a new answer followed)."""
    late = [
        gap.gap_ms
        for gap in gaps
        if gap.gap_ms <= LONGEST_HOLE_MS
        and not any(s.speech_start_ms < gap.at_ms + gap.gap_ms and s.speech_end_ms > gap.at_ms for s in spoken)
    ]
    total = heard_ms + sum(late)
    return EarReport(
        heard_ms=round(heard_ms),
        late_ms=round(sum(late)),
        late_share=round(sum(late) / total, 6) if total else 0.0,
        worst_gap_ms=round(max(late, default=0)),
        gaps=len(late),
    )


def pacing_report(lateness_ms: Sequence[float]) -> PacingReport:
    """The 99th percentile (nearest rank) and the worst."""
    if not lateness_ms:
        return PacingReport(0, 0.0, 0.0)
    ordered = sorted(lateness_ms)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return PacingReport(len(ordered), round(p99, 2), round(ordered[-1], 2))


def served(report: CallReport) -> bool:
    """Whether the caller got what a caller may expect."""
    answered = all(said.answer_ms is not None for said in report.spoken if said.expects_answer)
    clean = report.ended_by in ("agent hung up", "caller hung up", "caller dropped") and not report.errors
    heard = report.greeting_ms is not None or (report.gathers > 0 and _answers(report.conversation))
    return heard and answered and clean and _all_answered(report.conversation)


def _answers(conversation: Sequence[Utterance]) -> bool:
    """Whether the agent says or does anything in it."""
    return any(one.who == "agent" for one in conversation)


def _all_answered(conversation: Sequence[Utterance]) -> bool:
    """Whether all that the caller said or keyed was taken, and something came of it before the caller's next words."""
    turns = [number for number, one in enumerate(conversation) if one.who == "caller"]
    return all(
        conversation[turn].heard
        and (_answers(conversation[turn + 1 : following]) or not conversation[turn].expects_answer)
        for turn, following in pairwise([*turns, len(conversation)])
    )
