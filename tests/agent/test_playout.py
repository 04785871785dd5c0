"""The playout ledger: by table, and against the carrier's buffer over a network that stalls, jitters and forgets."""

import itertools
import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.line import Heard, MarksLost, PlayoutDone, PlayoutStarted, TextSpan, WordEnd
from agent.playout import JOIN_MS, MARK_GRACE_MS, PlayoutEvent, PlayoutLedger
from telephony.media_stream.carrier import CarrierStream
from telephony.media_stream.messages import Clear, FromCarrier, Mark, Media, Play, SendMark, ToCarrier

SID = "MZ1"
RATE_HZ = 8000
PER_MS = 8
#: One inbound frame, and one step of the simulation.
FRAME_MS = 21


def pcm(samples: int, start: int = 0) -> bytes:
    """Samples that know their place: the low byte goes round with the offset, and is what the far end is sent."""
    return b"".join(bytes((index % 251, 0)) for index in range(start, start + samples))


def span(utterance: int, *words: tuple[int, int]) -> TextSpan:
    return TextSpan(utterance, tuple(WordEnd(sample, chars) for sample, chars in words))


# --- the ledger against the carrier ---------------------------------------------------------------------------------


@dataclass
class Network:
    """Delays in ms, drawn per message; one ordered socket each way."""

    up_ms: tuple[int, int] = (10, 10)
    down_ms: tuple[int, int] = (10, 10)
    stall_chance: float = 0.0
    stall_ms: int = 0
    lost_marks: float = 0.0


@dataclass
class Sim:
    """A call in steps of 1 ms: our side is the ledger and a pump as the line's, the far side is CarrierStream."""

    seed: int
    network: Network
    lead_ms: int = 300
    ledger: PlayoutLedger = field(default_factory=lambda: PlayoutLedger(RATE_HZ))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.carrier = CarrierStream(SID, "CA1", "AC1")
        self.carrier.listener = self._on_played
        self.up: deque[tuple[float, FromCarrier]] = deque()
        self.down: deque[tuple[float, ToCarrier, int]] = deque()
        self.now = 0
        self.media_ms = 0
        self.queued = self.sent = 0
        self.buffered: deque[list[int]] = deque()  # at the far end: [offset, samples]
        self.played: list[tuple[float, int, int]] = []  # (start_ms, offset, samples)
        self.events: list[tuple[int, PlayoutEvent]] = []
        self.proofs: list[tuple[int, int]] = []  # (media time of proof, confirmed offset)
        self.cleared_at = 0
        self.settled: list[tuple[int, int, bytes]] = []  # (media time, offset, PCM16)
        self._settle_offset = 0
        self.unmarked = 0
        self.old_marks: list[str] = []
        self.words: dict[int, list[tuple[int, int]]] = {}  # utterance -> (offset, chars)

    # --- our side

    def queue(self, samples: int, utterance: int = 1, words: tuple[tuple[int, int], ...] = ()) -> None:
        self.words.setdefault(utterance, []).extend((self.queued + at, chars) for at, chars in words)
        self.ledger.queue(pcm(samples, self.queued), span(utterance, *words))
        self.queued += samples
        self.pump()

    def pump(self) -> None:
        while self.ledger.unsent_ms() and self._lead_ms() <= self.lead_ms - 100:
            audio = self.ledger.send(self.random.choice((20, 40, 100)), self.media_ms)
            offset, self.sent = self.sent, self.sent + len(audio) // 2
            self._send(Play(SID, audio[::2]), offset)
            self.unmarked += len(audio) // 16
            if self.unmarked >= 200 or not self.ledger.unsent_ms() or self.random.random() < 0.2:
                self.unmarked = 0
                self._send(SendMark(SID, self.ledger.mark()), 0)

    def _lead_ms(self) -> int:
        return self.ledger.lead_ms(self.media_ms + self.ledger.way_ms)

    def clear(self) -> Heard:
        self.settle()
        heard = self.ledger.clear(self.media_ms)
        self.settle()
        self.queued = self._settle_offset = self.cleared_at = self.sent
        self.unmarked = 0
        self._send(Clear(SID), 0)
        return heard

    def settle(self, *, all_of_it: bool = False) -> None:
        for media_ms, audio in self.ledger.settle(self.media_ms, all_of_it=all_of_it):
            self.settled.append((media_ms, self._settle_offset, audio))
            self._settle_offset += len(audio) // 2

    def _send(self, message: ToCarrier, offset: int) -> None:
        due = self.now + self._delay(self.network.down_ms)
        self.down.append((max(due, self.down[-1][0] if self.down else 0), message, offset))

    def _delay(self, bounds: tuple[int, int]) -> int:
        stall = self.network.stall_ms if self.random.random() < self.network.stall_chance else 0
        return self.random.randint(*bounds) + stall

    # --- time

    def run(self, ms: int) -> None:
        for _ in range(ms):
            self.step()

    def step(self) -> None:
        self.now += 1
        while self.down and self.down[0][0] <= self.now:
            _, message, offset = self.down.popleft()
            self._reply(self.carrier.advance(self.now))
            if isinstance(message, Play):
                self.buffered.append([offset, len(message.payload)])
            elif isinstance(message, Clear):
                self.buffered.clear()
            self._reply(self.carrier.receive(message, self.now))
        self._reply(self.carrier.advance(self.now))
        if self.now % 20 == 0:
            self._to_us(self.carrier.caller_audio(b"\xff" * 160, self.now - 20))
        while self.up and self.up[0][0] <= self.now:
            self._on_message(self.up.popleft()[1])

    def _reply(self, marks: list[Mark]) -> None:
        for mark in marks:
            if self.random.random() >= self.network.lost_marks:
                self._to_us(mark)

    def _to_us(self, message: FromCarrier) -> None:
        due = self.now + self._delay(self.network.up_ms)
        self.up.append((max(due, self.up[-1][0] if self.up else 0), message))

    def _on_message(self, message: FromCarrier) -> None:
        if isinstance(message, Media):
            self.media_ms = message.timestamp_ms + 20
            if self.media_ms % 200 == 0:  # as often as the line does it
                self.settle()
        elif isinstance(message, Mark):
            self.ledger.returned(message.name, self.media_ms)
            self.old_marks.append(message.name)
            confirmed = self.ledger.heard(self.media_ms).confirmed_ms * PER_MS
            if confirmed > self.cleared_at:
                self.proofs.append((self.media_ms, confirmed))
                assert confirmed <= self.true_head(self.media_ms + FRAME_MS), "more is proved than was played"
        for event in self.ledger.advance(self.media_ms):
            self.events.append((self.media_ms, event))
        self.pump()

    # --- the truth

    def _on_played(self, start_ms: float, audio: bytes) -> None:
        at, left = start_ms, len(audio)
        while left:
            piece = self.buffered[0]
            samples = min(left, piece[1])
            self.played.append((at, piece[0], samples))
            at, left = at + samples / PER_MS, left - samples
            piece[0], piece[1] = piece[0] + samples, piece[1] - samples
            if not piece[1]:
                self.buffered.popleft()

    def true_head(self, media_ms: float) -> int:
        """How far the far end had played at `media_ms` of its own time."""
        head = 0
        for start, offset, samples in reversed(self.played):
            if start <= media_ms:
                return max(head, offset + min(samples, int((media_ms - start) * PER_MS)))
        return head

    def true_time(self, offset: int) -> float | None:
        """When the sample at `offset` was played; None if it never was."""
        for start, first, samples in reversed(self.played):
            if first <= offset < first + samples:
                return start + (offset - first) / PER_MS
        return None


def talk(sim: Sim, ms: int, *, clears: bool = True) -> None:
    """A random agent: utterances in odd pieces with words in them, pauses, now and then a barge-in."""
    chance = sim.random
    utterance, chars, until = 1, 0, sim.now + ms
    while sim.now < until:
        samples = chance.choice((0, 1, 7, 33, 160, 263, 801, 1600, 4001, 12_345))
        chars += 5
        sim.queue(samples, utterance, ((chance.randint(0, samples), chars),))
        sim.run(chance.choice((0, 1, 5, 20, 60, 150, 700)))
        check(sim)
        if chance.random() < 0.15:
            sim.run(chance.choice((100, 1500, 4000)))
            utterance, chars = utterance + 1, 0
        if clears and chance.random() < 0.1:
            check_clear(sim)
            utterance, chars = utterance + 1, 0


def check(sim: Sim) -> None:
    heard = sim.ledger.heard(sim.media_ms)
    position = heard.position_ms * PER_MS
    assert position <= sim.sent
    assert heard.confirmed_ms <= heard.position_ms
    for utterance, chars in heard.chars.items():
        ends = [offset for offset, count in sim.words[utterance] if count == chars]
        assert min(ends) <= position + PER_MS, "a word counts whose end lies ahead of the play head"


def check_clear(sim: Sim) -> None:
    before = sim.ledger.heard(sim.media_ms)
    stale = list(sim.old_marks[-3:])
    skipped_to = sim.cleared_at  # what the last clear took counts as passed
    heard = sim.clear()
    assert (heard.chars, heard.position_ms) == (before.chars, before.position_ms)
    truth = sim.true_head(sim.now)  # what is heard while the clear is on its way is not even counted
    for utterance, chars in heard.chars.items():
        end = min(offset for offset, count in sim.words[utterance] if count == chars)
        assert end <= max(truth, skipped_to) + (heard.uncertainty_ms + FRAME_MS) * PER_MS
    after = sim.ledger.heard(sim.media_ms)
    for name in stale:
        sim.ledger.returned(name, sim.media_ms)
    assert sim.ledger.heard(sim.media_ms) == after, "a mark of an old generation proved something"


def check_settled(sim: Sim, within_ms: float) -> None:
    end = 0
    for media_ms, offset, audio in sim.settled:
        samples = len(audio) // 2
        assert media_ms >= end, "settled audio overlaps, or runs backwards"
        end = media_ms + -(-samples // PER_MS)
        assert audio == pcm(samples, offset)
        true_ms = sim.true_time(offset)
        if true_ms is None:  # behind the cut: the ledger was ahead of the truth when it cut
            continue
        assert abs(media_ms - true_ms) <= within_ms


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150), st.integers(0, 150))
def test_over_a_steady_network_the_ledger_is_right_to_one_frame(seed: int, up_ms: int, down_ms: int) -> None:
    sim = Sim(seed, Network((up_ms, up_ms), (down_ms, down_ms)))
    for _ in range(5):
        talk(sim, 800)
        heard = sim.ledger.heard(sim.media_ms)
        run_start = sim.ledger._run.start
        if heard.confirmed_ms * PER_MS > max(run_start, sim.cleared_at):
            error_ms = (heard.position_ms * PER_MS - sim.true_head(sim.media_ms)) / PER_MS
            assert abs(error_ms) <= FRAME_MS + _holes_ms(sim, heard), f"off by {error_ms} ms"
    sim.run(15_000)
    sim.settle(all_of_it=True)
    longest_hole = max((gap.gap_ms for gap in sim.carrier.underruns(400)), default=0)
    check_settled(sim, FRAME_MS + JOIN_MS + max(up_ms + down_ms, longest_hole))
    assert not any(isinstance(event, MarksLost) for _, event in sim.events)


def _holes_ms(sim: Sim, heard: Heard) -> float:
    """How long the far end had nothing to play between the last proof and now: the ledger can't know of it yet."""
    head = sim.true_head(sim.media_ms)
    proof = sim.true_time(max(0, heard.confirmed_ms * PER_MS - 1))
    assert proof is not None
    return max(0.0, sim.media_ms - proof - (head - heard.confirmed_ms * PER_MS) / PER_MS)


NETWORKS = st.builds(
    Network,
    up_ms=st.tuples(st.integers(0, 40), st.integers(40, 200)),
    down_ms=st.tuples(st.integers(0, 40), st.integers(40, 200)),
    stall_chance=st.sampled_from((0.0, 0.005, 0.03)),
    stall_ms=st.integers(50, 900),
    lost_marks=st.sampled_from((0.0, 0.2, 1.0)),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), NETWORKS)
def test_whatever_the_network_does_nothing_is_claimed_that_was_not_played(seed: int, network: Network) -> None:
    sim = Sim(seed, network)
    talk(sim, 4000)
    sim.run(18_000)
    check(sim)
    assert sim.ledger.pending_ms(sim.media_ms) == 0
    assert sim.ledger.lead_ms(sim.media_ms) == 0
    sim.settle(all_of_it=True)
    offsets = [(offset, len(audio) // 2) for _, offset, audio in sim.settled]
    assert all(a + n <= b for (a, n), (b, _) in itertools.pairwise(offsets))
    check_settled(sim, 5_000)
    _check_done(sim)


def _check_done(sim: Sim) -> None:
    """After the last stretch, and once, PlayoutDone came; and never two without something queued between."""
    if sim.sent > sim.cleared_at:
        assert isinstance(sim.events[-1][1], PlayoutDone)
        assert sim.events[-1][1].heard.position_ms == sim.sent // PER_MS
    positions = [event.heard.position_ms for _, event in sim.events if isinstance(event, PlayoutDone)]
    assert all(a <= b for a, b in itertools.pairwise(positions))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40_000))
def test_each_stretch_is_done_once_and_all_of_it_settles(seed: int, samples: int) -> None:
    sim = Sim(seed, Network((5, 60), (5, 60)))
    for number in range(1, 4):
        sim.queue(samples, number, ((samples, 10),))
        sim.run(samples // PER_MS + 3000)
        done = [event for _, event in sim.events if isinstance(event, PlayoutDone)]
        assert len(done) == number
        assert done[-1].heard.chars[number] == 10
        assert done[-1].heard.basis == "mark"
        assert len([event for _, event in sim.events if isinstance(event, PlayoutStarted)]) == number
    sim.settle(all_of_it=True)
    assert b"".join(audio for _, _, audio in sim.settled) == pcm(3 * samples)
    assert b"".join(audio for _, audio in sim.carrier.heard) == pcm(3 * samples)[::2]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(400, 40_000))
def test_where_playing_began_is_known_to_a_frame(seed: int, samples: int) -> None:
    sim = Sim(seed, Network((5, 60), (5, 60)))
    for number in range(1, 4):
        before = len(sim.played)
        sim.queue(samples, number)
        sim.run(samples // PER_MS + 3000)
        started = [event for _, event in sim.events if isinstance(event, PlayoutStarted)][-1]
        holes = sum(gap.gap_ms for gap in sim.carrier.underruns())
        assert abs(started.media_ms - sim.played[before][0]) <= FRAME_MS + holes


def test_a_peer_that_never_returns_a_mark_is_served_by_the_clock() -> None:
    sim = Sim(1, Network(lost_marks=1.0))
    for number in range(1, 5):
        sim.queue(8000, number, ((4000, 5), (8000, 11)))
        sim.run(4000)
        done = [event for _, event in sim.events if isinstance(event, PlayoutDone)]
        assert len(done) == number
        assert done[-1].heard.basis == "clock"
        assert done[-1].heard.chars[number] == 11
        assert done[-1].heard.confirmed_ms == 0
        assert done[-1].heard.uncertainty_ms == done[-1].heard.position_ms
    lost = [event for _, event in sim.events if isinstance(event, MarksLost)]
    assert len(lost) == 1
    assert lost[0].owed_ms > MARK_GRACE_MS
    assert b"".join(audio for _, audio in sim.carrier.heard) == pcm(4 * 8000)[::2]


def test_marks_that_come_again_after_being_lost_are_believed_again() -> None:
    sim = Sim(1, Network(lost_marks=1.0))
    sim.queue(24_000)
    sim.run(1800)
    assert sim.ledger.heard(sim.media_ms).basis == "clock"
    sim.network.lost_marks = 0.0
    sim.run(600)
    assert sim.ledger.heard(sim.media_ms).basis == "mark"
    assert sim.ledger.heard(sim.media_ms).confirmed_ms > 1000


def test_audio_in_odd_pieces_does_not_drift_apart_in_the_record() -> None:
    """Pieces of 81 samples (10.125 ms) for 20 s: what settles stays where it was played."""
    sim = Sim(3, Network())
    for _ in range(2000):
        sim.queue(81)
        sim.run(10)
    sim.run(2000)
    sim.settle(all_of_it=True)
    check_settled(sim, FRAME_MS + JOIN_MS + 20)
    settled = b"".join(audio for _, _, audio in sim.settled)
    assert settled == pcm(2000 * 81)
    silences = [b - a - len(x) / 16 for (a, _, x), (b, _, _) in itertools.pairwise(sim.settled)]
    clicks = [gap for gap in silences if 0 < gap < 1]
    assert not clicks, "a part of a millisecond of silence between two pieces is a click"


@pytest.mark.parametrize("sent_ms", [0, 20, JOIN_MS])
def test_the_first_sound_of_a_call_settles_where_it_played(sent_ms: int) -> None:
    """Nothing was before it that it could be one with: not at the stream's beginning, either."""
    ledger = PlayoutLedger(8000)
    ledger.queue(pcm(8 * 100), span(1))
    ledger.send(100, sent_ms)
    ledger.returned(ledger.mark(), sent_ms + 140)  # 40 ms on its way
    assert [at for at, _ in ledger.settle(1000)] == [sent_ms + 40]


def test_a_late_mark_of_the_run_before_does_not_hurry_the_next() -> None:
    """A's last mark is still on its way when B is sent into (as we think) silence: B can't start before it is there."""
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(pcm(800), span(1))
    ledger.send(100, 0)
    first = ledger.mark()
    ledger.returned(first, 300)  # 100 ms of audio proved at 300: the way there and back takes 200
    assert ledger._lag_ms == 200
    ledger.queue(pcm(800), span(2))
    ledger.send(100, 400)
    second = ledger.mark()  # B starts at 600, ends at 700
    ledger.queue(pcm(800), span(3))
    ledger.send(100, 710)
    third = ledger.mark()
    ledger.returned(second, 720)  # 20 late
    assert ledger.heard(760).position_ms == 200, "C starts at 710 + 200, whatever B's mark says"
    assert ledger.heard(960).position_ms == 250
    ledger.returned(third, 1020)
    assert ledger.heard(1020).position_ms == 300
    assert ledger.heard(1020).confirmed_ms == 300


def test_a_cleared_run_is_not_announced_when_the_next_is_queued() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(pcm(800), span(1))
    ledger.send(100, 0)
    ledger.mark()
    ledger.clear(20)
    ledger.queue(pcm(800), span(2))
    assert list(ledger.advance(40)) == []


def test_nothing_queued_nothing_said() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    assert ledger.send(100, 0) == b""
    assert list(ledger.advance(100_000)) == []
    assert list(ledger.settle(100_000, all_of_it=True)) == []
    heard = ledger.clear(100_000)
    assert (heard.position_ms, heard.confirmed_ms, heard.chars) == (0, 0, {})
    assert ledger.pending_ms(0) == ledger.unsent_ms() == ledger.lead_ms(0) == 0


def test_a_word_counts_only_when_its_end_was_played() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(pcm(1600), span(1, (799, 5), (801, 9), (1600, 14)))
    ledger.send(200, 0)
    assert ledger.heard(0).chars == {}
    assert ledger.heard(99).chars == {}
    assert ledger.heard(100).chars == {1: 5}
    assert ledger.heard(101).chars == {1: 9}
    assert ledger.heard(199).chars == {1: 9}
    assert ledger.heard(200).chars == {1: 14}
    assert ledger.heard(200).spans == {1: (0, 200)}


def test_words_without_audio_count_with_what_is_before_them() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(b"", span(1, (0, 2)))
    ledger.queue(pcm(80), span(1))
    ledger.queue(b"", span(1, (0, 7)))
    ledger.send(200, 0)
    assert ledger.heard(9).chars == {1: 2}
    assert ledger.heard(10).chars == {1: 7}


HOSTILE = [
    "", ":", "1", "1:", ":80", "2:80", "0:80", "1:-80", "1:+80", "1: 80", "1:80 ", "1:79", "1:81", "1:8e1", "1:80:1",
    "01:80", "1:" + "9" * 5000, "1:0", "x" * 100_000, "1:٨٠", "١:80", "1:80\n", "None", "1:²", "1:080",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=[repr(name[:12]) for name in HOSTILE])
def test_a_hostile_mark_does_nothing(name: str) -> None:
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(pcm(80), span(1, (80, 3)))
    ledger.send(100, 0)
    assert ledger.mark() == "1:80"
    ledger.returned(name, 5)
    heard = ledger.heard(5)
    assert (heard.confirmed_ms, heard.position_ms, heard.chars) == (0, 5, {})


@settings(max_examples=200)
@given(st.text(max_size=40), st.integers(0, 10**6))
@example("1:8000000", 1)
def test_no_name_that_was_not_sent_proves_anything(name: str, media_ms: int) -> None:
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(pcm(800), span(1))
    ledger.send(100, 0)
    sent = ledger.mark()
    ledger.returned(name, media_ms)
    assert ledger.heard(media_ms).confirmed_ms == (100 if name == sent else 0)


def test_a_mark_twice_or_out_of_order_proves_no_more_than_once() -> None:
    ledger = PlayoutLedger(RATE_HZ)
    ledger.queue(pcm(1600), span(1))
    ledger.send(100, 0)
    first = ledger.mark()
    ledger.send(100, 0)
    second = ledger.mark()
    ledger.returned(second, 220)
    ledger.returned(first, 900)
    ledger.returned(second, 900)
    assert ledger.heard(900).confirmed_ms == 200
    assert ledger._anchor.media_ms == 220


def test_clear_before_anything_was_sent() -> None:
    sim = Sim(1, Network())
    sim.ledger.queue(pcm(8000), span(1, (8000, 9)))
    heard = sim.ledger.clear(0)
    assert heard.chars == {}
    assert sim.ledger.pending_ms(0) == 0
    assert sim.ledger.unsent_ms() == 0
    assert list(sim.ledger.advance(10_000)) == []


def test_marks_crossing_a_clear_prove_nothing_and_the_next_stretch_is_right() -> None:
    """The far end returns the first mark (played) while our clear is on its way, then all the rest (cleared)."""
    sim = Sim(7, Network((80, 80), (80, 80)))
    sim.queue(8000, 1, ((800, 4), (4000, 8), (8000, 12)))
    sim.run(420)
    heard = sim.clear()
    assert heard.chars.get(1, 0) in (0, 4)
    sim.queue(4000, 2, ((4000, 6),))
    sim.run(3000)
    final = sim.ledger.heard(sim.media_ms)
    assert final.chars == {**heard.chars, 2: 6}
    assert [type(event) for _, event in sim.events][-1] is PlayoutDone
    assert not any(isinstance(event, MarksLost) for _, event in sim.events)


def test_an_hour_long_call_keeps_nothing_it_no_longer_needs() -> None:
    """Speech of 4 s, every 6 s: what the ledger holds at the end of the hour is what it held after a minute."""
    ledger = PlayoutLedger(RATE_HZ)
    audio = bytes(2 * 8000 * 4)
    sizes = []
    for number in range(600):
        base = number * 6000
        words = tuple((2000 * index, 5 * index) for index in range(1, 17))
        ledger.queue(audio, span(number + 1, *words))
        for step in range(0, 6000, 20):
            while ledger.unsent_ms() and ledger.lead_ms(base + step) < 200:
                ledger.send(100, base + step)
                name = ledger.mark()
                if number % 3:  # every third utterance goes unmarked
                    ledger.returned(name, base + step)
            list(ledger.advance(base + step))
            list(ledger.settle(base + step))
        held = (ledger._words, ledger._marks, ledger._on_the_way, ledger._settled, ledger._unsent)
        sizes.append(sum(map(len, held)))
        assert ledger.heard(base + 5999).chars[number + 1] == 80
    assert max(sizes[10:]) <= max(sizes[:10])
