"""From a journal's events to utterances, replies, speeches and tools: table by table, and of damaged ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.line import WordEnd
from agent.llm.base import Protected, TextDelta, ToolCall
from agent.masking import MARK
from agent.slots.base import Asks
from telephony.replay.reading.journal import Told, fold
from telephony.replay.recorded import RecordedPartial, RecordedPiece, RecordedTool

NEW = {"voice_hz": 8000, "rate_hz": 8000}


class Journal:
    """Events with their envelopes; the call's clock runs 10 ms ahead of media time."""

    def __init__(self, **started: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.add(0, "call.started", **started)

    def add(self, media_ms: int, kind: str, *, late_ms: float = 0.0, **fields: Any) -> Journal:
        envelope = {"v": 1, "n": len(self.events) + 1, "media_ms": media_ms, "call_ms": media_ms + 10.0 + late_ms}
        self.events.append({**envelope, "kind": kind, **fields})
        return self

    def request(self, media_ms: int, engine: str, name: str, said: str = "audio") -> Journal:
        return self.add(media_ms, "engine.request", engine=engine, name="x", id=name, input_hash="h" + name, input=said)

    def result(self, media_ms: int, name: str, offset_ms: float, final: bool = False, **result: Any) -> Journal:
        return self.add(media_ms, "engine.result", id=name, offset_ms=offset_ms, final=final, result=result)

    def clause(self, media_ms: int, utterance: int, text: str, turn: int = 1) -> Journal:
        return self.add(media_ms, "agent.clause", utterance=utterance, turn=turn, text=text, aside=False)

    def heard(self, media_ms: int, utterance: int, text: str, said: str, start_ms: int, end_ms: int) -> Journal:
        complete = text == said
        fields = {"text": text, "said": said, "complete": complete, "start_ms": start_ms, "end_ms": end_ms}
        return self.add(media_ms, "agent.heard", utterance=utterance, turn=1, **fields)

    @property
    def told(self) -> Told:
        return fold(self.events)


def spoken() -> Journal:
    """A turn that has begun, and its recognition."""
    journal = Journal(**NEW)
    journal.add(1100, "turn.started", turn=1, speech_ms=1000).request(1100, "stt", "stt-1")
    return journal.result(1400, "stt-1", 300, text="he", stable_chars=1)


# --- recognition ----------------------------------------------------------------------------------------------------


def test_a_text_and_when_it_came() -> None:
    journal = spoken().result(1600, "stt-1", 500, text="hello", stable_chars=2)
    journal.add(2500, "turn.ended", turn=1, speech_end_ms=1900, reason="silence")
    journal.add(2560, "engine.result", id="stt-1", offset_ms=1460, final=True, late_ms=4,
                result={"text": "hello there", "confidence": 0.5, "input_hash": "abc"})  # fmt: skip
    (utterance,) = journal.told.utterances
    assert (utterance.turn, utterance.began_ms, utterance.speech_start_ms) == (1, 1100, 1000)
    assert (utterance.speech_end_ms, utterance.ended_ms, utterance.final_delay_ms) == (1900, 2500, 64)
    assert utterance.partials == (RecordedPartial(1400, "he", 1, 300.0), RecordedPartial(1600, "hello", 2, 500.0))
    assert (utterance.text, utterance.confidence, utterance.input_hash) == ("hello there", 0.5, "abc")
    assert not utterance.failed


def test_a_recogniser_that_failed_and_when_that_was_known() -> None:
    journal = spoken().add(2500, "turn.ended", turn=1, speech_end_ms=1900, reason="silence")
    journal.add(5500, "error", where="stt", message="no final text within 3 s")
    (utterance,) = journal.add(5500, "turn.rejected", turn=1, reason="no text").told.utterances
    assert (utterance.failed, utterance.text, utterance.final_delay_ms) == (True, "", 3000)


def test_a_turn_that_the_end_of_the_call_found_open() -> None:
    (utterance,) = spoken().add(1800, "call.ended", reason="caller: stop").told.utterances
    assert (utterance.speech_end_ms, utterance.ended_ms, utterance.failed) == (1800, 1800, True)


def test_a_text_that_comes_while_the_next_turn_is_spoken_belongs_to_its_own() -> None:
    journal = spoken().add(2500, "turn.ended", turn=1, speech_end_ms=1900, reason="silence")
    journal.add(2600, "turn.started", turn=2, speech_ms=2550).request(2600, "stt", "stt-2")
    journal.result(2700, "stt-1", 1600, True, text="first", confidence=None)
    journal.add(3500, "turn.ended", turn=2, speech_end_ms=2900, reason="silence")
    told = journal.result(3600, "stt-2", 1000, True, text="second").told
    assert [(each.turn, each.text, each.final_delay_ms) for each in told.utterances] == [
        (1, "first", 200),
        (2, "second", 100),
    ]


def rested(final_ms: int | None = 2600, ended: bool = True) -> Journal:
    """The caller rests at 2500, and goes on at 3000 in another hearing; that turn ends at 4000."""
    journal = spoken().add(2500, "turn.rested", turn=1, speech_end_ms=1950)
    if final_ms is not None and final_ms < 3000:
        journal.result(final_ms, "stt-1", 0, True, text="hello there", input_hash="abc")
    journal.request(3000, "stt", "stt-2").result(3200, "stt-2", 200, text="my", stable_chars=1)
    if final_ms is not None and 3000 <= final_ms < 4000:
        journal.result(final_ms, "stt-1", 0, True, text="hello there", input_hash="abc")
    if ended:
        journal.add(4000, "turn.ended", turn=1, speech_end_ms=3600, reason="complete")
    if final_ms is not None and final_ms >= 4000:
        journal.result(final_ms, "stt-1", 0, True, text="hello there", input_hash="abc")
    return journal


@pytest.mark.parametrize(("final_ms", "first_ms", "second_ms"), [(2600, 100, 500), (3300, 800, 500), (4200, 1700, 300)])
def test_a_turn_with_a_rest_has_two_hearings_each_with_its_own_texts(
    final_ms: int, first_ms: int, second_ms: int
) -> None:
    journal = rested(final_ms).result(4500, "stt-2", 1500, True, text="my parcel", input_hash="def")
    first, second = journal.told.utterances
    assert [(each.turn, each.text, each.input_hash) for each in (first, second)] == [
        (1, "hello there", "abc"),
        (1, "my parcel", "def"),
    ]
    assert (first.speech_start_ms, first.speech_end_ms, first.ended_ms) == (1000, 1950, 2500)
    assert (second.began_ms, second.speech_start_ms, second.speech_end_ms) == (3000, 2968, 3600)
    assert [partial.text for partial in first.partials + second.partials] == ["he", "my"]
    # The second text is asked for at the turn's end, and not before the first one is there.
    assert (first.final_delay_ms, second.final_delay_ms) == (first_ms, second_ms)


@pytest.mark.parametrize(("known_ms", "delay_ms"), [(2700, 200), (3300, 800)])
def test_a_text_that_failed_in_a_rest_is_known_by_its_own_error(known_ms: int, delay_ms: int) -> None:
    journal = rested(None, ended=False)
    journal.add(known_ms, "error", where="stt", turn=1, message="broken")
    journal.add(3900, "error", where="stt", message="of another hearing")
    journal.add(4000, "turn.ended", turn=1, speech_end_ms=3600, reason="complete")
    first, second = journal.result(4100, "stt-2", 1100, True, text="my parcel").told.utterances
    assert (first.failed, first.final_delay_ms) == (True, delay_ms)
    assert (second.text, second.final_delay_ms) == ("my parcel", 100)


def test_a_turn_that_ended_in_its_rest_has_one_hearing() -> None:
    journal = spoken().add(2500, "turn.rested", turn=1, speech_end_ms=1950)
    journal.add(2900, "turn.ended", turn=1, speech_end_ms=1950, reason="slot unfinished")
    journal.result(3000, "stt-1", 0, True, text="hello").request(3100, "stt", "stt-2")
    (utterance,) = journal.told.utterances
    assert (utterance.ended_ms, utterance.final_delay_ms, utterance.text) == (2500, 500, "hello")


def test_a_turn_of_a_text_so_far_and_a_recogniser_that_failed_behind_it() -> None:
    journal = spoken().add(2500, "turn.ended", turn=1, speech_end_ms=1900, reason="slot complete")
    journal.add(2500, "turn.committed", turn=1, text="he", confidence=None, source="voice", by="partial")
    journal.add(5500, "error", where="stt", message="no final text within 3 s")
    (utterance,) = journal.add(5500, "turn.confirmed", turn=1).told.utterances
    assert (utterance.failed, utterance.final_delay_ms) == (True, 3000)


# --- thinking -------------------------------------------------------------------------------------------------------


def committed(*turns: int) -> Journal:
    journal = Journal(**NEW)
    for turn in turns:
        journal.add(1000 * turn, "turn.committed", turn=turn, text="x", confidence=None, source="voice")
    return journal


def test_what_a_model_said_and_asked_for() -> None:
    journal = committed(1).request(1000, "llm", "llm-1", "x")
    journal.add(1050, "agent.asks", slot="card", slot_kind="digits", sensitive=True, length=16)
    journal.result(1060, "llm-1", 60.5, text="Your card")
    journal.result(1070, "llm-1", 70, tool="look", arguments={"a": [1]})
    (reply,) = journal.result(1080, "llm-1", 80.2, True).told.replies
    assert [offset for offset, _ in reply.events] == [50, 60.5, 70]
    asks, said, call = (event for _, event in reply.events)
    assert asks == Asks("card", "digits", True, 16)
    assert said == TextDelta("Your card")
    assert isinstance(call, ToolCall)
    assert (call.name, dict(call.arguments)) == ("look", {"a": [1]})
    assert (reply.turn, reply.round, reply.input, reply.input_hash) == (1, 0, "x", "hllm-1")
    assert (reply.end_offset_ms, reply.cut) == (80.2, False)


@pytest.mark.parametrize("masked", [True, MARK])
def test_what_cannot_be_interrupted_and_what_is_confirmed(masked: object) -> None:
    confirmed = Asks("born", "yes_no", sensitive=True, hides="date")
    journal = committed(1).request(1000, "llm", "llm-1", "x").add(1000, "agent.asks", **confirmed.fields())
    journal.result(1000, "llm-1", 0, protected=masked)
    (reply,) = journal.result(1010, "llm-1", 10, True).told.replies
    assert [event for _, event in reply.events] == [confirmed, Protected()]


def test_what_was_asked_for_before_this_stream_is_no_part_of_a_reply() -> None:
    journal = Journal(**NEW).add(0, "agent.asks", slot="a", slot_kind="digits", sensitive=False)
    journal.add(10, "turn.committed", turn=1, text="x").request(10, "llm", "l1").result(20, "l1", 10, True)
    journal.add(30, "agent.asks", slot="b", slot_kind="digits", sensitive=False)
    assert [reply.events for reply in journal.told.replies] == [()]


def test_rounds_count_within_a_turn() -> None:
    journal = committed(1)
    journal.request(1000, "llm", "a").result(1010, "a", 10, True).request(1020, "llm", "b").result(1030, "b", 10, True)
    journal.add(2000, "turn.committed", turn=2, text="y").request(2000, "llm", "c")
    assert [(reply.turn, reply.round) for reply in journal.told.replies] == [(1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("kind", "fields", "end_ms"),
    [
        ("playout.stopped", {"position_ms": 0}, 500),
        ("error", {"where": "reply", "message": ""}, 500),
        ("error", {"where": "record", "message": ""}, 900),
        ("error", {"where": "stt", "message": ""}, 900),
    ],
)
def test_a_reply_that_was_cut_off_lasted_until_then(kind: str, fields: dict[str, Any], end_ms: float) -> None:
    journal = committed(1).request(1000, "llm", "a").result(1100, "a", 100, text="Well")
    (reply,) = journal.add(1500, kind, **fields).add(1900, "call.ended", reason="caller: stop").told.replies
    assert (reply.cut, reply.end_offset_ms, len(reply.events)) == (True, end_ms, 1)


def test_a_call_that_came_back_answers_a_turn_of_the_stream_before() -> None:
    journal = Journal(**NEW, continues="cut off").clause(0, 1, "Sorry.", turn=4).request(0, "llm", "a")
    assert journal.told.replies[0].turn == 4


# --- speaking -------------------------------------------------------------------------------------------------------


def test_clauses_are_heard_one_behind_the_other() -> None:
    journal = committed(1)
    for number, text in enumerate(("One two.", "Three."), start=1):
        journal.clause(1000, 7, text).request(1000, "tts", f"t{number}", text)
        journal.result(1050, f"t{number}", 50, samples=800, words=[[400, 3]])
        journal.result(1060, f"t{number}", 60, samples=1600, words=[]).result(1061, f"t{number}", 61, True)
    first, second = journal.heard(2000, 7, "One two. Three.", "One two. Three.", 1100, 1700).told.speeches
    assert first.pieces == (RecordedPiece(50, 800, (WordEnd(400, 3),)), RecordedPiece(60, 1600))
    assert (first.heard_ms, second.heard_ms) == (1100, 1400)
    assert (first.input_hash, first.from_memory, first.cut) == ("ht1", False, False)


def test_a_clause_that_came_after_the_line_ran_dry_begins_where_playing_began_again() -> None:
    journal = committed(1).clause(1000, 1, "One.").request(1000, "tts", "a", "One.")
    journal.result(1050, "a", 50, samples=800).result(1050, "a", 50, True).add(1120, "playout.started", at=1100)
    journal.clause(3000, 1, "Two.").request(3000, "tts", "b", "Two.").result(3100, "b", 100, samples=800)
    journal.result(3100, "b", 100, True).add(3180, "playout.started", at=3160)
    told = journal.heard(4000, 1, "One. Two.", "One. Two.", 1100, 3260).told
    assert [speech.heard_ms for speech in told.speeches] == [1100, 3160]


def test_what_was_cut_off_was_not_heard() -> None:
    journal = committed(1)
    for name in ("One.", "Two.", "Three."):
        journal.clause(1000, 1, name).request(1000, "tts", name, name).result(1050, name, 50, samples=8000)
        if name != "Three.":
            journal.result(1050, name, 50, True)
    told = journal.heard(2500, 1, "One.", "One. Two. Three.", 1100, 2100).told
    assert [(speech.heard_ms, speech.cut) for speech in told.speeches] == [(1100, False), (2100, False), (None, True)]


def test_an_utterance_cut_off_within_its_first_word_had_begun() -> None:
    journal = committed(1).clause(1000, 1, "One.").request(1000, "tts", "a", "One.").result(1050, "a", 50, samples=8000)
    journal.result(1050, "a", 50, True).add(1120, "playout.started", at=1100)
    assert journal.heard(1200, 1, "", "One.", 1200, 1200).told.speeches[0].heard_ms == 1100


def test_a_phrase_from_memory() -> None:
    journal = Journal(**NEW).clause(0, 1, "Hello.")
    journal.add(0, "phrase", name="x", input_hash="hh", input="Hello.", pieces=[[800, [[700, 6]]], [80, []]])
    (speech,) = journal.heard(500, 1, "Hello.", "Hello.", 40, 150).told.speeches
    assert (speech.from_memory, speech.cut, speech.heard_ms, speech.input_hash) == (True, False, 40, "hh")
    assert speech.pieces == (RecordedPiece(0.0, 800, (WordEnd(700, 6),)), RecordedPiece(0.0, 80))


def test_a_clause_that_was_never_spoken_has_no_speech() -> None:
    journal = Journal(**NEW).clause(0, 1, "Hello.").clause(10, 2, "And?").heard(20, 1, "", "Hello.", 20, 20)
    assert journal.told.speeches == ()


def test_an_older_journal_does_not_tell_of_phrases() -> None:
    journal = Journal(rate_hz=8000).clause(0, 1, "This is recorded.").clause(0, 2, "Hello.")
    journal.heard(1500, 1, "This is recorded.", "This is recorded.", 0, 1000)
    recorded, hello = journal.heard(1500, 2, "Hello.", "Hello.", 1000, 1500).told.speeches
    assert recorded.pieces == (RecordedPiece(0.0, 8000, (WordEnd(8000, 17),)),)
    assert hello.pieces == (RecordedPiece(0.0, 4000, (WordEnd(4000, 6),)),)
    assert (recorded.from_memory, recorded.cut, recorded.heard_ms, hello.heard_ms) == (True, False, 0, 1000)


def test_an_older_journal_with_a_phrase_that_was_cut_off_keeps_what_was_heard_of_it() -> None:
    journal = Journal(rate_hz=8000).clause(0, 1, "Hello there.").heard(1000, 1, "Hello", "Hello there.", 0, 400)
    (speech,) = journal.told.speeches
    assert (speech.cut, speech.pieces) == (True, (RecordedPiece(0.0, 3200, (WordEnd(3200, 5),)),))


def test_an_older_journal_with_a_phrase_among_clauses_that_were_asked_for() -> None:
    journal = Journal(rate_hz=8000).clause(0, 1, "One.").request(0, "tts", "a", "One.").result(5, "a", 5, samples=1600)
    journal.result(5, "a", 5, True).clause(5, 1, "Bye.").heard(900, 1, "One. Bye.", "One. Bye.", 100, 600)
    one, bye = journal.told.speeches
    assert (one.from_memory, one.heard_ms) == (False, 100)
    assert (bye.from_memory, bye.heard_ms, bye.pieces[0].samples) == (True, 300, 2400)


# --- tools ----------------------------------------------------------------------------------------------------------


def called(returned: dict[str, Any]) -> Journal:
    journal = committed(1).add(1000, "tool.called", id="a", name="hang_up", arguments={"x": 1}, turn=1, effect="write")
    return journal.add(1010, "tool.returned", id="a", name="hang_up", took_ms=9.5, **returned)


def test_a_tool_and_its_result() -> None:
    leaving = {"type": "HangUp", "reason": "done"}
    journal = called({"ok": True, "result": {"a": 1}, "decision": leaving})
    assert journal.told.tools == (RecordedTool(1, "hang_up", {"x": 1}, True, {"a": 1}, 9.5, leaving),)


def test_a_tool_that_had_not_returned() -> None:
    journal = committed(1).add(1000, "tool.called", id=7, name="pay", arguments={}, turn=1, effect="write")
    assert journal.told.tools == (RecordedTool(1, "pay", {}),)


def test_an_older_journal_tells_by_its_leaving_which_tool_ended_the_call() -> None:
    leaving = {"type": "HangUp", "reason": "done"}
    journal = called({"ok": True, "result": None}).add(2000, "leave", decision=leaving)
    assert journal.told.tools[0].decision == leaving


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("silence.prompt", {}), ("error", {"where": "reply"}), ("wind_up", {"reason": "call too long"})],
)
def test_a_call_that_was_left_for_another_reason_was_not_ended_by_the_tool(kind: str, fields: dict[str, Any]) -> None:
    journal = called({"ok": True, "result": None}).add(1500, kind, **fields)
    assert journal.add(2000, "leave", decision={"type": "HangUp", "reason": "x"}).told.tools[0].decision is None


# --- the rest -------------------------------------------------------------------------------------------------------


def test_keys_gaps_and_how_it_ended() -> None:
    journal = Journal(**NEW).add(50, "key", digit="5").add(60, "line.gap", from_ms=40, to_ms=60)
    journal.add(70, "wind_up", reason="the service stops").add(90, "call.ended", reason="agent: hangup")
    told = journal.told
    assert (told.keys, told.gaps, told.wound_up) == (((50, "5"),), ((40, 60),), (70, "the service stops"))
    assert (told.ended_by, told.ended_ms, told.over) == ("agent: hangup", 90, True)


def test_a_call_that_ended_itself_was_not_ended_by_the_service() -> None:
    """The session of another run knows its own max_call_s."""
    assert Journal(**NEW).add(70, "wind_up", reason="call too long").told.wound_up is None


def test_an_empty_journal_tells_nothing() -> None:
    assert fold([]) == Told()


WHOLE = called({"ok": True, "result": {}, "decision": None}).request(1100, "llm", "l").result(1110, "l", 1, text="Hm.")
WHOLE.clause(1120, 1, "Hm.").request(1120, "tts", "t", "Hm.").result(1130, "t", 10, samples=80, words=[[40, 3]])
WHOLE.result(1140, "t", 20, True).heard(1300, 1, "Hm.", "Hm.", 1150, 1160).add(1400, "tick").add(1500, "tick")
WHOLE.events[1:1] = spoken().add(1500, "turn.ended", turn=1, speech_end_ms=1400, reason="x").events[1:]
FIELDS = sorted({name for event in WHOLE.events for name in event})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE.events) - 1), st.sampled_from(FIELDS), VALUES), max_size=8))
def test_damaged_events_are_passed_over(damage: list[tuple[int, str, Any]]) -> None:
    events = [dict(event) for event in WHOLE.events]
    for place, name, value in damage:
        if name != "kind":  # parse_journal lets through no event without one
            events[place][name] = value
    told = fold(events, audio_ms=2000)
    assert told.passed_over <= len({place for place, _, _ in damage}) * 8


@settings(max_examples=50, deadline=None)
@given(st.lists(st.fixed_dictionaries({"kind": st.sampled_from([each["kind"] for each in WHOLE.events])},
       optional={name: VALUES for name in FIELDS if name != "kind"}), max_size=10))  # fmt: skip
def test_any_events_are_read(events: list[dict[str, Any]]) -> None:
    fold(events, audio_ms=None)


def test_what_is_nested_without_end_is_passed_over() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    journal = called({"ok": True, "result": deep})
    assert journal.told.tools[0].took_ms is None
