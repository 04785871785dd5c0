"""Courtesy: a yes, a no or thanks, where a value was asked for: said instead of it, or before it. English. Pure."""

from __future__ import annotations

from enum import Enum, auto

from agent.language.words import words
from agent.slots.phrases import hesitates, match, phrases


class Courtesy(Enum):
    """What words without a value are."""

    #: Something else: "it is", "my number is".
    NOT = auto()
    #: They open an answer as often as they are one: "yes", "okay".
    OPENING = auto()
    #: All by themselves: "yes please", "no thank you", "that is right".
    ALONE = auto()


_OPENINGS = phrases(
    "yes, yeah, yea, yep, yup, ya, okay, ok, sure, sure thing, right, alright, all right, fine, good, great, perfect, "
    "of course, no problem, mhm, oh, so"
)
_ALONE = phrases(
    "hello, hi, hey, hello there, hi there, good morning, good afternoon, good evening, no, nope, nah, no no, not "
    "now, not yet, not today, not really, never mind, forget it, leave it, stop, correct, exactly, absolutely, "
    "definitely, certainly, go ahead, do it, do that, i do, i would, i am, i am good, i am fine, that is right, that "
    "is correct, that is it, that is all, that is fine, that is good, that is great, that is okay, that is true, that "
    "is me, that would be great, sounds good, thank you, thanks, thanks a lot, many thanks, very much, so much, a "
    "lot, cheers, you are welcome, bye, goodbye, bye bye, have a nice day, sir, madam, ma am"
)


def courtesy(text: str) -> Courtesy:
    """What `text` is, if nothing of a value is in it; a word of hesitation at its end makes it none."""
    said = words(text)
    please = "please" in text.lower()  # which agent.language.words leaves out
    if hesitates(text) or not (said or please):
        return Courtesy.NOT
    at, found = 0, Courtesy.ALONE if said and please else Courtesy.OPENING
    while at < len(said):
        alone, opening = match(_ALONE, said, at), match(_OPENINGS, said, at)
        if not alone and not opening:
            return Courtesy.NOT
        if alone >= opening:
            found = Courtesy.ALONE
        at += max(alone, opening)
    return found
