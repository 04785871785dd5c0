"""What a caller's sentence means to a flow: which intent, which slot values, yes or no. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.language.numbers import digit_runs
from agent.language.words import words
from agent.language.yesno import is_no, is_yes
from agent.llm.flow_data import Flow, Pattern, Slot
from agent.llm.flow_values import answer, besides, number, part_of_number
from agent.slots.asides import asks_patience, asks_to_wait
from agent.slots.phrases import CARRIER_WORDS

#: Between two words of a phrase so many others may stand: "cancel [the whole] order".
MAX_GAP = 2
#: Intents are looked for in this many words: nobody begins to say what they want after a hundred.
MAX_WORDS = 100


@dataclass(frozen=True, slots=True)
class Understood:
    """`partial`: what was heard of the slot `partial_slot`, whose value came in part; `forgotten`: slots to be asked
    anew.
    """

    intent: str = ""
    values: Mapping[str, str | bool] = field(default_factory=dict)
    partial: str = ""
    partial_slot: str = ""
    yes: bool = False
    no: bool = False
    forgotten: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Given:
    values: Mapping[str, str | bool] = field(default_factory=dict)
    partial: str = ""
    slot: str = ""
    #: What was given is the whole sentence: words of an intent in it are words of the value.
    all_said: bool = False

    def __bool__(self) -> bool:
        return bool(self.values or self.partial)


def understand(
    flow: Flow, text: str, asked: str = "", *, before: str = "", confirming: tuple[str, ...] = ()
) -> Understood:
    """Reads one turn. `asked` names the slot that the caller has just been asked for, if any; `before` is what was
    heard of it in the turn before, if it came in part. `confirming`: the slots whose values were just read back.
    """
    said = words(text)
    heard = said[:MAX_WORDS]
    intent, pattern = _intent(flow, heard)
    polite = bool(intent) and flow.intents[intent].polite
    given = _answered(flow, text, heard, flow.slots.get(asked), before, pattern, polite=polite)
    if not given:
        needs = flow.intents[intent].needs if intent and not polite else ()
        given = _said_besides(flow, text, asked, confirming, needs) or _numbers(flow, said, asked, needs)
    if given.all_said or (given and polite):
        intent = ""
    yes, no = is_yes(text), is_no(text)
    return Understood(
        intent=intent,
        values=given.values,
        partial=given.partial,
        partial_slot=given.slot if given.partial else "",
        yes=yes and not no,
        no=no,
        forgotten=frozenset(slot.name for slot in flow.slots.values() if _forgets(slot, heard)),
    )


def waits(flow: Flow, text: str, said: Understood, asked: str = "") -> bool:
    """Whether the caller only asks for patience: "hold on", "let me look", where it is no wish of this flow. Who looks
    for the value of the slot that was `asked` for may say so by muttering only: "where is it"."""
    if said.intent and not flow.intents[said.intent].polite:
        return False
    looks = asked in flow.slots and flow.slots[asked].kind != "yes_no"
    return asks_patience(text) if looks else asks_to_wait(text)


# --- values -----------------------------------------------------------------------------------------------------------


def _answered(
    flow: Flow, text: str, said: tuple[str, ...], slot: Slot | None, before: str, pattern: Pattern, *, polite: bool
) -> _Given:
    """What the sentence gives to the slot that was asked for, as far as it is not a wish of its own."""
    if slot is None:
        return _Given()
    if slot.kind == "name" and polite:  # "good morning, Jane Doe"
        text = " ".join(word for word in said if not any(word in place for place in pattern))
    wish = bool(pattern) and not polite
    value, partial = answer(slot, text, before)
    if slot.kind == "yes_no":
        return _yes_no(flow, text, said, slot, value)
    if slot.kind == "digits":
        others = _numbers(flow, said, slot.name) if value or not partial else _Given()
        if value:
            return _Given({slot.name: value, **{name: v for name, v in others.values.items() if name != slot.name}})
        return others if others.values else _Given(partial=partial or others.partial, slot=slot.name)
    if slot.kind in ("name", "free") and wish and _is_meant(pattern, said):
        return _Given()
    if value:
        return _Given({slot.name: value}, all_said=slot.kind not in ("date", "money"))
    return _Given() if wish else _Given(partial=partial, slot=slot.name)


def _yes_no(flow: Flow, text: str, said: tuple[str, ...], slot: Slot, value: str) -> _Given:
    yes, no = value == "yes" or (not value and is_yes(text)), value == "no" or (not value and is_no(text))
    values = {slot.name: not no} if yes or no else {}
    return _Given({**values, **_numbers(flow, said, slot.name).values})


def _is_meant(pattern: Pattern, said: tuple[str, ...]) -> bool:
    """Whether a phrase is what the sentence is about, and not some words in it: half of what it says at least."""
    tell = [word for word in said if word not in CARRIER_WORDS]
    return 2 * sum(any(word in place for place in pattern) for word in tell) >= len(tell)


def _said_besides(flow: Flow, text: str, asked: str, confirming: tuple[str, ...], needs: tuple[str, ...]) -> _Given:
    """A value that nobody asked for. A sensitive one is asked for all the same: what is asked for is kept secret."""
    slots = [flow.slots[name] for name in confirming or needs if name != asked]
    if not confirming:
        slots = [slot for slot in slots if not slot.sensitive]
    dates = [slot for slot in slots if slot.kind == "date"]
    name, value = besides(
        [slot for slot in slots if slot.kind != "date" or len(dates) == 1], text, named=bool(confirming)
    )
    return _Given({name: value}) if name else _Given()


def _numbers(flow: Flow, said: tuple[str, ...], asked: str, needs: tuple[str, ...] = ()) -> _Given:
    """Numbers are known by their length, whenever they are said; one of another length is a part of what was asked."""
    runs = digit_runs(said)
    slots = [slot for slot in flow.slots.values() if slot.kind == "digits"]
    slots.sort(key=lambda slot: (slot.name != asked, slot.name not in needs))
    values: dict[str, str | bool] = {slot.name: value for slot in slots if (value := number(slot, said, runs))}
    if values or not runs or not slots or (asked and slots[0].name != asked):
        return _Given(values)
    return _Given(partial=part_of_number(said, runs, asked=bool(asked)), slot=slots[0].name)


# --- intents ----------------------------------------------------------------------------------------------------------


def _forgets(slot: Slot, said: tuple[str, ...]) -> bool:
    return any(matches(pattern, said) for pattern in slot.forget)


def _intent(flow: Flow, said: tuple[str, ...]) -> tuple[str, Pattern]:
    """The intent with the longest phrase in what was said, and the phrase; of equals, the first in the file; polite
    ones come last."""
    best: tuple[str, Pattern] = "", ()
    best_weight = (False, 0)
    for intent in flow.intents.values():
        for pattern in intent.heard:
            weight = (not intent.polite, len(pattern))
            if weight > best_weight and matches(pattern, said):
                best, best_weight = (intent.name, pattern), weight
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
