"""The TwiML verbs that the sandbox follows, each with the attributes that matter to a caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Both-way media stream; then `action`, or the next verb."""

    url: str
    action: str | None
    name: str = ""
    status_callback: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SayText:
    text: str
    loop: int = 1
    """How often; 0 is for ever."""


@dataclass(frozen=True, slots=True)
class PlayDigits:
    digits: str
    """Keypad digits; "w" is half a second of silence, "W" a whole one."""


@dataclass(frozen=True, slots=True)
class PlayFile:
    url: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Wait:
    length_s: float


Prompt = SayText | PlayFile | Wait


@dataclass(frozen=True, slots=True)
class Gather:
    """Asks the caller: for keys, for words, or for either. `action` None is the document's own address."""

    inputs: frozenset[str] = frozenset(("dtmf",))
    action: str | None = None
    timeout_s: int = 5
    """So much silence ends it, before the first input and between keys."""
    speech_timeout_s: float | None = None
    """The pause that ends speech; None is "auto", or `timeout_s` where the attribute is missing."""
    num_digits: int | None = None
    finish_on_key: str = "#"
    action_on_empty: bool = False
    barge_in: bool = True
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True)
class Dial:
    """Calls somebody. `to` is the number, the SIP address, or several of them with commas between."""

    to: str
    action: str | None
    timeout_s: int = 30
    caller_id: str = ""
    noun: str = "Number"


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A trial account's spoken notice, in the place of what was taken out of the TwiML."""

    instead_of: str


@dataclass(frozen=True, slots=True)
class UnknownVerb:
    name: str


Verb = (
    ConnectStream
    | SayText
    | PlayDigits
    | PlayFile
    | Wait
    | Gather
    | Dial
    | Redirect
    | Hangup
    | Reject
    | Notice
    | UnknownVerb
)


def summary(verb: Verb) -> str:
    """One verb for the report. A stream's path holds the call's token, and so is not shown."""
    match verb:
        case ConnectStream(_, action):
            return "<Connect><Stream>" + (f" then {action}" if action else "")
        case SayText(text, loop):
            return f"<Say{_loop(loop)}> {text}"
        case PlayDigits(digits):
            return f"<Play digits={digits}>"
        case PlayFile(url, loop):
            return f"<Play{_loop(loop)}> {url}"
        case Wait(length_s):
            return f"<Pause {length_s:g} s>"
        case Gather():
            return f"<Gather {' '.join(sorted(verb.inputs))}>" + (f" then {verb.action}" if verb.action else "")
        case Dial(to, action):
            return f"<Dial> {to}" + (f" then {action}" if action else "")
        case Redirect(url):
            return f"<Redirect> {url}"
        case Reject(reason):
            return f"<Reject> {reason}"
        case Notice(instead_of):
            return f"{instead_of} (taken out: a trial account)"
        case UnknownVerb(name):
            return f"<{name}> (not followed)"
        case _:
            return f"<{type(verb).__name__}>"


def _loop(loop: int) -> str:
    return "" if loop == 1 else f" loop={loop}"
