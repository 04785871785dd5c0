"""The playout ledger: what the caller has HEARD - audio queued, sent, played, cleared, tied to its text. Pure.

One ordered stream of samples runs through the ledger; an offset is a sample's place in it, from the start of the call.

    queue() ->  [ unsent ]  -> send() ->  [ on its way ]  -> the play head ->  [ heard ]

The play head is a straight line through an ANCHOR (media time, offset), never beyond what was sent. A returned mark is
the best anchor: marks and media share one ordered socket, so the media time at a mark's arrival is the far end's time
of playing, to one frame. Before the first mark of a run the head starts at the send, plus the lag that earlier marks
taught. A mark proves playing only if it came back before the `clear` of its generation, because Twilio answers a clear
by returning ALL pending marks (telephony-facts A5); names carry the generation, and late ones are ignored.

What is taken back leaves the ledger as by a clear, and is queued again as new audio, at new offsets: a word counts once
however often its sound was played, because characters of an utterance only grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from agent.audio.recent import RecentAudio, Stretch
from agent.line import Heard, MarksLost, PlayoutDone, PlayoutStarted, TakenBack, TextSpan, WordEnd

#: A mark overdue by this long will not come: a peer that is merely slow returns it within a network stall.
MARK_GRACE_MS = 1000
#: What a run's first mark may teach about the way to the far end; more than this was a stall, not the way.
MAX_LAG_MS = 400
#: Heard audio is handed out this late, so that the marks of its run have corrected where it stands.
SETTLE_MS = 500
#: Two pieces whose places differ by less than this are one sound: marks come on the 20 ms grid of inbound frames.
JOIN_MS = 60
#: Words are remembered this far behind the head where no marks prove them heard.
KEEP_WORDS_MS = 60_000
#: Audio is kept this far behind the head: what `playing` tells, and where a word broken off begins. Twice what is
#: needed, because the head leaps over what is cleared.
KEEP_AUDIO_MS = 3000
#: Speech that was broken off goes back to the end of the last heard word; but where that lies further back than any
#: word is long (a voice that tells no word times), only so little from where it was broken off:
LONGEST_WORD_MS = 1500
BACK_MS = 75
#: So much of what was heard stands before what is taken back: a fade-in falls on it, not on the next word's onset.
RUN_IN_MS = 25

PlayoutEvent = PlayoutStarted | PlayoutDone | MarksLost


@dataclass(slots=True)
class _Anchor:
    media_ms: float
    offset: int


@dataclass(slots=True)
class _Word:
    offset: int
    utterance: int
    chars: int


@dataclass(slots=True)
class _Run:
    """Audio that plays without a gap: it starts when something is sent to a far end that has run dry."""

    start: int
    sent_ms: int
    announced: bool = False


class PlayoutLedger:
    """The one owner of "what has the caller heard". Offsets in samples at `rate_hz`; times in media milliseconds."""

    def __init__(self, rate_hz: int) -> None:
        self._per_ms = rate_hz // 1000
        self._generation = 1
        self._unsent: deque[bytes] = deque()
        self._recent = RecentAudio(rate_hz)
        self._queued = 0  # offset after everything queued
        self._sent = 0  # offset after everything sent
        self._confirmed = 0  # offset proved by a mark
        self._floor = 0  # nothing before this can still be playing: the last clear, or the far end ran dry
        self._empty = True  # after a clear nothing plays until something is sent
        self._anchor = _Anchor(0.0, 0)
        self._lag_ms = 0.0
        self._run = _Run(0, 0, announced=True)
        self._marks: deque[int] = deque()
        self._marks_lost = False
        self._marks_seen = False
        self._done = True
        self._words: deque[_Word] = deque()
        self._last_word = 0  # where the last word ended of those that need no more looking at
        self._cut = 0  # where the last clear left off: what was before it is not said again
        self._stretch = 0  # from here on the present anchor holds
        self._parts: deque[tuple[int, int]] = deque()  # (offset, utterance) wherever another utterance begins
        self._first_offset: dict[int, int] = {}
        self._chars: dict[int, int] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self._on_the_way: deque[tuple[int, bytes]] = deque()
        self._settled: deque[tuple[int, bytes]] = deque()
        self._settled_end_ms = 0

    # --- the agent's side -------------------------------------------------------------------------------------------

    def queue(self, pcm: bytes, span: TextSpan) -> None:
        """Take PCM16 behind what is queued; `span` says which words end where in it."""
        self._first_offset.setdefault(span.utterance, self._queued)
        if not self._parts or self._parts[-1][1] != span.utterance:
            self._begin_part(span.utterance)
        for word in span.words:
            self._words.append(_Word(self._queued + word.sample, span.utterance, word.chars))
        if not pcm:
            return
        self._unsent.append(pcm)
        self._queued += len(pcm) // 2
        self._done = False

    def unsent_ms(self) -> int:
        """How much waits to be sent; a part of a millisecond counts as one."""
        return -((self._sent - self._queued) // self._per_ms)

    @property
    def marks_seen(self) -> bool:
        """Whether the far end has ever returned a mark."""
        return self._marks_seen

    @property
    def way_ms(self) -> int:
        """What the way to the far end and back takes, as marks have taught: the play head is seen so late."""
        return int(self._lag_ms)

    def lead_ms(self, media_ms: int) -> int:
        """How far what was sent runs ahead of the play head."""
        return (self._sent - self._head(media_ms)) // self._per_ms

    def pending_ms(self, media_ms: int) -> int:
        """How much of what was queued is not yet heard."""
        return (self._queued - self._head(media_ms)) // self._per_ms

    def send(self, limit_ms: int, media_ms: int) -> bytes:
        """Move up to `limit_ms` of audio from unsent to sent, and return it (b"" when there is none)."""
        room = limit_ms * self._per_ms * 2
        parts: list[bytes] = []
        while self._unsent and room > 0:
            pcm = self._unsent.popleft()
            if len(pcm) > room:
                self._unsent.appendleft(pcm[room:])
                pcm = pcm[:room]
            parts.append(pcm)
            room -= len(pcm)
        pcm = parts[0] if len(parts) == 1 else b"".join(parts)
        if pcm:
            head = self._head(media_ms)
            if head >= self._sent:
                self._start_run(media_ms)
            self._on_the_way.append((self._sent, pcm))
            self._recent.add(self._sent, pcm, head - KEEP_AUDIO_MS * self._per_ms)
            self._sent += len(pcm) // 2
        return pcm

    def mark(self) -> str:
        """A name for a mark to be sent behind everything sent so far."""
        self._marks.append(self._sent)
        return self._name(self._sent)

    def clear(self, media_ms: int) -> Heard:
        """Everything unheard is gone, sent or not: the far end is being told so now."""
        heard = self.heard(media_ms)
        head = self._head(media_ms)
        self._end_stretch(self._head(media_ms + self._lag_ms), media_ms)  # the far end plays on until it is told
        self._generation += 1
        self._unsent.clear()
        self._marks.clear()
        self._chars, self._spans = dict(heard.chars), dict(heard.spans)
        self._words.clear()
        self._settle_until(head)  # the rest of what is on the way was never heard
        self._on_the_way.clear()
        self._empty = True
        self._run.announced = True  # or never will be
        self._queued = self._floor = self._confirmed = self._cut = self._last_word = self._sent
        self._parts.clear()
        # What nothing was heard of begins anew if it is queued again.
        self._first_offset = {said: at for said, at in self._first_offset.items() if said in self._spans}
        self._done = True
        return heard

    def take_back(self, media_ms: int) -> TakenBack:
        """As `clear`; and everything unheard, from the end of the last heard word on, to be queued again perhaps."""
        self._prove_words(head := self._head(media_ms), media_ms)
        start, run_in = self._broken_off(head)
        rest = tuple(self._pieces(start - run_in, head)) if head < self._queued else ()
        return TakenBack(self.clear(media_ms), rest, run_in // self._per_ms if rest else 0)

    # --- the far side -----------------------------------------------------------------------------------------------

    def returned(self, name: str, media_ms: int) -> None:
        """A mark came back. Names that are not of this generation, or not ours, prove nothing."""
        offset_text = name.partition(":")[2]
        if not offset_text.isdecimal() or len(offset_text) > 15:
            return
        offset = int(offset_text)
        if name != self._name(offset) or offset not in self._marks or offset <= self._confirmed:
            return
        while self._marks and self._marks[0] <= offset:
            self._marks.popleft()
        self._settle_until(self._confirmed)  # by the mark that proved it: the far end may have run dry since
        late_ms = media_ms - self._time_of(offset)
        if self._confirmed <= self._run.start < offset:  # the first mark of its run teaches the lag
            self._lag_ms = min(max(0.0, self._lag_ms + late_ms), MAX_LAG_MS)
        elif late_ms > JOIN_MS:  # there was a hole: what was proved before it stays where it was
            self._end_stretch(self._confirmed, media_ms)
        if offset > self._run.start or late_ms > 0:  # a mark of the run before can only put the next one off
            self._anchor = _Anchor(float(media_ms), offset)
        self._confirmed = offset
        self._marks_seen = True
        self._marks_lost = False

    def advance(self, media_ms: int) -> Iterator[PlayoutEvent]:
        """Media time has come to `media_ms`: what follows from it."""
        if self._done and not self._marks:
            return
        if not self._marks_lost and self._marks:
            owed_ms = media_ms - self._time_of(self._marks[0])
            if owed_ms > MARK_GRACE_MS:
                self._marks_lost = True
                yield MarksLost(media_ms, int(owed_ms))
        if not self._run.announced:
            started_ms = round(self._time_of(self._run.start))
            if self._confirmed > self._run.start or (self._marks_lost and media_ms >= started_ms):
                self._run.announced = True
                yield PlayoutStarted(started_ms, self._run.sent_ms)
        if self._finished(media_ms):
            self._done = True
            if self._marks_lost:
                self._marks.clear()
            yield PlayoutDone(self.heard(media_ms))

    # --- the truth --------------------------------------------------------------------------------------------------

    def heard(self, media_ms: int) -> Heard:
        """What the caller has heard at `media_ms`. A word is heard when its end was played."""
        head = self._head(media_ms)
        self._prove_words(head, media_ms)
        chars, spans = dict(self._chars), dict(self._spans)
        for word in self._words:
            if word.offset > head:
                break
            self._count(word, chars, spans, media_ms)
        return Heard(
            media_ms=media_ms,
            position_ms=head // self._per_ms,
            confirmed_ms=self._confirmed // self._per_ms,
            uncertainty_ms=max(0, head - self._confirmed) // self._per_ms,
            basis="mark" if self._marks_seen and not self._marks_lost else "clock",
            chars=chars,
            spans=spans,
        )

    def playing(self, from_ms: int, to_ms: int) -> bytes:
        """What the far end hears between two media times, as the marks say now: PCM16, silence where there is nothing.

        Of what was cleared, the part counts that was played until the far end was told. Kept for KEEP_AUDIO_MS.
        """
        present = None if self._empty else Stretch(self._stretch, self._sent, self._time_of(self._stretch))
        return self._recent.between(from_ms, to_ms, present)

    def settle(self, media_ms: int, *, all_of_it: bool = False) -> Iterator[tuple[int, bytes]]:
        """Audio whose place is settled, as (media time, PCM16): ascending, never overlapping, in whole milliseconds.

        With `all_of_it` (the call is over) nothing is held back that was heard by `media_ms`.
        """
        if self._on_the_way:
            self._settle_until(self._head(media_ms if all_of_it else media_ms - SETTLE_MS))
        while self._settled:
            yield self._settled.popleft()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _name(self, offset: int) -> str:
        return f"{self._generation}:{offset}"

    def _head(self, media_ms: float) -> int:
        if self._empty:
            return self._sent
        ahead = int((media_ms - self._anchor.media_ms) * self._per_ms)
        return max(self._floor, min(self._sent, self._anchor.offset + ahead))

    def _time_of(self, offset: int) -> float:
        return self._anchor.media_ms + (offset - self._anchor.offset) / self._per_ms

    def _start_run(self, media_ms: int) -> None:
        self._settle_until(self._sent)  # by the old anchor: it has all been played
        self._end_stretch(self._sent, media_ms)
        self._stretch = self._sent
        self._empty = False
        self._floor = self._sent
        self._run = _Run(self._sent, media_ms)
        self._anchor = _Anchor(media_ms + self._lag_ms, self._sent)

    def _end_stretch(self, end: int, media_ms: int) -> None:
        """The anchor that held until now placed what is before offset `end`; behind it, another will."""
        if not self._empty and end > self._stretch:
            stretch = Stretch(self._stretch, end, self._time_of(self._stretch))
            self._recent.heard(stretch, media_ms - KEEP_AUDIO_MS)
            self._stretch = end

    def _begin_part(self, utterance: int) -> None:
        kept = self._sent - KEEP_AUDIO_MS * self._per_ms
        while len(self._parts) > 1 and self._parts[1][0] <= kept:
            self._parts.popleft()
        self._parts.append((self._queued, utterance))

    def _broken_off(self, head: int) -> tuple[int, int]:
        """Where what is broken off at `head` is taken up again, and how many samples of run-in there are before it."""
        part = max((offset for offset, _ in self._parts if offset <= head), default=self._cut)
        heard = [word.offset for word in self._words if word.offset <= head]
        start = max(self._cut, part, self._last_word, *heard[-1:])
        if head - start > LONGEST_WORD_MS * self._per_ms:
            start = head - BACK_MS * self._per_ms
        run_in = min(RUN_IN_MS * self._per_ms, start - max(part, self._cut))
        return start, run_in - run_in % self._per_ms

    def _pieces(self, start: int, head: int) -> Iterator[tuple[bytes, TextSpan]]:
        """Everything from offset `start` on, by utterance, with the words that end behind `head`."""
        pcm = self._recent.cut(start, self._sent) + b"".join(self._unsent)
        words = [word for word in self._words if word.offset > head]
        begun = [part for part in self._parts if part[0] <= start]
        parts = [(start, begun[-1][1] if begun else 0), *(part for part in self._parts if part[0] > start)]
        for (first, utterance), (end, _) in pairwise([*parts, (self._queued, 0)]):
            mine = [word for word in words if word.utterance == utterance and word.offset <= end]
            words = [word for word in words if word.utterance != utterance or word.offset > end]
            ends = tuple(WordEnd(word.offset - first, word.chars) for word in mine)
            yield pcm[2 * (first - start) : 2 * (end - start)], TextSpan(utterance, ends)

    def _finished(self, media_ms: int) -> bool:
        if self._done or self._unsent:
            return False
        if self._confirmed >= self._sent:
            return True
        return self._marks_lost and media_ms >= self._time_of(self._sent)

    def _prove_words(self, head: int, media_ms: int) -> None:
        """Words behind the proof (or long behind the head) need no more looking at."""
        limit = max(self._confirmed, head - KEEP_WORDS_MS * self._per_ms)
        while self._words and self._words[0].offset <= limit:
            word = self._words.popleft()
            self._last_word = word.offset
            self._count(word, self._chars, self._spans, media_ms)

    def _count(self, word: _Word, chars: dict[int, int], spans: dict[int, tuple[int, int]], media_ms: int) -> None:
        """The word has been heard by `media_ms`. Stalls move the anchor; no word ends before its utterance began."""
        chars[word.utterance] = max(word.chars, chars.get(word.utterance, 0))
        began = spans.get(word.utterance)
        start_ms = began[0] if began else max(0, round(self._time_of(self._first_offset[word.utterance])))
        end_ms = min(round(self._time_of(word.offset)), media_ms)
        spans[word.utterance] = (min(start_ms, end_ms), end_ms)

    def _settle_until(self, until: int) -> None:
        """Place what was played before offset `until`, by the anchor that holds now."""
        while self._on_the_way and self._on_the_way[0][0] < until:
            start, pcm = self._on_the_way.popleft()
            samples = len(pcm) // 2
            if start + samples > until:
                samples = (until - start) - (until - start) % self._per_ms
                self._on_the_way.appendleft((start + samples, pcm[2 * samples :]))
                if not samples:
                    return
                pcm = pcm[: 2 * samples]
            elif (tail := samples % self._per_ms) and self._on_the_way:
                samples -= tail  # a part of a millisecond goes with the next piece: no hole in between
                following = self._on_the_way.popleft()[1]
                self._on_the_way.appendleft((start + samples, pcm[2 * samples :] + following))
                pcm = pcm[: 2 * samples]
            if samples:
                self._settled.append((self._place(start, samples), pcm))

    def _place(self, start: int, samples: int) -> int:
        place = round(self._time_of(start))
        if place < self._settled_end_ms + (JOIN_MS if self._settled_end_ms else 0):  # the first joins nothing
            place = self._settled_end_ms
        self._settled_end_ms = place + -(-samples // self._per_ms)
        return place
