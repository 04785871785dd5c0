"""Distils agent/turns/sentence_ends.txt from the English trigram model in the `pocketsphinx` wheel.

    .venv/bin/python scripts/distil_sentence_ends.py

Nothing else needs that model for it: what this writes is committed. The same model gives the same bytes each time.
Of each frequent word: how likely a sentence ends after it (anywhere, as a noun, as a verb), and how much likelier it is
after a subject, after "to" and after "very" than after "the". Of pairs of words: how likely a sentence ends after
them, where the last word alone tells something else. The model's licence: docs/licences.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

import pocketsphinx

OUT = Path(__file__).resolve().parents[1] / "agent" / "turns" / "sentence_ends.txt"
#: Looked at: so many of the model's most frequent words; rarer ones change next to nothing.
WORDS = 15000
#: Of those after the first COMMON ones, only what is no plain noun is written: verbs, mostly ("slid", "swam").
COMMON = 3000
PLAIN_END, PLAIN_VERB = (-2.25, -1.0), -0.5
#: So many pairs are kept: those that tell most.
PAIRS = 4500
#: Pairs are sought among so many words.
PAIR_WORDS = 2500
#: Figures are written as letters: steps of so many nats, "a" lowest, "z" highest.
END_LEAST, END_STEP = -6.0, 0.25
VERB_LEAST, VERB_STEP = -6.25, 0.5

SUBJECTS = "i he she they we you it who".split()
BEFORE_VERB = "to can will would could please don't".split()
BEFORE_NOUN = "the a my your his this some".split()
BEFORE_QUALITY = "very so too more is are".split()
PREPOSITIONS = "of in on at for with from by".split()
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")

HEADER = """\
# Distilled by scripts/distil_sentence_ends.py from the US English language model of CMUSphinx (see docs/licences.md).
# word, six letters: end of sentence after it; the same, within "the" or "of" and it; the same, within "they" or "to"
# and it; after a subject; after "to"; after "very". word word, one letter: end of sentence after the two.
"""


def main() -> None:
    lm = pocketsphinx.NGramModel(
        pocketsphinx.Config(), pocketsphinx.LogMath(), pocketsphinx.get_model_path("en-us/en-us.lm.bin")
    )
    nat = math.log(1.0001)  # the model's logarithms have this base

    def log_p(word: str, *history: str) -> float:
        """ln P(word | history), the history's last word first."""
        return float(lm.prob([word, *history])) * nat

    def end_after(word: str, befores: list[str]) -> float:
        """The odds that a sentence ends after `word`, where one of these stands before it."""
        mass = [math.exp(log_p(before) + log_p(word, before)) for before in befores]
        ending = [math.exp(log_p("</s>", word, before)) * weight for before, weight in zip(befores, mass, strict=True)]
        return _odds(math.log(sum(ending) / sum(mass)))

    frequent = sorted(_vocabulary(), key=lambda word: (-log_p(word), word))[:WORDS]
    lines: list[str] = []
    for rank, word in enumerate(frequent):
        end = _odds(log_p("</s>", word))
        noun = _mean(log_p(word, before) for before in BEFORE_NOUN)
        finite = _mean(log_p(word, before) for before in SUBJECTS) - noun
        bare = _mean(log_p(word, before) for before in BEFORE_VERB) - noun
        quality = _mean(log_p(word, before) for before in BEFORE_QUALITY) - noun
        if rank < COMMON or max(finite, bare, quality) > PLAIN_VERB or not PLAIN_END[0] <= end <= PLAIN_END[1]:
            ends = (end, end_after(word, BEFORE_NOUN + PREPOSITIONS), end_after(word, SUBJECTS + BEFORE_VERB))
            letters = [_letter(odds, END_LEAST, END_STEP) for odds in ends]
            letters += [_letter(odds, VERB_LEAST, VERB_STEP) for odds in (finite, bare, quality)]
            lines.append(f"{word} {''.join(letters)}")
    lines.sort()
    known = len(lines)
    telling: list[tuple[float, str]] = []
    for last in frequent[:PAIR_WORDS]:
        alone = _odds(log_p("</s>", last))
        for before in frequent[:PAIR_WORDS]:
            both = _odds(log_p("</s>", last, before))
            if abs(both - alone) > 2 * END_STEP:
                weight = math.exp(log_p(before) + log_p(last, before)) * abs(both - alone)
                telling.append((-weight, f"{before} {last} {_letter(both, END_LEAST, END_STEP)}"))
    lines += sorted(line for _, line in sorted(telling)[:PAIRS])
    OUT.write_text(HEADER + "\n".join(lines) + "\n", encoding="ascii")
    print(f"{OUT.name}: {known} words, {len(lines) - known} pairs, {OUT.stat().st_size} bytes")


def _vocabulary() -> set[str]:
    dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8")
    found = {line.split(maxsplit=1)[0] for line in dictionary.splitlines() if line}
    return {word for word in found if WORD.fullmatch(word) and (len(word) > 1 or word in "aio")}


def _mean(logs: Iterable[float]) -> float:
    """The logarithm of the mean probability."""
    found = list(logs)
    return math.log(sum(math.exp(log) for log in found) / len(found))


def _odds(log: float) -> float:
    p = min(math.exp(log), 1 - 1e-6)
    return math.log(p / (1 - p))


def _letter(value: float, least: float, step: float) -> str:
    return chr(ord("a") + max(0, min(25, round((value - least) / step))))


if __name__ == "__main__":
    main()
