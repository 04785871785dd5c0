"""Twilio's error codes: which are known, and how they are told."""

from __future__ import annotations

import json

import pytest

from telephony.cli import run
from telephony.doctor.codes import CODES, ENTRIES, Code, explain

#: The codes that a voice agent's operator was found to ask for.
ASKED_FOR = [
    31901, 31902, 31910, 31920, 31921, 31922, 31923, 31924, 31930, 31931, 31941, 31950, 31951, 11200,
    11205, 11206, 11210, 11215, 11217, 11220, 11235, 11237, 11750, 11751, 11770, 12100, 12200, 12300,
    13214, 13224, 13227, 15003, 20003, 20404, 21219, 57012, 13805,
]  # fmt: skip


def test_every_code_that_is_asked_for_is_explained() -> None:
    assert [code for code in ASKED_FOR if explain(code) is None] == []
    assert explain(1) is None


@pytest.mark.parametrize("entry", CODES.values(), ids=lambda entry: str(entry.code))
def test_an_entry_says_cause_and_mend(entry: Code) -> None:
    for text in (entry.name, entry.cause, entry.mend):
        assert len(text) > 8
        assert "  " not in text
        assert not text.endswith(".")
    assert entry.page.endswith(f"/{entry.code}")


def test_a_code_is_in_the_table_once() -> None:
    codes = [entry.code for entry in ENTRIES]
    assert sorted(set(codes)) == sorted(codes)


def test_a_code_is_told_in_plain_words(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "31920"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("31920 (error): Stream - WebSocket - Handshake Error\n  cause: ")
    assert "https://www.twilio.com/docs/api/errors/31920" in out
    assert "note:" not in out
    assert run(["doctor", "31921"]) == 0
    assert "note:  meaning from a copy" in capfd.readouterr().out


def test_a_code_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "11200", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["code"], told["level"], told["doubt"]) == (11200, "error", "")


def test_a_code_that_is_not_known_is_not_explained(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "99999"]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "99999 is not in the table" in captured.err
    assert "31920" in captured.err
