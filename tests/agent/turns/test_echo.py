"""Words that are the agent's own, by table; recognisers mishear them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns import echo
from agent.turns.echo import ECHO_SCORE, ECHO_WINDOWS, EchoTally, words_are_echo

_PLAYING = (
    "Your order number four seven one two is on its way and should arrive on Tuesday. "
    "Would you like the red or the blue one?"
)


@pytest.mark.parametrize(
    "text",
    [
        "order number", "your order lumber four seven", "four seven one two", "should arrive tuesday", "seven",
        "is on his way and", "on its weigh and should arrive on chewsday", "would you like the", "the blue one",
        "should arr", "your order number",
    ],
)  # fmt: skip
def test_the_agents_own_words(text: str) -> None:
    assert words_are_echo(text, _PLAYING)


@pytest.mark.parametrize(
    "text",
    [
        "stop", "no wait", "yes", "number five", "order number is wait stop", "order number stop please",
        "i want to cancel my order", "two seven four one", "tuesday on arrive should", "what is the number", "",
    ],
)  # fmt: skip
def test_the_callers_words(text: str) -> None:
    assert not words_are_echo(text, _PLAYING)


def test_nothing_is_an_echo_of_silence() -> None:
    assert not words_are_echo("order number", "")
    assert not words_are_echo("order number", "...")


_WORDS = st.lists(
    st.sampled_from("your parcel left the depot and will be with you by noon on friday".split()), min_size=1
)


@given(_WORDS, st.data())
def test_every_piece_of_what_is_played_is_an_echo_of_it(played: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(played) - 1))
    end = data.draw(st.integers(start + 1, len(played)))
    assert words_are_echo(" ".join(played[start:end]), " ".join(played))


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_judged(text: str, playing: str) -> None:
    assert words_are_echo(text, playing) in (True, False)


def test_words_never_heard_before_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of words are compared letter by letter only where they may be one word, and not once it is no echo."""
    compared = []
    matcher = echo.SequenceMatcher

    def counting(*words: str, **options: bool) -> object:
        compared.append(max(map(len, words[1:])))
        return matcher(*words, **options)

    monkeypatch.setattr(echo, "SequenceMatcher", counting)
    random = Random(1)
    playing = " ".join("".join(random.choices("abcdefghij", k=90)) for _ in range(12))
    for length in (4, 8, 30, 90):
        text = " ".join("".join(random.choices("abcdefghij", k=length)) for _ in range(12))
        compared.clear()
        assert not words_are_echo(text, playing)
        assert len(compared) < 60
        assert max(compared, default=0) <= 24


@pytest.mark.parametrize(
    ("latest", "windows", "is_echo"),
    [
        (None, "", False),
        (None, "eee", False),  # too few to tell
        (None, "eeee", True),
        (None, "ee--e", True),
        (None, "ee--", False),
        (None, "eeee----", False),
        (8, "--------eeeee---", True),  # of the last eight
        (None, "--------eeeee---", False),
        (8, "eeeeeeee----", False),
    ],
)
def test_a_sound_is_an_echo_if_most_of_its_windows_are(latest: int | None, windows: str, is_echo: bool) -> None:
    tally = EchoTally(latest)
    for sign in windows:
        assert tally.add(ECHO_SCORE if sign == "e" else ECHO_SCORE - 0.01) is (sign == "e")
    assert (tally.began, tally.tells) == (len(windows) > 0, len(windows) >= ECHO_WINDOWS)
    assert tally.is_echo is is_echo
    tally.clear()
    assert (tally.began, tally.tells, tally.is_echo) == (False, False, False)
