"""From calls that were held to figures: one function for each measure. Pure; results are plain data, for JSON too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from agent.summary import percentile
from telephony.bench.turns.items import Item
from telephony.bench.turns.over_talk import (
    Backchannel,
    HeardWords,
    Interrupted,
    backchannel,
    heard_words,
    interrupted,
    resumed_in_time,
    words_in_history,
    words_played,
)
from telephony.bench.turns.run import CallRun
from telephony.bench.turns.tallies import Tally, tally
from telephony.bench.turns.turn_ends import TurnEnd, turn_end

Figures = dict[str, Any]
#: So many examples of each loss are shown.
MOST_EXAMPLES = 12
CORE = ("digits", "spelled")
"""The kinds of slot that the targets speak of: what people read out in pieces."""


def turn_ends(runs: Iterable[CallRun]) -> list[TurnEnd]:
    """What became of each item that was played in calls of answers."""
    return [turn_end(*each, run.events) for run in runs for each in played_items(run)]


def played_items(run: CallRun) -> Iterator[tuple[Item, int, int]]:
    """(item, start_ms, when the next began) of each item that was played."""
    played = run.heard.played
    ends = [each.start_ms for each in played[1:]] + [run.lasted_ms + 1]
    for each, until_ms in zip(played, ends, strict=False):  # where nothing was played there is one end too many
        item = run.plan.acts[each.act].item
        if item is not None:
            yield item, each.start_ms, until_ms


def planned(runs: Iterable[CallRun]) -> int:
    """How many items were to be played: what was measured is to be as many."""
    return sum(act.item is not None for run in runs for act in run.plan.acts)


def answers(runs: Sequence[CallRun]) -> Figures:
    """False cutoffs and delays, in all and by kind and shape; the causes of losses; examples of cutoffs."""
    ends = turn_ends(runs)
    kinds = sorted({end.item.kind for end in ends})
    shapes = sorted({(end.item.kind, end.item.shape) for end in ends})
    lost = [end for end in ends if end.cause]
    core = [end for end in ends if end.item.kind in CORE]
    return {
        "planned": planned(runs),
        "all": figures_of(tally(ends)),
        "kinds": {kind: figures_of(tally([end for end in ends if end.item.kind == kind])) for kind in kinds},
        "shapes": {
            f"{kind} {shape}".strip(): figures_of(
                tally([e for e in ends if (e.item.kind, e.item.shape) == (kind, shape)])
            )
            for kind, shape in shapes
        },
        "examples": [_example(end) for end in lost[:MOST_EXAMPLES]],
        **({"core": figures_of(tally(core))} if core else {}),
        "asked_anew": sum(len(run.heard.asked_anew) for run in runs),
        **broken(runs),
    }


def figures_of(figures: Tally) -> Figures:
    """A tally as plain data; delays in ms from the last speech sample."""
    told: Figures = {
        "items": figures.items,
        "cut": figures.cut,
        "cut_share": round(figures.cut_share, 4),
        "pauses": figures.pauses,
        "pauses_cut": figures.pauses_cut,
        "pauses_cut_share": round(figures.pauses_cut_share, 4),
        "mean_ended_ms": round(figures.mean_ms),
    }
    for percent in (50, 90, 95):
        told[f"ended_p{percent}_ms"] = figures.ended(percent)
        told[f"committed_p{percent}_ms"] = figures.committed(percent)
    ended = len(figures.ended_ms)
    told |= {"ended": ended, "not_ended": figures.not_ended, "understood": figures.understood}
    told |= {"whole": figures.whole}
    told["probable_p50_ms"] = percentile(figures.probable_ms, 50)
    counts = {"causes": figures.causes, "reasons": figures.reasons, "cut_reasons": figures.cut_reasons}
    return told | {name: dict(counted) for name, counted in counts.items()}


def _example(end: TurnEnd) -> Figures:
    told = {"item": end.item.name, "said": end.item.text, "heard": end.text, "cause": end.cause, "reason": end.reason}
    return told | ({"cut_after_words": end.cut_after} if end.cut else {})


def stops(runs: Sequence[CallRun]) -> Figures:
    """Stop times of real interruptions, and those that were missed or taken for nothing."""
    found: list[Interrupted] = []
    for run in runs:
        for item, start_ms, until_ms in played_items(run):
            first, last = start_ms + item.first_sample_ms, start_ms + item.last_sample_ms
            found.append(interrupted(first, last, until_ms, run.heard.stops, run.events))
    times = [round(each.stop_ms) for each in found if each.stop_ms is not None]
    return {
        "planned": planned(runs),
        "interruptions": len(found),
        "stopped": len(times),
        "missed": sum(each.stop_ms is None for each in found),
        "kept_on": sum(each.kept_on for each in found),
        "not_committed": sum(not each.committed for each in found),
        **{f"stop_p{percent}_ms": percentile(times, percent) for percent in (50, 90, 95)},
        "stop_max_ms": max(times, default=None),
        **broken(runs),
    }


def false_stops(runs: Sequence[CallRun]) -> Figures:
    """Stops while nobody spoke: how often, whether speech was resumed in time, and replies that were given up; by
    background."""
    return {
        "all": _false_stops(runs),
        "backgrounds": {run.plan.name: _false_stops([run]) for run in runs},
        **broken(runs),
    }


def _false_stops(runs: Sequence[CallRun]) -> Figures:
    all_stops = [stop for run in runs for stop in run.heard.stops]
    minutes = sum(run.heard.audible_ms for run in runs) / 60_000
    resumed = [round(stop.resumed_ms - stop.at_ms) for stop in all_stops if stop.resumed_ms is not None]
    abandoned = sum(_abandoned(run) for run in runs)
    return {
        "agent_minutes": round(minutes, 2),
        "stops": len(all_stops),
        "stops_a_minute": round(len(all_stops) / minutes, 3) if minutes else 0.0,
        "resumed_in_time": sum(map(resumed_in_time, all_stops)),
        "resumed_p95_ms": percentile(resumed, 95),
        "abandoned": abandoned,
        "abandoned_in_10_minutes": round(10 * abandoned / minutes, 3) if minutes else 0.0,
        "turns": sum(event.get("source") == "voice" for run in runs for event in run.of("turn.committed")),
    }


def _abandoned(run: CallRun) -> int:
    """Replies that the caller did not hear to their end: of marked words by the carrier's record, else as the journal
    has it."""
    if run.plan.voice != "bench":
        told = run.of("agent.heard")
        if told and told[-1]["utterance"] not in {event["utterance"] for event in run.of("barge_in")}:
            told = told[:-1]  # still being said when the caller hung up, or whole
        complete = {event["turn"]: bool(event.get("complete")) for event in told}
        return sum(not heard for turn, heard in complete.items() if turn)
    played = set(words_played(run.heard.pieces))
    return sum(reply[-1] not in played for reply in run.replies)


def backchannels(runs: Sequence[CallRun]) -> Figures:
    """Whether the agent went on after each, and whether the history holds each reply whole, once."""
    found: list[Backchannel] = []
    whole = replies = 0
    for run in runs:
        for item, start_ms, until_ms in played_items(run):
            found.append(backchannel(start_ms + item.first_sample_ms, until_ms, run.heard.stops, run.events))
        history = words_in_history(run.events)
        told = [[number for number in history if number in reply] for reply in run.replies]
        replies += len(told)
        whole += sum(numbers == list(reply) for numbers, reply in zip(told, run.replies, strict=True))
    return {
        "planned": planned(runs),
        "backchannels": len(found),
        "stopped": sum(each.stopped for each in found),
        "answered": sum(each.answered for each in found),
        "resumed": sum(each.good for each in found),
        "resumed_share": round(sum(each.good for each in found) / len(found), 4) if found else 0.0,
        "replies": replies,
        "replies_whole_in_history": whole,
        **broken(runs),
    }


def heard(runs: Sequence[CallRun]) -> Figures:
    """The history's words of each interrupted reply against what the carrier played to its end."""
    found: list[HeardWords] = []
    for run in runs:
        found += heard_words(run.replies, words_played(run.heard.pieces), words_in_history(run.events))
    off = [abs(each.off) for each in found]
    return {
        "replies": len(found),
        "off_by_none": sum(words == 0 for words in off),
        "off_by_one": sum(words == 1 for words in off),
        "off_by_more": sum(words > 1 for words in off),
        "off_max": max(off, default=0),
        "too_many": sum(each.off > 0 for each in found),
        "too_few": sum(each.off < 0 for each in found),
        "words_twice": sum(each.twice for each in found),
        **broken(runs),
    }


def broken(runs: Iterable[CallRun]) -> Figures:
    """Calls that did not go to their end, and what the journals call errors: a bench must not hide them."""
    runs = list(runs)
    errors = sorted({str(event.get("message", ""))[:200] for run in runs for event in run.of("error")})
    return {"broken": [f"{run.plan.name}: {run.why}" for run in runs if run.why], "errors": errors}
