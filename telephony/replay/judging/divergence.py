"""Where a run first says, hears or does something else than what it is held against. Pure.

Turns are matched first; then what belongs to each is compared in the order of time: what was heard, which tools ran,
what was answered, whether that was cut short, what was said unasked (a question repeated, "are you still there?").
A filler while a tool works is not compared: whether it is said is a matter of timing, and it changes nothing.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from itertools import zip_longest

from telephony.replay.judging.outcome import Outcome, Said, ToolRun, Turn
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.sameness import begins_alike, same_text, same_value

SPEECH_SLACK_MS = 300
"""The same speech may lie so far off: shorter than any pause that ends a turn, so neighbours are not taken for one."""

Pair = tuple[Turn | None, Turn | None]


def paired(
    recorded: Sequence[Turn], now: Sequence[Turn], *, speech_slack_ms: int = SPEECH_SLACK_MS, reactive: bool = False
) -> list[Pair]:
    """Which turns are the same one, in the order of time; None where there is no such turn.

    The caller of an open loop speaks when he did, so by the overlap of his speech, `speech_slack_ms` of difference
    allowed; a reactive one does not, so by their order.
    """
    if reactive:
        return list(zip_longest(recorded, now))
    pairs: list[Pair] = []
    i = j = 0
    while i < len(recorded) and j < len(now):
        one, other = recorded[i], now[j]
        (start_ms, end_ms), (other_start_ms, other_end_ms) = _when(one), _when(other)
        if end_ms + speech_slack_ms < other_start_ms:
            pairs.append((one, None))
            i += 1
        elif other_end_ms + speech_slack_ms < start_ms:
            pairs.append((None, other))
            j += 1
        else:
            pairs.append((one, other))
            i, j = i + 1, j + 1
    return [*pairs, *((one, None) for one in recorded[i:]), *((None, other) for other in now[j:])]


def first_divergence(
    recorded: Outcome, now: Outcome, *, speech_slack_ms: int = SPEECH_SLACK_MS, reactive: bool = False
) -> Divergence | None:
    """The first difference; None if there is none. Its turn is numbered as in `now`, its time is media time of `now`.

    Where `now` lacks a turn ("missing"), it has the number that would have followed.
    """
    slots, slots_now = slots_of(recorded), slots_of(now)
    found = _in_replies(0, 0, slots[0], slots_now[0])
    number = 0
    for one, other in paired(recorded.turns, now.turns, speech_slack_ms=speech_slack_ms, reactive=reactive):
        if found is not None:
            return found
        if one is None or other is None:
            return _missing(number, one, other, recorded, now)
        number = other.number
        if not same_text(one.text, other.text):
            return Divergence(number, other.committed_ms, "heard", one.text, other.text)
        slot, other_slot = slots[one.number], slots_now[other.number]
        found = _in_tools(number, other.committed_ms, slot, other_slot)
        found = found or _in_replies(number, other.committed_ms, slot, other_slot)
    if found is None and recorded.ended_by and now.ended_by and _ender(recorded) != _ender(now):
        found = Divergence(number, now.duration_ms, "ended", recorded.ended_by, now.ended_by)
    return found


def scored_turns(run: Run) -> int:
    """The number of the last turn of the run that can be scored; those after it are shown, not scored.

    The turn of the first divergence is one of them: its caller still spoke to the agent of the record. Of a "missing"
    turn there is nothing to score.
    """
    return scored_until(run.diverged, run.outcome)


def scored_until(diverged: Divergence | None, now: Outcome) -> int:
    """As `scored_turns`, for an outcome and where it diverged."""
    if diverged is None:
        return max((turn.number for turn in now.turns), default=0)
    return diverged.turn - (diverged.what == "missing")


def told(run: ToolRun) -> str:
    """A tool call in one line."""
    return f"{run.name}({json.dumps(dict(run.arguments), ensure_ascii=False, sort_keys=True, default=str)})"


class Slot:
    """What belongs to one turn (number 0: to none yet): its tools, its answer, and what was said unasked after it."""

    def __init__(self, outcome: Outcome, said: Sequence[Said], tools: Sequence[ToolRun], *, last: bool) -> None:
        self.tools = tools
        self.answer = [one for one in said if not one.aside]
        answered_ms = max((one.start_ms for one in self.answer), default=-1)
        self.unasked = [one for one in said if one.aside and one.start_ms > answered_ms and one.text]
        self.reply = " ".join(one.text for one in self.answer if one.text)
        self.cut = not self.answer[-1].complete if self.answer else last  # the call's end cuts short, too
        barged_in = any(at_ms > answered_ms for at_ms in outcome.barge_ins_ms)
        self.interrupted = bool(self.answer) and self.cut and (barged_in or not last)

    def at_ms(self, otherwise_ms: int) -> int:
        return next((one.start_ms for one in self.answer if one.text), otherwise_ms)


def slots_of(outcome: Outcome) -> dict[int, Slot]:
    """By the turn's number. What belongs to a rejected turn belongs to the one before it."""
    numbers = [0, *sorted(turn.number for turn in outcome.turns)]
    said: list[list[Said]] = [[] for _ in numbers]
    tools: list[list[ToolRun]] = [[] for _ in numbers]
    for one in outcome.said:
        said[max(0, bisect_right(numbers, one.turn) - 1)].append(one)
    for run in outcome.tools:
        tools[max(0, bisect_right(numbers, run.turn) - 1)].append(run)
    last = numbers[-1]
    return {
        number: Slot(outcome, said[place], tools[place], last=number == last) for place, number in enumerate(numbers)
    }


def same_tools(one: Slot, other: Slot) -> bool:
    """The same tools in the same order, with the same arguments."""
    return len(one.tools) == len(other.tools) and all(map(_same_call, one.tools, other.tools))


def same_reply(one: Slot, other: Slot) -> bool:
    """The same answer, as far as both were heard."""
    return (begins_alike if one.cut or other.cut else same_text)(one.reply, other.reply)


def _in_tools(number: int, at_ms: int, one: Slot, other: Slot) -> Divergence | None:
    for recorded, now in zip_longest(one.tools, other.tools):
        if recorded is None or now is None or not _same_call(recorded, now):
            at_ms = now.at_ms if now is not None else at_ms
            return Divergence(number, at_ms, "tool", told(recorded) if recorded else "", told(now) if now else "")
    return None


def _same_call(one: ToolRun, other: ToolRun) -> bool:
    return one.name == other.name and same_value(one.arguments, other.arguments)


def _in_replies(number: int, at_ms: int, one: Slot, other: Slot) -> Divergence | None:
    if not same_reply(one, other):
        return Divergence(number, other.at_ms(at_ms), "answered", one.reply, other.reply)
    if one.interrupted != other.interrupted and not (_hardly_heard(one, other) or _hardly_heard(other, one)):
        words = ["heard out", "interrupted"]
        at_ms = other.answer[-1].end_ms if other.answer else at_ms
        return Divergence(number, at_ms, "interrupted", words[one.interrupted], words[other.interrupted])
    for recorded, now in zip_longest(one.unasked, other.unasked):
        if recorded is None or now is None or not begins_alike(recorded.text, now.text):
            at_ms = now.start_ms if now else max(at_ms, recorded.start_ms if recorded else 0)
            return Divergence(number, at_ms, "answered", recorded.text if recorded else "", now.text if now else "")
    return None


def _hardly_heard(one: Slot, other: Slot) -> bool:
    """Of one nothing was heard, and of the other no more than a part: whether it was begun, a frame decides."""
    return not one.reply and (other.cut or not other.reply)


def _missing(number: int, one: Turn | None, other: Turn | None, recorded: Outcome, now: Outcome) -> Divergence:
    """A turn that only one of them has: its call was over by then, or nothing was understood there."""
    ended = Divergence(number, now.duration_ms, "ended", recorded.ended_by, now.ended_by)
    if other is None:
        start_ms = _when(one)[0] if one else 0
        missing = Divergence(number + 1, start_ms, "missing", one.text if one else "", "")
        return ended if start_ms >= now.duration_ms else missing
    start_ms = _when(other)[0]
    return ended if start_ms >= recorded.duration_ms else Divergence(other.number, start_ms, "missing", "", other.text)


def _when(turn: Turn) -> tuple[int, int]:
    end_ms = turn.start_ms if turn.speech_end_ms is None else turn.speech_end_ms
    return turn.start_ms, max(turn.start_ms, end_ms)


def _ender(outcome: Outcome) -> str:
    """Who ended it: how the caller's side went (hung up, line cut) is not the agent's doing."""
    return "caller" if outcome.ended_by.startswith("caller: ") else outcome.ended_by
