"""What a caller's sentence means to a flow: which intent, which slot values, yes or no. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.language.numbers import DigitRun, digit_runs
from agent.language.words import words
from agent.language.yesno import is_no, is_yes
from agent.llm.flowfile import Flow, Pattern, Slot

#: Between two words of a phrase so many others may stand: "cancel [the whole] order".
MAX_GAP = 2
#: Intents are looked for in this many words: nobody begins to say what they want after a hundred.
MAX_WORDS = 100
#: Said between two numbers, the second one counts.
_CORRECTIONS = frozenset("no not sorry mean wrong correction rather instead".split())


@dataclass(frozen=True, slots=True)
class Understood:
    """`partial`: digits that do not make up the slot `partial_slot`; `forgotten`: slots to be asked anew."""

    intent: str = ""
    values: Mapping[str, str | bool] = field(default_factory=dict)
    partial: str = ""
    partial_slot: str = ""
    yes: bool = False
    no: bool = False
    forgotten: frozenset[str] = frozenset()


def understand(flow: Flow, text: str, asked: str = "") -> Understood:
    """Reads one turn. `asked` names the slot that the caller has just been asked for, if any."""
    said = words(text)
    heard = said[:MAX_WORDS]
    yes, no = is_yes(text), is_no(text)
    runs = digit_runs(said)
    values: dict[str, str | bool] = {}
    partial = partial_slot = ""
    order = sorted(flow.slots.values(), key=lambda slot: slot.name != asked)
    for slot in order:
        if slot.kind == "yes_no":
            if slot.name == asked and (yes or no):
                values[slot.name] = not no
        elif value := _digits(said, runs, slot.length):
            values[slot.name] = value
    if not values and runs:
        partial_slot = next((slot.name for slot in order if slot.kind == "digits"), "")
        partial = _partial(said, runs, asked == partial_slot) if partial_slot else ""
    return Understood(
        intent=_intent(flow, heard),
        values=values,
        partial=partial,
        partial_slot=partial_slot if partial else "",
        yes=yes and not no,
        no=no,
        forgotten=frozenset(slot.name for slot in order if _forgets(slot, heard)),
    )


def _forgets(slot: Slot, said: tuple[str, ...]) -> bool:
    return any(matches(pattern, said) for pattern in slot.forget)


def _intent(flow: Flow, said: tuple[str, ...]) -> str:
    """The intent with the longest phrase in what was said; of equals, the first in the file; polite ones come last."""
    best, best_weight = "", (False, 0)
    for intent in flow.intents.values():
        for pattern in intent.heard:
            weight = (not intent.polite, len(pattern))
            if weight > best_weight and matches(pattern, said):
                best, best_weight = intent.name, weight
    return best


def matches(pattern: Pattern, said: tuple[str, ...]) -> bool:
    """Whether the pattern's words stand in `said` in their order, at most MAX_GAP other words between two of them."""
    return any(word in pattern[0] and _fits(pattern, said, at + 1) for at, word in enumerate(said))


def _fits(pattern: Pattern, said: tuple[str, ...], at: int) -> bool:
    for choices in pattern[1:]:
        for ahead in range(at, min(at + MAX_GAP + 1, len(said))):
            if said[ahead] in choices:
                at = ahead + 1
                break
        else:
            return False
    return True


def _digits(said: tuple[str, ...], runs: list[DigitRun], length: int) -> str:
    """The value of a digits slot: the first number of that length, or a later one that corrects it."""
    value, value_end = "", 0
    for run in runs:
        digits = run.digits
        if len(digits) == 2 * length and digits[:length] == digits[length:]:
            digits = digits[:length]  # said twice, to be sure
        if len(digits) == length and (not value or _CORRECTIONS & set(said[value_end : run.start])):
            value, value_end = digits, run.end
    return value


def _partial(said: tuple[str, ...], runs: list[DigitRun], asked: bool) -> str:
    """Digits worth asking about: not the "one" in "this one" or "one moment"."""
    longest = max(runs, key=lambda run: len(run.digits))
    alone = longest.end - longest.start == len(said)
    return longest.digits if len(longest.digits) > 1 or (alone and asked) else ""
