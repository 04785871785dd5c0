"""Asides: what callers say instead of an answer (a question back, a refusal), and requests for patience. English.

Neither has a value in it. An aside is all of what its caller has to say, and must not be held as if a value were to
come; who asks for patience will answer, and must be waited for.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.language.numbers import NUMBER_WORDS, is_digit_word
from agent.language.words import HESITATIONS, words
from agent.slots.date_words import MONTHS, ORDINALS, RELATIVE, WEEKDAYS
from agent.slots.letters import NATO
from agent.slots.phrases import PATIENCE, match, phrases

#: Said before or between: they change nothing.
_AROUND = frozenset("okay ok yes yeah yep sure oh ah so and but then hi hello hey right sorry now".split())
_ASIDES = phrases(
    "bye, goodbye, good bye, bye bye, see you, forget it, never mind, nevermind, stop, stop it, cancel, cancel it, "
    "cancel that, cancel my order, cancel everything, start over, start again, from the start, go back, back, again, "
    "once again, come again, repeat, repeat it, repeat that, repeat the question, say that again, say it again, tell "
    "me again, one more time, once more, excuse me, pardon, pardon me, i beg your pardon, sorry, i am sorry, huh, eh, "
    "speak up, louder, slower, slow down, speak slowly, speak slower, not so fast, skip, skip it, skip that, skip "
    "this, next, next question, pass, wrong, wrong number, that is wrong, that is not right, that is incorrect, you "
    "tell me, you should know, you know that, you know it, the other one, the other number, the same, same, the same "
    "one, the same as before, same as before, as before, no idea, do not know, not sure, not really, do not have one, "
    "none, nothing, nobody, no one, unknown, private, secret, that is private, none of your business, that is none of "
    "your business, there is none, agent, an agent, operator, the operator, representative, a representative, customer "
    "service, customer support, support, human, a human, person, a person, a real person, real person, somebody, "
    "someone, help, help me, main menu, menu, are you there, you there, very funny, "
    "ridiculous, this is ridiculous, come on, nonsense, i forgot, i forget, i have forgotten"
)
#: Which are also, or begin, a value: a person may be called so.
_VALUES = {"name": (("skip",),), "date": (("next",),)}
_THANKS = phrases("thanks, thank you, very much, so much, a lot, cheers")
_ASKING = frozenset("what where why who how which when whose whom".split())
_AUXILIARIES = frozenset("can could would will do does did is are am was were have has had should may shall".split())
_SUBJECTS = frozenset("i you we it this that there they he she anyone anybody somebody someone".split())
#: Behind "i", what leads to a value, or makes it a letter: "i am", "i think it is", "i as in india".
_LEADING = frozenset(
    "as for like is in dash hyphen underscore dot point plus then and double triple "
    "am was have has had got think believe guess say see can could will would live use go mean said call spell read "
    "wrote reckon suppose do should".split()
)
#: What an answer is not about: "i would like to speak to a person", "i would rather not".
_WISHES = frozenset("speak talk cancel ask know complain change rather pay buy already question mind want".split())
_REFUSING = frozenset("not never none nothing nobody neither without".split())
#: "One" beside these is no number: "i don't have one", "the one on the letter".
_BEFORE_ONE = frozenset(
    "have has had got the other that this which another different any no same right new old only".split()
)
_AFTER_ONE = frozenset("of more that thing time i you on in with from for is as".split())
_SIGNS_OF_EMAIL = frozenset("at dot underscore".split())
#: Kinds in which a sentence about oneself may lead to anything: "i need it by friday".
_TOLD = ("date", "money")

_WAIT = phrases(
    "wait, please wait, wait for me, hold, hold it, hang, a little moment, a short moment, a little second, one little "
    "moment, one tick, half a second, half a minute, five seconds, ten seconds, a couple of seconds, a few seconds, "
    "two moments, almost there, nearly there, it is here somewhere, it is somewhere here, it is around here, i had it "
    "here, it must be here, it should be here, it is here, i am here, i have got it here, i am still here, first, "
    "quickly, real quick, quick, really quick, in front of me, for me, for a second, for a moment, for a minute, if "
    "you do not mind, that is a good question, good question, give me, give me two seconds, give me just a moment"
)
#: What one does to find an answer: "let me get it", "i'll just grab my glasses", "i'm looking".
_SEEKING = phrases(
    "let me, let us, i will, i have to, i need to, i must, i have got to, i am, i am going to, i am still, i am trying "
    "to, still"
)
_FINDING = frozenset(
    "find finding look looking grab grabbing fetch fetching search searching get getting open opening check checking "
    "see think thinking".split()
)
_THINGS = frozenset(
    "it that this one them up for at in on out there here my the a an his her their now quickly first again pen "
    "glasses letter paper papers card wallet purse bag phone email mail envelope invoice bill note notes desk computer "
    "screen calendar diary folder box receipt contract statement passport number code again somewhere through".split()
)
#: Of what promises an answer, what asks nobody to wait where no value was asked for: "I see".
_MUTTERED = phrases(
    "you know, i see, what is it, what is it again, what was it, what was it again, how does it go, where is it, where "
    "was it, where did i put it, here it is, there it is, here we go"
)


def asks_patience(text: str) -> bool:
    """Whether all of `text` says that an answer will come: "hold on", "okay let me just get my glasses"."""
    return _patience(text)[0]


def asks_to_wait(text: str) -> bool:
    """The same, where more is said than one mutters while looking for a value: "hold on", not "I see"."""
    return all(_patience(text))


def _patience(text: str) -> tuple[bool, bool]:
    """Whether all of `text` says that an answer will come, and whether somebody is asked to wait for it."""
    said = words(text)
    at, found, asked = 0, False, False
    while at < len(said):
        size = max(match(PATIENCE, said, at), match(_WAIT, said, at), _seeks(said, at))
        found = found or bool(size)
        asked = asked or match(_MUTTERED, said, at) < size
        size = size or (said[at] in _AROUND)
        if not size:
            return False, False
        at += size
    return found and not _only_here(said), asked


def is_aside(kind: str, text: str) -> bool:
    """Whether `text`, an answer to a question for a `kind`, is something else and has no value in it."""
    said = [word for word in words(text) if word not in HESITATIONS]
    if not said or _has_value(kind, said):
        return False
    if _listed(kind, said):
        return True
    start = next((at for at, word in enumerate(said) if word not in _AROUND and word != "no"), len(said))
    said = said[start:]
    if len(said) < 2:
        return bool(said) and said[0] in _ASKING
    if said[0] in _ASKING or (said[0] in _AUXILIARIES and said[1] in _SUBJECTS):
        return True
    if len(said) > 2 and not _REFUSING.isdisjoint(said):
        return True
    if said[0] != "i" or len(said) < 3 or len(said[1]) == 1:
        return False
    return not _WISHES.isdisjoint(said) or (kind not in _TOLD and said[1] not in _LEADING)


def _listed(kind: str, said: Sequence[str]) -> bool:
    """Whether all of it is asides that are known, one of them at least."""
    at, found = 0, False
    while at < len(said):
        size = match(_ASIDES, said, at)
        if size and tuple(said[at : at + size]) in _VALUES.get(kind, ()):
            return False
        found = found or bool(size)
        size = size or match(_THANKS, said, at) or said[at] in _AROUND or said[at] == "no"
        if not size:
            return False
        at += size
    return found


def _has_value(kind: str, said: Sequence[str]) -> bool:
    """Whether a word of it can be of a value."""
    if kind == "email":
        return not _SIGNS_OF_EMAIL.isdisjoint(said)
    if kind in ("name", "yes_no"):
        return False
    numbers = [at for at, word in enumerate(said) if (is_digit_word(word) or word in NUMBER_WORDS) and word != "oh"]
    numbers += [at for at, word in enumerate(said) if word[0].isdecimal() and at not in numbers]
    if numbers and not (len(numbers) == 1 and said[numbers[0]] == "one" and _no_number(said, numbers[0])):
        return True
    if kind == "date":
        days = {*WEEKDAYS, *ORDINALS, *MONTHS} - {"may", "second"}
        return not days.isdisjoint(said) or any(match(RELATIVE, said, at) for at in range(len(said)))
    return kind == "spelled" and any((len(word) == 1 and word not in "ai") or word in NATO for word in said)


def _no_number(said: Sequence[str], at: int) -> bool:
    before, after = said[at - 1] if at else "", said[at + 1] if at + 1 < len(said) else ""
    return before in _BEFORE_ONE or after in _AFTER_ONE


def _seeks(said: Sequence[str], at: int) -> int:
    """How many words here tell of looking for the answer."""
    size = match(_SEEKING, said, at)
    if not size or at + size >= len(said) or said[at + size] not in _FINDING:
        return 0
    end = at + size + 1
    while end < len(said) and said[end] in _THINGS:
        end += 1
    return end - at


def _only_here(said: Sequence[str]) -> bool:
    """Whether nothing was said but that somebody is there."""
    return tuple(word for word in said if word not in _AROUND) in (("i", "am", "here"), ("first",), ("quickly",))
