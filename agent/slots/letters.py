"""Single letters as they are said and heard: "b", "bee", "b as in bravo", "bravo", "double l", "capital s"."""

from __future__ import annotations

from collections.abc import Sequence

from agent.language.numbers import REPEATS, is_digit_word

NATO = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
).split()
_NATO = {word: word[0] for word in (*NATO, "alfa", "juliett", "whisky", "foxtrott", "lema")}
#: How recognisers write letters' names. A letter only beside letters.
_SOUNDS = {
    "ay": "a", "eh": "a", "bee": "b", "be": "b", "see": "c", "sea": "c", "cee": "c", "dee": "d", "ee": "e",
    "ef": "f", "eff": "f", "gee": "g", "jee": "g", "aitch": "h", "haitch": "h", "eye": "i", "jay": "j", "kay": "k",
    "el": "l", "ell": "l", "em": "m", "en": "n", "pee": "p", "pea": "p", "cue": "q", "queue": "q", "kew": "q",
    "are": "r", "ar": "r", "ess": "s", "tee": "t", "tea": "t", "you": "u", "yew": "u", "vee": "v", "ex": "x",
    "why": "y", "wye": "y", "zee": "z", "zed": "z", "oh": "o", "owe": "o",
}  # fmt: skip
#: Of these, those that are hardly ever words of their own.
_NAMES = frozenset("bee cee dee ee ef eff gee jee aitch haitch jay kay ell em ess tee vee zee zed cue pee wye".split())
#: What may stand between a letter and the word that makes it plain: "b as in bravo", "s for sugar".
_CLARIFIES = (("as", "in"), ("is", "in"), ("like", "in"), ("as",), ("for",), ("like",), ("is", "for"))
#: What may follow "a" or "i" where they are letters.
_AFTER_LETTER = frozenset(
    "as for like dash hyphen then and double triple dot underscore at capital space slash".split()
)


def letter_at(said: Sequence[str], at: int, *, beside: bool) -> tuple[str, int, bool]:
    """The letter (or letters: "double l") that begin at word `at`, the word after them, and whether what was said is
    the beginning of more ("b as in"). ("", at, False) where there is none. `beside`: the word before was one too."""
    word = said[at]
    if word in REPEATS and at + 1 < len(said) and said[at + 1] not in REPEATS:
        if word == "double" and said[at + 1] in ("u", "you", "yew", "use"):
            return _clarified("w", said, at + 2)
        letter, after, is_open = letter_at(said, at + 1, beside=True)
        return (letter * REPEATS[word], after, is_open) if len(letter) == 1 else ("", at, False)
    letter = _single(said, at, beside)
    return _clarified(letter, said, at + 1) if letter else ("", at, False)


def looks_like_letter(said: Sequence[str], at: int) -> bool:
    """Whether word `at` surely stands for a letter or digit."""
    if at >= len(said):
        return False
    word = said[at]
    return (len(word) == 1 and word not in "ai") or word in _NATO or word in _NAMES or is_digit_word(word)


def _single(said: Sequence[str], at: int, beside: bool) -> str:
    word = said[at]
    following = said[at + 1] if at + 1 < len(said) else ""
    goes_on = not following or looks_like_letter(said, at + 1) or following in _SOUNDS or following in ("a", "i")
    if len(word) == 1 and word.isascii() and word.isalpha():
        return word if word not in "ai" or goes_on or following in _AFTER_LETTER else ""
    if word in _NATO:
        return _NATO[word]
    if word in _SOUNDS and ((beside and goes_on) or looks_like_letter(said, at + 1)):
        return _SOUNDS[word]
    return ""


def _clarified(letter: str, said: Sequence[str], at: int) -> tuple[str, int, bool]:
    """A letter and the word after it that makes it plain, if there is one. The word counts where they differ: a
    letter is misheard more easily."""
    rest = tuple(said[at : at + 2])
    if not rest:
        return letter, at, False
    if _NATO.get(rest[0]) == letter:
        return letter, at + 1, False
    for joint in _CLARIFIES:
        if rest[: len(joint)] != joint:
            continue
        end = at + len(joint)
        if end >= len(said):
            return letter, end, True
        plain = said[end]
        if joint == ("as",) and plain == "in":
            continue
        misheard = plain in _NATO or (joint[-1] == "in" and plain.isalpha() and len(plain) > 1)
        if plain[0] == letter or misheard:
            return plain[0], end + 1, False
    return letter, at, False
