"""The endpointer against any order of events: what must hold whatever callers, recognisers and lines do."""

from __future__ import annotations

from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.definition import TurnSettings
from agent.slots.base import Asks, Progress
from agent.turns import judgement
from agent.turns.deadlines import QUIET_MS, REST_MS, STABLE_MS
from agent.turns.endpointing import Endpointer
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.turn_events import EndOfTurn, ProbableEnd, TakeWords, TurnEvent, WentOn
from tests.agent.turns.caller import FOUR, SOME, read

TURNS = TurnSettings(max_turn_ms=8000)
STEP_MS = st.integers(-100, 700)
PARTIALS = st.lists(st.sampled_from(["four", "7", "um", "no", "and", "order", "4712"]), max_size=5).map(" ".join)


class AnyOrder(RuleBasedStateMachine):
    """Media time goes on by steps, and sometimes an event is stamped with an older time."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = mock.patch.object(judgement, "read_answer", read)
        self._patch.start()
        self.endpointer = Endpointer(TURNS)
        self.asks = Asks()
        self.now_ms = 0
        self.seen_ms = 0
        self.probable: ProbableEnd | None = None  # if that was the last thing that happened
        self.open = False
        self.opened_ms = 0
        self.told = False
        self.heard = False
        self.speech_ms = self.last_ms = 0  # the end of the last speech; of that or the last key
        self.keys = ""
        self.words = ""
        self.before: list[str] = []  # the words of the hearings before
        self.rests = self.awaited = False
        self.changed_ms = 0
        self.finals = False  # a final text has come: turns may be held for less

    def teardown(self) -> None:
        """However it stands: time alone ends the turn, once."""
        try:
            if self.open:
                self.now_ms = max(self.now_ms, self.opened_ms + TURNS.max_turn_ms)
                self._look(self.endpointer.tick(self.now_ms))
            assert not self.open
            assert self.endpointer.tick(self.now_ms + 10**6) is None
        finally:
            self._patch.stop()

    def _at(self, step_ms: int) -> int:
        """The time stamp of the next event; `now_ms` never runs backwards."""
        at_ms = max(0, self.now_ms + step_ms)
        self.now_ms = max(self.now_ms, at_ms)
        return at_ms

    def _look(self, event: TurnEvent | None, keyed: str = "") -> None:
        self.probable = None
        if event is None:
            return
        assert self.open
        assert self.seen_ms <= event.media_ms == self.now_ms
        self.seen_ms = event.media_ms
        if isinstance(event, WentOn):
            assert self.told
            self.told = False
        elif isinstance(event, ProbableEnd):
            assert not self.told
            assert event.speech_end_ms == self.last_ms
            self.told = True
            self.probable = event
        elif isinstance(event, TakeWords):
            assert self.heard
            assert not self.rests
            assert event.media_ms - self.speech_ms >= REST_MS
            self.rests = self.awaited = True
        else:
            self._look_at_end(event, keyed)

    def _look_at_end(self, end: EndOfTurn, keyed: str) -> None:
        assert end.speech_end_ms == self.last_ms <= end.media_ms
        since_ms = end.media_ms - self.last_ms
        over_ms = end.media_ms - self.opened_ms
        assert end.reason in (
            "slot complete",
            "slot enough",
            "slot unfinished",
            "complete",
            "unsure",
            "unfinished",
            "silence",
            "keys",
            "max",
        )
        if end.reason == "max":
            assert over_ms >= TURNS.max_turn_ms
        elif end.reason == "slot unfinished":
            assert since_ms >= TURNS.max_trailing_ms
            assert since_ms >= TURNS.hold_ms or self.finals
        elif end.reason == "keys":
            assert keyed or since_ms >= TURNS.key_pause_ms
        elif end.reason == "slot complete":
            assert keyed or not (self.words or self.before) or since_ms >= QUIET_MS or self.last_ms > self.speech_ms
            assert read(self.asks, self.endpointer.said.text).progress is Progress.WHOLE
        else:
            assert since_ms >= TURNS.min_trailing_ms
        if end.text is not None and self.words and not set(end.text) <= set("0123456789*"):
            assert end.reason in ("slot complete", "max", "keys")
            assert read(self.asks, self.endpointer.said.text).progress is Progress.WHOLE
            assert end.media_ms - self.changed_ms >= STABLE_MS
        if not self.heard:
            assert end.text == self.keys
        self.open = self.told = False

    # --- what happens -----------------------------------------------------------------------------------------------

    @initialize(asks=st.sampled_from([Asks(), FOUR, SOME]))
    def _asks_first(self, asks: Asks) -> None:
        self.asks, self.probable = asks, None
        self.endpointer.asked(asks)

    @rule(asks=st.sampled_from([Asks(), FOUR, SOME, Asks(kind="free"), Asks(kind="name")]))
    def asked(self, asks: Asks) -> None:
        self.asks, self.probable = asks, None
        self.endpointer.asked(asks)

    @rule(step_ms=STEP_MS, speech_ms=st.integers(0, 300))
    def began(self, step_ms: int, speech_ms: int) -> None:
        at_ms = self._at(step_ms)
        joins = self.open and not self.heard
        self.probable = None
        self.endpointer.began(SpeechBegan(at_ms - speech_ms, at_ms))
        if not joins:  # a new turn's time is that of its audio, which may come late
            self.opened_ms, self.keys, self.told = at_ms - speech_ms, "", False
            self.last_ms = 0
            self.now_ms = self.seen_ms = at_ms
        self.open = self.heard = True
        self.words, self.before = "", []
        self.rests = self.awaited = False
        self.speech_ms = at_ms
        self.last_ms = max(at_ms, self.last_ms)

    @rule(step_ms=STEP_MS, speech=st.booleans(), quiet=st.booleans())
    def window(self, step_ms: int, speech: bool, quiet: bool) -> None:
        at_ms = self._at(step_ms)
        loud = speech and not quiet
        if loud and self.heard and self.open:
            self.speech_ms = max(self.speech_ms, at_ms)
            self.last_ms = max(self.last_ms, at_ms)
            if self.rests:
                self.rests = self.awaited = False
                self.before.append(self.words)
                self.words = ""
        event = self.endpointer.window(SpeechWindow(speech, at_ms, quiet))
        if loud and self.heard:  # else the gate was not open: no such window is of this turn
            if at_ms == self.now_ms and isinstance(event, EndOfTurn):
                assert event.reason == "max"
            if self.told:
                assert isinstance(event, WentOn | EndOfTurn)
        self._look(event)

    @rule(step_ms=STEP_MS, text=PARTIALS)
    def partial(self, step_ms: int, text: str) -> None:
        at_ms = self._at(step_ms)
        if self.open and self.heard and text != self.words:
            self.words, self.changed_ms = text, self.now_ms
        self._look(self.endpointer.partial(text, at_ms))

    @rule(step_ms=STEP_MS, text=st.none() | PARTIALS)
    def taken(self, step_ms: int, text: str | None) -> None:
        at_ms = self._at(step_ms)
        if self.open and self.awaited:
            self.awaited = False
            if text is not None:
                self.words, self.changed_ms = text, self.now_ms - STABLE_MS
        self._look(self.endpointer.taken(text, at_ms))

    @precondition(lambda self: self.open and self.before)
    @rule(step_ms=STEP_MS, text=PARTIALS, back=st.integers(0, 3))
    def earlier(self, step_ms: int, text: str, back: int) -> None:
        at_ms, back = self._at(step_ms), 1 + back % len(self.before)
        self.before[-back], self.changed_ms = text, self.now_ms
        self._look(self.endpointer.earlier(self.endpointer.said.hearing - back, text, at_ms))

    @rule(step_ms=STEP_MS, key=st.sampled_from("0471*#A"))
    def key(self, step_ms: int, key: str) -> None:
        at_ms = self._at(step_ms)
        if not self.open and key not in "A#":
            self.open, self.heard = True, False
            self.opened_ms, self.keys, self.words, self.told = self.now_ms, "", "", False
            self.before, self.rests, self.awaited = [], False, False
            self.last_ms = self.now_ms
        if self.open and key not in "A#":
            self.keys += key
            self.last_ms = self.now_ms
        event = self.endpointer.keys(key, at_ms)
        if key == "#" and self.open:
            assert isinstance(event, EndOfTurn)
        self._look(event, keyed=key)

    @rule(step_ms=STEP_MS)
    def tick(self, step_ms: int) -> None:
        self._look(self.endpointer.tick(self._at(step_ms)))

    @precondition(lambda self: self.probable is not None)
    @rule()
    def nothing_more_happens(self) -> None:
        """What was told with the probable end: the turn ends then, and for that reason; not before."""
        assert self.probable is not None
        reason, due_ms = self.probable.reason, self.probable.speech_end_ms + self.probable.waits_ms
        if due_ms > self.now_ms + 1:
            self.now_ms = due_ms - 1
            event = self.endpointer.tick(self.now_ms)
            self._look(event)
            if isinstance(event, TakeWords):  # its text is waited for
                return
            assert event is None
        self.now_ms = max(self.now_ms, due_ms)
        event = self.endpointer.tick(self.now_ms)
        assert isinstance(event, EndOfTurn)
        assert event.reason in (reason, "max")
        self._look(event)

    @rule(text=PARTIALS)
    def final(self, text: str) -> None:
        self.probable = None
        self.finals = True
        self.endpointer.final(text)

    @rule()
    def close(self) -> None:
        self.probable = None
        self.endpointer.close()
        self.open = self.told = False

    @invariant()
    def agrees(self) -> None:
        assert self.endpointer.open is self.open
        if self.open:
            text = self.endpointer.said.text
            words = " ".join((*self.before, self.words))
            for word in words.split():
                assert word in text
            assert len(text.replace(" ", "")) == len(self.keys + words.replace(" ", ""))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
