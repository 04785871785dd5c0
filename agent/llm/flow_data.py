"""What a flow.toml holds, once read: slots, intents, offers, replies (agent/llm/flowfile.py reads it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.slots.base import Asks, SlotKind

#: One thing a caller may say: in each place the words that may stand there.
Pattern = tuple[frozenset[str], ...]
#: The reply to a tool result that has no outcome of its own here.
OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Slot:
    """A value the caller gives. `length` (to `longest`) digits or letters; 0 where that is not known. `starts`: the
    intent a bare value begins; `forget`: what makes it be asked anew; `sensitive`: it is never written down
    (agent/privacy.py).
    """

    name: str
    kind: SlotKind
    length: int
    longest: int
    ask: str
    incomplete: str
    starts: str
    forget: tuple[Pattern, ...]
    sensitive: bool = False

    @property
    def asks(self) -> Asks:
        """What the question for it asks for."""
        return Asks(self.name, self.kind, self.sensitive, self.length, self.longest)

    @property
    def lengths(self) -> range:
        """How many digits or letters it may have; nothing where that is not known."""
        return range(self.length, max(self.length, self.longest) + 1) if self.length else range(0)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say to a tool's outcome, and how to go on: with an offer, or by asking a slot again. `protected`: the
    caller cannot interrupt it.
    """

    say: str
    offer: str = ""
    ask_again: str = ""
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A yes/no question after an answer: each answer leads to an intent, or to something said."""

    name: str
    ask: str
    yes: str
    no: str
    yes_say: str
    no_say: str


@dataclass(frozen=True, slots=True)
class Intent:
    """Something a caller wants.

    With `resume`, what was being asked is asked again after the reply. A `polite` one counts only where nothing else
    was said: the thanks in "no, thanks", the hello in "hello, where is my parcel". Of `first` and `confirm`, those in
    `protected` cannot be interrupted.
    """

    name: str
    heard: tuple[Pattern, ...]
    needs: tuple[str, ...]
    tool: str
    arguments: Mapping[str, str]
    first: str
    confirm: str
    declined: str
    reply: Reply
    replies: Mapping[str, Reply]
    resume: bool
    repeat: bool
    polite: bool
    protected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole flow.toml."""

    question: str
    failed: str
    misses: tuple[str, str]
    last_offer: str
    slots: Mapping[str, Slot]
    intents: Mapping[str, Intent]
    offers: Mapping[str, Offer]
    patience: str = ""
    """Said to who asks for patience: the agent's `phrases.take_your_time`."""

    def sensitive_lengths(self) -> tuple[int, ...]:
        """How many digits only sensitive values have here: a number of that length is one, whenever it is said."""
        digits = [slot for slot in self.slots.values() if slot.kind == "digits"]
        others = {length for slot in digits if not slot.sensitive for length in slot.lengths}
        return tuple(sorted({length for slot in digits if slot.sensitive for length in slot.lengths} - others))

    def questions(self) -> tuple[Asks, ...]:
        """What this conversation may ask for, each once: its slots, and yes or no where it offers or confirms."""
        asked = [Asks(kind=slot.kind, length=slot.length, longest=slot.longest) for slot in self.slots.values()]
        if self.offers or any(intent.confirm for intent in self.intents.values()):
            asked.append(Asks(kind="yes_no"))
        return tuple(dict.fromkeys(asked))


def arguments_for(intent: Intent, tool_takes: set[str] | None, slots: Mapping[str, object]) -> dict[str, object]:
    """What the intent's tool is called with: the mapping's slots, and those of the same name as a parameter."""
    given = {name: slots[name] for name in intent.needs if name in slots}
    if tool_takes is not None:
        given = {name: value for name, value in given.items() if name in tool_takes}
    return given | {argument: slots[slot] for argument, slot in intent.arguments.items() if slot in slots}
