"""Word graphs made small: fewer states, the same sentences at the same best probability."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.stt.graph import Arc, WordGraph, either, merged, parse_fsg, write_fsg

FSG = """FSG_BEGIN <desk.turn>
NUM_STATES 6
START_STATE 0
FINAL_STATE 1
TRANSITION 0 2 0.500000 my
TRANSITION 0 3 0.500000 the
TRANSITION 2 4 1.000000 order
TRANSITION 3 5 1.000000 order
TRANSITION 4 1 1.000000
TRANSITION 5 1 1.000000
FSG_END
"""


def test_a_file_is_read_and_written_as_it_is() -> None:
    assert write_fsg(parse_fsg(FSG)) == FSG


def test_states_with_one_future_become_one() -> None:
    graph = merged(parse_fsg(FSG))
    assert graph.states == 4
    assert [arc.word for arc in graph.arcs] == ["my", "the", "order", ""]


def sentences(graph: WordGraph, longest: int = 6) -> dict[tuple[str, ...], float]:
    """Every sentence of up to `longest` arcs, and the probability of its best path."""
    best: dict[tuple[str, ...], float] = {}
    paths: list[tuple[int, tuple[str, ...], float]] = [(graph.start, (), 1.0)]
    for _ in range(longest + 1):
        following = []
        for state, said, probability in paths:
            if state == graph.final:
                best[said] = max(probability, best.get(said, 0.0))
            for arc in graph.arcs:
                if arc.source == state:
                    words = (*said, arc.word) if arc.word else said
                    following.append((arc.target, words, probability * float(arc.probability)))
        paths = following
    return best


@st.composite
def graphs(draw: st.DrawFn) -> WordGraph:
    """Graphs without circles, as grammars without repetition make them."""
    states = draw(st.integers(2, 7))
    arc = st.builds(
        lambda a, b, probability, word: Arc(min(a, b), max(a, b), probability, word),
        st.integers(0, states - 1),
        st.integers(0, states - 1),
        st.sampled_from(["0.5", "1.0"]),
        st.sampled_from(["", "one", "two"]),
    ).filter(lambda arc: arc.source != arc.target)
    return WordGraph("g", states, 0, states - 1, tuple(draw(st.lists(arc, max_size=12))))


@given(graphs())
def test_no_sentence_is_lost_gained_or_made_dearer(graph: WordGraph) -> None:
    smaller = merged(graph)
    assert smaller.states <= graph.states
    assert sentences(smaller, 8) == sentences(graph, 8)


def test_a_circle_stays_a_circle() -> None:
    loop = WordGraph("g", 2, 0, 1, (Arc(0, 0, "0.5", "one"), Arc(0, 1, "0.5", "")))
    assert merged(loop).states == 2
    assert sentences(merged(loop)) == sentences(loop)


@given(graphs(), graphs())
def test_either_of_two_graphs_says_what_one_of_them_says(first: WordGraph, second: WordGraph) -> None:
    both = sentences(either("both", ((first, 0.5), (second, 0.25))), longest=8)
    expected: dict[tuple[str, ...], float] = {}
    for graph, share in ((first, 0.5), (second, 0.25)):
        for said, probability in sentences(graph).items():
            expected[said] = max(expected.get(said, 0.0), share * probability)
    assert both == expected
