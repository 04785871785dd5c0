"""A turn's latency: stages that add up, whatever was marked when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trace import TurnTrace

STAGES = ("stt", "llm", "clause", "tts")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def trace(marks: list[tuple[str, float]], *, speech_end_ms: int = 1000, ended_ms: int = 1550) -> TurnTrace:
    clock = Clock()
    turn = TurnTrace(7, speech_end_ms, ended_ms, clock)
    for stage, at_ms in marks:
        clock.now = 100.0 + at_ms / 1000
        turn.mark(stage)
    return turn


def test_stages_of_a_turn() -> None:
    stages = trace([("stt", 50), ("llm", 150), ("clause", 230), ("tts", 310)]).heard(1910)
    assert stages == {
        "voice_to_voice_ms": 910,
        "endpointing_ms": 550,
        "stt_ms": 50,
        "llm_ms": 100,
        "clause_ms": 80,
        "tts_ms": 80,
        "line_ms": 50,
    }


def test_only_the_first_mark_of_a_stage_counts() -> None:
    stages = trace([("stt", 10), ("llm", 20), ("llm", 500), ("tts", 600), ("tts", 900)]).heard(2200)
    assert (stages["stt_ms"], stages["llm_ms"], stages["clause_ms"], stages["tts_ms"]) == (10, 10, 0, 580)


@pytest.mark.parametrize("marks", [[], [("stt", 40)], [("tts", 40)], [("clause", 10), ("stt", 90)]])
def test_a_stage_that_was_not_marked_or_came_early_takes_no_time(marks: list[tuple[str, float]]) -> None:
    stages = trace(marks).heard(1700)
    assert all(stages[f"{stage}_ms"] >= 0 for stage in STAGES)
    assert sum(stages.values()) == 2 * stages["voice_to_voice_ms"] == 1400


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.floats(0, 5000)), max_size=12), st.integers(0, 9000))
def test_stages_always_add_up(marks: list[tuple[str, float]], heard_ms: int) -> None:
    ordered = sorted(marks, key=lambda mark: mark[1])
    stages = trace(ordered).heard(heard_ms)
    assert stages["voice_to_voice_ms"] == heard_ms - 1000
    assert sum(stages.values()) == 2 * stages["voice_to_voice_ms"]
    assert all(stages[f"{stage}_ms"] >= 0 for stage in STAGES)
