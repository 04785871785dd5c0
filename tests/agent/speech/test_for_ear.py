"""ForEar: the engine gets spoken words, everybody else keeps the written ones."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.context import CallContext
from agent.errors import EngineError
from agent.line import WordEnd
from agent.speech.cache import PhraseCache
from agent.speech.clauses import Clause
from agent.speech.for_ear import ForEar
from agent.speech.mouth import Mouth
from agent.speech.spoken import RULES
from agent.speech.voice import Voice
from agent.tts.base import SpeechChunk
from tests.agent.fakes import FakeLine, ScriptedTts
from tests.support.virtual_loop import VirtualContext, virtual


class LateTts(ScriptedTts):
    """Knows its rate and identity only once started, and can be rewound."""

    rewound = 0

    async def start(self) -> None:
        self.rate_hz, self.identity = 16_000, "late-2"

    def rewind(self) -> None:
        self.rewound += 1


async def ends(voice: ForEar, text: str) -> list[int]:
    return [word.chars async for chunk in voice.speak(text, VirtualContext()) for word in chunk.words]


@virtual
async def test_the_engine_gets_words_and_its_words_count_in_what_was_written() -> None:
    engine = ScriptedTts()
    text = "Order 4712 is $5."
    counted = await ends(ForEar(engine, "en-US"), text)
    assert engine.spoken == ["Order four seven one two is five dollars."]
    assert [text[:chars] for chars in counted] == ["Order", "Order 4712", "Order 4712 is", text]


@virtual
async def test_a_text_in_words_is_given_as_it_is() -> None:
    engine = ScriptedTts()
    assert await ends(ForEar(engine, "en-US"), "Hello you.") == [5, 10]
    assert engine.spoken == ["Hello you."]


@virtual
async def test_a_text_of_which_nothing_can_be_said_asks_nothing_of_the_engine() -> None:
    engine = ScriptedTts()
    assert await ends(ForEar(engine, "en-US"), "🎉 (***)") == []
    assert engine.spoken == []


@virtual
async def test_it_is_the_engine_but_for_its_identity() -> None:
    engine = LateTts()
    voice = ForEar(engine, "de")
    assert (voice.name, voice.rate_hz) == (engine.name, 8000)
    await voice.start()
    assert (voice.rate_hz, voice.identity) == (16_000, f"late-2/{RULES}/de")
    voice.rewind()
    assert engine.rewound == 1
    with pytest.raises(AttributeError):
        voice.unknown  # noqa: B018


@virtual
async def test_errors_pass_and_the_engine_is_closed_where_the_listener_leaves() -> None:
    engine = ScriptedTts(fails=lambda text: "two" in text)
    with pytest.raises(EngineError, match="broke"):
        await ends(ForEar(engine, "en-US"), "Now 2")
    speech = ForEar(engine, "en-US").speak("Now 3 and 4", VirtualContext())
    await anext(speech)
    assert engine.open == 1
    await speech.aclose()
    assert engine.open == 0


@virtual
async def test_the_journal_the_cache_and_the_line_have_the_written_text() -> None:
    engine, line, journal = ScriptedTts(), FakeLine(8000), list[dict[str, Any]]()
    voice = ForEar(engine, "en-US")
    phrases, ctx = PhraseCache(voice), VirtualContext()
    mouth = Mouth(line, Voice(voice, phrases, ctx, lambda kind, /, **data: journal.append(data)), lambda: None)
    await mouth.say(1, Clause("It is 42.", 7))
    assert (journal[0]["input"], engine.spoken) == ("It is 42.", ["It is forty-two."])
    assert [word.chars for _, span in line.played for word in span.words] == [9, 12, 16, 16]
    await phrases.warm(["Just $5."], ctx)
    assert mouth.play_phrase(2, "Just $5.")
    assert journal[-1]["input"] == "Just $5."
    assert [words[-1][1] for _, words in journal[-1]["pieces"] if words] == [4, 8]


class LongTts:
    """Ends its words before their punctuation, as some voices do."""

    name, remote, rate_hz, identity = "long", False, 8000, "long"

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def speak(self, text: str, ctx: CallContext) -> AsyncIterator[SpeechChunk]:
        yield SpeechChunk(bytes(160), (WordEnd(80, len(text.rstrip(".!?"))),))


@virtual
async def test_a_number_is_heard_though_its_voice_does_not_count_the_full_stop() -> None:
    assert await ends(ForEar(LongTts(), "en-US"), "It is 5pm.") == [10]
