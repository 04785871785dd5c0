"""The ear that understands what is said: when its words count."""

from __future__ import annotations

import pytest

from telephony.replay.testing.stand_ins import AsSaidStt, Spoken
from tests.support.virtual_loop import VirtualContext, virtual

SPOKEN = [Spoken("four seven", 1000, 1600), Spoken("one two", 2400, 3000), Spoken("", 5000, 5500)]


@pytest.mark.parametrize(
    ("at_ms", "texts"),
    [
        ([900], [""]),
        ([1099], [""]),
        ([1100], ["four seven"]),
        ([2200, 3600], ["four seven", "one two"]),
        ([3600, 4000], ["four seven one two", ""]),
        ([2450, 3600], ["four seven", "one two"]),
        ([9000], ["four seven one two"]),
    ],
)
@virtual
async def test_a_turn_has_what_was_begun_by_its_end(at_ms: list[int], texts: list[str]) -> None:
    now_ms = 0
    ear = AsSaidStt(lambda: SPOKEN, lambda: now_ms).call(VirtualContext())
    heard = []
    for now_ms in at_ms:  # noqa: B007 - the ear asks for it
        utterance = ear.begin(lambda partial: None)
        utterance.push(bytes(320))
        heard.append((await utterance.final()).text)
        await utterance.cancel()
    assert heard == texts


@virtual
async def test_words_of_a_cancelled_turn_are_lost() -> None:
    now_ms = 2000
    ear = AsSaidStt(lambda: SPOKEN, lambda: now_ms).call(VirtualContext())
    await ear.begin(lambda partial: None).cancel()
    now_ms = 4000
    assert (await ear.begin(lambda partial: None).final()).text == "one two"
