"""Keys into entries, by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turns.keypad import MAX_KEYS, Keypad


@pytest.mark.parametrize(
    ("keys", "entries", "left"),
    [
        ("4712#", ["4712"], False),
        ("4712", [], True),
        ("#", [], False),
        ("##4#", ["4"], False),
        ("12#34#", ["12", "34"], False),
        ("*21*#", ["*21*"], False),
        ("4A7B1C2D#", ["4712"], False),  # the keys of a fourth column mean nothing here
        ("A", [], False),
        ("1" * MAX_KEYS, ["1" * MAX_KEYS], False),
        ("1" * (MAX_KEYS + 1), ["1" * MAX_KEYS], True),
    ],
)
def test_keys(keys: str, entries: list[str], left: bool) -> None:
    keypad = Keypad()
    assert [entry for key in keys if (entry := keypad.press(key)) is not None] == entries
    assert bool(keypad.keys) is left


@pytest.mark.parametrize(
    ("length", "longest", "keys", "entries"),
    [
        (4, 0, "47123", ["4712"]),
        (4, 6, "471234", ["471234"]),
        (4, 6, "4712#", ["4712"]),
        (0, 3, "471", ["471"]),
        (0, 0, "471", []),
        (10**6, 0, "1" * MAX_KEYS, ["1" * MAX_KEYS]),
        (-1, 0, "1" * (MAX_KEYS - 1), []),
    ],
)
def test_the_full_length_of_what_was_asked_ends_an_entry(
    length: int, longest: int, keys: str, entries: list[str]
) -> None:
    keypad = Keypad()
    keypad.asked(length, longest)
    assert [entry for key in keys if (entry := keypad.press(key)) is not None] == entries


def test_an_entry_given_up_leaves_nothing() -> None:
    keypad = Keypad()
    keypad.press("4")
    keypad.clear()
    assert not keypad.keys


@pytest.mark.parametrize("junk", ["", "12", "x", "٣", "#*"])
def test_what_is_no_key_is_no_key(junk: str) -> None:
    keypad = Keypad()
    assert keypad.press(junk) is None
    assert not keypad.keys


@given(st.lists(st.sampled_from("0123456789*#ABCD"), max_size=200))
def test_no_key_is_lost_or_doubled(keys: list[str]) -> None:
    keypad = Keypad()
    entries = [*(keypad.press(key) for key in keys), keypad.keys]
    assert "".join(filter(None, entries)) == "".join(key for key in keys if key in "0123456789*")
    assert len(keypad.keys) < MAX_KEYS
    assert all(0 < len(entry) <= MAX_KEYS for entry in entries[:-1] if entry is not None)
