"""The ledger when what it holds is taken back and played again: against the carrier's own record of what it played."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.line import Heard, PlayoutDone, TakenBack, TextSpan, WordEnd
from agent.playout import BACK_MS, LONGEST_WORD_MS, RUN_IN_MS, PlayoutLedger
from telephony.media_stream.messages import Clear
from tests.agent.test_playout import FRAME_MS, NETWORKS, PER_MS, RATE_HZ, SID, Network, Sim, span

Piece = tuple[bytes, TextSpan]


def counted(samples: int, start: int) -> bytes:
    """Samples that count upwards, and are never 0: each tells which it is of 32 000."""
    return b"".join(((start + index) % 32_000 + 1).to_bytes(2, "little") for index in range(samples))


@dataclass
class Copy:
    """One time that a word was queued: its samples in the ledger's stream."""

    utterance: int
    chars: int
    start: int
    end: int


@dataclass
class Retelling(Sim):
    """A Sim whose agent takes back and plays again; it knows every sample that was queued, by offset."""

    stream: bytearray = field(default_factory=bytearray)
    copies: list[Copy] = field(default_factory=list)
    cuts: list[tuple[int, int]] = field(default_factory=list)  # (when, offset that what is sent later begins at)
    at_clears: set[tuple[int, int]] = field(default_factory=set)  # the last word counted, each time
    word_began: int = 0
    heard_chars: dict[int, int] = field(default_factory=dict)
    told: int = 0

    def say(self, audio: bytes, said: TextSpan) -> None:
        for word in said.words:
            end = self.queued + word.sample
            self.copies.append(Copy(said.utterance, word.chars, self.word_began, end))
            self.word_began = end
        self.stream[2 * self.queued :] = audio
        self.ledger.queue(audio, said)
        self.queued += len(audio) // 2
        self.pump()

    def take_back(self) -> TakenBack:
        self.settle()
        before = self.check_words()
        self.heard_chars = dict(before.chars)
        queued, pending_ms = self.queued, self.ledger.pending_ms(self.media_ms)
        taken = self.ledger.take_back(self.media_ms)
        self.settle()
        assert taken.heard == before
        assert self.ledger.pending_ms(self.media_ms) == self.ledger.unsent_ms() == 0
        self._check_rest(taken, queued, pending_ms)
        self.queued = self._settle_offset = self.cleared_at = self.word_began = self.sent
        del self.stream[2 * self.sent :]
        self.copies = [word for word in self.copies if word.end <= self.sent]
        self.unmarked = 0
        self._send(Clear(SID), 0)
        self.cuts.append((self.now, self.sent))
        self.at_clears |= set(sorted(taken.heard.chars.items())[-1:])
        return taken

    def _check_rest(self, taken: TakenBack, queued: int, pending_ms: int) -> None:
        """The rest is the end of what was queued, and no word of it is both heard and in it, or neither."""
        audio = b"".join(pcm for pcm, _ in taken.rest)
        assert audio == self.stream[2 * queued - len(audio) : 2 * queued]
        assert len(audio) // 2 // PER_MS >= pending_ms
        assert bool(taken.rest) == (pending_ms > 0)
        first = queued - len(audio) // 2 + taken.run_in_ms * PER_MS
        pending = [word for word in self.copies if word.end > self.cleared_at and self._unheard(word, taken)]
        assert [(word.utterance, word.chars) for word in pending] == [
            (piece.utterance, word.chars) for _, piece in taken.rest for word in piece.words
        ]
        at = queued - len(audio) // 2
        ends = []
        for pcm, piece in taken.rest:
            assert all(0 <= word.sample <= len(pcm) // 2 for word in piece.words)
            ends += [at + word.sample for word in piece.words]
            at += len(pcm) // 2
        assert ends == [word.end for word in pending], "each word ends where it did"
        head = taken.heard.position_ms * PER_MS
        if pending and head - pending[0].start <= LONGEST_WORD_MS * PER_MS and head > pending[0].start:
            replayed_whole = first == self.cleared_at  # no word of it was heard since: as it was, run-in and all
            assert first == pending[0].start or replayed_whole, "the word broken off is said again whole"

    @staticmethod
    def _unheard(word: Copy, taken: TakenBack) -> bool:
        return word.chars > taken.heard.chars.get(word.utterance, 0)

    def check_words(self) -> Heard:
        """What counted at a clear counts for good; what the ledger reckoned in between, a late mark may correct."""
        heard = self.ledger.heard(self.media_ms)
        for utterance, chars in self.heard_chars.items():
            assert heard.chars[utterance] >= chars, "what was heard does not become unheard"
        return heard

    def played_spans(self) -> list[tuple[int, int]]:
        merged: list[tuple[int, int]] = []
        for _, offset, samples in self.played:
            if merged and merged[-1][1] == offset:
                merged[-1] = (merged[-1][0], offset + samples)
            else:
                merged.append((offset, offset + samples))
        return merged

    def never_played(self) -> set[tuple[int, int]]:
        """The words that count as heard, and of which the far end never played any copy to its end."""
        played = self.played_spans()
        whole = {
            (word.utterance, word.chars)
            for word in self.copies
            if any(start <= word.start and word.end <= end for start, end in played) or word.start == word.end
        }
        heard = self.ledger.heard(self.media_ms).chars
        counts = {(word.utterance, word.chars) for word in self.copies if word.chars <= heard.get(word.utterance, 0)}
        return counts - whole


def utterance_pieces(chance: random.Random, utterance: int, start: int) -> Iterator[Piece]:
    """An utterance of some words, cut into pieces anywhere, as a voice gives it; some voices tell no words."""
    ends, total = [], 0
    for number in range(chance.randint(1, 12)):
        total += chance.choice((90, 250, 400, 800)) * PER_MS + chance.randint(0, 7)
        ends.append((total, 5 * (number + 1)))
    at = 0
    while at < total:
        size = min(total - at, chance.choice((33, 800, 2400, 9000)))
        words = tuple(WordEnd(end - at, chars) for end, chars in ends if at < end <= at + size)
        yield counted(size, start + at), TextSpan(utterance, words)
        at += size


def converse(sim: Retelling, ms: int) -> None:
    """A random agent that is broken off again and again: sometimes it takes up, sometimes it drops the rest."""
    chance = random.Random(sim.seed + 1)
    utterance, until = max((word.utterance for word in sim.copies), default=0), sim.now + ms
    held: list[Piece] | None = None
    while sim.now < until:
        utterance += 1
        while sim.ledger.pending_ms(sim.media_ms) > 2000:  # as the mouth keeps its distance
            sim.run(100)
        for audio, said in list(utterance_pieces(chance, utterance, sim.told)):
            sim.told += len(audio) // 2
            if held is None:
                sim.say(audio, said)
            else:
                held.append((audio, said))
            if chance.random() < 0.3:
                sim.run(chance.choice((1, 20, 150, 700)))
                sim.check_words()
            if held is None and chance.random() < 0.12:
                taken = sim.take_back()
                held = list(taken.rest)
                run_in = taken.run_in_ms
            elif held is not None and chance.random() < 0.4:
                events = len(sim.events)
                sim.run(chance.choice((0, 0, 30, 300, 900)))
                assert not any(isinstance(event, PlayoutDone) for _, event in sim.events[events:])
                sim.word_began = sim.queued + run_in * PER_MS
                for piece in held:
                    sim.say(*piece)
                held = None
            elif held is not None and chance.random() < 0.1:
                held = None  # what is said next does not go on from it: a new utterance
                break
        if held is None:
            sim.word_began = sim.queued


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150), st.integers(0, 150))
def test_a_word_that_counts_was_played_but_for_the_last_before_a_clear(seed: int, up_ms: int, down_ms: int) -> None:
    sim = Retelling(seed, Network((up_ms, up_ms), (down_ms, down_ms)))
    converse(sim, 6000)
    sim.run(6000)
    sim.check_words()
    assert sim.never_played() <= sim.at_clears
    sim.settle(all_of_it=True)
    check_record(sim)
    for when, offset in sim.cuts:
        later = [first for at, first, _ in sim.played if at > when + down_ms + 1]
        assert all(first >= offset for first in later), "heard after the clear, and cleared"


def check_record(sim: Retelling) -> None:
    """The record of what was heard: in order, not overlapping, and each piece as it was queued at its place."""
    end = last = 0
    for media_ms, offset, audio in sim.settled:
        assert media_ms >= end
        assert offset >= last
        end, last = media_ms + -(-len(audio) // (2 * PER_MS)), offset + len(audio) // 2
        assert audio == sim.stream[2 * offset : 2 * offset + len(audio)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), NETWORKS)
def test_whatever_the_network_does_words_count_once_and_the_record_is_in_order(seed: int, network: Network) -> None:
    sim = Retelling(seed, network)
    converse(sim, 5000)
    sim.run(16_000)
    sim.check_words()
    sim.settle(all_of_it=True)
    check_record(sim)
    assert sim.ledger.pending_ms(sim.media_ms) == 0
    for utterance, chars in sim.ledger.heard(sim.media_ms).chars.items():
        assert chars <= max(word.chars for word in sim.copies if word.utterance == utterance)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150), st.integers(0, 150))
def test_what_is_playing_is_known_to_two_frames(seed: int, up_ms: int, down_ms: int) -> None:
    ask_what_is_playing(seed, up_ms, down_ms)


def test_and_most_of_the_time_that_is_asked_about_is_no_edge() -> None:
    assert sum(ask_what_is_playing(seed, 50, 50) for seed in range(3)) > 3 * 6 * 600 / 3


def ask_what_is_playing(seed: int, up_ms: int, down_ms: int) -> int:
    """How many milliseconds could be checked, and were right, of 6 times 600."""
    sim = Retelling(seed, Network((up_ms, up_ms), (down_ms, down_ms)))
    chance = random.Random(seed)
    sim.run(500)
    converse(sim, 2500)  # it has learned the way
    checked = 0
    for _ in range(6):
        converse(sim, 400)
        to_ms = sim.media_ms - chance.randint(0, 900)
        from_ms = to_ms - 600
        told = sim.ledger.playing(from_ms, to_ms)
        assert len(told) == 2 * PER_MS * (to_ms - from_ms)
        sim.run(up_ms + down_ms + 500)  # what the far end plays within that time has come to light
        holes = [gap.gap_ms for gap in sim.carrier.underruns(600)]
        checked += check_playing(sim, from_ms, told, 2 * FRAME_MS + max(holes, default=0.0))
    return checked


def check_playing(sim: Retelling, from_ms: int, told: bytes, within_ms: float) -> int:
    """What was told to be in the midst of speech (or of silence) is what the far end played (or not) within `within_ms`
    of it, unless that was an edge there, or a clear was on its way. Returns how many milliseconds that was."""
    slack, samples, checked = round(within_ms * PER_MS), array("H", told), 0
    for at in range(slack, len(samples) - slack, 5 * PER_MS):
        here = samples[at - slack : at + slack]
        played = played_around(sim, from_ms + at / PER_MS, slack)
        if not near_a_clear(sim, from_ms + at / PER_MS, within_ms) and in_the_midst(here) and in_the_midst(played):
            assert abs(samples[at] - played[slack]) <= slack
            checked += 5
    return checked


def near_a_clear(sim: Retelling, at_ms: float, within_ms: float) -> bool:
    up_ms, down_ms = sim.network.up_ms[0], sim.network.down_ms[0]
    return any(when - up_ms - within_ms < at_ms < when + down_ms + within_ms for when, _ in sim.cuts)


def in_the_midst(samples: array[int]) -> bool:
    return samples[-1] - samples[0] == len(samples) - 1 if samples[0] else not any(samples)


def played_around(sim: Retelling, at_ms: float, slack: int) -> array[int]:
    """What the far end played from `slack` samples before `at_ms` to as many behind."""
    out = array("H", bytes(4 * slack))
    for start_ms, offset, samples in reversed(sim.played):
        first = round((start_ms - at_ms) * PER_MS) + slack  # where the piece begins in `out`
        if first + samples < 0:
            break
        start, end = max(0, first), min(2 * slack, first + samples)
        if start < end:
            out[start:end] = array("H", sim.stream[2 * (offset + start - first) : 2 * (offset + end - first)])
    return out


# --- by table -------------------------------------------------------------------------------------------------------


def ledger_playing(*pieces: tuple[int, TextSpan], sent_ms: int = 10_000) -> PlayoutLedger:
    """A ledger whose far end plays from media time 0 on, without delay; its samples count upwards."""
    ledger, at = PlayoutLedger(RATE_HZ), 0
    for samples, said in pieces:
        ledger.queue(counted(samples, at), said)
        at += samples
    ledger.send(sent_ms, 0)
    return ledger


def rest_of(taken: TakenBack) -> list[tuple[int, TextSpan]]:
    return [(len(pcm) // 2, said) for pcm, said in taken.rest]


def test_the_rest_begins_at_the_end_of_the_last_word_heard_with_a_run_in() -> None:
    ledger = ledger_playing((8000, span(1, (2000, 5), (4000, 9), (8000, 14))), sent_ms=700)
    taken = ledger.take_back(600)
    assert taken.heard.chars == {1: 9}
    assert taken.run_in_ms == RUN_IN_MS
    assert rest_of(taken) == [(4000 + 8 * RUN_IN_MS, span(1, (4000 + 8 * RUN_IN_MS, 14)))]
    assert taken.rest[0][0] == counted(8000, 0)[2 * (4000 - 8 * RUN_IN_MS) :]
    ledger.queue(*taken.rest[0])
    assert ledger.pending_ms(600) == 525
    ledger.send(1000, 700)
    assert ledger.heard(700 + 524).chars == {1: 9}
    assert ledger.heard(700 + 525).chars == {1: 14}
    assert ledger.heard(2000).spans == {1: (0, 1225)}


def test_a_word_whose_last_sample_was_just_played_counts_and_is_not_said_again() -> None:
    ledger = ledger_playing((1600, span(1, (800, 5), (1600, 9))))
    taken = ledger.take_back(100)
    assert taken.heard.chars == {1: 5}
    assert rest_of(taken) == [(800 + 8 * RUN_IN_MS, span(1, (800 + 8 * RUN_IN_MS, 9)))]


def test_what_was_never_begun_comes_back_as_it_is() -> None:
    ledger = ledger_playing((800, span(1, (800, 5))), (800, span(2, (400, 3), (800, 6))))
    taken = ledger.take_back(100)
    assert (taken.heard.chars, taken.run_in_ms) == ({1: 5}, 0)
    assert rest_of(taken) == [(800, span(2, (400, 3), (800, 6)))]
    ledger = ledger_playing((800, span(1, (800, 5))))
    taken = ledger.take_back(0)
    assert rest_of(taken) == [(800, span(1, (800, 5)))]
    ledger.queue(*taken.rest[0])
    ledger.send(100, 5000)
    assert ledger.heard(5100).spans == {1: (5000, 5100)}, "it began when it was played"


def test_where_no_word_ended_lately_it_goes_back_a_little() -> None:
    ledger = ledger_playing((40_000, span(1, (800, 5), (40_000, 90))))
    taken = ledger.take_back(3000)
    ((samples, said),) = rest_of(taken)
    assert samples == 40_000 - 24_000 + 8 * (BACK_MS + RUN_IN_MS)
    assert said == span(1, (samples, 90))
    assert taken.run_in_ms == RUN_IN_MS


def test_utterances_stay_apart_also_where_one_is_put_into_another() -> None:
    ledger = ledger_playing(
        (800, span(3, (800, 5))),
        (800, span(3)),
        (0, span(3, (0, 9))),
        (400, span(4, (0, 1), (400, 6))),
        (0, span(5, (0, 2))),
        (160, span(3, (80, 12))),
    )
    taken = ledger.take_back(150)
    assert taken.heard.chars == {3: 5}
    assert rest_of(taken) == [
        (1000, span(3, (1000, 9))),
        (400, span(4, (0, 1), (400, 6))),
        (0, span(5, (0, 2))),
        (160, span(3, (80, 12))),
    ]
    for piece in taken.rest:
        ledger.queue(*piece)
    assert rest_of(ledger.take_back(150)) == rest_of(taken), "taken back again before any of it was heard"


def test_nothing_is_taken_back_where_all_was_heard_or_nothing_was_queued() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    assert ledger.take_back(0).rest == ()
    ledger = ledger_playing((800, span(1, (800, 5))))
    taken = ledger.take_back(100)
    assert (taken.rest, taken.run_in_ms, taken.heard.chars) == ((), 0, {1: 5})
    assert list(ledger.advance(5000)) == []


def test_silence_is_playing_where_nothing_is() -> None:
    ledger = ledger_playing((1600, span(1)))
    assert ledger.playing(-50, 0) == bytes(800)
    assert ledger.playing(-50, 50) == bytes(800) + counted(400, 0)
    assert ledger.playing(150, 250) == counted(400, 1200) + bytes(800)
    assert ledger.playing(100, 100) == ledger.playing(100, 0) == b""
    ledger.queue(counted(800, 1600), span(2))
    ledger.send(100, 1000)
    assert ledger.playing(150, 1050) == counted(400, 1200) + bytes(16 * 800) + counted(400, 1600)
    ledger.clear(1020)
    assert ledger.playing(1000, 1100) == counted(160, 1600) + bytes(16 * 80), "what was cleared is not heard"
    assert ledger.playing(150, 200) == counted(400, 1200), "the stretch before is known still"


def test_what_is_kept_for_it_is_bounded() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    kept = []
    for number in range(3000):  # pieces of 20 ms, each into silence, each of another utterance
        ledger.queue(bytes(320), span(number, (160, 3)))
        while ledger.send(20, 30 * number):
            pass
        kept.append(len(ledger._recent) + len(ledger._parts))
    assert max(kept[1000:]) <= max(kept[:1000]) <= 500
