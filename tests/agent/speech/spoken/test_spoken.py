"""Text for the ear: by table; for any text only words, a way back that is monotone, the same when said again."""

import time
import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import agent
from agent.slots.readback import read_back
from agent.speech.spoken import spoken, warm

PARCEL_DESK = Path(__file__).parents[4] / "prompts" / "parcel-desk"

ENGLISH = [
    # numbers, and what names something
    ("Your order 4712 is on its way.", "Your order four seven one two is on its way."),
    ("Order #4712 left.", "Order number four seven one two left."),
    ("It is 4712-8899.", "It is four seven one two, eight eight nine nine."),
    ("4712.", "four seven one two."),
    ("Room 204, code 007.", "Room two zero four, code zero zero seven."),
    ("There are 4712 parcels.", "There are four thousand seven hundred and twelve parcels."),
    ("There are 1,250.", "There are one thousand two hundred and fifty."),
    ("12000 of 100,000 came.", "twelve thousand of one hundred thousand came."),
    ("It weighs 3.05 as of -2.", "It weighs three point zero five as of minus two."),
    ("Flight BA2490 and AB-1234.", "Flight B A, two four nine zero and A B, one two three four."),
    ("Covid-19, MP3, 3D, A4.", "Covid nineteen, M P three, three D, A four."),
    ("Card 4111 1111 1111 1111.", "Card four one one one, one one one one, one one one one, one one one one."),
    ("It takes 10-12 days, in 2019-2020.", "It takes ten to twelve days, in twenty nineteen to twenty twenty."),
    ("The 21st of 3/4, 1 1/2 cups, ½.", "The twenty-first of three quarters, one and one half cups, one half."),
    ("Order no. 4712, code A1B2.", "Order number four seven one two, code A one B two."),
    ("It's 3x, for 2.5k.", "It's three times, for two point five thousand."),
    ("The 1980s and '90s.", "The nineteen eighties and nineties."),
    ("Version 1.2.30 won 3:1.", "Version one dot two dot thirty won three to one."),
    # money, shares, measures
    ("That makes $12.50, $1 or $0.99.", "That makes twelve dollars and fifty cents, one dollar or ninety-nine cents."),
    ("€1,250.00, £1.01, 5 USD.", "one thousand two hundred and fifty euros, one pound and one penny, five dollars."),
    ("$1.2 million or $5k.", "one point two million dollars or five thousand dollars."),
    ("12.5% off, 5-10% maybe.", "twelve point five percent off, five to ten percent maybe."),
    ("5kg, 1 km, 60 mph, -5°C.", "five kilograms, one kilometer, sixty miles per hour, minus five degrees Celsius."),
    # dates and times
    ("On 2026-05-04 at 10:30.", "On May fourth, twenty twenty-six at ten thirty."),
    ("On May 4, 2026, or Jan. 4.", "On May fourth, twenty twenty-six, or January fourth."),
    ("On 05/04/2026 or by 5/4.", "On May fourth, twenty twenty-six or by May fourth."),
    ("The 4th of May, 5 June 2005.", "The May fourth, June fifth, two thousand and five."),
    ("Since 1999, May 2026.", "Since nineteen ninety-nine, May twenty twenty-six."),
    ("From 9am to 5:05 PM, 17:00, 12:00.", "From nine a.m. to five oh five p.m., five p.m., twelve o'clock."),
    ("Mon-Fri 9-5, Sat 10am-2pm.", "Monday to Friday nine to five, Saturday ten a.m. to two p.m."),
    ("Between 2–4 pm.", "Between two to four p.m."),
    ("ETA: 15:45.", "E T A: three forty-five p.m."),
    ("On 2026-13-45.", "On twenty twenty-six, thirteen, forty-five."),
    # addresses
    ("Call (555) 010-0199.", "Call five five five, zero one zero, zero one nine nine."),
    ("Call +1 555-010-0199.", "Call plus one, five five five, zero one zero, zero one nine nine."),
    ("Mail jane.doe7@example.com.", "Mail jane dot doe seven at example dot com."),
    ("See https://www.example.com/a?b=c.", "See example dot com."),
    ("See example.com/help, please.", "See example dot com slash help, please."),
    # letters, short forms, signs
    ("The USB cable, FAQs, NASA, OK?", "The U S B cable, F A Q's, Nasa, okay?"),
    ("PLEASE DO NOT HANG UP.", "please do not hang up."),
    ("In the U.S. now, e.g. here.", "In the U S now, for example here."),
    ("Tom & Jerry, he/she and/or TCP/IP.", "Tom and Jerry, he or she and or T C P I P."),
    ("No. 5. No. I won't.", "Number five. No. I won't."),
    ("3 + 4 = 7.", "three plus four equals seven."),
    # markup
    ("**Great news!** It is `here` 🎉🎉", "Great news! It is here"),
    ("_Well_, ~~not~~ *so*.", "Well, not so."),
    ("[Click here](https://x.y/z?a=1) or ![a map](m.png).", "Click here or a map."),
    ("You need:\n- a visa\n- a passport\n\nThat is all.", "You need: a visa, a passport. That is all."),
    ("1. Open it\n2. Close it", "one: Open it, two: Close it"),
    ("# Your order\nIt left.", "Your order, It left."),
    ("| a | b |\n|---|---|\n| c | d |", "a, b, c, d"),
    ("<b>Bold</b> &amp; <break time='9s'/>done.", "Bold and done."),
    ("Nice 👩‍👩‍👧 to 👍🏽 see you 🇩🇪!", "Nice to see you!"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), ENGLISH, ids=[written[:30] for written, _ in ENGLISH])
def test_english(written: str, expected: str) -> None:
    assert spoken(written).text == expected
    assert spoken(expected).text == expected


OTHERS = [
    ("de-DE", "Es kostet 1.250,50 €.", "Es kostet eintausendzweihundertfünfzig Euro und fünfzig Cent."),
    ("de", "Am 4. Mai um 17:05.", "Am vierten Mai um siebzehn Uhr fünf."),
    ("de", "Bestellung 4712, z.B. 5 kg.", "Bestellung vier sieben eins zwei, zum Beispiel fünf Kilogramm."),
    ("de", "Es sind 12,5 %.", "Es sind zwölf Komma fünf Prozent."),
    ("fr-FR", "Le 4 mai 2026 : 12,50 €.", "Le quatre mai deux mille vingt-six: douze euros et cinquante centimes."),
    ("es", "El 4 de mayo; pedido 4712.", "El cuatro de mayo; pedido cuatro siete uno dos."),
    ("sv", "Det är 21 %.", "Det är tjugoett procent."),
    ("nl", "Op 4 mei, 5 km.", "Op vier mei, vijf kilometer."),
    ("en-GB", "On 05/04/2026.", "On April fifth, twenty twenty-six."),
    ("xx-YY", "5 & $6 **now**", "5 6 now"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "written", "expected"), OTHERS)
def test_other_languages(language: str, written: str, expected: str) -> None:
    assert spoken(written, language).text == expected


def _texts(values: object) -> list[str]:
    if isinstance(values, str):
        return [values]
    if isinstance(values, dict):
        return [text for value in values.values() for text in _texts(value)]
    return [text for value in values for text in _texts(value)] if isinstance(values, list) else []


def test_what_the_parcel_desk_says_passes_unchanged() -> None:
    flow = tomllib.loads((PARCEL_DESK / "flow.toml").read_text(encoding="utf-8"))
    phrases = tomllib.loads((PARCEL_DESK / "agent.toml").read_text(encoding="utf-8"))["phrases"]
    said = [text for text in _texts(flow) + _texts(phrases) if " " in text and "/" not in text]
    assert len(said) > 40
    values = {"{order_number:digits}": read_back("digits", "4712"), "{heard:digits}": "four", "{day}": "tomorrow"}
    for text in said:
        for name, value in values.items():
            text = text.replace(name, value)
        text = text.replace("{place}", "your neighbour's")
        assert spoken(text).text == text


@pytest.mark.parametrize(
    "kind_value", ["digits 4712889911", "email jane.doe@example.com", "date 2026-05-04", "money 12.50"]
)
def test_what_was_read_back_in_words_passes_unchanged(kind_value: str) -> None:
    said = read_back(*kind_value.split(" "))
    assert spoken(f"I have {said}.").text == f"I have {said}."


def heard(written: str, until: str) -> str:
    """What of the written text has been heard when the voice has said its words up to and with `until`."""
    said = spoken(written)
    return written[: said.written_chars(said.text.index(until) + len(until))]


@pytest.mark.parametrize(
    ("written", "until", "expected"),
    [
        ("Order 4712 left us.", "Order", "Order"),
        ("Order 4712 left us.", "four seven one", "Order "),
        ("Order 4712 left us.", "one two", "Order 4712"),
        ("Order 4712 left us.", "two left", "Order 4712 left"),
        ("It is $12.50 now.", "dollars", "It is "),
        ("It is $12.50 now.", "fifty cents", "It is $12.50"),
        ("**Great news!** Yes.", "Great", "**Great"),
        ("**Great news!** Yes.", "news!", "**Great news!**"),
        ("At 5pm sharp.", "five", "At "),
        ("At 5pm sharp.", "p.m", "At 5pm"),  # many voices end a word before its full stop
        ("At 5pm sharp.", "sharp.", "At 5pm sharp."),
        ("See [our page](https://x.y) now.", "our page", "See [our page](https://x.y)"),
        ("See [our page](https://x.y) now.", "our", "See [our"),
        ("It is 🎉 here.", "is", "It is"),
        ("- one thing", "one", "- one"),
        ("Mail a@b.com, please", "dot", "Mail "),
        ("Mail a@b.com, please", "com", "Mail a@b.com"),
    ],
)
def test_what_was_heard_in_written_words(written: str, until: str, expected: str) -> None:
    assert heard(written, until) == expected


def test_a_text_of_which_nothing_is_said() -> None:
    nothing = spoken("🎉 ***")
    assert nothing.text == ""
    assert [nothing.written_chars(chars) for chars in (-1, 0, 1)] == [0, 0, 0]


HARD = st.sampled_from(
    """4712 $12.50 10:30 a@b.co http://x.y/z?a=b **b** __ ` # [a](b) <b> &amp; 🙂 ¼ ½ ① Jan. May 4th USB e.g. p.m.
    U.S. +1 (555) - – / % kg € 5 007 x7y ... word Hello | ~ ^ \\ { } = * 's vs. No. 1.250 2026-05-04 5/4 on :) · № é
    日本 । ٤ in NASA DO NOT IV ²""".split()
)
TEXTS = st.lists(st.tuples(HARD, st.sampled_from(["", " ", " ", "\n", "\n- ", ". ", ", "])), max_size=12).map(
    lambda pairs: "".join(a + b for a, b in pairs)
)
MARKS = frozenset(" .,;:!?'\"()-’‘“”„«»‚–—…¿¡。、，．！？；：「」『』（）،؟؛۔।॥·")


def check(written: str, language: str) -> None:
    said = spoken(written, language)
    for sign in said.text:
        kind = unicodedata.category(sign)
        assert kind[0] in "LM" or sign in MARKS or (kind == "Nd" and language == "xx"), f"{sign!r} in {said.text!r}"
    chars = [said.written_chars(at) for at in range(len(said.text) + 1)]
    assert chars == sorted(chars)
    assert chars[0] == 0
    if said.text:
        assert chars[-1] == len(written)
    assert spoken(said.text, language).text == said.text


@settings(max_examples=400, deadline=None)
@given(st.one_of(TEXTS, st.text(max_size=200)), st.sampled_from(["en-US", "en-US", "en-GB", "de", "fr", "ja", "xx"]))
@example("日本 /=\n\n...e.g.‍ IV ", "en-US")
def test_any_text_becomes_words_with_a_way_back(written: str, language: str) -> None:
    check(written, language)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=12))
def test_any_language_tag_is_taken(tag: str) -> None:
    assert "now" in spoken("5 things now", tag).text


@pytest.mark.parametrize(
    "piece",
    """1 1- a. A a-1 * [ ![ <a_ ( &# 9,999 $ 1_ | -_ _a @ x@y. http:// ½ 🙂 1/ 1: No._ May_ .. _- 0. e.g. +1 -- A_
    `""".split(),
)
def test_the_worst_text_takes_bounded_time(piece: str) -> None:
    began = time.perf_counter()
    check((piece.replace("_", " ") * 4000)[:4000], "en-US")
    assert time.perf_counter() - began < 3.0, "it takes some 50 ms"


def test_the_first_text_after_warming_is_quick() -> None:
    warm("en-US")
    began = time.perf_counter()
    spoken("Your order 4712 comes on May 4 at 10:30, for $12.50.")
    assert time.perf_counter() - began < 0.02


def test_its_data_are_in_the_package() -> None:
    assert (Path(agent.__file__).parent / "speech" / "spoken" / "languages.toml").is_file()
