"""Claims: a sentence that says something was done ("I've cancelled it"), and whether a tool of this call has done it.

Pure; English, and whatever phrases a tool names itself (`claims=…`). What is told of the state of things ("your order
was cancelled") may also stand in what a lookup has found; what the agent says that it has done, it must have done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.language.words import words
from agent.tools.base import Tool
from agent.tools.phrases import says_one_of
from agent.tools.verbs import ACTS, act_of, acts_in, done_forms, is_past_only

#: Their names say nothing of what a sentence would claim: "sent" is about no keys, "taken" about no message.
_BY_PHRASE_ONLY = frozenset(("send_keys", "take_message", "hang_up"))
#: Tools that only lead the call somewhere: "all done" is not about them.
_LEAD = frozenset(("send_keys", "hang_up", "transfer_to_person"))

_STOPS = ".!?;:\n\u2026\u3002\uff01\uff1f"
_WE = ("i", "we")
_OTHERS = ("you", "they", "he", "she", "who")
_BE = ("is", "are", "was", "were", "been", "am", "got")
#: Between "is" and what was done.
_BETWEEN = frozenset(
    "now just already all also both been successfully officially being then finally fully safely".split()
)
#: With one of these, a clause says what was not, will be or may be.
_NOT_SO = frozenset(
    "not no never nothing none nobody neither nor without cannot will would shall should could can may might must if "
    "unless once when whenever until whether soon before after while need needs needed want wants wanted like try "
    "trying being please".split()
)
#: It was done, and it is not said what. ("You're all set" is a way to say goodbye.)
_ALL_DONE = ("it is done", "that is done", "it has been done", "taken care of", "it is sorted", "that is sorted")
_OPENERS = frozenset(
    "and all great okay ok done perfect good right there now so successfully alright fine sure".split()
)
_AFTER_BARE = frozenset("for to on at and now it you that successfully as".split())
#: The first word of a tool's `outcome` when nothing was done, or not yet.
_REFUSALS = frozenset(
    "not no none nothing failed failure error refused declined denied rejected invalid already unknown unavailable "
    "missing too cannot could timeout busy started pending".split()
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something a sentence says was done. `tools`: any of these may have done it; none: no tool of the agent can.
    `stem`: how the words for it begin ("cancel"), "" where it is not said what. `state`: it is told how things are, not
    who made them so."""

    tools: tuple[str, ...]
    stem: str
    state: bool


@dataclass(frozen=True, slots=True)
class Used:
    """A tool that this call has used, and what came of it."""

    name: str
    ok: bool
    result: Any


def claims(sentence: str, tools: Mapping[str, Tool]) -> tuple[str, ...]:
    """The names of the tools whose effect the sentence claims, each once."""
    return tuple(dict.fromkeys(name for claim in find_claims(sentence, tools) for name in claim.tools))


def unproved(sentence: str, tools: Mapping[str, Tool], used: Iterable[Used]) -> tuple[Claim, ...]:
    """What the sentence claims and nothing in this call bears out: it must not be said yet, or not at all."""
    found = find_claims(sentence, tools)
    if not found:
        return ()
    used = tuple(used)
    return tuple(claim for claim in found if not borne_out(claim, tools, used))


def borne_out(claim: Claim, tools: Mapping[str, Tool], used: Sequence[Used]) -> bool:
    """Whether a tool with the effect has given its receipt; of a state, whether any result tells of it."""
    for each in used:
        tool = tools.get(each.name)
        if tool is not None and each.name in claim.tools and is_receipt(each):
            return True
        if claim.state and each.ok and claim.stem and _tells(each.result, claim.stem):
            return True
    return False


def is_receipt(used: Used) -> bool:
    """Whether a result says that it was done: not a failure, and no `outcome` such as "not_found"."""
    if not used.ok:
        return False
    if not isinstance(used.result, Mapping):
        return True
    outcome = used.result.get("outcome")
    first = words(outcome.replace("_", " "))[:1] if isinstance(outcome, str) else ()
    return not used.result.get("error") and outcome != "full" and not _REFUSALS & set(first)


def find_claims(sentence: str, tools: Mapping[str, Tool]) -> tuple[Claim, ...]:
    """What a sentence, or several, claims. A question claims nothing."""
    effects = [tool for tool in tools.values() if tool.effect != "read"]
    found: list[Claim] = []
    for part, asks in _sentences(sentence):
        if asks:
            continue
        found += [
            Claim((tool.name,), "", state=False)
            for tool in effects
            if tool.claims and says_one_of(part, tool.claims) and not _NOT_SO & set(words(part))
        ]
        ours = False
        for clause in part.split(","):
            said = words(clause)
            if not said or _NOT_SO & set(said[:-1]):
                ours = False
                continue
            made = _by_verb(said, effects, carried=ours)
            ours = any(not claim.state for claim in made)
            found += made
            if not made and effects and _is_all_done(said):
                names = tuple(tool.name for tool in effects if tool.name not in _LEAD)
                found += [Claim(names, "", state=False)] if names else []
    return tuple(dict.fromkeys(found))


def _sentences(text: str) -> Iterable[tuple[str, bool]]:
    """Each sentence, and whether it is a question. A point within a number or an address ends none."""
    start = 0
    for at, sign in enumerate(text):
        if sign in _STOPS and (sign != "." or not text[at + 1 : at + 2].isalnum()):
            yield text[start:at], sign in "?\uff1f"
            start = at + 1
    if text[start:].strip():
        yield text[start:], False


def _by_verb(said: Sequence[str], effects: Sequence[Tool], *, carried: bool) -> list[Claim]:
    """The claims of one clause that has no "not", "if" or "will". `carried`: the clause before was about us."""
    found: list[Claim] = []
    for at, word in enumerate(said):
        for verb in done_forms(word):
            how = _how(said, at, verb, carried=carried)
            if how is not None:
                found += _claim(verb, said, effects, state=how == "state")
        if word in ("able", "managed") and said[at + 1 : at + 2] == ("to",) and set(_WE) & set(said[:at]):
            for verb in said[at + 2 : at + 3]:
                found += _claim(verb, said, effects, state=False)
    return found


def _how(said: Sequence[str], at: int, verb: str, *, carried: bool) -> str | None:
    """Whether the word at `at` says that we have done something ("ours"), that it is so ("state"), or neither."""
    before = said[:at]
    near = list(before)
    while near and near[-1] in _BETWEEN:
        near.pop()
    if "being" in before[-3:]:
        return None
    if (near and near[-1] in _BE) or "been" in before[-3:]:
        return "state"
    ours = max((index for index, word in enumerate(before) if word in _WE), default=-1)
    if ours >= 0:
        between = before[ours + 1 :]
        if is_past_only(verb) and "have" not in between:
            return None
        for index, word in enumerate(between):
            if word in _OTHERS and (index == 0 or between[index - 1] not in ("got", "have", "had")):
                return None
        return "ours"
    opened = all(word in _OPENERS for word in before)
    if carried and opened and "and" in before:
        return "ours"
    after = said[at + 1 : at + 2]
    return "state" if opened and (not after or after[0] in _AFTER_BARE) else None


def _claim(verb: str, said: Collection[str], effects: Sequence[Tool], *, state: bool) -> list[Claim]:
    act = act_of(verb)
    able = [
        tool for tool in effects if tool.name not in _BY_PHRASE_ONLY and act in acts_in(tool.name, tool.description)
    ]
    if not able and (state or act not in ACTS):
        return []  # "this call is recorded", "I've checked": nothing that a tool of effect would do
    if len(able) > 1:  # "cancelled your subscription": not the tool that cancels orders
        named = [tool for tool in able if _nouns(tool.name, said)]
        able = named or able
    return [Claim(tuple(tool.name for tool in able), verb, state)]


def _nouns(name: str, said: Collection[str]) -> bool:
    nouns = [part for part in name.lower().split("_")[1:] if len(part) > 2]
    return any(word.rstrip("s") == noun.rstrip("s") for noun in nouns for word in said)


def _is_all_done(said: Sequence[str]) -> bool:
    return says_one_of(" ".join(said), _ALL_DONE) or tuple(said) == ("done",)


def _tells(result: Any, stem: str) -> bool:
    """Whether a word in a result (a key, or a text, however deep) begins so."""
    stack = [result]
    while stack:
        each = stack.pop()
        if isinstance(each, Mapping):
            stack += [*each.keys(), *each.values()]
        elif isinstance(each, str):
            said = words(each.replace("_", " "))
            if any(word.startswith(stem) or act_of(stem) in map(act_of, done_forms(word)) for word in said):
                return True
        elif isinstance(each, Sequence):
            stack += each
    return False
