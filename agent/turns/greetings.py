"""Greetings of machines: which words tell that the far end is a voicemail, a menu or a recording. Pure; English.

Some sentences are said by machines only ("leave your name after the tone"): one is enough. Others (not available, you
have reached) are said by people, too, and are a part of the evidence (agent/turns/far_end.py adds it up). Who reports
what a machine said, or asks to leave a message, is a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.language.words import words

#: Of a long text its end is looked at.
_LATEST_WORDS = 100
#: No sentence of a machine is longer, with all that may stand within it: one that was not over yet began by then.
_LONGEST_WORDS = 25

_TONE = r"(?:long |short )?(?:tone|beep|bleep|signal|pips?)\b"
_WHAT = (
    r"(?:(?:a|an|your|the|any|us|me|him|her|them) ){0,3}(?:(?:short|brief|detailed|quick|voice|new|clear|full) ){0,2}"
    r"(?:message|messages|name|number|details)"
)
_MAILBOX = r"(?:voicemail|mailbox|answering machine|answering service|answerphone|answering system)"
_CAN_NOT = r"(?:can not|am unable to|are unable to|am not able to|are not able to)"
_ABSENT = (
    r"(?:is |are |has |was )?(?:currently |presently |temporarily |now )?"
    r"(?:not available|unavailable|not answering|not in service|not reachable|busy|switched off|turned off|out of|"
    r"can not|unable|not accepting|on the phone|on another|not able)"
)

#: Each: why, and the sentence, in the words of agent.language.words.
_CERTAIN = tuple(
    (reason, re.compile(rf"\b(?:{pattern})"))
    for reason, pattern in (
        ("mailbox full", r"mailbox (?:\w+ ){0,8}?(?:can not|unable to|not able to) (?:accept|take|receive|record) "),
        (
            "mailbox full",
            r"(?:the|this|is|extension) (?:\w+ ){0,2}?mailbox (?:\w+ ){0,6}?is (?:currently |now )?full",
        ),
        ("mailbox full", rf"(?:the|this) {_MAILBOX} is (?:currently |now )?full"),
        ("mailbox full", r"mailbox (?:\w+ ){0,4}?not (?:yet )?been (?:set up|initiali[sz]ed)"),
        ("greeting", rf"(?:leave|record|speak) (?:{_WHAT} )?(?:\w+ ){{0,8}}?(?:after|at|following|behind) the {_TONE}"),
        ("greeting", rf"(?:after|at) the {_TONE} (?:you (?:may|can) )?(?:leave|record|speak|say|state|begin)"),
        ("greeting", r"record your (?:message|name)"),
        ("greeting", rf"you have (?:now )?reached (?:\w+ ){{0,6}}?{_MAILBOX}"),
        ("greeting", rf"(?:this is|welcome to|have reached) the {_MAILBOX} (?:box )?(?:of|for|belonging)"),
        (
            "greeting",
            r"your call (?:has been|have been|is being|will be|is) (?:automatically )?"
            r"(?:forwarded|transferred|connected|diverted|directed|sent) to "
            rf"(?:an? |the )?(?:\w+ ){{0,4}}?(?:{_MAILBOX}|voice messag\w+|message system)",
        ),
        ("greeting", rf"(?:i|we) {_CAN_NOT} (?:\w+ ){{0,2}}?(?:come|get|make it) to the (?:phone|telephone)"),
        ("greeting", r"(?:nobody|no one|no body) is (?:\w+ )?(?:here |able |there )?to (?:take|answer) your call"),
        ("greeting", r"leave (?:us |me )?your (?:name|message|number|telephone|phone|contact|details)"),
        ("greeting", rf"leave {_WHAT} (?:and )?(?:i|we|someone|somebody|he|she|they) will"),
        (
            "greeting",
            r"when (?:you are |you have |you )?(?:finished|done) (?:recording |speaking )?(?:you (?:may|can) )?"
            r"(?:hang up|press)",
        ),
        (
            "greeting",
            r"(?:person|party|subscriber|customer|number|mobile|user|extension|member|client) (?:that |whom |who )?you "
            r"(?:have |are |were )?(?:called|calling|dialed|dialled|trying to (?:reach|call|contact)|reached) "
            + _ABSENT,
        ),
        (
            "recording",
            r"this is (?:an?|another) (?:\w+ ){0,3}?(?:automated|automatic|recorded|pre recorded|prerecorded) "
            r"(?:\w+ ){0,2}?(?:message|call|announcement|reminder|notification|system)",
        ),
        ("recording", r"to be removed from (?:our|this|the) (?:calling )?list"),
    )
)

#: What people say, too, in the two or three words before: then they speak about a message, or ask to leave one.
_REPORTED = re.compile(
    r"\b(?:said|says|saying|say|told|tells|asked|asks|keeps|kept|heard|tried|because|why|whether|"
    r"(?:can|could|may|should|shall|do|did|will|would|must|might|how|have) (?:i|we|you|he|she|they)|"
    r"(?:i|we|he|she|they) (?:will|would|want|did|could|should|have|need|must|already|left|called|rang)|"
    r"let me|let us|me to|us to|"
    r"(?:like|want|wanted|need|wish|going|have|had|trying|able) to|"
    r"(?:my|his|her|their|our|the wrong))\b"
)
#: The caller's wish; the hearer's ("if you would like to leave a message") is a machine's sentence.
_OFFERED = re.compile(r"\b(?:if|should) you\b")
_BEFORE_WORDS = 5
#: A machine's is "the mailbox"; people speak of "my", "his", "your" mailbox, or of the one "at my house".
_OWNED = re.compile(r"\b(?:my|your|his|her|our|their|whose)\b")


def certain(words_said: Sequence[str], looked: int = 0) -> str:
    """Why these words (of `said_words`) are a machine's beyond doubt: "greeting", "mailbox full", "recording"; "" if
    they are not. In the first `looked` of them no more is found than was before."""
    said, begin = _to_look_at(words_said, looked)
    for reason, pattern in _CERTAIN:
        for found in pattern.finditer(said, begin):
            before = " ".join(said[: found.start()].split()[-_BEFORE_WORDS:])
            if _REPORTED.search(before) and not _OFFERED.search(before):
                continue
            if reason == "mailbox full" and _OWNED.search(f"{before[-12:]} {found.group()}"):
                continue
            return reason
    return ""


#: What people say as well: each is known by a name, so that it counts once.
_SIGNS = tuple(
    (name, re.compile(rf"\b(?:{pattern})"))
    for name, pattern in (
        ("message", rf"(?:leave|record) {_WHAT}|(?:after|at) the {_TONE}"),
        (
            "absent",
            r"(?:is|are|am) (?:\w+ )?(?:not available|unavailable|not here|not home|not at home|not in|"
            r"out of the office|away from (?:my|the|his|her|our)|on the phone|on another)|missed your call|"
            r"office is (?:now |currently )?closed|"
            rf"(?:i|we) {_CAN_NOT} (?:talk|speak|take (?:your|the|this) (?:phone )?call|answer (?:your|the))",
        ),
        (
            "will call",
            r"(?:i|we|someone|somebody|they|he|she) will (?:\w+ )?"
            r"(?:get back to you|call you|return your call|be with you)|your call is (?:very )?important",
        ),
        ("reached", r"you have (?:now )?reached"),
        ("welcome", r"thank you for calling|thanks for calling|welcome to"),
        (
            "menu",
            r"press (?:one|two|three|four|five|six|seven|eight|nine|zero|star|pound|hash|the|[0-9])|para espanol|"
            r"more options|following options|menu options|options have changed|stay on the line|dial (?:it|zero|one)",
        ),
        ("announcement", r"this is an? (?:\w+ )?(?:important|urgent|courtesy) (?:message|call|notice)|do not hang up"),
    )
)


def signs(words_said: Sequence[str], looked: int = 0) -> frozenset[str]:
    """What in these words speaks for a machine, by name; the same."""
    said, begin = _to_look_at(words_said, looked)
    found = set()
    for name, pattern in _SIGNS:
        for match in pattern.finditer(said, begin):
            before = " ".join(said[: match.start()].split()[-_BEFORE_WORDS:])
            if not _REPORTED.search(before) or _OFFERED.search(before):
                found.add(name)
                break
    return frozenset(found)


def said_words(text: str) -> tuple[str, ...]:
    """The words of `text`, without case, signs and contractions."""
    return words(text.replace("ñ", "n").replace("Ñ", "n"))


def _to_look_at(said: Sequence[str], looked: int) -> tuple[str, int]:
    """The end of what was said, and where in it a sentence may begin that was not over within the first `looked`
    words; before that stand those that tell whether it is reported."""
    since = max(0, looked - _LONGEST_WORDS, len(said) - _LATEST_WORDS)
    before = _plain(said[max(0, since - _BEFORE_WORDS) : since])
    return f"{before} {_plain(said[since:])}", len(before) + 1


def _plain(said: Sequence[str]) -> str:
    text = " ".join(said)
    return text.replace("mail box", "mailbox").replace("voice mailbox", "mailbox").replace("voice mail", "voicemail")
