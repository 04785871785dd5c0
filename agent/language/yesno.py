"""Yes and no, as people say them (English). Pure. What counts as yes is narrow: a yes lets irreversible tools run."""

from __future__ import annotations

from agent.language.words import words

#: Yes on its own, whatever politely follows.
_STRONG = (
    "yes", "yeah", "yep", "yup", "yea", "correct", "absolutely", "definitely", "certainly", "exactly", "affirmative",
    "of course", "go ahead", "do it", "do that", "do so", "that is right", "that is correct", "i am sure",
    "sounds good", "i confirm",
)  # fmt: skip
#: Yes only when nothing of substance follows: these also open sentences ("okay, where is my parcel").
_WEAK = ("okay", "ok", "sure", "right", "alright", "all right", "fine", "good", "great", "perfect", "mhm",
    "i do", "i would", "you can", "confirm",
)  # fmt: skip
#: What may stand around a weak yes.
_POLITE = ("thanks", "thank you", "very much", "that is", "that would be", "then", "oh", "nice", "lovely")
#: With one of these the sentence is no plain yes: doubt, a question, a condition, a change of mind.
_DOUBT = frozenset(
    "not no nope never wait but stop unless if maybe perhaps later hold what when where why who how which "
    "another different instead wrong".split()
)
_NO = (
    "no", "nope", "nah", "never", "negative", "not now", "not yet", "not today", "do not", "stop", "rather not",
    "leave it", "forget it", "never mind", "nevermind", "not really", "i am good", "hold on", "wait",
)  # fmt: skip
#: A plain yes is short; a long sentence says something else.
_MAX_WORDS = 10

_STRONG_WORDS = tuple(tuple(phrase.split()) for phrase in _STRONG)
_WEAK_WORDS = tuple(tuple(phrase.split()) for phrase in (*_WEAK, *_POLITE, *_STRONG))
_NO_WORDS = tuple(tuple(phrase.split()) for phrase in _NO)


def is_yes(text: str) -> bool:
    """Whether this is a plain yes: "yes please", "yes, cancel it", "okay"; not "yes, but wait", "okay, where is it"."""
    said = words(text)
    if not said or len(said) > _MAX_WORDS or _DOUBT & set(said):
        return False
    while said and said[0] in ("oh", "and", "so"):
        said = said[1:]
    return any(said[: len(phrase)] == phrase for phrase in _STRONG_WORDS) or _made_of(said, _WEAK_WORDS)


def is_no(text: str) -> bool:
    """Whether this refuses: "no", "no thanks", "don't cancel it", "not now". In doubt between yes and no, it is no."""
    said = words(text)[:_MAX_WORDS]
    if said[:2] in (("no", "problem"), ("no", "worries")):
        return False
    return any(said[at : at + len(phrase)] == phrase for at in range(len(said)) for phrase in _NO_WORDS)


def _made_of(said: tuple[str, ...], phrases: tuple[tuple[str, ...], ...]) -> bool:
    """Whether `said` is a row of these phrases, and begins with more than politeness."""
    polite = {phrase.split()[0] for phrase in _POLITE}
    if not said or said[0] in polite - {"right", "that"}:
        return False
    while said:
        fitting = [phrase for phrase in phrases if said[: len(phrase)] == phrase]
        if not fitting:
            return False
        said = said[max(map(len, fitting)) :]
    return True
