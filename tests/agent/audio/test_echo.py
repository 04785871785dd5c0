"""The echo meter, with noise that speaks like a voice and rooms made of numbers."""

import audioop

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.echo import INBOUND_MS, REFERENCE_MS, EchoMeter

_WINDOW_MS = 32
#: What turn-taking takes for an echo.
_ECHO = 0.3

Samples = NDArray[np.float64]


def _voice(seconds: float, seed: int, rate_hz: int = 8000) -> Samples:
    """Speech, roughly: a pitch that wanders, through resonances that change at every syllable, with gaps."""
    random = np.random.default_rng(seed)
    pieces: list[Samples] = []
    phase, done = 0.0, 0
    while done < seconds * rate_hz:
        count = int(random.uniform(0.12, 0.3) * rate_hz)
        pitch = random.uniform(90, 220) * (1 + 0.1 * np.sin(np.arange(count) / rate_hz * 2 * np.pi * 4))
        turns = phase + np.cumsum(pitch) / rate_hz
        phase = float(turns[-1] % 1)
        source = (turns % 1) - 0.5 + 0.05 * random.standard_normal(count)
        spectrum = np.fft.rfft(source)
        hz = np.fft.rfftfreq(count, 1 / rate_hz)
        shape = sum(1 / (1 + ((hz - random.uniform(*at)) / 120) ** 2) for at in ((300, 900), (900, 2000), (2200, 3200)))
        sound = np.fft.irfft(spectrum * shape, count) * np.hanning(count)
        pieces += [sound / (np.abs(sound).max() + 1e-9), np.zeros(int(random.uniform(0, 0.08) * rate_hz))]
        done += count + len(pieces[-1])
    return 0.25 * np.concatenate(pieces)[: int(seconds * rate_hz)]


def _room(seed: int, long_ms: float, rate_hz: int = 8000) -> Samples:
    """A response that falls by 60 dB within `long_ms`; of power 1."""
    taps = np.arange(int(long_ms * rate_hz / 1000))
    response = np.random.default_rng(seed).standard_normal(len(taps)) * 10 ** (-3 * taps / len(taps))
    response[0] = 2.0
    return np.asarray(response / np.sqrt(np.sum(response**2)))


def _come_back(played: Samples, delay_ms: int, down_db: float, long_ms: float = 80, rate_hz: int = 8000) -> Samples:
    late = np.concatenate([np.zeros(delay_ms * rate_hz // 1000), played])[: len(played)]
    return np.asarray(np.convolve(late, _room(5, long_ms, rate_hz))[: len(played)] * 10 ** (-down_db / 20))


def _linear(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def _telephone(samples: Samples) -> bytes:
    """With the telephone's quantisation."""
    return audioop.ulaw2lin(audioop.lin2ulaw(_linear(samples), 2), 2)


def _pcm(samples: Samples) -> bytes:
    """With a line's noise, and the telephone's quantisation."""
    return _telephone(samples + np.random.default_rng(9).standard_normal(len(samples)) * 10 ** (-65 / 20))


def _scores(meter: EchoMeter, came: Samples, played: Samples, of: Samples, rate_hz: int = 8000) -> list[float]:
    """The score of each window in which `of` sounds, from one second on."""
    inbound, reference = _pcm(came), (np.clip(played, -1, 1) * 32767).astype("<i2").tobytes()
    window, scores = _WINDOW_MS * rate_hz // 1000, []
    for end in range(rate_hz, len(came) - window, window):
        if np.mean(of[end - window : end] ** 2) > 0.02 * np.mean(of**2):
            from_in, from_out = (max(0, end - ms * rate_hz // 1000) for ms in (INBOUND_MS, REFERENCE_MS))
            scores.append(meter.score(inbound[2 * from_in : 2 * end], reference[2 * from_out : 2 * end]))
    assert len(scores) > 40
    return scores


def _share(scores: list[float]) -> float:
    return sum(score >= _ECHO for score in scores) / len(scores)


@pytest.mark.parametrize(
    ("delay_ms", "down_db", "long_ms"), [(0, 12, 8), (35, 6, 8), (150, 20, 120), (320, 30, 120), (580, 20, 250)]
)
def test_an_echo_is_known_and_its_delay_learnt(delay_ms: int, down_db: float, long_ms: float) -> None:
    played = _voice(5, 1)
    echo = _come_back(played, delay_ms, down_db, long_ms)
    meter = EchoMeter(8000)
    assert _share(_scores(meter, echo, played, echo)) > 0.9
    assert meter.delay_ms == pytest.approx(delay_ms, abs=4)


@pytest.mark.parametrize("down_db", [0, 3, 6])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_loud_and_clean_echo_is_known_between_stretches_of_digital_silence(down_db: float, seed: int) -> None:
    played = _voice(8, seed)
    played[np.abs(played) < 0.002] = 0  # a voice's file is quieter than any line between its words
    late = np.concatenate([np.zeros(150 * 8), played])[: len(played)] * 10 ** (-down_db / 20)
    inbound, reference = _telephone(late), _linear(played)
    meter, scores = EchoMeter(8000), list[float]()
    for end in range(8000, len(played), 256):
        if np.mean(late[end - 256 : end] ** 2) > 0.005**2:
            scores.append(meter.score(inbound[2 * max(0, end - 4096) : 2 * end], reference[: 2 * end][-19200:]))
    assert _share(scores) > 0.9


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_caller_is_no_echo(seed: int) -> None:
    played, caller = _voice(5, 1), _voice(5, seed)
    scores = _scores(EchoMeter(8000), caller, played, caller)
    # While it learns a path that only seems to be one, it may be mistaken: for an eighth of a second, once.
    assert sum(score >= _ECHO for score in scores) <= 4
    assert _share(scores[20:]) < 0.03


@pytest.mark.parametrize("down_db", [14, 24])
def test_a_caller_over_an_echo_is_no_echo(down_db: float) -> None:
    played, caller = _voice(8, 1), _voice(8, 2)
    caller[: 3 * 8000] = 0
    echo = _come_back(played, 120, down_db)
    meter = EchoMeter(8000)
    over = _scores(meter, echo + caller, played, caller)
    assert _share(over) < 0.13


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize(("delay_ms", "down_db"), [(80, 10), (150, 15), (250, 10), (400, 20)])
def test_the_first_of_an_echo_is_known_by_its_loudness(delay_ms: int, down_db: float, seed: int) -> None:
    played = np.concatenate([np.zeros(6000), _voice(2, seed)])
    inbound, reference = _pcm(_come_back(played, delay_ms, down_db)), _linear(played)
    begins = 6000 + delay_ms * 8
    meter = EchoMeter(8000)
    ends = range(begins + 512, begins + 512 + 12 * 256, 256)
    scores = [meter.score(inbound[2 * (end - 4096) : 2 * end], reference[: 2 * end][-19200:]) for end in ends]
    assert _share(scores) >= 0.65


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_faint_echo_is_known_by_its_level_where_its_path_predicts_nothing(seed: int) -> None:
    played, caller = _voice(8, seed), _voice(8, seed + 10)
    caller[: 4 * 8000] = 0
    echo = _come_back(played, 160, 32)
    told = np.concatenate([played[: 4 * 8000], played[: 4 * 8000]])  # what comes back is of something else
    behind = echo.copy()
    behind[: 4 * 8000] = 0
    meters = EchoMeter(8000), EchoMeter(8000)
    for meter in meters:
        _scores(meter, echo[: 4 * 8000], played[: 4 * 8000], echo[: 4 * 8000])
    assert _share(_scores(meters[0], echo, told, behind)) > 0.9
    assert _share(_scores(meters[1], echo + 0.5 * caller, told, caller)) < 0.15


def test_after_a_caller_has_spoken_over_it_the_echo_is_still_known() -> None:
    played, caller = _voice(9, 1), _voice(9, 2)
    caller[: 2 * 8000] = caller[5 * 8000 :] = 0
    echo = _come_back(played, 120, 20)
    meter = EchoMeter(8000)
    before = (echo + caller)[: 5 * 8000]
    _scores(meter, before, played[: 5 * 8000], before)
    after = echo.copy()
    after[: 5 * 8000] = 0  # not looked at again, but heard
    assert _share(_scores(meter, echo + caller, played, after)) > 0.9


def test_a_delay_that_changes_is_learnt_anew() -> None:
    played = _voice(9, 1)
    echo = _come_back(played, 120, 15)
    later = _come_back(played, 160, 15)
    moved = np.concatenate([echo[: 4 * 8000], later[4 * 8000 :]])
    meter = EchoMeter(8000)
    late = moved.copy()
    late[: 6 * 8000] = 0
    _scores(meter, moved[: 6 * 8000], played[: 6 * 8000], moved[: 6 * 8000])
    assert _share(_scores(meter, moved, played, late)) > 0.9
    assert meter.delay_ms == pytest.approx(160, abs=4)


@pytest.mark.parametrize("leap_ms", [-20, -7, 20, 29])
def test_the_path_is_found_again_at_once_where_the_reference_leaps(leap_ms: int) -> None:
    played = _voice(6, 1)
    echo = _come_back(played, 120, 20)
    leap = leap_ms * 8
    told = played.copy()
    told[4 * 8000 :] = np.roll(played, leap)[4 * 8000 :]
    meter = EchoMeter(8000)
    behind = echo.copy()
    behind[: 4 * 8000] = 0
    _scores(meter, echo[: 4 * 8000], played[: 4 * 8000], echo[: 4 * 8000])
    before_ms = meter.delay_ms
    assert before_ms is not None
    scores = _scores(meter, echo, told, behind)
    assert _share(scores) > 0.95
    assert _share(scores[:4]) >= 0.5
    assert meter.delay_ms == pytest.approx(before_ms - leap_ms, abs=2)


def test_the_lines_noise_between_the_words_of_a_soft_echo_is_nobodys() -> None:
    played = _voice(8, 1)
    for at in range(2 * 8000, 8 * 8000, 8000):
        played[at : at + 4000] = 0
    echo = _come_back(played, 200, 32)
    meter = EchoMeter(8000)
    everything = np.ones_like(echo)
    assert _share(_scores(meter, echo, played, everything)) > 0.9


def test_other_rates() -> None:
    played = _voice(4, 1, 16000)
    echo = _come_back(played, 100, 15, rate_hz=16000)
    meter = EchoMeter(16000)
    assert _share(_scores(meter, echo, played, echo, 16000)) > 0.9
    assert meter.delay_ms == pytest.approx(100, abs=6)
    with pytest.raises(ValueError, match="11025"):
        EchoMeter(11025)


@pytest.mark.parametrize(
    ("inbound", "reference"),
    [
        (b"", b""),
        (bytes(8192), bytes(19200)),
        (b"\x00", b"\xff\x7f" * 9600),
        (b"\xff\x7f" * 4096, bytes(19200)),
        (b"\xff\x7f" * 4096, b"\xff\x7f" * 9600),
        (b"\x00\x80\xff\x7f" * 50_000, b"\xff\x7f\x00\x80" * 3),
        (b"\x01\x00" * 7, b"\x01\x00\x02" * 21),
    ],
)
def test_any_bytes_have_a_score(inbound: bytes, reference: bytes) -> None:
    meter = EchoMeter(8000)
    for _ in range(9):
        assert 0.0 <= meter.score(inbound, reference) <= 1.0
