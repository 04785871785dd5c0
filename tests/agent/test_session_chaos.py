"""CallSession against callers without manners: whatever they do and whenever, nobody is left in silence."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.definition import TurnSettings
from agent.llm.base import ToolCall
from agent.tools.base import ToolContext
from agent.tools.decorator import tool
from tests.agent.call import Call
from tests.agent.fakes import Step
from tests.support.virtual_loop import run_virtual


@tool(effect="read", filler="One moment.", patience_s=0.3)
async def look(ctx: ToolContext, takes_s: float) -> str:
    """Look it up."""
    await asyncio.sleep(takes_s)
    return "found"


NO_INPUT_MS = 3000
#: The longest that both may be silent: nothing is asked before NO_INPUT_MS; a turn's end, its text (two in a row at
#: worst), the model and the voice take their time.
LONGEST_SILENCE_MS = NO_INPUT_MS + 600 + 2 * 1200 + 1500 + 500

ANSWERS: list[list[Step]] = [
    [0.1, "Yes."],
    [0.1, "Well now, this is an answer of some length, with commas in it, and it takes a few seconds to say it all."],
    [0.8, "Slowly ", 0.9, "thought, ", 0.9, "and said."],
    [0.1, "Let me see. ", ToolCall("c1", "look", {"takes_s": 0.9})],
    [0.1, ToolCall("c1", "look", {"takes_s": 0.1})],
    [0.3, "First sentence. ", "Second sentence. ", 0.7, "Third sentence. "],
]
ACTIONS = st.one_of(
    st.tuples(st.just("speak"), st.sampled_from([60, 120, 180, 240, 400, 800, 1800])),
    st.tuples(st.just("wait"), st.sampled_from([20, 150, 500, 700, 1300, 2500, 4500])),
    st.tuples(st.just("keys"), st.sampled_from(["#", "A", "4", "47#", "1", "*"])),
)
TEXTS = st.tuples(st.sampled_from([0.01, 0.1, 0.6, 1.2]), st.sampled_from(["", "hello", "and more", "yes"]))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ACTIONS, max_size=25),
    st.lists(TEXTS, min_size=1, max_size=8),
    st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.04, 0.15]),
    st.booleans(),
)
def test_whatever_the_caller_does_nobody_is_left_in_silence(
    actions: list[tuple[str, int | str]],
    says: list[tuple[float, str]],
    answers: list[list[Step]],
    delay_s: float,
    echoes_marks: bool,
) -> None:
    async def case() -> None:
        turns = TurnSettings(no_input_ms=NO_INPUT_MS, max_no_input=100)
        c = Call(says=says, answers=[*answers, ANSWERS[0]], tools=[look], delay_s=delay_s,
                 echoes_marks=echoes_marks, turns=turns)  # fmt: skip
        spoken: list[tuple[float, float]] = []
        async with c.running(greeted=False):
            for kind, what in actions:
                if isinstance(what, str):
                    c.phone.press(what)
                elif kind == "speak":
                    spoken.append((c.phone.now_ms, c.phone.now_ms + what + 40))
                    c.phone.speak(what)
                    await asyncio.sleep(what / 1000)
                else:
                    await asyncio.sleep(what / 1000)
            await asyncio.sleep(12)
            assert not c.task.done(), c.events[-3:]
            end_ms = c.phone.now_ms
            heard = [(start, start + len(audio) / 8) for start, audio in c.phone.carrier.heard]
        assert c.task.exception() is None
        assert not c.of("error", where="call")
        _check_silence(sorted([*spoken, *heard, (end_ms, end_ms)]), 0 if echoes_marks else 4000)
        _check_turns(c)

    run_virtual(case())


def _check_silence(sounds: list[tuple[float, float]], grace_ms: int) -> None:
    end = 0.0
    for start, stop in sounds:
        assert start - end <= LONGEST_SILENCE_MS + grace_ms, f"silence from {end:.0f} to {start:.0f} ms"
        end = max(end, stop)


def _check_turns(c: Call) -> None:
    """Each turn that ended was decided once; the last one committed was answered to its end."""
    decided = [event["turn"] for event in c.events if event["kind"] in ("turn.committed", "turn.rejected")]
    assert len(decided) == len(set(decided))
    assert {event["turn"] for event in c.of("turn.ended")} <= set(decided)
    committed = c.of("turn.committed")
    if committed:
        answers = c.of("agent.heard", turn=committed[-1]["turn"])
        assert any(event["complete"] and event["text"] for event in answers), "a committed turn was not answered"
    spans = [(event["start_ms"], event["end_ms"]) for event in c.of("agent.heard") if event["text"]]
    assert all(start <= end for start, end in spans)
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(spans)), "utterances are heard in their order"


@pytest.mark.parametrize("echoes_marks", [True, False])
def test_a_line_that_stutters_is_spoken_on(echoes_marks: bool) -> None:
    """The network stalls again and again, both ways; the conversation goes on."""

    async def case() -> None:
        c = Call(answers=[ANSWERS[1]], echoes_marks=echoes_marks)
        async with c.running(greeted=False):
            loop = asyncio.get_running_loop()
            for _ in range(6):
                c.phone.speak(600)
                for stall in (0.3, 0.0, 0.9, 0.15, 0.0, 0.5):
                    c.phone.socket._last_s = loop.time() + stall
                    await asyncio.sleep(1.5)
            await asyncio.sleep(10)
            assert not c.task.done()
            assert c.count("turn.committed") >= 6
            assert "".join(c.heard()).count(str(ANSWERS[1][1])) >= 4

    run_virtual(case())
