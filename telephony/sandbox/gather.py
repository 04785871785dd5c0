"""The scripted caller before a <Gather>: what is said or keyed, and what Twilio's recogniser makes of it. Pure.

https://www.twilio.com/docs/voice/twiml/gather. Times are those of the call; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from telephony.sandbox.cursor import Cursor
from telephony.sandbox.pace import natural_ms
from telephony.sandbox.script import Drop, HangUp, Keys, Pause, Say, SayWords, WaitForHangUp
from telephony.sandbox.verbs import Gather, Prompt, SayText, Wait

CONFIDENCE = "0.9"
PLAYED_FILE_MS = 3_000
"""A file's length is not known here; for a caller who cuts in it is taken as this."""
AUTO_SPEECH_TIMEOUT_S = 1.0
"""speechTimeout="auto": about where Twilio's recogniser ends an utterance."""
EMPTY_AFTER_SCRIPT = 1
"""A caller whose script is over lets so many <Gather> pass in silence, then hangs up."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing the caller said or keyed. `heard`: this <Gather> took it."""

    by: str  # "speech" or "keys"
    text: str
    heard: bool
    expects_answer: bool = True


@dataclass(frozen=True, slots=True)
class Answered:
    """How a <Gather> ended: `form` is what the action is told; empty if there was no input."""

    form: Mapping[str, str] = field(default_factory=dict)
    said: tuple[Said, ...] = ()
    waited_s: float = 0.0
    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    """`digits` without the key that finished them; `lost` was pressed when the <Gather> was over."""

    digits: str
    lost: str
    waited_s: float


def collect(keys: str, gap_ms: int, gather: Gather) -> Collected:
    """What a <Gather> takes of keys that are pressed `gap_ms` apart.

    The finishing key works only behind a digit ("finishOnKey only works when a digit sequence precedes it").
    """
    digits = ""
    for number, key in enumerate(keys):
        before_s = number * gap_ms / 1000
        if number and gap_ms >= gather.timeout_s * 1000:
            if digits:
                return Collected(digits, keys[number:], before_s - gap_ms / 1000 + gather.timeout_s)
            return Collected("", keys[number:], gather.timeout_s)
        if key == gather.finish_on_key:
            if digits:
                return Collected(digits, keys[number + 1 :], before_s)
            continue
        digits += key
        if len(digits) == gather.num_digits:
            return Collected(digits, keys[number + 1 :], before_s)
    return Collected(digits, "", (len(keys) - 1) * gap_ms / 1000 + gather.timeout_s)


def prompt_ms(prompt: Prompt) -> int:
    """How long a nested verb takes, roughly, in a real call."""
    if isinstance(prompt, SayText):
        return natural_ms(prompt.text) * max(1, prompt.loop)
    return round(prompt.length_s * 1000) if isinstance(prompt, Wait) else PLAYED_FILE_MS * max(1, prompt.loop)


class GatherCaller:
    """Goes through the script's steps, <Gather> by <Gather>."""

    def __init__(self, cursor: Cursor) -> None:
        self.errors: list[str] = []
        self.notes: list[str] = []
        self._cursor = cursor
        self._pause_left_ms: int | None = None
        self._silent_s = 0.0
        self._empty_after_script = 0

    def leaves_at_once(self) -> bool:
        """Whether the caller hangs up now, whatever the agent has to say."""
        leaves = self._cursor.leaves_at_once
        if leaves:
            self._cursor.advance()
        return leaves

    def agent_spoke(self) -> None:
        """The agent has said something: the caller's patience begins anew."""
        self._silent_s = 0.0

    def cuts_in_after_ms(self, gather: Gather) -> int | None:
        """Where the caller speaks over the prompts, from their beginning; None where they are heard out."""
        step = self._cursor.step
        if not isinstance(step, Say | SayWords) or step.interrupt_after_ms is None:
            return None
        if not gather.barge_in:
            self.notes.append(f'{step.text!r} was to interrupt the agent, whose <Gather bargeIn="false"> forbids it')
            return None
        if step.interrupt_after_ms >= sum(map(prompt_ms, gather.prompts)):
            self.notes.append(f"{step.text!r} was to interrupt the agent, which stopped or said nothing before")
            return None
        return step.interrupt_after_ms

    def answer(self, gather: Gather) -> Answered:
        """What the caller does once the prompts are over (or cut short)."""
        waited_s = 0.0
        while True:
            step = self._cursor.step
            if isinstance(step, Pause):
                left_ms = step.pause_ms if self._pause_left_ms is None else self._pause_left_ms
                room_ms = round((gather.timeout_s - waited_s) * 1000)
                if left_ms >= room_ms:
                    self._pause_left_ms = left_ms - room_ms
                    if not self._pause_left_ms:
                        self._next()
                    return Answered(waited_s=gather.timeout_s)
                waited_s += left_ms / 1000
                self._next()
            elif isinstance(step, Say | SayWords):
                self._next()
                return self._speak(step, gather, waited_s)
            elif isinstance(step, Keys):
                self._next()
                return self._press(step, gather, waited_s)
            elif isinstance(step, HangUp | Drop):
                self._next()
                return Answered(waited_s=waited_s, hung_up=True)
            else:
                return self._stay_silent(step, gather)

    def _next(self) -> None:
        self._cursor.advance()
        self._pause_left_ms = None
        self._silent_s = 0.0

    def _speak(self, step: Say | SayWords, gather: Gather, waited_s: float) -> Answered:
        if "speech" not in gather.inputs:
            self._unheard(step.text, "speech", gather)
            said = Said("speech", step.text, heard=False, expects_answer=not self._cursor.leaves_at_once)
            return Answered(said=(said,), waited_s=gather.timeout_s)
        pause_s = AUTO_SPEECH_TIMEOUT_S if gather.speech_timeout_s is None else gather.speech_timeout_s
        said = Said("speech", step.text, heard=True, expects_answer=not self._cursor.leaves_at_once)
        form = {"SpeechResult": step.text, "Confidence": CONFIDENCE}
        return Answered(form, (said,), waited_s + natural_ms(step.text) / 1000 + pause_s)

    def _press(self, step: Keys, gather: Gather, waited_s: float) -> Answered:
        if "dtmf" not in gather.inputs:
            self._unheard(step.digits, "dtmf", gather)
            said = Said("keys", step.digits, heard=False, expects_answer=not self._cursor.leaves_at_once)
            return Answered(said=(said,), waited_s=gather.timeout_s)
        taken = collect(step.digits, step.key_gap_ms, gather)
        if taken.lost:
            self.notes.append(f"keys {taken.lost!r} of {step.digits!r} were pressed when the <Gather> was over: lost")
        said = Said("keys", step.digits, heard=bool(taken.digits), expects_answer=not self._cursor.leaves_at_once)
        form = {"Digits": taken.digits} if taken.digits else {}
        return Answered(form, (said,), waited_s + taken.waited_s)

    def _unheard(self, what: str, kind: str, gather: Gather) -> None:
        asked = " ".join(sorted(gather.inputs))
        self.notes.append(f'{what!r} was not heard: it was {kind}, and the agent asked with <Gather input="{asked}">')

    def _stay_silent(self, step: WaitForHangUp | None, gather: Gather) -> Answered:
        if step is None:
            self._empty_after_script += 1
            over = self._empty_after_script > EMPTY_AFTER_SCRIPT
            return Answered(hung_up=True) if over else Answered(waited_s=gather.timeout_s)
        self._silent_s += gather.timeout_s
        if self._silent_s >= step.wait_s:
            self.errors.append(f"the agent did not hang up: {step.wait_s:g} s of silence")
            self._cursor.advance()
            return Answered(waited_s=gather.timeout_s, hung_up=True)
        return Answered(waited_s=gather.timeout_s)
