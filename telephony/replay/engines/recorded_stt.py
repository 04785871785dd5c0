"""RecordedStt: the recogniser of a recorded call - it hears what was heard then where the caller now speaks."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.audio.resample import StreamResampler
from agent.context import CallContext
from agent.ear import PREROLL_MS
from agent.errors import EngineError
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.base import Partial, Transcript
from telephony.replay.engines.embedded import Embedded
from telephony.replay.engines.facts import decided_turns
from telephony.replay.engines.recorded_partials import Due, RecordedPartials
from telephony.replay.engines.serving import Serving
from telephony.replay.judging.outcome import UNWEIGHED
from telephony.replay.recorded import RecordedUtterance

#: An utterance begins when the gate has opened; so much speech lies before that.
OPENING_MS = 96
#: Recorded times are those of windows (32 ms) and frames (20 ms): less than this is no difference.
SLACK_MS = 52


class RecordedStt:
    """Its rate is the line's, so that it hears what was hashed then.

    What a new utterance hears: the recorded ones whose speech it overlaps, in order. One of which it has only a part
    gives the words of the last partial text that came before the cut, and the part after it gives the other words.
    """

    remote = False

    def __init__(self, serving: Serving, embedded: Embedded) -> None:
        recorded = serving.recorded
        self.name = recorded.engines.get("stt", "recorded")
        self.rate_hz = recorded.rate_hz
        self._serving = serving
        self._embedded = embedded

    async def start(self) -> None:
        """Nothing to load."""

    def call(self, ctx: CallContext, line_hz: int = 8000) -> RecordedSttCall:
        """An ear; there is one call only."""
        return RecordedSttCall(self._serving, self._embedded, ctx, line_hz, self.rate_hz)

    async def close(self) -> None:
        await self._embedded.close()


class RecordedSttCall:
    """One call's ear. It remembers which words it has given."""

    def __init__(self, serving: Serving, embedded: Embedded, ctx: CallContext, line_hz: int, rate_hz: int) -> None:
        self.serving = serving
        self.embedded = embedded
        self.ctx = ctx
        self.line_hz = line_hz
        self.rate_hz = rate_hz
        self.words_given: dict[int, int] = {}  # by index of the recorded utterance
        self.whole: set[int] = set()  # those that were given to their end
        self.by_hash: dict[str, list[int]] = {}
        self._decided = decided_turns(serving.recorded.events)
        for index, utterance in enumerate(serving.recorded.utterances):
            if utterance.input_hash:
                self.by_hash.setdefault(utterance.input_hash, []).append(index)

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> RecordedSttUtterance:
        """Start hearing what the recording has here."""
        return RecordedSttUtterance(self, on_partial)

    async def close(self) -> None:
        """Nothing to let go of."""

    def asked(self, utterance: RecordedUtterance) -> bool:
        """Whether anybody waited for its text then, and for how it ended."""
        reason = self._decided.get(utterance.turn)
        return reason is not None and reason not in UNWEIGHED

    def understood(self, utterance: RecordedUtterance) -> None:
        """It is what is answered from now on; but for what was rejected then, which nobody answered."""
        if not self._decided.get(utterance.turn):
            self.serving.understood(utterance)

    def open_at_the_end(self, utterance: RecordedUtterance) -> bool:
        """Whether the record ended before its text was there."""
        return utterance.failed and utterance.turn not in self._decided


@dataclass(frozen=True, slots=True)
class _Found:
    """Words of recorded utterances; `how` they were found."""

    how: str
    text: str
    confidence: float | None


class RecordedSttUtterance:
    """One new stretch of speech."""

    def __init__(self, call: RecordedSttCall, on_partial: Callable[[Partial], None]) -> None:
        self._call = call
        self._serving = call.serving
        self._on_partial = on_partial
        self._began_ms = self._serving.now_ms()
        # By the audio: where it came late, media time is ahead of it, and may be so by more than all of what was said.
        self._from_ms = self._serving.audio_ms() - OPENING_MS
        self._heard_to_ms = self._serving.audio_ms()
        self._hash = hashlib.sha256()
        self._kept: list[bytes] = []
        self._keeps = call.serving.plan.missing == "embedded"
        self._over = False
        self._partials = RecordedPartials(self._serving, self._recorded_partials(), self._began_ms, on_partial)

    def push(self, pcm: bytes) -> None:
        """The audio is hashed; where the record ends it is needed itself."""
        if self._over:
            return
        self._heard_to_ms = self._serving.audio_ms()
        self._hash.update(pcm)
        if self._keeps:
            self._kept.append(pcm)
        self._partials.heard()

    async def final(self) -> Transcript:
        """What was understood then. Raises EngineError where nothing was, Diverged where the record has nothing."""
        call, serving = self._call, self._serving
        if self._partials.shown is not None:
            call.understood(self._partials.shown)
        try:
            covered = self._covered()
            alike = self._alike(covered)  # late audio may have left another one's beginning where this one ends
            heard = [alike] if alike is not None else covered
            utterances = [serving.recorded.utterances[index] for index in heard]
            if utterances and call.open_at_the_end(utterances[-1]):
                await asyncio.sleep(max(0, serving.recorded.ended_ms - serving.now_ms()) / 1000 + SLACK_MS / 1000)
            elif utterances:
                await asyncio.sleep(max(0.0, utterances[-1].final_delay_ms) / 1000)
            same = self._by_hash(covered)
            found = same if same is not None else self._by_time(covered)
            if found is None:
                return await self._heard_anew(utterances)
            serving.served[f"stt: {found.how}"] += 1
            return Transcript(found.text, found.confidence)
        finally:
            self._end()

    async def cancel(self) -> None:
        self._end()

    def _end(self) -> None:
        self._over = True
        self._kept.clear()
        self._partials.end()

    # --- what was heard here then

    def _covered(self) -> list[int]:
        """The recorded utterances with speech within this one, but for those that were given to their end."""
        here = self._serving.overlapping(self._from_ms, self._heard_to_ms)
        return [index for index in here if index not in self._call.whole]

    def _alike(self, covered: list[int]) -> int | None:
        """The same audio to the sample: here, or, where nothing else was heard here, wherever it was not given yet.

        Where the line has another rate, that cannot be seen.
        """
        if self._call.line_hz != self._call.rate_hz:
            return None
        alike = self._call.by_hash.get(self._hash.hexdigest()[:16], [])
        here = (index for index in alike if (index in covered if covered else index not in self._call.whole))
        return next(here, None)

    def _by_hash(self, covered: list[int]) -> _Found | None:
        index = self._alike(covered)
        if index is None:
            return None
        utterance = self._serving.recorded.utterances[index]
        self._give(index, len(utterance.text.split()), whole=True)
        return _Found("hash", utterance.text, utterance.confidence)

    def _by_time(self, covered: list[int]) -> _Found | None:
        to_ms = self._heard_to_ms
        texts: list[str] = []
        confidence: list[float | None] = []
        how = "time"
        for index in covered:
            utterance = self._serving.recorded.utterances[index]
            if utterance.failed and self._call.asked(utterance):
                name = self._serving.recorded.engines.get("stt", "recorded")
                raise EngineError(f'engine "{name}": no final text, as in the record')
            words, part = self._words(index, utterance, to_ms)
            if words is None:
                return None
            how = "part" if part else how
            texts += words
            confidence.append(utterance.confidence)
        if not covered:
            return None
        known = [each for each in confidence if each is not None]
        return _Found(how, " ".join(texts), min(known) if known else None)

    def _words(self, index: int, utterance: RecordedUtterance, to_ms: int) -> tuple[list[str] | None, bool]:
        """This utterance's share of a recorded one's words, and whether it is only a part; None: not known."""
        began_late = self._from_ms - utterance.speech_start_ms > PREROLL_MS
        given = self._call.words_given.get(index)
        part = utterance.failed or given is not None or began_late
        if given is None:
            given = len(_latest(utterance, self._from_ms).split()) if began_late else 0
        cut = utterance.speech_end_ms > to_ms + SLACK_MS
        if cut or utterance.failed:  # of a failed one the partial texts are all there is
            words = _latest(utterance, to_ms if cut else utterance.ended_ms).split()
            if utterance.failed and not words:
                return None, True
        else:
            words = utterance.text.split()
        self._give(index, max(given, len(words)), whole=not cut)
        return words[given:], cut or part

    def _give(self, index: int, words: int, *, whole: bool) -> None:
        self._call.words_given[index] = words
        if whole:
            self._call.whole.add(index)
        if words:
            self._call.understood(self._serving.recorded.utterances[index])

    async def _heard_anew(self, utterances: list[RecordedUtterance]) -> Transcript:
        """The record has nothing here: the agent's own recogniser hears the audio, all at once, or the run ends."""
        now_ms = self._serving.now_ms()
        before = [each.turn for each in self._serving.recorded.utterances if each.speech_start_ms < self._from_ms]
        turn = utterances[0].turn if utterances else max(before, default=0) + 1
        engine = await self._call.embedded.get(f"speech at {now_ms} ms was not recognised in the record", turn)
        resampler = StreamResampler(self._call.rate_hz, engine.rate_hz)
        ear = engine.call(self._call.ctx, self._call.line_hz)
        try:
            utterance = ear.begin(self._on_partial)
            try:
                utterance.push(resampler.push(b"".join(self._kept)))
                transcript: Transcript = await utterance.final()
            finally:
                await utterance.cancel()
        finally:
            await ear.close()
        return transcript

    def _recorded_partials(self) -> Iterator[Due]:
        """The partial texts of all that may lie in this one."""
        before: list[str] = []
        given = self._call.words_given
        for index, utterance in enumerate(self._serving.recorded.utterances):
            if utterance.speech_end_ms < self._from_ms or index in self._call.whole:
                continue
            for partial in utterance.partials:
                rest = " ".join(partial.text.split()[given[index] :]) if index in given else partial.text
                if partial.at_ms >= self._began_ms and rest:
                    joined = " ".join([*before, rest])
                    stable = len(joined) - max(0, len(partial.text) - partial.stable_chars)
                    yield Due(utterance, partial, Partial(joined, max(0, stable)))
            before.append(utterance.text)


def _latest(utterance: RecordedUtterance, to_ms: int) -> str:
    """What the last partial text said that came by then."""
    texts = [partial.text for partial in utterance.partials if partial.at_ms <= to_ms]
    return texts[-1] if texts else ""
