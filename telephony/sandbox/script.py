"""A caller's script: what the sandbox's caller says, and when. A TOML file of steps, or one recording.

    [[step]]
    say = "hello.flac"          # also: say_text, keys, pause_ms, hang_up, drop, wait_for_hang_up
    after_ms = 300              # when: the agent has finished, and been silent for so long

    [[dial]]                    # what comes of the agent's transfers, in order
    outcome = "no-answer"

Every key, and what each step means in a media stream and in a <Gather>: docs/sandbox.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import LocalError
from agent.tomlfile import did_you_mean
from telephony.sandbox.clip import Clip, load_clip

CALLERS = Path(__file__).parent / "callers"
"""The callers that come with Offhook: `demo` is callers/demo.toml."""

AFTER_MS = 300
WAIT_S = 15.0
KEY_GAP_MS = 250


@dataclass(frozen=True, slots=True)
class Say:
    clip: Clip
    text: str = ""
    after_ms: int = AFTER_MS
    wait_s: float = WAIT_S
    interrupt_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SayWords:
    """Words without a recording: only a <Gather> hears them."""

    text: str
    interrupt_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    digits: str
    text: str = ""
    after_ms: int = AFTER_MS
    wait_s: float = WAIT_S
    key_gap_ms: int = KEY_GAP_MS


@dataclass(frozen=True, slots=True)
class Pause:
    pause_ms: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """At once, or (with `after_ms`) when the agent has finished."""

    after_ms: int | None = None
    wait_s: float = WAIT_S


@dataclass(frozen=True, slots=True)
class Drop:
    """Cut the connection without a word: at once, or (with `after_ms`) when the agent has finished."""

    after_ms: int | None = None
    wait_s: float = WAIT_S


@dataclass(frozen=True, slots=True)
class WaitForHangUp:
    """The agent is to hang up; the caller does after `wait_s` of silence."""

    wait_s: float = WAIT_S


Step = Say | SayWords | Keys | Pause | HangUp | Drop | WaitForHangUp

OUTCOMES = ("completed", "no-answer", "busy", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class DialPlan:
    """What comes of one <Dial>."""

    to: str = ""
    outcome: str = "completed"
    after_s: float = 1.0
    talk_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    steps: tuple[Step, ...]
    description: str = ""
    dial: tuple[DialPlan, ...] = ()


def find_script(name: str) -> Path:
    """A path to a script or recording, or the name of a caller that comes with Offhook. LocalError if neither."""
    path = Path(name)
    if path.is_file():
        return path
    packed = CALLERS / f"{name}.toml"
    if re.fullmatch(r"[\w-]+", name) and packed.is_file():
        return packed
    known = ", ".join(sorted(file.stem for file in CALLERS.glob("*.toml")))
    raise LocalError(f"no such script or recording: {name}. Give a .toml, .wav or .flac file, or one of: {known}")


def load_script(path: Path) -> Script:
    """Read a script, or make a recording a script of one step. LocalError names file, line, and what to write."""
    if path.suffix.lower() != ".toml":
        return Script(path.stem, (Say(load_clip(path), path.name),))
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{path}: cannot be read: {error}") from None
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise LocalError(f"{path}: not TOML: {error}") from None
    place = _Place(path, source)
    for key in data:
        if key not in ("description", "step", "dial"):
            near = did_you_mean(key, ("description", "step", "dial"))
            raise place.error(
                None, key, f"is not known at the top of a script: use description, [[step]] and [[dial]]; {near}"
            )
    description, steps, dial = data.get("description", ""), data.get("step", []), data.get("dial", [])
    if not isinstance(description, str):
        raise place.error(None, "description", "must be a string")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise place.error(None, "step", "must be one or more [[step]] tables")
    if not isinstance(dial, list) or not all(isinstance(entry, dict) for entry in dial):
        raise place.error(None, "dial", "must be [[dial]] tables")
    return Script(
        path.stem,
        tuple(_step(step, number, place) for number, step in enumerate(steps)),
        description,
        tuple(_dial(entry, number, place) for number, entry in enumerate(dial)),
    )


class _Place:
    """Finds the line to blame: that of a key within the n-th [[step]] (or [[dial]])."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self._lines = source.splitlines()

    def error(self, number: int | None, key: str | None, problem: str, table: str = "step") -> LocalError:
        heads = [n for n, line in enumerate(self._lines) if re.match(r"\s*\[", line)]
        starts = [n for n in heads if re.match(rf"\s*\[\[\s*{table}\s*\]\]", self._lines[n])]
        first, last = 0, len(self._lines)
        if number is not None and number < len(starts):
            first = starts[number]
            last = next((n for n in heads if n > first), last)
        line = first
        if key is not None:
            pattern = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]")
            line = next((n for n in range(first, last) if pattern.match(self._lines[n])), first)
        return LocalError(f"{self.path}:{line + 1}: {key + ' ' if key else ''}{problem}")


_ACTIONS: Mapping[str, frozenset[str]] = {
    "say": frozenset({"text", "after_ms", "wait_s", "interrupt_after_ms"}),
    "say_text": frozenset({"interrupt_after_ms"}),
    "keys": frozenset({"text", "after_ms", "wait_s", "key_gap_ms"}),
    "pause_ms": frozenset(),
    "hang_up": frozenset({"after_ms", "wait_s"}),
    "drop": frozenset({"after_ms", "wait_s"}),
    "wait_for_hang_up": frozenset({"wait_s"}),
}
_OPTIONS = frozenset().union(*_ACTIONS.values())


def _step(data: Mapping[str, Any], number: int, place: _Place) -> Step:
    actions = [key for key in data if key in _ACTIONS]
    for key in () if actions else data:  # without its action, a step's first unknown key is what was misspelt
        if key not in _OPTIONS:
            raise place.error(number, key, f"is not known in a step; {did_you_mean(key, [*_ACTIONS, *_OPTIONS])}")
    if len(actions) != 1:
        named = " and ".join(actions) or "none"
        raise place.error(number, None, f"a step has exactly one of {', '.join(_ACTIONS)}; this one has {named}")
    action = actions[0]
    given = {key: value for key, value in data.items() if key != action}
    for key, value in given.items():
        if key not in _ACTIONS[action]:
            allowed = ", ".join(sorted(_ACTIONS[action])) or "no other key"
            near = f"it may have {allowed}" if key in _OPTIONS else did_you_mean(key, _ACTIONS[action])
            raise place.error(number, key, f"is not known in a step with {action}: {near}")
        _check_option(key, value, number, place)
    value = data[action]
    if action == "say":
        if not isinstance(value, str):
            raise place.error(number, "say", "must be the name of a WAV or FLAC file, in quotes")
        try:
            clip = load_clip(place.path.parent / value)
        except LocalError as error:
            raise place.error(number, "say", f"= {value!r}: {error}") from None
        return Say(clip, **{"text": Path(value).name, **given})
    if action == "say_text":
        if not isinstance(value, str) or not value.strip():
            raise place.error(number, "say_text", "must be the words that are said, in quotes")
        return SayWords(value, **given)
    if action == "keys":
        if not isinstance(value, str) or not re.fullmatch(r"[0-9*#A-D]+", value):
            raise place.error(number, "keys", 'must be keypad digits in quotes: "4711", also * # A-D')
        return Keys(value, **given)
    if action == "pause_ms":
        if type(value) is not int or not 0 <= value <= 600_000:
            raise place.error(number, "pause_ms", "must be a whole number of milliseconds, 0 to 600000")
        return Pause(value)
    if value is not True:
        raise place.error(number, action, "can only be true: leave the step out otherwise")
    if action == "wait_for_hang_up":
        return WaitForHangUp(**given)
    return HangUp(**given) if action == "hang_up" else Drop(**given)


def _dial(data: Mapping[str, Any], number: int, place: _Place) -> DialPlan:
    for key, value in data.items():
        if key == "to":
            if not isinstance(value, str):
                raise place.error(number, key, "must be a number or SIP address, in quotes", "dial")
        elif key == "outcome":
            if value not in OUTCOMES:
                raise place.error(number, key, f"must be one of {', '.join(OUTCOMES)}", "dial")
        elif key in ("after_s", "talk_s"):
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 600:
                raise place.error(number, key, "must be a number of seconds, 0 to 600", "dial")
        else:
            near = did_you_mean(key, ("to", "outcome", "after_s", "talk_s"))
            raise place.error(number, key, f"is not known in [[dial]]; {near}", "dial")
    return DialPlan(**data)


def _check_option(key: str, value: object, number: int, place: _Place) -> None:
    if key == "text":
        if not isinstance(value, str):
            raise place.error(number, key, "must be a string")
    elif key == "wait_s":
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 600:
            raise place.error(number, key, "must be a number of seconds, above 0 and at most 600")
    elif type(value) is not int or not 0 <= value <= 600_000:
        raise place.error(number, key, "must be a whole number of milliseconds, 0 to 600000")
