"""Machines at the far end: the calls, and what is counted of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.errors import MissingExtra
from telephony.bench.turns import far_end
from telephony.bench.turns.caller import Heard, Played
from telephony.bench.turns.callers import synthetic_answered, synthetic_greetings
from telephony.bench.turns.items import Background, Item
from telephony.bench.turns.run import CallRun, hold
from telephony.bench.turns.sums import wrong_sums

from .made import event, item

SAID = item(("please", 100, 900), ("leave", 900, 1400), kind="free")
ANSWERS = item(("hello", 0, 400), kind="free")


def plans(prompts: tuple[Item, ...] = ()) -> list[Any]:
    sound = Background("fan", "noise", b"\x10\x00\x20\x00" * 4000)
    return far_end.far_end_plans([SAID], [ANSWERS], prompts, [ANSWERS], [sound])


def test_a_beep_is_where_it_is_said_to_be() -> None:
    beeped = far_end.with_beep(SAID, 1000.0)
    samples = np.frombuffer(beeped.pcm, "<i2").astype(float)
    end_ms = beeped.duration_ms - far_end.RECORDS_MS
    assert end_ms == SAID.last_sample_ms + far_end.BEEP_AFTER_MS + far_end.BEEP_MS
    tone = samples[(end_ms - far_end.BEEP_MS) * 8 : end_ms * 8]
    assert 10 * np.log10(np.mean((tone / 32768) ** 2)) == pytest.approx(far_end.BEEP_DBFS, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(tone))) * 8000 / len(tone) == pytest.approx(1000, abs=5)
    assert not samples[end_ms * 8 :].any()
    assert beeped.speech == SAID.speech


def test_each_group_has_its_calls() -> None:
    calls = plans(prompts=(SAID,))
    assert {call.tag for call in calls} == set(far_end.GROUPS)
    wordless = [call for call in calls if "not understood" in call.tag]
    assert all(call.acts[0].item.words == () for call in wordless)
    assert [bool(call.bed) for call in calls] == ["behind" in call.tag for call in calls]
    assert all(call.acts[0].when == "at once" for call in calls)


def _run(call: Any, *events: dict[str, Any]) -> CallRun:
    return CallRun(call, events, Heard([Played(0, 300)]), 9000)


def test_hits_false_alarms_and_times() -> None:
    calls = {call.tag: call for call in plans()}
    machine, person = calls["greetings, with a beep"], calls["people who answer"]
    beep_ms = 300 + machine.acts[0].item.duration_ms - far_end.RECORDS_MS
    told = event("far_end.voicemail", 1900, reason="greeting")
    runs = [_run(machine, told, event("far_end.beep", beep_ms + 110)), _run(machine), _run(person), _run(person, told)]
    result = far_end.far_end(runs)
    greetings, people = (result["groups"][call.tag] for call in (machine, person))
    assert (greetings["calls"], greetings["told"], greetings["beeps"], greetings["beeps_told"]) == (2, 1, 2, 1)
    assert (greetings["decided_p50_ms"], greetings["beep_told_after_p50_ms"]) == (1500, 110)
    assert greetings["reasons"] == {"greeting": 1}
    assert greetings["wrong"] == [machine.name]
    assert (people["told"], people["wrong"], people["beeps"]) == (1, [person.name], 0)
    assert set(result["groups"]) == {machine.tag, person.tag}
    assert wrong_sums({"far_end": result}) == []


def test_a_machine_is_known_through_the_real_audio_path_and_a_person_is_none() -> None:
    try:
        greetings, answered = synthetic_greetings(), synthetic_answered()
    except MissingExtra as missing:
        pytest.skip(str(missing))
    calls = far_end.far_end_plans(greetings[:1], answered[4:5], (), (), ())
    runs = [hold(call) for call in calls]
    assert [run.why for run in runs] == [""] * len(calls)
    assert all(run.heard.played[0].start_ms == pytest.approx(far_end.ANSWERED_MS, abs=20) for run in runs)
    groups = far_end.far_end(runs)["groups"]
    assert groups["people who answer"]["told"] == 0
    greeted = groups["greetings, with a beep"]
    assert (greeted["told"], greeted["beeps_told"]) == (1, 1)
    assert 0 < greeted["decided_p50_ms"] < greetings[0].duration_ms + 1500
    assert 0 < greeted["beep_told_after_p50_ms"] < 500
