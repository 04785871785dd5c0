"""What machines say, and what people say about machines: two tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns import greetings
from agent.turns.far_end import FarEnd
from agent.turns.greetings import said_words


def certain(text: str) -> str:
    return greetings.certain(said_words(text))


def signs(text: str) -> frozenset[str]:
    return greetings.signs(said_words(text))


MACHINES = [
    "Please leave your message after the tone. When done hang up or press the pound key.",
    "hi this is bob please leave me a message after the beep",
    "You have reached the voicemail of Jane Miller. Please leave a message.",
    "you've reached the voice mail box of four one five five five five",
    "Hi, you've reached Tom's voicemail, you know what to do",
    "I can't come to the phone right now, so leave a message and I'll get back to you",
    "we can't come to the phone right now",
    "sorry i'm unable to get to the phone at the moment",
    "i can't answer the phone right now leave me a message",
    "hi it's sam i can't talk right now leave a message",
    "i'm sorry but the person you called has a voice mailbox that has not been set up yet",
    "the person you are trying to reach is not available",
    "the person you have called is unavailable right now please leave a message after the tone",
    "the party you are calling is not available at the tone please record your message",
    "At the tone, please record your message. When you have finished recording you may hang up",
    "when you're finished recording hang up or press pound",
    "Your call has been forwarded to an automatic voice message system",
    "your call has been forwarded to voicemail the person you're trying to reach is not available",
    "your call is being transferred to the mailbox of extension twelve",
    "please record your name and message after the signal",
    "no one is available to take your call please leave your name and number",
    "nobody is here to answer your call",
    "leave your name and number and we will return your call as soon as possible",
    "leave us your details after the beep",
    "if you'd like to leave a message after the tone start speaking",
    "leave a short message and i will call you back",
    "leave a brief detailed message after the tone thank you",
    "the mailbox is full and cannot accept any messages at this time goodbye",
    "the mailbox belonging to jane miller is full",
    "sorry but the user's mail box can't accept more messages",
    "the voice mailbox of the customer you called is full",
    "the subscriber you have dialled is switched off",
    "the number you have dialed is not in service",
    "this is the answering machine of the miller family",
    "welcome to the voicemail of doctor brown",
    "hello this is an automated message from your bank",
    "this is a recorded message do not hang up",
    "press nine to be removed from our calling list",
    "you have reached the millers we are not here right now leave a message",
    "i am not available leave a message",
    "thank you for calling acme you have reached our office the office is closed press one for sales",
]

PEOPLE = [
    "can i leave a message for mister smith",
    "could I leave a message after all",
    "i'd like to leave a message for the sales team",
    "I want to leave my name and number so somebody can call me back",
    "should i leave a message after the tone",
    "would you like me to leave a message",
    "do i leave my message after the beep",
    "it told me to leave a message after the tone",
    "your machine said please leave a message after the beep and then it cut me off",
    "i called yesterday and it said the mailbox is full",
    "your mailbox is full",
    "my mailbox is full and can't accept any messages",
    "i tried to call him but the mailbox is full",
    "he can't come to the phone right now can i take a message",
    "she is not available at the moment",
    "i'm not available on monday",
    "i am not at home tomorrow and i am not available on friday i will call you back",
    "my husband is on the phone with you",
    "i couldn't get to the phone in time you called me",
    "i missed your call",
    "i'll leave a message with the neighbour and i will call you back",
    "leave a message with my secretary",
    "leave the parcel with my neighbour",
    "please leave it at the door",
    "can you leave me a message",
    "is this an automated message",
    "am i talking to a recording",
    "is this the voicemail of doctor brown",
    "have i reached the voicemail of the parcel desk",
    "i have reached your voicemail three times",
    "why did my call get forwarded to voicemail",
    "i want to listen to my voicemail",
    "i pressed one for sales and it hung up",
    "should i press one to speak to somebody",
    "do i have to press the pound key",
    "will you call me back as soon as possible",
    "the number you have is wrong",
    "the number i have called from is four seven one two",
    "i need to record a message for my greeting",
    "how do i change my voicemail greeting",
    "you have reached the wrong person",
    "hello this is a message for accounts",
    "there is no signal at the house",
    "i heard a beep",
    "thank you for calling me back",
    "hello this is the millers can i help you",
    "i can't take your call right now i'm driving",
    "the number you called me from is not available",
    "the mailbox at my house is full of snow",
    "thank you for calling you have reached the office of doctor brown this is amy",
    "four seven one two",
    "yes",
    "",
]


@pytest.mark.parametrize("text", MACHINES)
def test_a_machine(text: str) -> None:
    assert FarEnd().words(text, 5000), (certain(text), signs(text))


@pytest.mark.parametrize("text", PEOPLE)
def test_a_person(text: str) -> None:
    far_end = FarEnd()
    assert not far_end.words(text, 5000), (certain(text), signs(text))
    assert not far_end.speech(200, 6000, over_us=True), signs(text)


@pytest.mark.parametrize("text", MACHINES)
def test_a_machine_word_by_word_in_capitals_without_signs(text: str) -> None:
    far_end, said, told = FarEnd(), "", 0
    for word in text.upper().replace(",", "").replace(".", "").split():
        said = f"{said} {word}"
        told += len(far_end.words(said, 5000))
    assert told == 1


@pytest.mark.parametrize("text", PEOPLE)
def test_a_person_word_by_word(text: str) -> None:
    far_end, said = FarEnd(), ""
    for word in text.split():
        said = f"{said} {word}"
        assert not far_end.words(said, 5000), said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MACHINES[0], "greeting"),
        ("the mailbox is full please try again later", "mailbox full"),
        ("this is a recorded message", "recording"),
        (PEOPLE[0], ""),
    ],
)
def test_the_reason(text: str, reason: str) -> None:
    assert certain(text) == reason


def test_a_sentence_is_found_behind_much_else() -> None:
    assert certain("well you know " * 60 + "please leave a message after the tone") == "greeting"


def test_hints_of_a_menu() -> None:
    assert signs("para español oprima el dos") == {"menu"}
    assert signs("press one for more options") == {"menu"}
    assert certain("press one for more options") == ""


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    assert certain(text) in {"", "greeting", "mailbox full", "recording"}
    assert signs(text) <= {"message", "absent", "will call", "reached", "welcome", "menu", "announcement"}


WORDS = sorted({word for text in MACHINES for word in text.lower().split()})


@given(st.lists(st.sampled_from(WORDS), max_size=400))
def test_any_words_of_machines_take_bounded_time(said: list[str]) -> None:
    certain(" ".join(said))
    signs(" ".join(said))


@pytest.mark.parametrize("text", [*MACHINES, *PEOPLE])
@pytest.mark.parametrize("before", [0, 7, 30, 90])
def test_word_by_word_behind_much_else_it_is_what_it_is_at_once(text: str, before: int) -> None:
    """Each text is looked at from a little before what is new in it."""
    opening = " ".join(["apples and pears"] * before)
    at_once = FarEnd().words(f"{opening} {text}", 5000)
    far_end, said, told = FarEnd(), opening, 0
    for word in text.split():
        said = f"{said} {word}"
        told += len(far_end.words(said, 5000))
    assert told == len(at_once)


def test_a_text_that_is_another_one_is_looked_at_from_its_beginning() -> None:
    far_end = FarEnd()
    assert not far_end.words("one two three four five " * 12, 5000)
    assert far_end.words(MACHINES[0] + " one two three four five" * 8, 6000)
