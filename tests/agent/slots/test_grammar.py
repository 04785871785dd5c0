"""The rules that tell a recogniser what answers sound like: they compile, and what they allow is read as an answer."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from agent.slots.base import Asks, Progress
from agent.slots.grammar import slot_grammar, slot_rule, slot_words
from agent.slots.reading import read_answer

ASKED = [
    Asks("n", "digits", length=1),
    Asks("n", "digits", length=4),
    Asks("n", "digits", length=10),
    Asks("n", "digits", length=4, longest=6),
    Asks("n", "digits"),
    Asks("n", "yes_no"),
    Asks("n", "date"),
    Asks("n", "money"),
    Asks("n", "spelled", length=3),
    Asks("n", "spelled"),
]
_TOKEN = re.compile(r"<[^<>]+>|/[\d.]+/|[()\[\]|+]|[a-z']+")


class Speaker:
    """Says what a set of rules allows, by lot; weights and how often a "+" is gone round aside."""

    def __init__(self, rules: str, seed: int) -> None:
        self.rules = {name: _TOKEN.findall(body) for name, body in re.findall(r"(<[^<>]+>) = (.*);", rules)}
        self.random = random.Random(seed)

    def say(self, name: str) -> str:
        said, end = self._either(self.rules[name], 0)
        assert end == len(self.rules[name])
        return " ".join(said.split())

    def _either(self, tokens: list[str], at: int) -> tuple[str, int]:
        rows = [""]
        while at < len(tokens) and tokens[at] not in (")", "]"):
            token = tokens[at]
            if token == "|":
                rows.append("")
                at += 1
                continue
            said, after = self._item(tokens, at)
            if tokens[after : after + 1] == ["+"]:
                said = " ".join(self._item(tokens, at)[0] for _ in range(self.random.randint(2, 4)))
                after += 1
            rows[-1] += f" {said}"
            at = after
        return self.random.choice(rows), at

    def _item(self, tokens: list[str], at: int) -> tuple[str, int]:
        token = tokens[at]
        if token in ("(", "["):
            said, end = self._either(tokens, at + 1)
            return (said if token == "(" or self.random.random() < 0.5 else ""), end + 1
        if token.startswith("<"):
            return self.say(token), at + 1
        return ("" if token.startswith("/") else token), at + 1


@pytest.mark.parametrize("asks", ASKED, ids=lambda asks: f"{asks.kind} {asks.length}-{asks.longest}")
def test_what_the_rules_call_a_value_is_read_as_one(asks: Asks) -> None:
    speaker = Speaker(slot_rule(asks), seed=5)
    for _ in range(300):
        names = ("<slot_yes>", "<slot_not>") if asks.kind == "yes_no" else ("<slot_value>",)
        for name in names:
            said = speaker.say(name)
            reading = read_answer(asks, said)
            if asks.kind == "date" and re.search("thirt|twenty ninth|twenty nine", said):
                continue  # not every month has this day
            if asks.kind == "spelled" and re.search(r"double u|\b([a-z]) \1[a-z]+", said):
                continue  # w; and "z zulu" is one letter
            assert reading.progress in (Progress.ENOUGH, Progress.WHOLE), (said, reading)
            assert reading.value


@pytest.mark.parametrize("asks", ASKED, ids=lambda asks: f"{asks.kind} {asks.length}-{asks.longest}")
def test_the_rules_compile_and_the_dictionary_knows_their_words(asks: Asks, tmp_path: Path) -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx", reason="the embedded engines are not installed")
    from agent.stt.grammar import compile_grammar

    source = tmp_path / "asked.jsgf"
    source.write_text(slot_grammar(asks))
    grammar = compile_grammar(source, Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")), reject=True)
    assert set(grammar.words) == set(slot_words(asks))


@pytest.mark.parametrize(
    ("asks", "text"),
    [
        (Asks("n", "digits", length=4), "one moment four seven one two"),
        (Asks("n", "digits", length=4), "hold on it's four seven one two please"),
        (Asks("n", "digits"), "let me see four seven"),
        (Asks("n", "spelled", length=3), "one moment please a b c"),
        (Asks("n", "date"), "let me see the third of may"),
        (Asks("n", "yes_no"), "no that's all"),
        (Asks("n", "yes_no"), "hold on"),
    ],
)
def test_who_asks_for_a_moment_may_give_the_value_in_the_same_turn(asks: Asks, text: str, tmp_path: Path) -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx", reason="the embedded engines are not installed")
    source = tmp_path / "asked.jsgf"
    source.write_text(slot_grammar(asks))
    jsgf, logmath = pocketsphinx.Jsgf(str(source)), pocketsphinx.LogMath()
    graph = jsgf.build_fsg(jsgf.get_rule("asked.turn"), logmath, 1.0)
    assert graph.accept(text)
    assert not graph.accept(f"{text} hold")


@pytest.mark.parametrize("kind", ["name", "email", "free", "", "something"])
def test_where_no_grammar_helps_there_is_none(kind: str) -> None:
    asks = Asks("n", kind)
    assert slot_rule(asks) == ""
    assert slot_words(asks) == ()
