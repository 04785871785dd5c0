"""An agent's grammar narrowed by what the caller was asked for: a graph that expects an answer, and allows the rest.

Callers do not only answer: they ask back, say that they do not know, want something else. So the graph is the answers'
rules (agent/slots/grammar.py) beside all that the agent's own grammar allows, ten to one, and the way out for what
is neither. What one question's graph is does not depend on which other questions were asked before.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pocketsphinx

from agent.slots.base import Asks
from agent.slots.grammar import slot_grammar, slot_rule, slot_words
from agent.stt.grammar import Grammar, with_loop
from agent.stt.graph import WordGraph, either, merged, parse_fsg, write_fsg

#: An answer is so many times as likely as anything else.
_ANSWER, _OTHER = 10 / 11, 1 / 11
#: What each sound in the loop beside an answer costs; to enter it, what it costs beside any grammar. Dearer than there
#: (grammar.py), because a long number passes ten words, in each of which one sound may fit better. Of numbers of ten
#: digits (5 speakers, noise at 20 dB) 65 % of the words are heard, at 0.01 50 %. Of 17 noises none is
#: let in by the parcel desk's grammar, five beside four digits ("what", "uh"; also at 0.01), one beside yes or no.
_SOUND = 0.003
#: Numbers and spelled words of a length that is not known within so many are heard as of any length: every length
#: is a part of the graph of its own, which takes time to build, and a model may ask for anything.
_WIDEST = 4
_LONGEST = {"digits": 16, "spelled": 8}
#: Of every kind that has rules, questions that use all of them.
_ALL = (
    Asks(kind="digits"),
    Asks(kind="digits", length=4),
    Asks(kind="yes_no"),
    Asks(kind="date"),
    Asks(kind="money"),
    Asks(kind="spelled"),
    Asks(kind="spelled", length=3),
)


def question(asks: Asks) -> Asks | None:
    """What of `asks` matters to a recogniser: its kind, and its lengths where they are bounded. None where no grammar
    helps. There are fewer than 150 different ones."""
    if asks.kind not in _LONGEST:
        return Asks(kind=asks.kind) if slot_rule(Asks(kind=asks.kind)) else None
    least, most = asks.length or asks.longest, max(asks.length, asks.longest)
    if not 0 < least <= most <= _LONGEST[asks.kind] or (most - (asks.length or 1)) > _WIDEST:
        return Asks(kind=asks.kind)
    return Asks(kind=asks.kind, length=asks.length, longest=asks.longest if asks.longest > asks.length else 0)


def all_slot_words() -> frozenset[str]:
    """Every word that an answer of any kind may have."""
    return frozenset(word for asks in _ALL for word in slot_words(asks))


class Narrowings:
    """One agent's narrowed graphs, as files for decoders, in the folder of the agent's compiled grammar."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._files: dict[Asks, Path] = {}

    def ready(self, asks: Asks) -> bool:
        """Whether `file` would have nothing to build."""
        return asks in self._files

    def file(self, asks: Asks) -> Path:
        """The FSG file of one `question`; built at the first time, which blocks for 20 to 400 ms. Any thread: two that
        build the same write the same."""
        if asks not in self._files:
            graph = either("asked", ((_answers(asks), _ANSWER), (self._grammar.phrases, _OTHER)))
            if self._grammar.reject:
                graph = with_loop(graph, sound=_SOUND)
            path = Path(self._grammar.folder.name, f"asked-{asks.kind}-{asks.length}-{asks.longest}.fsg")
            _write(path, write_fsg(graph))
            self._files[asks] = path
        return self._files[asks]


def _answers(asks: Asks) -> WordGraph:
    """What answers sound like."""
    pocketsphinx.set_loglevel("FATAL")
    with tempfile.TemporaryDirectory(prefix="offhook-asked-") as folder:
        source, fsg = Path(folder, "asked.jsgf"), Path(folder, "asked.fsg")
        source.write_text(slot_grammar(asks), encoding="utf-8")
        jsgf = pocketsphinx.Jsgf(str(source))
        logmath = pocketsphinx.LogMath()  # kept by name, as in grammar.py
        jsgf.build_fsg(jsgf.get_rule("asked.turn"), logmath, 1.0).writefile(str(fsg))
        return merged(parse_fsg(fsg.read_text(encoding="utf-8")))


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a decoder in another thread may be about to read it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)
