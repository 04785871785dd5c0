"""What is expected of a kept call: its outcome as sentences of the pytest plugin, to be said and to be written. Pure.

A text may be anything that a stranger said on the telephone, and becomes Python: so nothing is ever written but names
of our own, and values by `repr`, which escapes what is no printable character.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.masking import MARK
from agent.summary import percentile
from telephony.replay.judging.outcome import Outcome, ToolRun
from telephony.replay.keep.marks import strings
from telephony.replay.testing.course import ENDINGS
from telephony.replay.testing.matching import spoken
from telephony.replay.testing.sentences import CallStory
from telephony.replay.testing.story import refused

MARGIN = 0.25
"""A test is there to catch a change of the agent, not of a frame: so much more than the record's p95 may the answers
take, at least LEAST_MARGIN_MS, rounded up to ROUND_MS."""
LEAST_MARGIN_MS = 100
ROUND_MS = 50
LINE = 110
"""Room for code in a line of the test, at an indent of four."""

#: What can be left unsaid of a cut-off utterance without a word being lost: a mark, and what stands around it.
_HIDDEN = re.compile(rf"\s*[^\s]*{MARK}(?:[\s,–-]*{MARK})*[^\s\w]*\s*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: the method's name, what it takes, and `why`, a line about it of our own words."""

    name: str
    texts: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


#: What is said in one breath: the next sentence is about what this one gave back.
Chain = tuple[Sentence, ...]


def expectations(outcome: Outcome, *, p95_ms: int | None = None) -> list[Chain]:
    """What `outcome` tells, in the order in which somebody reads a test. `p95_ms`: the record's own, if higher."""
    return [chain for part in (_understood, _tools, _heard, _course) for chain in part(outcome)] + _waits(
        outcome, p95_ms
    )


def say(story: CallStory, chain: Chain) -> None:
    """Say it of a call. Raises AssertionError if it does not hold, ValueError if it cannot be said."""
    told: Any = story
    for sentence in chain:
        told = getattr(told, sentence.name)(*sentence.texts, **sentence.values)


def written(chain: Chain) -> list[str]:
    """It as lines of Python, from "call" on, without an indent."""
    lines = [f"# {sentence.why}" for sentence in chain if sentence.why]
    lines.append("call")
    for sentence in chain:
        short = f".{sentence.name}({', '.join(_arguments(sentence))})"
        if len(lines[-1]) + len(short) <= LINE or not (sentence.texts or sentence.values):
            lines[-1] += short
            continue
        lines[-1] += f".{sentence.name}("
        arguments = list(_arguments(sentence, parts=True))
        if len(arguments) == 1 and arguments[0].startswith("("):  # alone, it needs no brackets of its own
            arguments = [line.strip() for line in arguments[0].split("\n")[1:-1]]
        for argument in arguments:
            lines += [f"    {line}" for line in argument.split("\n")]
        lines.append(")")
    return lines


def _arguments(sentence: Sentence, *, parts: bool = False) -> Iterator[str]:
    comma = "," if parts else ""
    for text in sentence.texts:
        yield (_in_parts(text) if parts else literal(text)) + comma
    plain = {name: value for name, value in sentence.values.items() if name.isidentifier() and _free(name)}
    for name, value in plain.items():
        yield f"{name}={literal(value)}{comma}"
    rest = {name: value for name, value in sentence.values.items() if name not in plain}
    if rest:
        yield f"**{literal(rest)}{comma}"


def _free(name: str) -> bool:
    return name.isascii() and not keyword.iskeyword(name)  # Python folds other letters: "ſ" would become "s"


def literal(value: Any) -> str:
    """Python that means exactly `value`, which is JSON's: texts, numbers, lists and the like."""
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in value else text
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(str(key))}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return literal(str(value))


def _in_parts(text: str) -> str:
    """A long text as several literals in a row, which Python puts together."""
    if len(literal(text)) <= LINE - 8:
        return literal(text)
    parts = [""]
    for word in re.findall(r"\S*\s*", text):
        if parts[-1] and len(literal(parts[-1] + word)) > LINE - 12:
            parts.append("")
        parts[-1] += word
    return "(\n    " + "\n    ".join(literal(part) for part in parts if part) + "\n)"


# --- what an outcome tells ----------------------------------------------------------------------------------------


def _understood(outcome: Outcome) -> Iterator[Chain]:
    texts = tuple(turn.text for turn in outcome.turns if spoken(turn.text))
    hidden = len(outcome.turns) - len(texts)
    if texts and not hidden:
        yield Sentence("understood", texts), Sentence("understood_nothing_else")
    elif texts:
        times = "one turn" if hidden == 1 else f"{hidden} turns"
        yield (Sentence("understood", texts, why=f"And {times} of which no word is known: masked in every record."),)


def _tools(outcome: Outcome) -> Iterator[Chain]:
    ran = [run for run in outcome.tools if run.ok]
    if not any(not refused(run) for run in outcome.tools):
        yield (Sentence("ran_nothing"),)
    elif ran:
        why = "What is confidential stands masked in every record." if any(map(_hidden, ran)) else ""
        first, *later = (Sentence("ran", (run.name,), _told(run)) for run in ran)
        yield replace(first, why=why), *(Sentence("then", sentence.texts, sentence.values) for sentence in later)
    for name in sorted(
        {run.name for run in outcome.tools if refused(run)} - {run.name for run in outcome.tools if not refused(run)}
    ):
        yield (Sentence("ran_no", (name,), why="It was asked for, and refused."),)


def _told(run: ToolRun) -> dict[str, Any]:
    """Its arguments, but for what equals nothing, not even itself."""
    nothing = [name for name, value in run.arguments.items() if isinstance(value, float) and math.isnan(value)]
    return {str(name): value for name, value in run.arguments.items() if name not in nothing}


def _hidden(run: ToolRun) -> bool:
    return any(MARK in text for text in strings(run.arguments))


def _heard(outcome: Outcome) -> Iterator[Chain]:
    for said in outcome.said:
        parts = [] if said.aside else _HIDDEN.split(said.text)
        for part in parts:
            if len(spoken(part, within=True)) > (len(parts) > 1):  # one word between two secrets says nothing
                # Where an utterance is cut short moves by a word with the least change of its time.
                yield (Sentence("heard" if said.complete else "said", (part.strip(),)),)


def _course(outcome: Outcome) -> Iterator[Chain]:
    sentences = [Sentence("was_interrupted" if outcome.barge_ins_ms else "was_not_interrupted")]
    if not outcome.cutoffs and (outcome.turns or outcome.rejected):
        sentences.append(Sentence("had_no_cutoffs"))
    if not outcome.errors and all(run.ok is not False or refused(run) for run in outcome.tools):
        sentences.append(Sentence("had_no_errors"))
    who = next((name for name, reasons in ENDINGS.items() if outcome.ended_by in reasons), "")
    if who:
        sentences.append(Sentence("ended_by", (who,)))
    yield tuple(sentences)


def _waits(outcome: Outcome, recorded_ms: int | None) -> list[Chain]:
    known = [wait for wait in (percentile(outcome.waits_ms, 95), recorded_ms) if wait is not None]
    if not known or not outcome.waits_ms:
        return []
    longest = max(known)
    margin = max(LEAST_MARGIN_MS, longest * MARGIN)
    bound = math.ceil((longest + margin) / ROUND_MS) * ROUND_MS
    why = f"The record's p95 is {longest} ms; {MARGIN:.0%} more, at least {LEAST_MARGIN_MS} ms, may pass."
    return [(Sentence("answered_within", values={"p95_ms": bound}, why=why),)]
