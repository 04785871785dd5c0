"""Words that stand around an answer, whatever was asked: carriers, hesitation, corrections, thanks (English)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.language.words import HESITATIONS

#: From a phrase's first word to the phrases that begin so, the longest first.
Phrases = Mapping[str, tuple[tuple[str, ...], ...]]


def phrases(listed: str) -> Phrases:
    """Phrases, separated by commas, made ready for `match` and `begins`. In the words of agent.language.words."""
    table: dict[str, list[tuple[str, ...]]] = {}
    for phrase in listed.split(","):
        said = tuple(phrase.split())
        table.setdefault(said[0], []).append(said)
    return {first: tuple(sorted(found, key=len, reverse=True)) for first, found in table.items()}


def match(table: Phrases, said: Sequence[str], at: int) -> int:
    """How many words the longest phrase has that stands at word `at`; 0 if there is none."""
    for phrase in table.get(said[at], ()):
        if tuple(said[at : at + len(phrase)]) == phrase:
            return len(phrase)
    return 0


def begins(table: Phrases, said: Sequence[str], at: int) -> bool:
    """Whether all that stands from word `at` is the beginning of a longer phrase."""
    rest = tuple(said[at:])
    return any(len(phrase) > len(rest) and phrase[: len(rest)] == rest for phrase in table.get(said[at], ()))


#: In one of these words, the last one said, the caller is still thinking: nothing is over, not even a whole number.
_HESITATIONS = HESITATIONS | {"eh", "well", "wait", "hold", "hang"}


def hesitates(text: str) -> bool:
    """Whether `text` ends in a word of hesitation."""
    return text[-40:].rstrip(" .,;:?!-…").rpartition(" ")[2].lower() in _HESITATIONS


#: What takes back the value said before it: the value that follows counts. (In the words of agent.language.words.)
CORRECTIONS = phrases(
    "no, no no, nope, wait, no wait, wait no, sorry, no sorry, sorry no, i am sorry, oh sorry, oh no, oh wait, oops, "
    "i mean, i meant, i mean to say, correction, scratch that, strike that, make that, make it, make that a, rather, "
    "or rather, hold on, hang on, no hold on, let me start over, start over, let me start again, start again, let me "
    "try again, let me try that again, let me repeat, let me repeat that, i repeat, i will repeat, again, once again, "
    "once more, one more time, i said, that was wrong, that is wrong, that is not right, that is incorrect, that is "
    "not it, my mistake, my bad, excuse me, pardon, pardon me, apologies, i take that back, let me correct that, let "
    "me rephrase, should be, it should be, that should be, try again"
)

#: What says that the value is over, or only thanks for it.
CLOSINGS = phrases(
    "thanks, thank you, thank you very much, thanks a lot, that is it, that is all, that is right, that is mine, that "
    "is the one, that is correct, that is the number, that is my number, is it, is that right, is that okay, okay, "
    "ok, yes, yeah, yep, right, correct, there you go, there you are, here you go, sir, ma am, madam, got it, got "
    "that, did you get that, is that good, is my number, is the number, bye, cheers, i think, i believe, i guess, "
    "exactly, done, that is everything, end, over"
)

#: Words of which a sentence around a value is made: "my order number is", "okay let me see, it says".
CARRIER_WORDS = frozenset(
    "a an the this that these those it its is was are be am my mine our your i we you me us he she his her their "
    "okay ok yes yeah yep yup sure right alright all so oh ah now here there hi hello hey good great fine of course "
    "and then on in at by with as number numbers nr id code digits digit figures reference ref order customer "
    "account case ticket booking confirmation tracking parcel package policy member membership invoice client "
    "personal phone telephone mobile cell area zip postal post pin last first next starts start starting begins "
    "beginning ends ending let see look check find get read say says said give tell think believe guess have has had "
    "got will can could should do does did going go would like want reads shows goes written following follows "
    "call called extension plus for to too thank thanks please name surname "
    "spelled spelt spelling letter letters capital upper lower case".split()
)

#: Idioms with a number word that is no number, and requests for patience: the value is still to come.
PATIENCE = phrases(
    "one moment, one second, one sec, one minute, a moment, a second, a sec, a minute, two seconds, two secs, two "
    "minutes, hold on, hang on, hold on a second, hold on one second, hang on a second, hang on one second, bear with "
    "me, give me a second, give me a moment, give me one second, give me a minute, give me one moment, wait a second, "
    "wait a minute, wait a moment, wait one second, let me see, let me look, let me check, let me think, let me find "
    "it, let me get it, let us see, where is it, where did i put it, where was it, i have it here, i have it right "
    "here, i am looking, you know, i see, what was it, what is it, what is it again, what was it again, how does it "
    "go, here it is, there it is, here we go"
)

#: With one of these words, and no value, a sentence is no introduction to one: a question, a refusal.
OBJECTIONS = frozenset(
    "not no never what when where why who how which whose nothing none neither without lost forgot forgotten know mean "
    "repeat sorry pardon agent human person operator representative help".split()
)
