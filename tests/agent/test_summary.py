"""summarise: what a journal's events say of a call, however much of the journal there is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LocalError
from agent.summary import STAGES, latency_figures, parse_journal, percentile, summarise


def event(kind: str, media_ms: int = 0, **data: Any) -> dict[str, Any]:
    return {"v": 1, "n": 1, "media_ms": media_ms, "call_ms": float(media_ms), "kind": kind, **data}


CALL = [
    event("call.started", call_id="CA1", agent="desk", caller="+1", called="+2", record="full", retain_days=7),
    event("agent.clause", 10, utterance=1, turn=0, text="Hello."),
    event("agent.heard", 900, utterance=1, text="Hello.", said="Hello.", complete=True, start_ms=100, end_ms=900),
    event("turn.started", 1300, turn=1, speech_ms=1200),
    event("turn.ended", 2600, turn=1, speech_end_ms=2000, reason="silence"),
    event("turn.committed", 2640, turn=1, text="where is it", confidence=0.8, source="voice"),
    event("tool.called", 2650, id="tool-1", name="find", arguments={"n": "4"}, turn=1, effect="read"),
    event("tool.returned", 2700, id="tool-1", name="find", ok=False, result="no such order", took_ms=50),
    event("agent.clause", 2710, utterance=2, turn=1, text="I can't find it."),
    event(
        "turn.latency", 2800, turn=1, voice_to_voice_ms=800, **dict(zip(STAGES, (600, 40, 60, 10, 60, 30), strict=True))
    ),
    event("barge_in", 3100, turn=2, utterance=2),
    event(
        "agent.heard",
        3200,
        utterance=2,
        text="I can't",
        said="I can't find it.",
        complete=False,
        start_ms=2800,
        end_ms=3200,
    ),
    event("turn.started", 3100, turn=2, speech_ms=3000),
    event("turn.rejected", 3900, turn=2, reason="no words"),
    event("call.ended", 4000, reason="hung up"),
]


def test_a_call() -> None:
    summary = summarise(CALL)
    about = ("call_id", "agent", "caller", "called", "record", "retain_days", "duration_ms", "ended_by")
    assert [summary[name] for name in about] == ["CA1", "desk", "+1", "+2", "full", 7, 4000, "hung up"]
    assert summary["transcript"] == [
        {"who": "agent", "turn": 0, "start_ms": 100, "end_ms": 900, "text": "Hello.", "complete": True},
        {"who": "caller", "turn": 1, "start_ms": 1200, "end_ms": 2000, "text": "where is it", "complete": True},
        {
            "who": "agent",
            "turn": 1,
            "start_ms": 2800,
            "end_ms": 3200,
            "text": "I can't",
            "complete": False,
            "said": "I can't find it.",
        },
    ]
    assert summary["tools"] == [
        {
            "id": "tool-1",
            "name": "find",
            "ok": False,
            "arguments": {"n": "4"},
            "turn": 1,
            "effect": "read",
            "at_ms": 2650,
            "result": "no such order",
            "took_ms": 50,
        }
    ]
    (turn,) = summary["turns"]  # the rejected one is counted, not listed
    assert (turn["turn"], turn["text"], turn["voice_to_voice_ms"]) == (1, "where is it", 800)
    assert sum(turn["stages"].values()) == 800
    assert summary["latency"] == {"n": 1, "p50_ms": 800, "p90_ms": 800, "p95_ms": 800, "max_ms": 800}
    counts = {name: count for name, count in summary["counts"].items() if count}
    assert counts == {
        "turns": 1,
        "rejected_turns": 1,
        "barge_ins": 1,
        "tool_calls": 1,
        "tool_failures": 1,
        "events": len(CALL),
    }


def test_a_later_word_on_the_same_utterance_counts() -> None:
    heard: dict[str, Any] = {"utterance": 1, "said": "One two.", "start_ms": 0, "end_ms": 10}
    events = [
        event("agent.heard", text="One", complete=False, **heard),
        event("agent.heard", text="One two.", complete=True, **heard),
    ]
    assert [(line["text"], line["complete"]) for line in summarise(events)["transcript"]] == [("One two.", True)]


def test_a_turn_of_keys_has_no_speech() -> None:
    (line,) = summarise([event("turn.committed", 500, turn=1, text="4711", source="keys")])["transcript"]
    assert (line["start_ms"], line["end_ms"], line["text"]) == (500, 500, "4711")


@pytest.mark.parametrize("start_ms", [480, 500, 520])
@pytest.mark.parametrize("text", ["4711", "•"])
def test_keys_come_before_what_answers_them(start_ms: int, text: str) -> None:
    """Also where the answer began by its own clock before the "#" did by the caller's."""
    heard: dict[str, Any] = {"said": "Two.", "text": "Two.", "complete": True, "end_ms": 900}
    events = [
        event("turn.committed", 100, turn=1, text="one", source="voice"),
        event("agent.clause", 110, utterance=1, turn=1, text="One."),
        event("agent.heard", 470, utterance=1, **{**heard, "text": "One.", "start_ms": 120, "end_ms": 470}),
        event("turn.committed", 500, turn=2, text=text, source="keys"),
        event("agent.clause", 500, utterance=2, turn=2, text="Two."),
        event("agent.heard", 900, utterance=2, start_ms=start_ms, **heard),
    ]
    assert [line["text"] for line in summarise(events)["transcript"]] == ["one", "One.", text, "Two."]
    assert summarise(events)["transcript"][-1]["start_ms"] == start_ms


@given(cut=st.integers(0, 10_000))
def test_a_journal_cut_off_anywhere_is_still_summarised(cut: int) -> None:
    data = "\n".join(json.dumps(line) for line in CALL).encode()
    events = list(parse_journal(data[: cut % (len(data) + 1)].split(b"\n")))
    assert events == CALL[: len(events)]
    assert len(events) >= data[: cut % (len(data) + 1)].count(b"\n")
    assert summarise(events)["counts"]["events"] == len(events)


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.integers()))
KINDS = st.sampled_from(sorted({str(line["kind"]) for line in CALL}))
FIELDS = st.sampled_from(sorted({name for line in CALL for name in line} - {"kind", "v"}))


@given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, VALUES))))
def test_a_damaged_journal_is_still_summarised(damaged: list[tuple[str, dict[str, Any]]]) -> None:
    summary = summarise([{**fields, "kind": kind} for kind, fields in damaged])
    json.dumps(summary)


def test_what_is_not_an_event_is_passed_over_and_a_newer_journal_refused() -> None:
    lines = [b"", b"nonsense", b"[1]", b'{"kind": 3}', b"\xff\xfe", b'{"kind":"tick","v":1}']
    assert list(parse_journal(lines)) == [{"kind": "tick", "v": 1}]
    with pytest.raises(LocalError, match="newer"):
        list(parse_journal([b'{"kind":"tick","v":2}']))


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 95, 7),
        ([3, 1, 2], 50, 2),
        ([4, 3, 2, 1], 50, 2),
        (list(range(1, 101)), 95, 95),
    ],
)
def test_percentile_by_nearest_rank(values: list[int], percent: float, expected: int | None) -> None:
    assert percentile(values, percent) == expected


def test_latency_of_no_turns() -> None:
    assert latency_figures([]) == {"n": 0, "p50_ms": None, "p90_ms": None, "p95_ms": None, "max_ms": None}


@pytest.mark.parametrize("line", [b"[" * 50_000, b'{"a":' * 50_000, b'{"kind":"tick","n":' + b"1" * 5000 + b"}"])
def test_a_line_nested_or_long_without_end_is_passed_over(line: bytes) -> None:
    assert list(parse_journal([line, b'{"kind":"tick","v":1}'])) == [{"kind": "tick", "v": 1}]


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 10**400, -(10**400)])
def test_a_number_that_is_no_time_is_none(number: float) -> None:
    assert summarise([{"kind": "tick", "media_ms": number}, {"kind": "turn.committed", "turn": number}])["turns"] == []


def test_why_turns_ended_and_what_the_agent_fell_silent_for() -> None:
    events = [
        event("turn.ended", 900, turn=1, speech_end_ms=800, reason="slot complete"),
        event("turn.committed", 900, turn=1, text="one", source="voice"),
        event("agent.yielded", 2000, turn=2, utterance=1, reason="speech"),
        event("agent.took_up", 2700, turn=2, utterance=1, reason="noise"),
        event("agent.yielded", 4000, turn=3, utterance=1, reason="speech"),
        event("barge_in", 4200, turn=3, utterance=1, reason="words"),
        event("turn.ended", 5000, turn=3, speech_end_ms=4900, reason="unsure"),
        event("turn.committed", 5050, turn=3, text="two", source="voice"),
        event("barge_in", 5300, turn=4, utterance=2, reason="went on"),
        event("turn.committed", 5900, turn=4, text="three", source="voice", goes_on=3),
        event("barge_in", 7000, turn=5, utterance=3, reason="key"),
        event("agent.yielded", 8000, turn=6, utterance=4, reason="speech"),
    ]
    summary = summarise(events)
    assert [(turn["end_reason"], turn["goes_on"]) for turn in summary["turns"]] == [
        ("slot complete", None),
        ("unsure", None),
        (None, 3),
    ]
    assert summary["stops"] == [
        {"at_ms": 2000, "turn": 2, "then": "took_up", "why": "noise", "silent_ms": 700},
        {"at_ms": 4000, "turn": 3, "then": "barge_in", "why": "words", "silent_ms": None},
        {"at_ms": 7000, "turn": 5, "then": "barge_in", "why": "key", "silent_ms": None},
        {"at_ms": 8000, "turn": 6, "then": None, "why": "", "silent_ms": None},
    ]
    assert (summary["counts"]["false_stops"], summary["counts"]["barge_ins"]) == (1, 3)
