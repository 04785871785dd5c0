"""What was asked narrows what is heard: answers are likelier, all else stays possible; questions are bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.agents import load_agent
from agent.slots.base import KINDS, NOTHING_ASKED, Asks
from agent.slots.grammar import slot_words
from agent.stt import decoders
from agent.stt.base import Partial
from agent.stt.decoders import AskedDecoder
from agent.stt.grammar import Grammar, compile_grammar
from agent.stt.narrowing import Narrowings, all_slot_words, question
from agent.stt.pocketsphinx import CMN_PRIOR, RATE_HZ, PocketSphinxCall, PocketSphinxStt
from tests.agent.support import make_agent, recorded_pcm
from tests.support.virtual_loop import VirtualContext, virtual

GRAMMAR = Path(__file__).with_name("desk.jsgf")
FOUR = Asks("order", "digits", length=4)
YES_NO = Asks("", "yes_no")


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    import pocketsphinx

    dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    return compile_grammar(GRAMMAR, dictionary, reject=True, besides=all_slot_words())


def decoded(decoder: AskedDecoder, pcm: bytes, asked: Path | None) -> tuple[str, str]:
    """The text, and the mean at the end, which tells the smallest difference."""
    decoder.begin(asked, CMN_PRIOR)
    for at in range(0, len(pcm), 1920):
        decoder.hear(pcm[at : at + 1920])
    return decoder.end()


@given(
    kind=st.sampled_from([*KINDS, "", "nonsense"]),
    length=st.integers(-3, 10**9),
    longest=st.integers(-3, 10**9),
    slot=st.text(max_size=5),
    sensitive=st.booleans(),
)
def test_whatever_is_asked_there_are_few_questions_and_the_dictionary_knows_their_words(
    kind: str, length: int, longest: int, slot: str, sensitive: bool
) -> None:
    asked = question(Asks(slot, kind, sensitive, length, longest))
    if kind not in ("digits", "yes_no", "date", "money", "spelled"):
        assert asked is None
        return
    assert asked is not None
    assert asked == replace(NOTHING_ASKED, kind=kind, length=asked.length, longest=asked.longest)
    assert 0 <= asked.length <= 16
    assert 0 <= asked.longest <= 16
    assert question(asked) == asked
    assert all_slot_words().issuperset(slot_words(asked))


def test_there_are_fewer_than_150_questions_in_all() -> None:
    asked = {question(Asks("", kind, False, a, b)) for kind in KINDS for a in range(30) for b in range(30)}
    assert len(asked) < 150


def test_a_question_with_a_known_length_is_heard_by_that_length() -> None:
    assert question(FOUR) == Asks(kind="digits", length=4)
    assert question(Asks("n", "digits", length=4, longest=6)) == Asks(kind="digits", length=4, longest=6)
    assert question(Asks("n", "digits", length=4, longest=16)) == Asks(kind="digits")
    assert question(Asks("n", "digits", length=17)) == Asks(kind="digits")


def test_a_decoders_result_does_not_depend_on_what_it_heard_before_or_by_which_graph(grammar: Grammar) -> None:
    """Noise estimates, graphs put in and thrown out again: none may leave a trace."""
    narrowings = Narrowings(grammar)
    four, yes_no = narrowings.file(Asks(kind="digits", length=4)), narrowings.file(YES_NO)
    number, where = recorded_pcm("slt/number-sentence", RATE_HZ), recorded_pcm("awb/where", RATE_HZ)
    fresh = {
        (asked, pcm): decoded(AskedDecoder(grammar, RATE_HZ), pcm, asked)
        for asked in (None, four)
        for pcm in (number, where)
    }
    used = AskedDecoder(grammar, RATE_HZ)
    for before in (where, number, bytes(64000)):
        for (asked, pcm), result in fresh.items():
            decoded(used, before, yes_no)
            assert decoded(used, pcm, asked) == result


def test_a_decoder_keeps_the_last_graphs_only(grammar: Grammar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "KEPT", 2)
    narrowings, decoder = Narrowings(grammar), AskedDecoder(grammar, RATE_HZ)
    number = recorded_pcm("slt/number-sentence", RATE_HZ)
    files = [narrowings.file(asked) for asked in (Asks(kind="digits", length=4), YES_NO, Asks(kind="digits"))]
    expected = decoded(decoder, number, files[0])
    for _ in range(2):
        for file in files:
            decoded(decoder, number[:3200], file)
    assert decoded(decoder, number, files[0]) == expected
    assert expected[0].endswith("four seven one two")


async def started(*asks: Asks) -> PocketSphinxStt:
    engine = PocketSphinxStt(replace(make_agent(grammar=GRAMMAR), asks=asks))
    await engine.start()
    return engine


async def heard(call: PocketSphinxCall, name: str, hint: Asks) -> tuple[str, list[Partial], float]:
    """The text, what was shown on the way, and how long the final took once all was said (seconds, virtual)."""
    partials: list[Partial] = []
    utterance = call.begin(partials.append, hint)
    pcm = recorded_pcm(name, RATE_HZ)
    for at in range(0, len(pcm), 640):
        utterance.push(pcm[at : at + 640])
        await asyncio.sleep(0.02)
    said_s = asyncio.get_running_loop().time()
    text = (await utterance.final()).text
    return text, partials, round(asyncio.get_running_loop().time() - said_s, 6)


@virtual
async def test_an_answer_that_the_agents_grammar_lacks_is_heard_when_it_was_asked_for() -> None:
    """desk.jsgf knows no bare "no", and "yes" with "please" only."""
    engine = await started()
    call = engine.call(VirtualContext())
    assert (await heard(call, "slt/no", NOTHING_ASKED))[0] != "no"
    for voice in ("slt", "rms", "awb"):
        assert (await heard(call, f"{voice}/no", YES_NO))[0].split()[0] == "no"


@virtual
async def test_what_is_no_answer_is_heard_all_the_same() -> None:
    engine = await started(FOUR)
    call = engine.call(VirtualContext())
    assert (await heard(call, "slt/where", FOUR))[0] == "hello where is my parcel"
    assert (await heard(call, "slt/where", YES_NO))[0] == "hello where is my parcel"
    assert (await heard(call, "slt/number-sentence", FOUR))[0] == "my order number is four seven one two"


@virtual
@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
async def test_what_is_seldom_said_does_not_stand_in_for_a_yes(voice: str) -> None:
    """Asides, "um" and "yes but" are dear beside short answers: at equal weights they were what was shown."""
    call = (await started()).call(VirtualContext())
    text, partials, _ = await heard(call, f"{voice}/yes", YES_NO)
    assert text == "yes please"
    assert {partial.text.split()[-1] for partial in partials}.isdisjoint({"but", "can", "let", "um", "uh"})
    text, _, _ = await heard((await started()).call(VirtualContext()), f"{voice}/right", YES_NO)
    assert text in ("yes that's right", "yeah that's right")


@virtual
async def test_kinds_without_rules_are_heard_by_the_agents_grammar() -> None:
    call = (await started()).call(VirtualContext())
    for kind in ("name", "email", "free", "no such kind"):
        assert (await heard(call, "slt/where", Asks("x", kind)))[0] == "hello where is my parcel"


@virtual
async def test_a_call_run_again_is_the_same_whether_its_questions_were_prepared_or_not() -> None:
    """Partials, texts and times: for the engine of the second call all graphs are there already."""
    engine = await started()
    asked = [FOUR, YES_NO, FOUR]

    async def whole_call() -> list[tuple[str, list[Partial], float]]:
        call = engine.call(VirtualContext())
        return [await heard(call, "slt/number-sentence", hint) for hint in asked]

    first = await whole_call()
    assert await whole_call() == first
    engine = await started(FOUR, YES_NO)
    assert await whole_call() == first


@virtual
async def test_an_utterance_can_be_cancelled_while_its_graph_is_built() -> None:
    engine = await started()
    call = engine.call(VirtualContext())
    utterance = call.begin(lambda partial: None, Asks("x", "date"))
    await asyncio.sleep(0)
    await utterance.cancel()
    assert (await heard(call, "slt/where", FOUR))[0] == "hello where is my parcel"


def test_an_agents_flow_tells_what_it_asks() -> None:
    agent = load_agent("parcel-desk")
    assert set(agent.asks) == {Asks(kind="digits", length=4), Asks(kind="yes_no")}
