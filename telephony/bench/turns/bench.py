"""A whole run of the turn bench: which calls each measure needs, all of them held at once, and the figures of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.definition import TurnSettings
from telephony.bench.turns import double_talk, far_end, measures, plans
from telephony.bench.turns.items import Item
from telephony.bench.turns.many import hold_all
from telephony.bench.turns.run import CallPlan, CallRun, Stt, shipped_settings
from telephony.bench.turns.stock import Stock, some, spread
from telephony.bench.turns.tallies import Point, tally

MEASURES = (
    "slots", "free", "stops", "noise", "babble", "echo", "double_talk", "backchannels", "heard", "far_end", "vad",
)  # fmt: skip
#: The agent file's limits (agent/agentfile.py) bound what a sweep may try.
LEAST_WAIT_MS, MOST_WAIT_MS = 100, 10_000
SCALES = (0.4, 0.6, 0.8, 1.0, 1.4, 2.0)
SILENCES_MS = (150, 250, 350, 500, 700, 1000)
MORE_SCALES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5)
MORE_SILENCES_MS = (120, 160, 200, 250, 300, 350, 400, 500, 600, 700, 850, 1000, 1300)


@dataclass(frozen=True, slots=True)
class Numbers:
    """How much of each is measured. `slots`: numbers and spelled words on a quiet line, and a
    third as many other answers; noise minutes are the agent's speech; `far_end`: of each kind of far end."""

    slots: int = 150
    slots_noisy: int = 60
    slots_embedded: int = 40
    free: int = 60
    curve: int = 40
    stops: int = 60
    heard: int = 200
    backchannels: int = 40
    noise_minutes: float = 10.0
    babble_minutes: float = 8.0
    echo_minutes: float = 4.0
    double_talk: int = 24
    far_end: int = 24

    def scaled(self, items: int) -> Numbers:
        """With `items` slot items, and of all else as many as that makes."""
        factor = items / self.slots
        return Numbers(
            **{
                name: value if name == "heard" and factor > 1 else type(value)(max(1, value * factor))
                for name in self.__slots__
                for value in (getattr(self, name),)
            }
        )


#: With recordings there is more to measure with.
WITH_CORPUS = Numbers(
    slots=500,
    slots_noisy=150,
    slots_embedded=80,
    free=160,
    curve=80,
    stops=120,
    heard=200,
    backchannels=80,
    noise_minutes=20.0,
    babble_minutes=16.0,
    echo_minutes=8.0,
    double_talk=48,
    far_end=60,
)


@dataclass(slots=True)
class _Measure:
    """The calls of one measure, and what makes its figures of them. `path`: where these stand in the result."""

    path: tuple[str, ...]
    plans: list[CallPlan]
    figures: Callable[[Sequence[CallRun]], Any]
    runs: list[CallRun] = field(default_factory=list)


def run_bench(
    stock: Stock,
    numbers: Numbers,
    *,
    only: Sequence[str] = MEASURES,
    stt: str = "both",
    sweep: bool = False,
    jobs: int = 1,
    begun: Callable[[int], None] = lambda calls: None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Hold all calls that the measures in `only` need; the figures, by measure. `stt`: "released", "embedded" or
    "both", for slots. `begun` is told the number of calls, `progress` of each that is over."""
    wanted: list[_Measure] = []
    if "slots" in only:
        wanted += _slots(stock, numbers, stt)
    if "free" in only:
        wanted += _free(stock, numbers, sweep=sweep)
    others = (*_over_talk(stock, numbers), *_double_talk(stock, numbers), *_far_end(stock, numbers))
    wanted += [measure for measure in others if measure.path[0] in only]
    calls = [plan for measure in wanted for plan in measure.plans]
    begun(len(calls))
    runs = iter(hold_all(calls, jobs=jobs, progress=progress))
    result: dict[str, Any] = {}
    for measure in wanted:
        measure.runs = [next(runs) for _ in measure.plans]
        if measure.runs:
            _put(result, measure.path, measure.figures(measure.runs))
    return result


def _put(result: dict[str, Any], path: Sequence[str], figures: object) -> None:
    for name in path[:-1]:
        result = result.setdefault(name, {})
    result[path[-1]] = figures


def _slots(stock: Stock, numbers: Numbers, stt: str) -> list[_Measure]:
    found = []
    chosen = _numbers_first(stock, numbers.slots)
    if stt != "embedded":
        found.append(_answers(("slots", "clean"), plans.answer_plans(chosen, tag="slots clean")))
        for snr_db in plans.SNRS_DB:
            items = _numbers_first(stock, numbers.slots_noisy, seed=snr_db)
            calls = plans.answer_plans(items, tag=f"slots {snr_db} dB", backgrounds=stock.noise, snr_db=snr_db)
            found.append(_answers(("slots", f"{snr_db} dB"), calls if stock.noise else []))
    if stt != "released":
        items = _numbers_first(stock, numbers.slots_embedded)
        for name, noise in (("clean", ()), ("20 dB", stock.noise)):
            calls = plans.answer_plans(
                items, tag=f"slots embedded {name}", backgrounds=noise, snr_db=20, stt="embedded"
            )
            found.append(_answers(("slots_embedded", name), calls))
    return found


def _numbers_first(stock: Stock, count: int, seed: int = 1) -> list[Item]:
    """`count` numbers and spelled words, and a third as many answers of other kinds."""
    core = [item for item in stock.slots if item.kind in measures.CORE]
    others = [item for item in stock.slots if item.kind not in measures.CORE]
    return spread(core, count, seed) + spread(others, count // 3, seed)


def _answers(path: tuple[str, ...], calls: list[CallPlan]) -> _Measure:
    return _Measure(path, calls, measures.answers)


def _free(stock: Stock, numbers: Numbers, *, sweep: bool) -> list[_Measure]:
    found = [_answers(("free", "clean"), plans.answer_plans(spread(stock.free, numbers.free), tag="free clean"))]
    items = spread(stock.free, numbers.curve)
    for snr_db in plans.SNRS_DB[:2]:
        calls = plans.answer_plans(items, tag=f"free {snr_db} dB", backgrounds=stock.noise, snr_db=snr_db)
        found.append(_answers(("free", f"{snr_db} dB"), calls if stock.noise else []))
    shipped = shipped_settings()
    for scale in MORE_SCALES if sweep else SCALES:
        found.append(_point(items, "words", f"waits x {scale:g}", "released", scaled(shipped, scale)))
    for wait_ms in MORE_SILENCES_MS if sweep else SILENCES_MS:
        waits = (("trailing_ms", wait_ms), ("min_trailing_ms", wait_ms), ("max_trailing_ms", wait_ms))
        found.append(_point(items, "silence", f"{wait_ms} ms", "no partials", waits))
    return found


def scaled(settings: TurnSettings, scale: float) -> tuple[tuple[str, int], ...]:
    """The silences after complete and undecided words made longer or shorter together, within what an agent may set.
    That after unfinished words stays: turns hardly ever end on those, so a shorter one cuts and hurries nobody."""
    least, unsure = (
        min(max(round(wait_ms * scale), LEAST_WAIT_MS), MOST_WAIT_MS)
        for wait_ms in (settings.min_trailing_ms, settings.trailing_ms)
    )
    return (
        ("min_trailing_ms", least),
        ("trailing_ms", unsure),
        ("max_trailing_ms", max(settings.max_trailing_ms, unsure)),
    )


def _point(items: Sequence[Item], curve: str, label: str, stt: Stt, settings: tuple[tuple[str, int], ...]) -> _Measure:
    calls = plans.answer_plans(items, tag=f"{curve} {label}", stt=stt, settings=settings)

    def figures(runs: Sequence[CallRun]) -> dict[str, Any]:
        counted = tally(measures.turn_ends(runs))
        return {"label": label, "mean_ms": round(counted.mean_ms, 1), "cut_share": counted.pauses_cut_share,
                "pauses": counted.pauses, "items": counted.items, "ended": len(counted.ended_ms)}  # fmt: skip

    return _Measure(("curves", curve, label), calls, figures)


def curve_points(result: Mapping[str, Any], curve: str) -> list[Point]:
    """The points of one curve ("words", "silence") of a result, those of at least one item that was not cut."""
    found = result.get("curves", {}).get(curve, {}).values()
    return [Point(each["label"], each["mean_ms"], each["cut_share"]) for each in found if each["ended"]]


def _over_talk(stock: Stock, numbers: Numbers) -> list[_Measure]:
    quiet = stock.noise
    found = []
    if stock.interruptions:
        talk = spread(stock.interruptions, numbers.stops)
        stops = plans.interruption_plans(talk, numbers.stops, tag="stops", backgrounds=quiet, snr_db=20)
        found.append(_Measure(("stops",), stops, measures.stops))
        talk = spread(stock.interruptions, numbers.heard, seed=2)
        heard = plans.interruption_plans(
            talk, numbers.heard, tag="heard", backgrounds=quiet, delay_s=0.03, keep=True, seed=2
        )
        found.append(_Measure(("heard",), heard, measures.heard))
    if stock.disturbing:
        count = max(4, round(numbers.noise_minutes))
        noise = plans.listening_plans(some(stock.disturbing, count), numbers.noise_minutes, tag="noise")
        found.append(_Measure(("noise",), noise, measures.false_stops))
    if stock.babble:
        babble = plans.babble_plans(stock.babble, numbers.babble_minutes, tag="babble")
        found.append(_Measure(("babble",), babble, measures.false_stops))
    echo = plans.echo_plans(stock.responses, ECHO_TEXTS, numbers.echo_minutes, tag="echo")
    found.append(_Measure(("echo",), echo, measures.false_stops))
    if stock.backchannels:
        said = spread(stock.backchannels, numbers.backchannels)
        calls = plans.backchannel_plans(said, numbers.backchannels, tag="backchannels", backgrounds=quiet)
        found.append(_Measure(("backchannels",), calls, measures.backchannels))
    return found


def _double_talk(stock: Stock, numbers: Numbers) -> list[_Measure]:
    found = []
    if stock.interruptions:
        talk = spread(stock.interruptions, numbers.double_talk, seed=3)
        made = double_talk.made_plans(talk, numbers.double_talk, stock.responses, ECHO_TEXTS, tag="double talk")
        found.append(_Measure(("double_talk", "made"), made, double_talk.double_talk))
    recorded = double_talk.recorded_plans(stock.echoes, tag="double talk, recorded")
    found.append(_Measure(("double_talk", "recorded"), recorded, double_talk.double_talk))
    return found


def _far_end(stock: Stock, numbers: Numbers) -> list[_Measure]:
    greetings, answered, prompts, people = (
        spread(items, numbers.far_end) for items in (stock.greetings, stock.answered, stock.prompts, stock.people)
    )
    sounds = some(stock.disturbing, numbers.far_end)
    calls = far_end.far_end_plans(greetings, answered, prompts, people, sounds)
    return [_Measure(("far_end",), calls, far_end.far_end)]


ECHO_TEXTS = (
    "Your parcel left our house this morning and will be with you on Thursday.",
    "The order was paid for on Monday, and it has been packed since then.",
    "We deliver between nine in the morning and six in the evening.",
    "If nobody is at home, the driver leaves it with a neighbour.",
    "You can also choose a shop in your street and pick it up there.",
    "The number on the label is the one that we need from you.",
)
"""What the agent says while it hears itself."""
