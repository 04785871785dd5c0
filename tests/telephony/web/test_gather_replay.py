"""A turn that was taken is not taken again, whoever sends its request once more, with whatever token."""

from __future__ import annotations

from pathlib import Path

from telephony.twilio.gather import Document, GatherRequest
from tests.telephony.web.test_gather_calls import Fixture, play


async def turn(fx: Fixture, text: str, key: str, answers: int) -> Document:
    document = await fx.calls.document(GatherRequest("turn", "CA1", "+1555", "+1666", key, text, answers=answers))
    assert document is not None
    return document


def test_a_turn_sent_again_with_another_token_is_not_taken_again(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Charged."], ["Charged twice."]])

    async def scene() -> None:
        asked = await fx.ask("voice", key="a")
        answer = await turn(fx, "yes", "b", asked.number)
        assert (answer.text, answer.number) == ("Charged.", 2)
        again = await turn(fx, "yes", "made-up", asked.number)
        assert again.text == "Charged."
        assert fx.turns() == ["yes"]
        assert fx.house.counts["gather stale"] == 1
        await turn(fx, "more", "c", answer.number)
        assert fx.turns() == ["yes", "more"]

    play(fx, scene)


def test_nor_by_the_next_worker(tmp_path: Path) -> None:
    fx = Fixture(tmp_path, [["Charged."]])
    others: list[Fixture] = []

    async def scene() -> None:
        asked = await fx.ask("voice", key="a")
        await turn(fx, "yes", "b", asked.number)
        new = fx.restarted(tmp_path / "new", [["Charged twice."]])
        others.append(new)
        assert (await turn(new, "yes", "made-up", asked.number)).text == "Charged."
        assert new.turns() == ["yes"]
        await new.calls.end_all()

    play(fx, scene)
