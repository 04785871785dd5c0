"""Yes or no, as an answer to a question that wants one of them.

A yes read here answers a question; whether it may let something irreversible happen is for agent.language.yesno alone.
"""

from __future__ import annotations

from agent.language.words import words
from agent.language.yesno import is_no, is_yes
from agent.slots.base import Progress, Reading
from agent.slots.phrases import begins, hesitates, match, phrases

_YES = phrases(
    "yes, yeah, yep, yup, yea, ya, mhm, correct, absolutely, definitely, certainly, exactly, affirmative, totally, of "
    "course, go ahead, do it, do that, do so, do, that is right, that is correct, that is it, that is true, i am "
    "sure, i am, i do, i would, i would like that, i have, i did, i can, i will, you are right, it is, it does, it "
    "was, it has, that would be great, that would be fine, that would be good, that would be nice, that would be "
    "lovely, that works, works for me, that is fine, that is good, that is okay, that is great, that is perfect, "
    "sounds good, sounds great, sounds right, i confirm, confirmed, no problem, no worries, why not, by all means, "
    "for sure, yes sir, yes ma am, you bet, true, it is correct, it is right, let us do it, let us do that, i agree, "
    "agreed, you can, you may, you got it, that is me, speaking, this is he, this is she, i want that"
)
#: These open sentences too ("okay, where is my parcel"), or leave room: a moment is waited for more.
_WEAK_YES = phrases(
    "okay, ok, sure, right, alright, all right, fine, good, great, perfect, i guess so, i think so, i believe so, i "
    "suppose so, i suppose, i guess, i hope so, probably, probably yes, sure thing, if you like, confirm, i think"
)
_NO = phrases(
    "no, that is not me, nope, nah, never, negative, not now, not yet, not today, not really, not at all, not that i "
    "know of, do not, stop, rather not, i would rather not, i do not, i did not, i am not, i have not, i would not, i "
    "can not, i will not, leave it, forget it, never mind, nevermind, i am good, i am fine, that is wrong, that is "
    "not right, it is not, that is not correct, that is incorrect, that is not it, that is not true, incorrect, it "
    "does not, it was not, no way, absolutely not, definitely not, certainly not, of course not, do not do that, do "
    "not do it, i do not think so, i do not believe so, i do not want that, i do not want to, i guess not, i think "
    "not, i suppose not, not necessary, no need, that is not necessary, that will not be necessary, that is all, "
    "nothing else, nothing, none, no sir, no ma am, wrong, false, not quite, not exactly, that is no, i hope not, "
    "probably not, not sure"
)
_POLITE = phrases(
    "thanks, thank you, very much, so much, a lot, then, oh, and, so, nice, lovely, sir, madam, indeed, it is fine, "
    "that is all, that is everything, for now, today, right now, again, really, it, is, my name is not"
)
#: After a yes or a no: it may be taken back.
_TURNS = frozenset("but wait although however unless except if hold hang and or because so only".split())
#: Sounds of assent and refusal that agent.language.words would take for hesitation.
_SOUNDS = (
    ("uh-huh", "mhm"),
    ("uh huh", "mhm"),
    ("mm-hmm", "mhm"),
    ("mm hmm", "mhm"),
    ("mhmm", "mhm"),
    ("uh-uh", "nah"),
)
#: "I think so", "do so": no beginning of another clause.
_BEFORE_SO = frozenset("guess think believe suppose hope do".split())
#: A yes of their own, but after a no the beginning of its reason: "no, it is ...".
_OPENINGS = frozenset(
    (("it", "is"), ("i", "am"), ("i", "do"), ("i", "have"), ("i", "can"), ("i", "would"), ("i", "will"))
)
_START = frozenset("oh and so now hello hi then but".split())
#: Said instead of an answer.
_DOUBTFUL = phrases(
    "i do not know, i am not sure, not sure, i have no idea, no idea, i do not understand, maybe, perhaps"
)
_PATIENCE = phrases("let me see, let me think, let me check, let us see, one moment, one second, a moment, a second")


def read(text: str) -> Reading:
    """How far `text` has come as a yes or no."""
    text = text.lower()
    for sound, meant in _SOUNDS:
        text = text.replace(sound, meant)
    said = words(text)
    if not said and "please" in text:  # which agent.language.words leaves out
        return Reading(Progress.ENOUGH, "yes")
    at, answer, strong = 0, "", False
    while at < len(said) and (size := match(_PATIENCE, said, at) or (said[at] in _START and 1)):
        at += size
    if at == len(said):
        return Reading(Progress.NOTHING)
    last = at
    while at < len(said):
        if match(_DOUBTFUL, said, at):
            return Reading(Progress.BESIDE)
        no, yes, weak = (match(table, said, at) for table in (_NO, _YES, _WEAK_YES))
        size = max(no, yes, weak)
        if answer == "no" and no < size and said[at : at + size] in _OPENINGS:
            return _with_more(text, answer, said, last, at)
        if size:
            # Both in one answer ("yes - no"): the last one counts.
            last, answer, strong = at, "no" if no == size else "yes", size in (no, yes)
        elif answer:
            size = match(_POLITE, said, at)
        if not size:
            return _with_more(text, answer, said, last, at)
        at += size
    if hesitates(text) or said[-1:] == ("and",) or (said[-1] == "so" and said[-2] not in _BEFORE_SO):
        return Reading(Progress.PART, answer)
    return Reading(Progress.WHOLE if strong and not _other_begins(answer, said, last) else Progress.ENOUGH, answer)


def _other_begins(answer: str, said: tuple[str, ...], at: int) -> bool:
    """Whether the words from `at` may be the beginning of something that means otherwise: "of course" (not), "i do"
    (not). A plain "no" is one although "no problem" means yes."""
    other = _NO if answer == "yes" else _YES
    return said[at:] != ("no",) and (begins(other, said, at) or begins(_DOUBTFUL, said, at))


def _with_more(text: str, answer: str, said: tuple[str, ...], last: int, at: int) -> Reading:
    """A yes or no, or neither yet, followed by words that are not of it. `last`: where its last phrase began; `at`: the
    first of those words."""
    tables = (_YES, _WEAK_YES, _NO, _POLITE, _DOUBTFUL)
    if any(begins(table, said, start) for table in tables for start in (last, at)) or said[at:] in (("i",), ("that",)):
        return Reading(Progress.PART, answer)
    if answer and len(said) - at <= 2 and said[at] in _TURNS and (len(said) - at == 1 or said[-1] in _TURNS):
        return Reading(Progress.PART, answer)
    if said[-1] in _TURNS:
        return Reading(Progress.PART, answer)
    value = "yes" if is_yes(text) else "no" if is_no(text) else ""
    return Reading(Progress.BESIDE, value if value == answer else "")
