"""What answers of a kind sound like, as JSGF rules for a recogniser that hears only what a grammar allows.

The rules' names all begin with "slot", and the one that stands for the whole answer is <slot>, so that they can be put
beside an agent's own. Their words are in the CMU dictionary, in small letters. Weights say how often. A value may come
in parts (the caller rests between groups), so parts of it are allowed, more seldom than all of it.
"""

from __future__ import annotations

import re

from agent.language.numbers import DIGITS, TEENS, TENS
from agent.slots.base import Asks
from agent.slots.date_words import MONTH_NAMES, ORDINAL_NAMES, WEEKDAYS
from agent.slots.letters import NATO

#: The rule that stands for an answer.
TOP = "slot"
#: Longer numbers than this are heard as any row of digits: every length would be a graph of its own.
_LONGEST = 16
#: The same of letters, each of which is said in eight times as many ways as a digit.
_LONGEST_SPELLED = 8
_WORD = re.compile(r"(?<![<\w'])[a-z][a-z']*(?![\w'>])")
_RULE = re.compile(r"<[^<>]*>")
_RULE_OR_WEIGHT = re.compile(r"<[^<>]*>|/[\d.]+/")

_AROUND = (
    "<slot_um> = um | uh | well | okay;\n"
    "<slot_end> = please | thank you | thanks;\n"
    "<slot_wait> = one moment [please] | let me see | hold on | one second;\n"
    "<slot_none> = i don't know | i don't have it | i don't have (one | that) | what do you mean | can you repeat that"
    " | i'm not sure | no | help | sorry;\n"
    "<slot_no> = no | no sorry | sorry | wait | no wait | i mean | no it's;\n"
)
_NUMBERS = (
    f"<slot_digit> = zero | oh | {' | '.join(DIGITS[1:])};\n"
    f"<slot_one> = {' | '.join(DIGITS[1:])};\n"
    f"<slot_teen> = {' | '.join(TEENS)};\n"
    f"<slot_ten> = {' | '.join(TENS)};\n"
    "<slot_pair> = <slot_teen> | <slot_ten> | <slot_ten> <slot_one>;\n"
)


def slot_rule(asks: Asks) -> str:
    """JSGF rules for answers to `asks`: <slot> and those that it uses. "" where no grammar helps (a name, an email
    address, free speech)."""
    if asks.kind == "digits":
        return _used(_digits(asks))
    if asks.kind == "spelled":
        return _used(_spelled(asks))
    return _used({"yes_no": _YES_NO, "date": _DATE, "money": _MONEY}.get(asks.kind, ""))


def slot_words(asks: Asks) -> tuple[str, ...]:
    """All words of the rules for `asks`, sorted: a dictionary must know them."""
    return tuple(sorted(set(_WORD.findall(_RULE_OR_WEIGHT.sub(" ", slot_rule(asks))))))


def slot_grammar(asks: Asks) -> str:
    """The whole grammar <asked.turn> of answers to `asks`, for which there are rules."""
    return f"#JSGF V1.0;\ngrammar asked;\n{slot_rule(asks)}public <turn> = <{TOP}>;\n"


def _used(rules: str) -> str:
    """Only the rules that <slot> uses, itself or through others: what is not used is one more word to look up."""
    defined = {rule.partition(" = ")[0]: rule for rule in rules.splitlines()}
    wanted, used = [f"<{TOP}>"], set[str]()
    while wanted:
        name = wanted.pop()
        if name in defined and name not in used:
            used.add(name)
            wanted += _RULE.findall(defined[name])
    return "".join(f"{rule}\n" for name, rule in defined.items() if name in used)


def _answer(lead: str, part: str) -> str:
    """The top rule, around <slot_value>: what leads to it, what thanks for it, what is said instead."""
    parts = f" | /8/ [<slot_um>] {part} [<slot_end>]" if part else ""
    return (
        f"<slot_lead> = {lead};\n"
        f"<{TOP}> = /60/ <slot_value> | /25/ [<slot_um>] [<slot_lead>] <slot_value> [<slot_end>]{parts}"
        " | /4/ <slot_no> <slot_value> | /1/ [<slot_um>] <slot_lead> | /1/ <slot_um> | /3/ <slot_none>"
        " | /1/ <slot_wait> | /1/ <slot_wait> [<slot_lead>] <slot_value> [<slot_end>];\n"
    )


_NUMBER_LEADS = (
    "it's | it is | that's | that is | [my | the] [order | account | phone | reference] number is"
    " | yes it's | okay it's"
)


def _digits(asks: Asks) -> str:
    least, most = max(0, asks.length), max(0, asks.length, asks.longest)
    if not most or most > _LONGEST:
        body = "<slot_value> = <slot_group>+;\n<slot_group> = /20/ <slot_digit> | /1/ (double | triple) <slot_digit>;\n"
        return _AROUND + _NUMBERS + body + _answer(_NUMBER_LEADS, "")
    lengths = range(least or 1, most + 1)
    values = " | ".join(_number(length) for length in lengths)
    pairs = [" ".join(["<slot_pair>"] * (n // 2)) for n in lengths if n % 2 == 0 and n <= 6]
    if 4 in lengths:
        pairs += [
            "<slot_pair> hundred [[and] <slot_pair>]",
            "<slot_one> thousand [<slot_one> hundred] [[and] <slot_pair>]",
        ]
    value = f"/50/ ({values})" + "".join(f" | /1/ {pair}" for pair in pairs)
    part = "(" + " | ".join(f"<slot_{n}>" for n in range(1, min(4, most - 1) + 1)) + ")" if most > 1 else ""
    if most > 6:  # two groups in one breath
        part = f"({part} | (<slot_3> | <slot_4>) (<slot_2> | <slot_3> | <slot_4>))"
    return _AROUND + _NUMBERS + _groups() + f"<slot_value> = {value};\n" + _answer(_NUMBER_LEADS, part)


def _groups() -> str:
    """One to four digits, as they are said in one go."""
    return (
        "<slot_1> = <slot_digit>;\n"
        "<slot_2> = /20/ <slot_digit> <slot_digit> | /1/ double <slot_digit>;\n"
        "<slot_3> = /20/ <slot_digit> <slot_2> | /1/ double <slot_digit> <slot_digit> | /1/ triple <slot_digit>;\n"
        "<slot_4> = /20/ <slot_digit> <slot_3> | /1/ double <slot_digit> <slot_2> | /1/ triple <slot_digit>"
        " <slot_digit>;\n"
    )


def _number(length: int) -> str:
    """A number of so many digits: 3-3-4 of ten, else threes, with a four or two where threes do not fit."""
    sizes = [3] * (length // 3)
    if length % 3 == 1:
        sizes = [*sizes[:-1], 4] if sizes else [1]
    elif length % 3 == 2:
        sizes.append(2)
    return " ".join(f"<slot_{size}>" for size in sizes)


def _spelled(asks: Asks) -> str:
    """Letters and digits one by one. Letters alone are often misheard: the words that make them plain are allowed."""
    letters = " | ".join("abcdefghijklmnopqrstuvwxyz")
    plain = " | ".join(f"{NATO[at]} | {chr(97 + at)} as in {NATO[at]}" for at in range(26) if NATO[at] not in _UNHEARD)
    rules = (
        f"<slot_letter> = {letters};\n"
        f"<slot_plain> = {plain};\n"
        "<slot_sign> = /20/ <slot_letter> | /8/ <slot_digit> | /3/ <slot_plain>;\n"
        "<slot_signs> = /20/ <slot_sign> | /1/ double <slot_letter>;\n"
        "<slot_s1> = <slot_sign>;\n"
        "<slot_s2> = /20/ <slot_sign> <slot_sign> | /1/ double <slot_letter>;\n"
        "<slot_s3> = /20/ <slot_sign> <slot_sign> <slot_sign> | /1/ double <slot_letter> <slot_sign>"
        " | /1/ <slot_sign> double <slot_letter>;\n"
    )
    least, most = max(0, asks.length), max(0, asks.length, asks.longest)
    if not most or most > _LONGEST_SPELLED:
        value, part = "<slot_signs> <slot_signs>+", "<slot_sign>"
    else:
        lengths = range(least or 1, most + 1)
        value = " | ".join(" ".join(["<slot_s3>"] * (n // 3) + [f"<slot_s{n % 3}>"] * bool(n % 3)) for n in lengths)
        part = "(<slot_s1> | <slot_s2> | <slot_s3>)" if most > 3 else "(<slot_s1> | <slot_s2>)" if most > 2 else ""
    lead = "it's | it is | that's | that is | it's spelled | [my | the] (name | code | number) is"
    return _AROUND + _NUMBERS + rules + f"<slot_value> = {value};\n" + _answer(lead, part)


#: Words that make letters plain, but not in the dictionary.
_UNHEARD = frozenset(("xray",))

#: "Yes" and "no" are so short that other words are taken for them, and they for others: what is seldom said must be
#: dear, most of all where it means the opposite of what it sounds like ("go ahead", "no thanks"). At a question of the
#: parcel desk's, 9 voices of flite and espeak, clean and in noise at 20 dB: of 216 short answers 192 were understood
#: with asides and "um" at equal weights, 197 with these; of 216 asides 147 and 191.
_YES_NO = (
    "<slot_yes> = /40/ yes | /10/ yeah | /4/ yep | /8/ yes please | /4/ (yes | yeah) that's right | /3/ that's right"
    " | /4/ that's correct | /5/ correct | /5/ sure | /5/ okay | /2/ right | /2/ of course | /1/ go ahead"
    " | /2/ yes it is | /2/ yes i do | /1/ i think so | /1/ i guess so | /0.3/ absolutely | /1/ yes that's correct"
    " | /1/ sounds good;\n"
    "<slot_not> = /40/ no | /5/ nope | /8/ no thanks | /8/ no thank you | /2/ no that's all | /2/ not really"
    " | /2/ no it's not | /1/ no it isn't | /1/ no i don't | /2/ that's wrong | /2/ that's not right"
    " | /1/ i don't think so | /1/ not yet | /1/ not now;\n"
    "<slot_unsure> = /3/ i don't know | /3/ i'm not sure | /2/ maybe | /3/ hold on | /3/ one moment | /1/ wait"
    " | /1/ let me see | /1/ what | /1/ what do you mean | /1/ can you repeat that | /1/ say that again"
    " | /1/ (a person | operator) [please] | /0.2/ yes but | /0.2/ no wait;\n"
    f"<{TOP}> = /10/ <slot_yes> | /10/ <slot_not> | /1/ (um | uh | well | oh) (<slot_yes> | <slot_not>)"
    " | /1/ <slot_unsure>;\n"
)

_DATE = (
    _AROUND
    + _NUMBERS
    + f"<slot_month> = {' | '.join(MONTH_NAMES)};\n"
    + f"<slot_day> = {' | '.join(ORDINAL_NAMES)} | (twenty | thirty) first | twenty (second | third | fourth | fifth"
    " | sixth | seventh | eighth | ninth) | thirtieth;\n"
    + f"<slot_weekday> = {' | '.join(sorted(WEEKDAYS))};\n"
    + "<slot_year> = /10/ twenty <slot_pair> | /8/ nineteen <slot_pair> | /2/ nineteen oh <slot_one>"
    " | /3/ two thousand [[and] (<slot_one> | <slot_pair>)];\n"
    "<slot_relative> = today | tomorrow | the day after tomorrow | yesterday | (next | this | last) (week | month)"
    " | in (<slot_one> | a) (day | days | week | weeks | month | months);\n"
    "<slot_value> = /20/ [<slot_weekday>] <slot_month> [the] <slot_day> [<slot_year>]"
    " | /10/ [<slot_weekday>] the <slot_day> [of] <slot_month> [<slot_year>]"
    " | /10/ [next | this] <slot_weekday> | /10/ <slot_relative> | /2/ the <slot_day>"
    " | /2/ <slot_month_number> <slot_day_number> <slot_year>;\n"
    "<slot_month_number> = [oh | zero] <slot_one> | ten | eleven | twelve;\n"
    "<slot_day_number> = [oh | zero] <slot_one> | <slot_teen> | twenty [<slot_one>] | thirty [one];\n"
    + _answer(
        "it's | it is | on | that's | i was born on | [my | the] (birthday | date) is",
        "(<slot_month> | <slot_day> | <slot_year> | [the] <slot_day> of)",
    )
)

_MONEY = (
    _AROUND + _NUMBERS + "<slot_small> = <slot_one> | <slot_pair>;\n"
    "<slot_hundreds> = (a | <slot_one>) hundred [[and] <slot_small>];\n"
    "<slot_units> = /20/ <slot_small> | /8/ <slot_hundreds>"
    " | /4/ (a | <slot_small> | <slot_hundreds>) thousand [<slot_hundreds> | [and] <slot_small>];\n"
    "<slot_cents> = <slot_pair> | oh <slot_one>;\n"
    "<slot_value> = /30/ <slot_units> [(dollars | dollar) [[and] <slot_cents> [cents]]]"
    " | /4/ a dollar [<slot_cents>] | /10/ <slot_small> <slot_cents>"
    " | /4/ <slot_small> (cents | cent) | /3/ <slot_small> point <slot_digit> [<slot_digit>];\n"
    + _answer("it's | it is | about | that's | the (amount | total | price) is", "(<slot_units> and | cents)")
)
