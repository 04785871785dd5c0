"""Double talk: the caller speaks while the agent's own voice comes back. The calls, and what became of each. Pure.

Two kinds: recorded sessions, in which the agent says what was played then; and callers of the bench who speak over an
agent whose voice comes back by the echo paths of the measure "echo".
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from agent.summary import percentile
from telephony.bench.turns.course import Act
from telephony.bench.turns.echo import EchoSetting
from telephony.bench.turns.items import BYTES_PER_MS, EchoItem, Item, Word
from telephony.bench.turns.measures import Figures, broken, planned, played_items
from telephony.bench.turns.over_talk import MISSED_MS, Interrupted, interrupted, resumed_in_time
from telephony.bench.turns.plans import ECHO_SETTINGS, INTERRUPT_MS, SENTENCE_MS
from telephony.bench.turns.recorded_echo import pieces
from telephony.bench.turns.run import CallPlan, CallRun
from telephony.bench.turns.sounds import audible
from telephony.faults.frames import FRAME_MS

#: Recorded echoes as they are (a loudspeaker beside the microphone: as loud as the caller), and as what a phone's own
#: echo canceller leaves.
SOFTER_DB = (0.0, 10.0, 20.0)
#: The caller of a session pauses for so long: what comes then is another interruption.
APART_MS = 1000
#: The shortest stretch of speech that is an interruption; and the room around one.
_LEAST_MS, _AROUND_MS = 300, 100
#: Words of a recorded caller, which nobody wrote down: one for each so many ms of their speech, to be released.
_WORD_MS = 400
_WORDS = ("no", "wait", "that", "is", "wrong", "i", "want", "another", "one")
#: The agent is heard for so long, by the made echo paths, before it is interrupted.
ALONE_MS = 15_000
#: What an echo's path must be learnt in; stops until then are told apart.
LEARNING_MS = 5000
#: An interruption comes when the agent has been heard for so long at least.
_HEARD_MS = 300


def interruptions_of(session: EchoItem) -> list[Item]:
    """The caller's stretches of speech in a session. Their words are made up: only that they are words is known."""
    stretches: list[list[tuple[int, int]]] = []
    for span in session.speech:
        if stretches and span[0] - stretches[-1][-1][1] < APART_MS:
            stretches[-1].append(span)
        else:
            stretches.append([span])
    return [_item(session, spans) for spans in stretches if spans[-1][1] - spans[0][0] >= _LEAST_MS]


def _item(session: EchoItem, spans: Sequence[tuple[int, int]]) -> Item:
    first, last = max(0, spans[0][0] - _AROUND_MS), spans[-1][1] + _AROUND_MS
    speech = tuple((start - first, end - first) for start, end in spans)
    words = [
        Word(_WORDS[at % len(_WORDS)], start, min(start + _WORD_MS, end))
        for begin, end in speech
        for at, start in enumerate(range(begin, end, _WORD_MS))
    ]
    pcm = session.near[first * BYTES_PER_MS : last * BYTES_PER_MS]
    name = f"{session.name}/{first}"
    return Item(name, "free", _NO_ASKS, pcm, tuple(words), speech, corpus=session.corpus, part="interruption")


_NO_ASKS = Act().asks


def recorded_plans(sessions: Sequence[EchoItem], *, tag: str, seed: int = 1) -> list[CallPlan]:
    """Of each session and level a call: the agent is heard out once, with nothing but its echo, and then interrupted
    where it was in the session, each time in a reply of its own."""
    plans = []
    for session in sessions:
        far = audible(session.far)
        words = pieces(session)
        listen_ms = round(0.9 * sum(end - start for start, end in far))
        acts = [Act(words=words, when="listen", wait_ms=listen_ms)]
        for item in interruptions_of(session):
            at_ms = int(item.name.rpartition("/")[2])
            before_ms = sum(min(end, at_ms) - start for start, end in far if start < at_ms)
            acts.append(Act(item, words=words, when="over", wait_ms=max(_HEARD_MS, before_ms)))
        for softer_db in SOFTER_DB:
            name = f"{session.name}, echo {'as it was' if not softer_db else f'{softer_db:.0f} dB softer'}"
            plans.append(
                CallPlan(
                    name,
                    tuple(acts),
                    voice="recorded",
                    session=session,
                    softer_db=softer_db,
                    seed=seed,
                    keep=True,
                    tag=tag,
                )
            )
    return plans


def made_plans(
    items: Sequence[Item],
    count: int,
    responses: Sequence[tuple[float, ...]],
    texts: Sequence[str],
    *,
    tag: str,
    seed: int = 1,
) -> list[CallPlan]:
    """`count` interruptions of an agent that hears itself, by each echo path in turn; each call begins with a stretch
    in which nothing but the echo comes back."""
    chance = random.Random(f"{seed}/{tag}")
    paths: list[list[Act]] = [[] for _ in ECHO_SETTINGS]
    for at in range(count):
        wait_ms = chance.randint(*INTERRUPT_MS)
        says = " ".join(chance.choice(texts) for _ in range(wait_ms // SENTENCE_MS + 5))
        paths[at % len(paths)].append(Act(items[at % len(items)], says=says, when="over", wait_ms=wait_ms))
    plans = []
    for number, ((delay_ms, down_db), acts) in enumerate(zip(ECHO_SETTINGS, paths, strict=True)):
        response = responses[number % len(responses)] if responses else ()
        echo = EchoSetting(delay_ms, down_db, response)
        name = f"{delay_ms} ms, {down_db:.0f} dB down"
        if acts:
            alone = " ".join(chance.choice(texts) for _ in range(ALONE_MS // SENTENCE_MS + 2))
            acts = [Act(says=alone, when="listen", wait_ms=ALONE_MS), *acts]
            plans.append(CallPlan(name, tuple(acts), voice="espeak", echo=echo, seed=seed + number, tag=tag))
    return plans


def double_talk(runs: Sequence[CallRun]) -> Figures:
    """Interruptions missed and stop times, and stops while nothing but the echo was there; by echo."""
    return {
        "planned": planned(runs),
        "all": _figures(runs),
        "rows": {run.plan.name: _figures([run]) for run in runs},
        **broken(runs),
    }


def _figures(runs: Sequence[CallRun]) -> Figures:
    found = [each for run in runs for each, _ in _interruptions(run)]
    times = [round(each.stop_ms) for each in found if each.stop_ms is not None]
    false = [stop for run in runs for stop in run.heard.stops if not _spoken_at(run, stop.at_ms)]
    minutes = sum(run.heard.audible_ms for run in runs) / 60_000
    return {
        "interruptions": len(found),
        "stopped": len(times),
        "missed": len(found) - len(times),
        "kept_on": sum(each.kept_on for each in found),
        "not_committed": sum(not each.committed for each in found),
        **{f"stop_p{percent}_ms": percentile(times, percent) for percent in (50, 95)},
        "agent_minutes": round(minutes, 2),
        "false_stops": len(false),
        "false_stops_at_first": sum(stop.at_ms < LEARNING_MS for stop in false),
        "false_stops_a_minute": round(len(false) / minutes, 3) if minutes else 0.0,
        "resumed_in_time": sum(map(resumed_in_time, false)),
    }


def _interruptions(run: CallRun) -> Iterator[tuple[Interrupted, tuple[float, float]]]:
    """Each, and from when to when a stop is its own: to the commit of what was said; if none came, as long as a stop
    is not called missed."""
    for item, start_ms, until_ms in played_items(run):
        first, last = start_ms + item.first_sample_ms, start_ms + item.last_sample_ms
        each = interrupted(first, last, until_ms, run.heard.stops, run.events)
        commits = [event["media_ms"] for event in run.of("turn.committed") if first <= event["media_ms"] < until_ms]
        # A stop is known when its message has come: up to two frames after the decision.
        own_ms = max(last, commits[0]) if commits else last + MISSED_MS
        yield each, (first, min(until_ms, own_ms + 2 * FRAME_MS))


def _spoken_at(run: CallRun, at_ms: float) -> bool:
    return any(first <= at_ms <= last for _, (first, last) in _interruptions(run))
