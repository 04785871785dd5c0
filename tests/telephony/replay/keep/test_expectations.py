"""The written test: Python, whatever was said on the telephone, that asserts exactly that."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telephony.replay.judging.outcome import Cutoff, Outcome, Said, ToolRun, Turn
from telephony.replay.keep.expectations import Sentence, expectations, literal, say, written
from telephony.replay.keep.write_test import KeptStream, as_python
from telephony.replay.testing.sentences import CallStory

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
HOSTILE = (
    '"""', "'''", "\\", "\\\\'", "'\"", '" + __import__("os").getcwd() + "', "\\N{BULLET}", "{0}",
    "\n\r\x0b\x0c\x1c\x85\u2028",
    "\udc80\ud800", "\x00", "\u202e# evil", '")\nimport os\nos.getcwd()\n("', "#", "é ☎ 中文", "a" * 400, "word " * 90,
)  # fmt: skip


class Recorder:
    """Stands for a call: it keeps what was said of it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def sentence(*texts: Any, **values: Any) -> Recorder:
            self.told.append((name, texts, values))
            return self

        return sentence


def run(code: str, name: str = "test_x") -> tuple[list[Any], tuple[Any, ...]]:
    """Runs a written test; what it said of which call."""
    tree = ast.parse(code)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [type(node) for node in tree.body] == [ast.Expr] + [ast.FunctionDef] * len(functions), "no other statement"
    space: dict[str, Any] = {}
    exec(compile(tree, "test.py", "exec"), space)
    call, asked = Recorder(), []

    def replay(*given: Any, **options: Any) -> Recorder:
        asked.append((*given, options))
        return call

    space[name](replay)
    (one,) = asked
    return call.told, one


def outcome(text: str, arguments: dict[str, Any] | None = None) -> Outcome:
    turn = Turn(1, text, "voice", 1000, 2000, 2600, text, 600)
    tools = (ToolRun(1, "find", arguments or {}, 2600, True, {}),)
    said = (Said(1, text, text, True, 2600, 4000),)
    return Outcome(turns=(turn,), said=said, tools=tools, ended_by="agent: hangup", duration_ms=5000)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_asserted_as_they_are(text: str) -> None:
    words = f"one {text} two"
    chains = expectations(outcome(words, {"order": text, text: 1, "class": None}))
    told, _ = run(as_python([KeptStream("x", "", chains, [text])]))
    by_name = {name: (texts, values) for name, texts, values in told}
    assert by_name["understood"][0] == (words,)
    assert by_name["heard"][0] == (words,)
    assert by_name["ran"] == (("find",), {"order": text, text: 1, "class": None})


@given(text=st.text(), value=JSON)
@example(text="\udfff", value={"a": [float("inf")]})
def test_every_value_is_written_as_itself(text: str, value: Any) -> None:
    assert eval(literal(text)) == text
    assert eval(literal(value)) == value
    assert literal(value).isprintable()


@given(texts=st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=4),
       values=st.dictionaries(st.text() | st.sampled_from(["class", "None", "ſelf", "self", "name"]), JSON, max_size=3),
       note=st.text())  # fmt: skip
def test_a_sentence_that_is_run_says_what_it_was_made_of(texts: list[str], values: dict[str, Any], note: str) -> None:
    chain = (Sentence("ran", tuple(texts), values), Sentence("once"))
    told, _ = run(as_python([KeptStream("x", "", [chain], [note])]))
    assert told == [("ran", tuple(texts), values), ("once", (), {})]
    assert all(len(line) < 2000 for line in written(chain))


@given(text=st.text(), agent=st.text())
def test_an_agents_name_is_a_value_too(text: str, agent: str) -> None:
    _, asked = run(as_python([KeptStream("x", agent, [], [text])]))
    assert asked == ("x", {"mode": "same", **({"agent": agent} if agent else {})})


def test_each_stream_has_its_test() -> None:
    code = as_python([KeptStream("x", "", []), KeptStream("x-2", "desk", [])])
    assert run(code, "test_x")[1] == ("x", {"mode": "same"})
    assert run(code, "test_x_2")[1] == ("x-2", {"mode": "same", "agent": "desk"})


def test_lines_stay_readable() -> None:
    words = "It is a long story, and it goes on for quite a while before it comes to its point. " * 4
    code = as_python([KeptStream("x", "", expectations(outcome(words)))])
    assert max(map(len, code.splitlines())) <= 120


# --- what is expected ------------------------------------------------------------------------------------------------


def names(outcome: Outcome) -> set[str]:
    return {sentence.name for chain in expectations(outcome) for sentence in chain}


def test_the_outcome_is_the_expectation_and_holds_of_the_call_itself() -> None:
    call = outcome("Where is order four seven one two?", {"order": "4712"})
    chains = expectations(call)
    for chain in chains:
        say(CallStory(call), chain)
    code = "\n".join(line for chain in chains for line in written(chain))
    assert 'call.ran("find", order="4712")' in code
    assert 'call.understood("Where is order four seven one two?").understood_nothing_else()' in code
    assert 'call.was_not_interrupted().had_no_cutoffs().had_no_errors().ended_by("agent")' in code
    assert "call.answered_within(p95_ms=750)" in code
    with pytest.raises(AssertionError):
        say(CallStory(outcome("Where is it?", {"order": "4712"})), chains[0])


def test_what_was_wrong_is_not_promised() -> None:
    turn = Turn(1, "hello", "voice", 1000, 2000, 2600, "", None)
    call = Outcome(turns=(turn,), cutoffs=(Cutoff(1, 2600, 300),), errors=((3000, "stt: gone"),), duration_ms=9000,
                   tools=(ToolRun(1, "find", {}, 2600, False, {"error": "no"}),), ended_by="error")  # fmt: skip
    assert names(call) == {"understood", "understood_nothing_else", "was_not_interrupted"}


def test_where_an_answer_was_cut_short_is_not_expected() -> None:
    call = Outcome(
        turns=(Turn(1, "yes", "voice", 1000, 2000, 2600),),
        said=(Said(1, "Done. The link for", "Done. The link for your order is sent.", False, 2600, 4000),),
        barge_ins_ms=(3900,),
    )
    chains = expectations(call)
    assert (Sentence("said", ("Done. The link for",)),) in chains
    sooner = replace(call, said=(replace(call.said[0], text="Done. The"),))
    for chain in chains:
        say(CallStory(sooner), chain)


def test_what_is_masked_is_left_out() -> None:
    said = "Shall I charge card •, •, •, •? It is the last time."
    call = Outcome(
        turns=(Turn(1, "• • • •", "voice", 1000, 2000, 2600), Turn(2, "yes", "voice", 3000, 3500, 4000)),
        said=(Said(1, said, said, True, 2600, 4000),),
        tools=(ToolRun(1, "pay", {"card": "•"}, 4000, True, {}),),
    )  # fmt: skip
    chains = expectations(call)
    for chain in chains:
        say(CallStory(call), chain)
    heard = [sentence.texts[0] for chain in chains for sentence in chain if sentence.name == "heard"]
    assert heard == ["Shall I charge card", "It is the last time."]
    assert "understood_nothing_else" not in names(call)


@pytest.mark.parametrize(("waits", "bound"), [((600,), 750), ((100, 200), 300), ((4000,), 5000), ((600, 601), 800)])
def test_the_bound_is_the_p95_with_a_margin_rounded_up(waits: tuple[int, ...], bound: int) -> None:
    turns = tuple(Turn(n, "hello", "voice", 0, 100, 200, "hi", wait) for n, wait in enumerate(waits))
    chains = expectations(Outcome(turns=turns))
    assert chains[-1][0].values == {"p95_ms": bound}
    assert expectations(Outcome(turns=turns), p95_ms=9000)[-1][0].values == {"p95_ms": 11_250}
