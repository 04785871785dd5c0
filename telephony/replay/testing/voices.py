"""What a scripted caller sounds like: words spoken by the embedded voice. PCM16, mono, 8 kHz.

The same words give the same samples in every run, on one machine and with one espeak-ng.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from agent.definition import AgentDefinition, EngineChoice, Phrases, TurnSettings
from agent.errors import LocalError
from agent.tts.espeak import EspeakTts
from agent.virtual_time import VirtualContext, run_virtual
from telephony import g711

RATE_HZ = g711.RATE_HZ
#: Not the voice that agents have by default: on a recording one hears who is who.
VARIANT = "f2"
#: Somebody who calls and knows what they want; the agent's default is a little faster.
RATE_WPM = 150
#: Where the agent's language is none that the voice knows.
OTHER_LANGUAGE = "en-us"


def words_pcm(text: str, language: str, rate_wpm: int = RATE_WPM) -> bytes:
    """`text` as speech in `language` ("en-US"), so many words a minute (80 to 400). Raises MissingExtra where the
    embedded voice is not installed."""
    return _spoken(text, language.lower(), rate_wpm)


@lru_cache(maxsize=256)
def _spoken(text: str, language: str, rate_wpm: int) -> bytes:
    return run_virtual(_speak(text, language, rate_wpm))


async def _speak(text: str, language: str, rate_wpm: int) -> bytes:
    voice = await _voice(language, rate_wpm)
    voice.rewind()  # else the samples would depend on what was spoken before
    pcm = b"".join([chunk.pcm async for chunk in voice.speak(text, VirtualContext())])
    if not pcm:
        raise LocalError(f"the caller's voice made no sound of {text[:80]!r}: write words")
    return pcm


async def _voice(language: str, rate_wpm: int) -> EspeakTts:
    for name in dict.fromkeys((language, language.split("-")[0], OTHER_LANGUAGE)):
        voice = EspeakTts(_nobody(), voice=name, variant=VARIANT, rate_wpm=rate_wpm)
        try:
            await voice.start()
        except LocalError:
            if name == OTHER_LANGUAGE:
                raise
            continue
        return voice
    raise AssertionError("unreachable")


def _nobody() -> AgentDefinition:
    """An engine wants an agent, for what it says of mistakes in it."""
    none = EngineChoice("")
    return AgentDefinition(
        name="caller",
        folder=Path("the caller"),
        language="",
        system_prompt="",
        phrases=Phrases(greeting=""),
        stt=none,
        llm=none,
        tts=EngineChoice("espeak"),
        vad=none,
        turns=TurnSettings(),
        tools={},
    )
