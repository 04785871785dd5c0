"""Machines at the far end against people, who answer a call at once: the calls, and their figures. Pure.

The shipped settings, through the real audio path; what the agent took the far end for stands in the journal
(`far_end.voicemail`, `far_end.beep`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from agent.summary import percentile
from telephony.bench.turns.course import Act
from telephony.bench.turns.items import BYTES_PER_MS, RATE_HZ, Background, Item
from telephony.bench.turns.measures import Figures, broken, planned
from telephony.bench.turns.plans import bed, speech_dbfs
from telephony.bench.turns.run import CallPlan, CallRun

#: The far end begins so long after the call: it was ringing before.
ANSWERED_MS = 300
#: A machine's beep: so long after its last word, of these pitches in turn, this long, at this level. Then it records.
BEEP_AFTER_MS, BEEP_MS, RECORDS_MS = 600, 400, 1500
BEEPS_HZ = (1000, 1400, 850, 440)
BEEP_DBFS = -17.0
#: What the agent says to whoever answers: a machine talks on over it.
SAYS = "This is the parcel desk. We have a question about your order. Is this a good moment for you?"
#: The shapes of an item with a beep behind it.
BEEP = "beep"
GROUPS = {
    "greetings, with a beep": True,
    "greetings, no beep": True,
    "greetings, with a beep, words not understood": True,
    "recorded prompts": True,
    "recorded prompts, with a beep, words not understood": True,
    "people who answer": False,
    "people with music, tones, noise behind them": False,
    "recorded callers": False,
}
"""Each: whether it is a machine. Most recorded prompts are lines of menus and mailboxes that nobody is greeted with:
by its words alone hardly one of them tells a machine."""


def with_beep(item: Item, hz: float) -> Item:
    """The same, then quiet, a beep, and quiet."""
    at = np.arange(BEEP_MS * RATE_HZ // 1000) / RATE_HZ
    tone = 32768 * np.sqrt(2) * 10 ** (BEEP_DBFS / 20) * np.sin(2 * np.pi * hz * at)
    spoken = item.pcm[: item.last_sample_ms * BYTES_PER_MS]
    pcm = b"".join((spoken, _quiet(BEEP_AFTER_MS), tone.astype("<i2").tobytes(), _quiet(RECORDS_MS)))
    return replace(item, name=f"{item.name}-{BEEP}", pcm=pcm, shape=BEEP)


def _quiet(ms: int) -> bytes:
    return bytes(ms * BYTES_PER_MS)


def far_end_plans(
    greetings: Sequence[Item],
    answered: Sequence[Item],
    prompts: Sequence[Item],
    callers: Sequence[Item],
    sounds: Sequence[Background],
    seed: int = 1,
) -> list[CallPlan]:
    """A call for each item of each group; `callers`: recorded people, `sounds`: what may lie on a person's line."""
    beeps = [with_beep(item, BEEPS_HZ[at % len(BEEPS_HZ)]) for at, item in enumerate(greetings)]
    prompt_beeps = [with_beep(item, BEEPS_HZ[at % len(BEEPS_HZ)]) for at, item in enumerate(prompts)]
    groups = dict(
        zip(
            GROUPS,
            (beeps, greetings, _wordless(beeps), prompts, _wordless(prompt_beeps), answered, (), callers),
            strict=True,
        )
    )
    plans = [_plan(group, item, b"", seed + at) for group, items in groups.items() for at, item in enumerate(items)]
    for at, sound in enumerate(sounds if answered else ()):
        item = answered[at % len(answered)]
        noise = bed(sound, speech_dbfs([item]) - 10.0)
        plans.append(_plan("people with music, tones, noise behind them", item, noise, seed + at, sound.name))
    return plans


def _wordless(items: Iterable[Item]) -> list[Item]:
    """As heard by a recogniser that listens for what its agent asks: no word of them is understood."""
    return [replace(item, words=()) for item in items]


def _plan(group: str, item: Item, noise: bytes, seed: int, behind: str = "") -> CallPlan:
    act = Act(item, says=SAYS, when="at once", wait_ms=ANSWERED_MS, same_reply=True)
    name = f"{item.name} {behind}".strip()
    return CallPlan(name, (act,), noise, seed=seed, tag=group)


def far_end(runs: Sequence[CallRun]) -> Figures:
    """Who was taken for a machine, after how long, and whose beep was told; by group."""
    groups = {group: [run for run in runs if run.plan.tag == group] for group in GROUPS}
    return {
        "planned": planned(runs),
        "groups": {group: _figures(group, theirs) for group, theirs in groups.items() if theirs},
        **broken(runs),
    }


def _figures(group: str, runs: Sequence[CallRun]) -> Figures:
    played = [run for run in runs if run.heard.played]
    told = [run for run in played if run.of("far_end.voicemail")]
    beeped = [run for run in played if run.of("far_end.beep")]
    decided = [round(run.of("far_end.voicemail")[0]["media_ms"] - _first_ms(run)) for run in told]
    after = [round(run.of("far_end.beep")[0]["media_ms"] - end_ms) for run in beeped if (end_ms := _beep_ms(run))]
    counts: dict[str, int] = {}
    for run in told:
        reason = str(run.of("far_end.voicemail")[0].get("reason", ""))
        counts[reason] = counts.get(reason, 0) + 1
    return {
        "calls": len(played),
        "machine": GROUPS[group],
        "told": len(told),
        "reasons": counts,
        "decided_p50_ms": percentile(decided, 50),
        "decided_p95_ms": percentile(decided, 95),
        "beeps": sum(_beep_ms(run) is not None for run in played),
        "beeps_told": len(beeped),
        "beep_told_after_p50_ms": percentile(after, 50),
        "wrong": [run.plan.name for run in played if bool(run.of("far_end.voicemail")) != GROUPS[group]],
    }


def _item(run: CallRun) -> Item:
    item = run.plan.acts[0].item
    assert item is not None  # every plan of this measure has one
    return item


def _first_ms(run: CallRun) -> int:
    return run.heard.played[0].start_ms + _item(run).first_sample_ms


def _beep_ms(run: CallRun) -> int | None:
    """Where the beep that was played ended, in media time."""
    item = _item(run)
    return run.heard.played[0].start_ms + item.duration_ms - RECORDS_MS if item.shape == BEEP else None
