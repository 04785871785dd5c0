"""Unsaid: what a reply has to say and nobody has been given yet, kept by utterance. Pure.

Clauses come in as the model makes them, and are taken out when there is somebody to say them: each once. A filler is
said only while the answer behind it is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.history import History
from agent.speech.clauses import Clause

#: Nobody tells whether what was handed over was heard to its end; it is taken as heard.
BASIS = "delivered"


@dataclass(frozen=True, slots=True)
class _Piece:
    utterance: int
    clause: Clause
    filler: bool


class Unsaid:
    """One call's. `journal` is told of every clause given (`agent.clause`) and of every utterance that is settled
    (`agent.heard`); `now_ms` is the call's time."""

    def __init__(self, history: History, journal: Callable[..., None], now_ms: Callable[[], int]) -> None:
        self._history = history
        self._journal = journal
        self._now_ms = now_ms
        self._pieces: list[_Piece] = []
        self._given: dict[int, tuple[int, int]] = {}  # utterance: characters given, and since when

    def add(self, utterance: int, clauses: list[Clause], *, filler: bool = False) -> None:
        """More of an utterance."""
        self._pieces += [_Piece(utterance, clause, filler) for clause in clauses]

    def phrase(self, turn: int, text: str, *, aside: bool = True) -> None:
        """A fixed phrase, behind whatever is to be said."""
        utterance = self._history.agent_begins(turn, aside=aside)
        self._history.agent_adds(utterance, text)
        self.add(utterance, [Clause(text, 0)])

    def take(self, *, all_said: bool) -> str:
        """What is to be said now, joined; "" if nothing is. `all_said`: nothing more will come of this reply, so the
        fillers that were to cover the wait for it are dropped, and its utterances are settled.
        """
        pieces, self._pieces = self._pieces, []
        texts = []
        for piece in pieces:
            if piece.filler and all_said:
                continue
            said, now_ms = self._history.utterance(piece.utterance), self._now_ms()
            text = piece.clause.text
            self._journal("agent.clause", utterance=said.utterance, turn=said.turn, text=text, aside=said.aside)
            _, since_ms = self._given.get(piece.utterance, (0, now_ms))
            self._given[piece.utterance] = (piece.clause.start + len(text), since_ms)
            texts.append(text.strip())
        if all_said:
            self.settle()
        return " ".join(filter(None, texts))

    def settle(self) -> None:
        """Write down what was given of the open utterances: that counts as heard, and nothing more of them does."""
        for said in self._history.open_utterances():
            chars, since_ms = self._given.pop(said.utterance, (0, 0))
            self._history.agent_heard(said.utterance, chars)
            if chars:
                when = {"start_ms": since_ms, "end_ms": self._now_ms()}
                self._journal("agent.heard", **said.heard_fields(), **when, basis=BASIS)
