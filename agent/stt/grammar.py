"""An agent's JSGF grammar, compiled for PocketSphinx: a graph with a way out for what is not in it, and its words.

The graph gets a rival to all its phrases: a loop over the language's sounds. What fits the loop better than any
phrase (noise, or speech about something else) is no phrase of the grammar, and is rejected. The dictionary holds the
grammar's own words only, and the graph no state twice (graph.py): for the parcel desk a decoder takes 20 ms and 14 MiB
to make; with the graph as the library builds it, 60 ms and 41 MiB.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pocketsphinx

from agent.errors import AgentError
from agent.stt.graph import Arc, WordGraph, merged, parse_fsg, write_fsg

_PHONES = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()
#: How the loop's sounds are called in a hypothesis. No word of a dictionary begins so.
SOUND = "zz_"
#: What it costs to enter the loop, and each sound in it: the dearer, the more of what was meant is kept, and the more
#: of the rest is let in. Measured with four flite voices. A test grammar: of 128 phrases 111 are understood, with the
#: loop and without; at 0.1 and 0.06 one in ten is lost, but of 100 phrases beside it only 15 are let in, instead of 85.
#: The parcel desk's: of 100 phrases beside it 54 are let in instead of 74, of 30 noises none instead of 12.
_ENTER, _SOUND = 0.01, 0.01

#: How words sound besides, through a telephone, which takes what tells /s/ from its neighbours. Without these, most
#: "six" were heard as "eight". Of 36 phrases with digits (4 voices of flite; not the phrases of the tests) 26 -> 32 are
#: right, in light noise 25 -> 30. A like one for "seven" won no more.
_BY_TELEPHONE = {"six": ("F IH K S", "TH IH K S", "S IH K TH")}

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_RULE = re.compile(r"<([^<>\s]+)>")
_DEFINED = re.compile(r"(public\s+)?<([^<>\s]+)>\s*=")


class _Folder:
    """A temporary folder that goes when this is dropped. (A TemporaryDirectory warns then: it wants to be told, but a
    decoder that is lent out may still have to be made anew.)"""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix="offhook-grammar-")
        weakref.finalize(self, shutil.rmtree, self.name, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Two files that a decoder reads, and what lies behind them. The folder goes when this is dropped."""

    source: Path
    fsg: Path
    dictionary: Path
    words: tuple[str, ...]
    folder: _Folder
    phrases: WordGraph
    """Without the way out."""
    reject: bool


def compile_grammar(source: Path, dictionary: Path, *, reject: bool, besides: frozenset[str] = frozenset()) -> Grammar:
    """Read a JSGF file (its one public rule is what callers say) and look its words up in a CMU dictionary, and those
    `besides`, which other graphs for the same decoder use.

    Raises AgentError naming file, line, and what to write instead.
    """
    top = _checked_top(source)
    pocketsphinx.set_loglevel("FATAL")  # for the whole process: what matters is told by the errors raised here
    try:
        jsgf = pocketsphinx.Jsgf(str(source))
        logmath = pocketsphinx.LogMath()  # kept by name: the graph of pocketsphinx 5.0.4 does not keep it alive
        graph = jsgf.build_fsg(jsgf.get_rule(f"{jsgf.get_name()}.{top}"), logmath, 1.0)
    except (ValueError, RuntimeError, TypeError, AttributeError):
        raise AgentError(f"{source}{_syntax_error(source)}: not a JSGF grammar") from None
    folder = _Folder()
    fsg, own = Path(folder.name, "grammar.fsg"), Path(folder.name, "grammar.dict")
    graph.writefile(str(fsg))
    phrases = merged(parse_fsg(fsg.read_text(encoding="utf-8")))
    words = {arc.word for arc in phrases.arcs if arc.word}
    own.write_text(_pronunciations(source, words | besides, dictionary), encoding="utf-8")
    fsg.write_text(write_fsg(with_loop(phrases) if reject else phrases), encoding="utf-8")
    return Grammar(source, fsg, own, tuple(sorted(words)), folder, phrases, reject)


def _checked_top(source: Path) -> str:
    """The public rule's name. The library's own complaints name no line: the usual mistakes are found here."""
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"{source}: the grammar cannot be read: {error}") from None
    text = _without_comments(text)
    if not text.startswith("#JSGF"):
        raise AgentError(f'{source}:1: a grammar begins with the line "#JSGF V1.0;"')
    defined = {match[2]: bool(match[1]) for match in _DEFINED.finditer(text)}
    for match in _RULE.finditer(text):
        if match[1] not in defined and match[1] not in ("NULL", "VOID"):
            line = text.count("\n", 0, match.start()) + 1
            raise AgentError(f"{source}:{line}: <{match[1]}> is used but not defined; write <{match[1]}> = ... ;")
    public = [name for name, is_public in defined.items() if is_public]
    if len(public) != 1:
        raise AgentError(f'{source}: one rule must be public ("public <turn> = ... ;"), not {len(public)}')
    return public[0]


def _without_comments(text: str) -> str:
    """Comments become blanks of the same lines, so that line numbers stay true."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _syntax_error(source: Path) -> str:
    """ ":<line>: <what the parser said>", as far as it says it: it only writes to a log."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        model = pocketsphinx.get_model_path("en-us/en-us")
        try:
            pocketsphinx.Decoder(hmm=model, jsgf=str(source), dict=None, logfn=str(log), loglevel="ERROR")
        except (RuntimeError, ValueError):
            pass
        finally:
            pocketsphinx.set_loglevel("FATAL")
        said = log.read_text(errors="replace") if log.exists() else ""
    found = re.search(r"(syntax error[^\n]*?) at line (\d+)(?: current token ([^\n]*))?", said)
    return f":{found[2]}: {found[1]} near {(found[3] or '').strip()!r}" if found else ""


def _pronunciations(source: Path, words: set[str], dictionary: Path) -> str:
    """The dictionary's lines for these words, alternatives too, and the loop's sounds."""
    kept: list[str] = []
    found: Counter[str] = Counter()
    with dictionary.open(encoding="utf-8") as lines:
        for line in lines:
            word = line.split(maxsplit=1)[0].split("(")[0] if line.strip() else ""
            if word in words:
                kept.append(line)
                found[word] += 1
    missing = sorted(words - found.keys())
    if missing:
        raise AgentError(_unknown_words(source, missing))
    for word in sorted(words & _BY_TELEPHONE.keys()):
        kept += [f"{word}({found[word] + n}) {said}\n" for n, said in enumerate(_BY_TELEPHONE[word], 1)]
    return "".join(kept) + "".join(f"{SOUND}{phone} {phone}\n" for phone in _PHONES)


def _unknown_words(source: Path, missing: list[str]) -> str:
    lines = _without_comments(source.read_text(encoding="utf-8")).splitlines()
    told = []
    for word in missing:
        whole = re.compile(rf"(?<![\w'<]){re.escape(word)}(?![\w'>])")
        number = next((n for n, line in enumerate(lines, 1) if whole.search(line)), 1)
        told.append(
            f'{source}:{number}: the dictionary does not know the word "{word}"; write words in lower case, '
            "numbers as words, or use words that sound like it"
        )
    return "\n".join(told)


def with_loop(graph: WordGraph, *, sound: float = _SOUND) -> WordGraph:
    """The graph and one more state, entered from the start and left to the end, with every sound leading back to it."""
    loop = graph.states
    way_in, way_out = Arc(graph.start, loop, f"{_ENTER:g}", ""), Arc(loop, graph.final, "1.0", "")
    sounds = (Arc(loop, loop, f"{sound:g}", SOUND + phone) for phone in _PHONES)
    return replace(graph, states=loop + 1, arcs=(*graph.arcs, way_in, *sounds, way_out))
