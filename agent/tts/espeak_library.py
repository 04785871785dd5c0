"""EspeakLibrary: the espeak-ng shared library as Python sees it - one per process, one synthesis at a time."""

from __future__ import annotations

import _ctypes
import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent.errors import EngineError, LocalError, MissingExtra

#: Audio per callback. Short, so that the first piece comes early and a cancelled synthesis ends soon.
_SLICE_MS = 50
#: espeak-ng's own output rate, with every voice it carries.
LIBRARY_RATE_HZ = 22050
#: Of 100. At 100, loud vowels reach full scale. At 60 the voices en-us, en, en-us+f2, en-us+m3 measure -21 to -23 dBFS
#: active and peak at -4.5 to -5 dBFS in the telephone's band: where speech on a phone belongs (telephony-facts I5).
_VOLUME = 60

# From speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE, _PARAMETER_VOLUME, _PARAMETER_PITCH = 1, 2, 3
_EVENT_END, _EVENT_WORD = 0, 1


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice by espeak-ng's name, e.g. "en-us+f2"; words a minute; pitch 0..99."""

    name: str
    rate_wpm: int
    pitch: int


@dataclass(frozen=True, slots=True)
class WordStart:
    """At `sample` (of 22.05 kHz, since the text's start) the sound of the word at character `chars` begins."""

    sample: int
    chars: int


@dataclass(slots=True)
class Synthesis:
    """One text being spoken. `take(samples, word_starts)` runs in the synthesising thread, slice by slice."""

    text: str
    voice: Voice
    take: Callable[[NDArray[np.int16], list[WordStart]], None]
    cancelled: bool = False


class EspeakLibrary:
    """Use `EspeakLibrary.get()`. All methods may be called from any thread; they wait for one another."""

    _only: ClassVar[EspeakLibrary | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, library: Any, version: str) -> None:
        self._library = library
        self.version = version
        self._voice: Voice | None = None
        self._current: Synthesis | None = None
        self._failed: Exception | None = None
        self._callback = _Callback(self._on_slice)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    @classmethod
    def get(cls) -> EspeakLibrary:
        """The process's library, loaded at the first call. Raises MissingExtra or LocalError."""
        with cls._lock:
            if cls._only is None:
                cls._only = cls(*_load())
            return cls._only

    def rewind(self) -> None:
        """Begin as in a new process (1.3 ms): what is spoken from here on is the same samples every time.

        The flutter's place is a static variable that espeak_Terminate leaves as it is; only unloading resets it.
        """
        with self._lock:
            self._library.espeak_Terminate()
            _ctypes.dlclose(self._library._handle)
            self._library, self.version = _load()
            self._library.espeak_SetSynthCallback(self._callback)
            self._voice = None

    def try_voice(self, voice: Voice) -> str:
        """ "" if the voice can be used, else what is missing."""
        with self._lock:
            return self._set_voice(voice)

    def speak(self, synthesis: Synthesis) -> None:
        """Speak a whole text; blocking (about 1 ms per second of speech). Raises EngineError."""
        with self._lock:
            if synthesis.cancelled:
                return
            missing = self._set_voice(synthesis.voice)
            if missing:
                raise EngineError(f"espeak-ng has no {missing}")
            data = synthesis.text.replace("\0", " ").encode()
            self._current, self._failed = synthesis, None
            try:
                status = self._library.espeak_Synth(
                    data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
                )
            finally:
                self._current = None
            if self._failed is not None:
                raise self._failed
            if status != 0:
                raise EngineError(f"espeak-ng failed with status {status} on {len(data)} bytes of text")

    def _set_voice(self, voice: Voice) -> str:
        if voice == self._voice:
            return ""
        self._voice = None
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            return f'voice "{voice.name}"'
        for parameter, value in (
            (_PARAMETER_RATE, voice.rate_wpm),
            (_PARAMETER_PITCH, voice.pitch),
            (_PARAMETER_VOLUME, _VOLUME),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._voice = voice
        return ""

    def _on_slice(self, wav: Any, count: int, events: Any) -> int:
        """The library's callback: 0 to go on, 1 to stop. An exception must not cross into C: kept, and raised later."""
        synthesis = self._current
        if synthesis is None or synthesis.cancelled or self._failed is not None:
            return 1
        try:
            words, index = [], 0
            while events[index].type != _EVENT_END:
                if events[index].type == _EVENT_WORD:
                    words.append(WordStart(events[index].sample, events[index].text_position - 1))
                index += 1
            # Copied: the buffer is the library's, and the next slice overwrites it.
            samples = np.ctypeslib.as_array(wav, (count,)).copy() if wav and count > 0 else np.zeros(0, np.int16)
            synthesis.take(samples, words)
        except Exception as error:  # noqa: BLE001 - raised again by speak()
            self._failed = error
            return 1
        return 0


def _load() -> tuple[Any, str]:
    try:
        import espeakng_loader
    except ImportError:
        raise MissingExtra("espeakng-loader (the embedded voice)", "local") from None
    path = espeakng_loader.get_library_path()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise LocalError(f"{path} cannot be loaded ({error}): reinstall espeakng-loader") from None
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    data = espeakng_loader.get_data_path().encode()
    rate_hz = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, _SLICE_MS, data, _INITIALIZE_DONT_EXIT)
    if rate_hz != LIBRARY_RATE_HZ:
        raise LocalError(f"espeak-ng did not start (rate {rate_hz}): reinstall espeakng-loader")
    version = library.espeak_Info(None).decode(errors="replace").split()[0]
    return library, version
