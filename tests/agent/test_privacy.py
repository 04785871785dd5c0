"""Confidential: when a window is open, what its lines and its audio become, and what is known again later."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.masking import MARK
from agent.privacy import BEFORE_SPEECH_MS, NOTHING, Confidential, Remembered
from tests.agent.test_masking import spelled

CARD = "4111222233334444"


class Journal:
    """A journal at a given media time, as the record keeps it."""

    def __init__(self, lengths: list[int] | None = None, *, confidential: Confidential | None = None) -> None:
        self.confidential = confidential or Confidential()
        self.now_ms = 0
        self.write("call.started", caller="+15550142", sensitive_lengths=lengths or [])

    def write(self, kind: str, at: int | None = None, **data: Any) -> dict[str, Any]:
        self.now_ms = self.now_ms + 100 if at is None else at
        return dict(self.confidential.line(kind, self.now_ms, data))

    def asks(self, slot: str = "", kind: str = "digits", at: int | None = None) -> None:
        self.write("agent.asks", at, slot=slot, slot_kind=kind if slot else "", sensitive=bool(slot))

    def turn(self, number: int, text: str) -> dict[str, Any]:
        self.write("turn.started", turn=number, speech_ms=self.now_ms)
        return self.write("turn.committed", turn=number, text=text, source="voice")

    def after(self, text: str = CARD) -> Journal:
        """With a number said in a window that is closed again."""
        self.asks("card")
        self.write("reply.heard")
        self.turn(1, text)
        self.asks()
        self.write("reply.heard")
        assert not self.confidential.open
        return self

    @property
    def windows(self) -> list[tuple[int, float]]:
        return self.confidential._windows


def test_a_window_opens_with_the_question_and_closes_when_the_reply_to_its_answer_was_heard_out() -> None:
    journal = Journal()
    assert journal.write("key", digit="4")["digit"] == "4"
    journal.asks("card", at=1000)
    journal.write("reply.heard", 3000)
    assert journal.write("key", digit="4")["digit"] == MARK
    assert journal.turn(1, f"it is {CARD}, thanks")["text"] == f"it is {MARK}, thanks"
    journal.asks(at=9000)
    assert journal.write("agent.clause", text="I charged one dollar")["text"] == f"I charged {MARK} dollar"
    assert journal.confidential.open
    journal.write("turn.committed", 9400, turn=2, text="", source="keys")  # the pressed key's entry
    journal.write("reply.heard", 9500)
    assert journal.windows == [(1000, 9500)]
    assert journal.confidential.quiet_until_ms == 9500


@pytest.mark.parametrize("journal", [Journal(), Journal([4])], ids=["said before", "of a known length"])
def test_keys_are_hidden_one_by_one_in_a_call_with_secrets_and_shown_in_their_turns(journal: Journal) -> None:
    if not journal.confidential._lengths:
        journal.after("4712")
    assert [journal.write("key", digit=digit)["digit"] for digit in "4712#"] == [MARK] * 4 + ["#"]
    assert journal.write("turn.committed", turn=2, text="12", source="keys")["text"] == "12"
    assert journal.write("turn.committed", turn=3, text="4712", source="keys")["text"] == MARK


def test_a_reply_that_was_cut_off_does_not_close_it() -> None:
    journal = Journal()
    journal.asks("card")
    journal.turn(1, "pay")
    journal.asks()
    journal.write("playout.stopped", position_ms=3)
    journal.write("agent.heard", text="I charged", said="I charged four", complete=False)
    journal.turn(2, "no wait")
    assert journal.confidential.open
    journal.asks("card")
    journal.write("reply.heard")
    assert journal.confidential.open


def test_speech_and_keys_that_began_in_a_window_are_waited_for() -> None:
    journal = Journal()
    journal.asks("card")
    journal.write("turn.started", turn=1, speech_ms=300)
    journal.write("key", digit="9")
    journal.asks()
    journal.write("reply.heard")
    assert journal.confidential.open
    journal.write("turn.rejected", turn=1, reason="no text")
    assert journal.confidential.open, "a key is still to become a turn"
    assert journal.write("turn.committed", turn=2, text="9", source="keys")["text"] == MARK
    journal.asks()
    journal.write("reply.heard")
    assert not journal.confidential.open


def test_what_is_ours_is_kept_in_a_window() -> None:
    journal = Journal()
    journal.asks("card")
    ours = {
        "turn": 3,
        "id": "stt-4",
        "sent_ms": 4711,
        "ok": True,
        "confidence": None,
        "effect": "read",
        "basis": "mark",
    }
    assert journal.write("anything", **ours) == ours
    line = journal.write("engine.result", id="tts-1", final=False, result={"samples": 480, "words": [[480, 4]]})
    assert line["result"] == {"samples": MARK, "words": [[MARK, MARK]]}, "lengths of words tell digits"
    line = journal.write("tool.called", arguments={"card": CARD, "line1": {"now": True, "to": [4, "two", "b"]}})
    assert line["arguments"] == {"card": MARK, "line1": {"now": True, "to": [MARK, MARK, "b"]}}
    assert journal.write("tool.returned", result={CARD: "x", "4": None})["result"] == {MARK: None}


def test_hashes_of_what_may_be_found_by_trying_are_left_out_from_the_first_window_on() -> None:
    journal = Journal()
    assert journal.write("engine.request", input_hash="ab", input="hello")["input_hash"] == "ab"
    journal.after()
    assert journal.write("engine.request", input_hash="ab", input="hello")["input_hash"] == ""
    line = journal.write("engine.result", final=True, result={"text": "hello", "input_hash": "ab"})
    assert line["result"] == {"text": "hello", "input_hash": ""}
    early = Journal([16])
    assert early.write("engine.request", input_hash="ab", input="hello")["input_hash"] == "ab"
    assert early.write("engine.request", input_hash="ab", input=CARD)["input_hash"] == ""


def test_a_slot_that_is_no_number_hides_every_word() -> None:
    journal = Journal()
    journal.asks("consent", "yes_no")
    assert journal.turn(1, "yes, since the spring")["text"] == MARK
    assert journal.write("tool.called", name="note", arguments={"consent": True})["arguments"] == {"consent": MARK}
    assert journal.write("error", where="stt", message="the engine broke")["message"] == "the engine broke"
    journal.asks()
    journal.write("reply.heard")
    assert journal.turn(2, "yes")["text"] == "yes"
    line = journal.write("tool.called", arguments={"consent": True, "more": False})
    assert line["arguments"] == {"consent": MARK, "more": False}, "a slot is known by its name later"


@pytest.mark.parametrize("where", ["text", "nested", "row", "number", "key"])
@pytest.mark.parametrize("how", range(7))
def test_a_number_from_a_window_is_known_again_in_any_field(how: int, where: str) -> None:
    journal = Journal().after("4711")
    said = spelled("4711", how)
    data: dict[str, Any] = {
        "text": {"text": said},
        "nested": {"result": {"a": [{"b": said}]}},
        "row": {"result": {"digits": [4, 7, 1, 1]}},
        "number": {"result": {"card": 4711, "kept": 4712}},
        "key": {"result": {said: 1}},
    }[where]
    written = json.dumps(journal.write("tool.returned", ok=True, **data), ensure_ascii=False)
    for left in ("4711", "4, 7", "four", "forty", "eleven", said):
        assert left not in written
    assert ("kept" in written) is ("4712" in written)


def test_a_number_in_parts_is_known_when_a_tool_gets_it_whole() -> None:
    journal = Journal()
    journal.asks("pin")
    journal.turn(1, "four seven")
    journal.turn(2, "one one")
    journal.write("tool.called", arguments={"pin": "4711", "order": "9038"})
    journal.asks()
    journal.write("reply.heard")
    assert journal.turn(3, "4711 and 9038")["text"] == f"{MARK} and 9038"


def test_what_comes_word_by_word_shows_no_numbers_later() -> None:
    journal = Journal().after()
    assert journal.write("engine.result", id="llm-3", final=False, result={"text": "four, "})["result"] == {
        "text": "•, "
    }
    assert journal.write("engine.result", id="stt-3", final=True, result={"text": "four"})["result"] == {"text": "four"}


def test_the_agent_saying_a_known_number_opens_a_window() -> None:
    journal = Journal().after()
    assert journal.write("agent.clause", 5000, text="Anything for order 4712?")["text"] == "Anything for order 4712?"
    assert not journal.confidential.open
    journal.write("agent.clause", 6000, text="Your card ends four, four, four, four.")
    assert journal.confidential.open
    journal.write("reply.heard", 8000)
    assert journal.windows[-1] == (6000, 8000)
    assert journal.confidential.withdrawn() == []


def test_the_caller_saying_one_unasked_is_silenced_from_the_turns_beginning() -> None:
    journal = Journal([16])
    journal.write("turn.started", 5000, turn=1, speech_ms=4900)
    partial = journal.write("engine.result", final=False, result={"text": "pay with 4111 1222"})
    assert partial["result"] == {"text": f"pay with {MARK} {MARK}"}
    final = journal.write("engine.result", final=True, result={"text": f"pay with {CARD} for order 4712"})
    assert final["result"] == {"text": f"pay with {MARK} for order 4712"}
    journal.write("turn.committed", 9000, turn=1, text=f"pay with {CARD} for order 4712", source="voice")
    assert journal.windows == [(4900 - BEFORE_SPEECH_MS, inf)]
    assert journal.confidential.withdrawn() == [(4900 - BEFORE_SPEECH_MS, 9000)]
    assert journal.confidential.withdrawn() == []


def test_audio_is_silent_to_the_sample_in_every_window() -> None:
    journal = Journal()
    for start, end in ((1010, 1030), (1040, 1050)):
        journal.asks("card", at=start)
        journal.asks(at=end)
        journal.write("reply.heard", end)
    confidential = journal.confidential
    loud = b"\1\1" * 160
    assert confidential.silenced(loud, 900, 8000) == loud
    assert confidential.silenced(loud, 1000, 8000) == loud[:160] + bytes(160)
    assert confidential.silenced(loud, 1010, 8000) == bytes(320)
    whole = confidential.silenced(b"\1\1" * 1600, 1000, 16000)
    assert [whole[32 * ms] for ms in range(100)] == [int(not (10 <= ms < 30 or 40 <= ms < 50)) for ms in range(100)]
    assert confidential.silenced(loud, 1050, 8000) == loud
    journal.asks("card", at=2000)
    assert confidential.quiet_until_ms == inf
    assert confidential.silenced(loud, 1990, 8000) == loud[:160] + bytes(160)


def test_what_cannot_be_looked_through_is_masked_whole() -> None:
    journal = Journal().after()
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    line = journal.write("tool.returned", id="call-1", result=nested, ok=True)
    assert (line["id"], line["result"]) == ("call-1", MARK)
    assert journal.write("tool.returned", result=[10**5000])["result"] == MARK


_DIGITS = st.text(alphabet="0123456789", min_size=3, max_size=19)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda items: st.lists(items) | st.dictionaries(st.text(), items),
    max_leaves=8,
)


@given(_DIGITS, st.integers(0, 5), st.integers(0, 5), st.lists(_ANY, max_size=3))
def test_no_spelling_of_a_number_is_ever_written(digits: str, first: int, later: int, beside: list[Any]) -> None:
    journal = Journal()
    journal.asks("card")
    lines = [journal.turn(1, spelled(digits, first))]
    lines.append(journal.write("tool.called", arguments={"card": digits, "beside": beside}))
    journal.asks()
    journal.write("reply.heard")
    said = spelled(digits, later)
    lines.append(journal.turn(2, f"I said {said} again"))
    journal.asks()
    journal.write("reply.heard")
    lines.append(journal.write("tool.returned", result={"x": [{"y": said}, list(digits), int(digits) or None]}))
    for line in lines:
        fields = [line.get("text"), line.get("arguments", {}).get("card"), line.get("result", {}).get("x")]
        written = json.dumps(fields, ensure_ascii=False)
        assert said not in written
        assert digits not in written
        assert not any(digits.lstrip("0") and digits.lstrip("0") == str(value) for value in fields)


@given(st.lists(st.tuples(st.sampled_from(["agent.asks", "turn.started", "turn.committed", "turn.rejected", "key",
    "tool.called", "tool.returned", "agent.clause", "engine.result", "reply.heard", "x"]),
    st.dictionaries(st.sampled_from(["turn", "text", "slot", "slot_kind", "sensitive", "speech_ms", "digit",
    "arguments", "result", "final", "source", "input_hash", "input"]), _ANY))))  # fmt: skip
def test_any_line_in_any_order_is_taken(lines: list[tuple[str, dict[str, Any]]]) -> None:
    confidential = Confidential()
    confidential.line("agent.asks", 0, {"slot": "card", "slot_kind": "digits", "sensitive": True})
    for at, (kind, data) in enumerate(lines):
        data["turn"] = at % 3  # ours, always
        before = repr(data)
        masked = confidential.line(kind, at * 100, data)
        assert masked.keys() == data.keys()
        assert repr(data) == before
        assert len(confidential.silenced(b"\1\1" * 160, at * 100, 8000)) == 320


# --- the call comes back on another stream ----------------------------------------------------------------------------


def again(before: Remembered) -> Journal:
    """The call's next stream."""
    return Journal(confidential=Confidential(before))


@pytest.mark.parametrize("how", range(6))
def test_the_next_stream_knows_the_number(how: int) -> None:
    journal = again(Journal().after().confidential.remembered())
    assert not journal.confidential.open
    masked = journal.turn(1, f"it is {spelled(CARD, how)}")["text"]
    assert set(masked.removeprefix("it is ")) <= set(f"{MARK} ,-uhUH")
    assert journal.confidential.open, "and it is silent where the number is said"


def test_the_next_stream_knows_parts_of_the_number_and_the_name_of_its_slot_and_not_more() -> None:
    journal = again(Journal().after().confidential.remembered())
    assert journal.write("call.started", caller="+1" + CARD, call_id=CARD, sensitive_lengths=[]) == {
        "caller": "+1" + CARD,
        "call_id": CARD,
        "sensitive_lengths": [],
    }
    assert journal.turn(1, "room 101")["text"] == "room 101"
    assert journal.write("tool.called", name="pay", arguments={"card": "x"})["arguments"] == {"card": MARK}
    assert journal.turn(2, "it ends with 4444")["text"] == f"it ends with {MARK}"


def test_what_is_remembered_goes_from_stream_to_stream_and_shows_itself_nowhere() -> None:
    first = Journal().after().confidential.remembered()
    third = again(again(first).confidential.remembered()).confidential.remembered()
    assert third == first
    assert CARD in third.numbers
    assert CARD not in repr(third)
    assert Confidential().remembered() == NOTHING


def test_a_stream_that_knows_nothing_leaves_lines_as_they_are() -> None:
    journal = again(NOTHING)
    data = {"text": f"it is {CARD}"}
    assert journal.confidential.line("note", 0, data) is data


@pytest.mark.parametrize("text", ["4111", "four one one", "it was 4111 2222", "one hundred and one"])
def test_where_the_numbers_are_lost_every_longer_number_is_one(text: str) -> None:
    journal = again(Remembered(guarded=True))
    assert journal.write("call.started", caller="+15550142", call_id="CA1")["caller"] == "+15550142"
    journal.now_ms = 5000
    masked = journal.turn(1, text)["text"]
    assert MARK in masked
    assert not any(digit in masked for digit in "124")
    assert "one" not in masked
    assert journal.windows == [(5000 - BEFORE_SPEECH_MS, inf)]
    journal.write("reply.heard")
    assert not journal.confidential.open
    assert journal.turn(2, "two of 12 parcels")["text"] == "two of 12 parcels"
    assert journal.write("key", digit="4")["digit"] == MARK
    assert journal.write("engine.request", input="pay 4111", input_hash="abc") == {
        "input": f"pay {MARK}",
        "input_hash": "",
    }
    assert again(journal.confidential.remembered()).turn(3, "999")["text"] == MARK


def test_what_was_committed_by_a_partial_text_keeps_the_window_open_until_its_final_one() -> None:
    """The answer may have been heard by then; what only the final text has is remembered all the same."""
    journal = Journal()
    journal.asks("card")
    journal.write("reply.heard")
    journal.write("turn.started", turn=1, speech_ms=journal.now_ms)
    journal.write("turn.committed", turn=1, text="4111 2222", source="voice", by="partial")
    journal.asks()
    journal.write("reply.heard")
    assert journal.confidential.open
    result = journal.write("engine.result", final=True, result={"text": CARD})
    assert result["result"] == {"text": MARK}
    assert journal.write("turn.corrected", turn=1, text=CARD)["text"] == MARK
    assert not journal.confidential.open
    assert journal.write("agent.clause", text=f"It is {CARD}.")["text"] == f"It is {MARK}."


def test_what_a_partial_text_said_rightly_closes_the_window() -> None:
    journal = Journal()
    journal.asks("card")
    journal.write("turn.started", turn=1, speech_ms=journal.now_ms)
    journal.write("key", digit="4")
    journal.write("turn.committed", turn=1, text=CARD, source="both", by="partial")
    journal.asks()
    journal.write("reply.heard")
    assert journal.confidential.open
    journal.write("turn.confirmed", turn=1)
    assert not journal.confidential.open


def test_a_number_that_only_the_final_text_has_is_silenced_from_its_beginning() -> None:
    journal = Journal([16])
    journal.write("turn.started", 5000, turn=1, speech_ms=5000)
    journal.write("turn.committed", 9000, turn=1, text="four one one", source="voice", by="partial")
    assert not journal.confidential.open
    assert journal.write("turn.corrected", 9500, turn=1, text=CARD)["text"] == MARK
    assert journal.windows == [(5000 - BEFORE_SPEECH_MS, float("inf"))]
    assert journal.confidential.withdrawn() == [(5000 - BEFORE_SPEECH_MS, 9500)]
