"""Streams without a word for the agent: what lies on a caller's line while the agent speaks, or under what they say."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from telephony.bench.turns.items import RATE_HZ, Background, Item
from telephony.bench.turns.recordings import Recording
from telephony.bench.turns.sounds import PER_MS, active_dbfs, faded, samples_of

STREAM_MS = 30_000
"""Long enough that what repeats is not learned, and to be played over and over."""
JOIN_MS = 250
"""Where a recording begins again, its end runs over into its beginning."""
SHORT_MS = 2000
"""A shorter recording is an event (a tone, a bump): it comes again and again, with quiet between."""
EVENTS_APART_MS = (600, 2500)
LEVEL_DBFS = -25.0
"""Of made backgrounds; whoever mixes them gives them the level that is wanted."""
COMFORT_DBFS = -55.0
"""Comfort noise is soft by nature."""
BABBLERS = 6
RESPONSE_MS = 300
"""A phone's room: what comes later is under the speech."""
_LOW_HZ = (697, 770, 852, 941)
_HIGH_HZ = (1209, 1336, 1477)
_CHORDS_HZ = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))

Floats = NDArray[np.float64]


def recorded_backgrounds(recordings: Sequence[Recording]) -> list[Background]:
    """One stream of each noise, music and tone of the folder."""
    out: list[Background] = []
    for recording in recordings:
        if recording.sound not in ("noise", "music", "tones"):
            continue
        sound = samples_of(recording.pcm()).astype(np.float64)
        if not sound.any():
            continue
        length_ms = len(sound) // PER_MS
        stream = _events([sound], recording.name) if length_ms < SHORT_MS else _looped(sound)
        out.append(Background(recording.name, recording.sound, _pcm(stream), recording.set))
    return out


def room_responses(recordings: Sequence[Recording]) -> list[tuple[float, ...]]:
    """The folder's room responses: from the direct sound on, RESPONSE_MS at most, of unit energy."""
    out: list[tuple[float, ...]] = []
    for recording in recordings:
        if recording.sound != "rir":
            continue
        sound = samples_of(recording.pcm()).astype(np.float64)
        if not sound.any():
            continue
        direct = max(0, int(np.argmax(np.abs(sound))) - PER_MS)
        taps = sound[direct : direct + RESPONSE_MS * PER_MS]
        out.append(tuple((taps / np.sqrt(np.sum(taps**2))).tolist()))
    return out


def made_backgrounds(babblers: Sequence[Item] = (), seed: int = 1) -> list[Background]:
    """Noises made here, one stream of each kind; babble is made of `babblers`, where there are enough."""
    makers: dict[str, Callable[[np.random.Generator], Floats]] = {
        "white": lambda chance: chance.standard_normal(_COUNT),
        "pink": _pink,
        "hum": _hum,
        "comfort": _pink,
        "dtmf": _dtmf,
        "music": _music,
        "bursts": _bursts,
    }
    if len(babblers) >= BABBLERS:
        makers["babble"] = lambda chance: _babble(babblers, chance)
    out: list[Background] = []
    for at, (kind, make) in enumerate(makers.items()):
        level = COMFORT_DBFS if kind == "comfort" else LEVEL_DBFS
        pcm = _pcm(_at_level(make(np.random.default_rng([seed, at])), level))
        out.append(Background(f"made/{kind}", kind, pcm, "made"))
    return out


_COUNT = STREAM_MS * PER_MS


def _pcm(stream: Floats) -> bytes:
    return np.clip(np.round(stream), -32768, 32767).astype("<i2").tobytes()


def _at_level(stream: Floats, dbfs: float) -> Floats:
    level = np.sqrt(np.mean(stream**2))
    return np.asarray(stream * (32768 * 10 ** (dbfs / 20) / level))


def _looped(sound: Floats) -> Floats:
    """The sound again and again, so that neither its end nor the stream's is heard."""
    join = min(JOIN_MS * PER_MS, len(sound) // 4)
    fade = np.sin(np.linspace(0, np.pi / 2, join, endpoint=False))
    body = sound[: len(sound) - join].copy()
    body[:join] = body[:join] * fade + sound[-join:] * fade[::-1]
    return np.tile(body, -(-_COUNT // len(body)))


def _events(sounds: Sequence[Floats], name: str) -> Floats:
    """One or the other of the sounds, now and then, for the length of a stream."""
    chance = random.Random(name)
    out = np.zeros(_COUNT)
    at = chance.randint(*EVENTS_APART_MS) * PER_MS
    while at < _COUNT:
        sound = faded(chance.choice(sounds).clip(-32768, 32767).astype(np.int16))[: _COUNT - at]
        out[at : at + len(sound)] += sound
        at += len(sound) + chance.randint(*EVENTS_APART_MS) * PER_MS
    return out


def _pink(chance: np.random.Generator) -> Floats:
    """Noise whose power falls with its frequency, as that of rooms, streets and machines does."""
    spectrum = np.fft.rfft(chance.standard_normal(_COUNT))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 50)), _COUNT)


def _hum(chance: np.random.Generator) -> Floats:
    """Mains hum at 50 Hz with what a bad adapter adds, in a little noise."""
    at = np.arange(_COUNT) / RATE_HZ
    parts = [np.sin(2 * np.pi * 50 * k * at + chance.uniform(0, 6)) / k for k in (1, 2, 3, 5, 7, 9)]
    return np.asarray(np.sum(parts, axis=0) + 0.02 * chance.standard_normal(_COUNT))


def _dtmf(chance: np.random.Generator) -> Floats:
    at = np.arange(120 * PER_MS) / RATE_HZ
    tones = [
        8000 * (np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at)) for low in _LOW_HZ for high in _HIGH_HZ
    ]
    return _events(tones, f"dtmf {chance.integers(1 << 30)}")


def _music(chance: np.random.Generator) -> Floats:
    """Plucked chords with a tune above them, two a second: as plain as most hold music."""
    out = np.zeros(_COUNT + RATE_HZ)
    at = np.arange(RATE_HZ) / RATE_HZ
    for beat in range(_COUNT // (RATE_HZ // 2)):
        chord = _CHORDS_HZ[beat // 4 % len(_CHORDS_HZ)]
        notes = [*chord, 2 * chord[int(chance.integers(3))]]
        sound = np.sum([np.sin(2 * np.pi * hz * at) + 0.4 * np.sin(4 * np.pi * hz * at) for hz in notes], axis=0)
        start = beat * RATE_HZ // 2
        out[start : start + RATE_HZ] += sound * np.exp(-3 * at) * np.minimum(1, at * 200)
    return out[:_COUNT]


def _bursts(chance: np.random.Generator) -> Floats:
    """Coughs (bands of noise that rise at once and fall within 0.3 s), and clicks."""
    sounds: list[Floats] = []
    for _ in range(8):
        length = int(chance.integers(180, 350)) * PER_MS
        at = np.arange(length) / length
        noise = np.convolve(chance.standard_normal(length), np.hanning(int(chance.integers(3, 9))), mode="same")
        cough = noise * np.minimum(1, at * 25) * np.exp(-4 * at)
        sounds.append(9000 * cough / np.max(np.abs(cough)))
    for _ in range(4):
        click = chance.standard_normal(12 * PER_MS) * np.exp(-np.arange(12 * PER_MS) / (2 * PER_MS))
        sounds.append(12000 * click / np.max(np.abs(click)))
    return _events(sounds, f"bursts {chance.integers(1 << 30)}") + 3 * chance.standard_normal(_COUNT)


def recorded_babble(items: Sequence[Item], seed: int = 1) -> list[Background]:
    """Recorded callers, BABBLERS of them at once; none where there are fewer."""
    if len(_voices(items)) < BABBLERS:
        return []
    pcm = _pcm(_at_level(_babble(items, np.random.default_rng(seed)), LEVEL_DBFS))
    return [Background("recorded/babble", "babble", pcm, "recorded")]


def _babble(items: Sequence[Item], chance: np.random.Generator) -> Floats:
    """Several callers at once, equally loud, none of them for the agent."""
    out = np.zeros(_COUNT)
    voices = _voices(items)
    for which in chance.choice(len(voices), BABBLERS, replace=len(voices) < BABBLERS):
        at = -int(chance.integers(2000)) * PER_MS
        while at < _COUNT:
            item = voices[which][int(chance.integers(len(voices[which])))]
            level = 10 ** ((LEVEL_DBFS - active_dbfs(item.pcm, item.speech)) / 20)
            said = samples_of(item.pcm).astype(np.float64) * level
            start, end = max(0, at), min(_COUNT, at + len(said))
            if end > start:
                out[start:end] += said[start - at : end - at]
            at += len(said)
    return out


def _voices(items: Sequence[Item]) -> list[list[Item]]:
    """What each speaker says; of a recording whose speaker is not known, what is said in it."""
    voices: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        voices.setdefault((item.corpus, item.speaker or item.name), []).append(item)
    return list(voices.values())
