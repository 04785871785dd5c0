"""What is read of a journal beyond Recorded: failures, turns by keys, decided turns; damage is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from telephony.replay.engines.facts import Failure, decided_turns, failures, first_turn, keyed_turns, record_mode


def event(kind: str, call_ms: float = 0.0, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "call_ms": call_ms, "media_ms": int(call_ms), **fields}


def request(kind: str, number: int, call_ms: float = 0.0) -> dict[str, Any]:
    return event("engine.request", call_ms, engine=kind, name=f"my-{kind}", id=f"{kind}-{number}")


def final(kind: str, number: int) -> dict[str, Any]:
    return event("engine.result", id=f"{kind}-{number}", final=True)


def error(message: str, call_ms: float = 0.0, where: str = "reply") -> dict[str, Any]:
    return event("error", call_ms, where=where, message=message)


@pytest.mark.parametrize(
    ("events", "llm", "tts"),
    [
        pytest.param([request("llm", 1, 10.0), error("broke", 60.0)], {0: Failure(50.0, "broke")}, {}, id="the model"),
        pytest.param(
            [request("llm", 1), final("llm", 1), request("tts", 1), error("broke", 9.0)],
            {},
            {0: Failure(9.0, "broke")},
            id="the voice, the model had ended",
        ),
        pytest.param(
            [request("tts", 1), final("tts", 1), request("llm", 1), request("tts", 2), error('"my-llm" broke', 9.0)],
            {0: Failure(9.0, '"my-llm" broke')},
            {},
            id="both at work: the one it names",
        ),
        pytest.param(
            [request("llm", 1), request("tts", 1), final("tts", 1), request("tts", 2), error("broke", 9.0)],
            {},
            {1: Failure(9.0, "broke")},
            id="both at work and none named: the voice",
        ),
        pytest.param([request("llm", 1), error("x", where="stt"), error("x", where="call")], {}, {}, id="another's"),
        pytest.param(
            [request("llm", 1), event("playout.stopped"), error("x")], {}, {}, id="what was cut off cannot fail"
        ),
        pytest.param([error("too many rounds")], {}, {}, id="nothing was at work"),
        pytest.param(
            [{"kind": "engine.request"}, {}, request("llm", 1), {"kind": "error", "where": "reply"}, error("x", 5.0)],
            {0: Failure(5.0, "x")},
            {},
            id="damage",
        ),
    ],
)
def test_failures(events: list[dict[str, Any]], llm: dict[int, Failure], tts: dict[int, Failure]) -> None:
    assert failures(events, "llm") == (llm, sum(each.get("engine") == "llm" for each in events))
    assert failures(events, "tts") == (tts, sum(each.get("engine") == "tts" for each in events))


def test_turns() -> None:
    events = [
        event("key", 100.0),
        event("key", 400.0),
        event("turn.committed", 2000.0, turn=2, source="keys"),
        event("turn.committed", 3000.0, turn=3, source="voice"),
        event("turn.rejected", turn=4, reason="short"),
        event("turn.committed", turn="many", source="keys"),
        {},
    ]
    assert list(keyed_turns(events)) == [(400, 2)]
    assert decided_turns(events) == {2: "", 3: "", 4: "short"}


@pytest.mark.parametrize(
    ("events", "turn", "mode"),
    [
        ([], 0, None),
        ([event("agent.clause", turn=0)], 0, None),
        ([event("agent.clause"), event("agent.clause", turn=4)], 4, None),
        ([event("call.started", record="full")], 0, "full"),
        ([event("call.started", record=["full"])], 0, None),
    ],
)
def test_where_a_call_began_and_how_it_was_recorded(events: list[dict[str, Any]], turn: int, mode: str | None) -> None:
    assert (first_turn(events), record_mode(events)) == (turn, mode)
