"""Names of people: what is left when "my name is" is taken away. No list of names: whatever is said may be one."""

from __future__ import annotations

from agent.language.numbers import is_digit_word
from agent.language.words import words
from agent.slots.base import Progress, Reading
from agent.slots.letters import letter_at
from agent.slots.phrases import CLOSINGS, CORRECTIONS, PATIENCE, hesitates, match

_AROUND = frozenset(
    "my name is it this i am we are the a an call me you can here last first surname family full names so okay ok yes "
    "yeah yep sure hi hello hey oh ah and that would be was under in for on of his her your their speaking s good "
    "morning afternoon evening um mine by his called known as go goes".split()
)
#: After these a name goes on.
_LEADS = frozenset(
    "mr mister mrs missus ms miss dr doctor professor sir mc mac van von de da di la le el al bin ibn o st saint "
    "der".split()
)
_SPELLED = frozenset(("spelled", "spelt", "spelling", "spell"))
#: With one of these it is a sentence about something else.
_OBJECTIONS = frozenset(
    "not no what when where why who how which do does did have has want need like would could should know think mean "
    "help calling about because order parcel number problem question agent operator".split()
)
#: "Juan Carlos Fernandez de la Vega": more words are a sentence.
_MOST_WORDS = 6
#: And of so many no name is looked for in the rest: a text that is read anew at each partial must have an end.
_READ_WORDS = 60


def read(text: str) -> Reading:
    """How far `text` has come as a name; its value has a capital for each word ("John Smith"). Letters after it are
    taken for the spelling of its last word."""
    said = words(text)
    names: list[str] = []
    letters = ""
    spelling = asides = False
    at = 0
    while at < len(said) and at < _READ_WORDS:
        word = said[at]
        letter, after, _ = letter_at(said, at, beside=bool(letters))
        if (
            letter
            and (len(word) == 1 or letters or word == "double")
            and not (word in "ai" and not letters and not names)
        ):
            letters, at = letters + letter, after
            continue
        if size := match(PATIENCE, said, at) or (match(CLOSINGS, said, at) if names else 0):
            at += size
        elif (size := match(CORRECTIONS, said, at)) and names:
            names, letters, spelling = [], "", False
            at += size
        else:
            spelling = spelling or word in _SPELLED
            asides = asides or word in _OBJECTIONS
            if word not in _AROUND and word not in _SPELLED and word not in _OBJECTIONS:
                names.append(word)
            at += 1
    return _judged(text, said, names, letters, spelling=spelling, asides=asides)


def _judged(
    text: str, said: tuple[str, ...], names: list[str], letters: str, *, spelling: bool, asides: bool
) -> Reading:
    if asides or len(names) > _MOST_WORDS or (names and all(is_digit_word(name) or name.isdecimal() for name in names)):
        return Reading(Progress.BESIDE)
    begun = spelling and not letters
    if letters and names and not any(name.startswith(letters) for name in names) and len(letters) > 1:
        names = [*names[:-1], letters]  # the spelling counts: Smyth
    elif letters and not names:
        names = [letters]
    elif letters and not "".join(names).endswith(letters):
        begun = True
    value = " ".join(name.capitalize() for name in names)
    if not names:
        return Reading(Progress.PART if spelling else Progress.NOTHING)
    if begun or hesitates(text) or said[-1] in _LEADS or said[-1] == "and" or len(letters) == 1:
        return Reading(Progress.PART, value)
    return Reading(Progress.ENOUGH, value)
