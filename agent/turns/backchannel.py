"""Backchannels: "mhm", "yeah", "I see" - words that tell an agent to go on, not to stop. English. Pure."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache

from agent.language.yesno import is_no

#: Sounds, however a recogniser spells them: "mm-hmm", "uh huh", "umm", "aha", "hahaha". They never hold an answer.
_SOUND = re.compile(r"h?m+|h+m+|u+h+|u+m+|e+r+m*|a+h+|o+h*|h?eh|huh|ha|ah?ha+|a?(?:h[aeiu]+){2,}h?|h[ae]h|w+o+w+")
#: Sounds that mean yes to a question, and nothing else.
_ASSENT = re.compile(r"m+h+u*m+|m+hm+|uhhu[hm]|umhu[hm]|uhuh")
#: Go on, I am with you; to a question, an answer.
_ACKNOWLEDGES = (
    "yes", "yeah", "yea", "yep", "yup", "ya", "yah", "okay", "ok", "k", "kay", "right", "alright", "all right",
    "sure", "fine", "good", "great", "nice", "cool", "perfect", "lovely", "excellent", "wonderful", "awesome",
    "exactly", "absolutely", "definitely", "certainly", "indeed", "correct", "true", "of course", "for sure", "got it",
    "gotcha", "got you",
    "makes sense", "that makes sense", "that is right", "that's right", "that is true", "that's true", "fair enough",
    "sounds good", "sounds great", "very good", "very well", "good good", "no problem", "thanks", "thank you",
    "uh huh", "um hum", "um hm", "mm hmm", "mm hm", "m hm", "hm mm", "hmm mm", "mhm hmm", "uh hum", "go on",
    "go ahead", "i know", "yeah i know",
)  # fmt: skip
#: Go on, I am with you; not even to a question an answer.
_LISTENS = (
    "i see", "oh i see", "i understand", "understood", "really", "oh really", "interesting", "oh my", "my god",
    "oh my god", "oh god", "goodness", "oh boy", "oh dear", "gosh", "oh no",
)  # fmt: skip
#: Said with what was asked or answered; alone it is neither.
_COURTESY = (("thank", "you"), ("very", "much"), ("so", "much"), ("thanks",), ("please",))
#: What recognisers hear in noise, and what nobody stops an agent with: words that say nothing alone. More follows,
#: or it was none.
_SCRAPS = frozenset(
    "a an the of and to in it is i that so at on or for as be he was she we they this there but".split()
)
#: Marks of sounds that are no words: "[noise]", "(laughs)", "<unk>", "++cough++".
_TAG = re.compile(r"\[[^\]]{0,40}\]|\([^)]{0,40}\)|<[^>]{0,40}>|\+\+[^+]{0,40}\+\+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
#: Nobody backs somebody up in more words than this without saying something.
_MAX_WORDS = 8
#: More text than this is no backchannel, and is not looked at.
_MAX_CHARS = 400

_ACKNOWLEDGES_WORDS = frozenset(tuple(phrase.split()) for phrase in _ACKNOWLEDGES)
_LISTENS_WORDS = frozenset(tuple(phrase.split()) for phrase in _LISTENS)
_LONGEST = max(len(phrase) for phrase in _ACKNOWLEDGES_WORDS | _LISTENS_WORDS)


class Weight(Enum):
    """What words weigh against an agent who is speaking."""

    #: No words, or none that say anything alone.
    NOTHING = auto()
    #: Go on, I am listening.
    BACKCHANNEL = auto()
    #: The caller has something to say.
    MEANT = auto()


def spoken(text: str) -> tuple[str, ...]:
    """The words of a recogniser's text in small letters, without its marks of noises."""
    plain = _TAG.sub(" ", text).replace("’", "'").lower()
    return tuple(_WORD.findall(plain))


def weight(text: str, answering: bool) -> Weight:
    """What `text` (all that this stretch of speech has said so far) weighs.

    `answering`: the agent has asked what "yes", "okay" or "sure" may answer; these are then meant.
    """
    return Weight.MEANT if len(text) > _MAX_CHARS else _weight(text, answering)


@lru_cache(maxsize=1024)
def _weight(text: str, answering: bool) -> Weight:
    """A recogniser repeats its text until a word is added."""
    said = spoken(text)
    if not said or (len(said) == 1 and said[0] in _SCRAPS):
        return Weight.NOTHING
    if len(said) > _MAX_WORDS:
        return Weight.MEANT
    at, answers = 0, False
    while at < len(said):
        taken, answer = _phrase(said, at)
        if not taken:
            return Weight.MEANT
        at, answers = at + taken, answers or answer
    return Weight.MEANT if answers and answering else Weight.BACKCHANNEL


def weight_of_more(text: str, before: str) -> Weight:
    """What `text` weighs that the caller adds to `before`, a turn of theirs to which no answer has been heard.

    Courtesy ("yes ... please", "no ... thank you") and assent change nothing of it; but a "yes" after a "no" does.
    """
    said, rest, at = spoken(text[: _MAX_CHARS + 1]), [], 0
    while at < len(said):
        length = next((len(phrase) for phrase in _COURTESY if said[at : at + len(phrase)] == phrase), 0)
        if not length:
            rest.append(said[at])
        at += length or 1
    if said and not rest:
        return Weight.BACKCHANNEL
    return weight(" ".join(rest), is_no(before))


def _phrase(said: tuple[str, ...], at: int) -> tuple[int, bool]:
    """How many words from `at` on are one backchannel (0: none begins here), and whether they could be an answer."""
    for length in range(min(_LONGEST, len(said) - at), 0, -1):
        words = said[at : at + length]
        if words in _ACKNOWLEDGES_WORDS:
            return length, True
        if words in _LISTENS_WORDS:
            return length, False
    if _ASSENT.fullmatch(said[at]):
        return 1, True
    return (1, False) if _SOUND.fullmatch(said[at]) else (0, False)
