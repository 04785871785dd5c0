"""What a service understood of a sandbox call, by the record it kept of it; and so, whether the caller was served.

The sandbox's caller has an ear and no more: "Sorry, I did not catch that" is an answer to it. What was understood
stands in the service's own record of the call (its turns), where that is on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agent.errors import LocalError
from agent.recording.folder import SUMMARY, folder_name
from telephony.call_folders import show_call
from telephony.sandbox.report import CallReport

RECORD_WAIT_S = 2.0
"""The record is whole when its service has closed the call: a moment after the caller has hung up."""
LOOK_EVERY_S = 0.05

SERVED, ANSWERED, NOT_SERVED = "served", "answered", "not served"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation. `by` and `remark` as for people: "keys", "not understood"; mostly empty."""

    who: str
    text: str
    by: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call. `understood` is None where the service's record is not to be had."""

    verdict: str
    """SERVED, ANSWERED (and what was understood is not known) or NOT_SERVED."""
    told: str
    """The verdict for people, with its reason."""
    said: int
    """What the caller said or keyed, as far as it could have an answer."""
    understood: int | None
    spoken: tuple[bool | None, ...]
    """Of each entry of the report's `spoken`: whether it was understood."""
    transcript: tuple[Line, ...]

    def as_dict(self, report: CallReport) -> dict[str, Any]:
        """The report with this outcome, as plain JSON values. `served` is null where it is not known."""
        told = report.as_dict()
        told["answered"] = report.served
        told["served"] = None if self.verdict == ANSWERED else self.verdict == SERVED
        told |= {"verdict": self.verdict, "said": self.said, "understood": self.understood}
        for said, understood in zip(told["spoken"], self.spoken, strict=True):
            said["understood"] = understood
        return told | {"transcript": [asdict(line) for line in self.transcript]}


async def find_records(calls_dir: Path, report: CallReport, wait_s: float) -> list[dict[str, Any]]:
    """The summaries (agent/summary.py) of all streams of the call, or of its turns by <Gather>, oldest first.

    Waits up to `wait_s` until they are whole. Empty if none is kept, or kept elsewhere.
    """
    expected = max(1, report.streams)
    deadline_s = asyncio.get_running_loop().time() + wait_s
    while True:
        folders = _folders(calls_dir, report.call_sid)
        whole = len(folders) >= expected and (folders[-1] / SUMMARY).is_file()
        if whole or asyncio.get_running_loop().time() >= deadline_s:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    records = []
    for folder in folders:
        try:
            records.append(show_call(calls_dir, folder.name))
        except LocalError:
            continue  # a folder without a journal: the call had hardly begun, or another hand removed it
    return records


def judge(report: CallReport, records: Sequence[dict[str, Any]]) -> Outcome:
    """What came of the call, by the caller's ear and the service's records of it."""
    callers = [one for one in report.conversation if one.who == "caller"]
    said = sum(one.expects_answer for one in report.spoken) + sum(one.expects_answer for one in callers)
    streams = [record for record in records if record.get("line") != "gather"]
    turn_by_turn = [record for record in records if record.get("line") == "gather"]
    known = (not report.spoken or bool(streams)) and (not callers or bool(turn_by_turn))
    in_streams = _understood(report, streams) if streams else [None] * len(report.spoken)
    turns = sum(len(record["turns"]) for record in turn_by_turn)
    understood: int | None = None
    if known:
        heard = sum(one.expects_answer and one.heard for one in callers)
        in_time = sum(bool(one) for one, what in zip(in_streams, report.spoken, strict=True) if what.expects_answer)
        understood = in_time + min(turns, heard)
    verdict, told = _verdict(report, bool(report.spoken or callers), said, understood)
    return Outcome(verdict, told, said, understood, tuple(in_streams), _transcript(report, streams, in_streams))


def _verdict(report: CallReport, anything: bool, said: int, understood: int | None) -> tuple[str, str]:
    if not anything and not report.errors:
        return NOT_SERVED, "nobody said anything: no caller was served"
    if understood is not None and understood < said:
        return NOT_SERVED, f"the caller was NOT served: {understood} of {said} things that were said were understood"
    if not report.served:
        return NOT_SERVED, "the caller was NOT served"
    if understood is None:
        return ANSWERED, "the caller was answered (what was understood is not known here)"
    return SERVED, "all that was said was understood and answered; the caller was served"


def _folders(calls_dir: Path, call_sid: str) -> list[Path]:
    """Those of the call's streams, in order: NAME, NAME-2, …"""
    folders: list[Path] = []
    while (folder := calls_dir / folder_name(call_sid, len(folders) + 1)).is_dir():
        folders.append(folder)
    return folders


def _understood(report: CallReport, records: Sequence[dict[str, Any]]) -> list[bool | None]:
    """Of each thing spoken: whether a turn of its own was understood. A turn belongs to what was said last before its
    end (of the speech, or of the keys)."""
    found: list[bool | None] = [False] * len(report.spoken)
    for offset_ms, record in zip(report.stream_starts_ms, records, strict=False):
        for turn in record["turns"]:
            end_ms = turn.get("end_ms") if turn.get("end_ms") is not None else turn.get("committed_ms")
            if end_ms is None:
                continue
            before = [n for n, said in enumerate(report.spoken) if said.speech_start_ms <= offset_ms + end_ms]
            if before:
                found[before[-1]] = True
    return found


def _transcript(
    report: CallReport, records: Sequence[dict[str, Any]], understood: Sequence[bool | None]
) -> tuple[Line, ...]:
    """The conversation in and outside the streams, in order. A stream without a record has no lines."""
    streams = _stream_lines(report, records, understood)
    lines: list[Line] = []
    for one in report.conversation:
        if one.by == "stream" and one.text == "":
            lines += streams.pop(0) if streams else []
            continue
        remark = "interrupted" if one.interrupted else "" if one.heard else "not heard"
        lines.append(Line(one.who, one.text, "" if one.by in ("say", "speech") else one.by, remark))
    return tuple(lines)


def _stream_lines(
    report: CallReport, records: Sequence[dict[str, Any]], understood: Sequence[bool | None]
) -> list[list[Line]]:
    """Each recorded stream's transcript, and in it what the caller said and nobody understood."""
    starts_ms = report.stream_starts_ms
    streams = []
    for number, (offset_ms, record) in enumerate(zip(starts_ms, records, strict=False)):
        end_ms = starts_ms[number + 1] if number + 1 < len(starts_ms) else float("inf")
        timed = [(offset_ms + line["start_ms"], _recorded(line)) for line in record["transcript"] if line.get("text")]
        for said, is_understood in zip(report.spoken, understood, strict=True):
            if is_understood is False and offset_ms <= said.speech_start_ms < end_ms:
                line = Line("caller", said.text, "" if said.by == "voice" else said.by, "not understood")
                timed.append((said.speech_start_ms, line))
        streams.append([line for _, line in sorted(timed, key=lambda entry: entry[0])])
    return streams


def _recorded(line: dict[str, Any]) -> Line:
    recorded = Line(str(line.get("who", "")), str(line.get("text", "")))
    return recorded if line.get("complete", True) else replace(recorded, remark="cut off")
