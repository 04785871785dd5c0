"""Verbs of doing (English): what their past forms are, which mean the same act, and which a tool's name has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

#: Verbs that people take for the same act; an act goes by its first verb.
_SAME = (
    "cancel void",
    "send text email mail forward resend dispatch",
    "book reserve schedule arrange",
    "change update modify move reschedule correct adjust switch edit amend",
    "refund reimburse",
    "pay charge bill debit",
    "order buy purchase",
    "create open file register submit log raise add make",
    "delete remove erase",
    "block lock freeze disable deactivate suspend",
    "unblock unlock enable activate reactivate",
    "close end terminate",
    "confirm",
    "transfer",
    "renew extend",
    "upgrade",
    "downgrade",
    "reset",
    "notify inform alert",
    "subscribe enroll",
    "unsubscribe",
    "save store",
    "ship",
    "return",
    "replace",
    "apply",
    "approve",
    "escalate",
    "assign",
)
_IRREGULAR: Mapping[str, tuple[str, ...]] = {
    "send": ("sent",),
    "resend": ("resent",),
    "pay": ("paid",),
    "buy": ("bought",),
    "make": ("made",),
    "freeze": ("froze", "frozen"),
    "take": ("took", "taken"),
    "give": ("gave", "given"),
    "write": ("wrote", "written"),
    "put": ("put",),
    "set": ("set",),
    "reset": ("reset",),
    "hold": ("held",),
    "leave": ("left",),
    "tell": ("told",),
    "find": ("found",),
    "get": ("got", "gotten"),
    "do": ("did", "done"),
}
_ACT = {verb: group.split()[0] for group in _SAME for verb in group.split()}
#: The acts that are known to change something, whether or not an agent has a tool for them. "made", "opened" and
#: "ended" are said of too much else.
ACTS = frozenset(
    "cancel send book refund pay order delete block unblock renew upgrade subscribe unsubscribe ship transfer".split()
)


def act_of(verb: str) -> str:
    """The act that a verb stands for; a verb that is not known is an act of its own."""
    return _ACT.get(verb, verb)


def past_forms(verb: str) -> tuple[str, ...]:
    """How the verb is said of what was done: "cancel" gives "canceled" and "cancelled"."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return (f"{verb}d",)
    if verb.endswith("y") and verb[-2:-1] not in "aeou":
        return (f"{verb[:-1]}ied",)
    if verb[-1:] in "lptmrngb" and verb[-2:-1] in "aeiou":
        return (f"{verb}ed", f"{verb}{verb[-1]}ed")
    return (f"{verb}ed",)


def is_past_only(verb: str) -> bool:
    """Whether its past is said as its present is: "I set" alone says nothing of when."""
    return past_forms(verb) == (verb,)


_DONE: dict[str, tuple[str, ...]] = {}
for _verb in (*_ACT, *_IRREGULAR):
    for _form in past_forms(_verb):
        _DONE[_form] = (*_DONE.get(_form, ()), _verb)


@lru_cache(maxsize=2048)
def done_forms(word: str) -> tuple[str, ...]:
    """The verbs whose past this word is or may be: "sent" of "send", "waived" of "waive". None where it is no past."""
    if word in _DONE:
        return _DONE[word]
    if len(word) < 5 or not word.endswith("ed"):
        return ()
    stem = word[:-2]
    guesses = [stem, f"{stem}e"]
    if word.endswith("ied"):
        guesses.append(f"{word[:-3]}y")
    if stem[-1] == stem[-2]:
        guesses.append(stem[:-1])
    return tuple(guesses)


@lru_cache(maxsize=1024)
def acts_in(name: str, description: str) -> frozenset[str]:
    """The acts of a tool: the verbs in its name, "cancellation" counting as "cancel", and the first word of its
    description where that is a known verb."""
    parts = [part for part in name.lower().split("_") if part]
    found = {act_of(parts[0])} if parts else set()
    opening = description.split(maxsplit=1)[0].lower().strip(".,:;") if description.strip() else ""
    for part in (*parts, opening):
        found |= {act for verb, act in _ACT.items() if part == verb or (len(verb) > 3 and part.startswith(verb))}
    return frozenset(found)
