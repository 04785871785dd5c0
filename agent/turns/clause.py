"""Clause: what the words said so far lack to be a sentence: a verb, a main clause, what a last word asks for. Pure.

Words are small and without punctuation, apostrophes kept. English.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import NamedTuple

from agent.turns.sentence_ends import SentenceEnds
from agent.turns.unfinished import AUXILIARIES, FRONTED, PARTICLES, PREPOSITIONS

#: A noun or its adjective follows.
_DETERMINERS = frozenset(
    "the a an my your his her its our their this these those some any no each every another which what both all "
    "one two three four five six seven eight nine ten".split()
)
#: They open a clause that wants a verb of its own. ("before", "since" are prepositions as often.)
_SUBORDINATORS = frozenset(
    "because cause if when while who whose what where how although though unless until whether whereas".split()
)
#: With one of these at the start, a clause is to follow that wants its own verb.
_CONDITIONS = frozenset("if when unless although though while once as whenever".split())
_QUESTIONS = frozenset(
    "what where who when why how which what's where's who's how's when's is are was were do does did have has "
    "can could will would should may please".split()
)
#: What they begin, a participle goes on with ("has been saved"): it is no new verb.
_BEING = frozenset("is are was were be been being it's that's i'm we're you're they're he's she's get got".split())
#: They stand between an auxiliary and its verb, which are one: "does not come", "have already been".
_WITHIN_VERBS = frozenset("not never just already also still ever really".split())
#: A word is an adjective from this much likelier after "very" than after "the".
_QUALITY_FROM = 0.0
#: Whole objects in one word.
_OBJECTS = frozenset("it them everything nothing".split())
_PRONOUNS = frozenset("i you he she it we they who that which there".split())
#: After one of these a verb stands as in the dictionary.
_BEFORE_BARE = frozenset("to please can could would will i'd you'd we'd i'll you'll we'll don't let then and".split())
#: Never a sentence's verb, whatever a language model thinks.
_NO_VERBS = (
    PREPOSITIONS | PARTICLES | _DETERMINERS | _SUBORDINATORS | _CONDITIONS | _PRONOUNS
    | frozenset(
        "me him us them not very always still now often never too also just more most less than then else so well "
        "here where why how and or but yes okay sure only even yet already again ever soon away back first last next "
        "best better hello hi thanks good quite rather".split()
    )
)  # fmt: skip
_CLITICS = ("'s", "'m", "'re", "'d", "'ll", "'ve")
_CLITIC_SUBJECTS = _PRONOUNS | frozenset("here what where how let".split())
#: A word counts as a verb from this much likelier after a subject than after "the".
_VERB_FROM = 0.75
#: After a subject, a plural, or at the start, less is enough.
_EXPECTED = 1.0


class Clause(NamedTuple):
    """Evidence on whether the words are a whole. All but `end` lie between 0 and 1."""

    end: float
    """Log odds that a sentence ends after the last two words, as a language model has it (usual: -2)."""
    beyond: float
    """So much has been said since the last verb: its object; 1 from four words on."""
    length: float
    """1 from five words on."""
    hanging: float
    """A clause was opened ("because", "who") and has no verb yet."""
    condition: float
    """It began as a condition ("if", "when", "to hear it") and lacks its own verb (1), or the main clause's (0.5)."""
    asks: float
    """It began as a question or with "please"."""
    preposition: float
    """It ends on a preposition."""
    auxiliary: float
    """It ends on an auxiliary ("he said he would")."""
    bare_quality: float
    """It ends on an adjective whose noun must follow ("on the smooth")."""
    fronted: float
    """It ends on a verb whose object may stand before ("what do i need to bring")."""
    rare: float
    """The table does not have the last word."""


def read_clause(said: Sequence[str], table: SentenceEnds) -> Clause:
    """The evidence in these words; at least one."""
    hanging_verb = 0.0
    last_verb, verbs, opened, front = -1, 0, False, False
    joined = False
    before = ""
    likely = 0.0
    for at, word in enumerate(said):
        relative = word == "that" and likely < 0.5 and before not in _NO_VERBS  # "a platform that"
        likely = _verb(word, before, table)
        if at and (relative or word in _SUBORDINATORS):
            opened, hanging_verb = True, 0.0
        hanging_verb = max(hanging_verb, likely)
        if likely > 0.5:
            verbs += not joined
            joined = word in AUXILIARIES
            if before not in _BEING or at == 0:
                last_verb = at
        elif word not in _WITHIN_VERBS:
            joined = False
        front = front or (at < len(said) - 2 and word in FRONTED)
        before = word
    return Clause(
        end=_end(said, likely, table) + 2.0,
        beyond=min(len(said) - 1 - last_verb + (said[-1] in _OBJECTS), 4) / 4 if last_verb >= 0 else 0.0,
        length=min(len(said), 5) / 5,
        hanging=1.0 - hanging_verb if opened else 0.0,
        condition=_condition(said[0], verbs),
        asks=float(said[0] in _QUESTIONS),
        preposition=float(said[-1] in PREPOSITIONS),
        auxiliary=float(said[-1] in AUXILIARIES),
        bare_quality=_bare_quality(said, table),
        fronted=likely if front and said[-1] not in AUXILIARIES else 0.0,
        rare=float(said[-1] not in table),
    )


def _condition(first: str, verbs: int) -> float:
    """How much is missing of what such a first word promises: two verbs, or "to" with its own and another."""
    if first in _CONDITIONS or (first == "to" and verbs):
        return max(0.0, 1.0 - verbs / 2)
    return 0.0


def _end(said: Sequence[str], verb: float, table: SentenceEnds) -> float:
    """The log odds of an end after the last two words."""
    last = said[-1]
    if len(said) == 1:
        return table.use(last).end
    before = said[-2]
    pair = table.pair(before, last)
    if pair is not None:
        return pair
    use = table.use(last)
    if _noun_follows(before) or (len(said) > 2 and before not in _NO_VERBS and said[-3] in _DETERMINERS):
        return use.end_as_noun
    return use.end_as_verb if verb > 0.5 else use.end


def _bare_quality(said: Sequence[str], table: SentenceEnds) -> float:
    last, before, first = said[-1], said[-2] if len(said) > 1 else "", said[-3] if len(said) > 2 else ""
    if not _noun_follows(before) and not (_noun_follows(first) and before not in _NO_VERBS):
        return 0.0
    return 1.0 / (1.0 + exp(-2.0 * (table.use(last).quality - _QUALITY_FROM)))


def _noun_follows(word: str) -> bool:
    return word in _DETERMINERS or (word in PREPOSITIONS and word != "to")


def _verb(word: str, before: str, table: SentenceEnds) -> float:
    """0 to 1: how likely `word` is a verb that makes a clause, after the word `before` ("" at the start)."""
    if word in AUXILIARIES:
        return 1.0
    if "'" in word and word.endswith(_CLITICS):
        return float(word.partition("'")[0] in _CLITIC_SUBJECTS)
    if word in _NO_VERBS or _noun_follows(before):
        return 0.0
    use = table.use(word)
    if not before:
        odds = use.bare + 0.5 * _EXPECTED
    elif before in _BEFORE_BARE:
        odds = max(use.bare, use.finite)
    elif before in _PRONOUNS:
        odds = use.finite + _EXPECTED
    elif before.endswith("s") and before not in AUXILIARIES and not before.endswith(("ss", "'s")):
        odds = max(use.finite, use.bare) + _EXPECTED
    else:
        odds = use.finite
    return 1.0 / (1.0 + exp(-2.0 * (odds - _VERB_FROM)))
