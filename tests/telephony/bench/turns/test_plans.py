from __future__ import annotations

import numpy as np
import pytest

from telephony.bench.turns import plans
from telephony.bench.turns.bench import Numbers, scaled
from telephony.bench.turns.echo import EchoPath, EchoSetting
from telephony.bench.turns.items import Background
from telephony.bench.turns.run import shipped_settings
from telephony.bench.turns.stock import some, spread

from .made import item

ITEMS = [item((f"w{at}", 0, 400), speaker="ab"[at % 2]) for at in range(50)]


def level_dbfs(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float) / 32768
    return float(10 * np.log10(np.mean(samples[samples != 0] ** 2)))


def test_a_background_gets_the_level_of_its_sounding_parts() -> None:
    noise = np.random.default_rng(1).standard_normal(8000) * 300
    steady = Background("steady", "noise", noise.astype("<i2").tobytes())
    knocks = Background("knocks", "noise", np.concatenate([noise, np.zeros(72_000)]).astype("<i2").tobytes())
    assert level_dbfs(plans.bed(steady, -30)) == pytest.approx(-30, abs=0.3)
    assert level_dbfs(plans.bed(knocks, -30)) == pytest.approx(-30, abs=0.5)
    assert plans.bed(None, -30) == b""
    assert plans.bed(Background("nothing", "noise", bytes(3200)), -30) == b""
    assert plans.bed(Background("none", "noise", b""), -30) == b""


def test_one_call_holds_one_speakers_answers_each_with_its_own_question() -> None:
    calls = plans.answer_plans(ITEMS, tag="t")
    assert [len(call.acts) for call in calls] == [20, 5, 20, 5]
    assert all(len({act.item.speaker for act in call.acts if act.item}) == 1 for call in calls)
    assert sorted(act.item.name for call in calls for act in call.acts if act.item) == sorted(i.name for i in ITEMS)
    assert all(act.asks == act.item.asks for call in calls for act in call.acts if act.item)
    assert all(300 <= act.wait_ms <= 600 for call in calls for act in call.acts)
    assert calls == plans.answer_plans(ITEMS, tag="t")
    assert calls != plans.answer_plans(ITEMS, tag="t", seed=2)


def test_backchannels_share_a_reply_that_lasts_longer_than_they_do() -> None:
    calls = plans.backchannel_plans(ITEMS, 12, tag="t")
    assert [act.same_reply for act in calls[0].acts] == [False, True, True, True, True]
    for call in calls:
        said_ms = sum(act.wait_ms for act in call.acts)
        assert said_ms < call.acts[0].words * plans.WORD_MS <= plans.LONGEST_WORDS * plans.WORD_MS


def test_an_agent_speaks_long_enough_for_the_minutes_that_were_asked_for() -> None:
    backgrounds = [Background(str(at), "noise", b"\x01\x02" * 8000) for at in range(4)]
    calls = plans.listening_plans(backgrounds, 8.0, tag="t")
    assert sum(call.acts[0].words * plans.WORD_MS for call in calls) == pytest.approx(8 * 60_000, rel=0.01)
    longest = plans.listening_plans(backgrounds[:1], 60.0, tag="t")
    assert longest[0].acts[0].words == plans.LONGEST_WORDS


def test_babble_is_measured_at_each_level_and_once_with_a_real_recogniser() -> None:
    calls = plans.babble_plans([Background("people", "babble", b"\x01\x02" * 8000)], 4.0, tag="t")
    assert [call.stt for call in calls] == ["released", "released", "released", "embedded"]
    levels = [level_dbfs(call.bed) for call in calls]
    assert [plans.SPEECH_DBFS - level for level in levels] == pytest.approx([20, 10, 5, 10], abs=0.3)
    assert len({call.name for call in calls}) == 4
    assert sum(call.acts[0].words * plans.WORD_MS for call in calls) == pytest.approx(4 * 60_000, rel=0.01)


def test_items_are_spread_over_speakers_and_kinds() -> None:
    chosen = spread(ITEMS, 10)
    assert [sum(each.speaker == name for each in chosen) for name in "ab"] == [5, 5]
    assert chosen == spread(ITEMS, 10)
    assert len(spread(ITEMS, 1000)) == 50
    assert spread([], 5) == []
    few = [item((f"d{at}", 0, 400), kind="date") for at in range(2)]
    assert sum(each.kind == "date" for each in spread(ITEMS + few, 20)) == 2
    assert sum(each.kind == "date" for each in spread(ITEMS + few, 2)) == 1
    kinds = [Background(f"{kind}{at}", kind, b"") for kind in "xxxy" for at in range(2)]
    assert [each.kind for each in some(kinds, 4)] == ["x", "y", "x", "y"]


def test_numbers_go_up_and_down_together() -> None:
    small = Numbers().scaled(15)
    assert (small.slots, small.free, small.noise_minutes) == (15, 6, 1.0)
    assert min(Numbers().scaled(1).free, Numbers().scaled(1).stops) == 1
    assert Numbers().scaled(300).heard == Numbers().heard


def test_a_sweep_stays_within_what_an_agent_may_set() -> None:
    shipped = shipped_settings()
    assert all(getattr(shipped, name) == wait_ms for name, wait_ms in scaled(shipped, 1.0))
    assert dict(scaled(shipped, 0.5))["max_trailing_ms"] == shipped.max_trailing_ms
    assert min(dict(scaled(shipped, 0.01)).values()) == 100
    assert max(dict(scaled(shipped, 100)).values()) == 10_000


@pytest.mark.parametrize("delay_ms", [80, 250])
def test_an_echo_comes_back_later_and_softer(delay_ms: int) -> None:
    path = EchoPath(EchoSetting(delay_ms, 20.0, (1.0,)))
    played = np.zeros(8000, dtype="<i2")
    played[1600] = 10_000
    came = b""
    for frame in range(200):
        if frame < 50:
            path.played(frame * 20.0, played[frame * 160 : frame * 160 + 160].tobytes())
        came += path.frame(frame * 20.0)
    samples = np.frombuffer(came, "<i2")
    assert np.flatnonzero(samples).tolist() == [1600 + delay_ms * 8]
    assert samples.max() == 1000


def test_an_echo_is_gone_once_nothing_is_played() -> None:
    path = EchoPath(EchoSetting(100, 10.0))
    path.played(0.0, b"\x00\x20" * 160)
    came = [any(path.frame(frame * 20.0)) for frame in range(1000)]
    assert any(came[:20])
    assert not any(came[30:])
