"""Whether a caller was served: by what the ear heard, and by what the service's own record says it understood."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from telephony.sandbox.report import CallReport, SpokenReport, Utterance
from telephony.sandbox.show import print_report
from telephony.sandbox.understood import ANSWERED, NOT_SERVED, SERVED, find_records, judge
from tests.support.virtual_loop import virtual

Turn = dict[str, Any]


def call(*spoken: SpokenReport, starts_ms: tuple[int, ...] = (0,), served: bool = True) -> CallReport:
    """A call of streams only."""
    stream = Utterance(0, "agent", "stream", "")
    report = CallReport("CA1", "http://x", "demo", "now", ended_by="agent hung up", served=served)
    report.spoken, report.greeting_ms = list(spoken), 10
    report.streams, report.stream_starts_ms = len(starts_ms), list(starts_ms)
    report.conversation = [stream] * len(starts_ms)
    return report


def said(text: str, start_ms: int, *, by: str = "voice", expects_answer: bool = True) -> SpokenReport:
    end_ms = start_ms + 500
    return SpokenReport(text, by, start_ms, end_ms, end_ms + 600, 600, expects_answer=expects_answer)


def voice(text: str, start_ms: int, end_ms: int) -> Turn:
    return {"text": text, "start_ms": start_ms, "end_ms": end_ms, "committed_ms": end_ms + 600, "source": "voice"}


def keys(text: str, committed_ms: int) -> Turn:
    return {"text": text, "start_ms": None, "end_ms": None, "committed_ms": committed_ms, "source": "keys"}


def record(*turns: Turn, line: str = "media-stream") -> dict[str, Any]:
    lines = [{"who": "agent", "text": "Hello.", "start_ms": 0, "complete": True}]
    for turn in turns:
        at_ms = turn["start_ms"] if turn["start_ms"] is not None else turn["committed_ms"]
        lines.append({"who": "caller", "text": turn["text"], "start_ms": at_ms, "complete": True})
    return {"call_id": "CA1", "line": line, "turns": list(turns), "transcript": lines, "latency": {}, "counts": {}}


ONE, TWO = said("one", 1000), said("two", 5000)


@pytest.mark.parametrize(
    ("turns", "understood", "verdict"),
    [
        ((voice("one", 990, 1510), voice("two", 5010, 5490)), [True, True], SERVED),
        ((voice("one", 990, 1200), voice("more of it", 1300, 1510)), [True, False], NOT_SERVED),  # two turns of one
        ((voice("two", 5010, 5490),), [False, True], NOT_SERVED),
        ((voice("one and two", 990, 5490),), [False, True], NOT_SERVED),
        ((voice("a cough", 200, 400),), [False, False], NOT_SERVED),  # before anything was said
        ((), [False, False], NOT_SERVED),
    ],
)
def test_each_thing_said_wants_a_turn_of_its_own(turns: tuple[Turn, ...], understood: list[bool], verdict: str) -> None:
    outcome = judge(call(ONE, TWO), [record(*turns)])
    assert list(outcome.spoken) == understood
    assert (outcome.verdict, outcome.said, outcome.understood) == (verdict, 2, sum(understood))


def test_keys_are_understood_when_their_turn_came() -> None:
    pressed = said("keys 4711", 3000, by="keys")
    assert judge(call(pressed), [record(keys("4711", 3600))]).verdict == SERVED
    assert judge(call(pressed), [record(keys("4711", 2900))]).verdict == NOT_SERVED


def test_what_can_have_no_answer_need_not_be_understood() -> None:
    outcome = judge(call(ONE, said("bye", 5000, expects_answer=False)), [record(voice("one", 990, 1510))])
    assert (outcome.verdict, outcome.said, outcome.understood) == (SERVED, 1, 1)


def test_each_stream_has_a_clock_and_a_record_of_its_own() -> None:
    report = call(ONE, said("two", 21_000), starts_ms=(0, 20_000))
    records = [record(voice("one", 990, 1510)), record(voice("two", 1010, 1490))]
    outcome = judge(report, records)
    assert outcome.verdict == SERVED
    assert [line.text for line in outcome.transcript] == ["Hello.", "one", "Hello.", "two"]
    assert judge(report, records[:1]).spoken == (True, False)


def test_the_transcript_marks_what_was_not_understood_and_what_was_cut_off() -> None:
    kept = record(voice("one", 990, 1510))
    kept["transcript"] += [{"who": "agent", "text": "Your num", "start_ms": 2000, "complete": False}]
    kept["transcript"] += [{"who": "agent", "text": "", "start_ms": 9000, "complete": False}]
    outcome = judge(call(ONE, TWO), [kept])
    assert [(line.who, line.text, line.remark) for line in outcome.transcript] == [
        ("agent", "Hello.", ""),
        ("caller", "one", ""),
        ("agent", "Your num", "cut off"),
        ("caller", "two", "not understood"),
    ]
    assert "1 of 2 things" in outcome.told


def test_without_a_record_the_caller_was_answered_and_no_more_is_known() -> None:
    report = call(ONE)
    outcome = judge(report, [])
    assert (outcome.verdict, outcome.understood, outcome.spoken) == (ANSWERED, None, (None,))
    told = outcome.as_dict(report)
    assert (told["served"], told["answered"], told["verdict"]) == (None, True, "answered")
    assert judge(call(ONE, served=False), []).verdict == NOT_SERVED


def test_who_says_nothing_is_not_served() -> None:
    for records in ([], [record()]):
        outcome = judge(call(), records)
        assert outcome.verdict == NOT_SERVED
        assert outcome.told.startswith("nobody said anything")
    broken = call(served=False)
    broken.errors = ["error 31921: x"]
    assert judge(broken, []).told == "the caller was NOT served"


def by_turns(*, heard: bool = True) -> CallReport:
    report = call(starts_ms=())
    report.gathers = 2
    report.conversation = [
        Utterance(0, "agent", "say", "Hello?"),
        Utterance(1, "caller", "speech", "where is it", heard),
        Utterance(2, "agent", "say", "On its way."),
    ]
    return report


def test_a_call_by_gather_is_judged_by_its_turns() -> None:
    turn = {"text": "where is it", "start_ms": None, "end_ms": None, "committed_ms": 900}
    assert judge(by_turns(), [record(turn, line="gather")]).verdict == SERVED
    assert judge(by_turns(), [record(line="gather")]).verdict == NOT_SERVED
    assert judge(by_turns(heard=False), [record(turn, line="gather")]).verdict == NOT_SERVED
    assert judge(by_turns(), []).verdict == ANSWERED


def test_the_report_as_json_says_of_each_thing_whether_it_was_understood() -> None:
    report = call(ONE, TWO)
    told = json.loads(json.dumps(judge(report, [record(voice("two", 5010, 5490))]).as_dict(report)))
    assert [one["understood"] for one in told["spoken"]] == [False, True]
    assert (told["served"], told["said"], told["understood"]) == (False, 2, 1)
    assert told["transcript"][1] == {"who": "caller", "text": "one", "by": "", "remark": "not understood"}


def shown(report: CallReport, records: list[dict[str, Any]], *, verbose: bool = False) -> str:
    out = io.StringIO()
    print_report(report, judge(report, records), Console(file=out, width=120), verbose=verbose)
    return out.getvalue()


HEADER = "at the caller said understood answer after remarks".split()


def test_what_people_are_shown() -> None:
    report = call(ONE)
    report.twiml = ["<Connect><Stream> then /after"]
    text = shown(report, [record(voice("one [red]\x1b", 990, 1510))])
    assert "caller: one [red]\ufffd\n" in text
    assert any(line.split() == HEADER for line in text.splitlines())
    assert text.rstrip().endswith("the caller was served")
    assert "offhook calls show CA1" in text
    for inside in ("TwiML", "own frames", "redirects"):
        assert inside not in text
        assert inside in shown(report, [], verbose=True)


def test_a_call_that_never_came_to_a_conversation_shows_only_why() -> None:
    report = call(starts_ms=(), served=False)
    report.errors = ["error 11200: POST http://x: answered 403: 'No.'"]
    text = shown(report, [])
    assert text.startswith("no call: ")
    assert "OFFHOOK_PUBLIC_ORIGIN" in text
    assert "calls show" not in text


def keep(root: Path, name: str, kept: dict[str, Any], *, whole: bool = True) -> None:
    (root / name).mkdir(parents=True)
    (root / name / "journal.jsonl").write_text('{"v":1,"kind":"call.started","call_id":"CA1","media_ms":0}\n')
    if whole:
        (root / name / "call.json").write_text(json.dumps(kept))


@virtual
async def test_the_record_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    assert await find_records(tmp_path / "none", call(), 1.0) == []
    assert 1.0 <= loop.time() < 1.2
    began_s = loop.time()
    loop.call_later(0.3, keep, tmp_path, "CA1", record(voice("one", 990, 1510)))
    (found,) = await find_records(tmp_path, call(), 1.0)
    assert 0.3 <= loop.time() - began_s < 0.5
    assert len(found["turns"]) == 1


async def test_of_several_streams_a_crashed_one_is_told_by_its_journal(tmp_path: Path) -> None:
    keep(tmp_path, "CA1", {}, whole=False)
    keep(tmp_path, "CA1-2", record(voice("one", 990, 1510)))
    keep(tmp_path, "CA12", record())
    found = await find_records(tmp_path, call(starts_ms=(0, 9000)), 1.0)
    assert [len(one["turns"]) for one in found] == [0, 1]
    assert found[0]["rebuilt"] is True
