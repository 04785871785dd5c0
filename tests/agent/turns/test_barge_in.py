"""Barge-in: whether the agent stops, and whether it goes on, by script and by state machine."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.turns.echo import ECHO_SCORE
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.interruption import (
    BACKCHANNEL_TAKE_UP_MS,
    BACKCHANNELS,
    FORGIVE_MS,
    STANDING_MS,
    TAKE_UP_MS,
    UNSURE_TAKE_UP_MS,
    WARY_MS,
    AtEar,
    BargeIn,
    Meant,
    TakeUp,
    Verdict,
    Yield,
)
from agent.turns.lag import RecogniserLag

WINDOW_MS = 32
SPEAKING = AtEar(speaking=True, owing=True, words="your order number four seven one two is on its way to you")


class Caller:
    """Feeds a BargeIn window by window and keeps what it decides."""

    def __init__(self, barge_in_ms: int = 96, has_partials: bool = True, at: AtEar = SPEAKING) -> None:
        self.lag = RecogniserLag()
        if not has_partials:
            self.lag.final_alone()
        self.machine = BargeIn(barge_in_ms, self.lag)
        self.at = at
        self.media_ms = 1000
        self.decided: list[Verdict] = []

    def begins(self, echo: float | None = None, probability: float = 0.95) -> None:
        self.media_ms += 96
        event = SpeechBegan(self.media_ms - 96, self.media_ms, probability)
        self.decided += self.machine.began(event, self.at, echo)

    def sounds(self, ms: int, probability: float = 0.95, echo: float | None = None) -> None:
        for _ in range(round(ms / WINDOW_MS)):
            self.media_ms += WINDOW_MS
            self.decided += self.machine.window(
                SpeechWindow(probability >= 0.5, self.media_ms, probability=probability), self.at, echo
            )

    def is_quiet(self, ms: int) -> None:
        self.sounds(ms, probability=0.05)

    def says(self, text: str) -> None:
        self.decided += self.machine.words(text, self.at, self.media_ms)

    def is_over(self) -> None:
        self.decided += self.machine.over(self.media_ms)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(type(decision).__name__, decision.reason) for decision in self.decided]

    @property
    def stopped_ms(self) -> int:
        """From the last stop to what came of it."""
        *_, stop, after = self.decided
        return after.media_ms - stop.media_ms


def test_it_stops_at_the_first_certain_sound_and_words_cancel_the_reply() -> None:
    caller = Caller()
    caller.begins()
    assert caller.decided == [Yield(1096, "speech")]
    assert caller.machine.yielded
    caller.sounds(320)
    caller.says("wait")
    assert caller.decided[1:] == [Meant(1416, "words")]
    caller.sounds(2000)
    caller.says("wait a moment")
    caller.is_over()
    assert len(caller.decided) == 2


def test_more_speech_may_be_asked_for_before_it_stops() -> None:
    caller = Caller(barge_in_ms=160)
    caller.begins()
    caller.is_quiet(320)
    assert caller.decided == []
    caller.sounds(64)
    assert caller.kinds == [("Yield", "speech")]


@pytest.mark.parametrize(
    ("windows", "echo", "stops"), [(1, None, True), (1, 0.1, True), (1, 0.9, False), (2, None, True)]
)
def test_one_window_that_was_enough_for_the_gate_stops_it(windows: int, echo: float | None, stops: bool) -> None:
    machine = BargeIn(64)
    began = SpeechBegan(1000, 1000 + windows * WINDOW_MS, 0.95)
    assert machine.began(began, SPEAKING, echo) == ((Yield(began.media_ms, "speech"),) if stops else ())


def test_more_than_two_windows_are_not_made_up_by_one() -> None:
    machine = BargeIn(128)
    assert machine.began(SpeechBegan(1000, 1032, 0.95), SPEAKING) == ()
    assert machine.window(SpeechWindow(True, 1064), SPEAKING) == ()
    assert machine.window(SpeechWindow(True, 1096), SPEAKING) == (Yield(1096, "speech"),)


@pytest.mark.parametrize("text", ["mhm", "yeah", "uh huh", "okay right"])
def test_a_backchannel_is_taken_up_soon_after_its_end(text: str) -> None:
    caller = Caller()
    caller.begins()
    caller.sounds(192)
    caller.says(text)
    assert caller.kinds == [("Yield", "speech")]
    caller.is_quiet(320)
    assert caller.kinds[1:] == [("TakeUp", "backchannel")]
    assert caller.stopped_ms <= 520


def test_a_backchannel_whose_text_comes_late_goes_on_at_once() -> None:
    caller = Caller()
    caller.begins()
    caller.sounds(192)
    caller.is_quiet(320)
    caller.says("mhm")
    assert caller.kinds[1:] == [("TakeUp", "backchannel")]


def test_a_backchannel_is_over_when_its_stretch_is() -> None:
    caller = Caller()
    caller.begins()
    caller.sounds(192)
    caller.says("mhm")
    caller.is_over()
    assert caller.kinds[1:] == [("TakeUp", "backchannel")]


def test_a_backchannel_that_goes_on_is_meant_or_is_waited_for_no_longer() -> None:
    caller = Caller()
    caller.begins()
    caller.sounds(192)
    caller.says("yeah")
    caller.sounds(256)
    caller.says("yeah but not today")
    assert caller.kinds[1:] == [("Meant", "words")]

    endless = Caller()
    endless.begins()
    endless.sounds(192)
    endless.says("yeah")
    endless.sounds(3000)
    assert endless.kinds[1:] == [("TakeUp", "backchannel")]
    assert endless.stopped_ms <= BACKCHANNEL_TAKE_UP_MS + WINDOW_MS


def test_an_answer_is_meant() -> None:
    caller = Caller(at=replace(SPEAKING, answering=True))
    caller.begins()
    caller.sounds(192)
    caller.says("yeah")
    assert caller.kinds[1:] == [("Meant", "words")]


@pytest.mark.parametrize(("probability", "limit_ms"), [(0.95, TAKE_UP_MS), (0.6, UNSURE_TAKE_UP_MS)])
def test_a_noise_that_goes_on_stops_it_once_and_for_less_than_a_second(probability: float, limit_ms: int) -> None:
    caller = Caller()
    caller.begins(probability=probability)
    caller.sounds(20_000, probability)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "noise")]
    assert limit_ms <= caller.stopped_ms <= limit_ms + WINDOW_MS < 1000


def test_a_click_is_taken_up_sooner() -> None:
    caller = Caller()
    caller.begins()
    caller.is_quiet(2000)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "silence")]
    assert caller.stopped_ms <= 352


def test_words_after_all_stop_it_again() -> None:
    caller = Caller()
    caller.begins()
    caller.sounds(1200)
    caller.says("i want")
    assert caller.kinds[1:] == [("TakeUp", "noise"), ("Yield", "words"), ("Meant", "words")]


def test_a_final_text_after_the_end_still_decides() -> None:
    caller = Caller(has_partials=False)
    caller.begins()
    caller.sounds(192)
    caller.is_quiet(256)
    caller.is_over()
    caller.says("stop")
    assert caller.kinds == [("Yield", "speech"), ("Meant", "words")]
    assert caller.lag.streams is False

    nothing = Caller(has_partials=False)
    nothing.begins()
    nothing.sounds(192)
    nothing.is_over()
    nothing.says("")
    assert nothing.kinds == [("Yield", "speech"), ("TakeUp", "noise")]


def test_from_a_recogniser_without_partials_long_speech_is_meant() -> None:
    caller = Caller(has_partials=False)
    caller.begins()
    caller.sounds(1000)
    assert caller.kinds == [("Yield", "speech"), ("Meant", "long speech")]
    assert caller.stopped_ms <= 640


def test_the_first_partial_of_a_call_tells_that_there_are_partials() -> None:
    caller = Caller(has_partials=False)
    caller.at = AtEar()
    caller.begins()
    caller.says("hello")
    caller.is_over()
    caller.at = SPEAKING
    caller.begins()
    caller.sounds(2000)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "noise")]


def test_a_protected_utterance_is_not_stopped_and_speech_that_outlasts_the_protection_stops_it() -> None:
    caller = Caller(at=replace(SPEAKING, protected=True))
    caller.begins()
    caller.sounds(640)
    caller.says("wait wait")
    assert caller.decided == []
    caller.at = SPEAKING
    caller.is_quiet(64)
    assert caller.decided == []
    caller.sounds(32)
    assert caller.kinds == [("Yield", "words"), ("Meant", "words")]


def test_an_agent_that_begins_into_speech_gives_way() -> None:
    caller = Caller(at=AtEar())
    caller.begins()
    caller.sounds(640)
    assert caller.decided == []
    caller.at = SPEAKING
    caller.sounds(32)
    assert caller.kinds == [("Yield", "speech")]


def test_an_answer_that_is_owed_is_held_back_while_the_caller_goes_on() -> None:
    caller = Caller(at=AtEar(owing=True))
    caller.begins()
    caller.sounds(320)
    caller.says("and also")
    assert caller.kinds == [("Yield", "speech"), ("Meant", "words")]

    cough = Caller(at=AtEar(owing=True))
    cough.begins()
    cough.is_quiet(640)
    assert cough.kinds == [("Yield", "speech"), ("TakeUp", "silence")]


def test_an_echo_that_sounds_like_one_does_not_stop_it() -> None:
    caller = Caller()
    caller.begins(echo=0.9)
    caller.sounds(3000, echo=0.8)
    caller.says("order number four")
    assert caller.decided == []
    for _ in range(20):
        caller.sounds(64, echo=0.1)  # now and then a window is not known to be an echo
        caller.sounds(96, echo=0.8)
    assert caller.decided == []
    caller.sounds(128, echo=0.1)
    assert caller.kinds == [("Yield", "speech")]
    caller.says("order number four stop please")
    assert caller.kinds[1:] == [("Meant", "words")]


def test_an_echo_known_too_late_is_taken_up() -> None:
    caller = Caller()
    caller.begins(echo=0.2)
    caller.sounds(256, echo=0.9)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "echo")]


def test_an_echo_known_by_its_words_is_taken_up() -> None:
    caller = Caller()
    caller.begins()
    caller.sounds(256)
    caller.says("order lumber four")
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "echo")]
    caller.says("order lumber four stop please")
    assert caller.kinds[2:] == [("Yield", "words"), ("Meant", "words")]


def test_a_caller_who_says_the_agents_word_as_an_answer_is_no_echo() -> None:
    caller = Caller(at=replace(SPEAKING, answering=True))
    caller.begins(echo=0.0)
    caller.sounds(256, echo=0.1)
    caller.says("on its way")
    assert caller.kinds == [("Yield", "speech"), ("Meant", "words")]


def test_noise_after_noise_needs_more_each_time_until_only_words_stop_it() -> None:
    caller = Caller()
    needed = []
    for _ in range(len(WARY_MS) + 2):
        began_ms = caller.media_ms
        stops = len(caller.decided)
        caller.begins()
        caller.sounds(3000)
        caller.is_over()
        caller.is_quiet(64)
        new = caller.decided[stops:]
        needed.append(new[0].media_ms - began_ms if new else None)
    assert needed[0] == 96
    assert all(least <= (ms or 0) < least + WINDOW_MS for least, ms in zip(WARY_MS, needed[1:-1], strict=True))
    assert needed[-1] is None

    caller.begins()
    caller.says("excuse me")
    assert caller.kinds[-2:] == [("Yield", "words"), ("Meant", "words")]
    caller.is_over()
    caller.media_ms += len(WARY_MS) * FORGIVE_MS
    for _ in WARY_MS:  # one is forgiven at each stretch
        caller.begins(echo=1.0)
        caller.media_ms += FORGIVE_MS
        caller.is_over()
    before = len(caller.decided)
    caller.begins()
    assert [type(decision) for decision in caller.decided[before:]] == [Yield]


def test_the_late_text_of_an_ordinary_turn_does_not_cancel_its_own_answer() -> None:
    caller = Caller(at=AtEar())
    caller.begins()
    caller.says("where is")
    caller.is_over()
    caller.at = SPEAKING
    caller.says("where is my order")
    assert caller.decided == []


def test_an_answer_that_begins_into_the_speech_that_interrupted_gives_way_too() -> None:
    caller = Caller()
    caller.begins()
    caller.says("wait")
    caller.at = AtEar()
    caller.sounds(320)
    caller.at = SPEAKING
    caller.sounds(32)
    assert caller.kinds == [("Yield", "speech"), ("Meant", "words"), ("Yield", "words"), ("Meant", "words")]
    caller.at = AtEar()
    caller.sounds(64)
    caller.is_over()
    caller.at = SPEAKING
    caller.says("wait a moment please")  # that turn has been answered, this is its late text
    assert len(caller.decided) == 4


def test_a_caller_over_an_echo_that_stopped_it_once_stops_it_by_voice_again() -> None:
    caller = Caller()
    caller.begins(echo=0.1)
    caller.sounds(256, echo=0.9)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "echo")]
    caller.sounds(960, echo=0.9)
    caller.sounds(320, echo=0.0)
    assert caller.kinds[2:] == [("Yield", "speech")]


@pytest.mark.parametrize(("reason", "stops"), [("no text", 3), ("backchannel", 6)])
def test_sounds_whose_text_was_nothing_make_it_harder_to_stop_it(reason: str, stops: int) -> None:
    caller = Caller()
    for _ in range(9):
        caller.begins()
        caller.sounds(480)
        caller.is_over()
        caller.machine.rejected(reason, caller.media_ms)
        caller.media_ms += 1000
    assert caller.kinds == [("Yield", "speech")] * stops
    caller.begins()
    caller.says("wait a moment")
    assert caller.kinds[-1] == ("Meant", "words")


def test_who_backs_the_agent_up_all_the_time_stops_it_no_more_until_something_is_meant() -> None:
    caller = Caller()
    for _ in range(20):
        caller.begins()
        caller.sounds(256)
        caller.says("mhm")
        caller.sounds(128)
        caller.is_over()
        caller.is_quiet(800)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "backchannel")] * (BACKCHANNELS + 3)
    caller.begins()
    caller.says("no wait")
    assert caller.kinds[-2:] == [("Yield", "words"), ("Meant", "words")]


def test_a_backchannel_now_and_then_between_words_stays_one() -> None:
    caller = Caller()
    for _ in range(4):
        for text in ("mhm", "mhm", "stop"):
            caller.begins()
            caller.sounds(256)
            caller.says(text)
            caller.is_over()
            caller.is_quiet(500)
    kinds = [("Yield", "speech"), ("TakeUp", "backchannel")] * 2 + [("Yield", "speech"), ("Meant", "words")]
    assert caller.kinds == kinds * 4


def test_what_a_key_has_settled_is_settled() -> None:
    caller = Caller()
    caller.begins()
    caller.machine.settled()
    assert not caller.machine.yielded
    caller.sounds(2000)
    assert caller.kinds == [("Yield", "speech")]


_TEXTS = st.sampled_from(
    ["", "mhm", "yeah okay", "the", "[noise]", "stop", "i want something else", "order number four", "order stop now"]
)
_ECHOES = st.sampled_from([None, 0.0, 0.4, 0.6, 1.0])


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes, in whatever order: decisions follow one another by the rules, and none is waited for for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = BargeIn(96)
        self.media_ms = 0
        self.at = AtEar()
        self.decided: list[Verdict] = []
        self.yielded_ms: int | None = None
        self.heard_words = False
        self.taken_up_in_stretch = False
        self.heard_echo = False

    def take(self, decisions: tuple[Verdict, ...], words: bool = False) -> None:
        for decision in decisions:
            assert decision.media_ms == self.media_ms
            match decision:
                case Yield(reason=reason):
                    assert self.yielded_ms is None
                    assert self.at.speaking or self.at.owing
                    assert not self.at.protected
                    assert reason == "words" or not self.taken_up_in_stretch or self.heard_echo
                    self.yielded_ms = self.media_ms
                    self.heard_words = words
                case Meant() | TakeUp():
                    assert self.yielded_ms is not None
                    self.yielded_ms = None
                    self.taken_up_in_stretch |= isinstance(decision, TakeUp)
                    self.heard_echo = decision.reason == "echo"  # what was heard so far was not the caller
            self.decided.append(decision)

    @rule(ms=st.integers(0, 200))
    def time_goes_on(self, ms: int) -> None:
        self.media_ms += ms
        self.take(self.machine.tick(self.media_ms))

    @rule(ms=st.integers(32, 200), probability=st.floats(0, 1), echo=_ECHOES)
    def begins(self, ms: int, probability: float, echo: float | None) -> None:
        self.media_ms += ms
        if self.yielded_ms is None:
            self.taken_up_in_stretch = False
        self.take(self.machine.began(SpeechBegan(self.media_ms - ms, self.media_ms, probability), self.at, echo))

    @rule(count=st.integers(1, 12), speech=st.booleans(), quiet=st.booleans(), p=st.floats(0, 1), echo=_ECHOES)
    def sounds(self, count: int, speech: bool, quiet: bool, p: float, echo: float | None) -> None:
        for _ in range(count):
            self.media_ms += WINDOW_MS
            self.heard_echo |= (echo or 0) >= ECHO_SCORE
            self.take(self.machine.window(SpeechWindow(speech, self.media_ms, quiet, p), self.at, echo))

    @rule(text=_TEXTS)
    def says(self, text: str) -> None:
        self.heard_words |= bool(text)
        self.take(self.machine.words(text, self.at, self.media_ms), words=True)

    @rule()
    def is_over(self) -> None:
        self.take(self.machine.over(self.media_ms))

    @precondition(lambda self: self.yielded_ms is not None)
    @rule()
    def a_key_settles_it(self) -> None:
        self.machine.settled()
        self.yielded_ms = None

    @rule(speaking=st.booleans(), owing=st.booleans(), protected=st.booleans(), answering=st.booleans())
    def the_agent_changes(self, speaking: bool, owing: bool, protected: bool, answering: bool) -> None:
        self.at = AtEar(speaking, protected, answering, SPEAKING.words if speaking else "", owing)

    @invariant()
    def what_is_yielded_is_known(self) -> None:
        assert self.machine.yielded == (self.yielded_ms is not None)

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        if self.yielded_ms is not None:
            waited_ms = self.media_ms - self.yielded_ms
            assert waited_ms < (BACKCHANNEL_TAKE_UP_MS if self.heard_words else TAKE_UP_MS)

    def teardown(self) -> None:
        self.media_ms += BACKCHANNEL_TAKE_UP_MS
        self.take(self.machine.tick(self.media_ms))
        assert not self.machine.yielded
        assert [decision.media_ms for decision in self.decided] == sorted(
            decision.media_ms for decision in self.decided
        )


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase


GOING_ON = AtEar(owing=True, before="yes")


def test_who_goes_on_before_the_answer_holds_it_and_only_the_final_text_gives_it_up() -> None:
    """A recogniser's first guesses are often wrong, and an answer that is held keeps nobody waiting."""
    caller = Caller(at=GOING_ON)
    caller.begins()
    caller.says("go")
    caller.sounds(3000)
    assert caller.kinds == [("Yield", "speech")]
    caller.is_over()
    caller.is_quiet(2000)
    assert caller.machine.yielded
    assert caller.machine.beside_the_point("cancel the other one", GOING_ON) == ""


def test_words_that_are_followed_by_nothing_hold_an_answer_for_a_while_only() -> None:
    """A hold ends by the machine's own deadline, whoever forgets to say what became of the words."""
    caller = Caller(at=GOING_ON)
    caller.begins()
    caller.says("go")
    caller.sounds(STANDING_MS - 500)
    assert caller.machine.yielded
    caller.says("go on and")  # each new word is one more reason to wait
    caller.sounds(STANDING_MS - 500)
    assert caller.machine.yielded
    caller.sounds(1000)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "noise")]
    caller.says("go on and")  # a recogniser may repeat itself
    caller.sounds(3000)
    assert len(caller.kinds) == 2
    caller.says("go on and stop")
    assert caller.machine.yielded


def test_a_final_text_is_waited_for_and_not_for_ever() -> None:
    caller = Caller(at=GOING_ON)
    caller.begins()
    caller.says("go")
    caller.sounds(3000)
    caller.is_over()
    caller.is_quiet(STANDING_MS - 100)
    assert caller.machine.yielded
    caller.is_quiet(200)
    assert not caller.machine.yielded


@pytest.mark.parametrize(("at", "denials"), [(GOING_ON, 1), (SPEAKING, 2)])
def test_words_that_came_to_nothing_are_not_believed_again_before_their_final_text(at: AtEar, denials: int) -> None:
    caller = Caller(at=at)
    for _ in range(denials):
        caller.begins()
        caller.says("stop it now")
        caller.is_over()
        caller.machine.denied(caller.media_ms)
        caller.machine.settled()
    caller.decided.clear()
    caller.begins()
    caller.says("stop it now")
    caller.sounds(2000)
    assert caller.kinds[-1] == ("TakeUp", "noise")
    assert ("Meant", "words") not in caller.kinds
    caller.machine.believed()
    caller.begins()
    caller.says("stop it now")
    assert caller.machine.yielded or caller.kinds[-1] == ("Meant", "words")


def test_a_denial_ends_a_hold_though_the_caller_sounds_on() -> None:
    caller = Caller(at=GOING_ON)
    caller.begins()
    caller.says("stop it now")
    caller.is_over()
    caller.begins()
    caller.says("stop")
    caller.machine.denied(caller.media_ms)
    caller.says("stop it")
    caller.sounds(TAKE_UP_MS + WINDOW_MS)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "noise")]


def test_denial_after_denial_does_not_hold_it_for_ever() -> None:
    caller = Caller(at=GOING_ON)
    for _ in range(4):
        caller.begins()
        caller.says("stop it now")
        caller.sounds(TAKE_UP_MS // 2)
        caller.is_over()
        caller.machine.denied(caller.media_ms)
    assert caller.kinds[:2] == [("Yield", "speech"), ("TakeUp", "noise")]
    assert caller.stopped_ms < 2 * TAKE_UP_MS


def test_courtesy_behind_an_answer_lets_the_reply_go_on() -> None:
    caller = Caller(at=GOING_ON)
    caller.begins()
    caller.says("bye")
    caller.sounds(200)
    caller.says("please")
    caller.is_quiet(320)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "backchannel")]
    assert caller.stopped_ms < 600


def test_who_goes_on_without_partials_is_waited_for() -> None:
    caller = Caller(at=GOING_ON, has_partials=False)
    caller.begins()
    caller.sounds(3000)
    assert caller.kinds == [("Yield", "speech")]


def test_a_noise_before_the_answer_holds_it_no_longer_than_over_it() -> None:
    caller = Caller(at=GOING_ON)
    caller.begins()
    caller.sounds(3000)
    assert caller.kinds == [("Yield", "speech"), ("TakeUp", "noise")]
    assert caller.stopped_ms <= TAKE_UP_MS + WINDOW_MS
