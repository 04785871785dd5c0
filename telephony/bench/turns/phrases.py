"""What synthetic callers say: answers to questions, free speech, backchannels, interruptions. "|" is a pause, "||" a
long one, as of somebody who looks for the rest. And how a call is answered, by machines and by people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.slots.base import SlotKind


@dataclass(frozen=True, slots=True)
class Phrase:
    """`said` with its pauses; `value`: the slot's normal form, "" where there is none."""

    said: str
    value: str = ""


def _all(value: str, *said: str) -> tuple[Phrase, ...]:
    return tuple(Phrase(text, value) for text in said)


ANSWERS: Mapping[SlotKind, tuple[Phrase, ...]] = {
    "yes_no": (
        *_all("yes", "yes", "yeah", "yes please", "yes | that's correct", "yep | that's right", "um | yes"),
        *_all("yes", "yes | i think so", "sure | go ahead", "that's right"),
        *_all("no", "no", "no thank you", "nope", "no | that's not right", "uh | no", "no | i don't think so"),
    ),
    "date": (
        Phrase("the fourth of may | twenty twenty six", "2026-05-04"),
        Phrase("march twenty first | nineteen eighty five", "1985-03-21"),
        Phrase("june the third | two thousand and one", "2001-06-03"),
        Phrase("it was | the twelfth of december | nineteen seventy", "1970-12-12"),
        Phrase("the first of january || nineteen ninety nine", "1999-01-01"),
        Phrase("october | thirty first | twenty twenty five", "2025-10-31"),
        Phrase("the twenty second | of february | nineteen sixty eight", "1968-02-22"),
        Phrase("april ninth nineteen fifty four", "1954-04-09"),
        Phrase("um | the seventh of august | twenty ten", "2010-08-07"),
    ),
    "money": (
        Phrase("twelve dollars | and fifty cents", "12.50"),
        Phrase("forty two dollars", "42.00"),
        Phrase("one hundred and twenty | dollars", "120.00"),
        Phrase("three hundred | and five dollars", "305.00"),
        Phrase("it was | nineteen dollars | and ninety nine cents", "19.99"),
        Phrase("seven pounds | eighty", "7.80"),
        Phrase("two thousand || four hundred dollars", "2400.00"),
        Phrase("fifteen euros", "15.00"),
        Phrase("um | about | sixty dollars", "60.00"),
    ),
    "email": (
        Phrase("jane | at example dot org", "jane@example.org"),
        Phrase("peter dot jones | at example dot com", "peter.jones@example.com"),
        Phrase("j | s m i t h | at | gmail dot com", "jsmith@gmail.com"),
        Phrase("maria | underscore garcia | at example dot net", "maria_garcia@example.net"),
        Phrase("it's info | at || blue river | dot com", "info@blueriver.com"),
        Phrase("sales at | example | dot co dot uk", "sales@example.co.uk"),
        Phrase("my email is | tom forty two | at example dot com", "tom42@example.com"),
        Phrase("k l e e | at outlook | dot com", "klee@outlook.com"),
        Phrase("anna dash berg at example dot org", "anna-berg@example.org"),
    ),
    "name": (
        Phrase("jane smith", "Jane Smith"),
        Phrase("my name is | peter jones", "Peter Jones"),
        Phrase("it's maria | garcia", "Maria Garcia"),
        Phrase("this is | um | david cooper", "David Cooper"),
        Phrase("susan | margaret | hill", "Susan Margaret Hill"),
        Phrase("yes it's thomas wright", "Thomas Wright"),
        Phrase("i'm called || oliver stone", "Oliver Stone"),
        Phrase("anna berg", "Anna Berg"),
        Phrase("the name is | robert | young", "Robert Young"),
    ),
}
"""Answers by kind; numbers and spelled words are made by strings.py."""

FREE = tuple(
    Phrase(said)
    for said in (
        "where is my parcel",
        "i would like to | change the delivery address",
        "hello | i'm calling about | an order that i placed last week",
        "can you tell me | when it will arrive",
        "i ordered two | but only one came",
        "my problem is || that the heating does not work",
        "yes | i wanted to ask | if you are open on sunday",
        "it was supposed to come on monday | and i waited all day | but nobody came",
        "i need to | um | cancel my appointment",
        "the number on the letter is wrong",
        "well | i am not sure | which one it was",
        "do you have anything in | a larger size",
        "i spoke to somebody yesterday | who said that | it would be fixed by now",
        "could i speak to a person please",
        "because | the card was declined | when i tried to pay",
        "what does it cost to send it to || canada",
        "thank you | that was all",
        "i have moved house | so the old address is | no longer right",
        "if it does not come by friday | i want my money back",
        "it says that | the account is locked",
        "how long does that take",
        "my husband | made the booking | under his name",
        "i think it was | the third one from the left",
        "please tell them to | ring the bell twice",
        "the first time i called | i was cut off",
    )
)

BACKCHANNELS: tuple[tuple[str, str], ...] = (
    ("mm hmm", "mhm"),
    ("uh huh", "uh huh"),
    ("yeah", "yeah"),
    ("okay", "okay"),
    ("right", "right"),
    ("yes", "yes"),
    ("i see", "i see"),
    ("sure", "sure"),
    ("hmm", "hmm"),
    ("alright", "alright"),
)
"""What is said, and what a recogniser writes."""

INTERRUPTIONS = (
    "wait",
    "stop",
    "no that's wrong",
    "hold on a second",
    "sorry can you repeat that",
    "actually i want to change my order",
    "can i ask you something",
    "no no | that's not my address",
    "excuse me | i already told you that",
    "i want to speak to a person",
    "one moment please",
    "that's not what i asked",
    "what did you say",
    "yes | but what about the other one",
)
"""Real ones: whoever says so wants the agent to be silent."""

GREETINGS = tuple(
    Phrase(said)
    for said in (
        "hello you have reached the bakers | we are out at the moment | please leave your name after the beep",
        "hi this is carol | i can't get to the phone | leave me a message and i'll ring you back",
        "the person you are calling can't take your call | at the tone please record your message",
        "you're through to the voicemail of daniel webb | please speak after the tone",
        "thanks for calling north road dental | our office is closed | please leave a message",
        "hello | this is martin's phone | sorry i missed you | say something nice after the beep",
        "your call has been forwarded to an automated voice messaging system",
        "welcome to city power | for accounts press one | for faults press two",
        "the mailbox you are calling is full | and cannot take new messages",
        "hi it's lucy | i am not in right now | but leave your number and i'll call you back",
        "we are sorry | nobody is available to take your call | please leave a message after the signal",
        "this is the answering service of doctor lane | the surgery opens at eight",
    )
)
"""What machines say first."""

ANSWERED = tuple(
    Phrase(said)
    for said in (
        "hello",
        "hello | hello | who is this",
        "yes | speaking",
        "good morning | bakery on the corner | how can i help you",
        "hi this is carol | who am i talking to",
        "yes hello | one moment please | i am just on the other phone",
        "hello | sorry the line is bad | can you say that again",
        "smith residence | jane speaking",
        "she is not here at the moment | can i take a message",
        "hello | i was about to call you | it is about my order",
        "speaking | what is it about",
        "reception | please hold | i will see who is in",
        "hello | is this about the parcel | i have waited for it all week",
        "i can't talk right now | can you call me back in an hour",
    )
)
"""What people say when they answer a call."""
