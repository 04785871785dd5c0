"""What English leaves open: the words and phrases after which a speaker goes on, and those that say all by themselves.

General English of the telephone. Pure. Words are small and without punctuation, apostrophes kept ("i'd").
"""

from __future__ import annotations

from collections.abc import Sequence

#: Nothing ends on these: something must follow ("the", "my", "because").
OPENERS = frozenset(
    "a an the my your his our their its every each "
    "and or but because cause since although though unless until whereas whether if while than as cos coz "
    "nor via per versus de la mr mrs ms dr "
    "very really quite".split()
)

#: Prepositions: open, unless a question or a relative clause took their noun to its front ("what is it for").
PREPOSITIONS = frozenset(
    "of to for from with at by into onto about between against during without within upon among toward towards "
    "through under above below behind beside near after before".split()
)

#: Prepositions that are also the second half of a verb ("log in", "hold on"): half open.
PARTICLES = frozenset("in on off up out over down around along across".split())

#: Auxiliaries and contractions: open, unless they stand for a whole answer ("where it is").
AUXILIARIES = frozenset(
    "is are was were am be been being has have had do does did will would can could should shall may might must "
    "isn't aren't wasn't weren't hasn't haven't hadn't don't doesn't didn't won't wouldn't can't couldn't shouldn't "
    "cannot ain't gonna wanna gotta dont cant didnt doesnt isnt wont".split()
)

#: Subjects that ask for their verb, alone or with their verb shortened into them ("it's", "i'd").
SUBJECTS = frozenset(
    "i we they he she who which "
    "i'm i'd i'll i've it's it'll it'd that's there's here's what's where's who's how's when's he's she's let's "
    "we're we'd we'll we've you're you'd you'll you've they're they'd they'll they've he'll she'll he'd she'd "
    "im ive thats whats wheres".split()
)

#: Adverbs and joints that lead into something ("so", "also"); now and then they trail off.
LEADS = frozenset("so also just basically like plus except".split())

#: Phrases that ask for more, whatever went before.
_OPEN_PHRASES = """
    i'd like, i would like, we'd like, i want you, i need you, i was wondering, i am calling, i'm calling, calling
    because, calling about, can you, could you, would you, will you, can i, could i, may i, do you, did you, have
    you, are you, is it, is there, are there, please tell me, can you please, could you please, would you please,
    i'd like you, do you have, do you know, let me, i mean, you know, i think, i guess, you see, the thing is,
    number is, name is, address is, code is, date is, birthday is, problem is, question is, reason is, email is,
    account is, it was, this is, there is, there are, how much, how many, how long, what kind, what kind of, what
    time, what about, how about, one of, some of, a lot of, kind of, sort of, a couple, a few, as soon, as well as,
    so that, such as, in order, instead of, because of, due to, going to, want to, like to, need to, have to, trying
    to, able to, supposed to, used to, looking for, looking to, waiting for, asking for, i have a, i've got, i have
    got, i just, i also, if you, if i, when i, that i, that you, hello this is, to be, to get, to have, you please,
    i please, tell me, let me see if
"""

#: Phrases that close what was said, whatever stands before them.
_CLOSED_PHRASES = """
    thank you, thanks, thanks a lot, please, that's all, that's it, that is all, that's everything, that's right,
    that's correct, that's fine, that's good, that's okay, goodbye, bye, bye bye, go ahead, never mind, all right,
    no problem, have a nice day, i think so, i don't think so, i hope so, i guess so, if possible, if that's okay,
    or not, or something, and so on, as well, at all, right now, right away, as soon as possible, as possible, of
    course, what to do, how to do it, i don't know, i'm not sure, help me with that, do that, do it, like that, like
    this, what's that, who's that, yes please do, what is it, where is it, who is it, is that it, how are you,
    that was all, that was it,
    what's this, what's this about, how much is it, how much is that, not really, oh really, not yet, me too, excuse
    me, good night, see you, maybe later, just me, both of them, neither of them, all of them, none of them, thanks
    bye, tell me more, call me back, or so, thanks so much, i'm good, i'm fine, i'm done, i'm here, you very much,
    you so much, it's not right, it's me, i see, i understand, that's me
"""

#: Words that are whole alone.
ANSWERS = frozenset(
    "nope nah exactly absolutely definitely certainly great perfect thanks bye goodbye cheers pardon stop help "
    "operator agent cancel repeat never today tomorrow tonight yesterday wow none nothing everything nobody "
    "twice english spanish speaking".split()
)
#: They are often all, and often more follows ("yes ... that's right").
REPLIES = frozenset(
    "yes no yeah yep yup sure right correct fine good alright sorry mhm maybe always really both".split()
)
#: They open as much as they answer: nothing is known after them.
GREETINGS = frozenset("hello hi hey okay ok well".split())

#: Answers that an echo of the question may follow ("yes i do", "no it isn't").
_ECHOED = frozenset("yes no yeah yep nope sure okay".split())
#: They take the noun of a preposition, or the end of a clause, to the front ("what is it for", "where it is").
FRONTED = frozenset("what who where which what's who's where's how than as".split())
#: They take a noun to the front with them.
_WITH_NOUN = frozenset("which what whose how".split())
_ECHO_SUBJECTS = frozenset("i you he she it we they that there this".split())

_OPEN = frozenset(tuple(phrase.split()) for phrase in _OPEN_PHRASES.split(","))
_CLOSED = frozenset(tuple(phrase.split()) for phrase in _CLOSED_PHRASES.split(","))
_LONGEST = 5


def longest_ending(said: Sequence[str]) -> int:
    """How many words at the end of `said` are a phrase known to stay open (negative) or to close (positive); else 0.

    The longer phrase wins: "do you" is open, "how are you" is not, "yes it is" is whole.
    """
    for length in range(min(_LONGEST, len(said)), 0, -1):
        tail = tuple(said[-length:])
        if tail in _CLOSED:
            return length
        if tail in _OPEN:
            return -length
    return 0


def is_short_answer(said: Sequence[str]) -> bool:
    """Whether an auxiliary at the end stands for all that it leaves out: "i do", "yes it is", "tell me where it is",
    "i don't know which one it was"."""
    if len(said) == 2 and said[-1] in ("do", "did", "does") and said[0] in _ECHO_SUBJECTS:
        return True
    if len(said) < 3 or said[-1] not in AUXILIARIES or said[-2] not in _ECHO_SUBJECTS:
        return False
    if said[-3] in _ECHOED or said[-3] in FRONTED:
        return True
    return len(said) > 3 and said[-4] in _WITH_NOUN and said[-3] not in AUXILIARIES and said[-3] not in _ECHO_SUBJECTS


def is_stranded(said: Sequence[str]) -> bool:
    """Whether the preposition at the end has its noun at the front: "what is it for", "where are you calling from"."""
    if len(said) < 3 or said[0] not in FRONTED:
        return False
    return said[-1] == "like" or said[-1] in PREPOSITIONS
