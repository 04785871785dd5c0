"""SpeechAudio: recorded speeches by their text, and their sound, cut out of what the caller heard. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from agent.audio.resample import StreamResampler
from agent.line import WordEnd
from agent.tts.base import SpeechChunk
from telephony.replay.recorded import Recorded, RecordedSpeech

#: One clause or phrase that lasts longer is damage (agent/completions.py, MAX_REPLY_CHARS); the rest of it is left out.
LONGEST_S = 600


class SpeechAudio:
    """Of one record. Sound is PCM16 mono at the voice's rate, silent where it was not heard."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._starts = sorted({each.heard_ms for each in recorded.speeches if each.heard_ms is not None})

    def best(self, text: str) -> RecordedSpeech | None:
        """The speech of this text that is known best: to its end, and the most of it heard."""
        alike = [speech for speech in self._recorded.speeches if speech.text == text]
        return max(alike, key=lambda speech: (not speech.cut, self.heard_samples(speech)), default=None)

    def chunks(self, speech: RecordedSpeech) -> Iterator[tuple[float, SpeechChunk]]:
        """(offset in ms, piece) of a speech, each piece with exactly its journaled number of samples."""
        pcm = self._heard(speech)
        at = 0
        for piece in speech.pieces:
            if at + piece.samples > LONGEST_S * self._recorded.voice_hz:
                return
            cut = pcm[2 * at : 2 * (at + piece.samples)]
            yield piece.offset_ms, SpeechChunk(cut.ljust(2 * piece.samples, b"\0"), piece.words)
            at += piece.samples

    def part(self, text: str) -> SpeechChunk | None:
        """The speech of a text that was said as a part of another, from one word's end to another's; None: it was not.

        (What an interruption left unsaid is said anew from the last word that was heard.)
        """
        for speech in self._recorded.speeches:
            start = speech.text.find(text)
            ends = {0: 0, **_word_ends(speech)}
            before, end = len(speech.text[: max(0, start)].rstrip()), start + len(text.rstrip())
            if start < 0 or speech.cut or before not in ends or end not in ends or ends[before] >= ends[end]:
                continue
            first, last = ends[before], ends[end]
            if last - first > LONGEST_S * self._recorded.voice_hz:
                continue
            pcm = self._heard(speech)[2 * first : 2 * last].ljust(2 * (last - first), b"\0")
            words = tuple(
                WordEnd(sample - first, chars - start) for chars, sample in ends.items() if before < chars <= end
            )
            return SpeechChunk(pcm, words)
        return None

    def heard_samples(self, speech: RecordedSpeech) -> int:
        """How many samples of the recording are this speech: up to the next one, and no more than it has."""
        recorded = self._recorded
        if recorded.heard is None or speech.heard_ms is None:
            return 0
        wanted = -(-_samples(speech) * recorded.rate_hz // recorded.voice_hz)
        later = next((start for start in self._starts if start > speech.heard_ms), None)
        if later is not None:
            wanted = min(wanted, (later - speech.heard_ms) * recorded.rate_hz // 1000)
        return min(wanted, max(0, len(recorded.heard) // 2 - speech.heard_ms * recorded.rate_hz // 1000))

    def _heard(self, speech: RecordedSpeech) -> bytes:
        """What was heard of it, from its first sample on; it may be shorter than the speech."""
        recorded = self._recorded
        count = self.heard_samples(speech)
        if not count or recorded.heard is None or speech.heard_ms is None:
            return b""
        at = 2 * (speech.heard_ms * recorded.rate_hz // 1000)
        resampler = StreamResampler(recorded.rate_hz, recorded.voice_hz)
        pcm = resampler.push(recorded.heard[at : at + 2 * count]) + resampler.flush()
        return pcm[: 2 * _samples(speech)]


def _samples(speech: RecordedSpeech) -> int:
    return sum(piece.samples for piece in speech.pieces)


def _word_ends(speech: RecordedSpeech) -> dict[int, int]:
    """chars -> the sample, of the whole speech, by which so much of the text had been said."""
    starts = accumulate((piece.samples for piece in speech.pieces), initial=0)
    return {
        word.chars: start + word.sample
        for start, piece in zip(starts, speech.pieces, strict=False)
        for word in piece.words
    }
