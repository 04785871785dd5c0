"""A recogniser's word graph made small: states with the same future become one. Pure; exact.

PocketSphinx copies a rule into every place of a grammar that names it. Each copy costs a decoder memory and time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arc:
    """From one state to another, at a probability (as the file writes it), saying `word`, or nothing."""

    source: int
    target: int
    probability: str
    word: str


@dataclass(frozen=True, slots=True)
class WordGraph:
    """What PocketSphinx's FSG files hold. States are numbered from 0."""

    name: str
    states: int
    start: int
    final: int
    arcs: tuple[Arc, ...]


def parse_fsg(text: str) -> WordGraph:
    """Read an FSG file as PocketSphinx writes it."""
    name, numbers, arcs = "", {"NUM_STATES": 0, "START_STATE": 0, "FINAL_STATE": 0}, []
    for line in text.splitlines():
        match line.split():
            case ["FSG_BEGIN", *rest]:
                name = " ".join(rest)
            case ["TRANSITION", source, target, probability, *word]:
                arcs.append(Arc(int(source), int(target), probability, " ".join(word)))
            case [key, number] if key in numbers:
                numbers[key] = int(number)
    return WordGraph(name, numbers["NUM_STATES"], numbers["START_STATE"], numbers["FINAL_STATE"], tuple(arcs))


def write_fsg(graph: WordGraph) -> str:
    """The FSG file of a graph."""
    lines = [f"FSG_BEGIN {graph.name}", f"NUM_STATES {graph.states}"]
    lines += [f"START_STATE {graph.start}", f"FINAL_STATE {graph.final}"]
    lines += [f"TRANSITION {arc.source} {arc.target} {arc.probability} {arc.word}".rstrip() for arc in graph.arcs]
    return "\n".join([*lines, "FSG_END", ""])


def merged(graph: WordGraph) -> WordGraph:
    """The same sentences at the same probabilities, with as few states as have different futures.

    Partition refinement (Moore): begin with "final or not"; states part as soon as an arc tells them apart; what has
    not parted in the end has one future. The recogniser follows best paths only: arcs that become equal are one arc.
    """
    leaving: list[list[Arc]] = [[] for _ in range(graph.states)]
    for arc in graph.arcs:
        leaving[arc.source].append(arc)
    group = [int(state == graph.final) for state in range(graph.states)]
    count = 0
    while True:
        numbers: dict[object, int] = {}
        refined = []
        for state in range(graph.states):
            future = frozenset((arc.probability, arc.word, group[arc.target]) for arc in leaving[state])
            refined.append(numbers.setdefault((group[state], future), len(numbers)))
        group = refined
        if len(numbers) == count:
            break
        count = len(numbers)
    arcs = dict.fromkeys(Arc(group[a.source], group[a.target], a.probability, a.word) for a in graph.arcs)
    return WordGraph(graph.name, count, group[graph.start], group[graph.final], tuple(arcs))


def either(name: str, parts: Sequence[tuple[WordGraph, float]]) -> WordGraph:
    """What any of the graphs says, each entered at its probability."""
    arcs: list[Arc] = []
    states = 2
    for graph, probability in parts:
        arcs.append(Arc(0, states + graph.start, f"{probability:.6f}", ""))
        arcs += (Arc(states + a.source, states + a.target, a.probability, a.word) for a in graph.arcs)
        arcs.append(Arc(states + graph.final, 1, "1.0", ""))
        states += graph.states
    return WordGraph(name, states, 0, 1, tuple(arcs))
