"""The agent's words in a journal without marks: the same in a model's pieces and in the clauses made of them. Pure.

A journal masks every number in a model's pieces, for none shows whether it is a part of a secret one; the clause that
is made of them shows those that are not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.masking import MARK
from telephony.replay.keep.marks import WORDS, Asked, Event, filled, instead

_TOKEN = re.compile(rf"{MARK}|\d+|[^\W\d_]+")


@dataclass(slots=True)
class _Reply:
    """One answer of the model: where its pieces and the clauses made of them stand in the journal."""

    pieces: list[int] = field(default_factory=list)
    clauses: list[int] = field(default_factory=list)


def agent_words(events: Sequence[Event], asked: Sequence[Asked]) -> dict[int, str]:
    """By their places in the journal: the texts of all pieces and clauses without marks."""
    replies: dict[str, _Reply] = {}
    latest: _Reply | None = None
    loose: list[int] = []
    for place, event in enumerate(events):
        kind = event.get("kind")
        if kind == "engine.request" and event.get("engine") == "llm":
            latest = replies[str(event.get("id"))] = _Reply()
        elif kind == "engine.result" and str(event.get("id")) in replies and _piece(event) is not None:
            replies[str(event.get("id"))].pieces.append(place)
        elif kind == "agent.clause":
            if latest is None or event.get("aside") is True:
                loose.append(place)
            else:
                latest.clauses.append(place)
    found = {place: _alone(str(events[place].get("text", "")), asked[place]) for place in loose}
    for reply in replies.values():
        _unmark(reply, events, asked, found)
    return found


def _piece(event: Event) -> str | None:
    result = event.get("result")
    text = result.get("text") if isinstance(result, dict) else None
    return text if event.get("final") is False and isinstance(text, str) else None


def _alone(text: str, asked: Asked) -> str:
    if asked.wholly and text.strip() == MARK:
        return text.replace(MARK, WORDS)
    return filled(text, instead(text, asked)) if MARK in text else text


def _unmark(reply: _Reply, events: Sequence[Event], asked: Sequence[Asked], found: dict[int, str]) -> None:
    pieces = [_piece(events[place]) or "" for place in reply.pieces]
    clauses = [str(events[place].get("text", "")) for place in reply.clauses]
    then = asked[reply.pieces[-1]] if reply.pieces else asked[reply.clauses[-1]] if reply.clauses else None
    if then is None:
        return
    if then.wholly and any(text.strip() == MARK for text in (*pieces, *clauses)):
        _wholly(reply, pieces, clauses, found)
        return
    whole = "".join(pieces)
    parts = _parts(whole, " ".join(clauses), then)
    given = iter(parts)
    for place, piece in zip(reply.pieces, pieces, strict=True):
        found[place] = filled(piece, [next(given, "") for _ in range(piece.count(MARK))])
    shown = iter([part for part, hidden in _in_clauses(whole, " ".join(clauses), parts) if hidden])
    for place, clause in zip(reply.clauses, clauses, strict=True):
        wanted = clause.count(MARK)
        own = [part for part in (next(shown, "") for _ in range(wanted)) if part]
        found[place] = filled(clause, own if len(own) == wanted else instead(clause, then))


def _parts(whole: str, clauses: str, asked: Asked) -> list[str]:
    """What stands for each mark of the pieces: what a clause shows in its place, else a stand-in."""
    told = _TOKEN.findall(clauses)
    revealed: dict[int, str] = {}
    tokens = list(_TOKEN.finditer(whole))
    for token, other in zip(tokens, told, strict=False):
        if token[0] != MARK and token[0] != other:
            break  # not the same text: nothing can be told from it
        if token[0] == MARK and other != MARK:
            revealed[token.start()] = other
    shown: list[str] = []
    at = 0
    for token in tokens:
        if token.start() in revealed:
            shown += [whole[at : token.start()], revealed[token.start()]]
            at = token.end()
    rest = iter(instead("".join([*shown, whole[at:]]), asked))
    return [revealed.get(token.start()) or next(rest, "") for token in tokens if token[0] == MARK]


def _in_clauses(whole: str, clauses: str, parts: Sequence[str]) -> list[tuple[str, bool]]:
    """For each mark of the pieces that the clauses reach: what stands for it, and whether the clauses hide it too."""
    given = iter(parts)
    pairs: list[tuple[str, bool]] = []
    for token, other in zip(_TOKEN.findall(whole), _TOKEN.findall(clauses), strict=False):
        if token == MARK:
            pairs.append((next(given, ""), other == MARK))
        elif token != other:
            break
    return pairs


def _wholly(reply: _Reply, pieces: Sequence[str], clauses: Sequence[str], found: dict[int, str]) -> None:
    """Sentences of which nothing is known: as many as there were clauses, in as many pieces as there were."""
    told = [clause.replace(MARK, WORDS) for clause in clauses]
    for place, text in zip(reply.clauses, told, strict=True):
        found[place] = text
    words = " ".join(told).split()
    spread = sum(bool(text.strip()) for text in pieces)
    given = iter(
        " ".join(words[at:] if at == spread - 1 else words[at : at + 1]) + " " * (at < min(spread, len(words)) - 1)
        for at in range(spread)
    )
    for place, piece in zip(reply.pieces, pieces, strict=True):
        found[place] = next(given) if piece.strip() else piece
