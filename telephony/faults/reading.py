"""A faults file, read: TOML into the kinds of fault, every mistake told with its file and line.

Every key: docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from agent.tomlfile import Mistakes, read_table
from telephony.faults.chance import LENGTH, late, lost
from telephony.faults.entries import Entry, entries_of
from telephony.faults.kinds import (
    Burst,
    Delay,
    Drop,
    Duplicate,
    LineFault,
    LlmFault,
    Lose,
    Reorder,
    Skew,
    Stall,
    SttFault,
    ToolFault,
    TtsFault,
    Which,
    Window,
)

T = TypeVar("T")

#: A day: longer than any call.
MOST_MS = 86_400_000
#: No list needs to be longer than ten minutes of frames.
MOST_FRAMES = 30_000
#: A frame that is later than this is a stall, or lost.
MOST_LATE_MS = 10_000
#: So many frames may change places: a second.
MOST_GROUP = 50
#: A twentieth: no telephone's clock is that wrong, and still all of what comes can be followed.
MOST_PPM = 50_000
MOST_SEED = 2**32 - 1
SECTIONS = ("line", "stt", "llm", "tts", "tool")


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says."""

    description: str
    line: tuple[LineFault, ...]
    stt: tuple[SttFault, ...]
    llm: tuple[LlmFault, ...]
    tts: tuple[TtsFault, ...]
    tool: tuple[ToolFault, ...]


def read_faults(file: Path) -> Read:
    """Raises AgentError (a LocalError), one line for each mistake: `file:line: what is wrong; what to write`."""
    mistakes = Mistakes()
    top = read_table(file, mistakes)
    mistakes.raise_if_any()
    assert top is not None
    description = top.text("description", "", empty=True)
    entries = entries_of(file, top, SECTIONS, mistakes)
    read = Read(
        description,
        _each(entries["line"], _line),
        _each(entries["stt"], _stt),
        _each(entries["llm"], _llm),
        _each(entries["tts"], _tts),
        _each(entries["tool"], _tool),
    )
    top.done()
    if not any(entries.values()):
        top.wrong("", "no fault is in this file; write [[line]], [[stt]], [[llm]], [[tts]] or [[tool]]")
    mistakes.raise_if_any()
    return read


def _each(entries: list[Entry], read: Callable[[Entry], T]) -> tuple[T, ...]:
    out = []
    for entry in entries:
        out.append(read(entry))
        entry.done()
    return tuple(out)


def _line(entry: Entry) -> LineFault:
    kind = entry.text("kind", choices=tuple(_LINE))
    return _LINE.get(kind, _LINE["stall"])(entry)


def _window(entry: Entry, *, needs_end: bool = False) -> Window:
    from_ms = entry.integer("from_ms", 0, 0, MOST_MS)
    to_ms = entry.integer("to_ms", 0, 1, MOST_MS) or None
    every_ms = entry.integer("every_ms", 0, 20, MOST_MS)
    if to_ms is None and (needs_end or every_ms):
        entry.wrong("", "to_ms is missing: when it is over, in milliseconds")
    elif to_ms is not None and to_ms <= from_ms:
        entry.wrong("to_ms", f"to_ms is {to_ms}; write more than from_ms, which is {from_ms}")
    elif to_ms is not None and every_ms and to_ms > every_ms:
        entry.wrong("every_ms", f"every_ms is {every_ms}; write no less than to_ms, which is {to_ms}")
    return Window(from_ms, to_ms, every_ms)


def _seeded(made: Entry) -> dict[str, Any]:
    if "seed" not in made:
        made.wrong("", "seed is missing: write one, as seed = 1, so that the list is always the same")
    return {
        "percent": made.number("percent", 5, 0, 90),
        "seed": made.integer("seed", 1, 0, MOST_SEED),
        "length": made.integer("length", LENGTH, 1, MOST_FRAMES),
    }


def _marks(entry: Entry, key: str) -> tuple[int, ...]:
    made = entry.made(key)
    if made is None:
        return entry.numbers(key, 0, 1, MOST_FRAMES)
    marks = lost(mean_burst=made.number("mean_burst", 1, 1, 1000), **_seeded(made))
    made.done()
    return marks


def _delay(entry: Entry) -> Delay:
    made = entry.made("delays_ms")
    if made is None:
        return Delay(entry.numbers("delays_ms", 0, MOST_LATE_MS, MOST_FRAMES), _window(entry))
    delays_ms = late(up_to_ms=made.integer("up_to_ms", 100, 1, MOST_LATE_MS), **_seeded(made))
    made.done()
    return Delay(delays_ms, _window(entry))


def _reorder(entry: Entry) -> Reorder:
    order = entry.numbers("order", 0, MOST_GROUP - 1, MOST_GROUP)
    if sorted(order) != list(range(len(order))):
        entry.wrong("order", f"order must hold each of 0 to {len(order) - 1} once, as [1, 0, 2]")
    return Reorder(order, _window(entry))


def _skew(entry: Entry) -> Skew:
    if "ppm" not in entry:
        entry.wrong("", "ppm is missing: how many millionths the far end's clock is fast, or (below 0) slow")
    return Skew(entry.integer("ppm", 0, -MOST_PPM, MOST_PPM), _window(entry))


def _burst(entry: Entry) -> Burst:
    if "frames" not in entry:
        entry.wrong("", "frames is missing: how many come at once, as frames = 5")
    return Burst(entry.integer("frames", 2, 2, MOST_GROUP * 10), _window(entry))


def _drop(entry: Entry) -> Drop:
    how = entry.text("how", "close", choices=("close", "silence"))
    if how == "close" and "to_ms" in entry:
        entry.wrong("to_ms", 'a line that has closed does not come back: take to_ms out, or write how = "silence"')
    return Drop("silence" if how == "silence" else "close", _window(entry))


_LINE: dict[str, Callable[[Entry], LineFault]] = {
    "lose": lambda entry: Lose(_marks(entry, "lose"), _window(entry)),
    "delay": _delay,
    "reorder": _reorder,
    "burst": _burst,
    "duplicate": lambda entry: Duplicate(_marks(entry, "duplicate"), _window(entry)),
    "skew": _skew,
    "stall": lambda entry: Stall(_window(entry, needs_end=True)),
    "drop": _drop,
}


def _which(entry: Entry) -> Which:
    if "turn" in entry and "from" in entry:
        entry.wrong("from", "write turn (that one alone) or from (that one and all after it), not both")
    return Which(entry.integer("from", 1, 1, 1000), entry.integer("turn", 0, 1, 1000))


def _fault(entry: Entry, *choices: str) -> Any:
    return cast(Any, entry.text("fault", choices=choices))


def _delay_ms(entry: Entry, fault: str) -> int:
    """How slow; only where something is slow."""
    if fault == "slow" and "delay_ms" not in entry:
        entry.wrong("", "delay_ms is missing: how slow, in milliseconds")
    return entry.integer("delay_ms", 0, 1, MOST_MS) if fault == "slow" else 0


def _stt(entry: Entry) -> SttFault:
    fault = _fault(entry, "silent", "slow", "fails")
    return SttFault(fault, _which(entry), _delay_ms(entry, fault))


def _llm(entry: Entry) -> LlmFault:
    fault = _fault(entry, "stall", "slow", "fails")
    for_ms = round(entry.number("for_s", 0, 0, 3600) * 1000) if fault == "stall" else 0
    after = entry.integer("after", 0, 0, 10_000)
    return LlmFault(fault, _which(entry), after, for_ms, _delay_ms(entry, fault))


def _tts(entry: Entry) -> TtsFault:
    fault = _fault(entry, "dies", "stalls", "slow", "fails")
    after_ms = entry.integer("after_ms", 0, 0, MOST_MS) if fault in ("dies", "stalls") else 0
    return TtsFault(fault, _which(entry), after_ms, _delay_ms(entry, fault))


def _tool(entry: Entry) -> ToolFault:
    fault = _fault(entry, "hangs", "fails", "slow")
    return ToolFault(entry.text("name"), fault, _delay_ms(entry, fault))
