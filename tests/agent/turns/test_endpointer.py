"""When a turn ends, by callers of all kinds: tables over a simulated line (caller.py)."""

from dataclasses import replace

import pytest

from agent.definition import TurnSettings
from agent.slots.base import Asks, Progress, Reading
from agent.turns import judgement
from agent.turns.completeness import Completeness
from agent.turns.deadlines import FINAL_MS, QUIET_MS, REST_MS, SOUNDS_ON_MS
from agent.turns.endpointing import WHOLES_MS, Endpointer
from agent.turns.gate import SpeechBegan, SpeechWindow
from agent.turns.turn_events import EndOfTurn, ProbableEnd, TakeWords, WentOn
from tests.agent.turns.caller import FOUR, SOME, Line, read

SETTINGS = TurnSettings()
FREE = Asks()
YES_NO = Asks(kind="yes_no")


@pytest.fixture(autouse=True)
def _small_reader_and_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others decide is fixed here: "and" is unfinished, "order" complete, the rest unsure."""
    monkeypatch.setattr(judgement, "read_answer", read)
    monkeypatch.setattr(judgement, "ending_likelihood", likelihood)
    monkeypatch.setattr(judgement, "completeness", lambda text: STEPS[likelihood(text)])


STEPS = {0.0: Completeness.UNFINISHED, 0.5: Completeness.UNSURE, 1.0: Completeness.COMPLETE}


def likelihood(text: str) -> float:
    return {"and": 0.0, "order": 1.0}.get(text.split()[-1], 0.5)


def endpointer(asks: Asks = FREE, settings: TurnSettings = SETTINGS) -> Endpointer:
    made = Endpointer(settings)
    made.asked(asks)
    return made


@pytest.mark.parametrize(
    ("asks", "script", "least_ms", "most_ms", "reason", "text"),
    [
        # A whole answer ends when it is quiet and stands: words come after 150 ms, frames and windows round up.
        (FOUR, "four seven one two", 230, 250, "slot complete", "four seven one two"),
        (FOUR, "four (1200) seven (1200) one (1200) two", 230, 250, "slot complete", "four seven one two"),
        (FOUR, "four seven (4800) one two", 230, 250, "slot complete", "four seven one two"),
        # More words, or corrections, are heard out, with the gaps of flowing speech.
        (FOUR, "four seven one two no (100) four seven one three", 230, 250, "slot complete", None),
        (FOUR, "four seven one two (150) no four seven one three", 230, 250, "slot complete", None),
        # What becomes something else is judged as that.
        (FOUR, "four seven one two please order", 250, 280, "complete", None),
        (FOUR, "four seven one two three", 550, 580, "unsure", None),
        # A part is held, and ends some time.
        (FOUR, "four seven one", 5000, 5030, "slot unfinished", None),
        (FOUR, "um", 5000, 5030, "slot unfinished", None),
        (SOME, "four seven one two", 550, 580, "slot enough", None),
        (SOME, "four seven one two three zero", 230, 250, "slot complete", "four seven one two three zero"),
        # Free speech waits by its words.
        (FREE, "i want to change my order", 250, 280, "complete", None),
        (FREE, "my name is peter", 550, 580, "unsure", None),
        (FREE, "i want to and", 1800, 1830, "unfinished", None),
        (FREE, "i want to and (1500) change my order", 250, 400, "complete", None),
        (Asks(kind="free"), "my name is peter", 550, 580, "unsure", None),
        # No word is understood.
        (FREE, "~ ~", 550, 580, "silence", None),
        (FOUR, "~ ~", 550, 580, "silence", None),
        # Keys.
        (FREE, "<4> <7>", 1500, 1520, "keys", "47"),
        (FREE, "<4> (1300) <7> <#>", 0, 20, "keys", "47"),
        (FOUR, "<4> <7> <1> <2>", 0, 20, "slot complete", "4712"),
        (FOUR, "<4> (3000) <7> <1> <2>", 0, 20, "slot complete", "4712"),
        (FOUR, "<4> <7> <1> <#>", 0, 20, "keys", "471"),
        (FOUR, "<4> <7> <1>", 5000, 5020, "slot unfinished", "471"),
        (SOME, "<4> <7> <1> <2>", 1500, 1520, "keys", "4712"),
        (YES_NO, "<4> <7>", 1500, 1520, "keys", "47"),
        # Keys and speech in one turn.
        (FOUR, "four seven (300) <1> <2>", 0, 20, "slot complete", "four seven 12"),
        (FOUR, "four <7> <1> <2>", 0, 20, "slot complete", "four 712"),
        (FOUR, "<4> <7> one two", 230, 250, "slot complete", "47 one two"),
        (FOUR, "four (2000) <7> (2000) one (2000) two", 230, 250, "slot complete", "four 7 one two"),
        (FREE, "my number order <4> <7>", 1500, 1520, "keys", None),
        (FREE, "<4> <7> (500) my order", 380, 420, "complete", None),
        (FREE, "my order <#>", 0, 20, "keys", None),
        # Who types all of it means that, whatever was said before.
        (FOUR, "four seven <4> <7> <1> <2>", 0, 20, "keys", "4712"),
        (FOUR, "four seven one <4> <7> <1> <2>", 0, 20, "keys", "4712"),
        (FOUR, "four seven one <4>", 1500, 1520, "slot complete", "four seven one 4"),
        (FOUR, "my number (300) <4> <7> <1> <2>", 0, 20, "keys", "4712"),
    ],
)
def test_how_a_turn_ends(asks: Asks, script: str, least_ms: int, most_ms: int, reason: str, text: str | None) -> None:
    told = Line(endpointer(asks)).play(script)
    end = told.ends[0]
    assert end.reason == reason
    assert least_ms <= end.media_ms - told.last_ms <= most_ms
    if text is not None:
        assert end.text == text
    if reason not in ("slot complete", "keys", "slot unfinished"):
        assert end.text is None
    assert len(told.ends) == 1


@pytest.mark.parametrize("smear_ms", [0, 60, 130])
def test_a_whole_answer_ends_as_fast_on_a_noisy_line_once_its_recogniser_is_known(smear_ms: int) -> None:
    """The detector goes on for so long after the last sound."""
    for offset_ms in range(0, 160, 7):
        line = Line(endpointer(FOUR), smear_ms=smear_ms)
        delays = []
        for _ in range(3):
            told = line.play("four seven (400) one two", offset_ms=offset_ms)
            delays.append(told.ends[0].media_ms - told.last_ms)
        assert delays[0] <= 400
        assert max(delays[1:]) <= 270


@pytest.mark.parametrize("lag_ms", [0, 50, 300, 450])
def test_the_lag_is_learnt(lag_ms: int) -> None:
    line = Line(endpointer(FOUR), lag_ms=lag_ms)
    for _ in range(4):
        told = line.play("four seven one two")
        assert len(told.ends) == 1
        assert told.ends[0].reason == "slot complete"
    assert 96 - 8 <= told.ends[0].media_ms - told.last_ms <= max(lag_ms, 96) + 130


@pytest.mark.parametrize("lag_ms", [100, 200, 300])
def test_words_that_are_still_to_come_are_waited_for(lag_ms: int) -> None:
    """ "no" was said after the whole answer, and is not there yet when it is quiet."""
    line = Line(endpointer(FOUR), lag_ms=lag_ms)
    line.play("four seven one two")
    told = line.play("four seven one two no (800) four seven one three")
    assert [(end.reason, end.text) for end in told.ends] == [
        ("slot complete", "four seven one two no four seven one three")
    ]


def test_a_recogniser_without_partials_is_served_by_silence() -> None:
    for asks in (FREE, FOUR):
        told = Line(endpointer(asks), lag_ms=None).play("four seven (300) one two")
        assert [(end.reason, end.text) for end in told.ends] == [("silence", None)]
        assert 550 <= told.ends[0].media_ms - told.last_ms <= 580


def test_a_sound_without_words_is_not_held_though_a_value_was_asked_for() -> None:
    line = Line(endpointer(FOUR))
    line.play("four seven one two")
    told = line.play("~ (2000) four seven one two")
    assert [end.reason for end in told.ends] == ["silence", "slot complete"]
    assert told.ends[0].media_ms < told.last_ms - 4 * 300 - 1000


@pytest.mark.parametrize(
    ("final", "held_ms"),
    [("four seven one two", (2500, 1800, 1800)), ("four seven one", (5000,)), ("", (5000,))],
)
def test_a_recogniser_that_keeps_its_last_word_back_is_held_for_less_each_time(
    final: str, held_ms: tuple[int, ...]
) -> None:
    made = endpointer(FOUR)
    line = Line(made)
    told = line.play("four seven one")
    for wait_ms in held_ms:
        assert [end.reason for end in told.ends] == ["slot unfinished"]
        made.asked(FREE)
        made.final(final)
        made.final("four seven one two")  # of no turn
        made.asked(FOUR)
        told = line.play("four seven one")
        assert wait_ms <= told.ends[0].media_ms - told.last_ms <= wait_ms + 30


def test_a_probable_end_comes_once_in_a_pause_and_is_taken_back() -> None:
    told = Line(endpointer()).play("my name (450) is peter order")
    assert told.kinds == ["ProbableEnd", "WentOn", "ProbableEnd", "EndOfTurn"]
    first, went_on, second, end = told.events
    assert isinstance(first, ProbableEnd)
    assert isinstance(second, ProbableEnd)
    assert (first.reason, second.reason) == ("unsure", "complete")
    assert first.media_ms - first.speech_end_ms >= 275
    assert first.media_ms < went_on.media_ms < second.media_ms < end.media_ms


def test_a_held_turn_is_not_probably_over() -> None:
    assert Line(endpointer(FOUR)).play("four seven").kinds == ["TakeWords", "EndOfTurn"]


def test_a_key_goes_on_too() -> None:
    kinds = Line(endpointer()).play("<4> (1000) <7>").kinds
    assert kinds == ["ProbableEnd", "WentOn", "ProbableEnd", "EndOfTurn"]


def test_a_callers_pauses_are_learnt() -> None:
    """Who pauses for long is given longer; but not for what they typed or for a number's parts."""

    def wait_after(script: str, asks: Asks) -> int:
        made = endpointer(asks)
        line = Line(made)
        for _ in range(4):
            line.play(script)
        made.asked(FREE)
        told = line.play("my name is peter")
        return told.ends[0].media_ms - told.last_ms

    usual = wait_after("my name is peter", FREE)
    assert wait_after("i want to and (1400) and (1400) order", FREE) > usual + 100
    assert wait_after("four (1400) seven (1400) one two", FOUR) == usual
    assert wait_after("<4> (1400) <7>", FREE) == usual


def test_only_long_pauses_of_who_gives_a_value_piece_by_piece_tell_anything() -> None:
    def wait_after(script: str) -> int:
        made = endpointer(Asks(kind="digits"))
        told = Line(made).play(script)
        assert [end.reason for end in told.ends] == ["slot enough"]
        return told.ends[0].media_ms - told.last_ms

    usual = wait_after("four seven one")
    assert usual > SETTINGS.trailing_ms + 300
    assert abs(wait_after("four (300) seven (300) one (300) two") - usual) <= 30
    assert wait_after("four (900) seven (900) one (900) two") > usual + 100


def test_who_goes_on_at_once_after_an_end_was_cut_off_and_that_is_learnt() -> None:
    made = endpointer()
    line = Line(made)
    told = line.play("my name (700) is peter", then_ms=2000)
    assert len(told.ends) == 2
    assert told.waits_ms[1] > told.waits_ms[0] == SETTINGS.trailing_ms


def test_who_answers_later_was_not_cut_off() -> None:
    made = endpointer()
    line = Line(made)
    told = line.play("my name (1100) is peter", then_ms=2000)
    assert len(told.ends) == 2
    assert told.waits_ms == [SETTINGS.trailing_ms] * 2


@pytest.mark.parametrize("pauses", ["", "(300) ", "(900) "])
def test_a_last_word_that_is_kept_back_is_taken_in_the_pause(pauses: str) -> None:
    line = Line(endpointer(FOUR), keeps_back=True)
    told = line.play(f"four seven {pauses}one two")
    assert [(end.reason, end.text) for end in told.ends] == [("slot complete", "four seven one two")]
    assert told.ends[0].media_ms - told.last_ms <= REST_MS + 30
    assert told.kinds.count("TakeWords") == (2 if "900" in pauses else 1)


def test_where_the_last_word_changes_nothing_the_turn_stays_held() -> None:
    told = Line(endpointer(FOUR), keeps_back=True).play("four seven (3000) one two")
    assert [(end.reason, end.text) for end in told.ends] == [("slot complete", "four seven one two")]
    told = Line(endpointer(FOUR), keeps_back=True).play("four seven")
    assert [(end.reason, end.text) for end in told.ends] == [("slot unfinished", None)]
    assert SETTINGS.hold_ms <= told.ends[0].media_ms - told.last_ms <= SETTINGS.hold_ms + 30


# --- by hand --------------------------------------------------------------------------------------------------------


def opened(asks: Asks = FOUR, settings: TurnSettings = SETTINGS) -> Endpointer:
    made = endpointer(asks, settings)
    made.began(SpeechBegan(1000, 1096))
    return made


def quiet(made: Endpointer, from_ms: int, to_ms: int) -> list[object]:
    """Quiet windows after `from_ms`."""
    return [made.window(SpeechWindow(False, at_ms)) for at_ms in range(from_ms + 32, to_ms + 1, 32)]


def test_a_whole_answer_ends_in_the_call_in_which_it_stands() -> None:
    made = opened()
    assert made.window(SpeechWindow(True, 1128)) is None
    assert quiet(made, 1128, 1160) == [None]
    assert made.partial("4712", 1190) is None
    assert quiet(made, 1160, 1192) == [ProbableEnd(1128, 1192, "slot complete", waits_ms=142)]
    assert made.tick(1269) is None
    assert made.tick(1270) == EndOfTurn(1128, 1270, "slot complete", "4712")
    assert made.tick(1271) is None


def test_a_whole_answer_that_comes_late_ends_when_it_has_stood() -> None:
    made = opened()
    made.partial("47", 1100)
    quiet(made, 1096, 2500)
    assert made.partial("4712", 2501) == ProbableEnd(1096, 2501, "slot complete", waits_ms=2581 - 1096)
    assert made.tick(2580) is None
    assert made.tick(2581) == EndOfTurn(1096, 2581, "slot complete", "4712")


def test_a_quiet_window_is_quiet_though_the_detector_calls_it_speech() -> None:
    made = opened()
    made.partial("4712", 1100)
    ends = [made.window(SpeechWindow(True, at_ms, quiet=True)) for at_ms in range(1128, 1500, 32)]
    assert EndOfTurn(1096, 1352, "slot complete", "4712") in ends


def test_speech_that_goes_on_ends_no_whole_answer_while_words_come() -> None:
    made = opened()
    for at_ms in range(1128, 12_000, 32):
        assert made.partial("4712" if at_ms // 1000 % 2 else "4713", at_ms) is None
        assert made.window(SpeechWindow(True, at_ms)) is None


@pytest.mark.parametrize(
    ("text", "silence_ms", "reason"), [("4712", QUIET_MS, "slot complete"), ("47", SETTINGS.hold_ms, "slot unfinished")]
)
def test_noise_that_never_ends_holds_no_turn_whose_words_have_long_stood(
    text: str, silence_ms: int, reason: str
) -> None:
    made = opened()
    made.partial(text, 1100)
    due_ms = 1100 + SOUNDS_ON_MS + silence_ms
    ends = [event for at_ms in range(1128, due_ms + 64, 32) if (event := made.window(SpeechWindow(True, at_ms)))]
    assert [(type(event), event.reason) for event in ends if not isinstance(event, WentOn)][-1] == (EndOfTurn, reason)
    assert due_ms <= ends[-1].media_ms < due_ms + 32


def test_noise_that_never_ends_holds_no_free_speech() -> None:
    made = opened(Asks())
    made.partial("where is my parcel", 1100)
    ends = [event for at_ms in range(1128, 20_000, 32) if (event := made.window(SpeechWindow(True, at_ms)))]
    end = next(event for event in ends if isinstance(event, EndOfTurn))
    assert SOUNDS_ON_MS <= end.media_ms - 1100 <= SOUNDS_ON_MS + SETTINGS.max_trailing_ms + 32


def test_words_that_change_must_stand_again() -> None:
    made = opened()
    made.partial("4712", 1100)
    quiet(made, 1096, 1300)
    made.partial("4713", 1310)
    assert made.tick(1389) is None
    assert made.partial("471", 1389) is None
    assert made.tick(3000) == TakeWords(1096, 3000)
    assert made.tick(1096 + SETTINGS.hold_ms - 1) is None
    assert made.tick(1096 + SETTINGS.hold_ms) == EndOfTurn(1096, 1096 + SETTINGS.hold_ms, "slot unfinished")


def test_words_that_never_stand_do_not_hold_an_answer_for_ever_and_are_not_taken() -> None:
    made = opened()
    ends = []
    for at in range(100):
        ends += [made.partial(f"471{at % 2}", 1100 + 32 * at), made.window(SpeechWindow(False, 1128 + 32 * at))]
    end = next(end for end in ends if isinstance(end, EndOfTurn))
    assert end.text is None
    assert 550 <= end.media_ms - 1096 <= 590


def test_an_answer_that_is_whole_and_is_not_over_a_sound_without_end_is_whole() -> None:
    """A recogniser that takes its last word back again and again, over a noise."""
    made = opened()
    ends = []
    for at in range(300):
        ends += [made.partial("four seven one two" if at // 10 % 2 else "four seven one", 1100 + 32 * at)]
        ends += [made.window(SpeechWindow(True, 1128 + 32 * at))]
    end = next(end for end in ends if isinstance(end, EndOfTurn))
    assert end.reason == "slot complete"
    assert WHOLES_MS <= end.media_ms - 1100 <= WHOLES_MS + 1500


def test_who_corrects_a_number_in_quick_speech_is_heard_out() -> None:
    made = opened()
    for at in range(60):
        ended = made.partial("four seven one two" if at % 4 > 1 else "four seven one", 1100 + 32 * at)
        assert not isinstance(ended, EndOfTurn)
        assert not isinstance(made.window(SpeechWindow(True, 1128 + 32 * at)), EndOfTurn)


def test_free_speech_ends_as_soon_as_its_words_are_there_and_need_not_see_them_stand() -> None:
    made = opened(FREE)
    made.partial("my", 1050)
    quiet(made, 1096, 1352)
    assert made.partial("my order", 1360) == EndOfTurn(1096, 1360, "complete", None)  # min_trailing_ms: 1346


def test_free_speech_is_not_held_by_words_that_never_stand() -> None:
    made = opened(FREE)
    ends = []
    for at in range(100):
        ends += [made.partial(f"my {at} order", 1100 + 32 * at), made.window(SpeechWindow(False, 1128 + 32 * at))]
    end = next(end for end in ends if isinstance(end, EndOfTurn))
    assert (end.reason, 250 <= end.media_ms - 1096 <= 290) == ("complete", True)


def test_after_a_yes_more_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "read_answer", lambda asks, text: Reading(Progress.WHOLE, "yes"))
    told = Line(endpointer(YES_NO)).play("yes (230) please")
    assert [(end.reason, end.text) for end in told.ends] == [("slot complete", None)], "a yes waits for its final"
    assert SETTINGS.min_trailing_ms <= told.ends[0].media_ms - told.last_ms <= SETTINGS.min_trailing_ms + 40


def test_an_empty_partial_is_no_sign_of_a_recogniser_that_gives_words() -> None:
    made = opened(FOUR)
    made.partial(" ", 1100)
    ends = [event for event in quiet(made, 1096, 2000) if isinstance(event, EndOfTurn)]
    assert [end.reason for end in ends] == ["silence"]
    assert ends[0].media_ms <= 1096 + SETTINGS.trailing_ms + 32


def test_marks_and_capitals_are_no_change() -> None:
    made = opened()
    made.partial("four seven one two", 1180)
    quiet(made, 1096, 1192)
    assert made.partial("Four seven one two.", 1250) is None
    assert made.tick(1260) == EndOfTurn(1096, 1260, "slot complete", "Four seven one two.")


def test_where_no_audio_comes_nobody_is_known_to_be_silent() -> None:
    """A stall of the line ends a whole answer no sooner than silence would."""
    made = opened()
    made.partial("4712", 1100)
    made.window(SpeechWindow(True, 1128))
    assert made.tick(1128 + 549) == ProbableEnd(1128, 1677, "slot complete", waits_ms=550)
    assert made.tick(1128 + 550) == EndOfTurn(1128, 1678, "slot complete", "4712")


def test_time_does_not_run_backwards() -> None:
    made = opened(FREE)
    made.tick(1400)
    made.window(SpeechWindow(True, 1128))
    assert made.tick(1200) in (None, ProbableEnd(1128, 1403, "silence", waits_ms=550))
    event = made.tick(100_000)
    assert isinstance(event, EndOfTurn)
    assert event.media_ms == 100_000
    assert event.speech_end_ms == 1128


def test_a_turn_has_a_longest_duration() -> None:
    made = opened(FOUR, replace(SETTINGS, max_turn_ms=3200))
    ends = [made.window(SpeechWindow(True, at_ms)) for at_ms in range(1128, 5000, 32)]
    assert [end for end in ends if end is not None] == [EndOfTurn(4200, 4200, "max")]


def test_a_new_turn_knows_nothing_of_the_last_but_its_text_remains_with_the_lead() -> None:
    made = opened()
    made.partial("47", 1100)
    last = made.said
    made.close()
    assert made.partial("4712", 1200) is None
    made.began(SpeechBegan(3000, 3096))
    assert made.said.text == ""
    assert (last.text, last.final("four seven")) == ("47", "four seven")


def resting() -> Endpointer:
    """Within "four seven ...", where the words have been asked for."""
    made = opened()
    made.partial("four", 1100)
    assert TakeWords(1096, 1608) in quiet(made, 1096, 1608)
    return made


def test_words_are_taken_once_in_a_pause() -> None:
    made = resting()
    assert quiet(made, 1608, 3000) == [None] * 43
    assert made.window(SpeechWindow(True, 3032)) is None
    assert [event for event in quiet(made, 3032, 4000) if event] == [TakeWords(3032, 3544)]


@pytest.mark.parametrize("text", [None, "four", "four seven"])
def test_a_final_text_that_brings_no_whole_answer_or_none_at_all_holds_the_turn(text: str | None) -> None:
    made = resting()
    assert made.taken(text, 1700) is None
    assert made.said.text == (text or "four")
    assert made.taken("four seven one two", 1800) is None, "it was not asked for again"
    assert made.tick(1096 + SETTINGS.hold_ms - 1) is None
    assert made.tick(1096 + SETTINGS.hold_ms) == EndOfTurn(1096, 1096 + SETTINGS.hold_ms, "slot unfinished")


def test_a_final_text_that_makes_the_answer_whole_ends_the_turn() -> None:
    assert resting().taken("4712", 1700) == EndOfTurn(1096, 1700, "slot complete", "4712")


def test_words_after_the_pause_stand_behind_those_that_were_taken() -> None:
    made = resting()
    made.taken("four seven", 1700)
    made.window(SpeechWindow(True, 2000))
    made.partial("one", 2100)
    assert made.said.text == "four seven one"


def test_a_final_text_that_comes_when_the_caller_has_gone_on_ends_nothing_that_is_being_said() -> None:
    made = resting()
    made.window(SpeechWindow(True, 1700))
    assert made.earlier(1, "four seven one two", 1710) is None
    assert made.window(SpeechWindow(True, 1732)) is None
    made.partial("no", 1800)
    assert made.said.text == "four seven one two no"
    made.earlier(1, "four seven one", 1810)
    assert made.said.text == "four seven one no"


@pytest.mark.parametrize(("text", "wait_ms"), [(None, 20), ("", 20)])
def test_a_sound_without_words_waits_for_its_final_text_a_while(text: str | None, wait_ms: int) -> None:
    made = endpointer(FOUR)
    Line(made).play("four seven one two")
    made.began(SpeechBegan(20_000, 20_096))
    assert TakeWords(20_096, 20_608) in quiet(made, 20_096, 20_608)
    assert made.tick(20_096 + REST_MS + FINAL_MS - 1) is None
    end = made.taken(text, 20_096 + REST_MS + FINAL_MS - 1)
    assert isinstance(end, EndOfTurn)
    assert end.reason == "silence"


def test_a_sound_without_words_does_not_wait_for_ever() -> None:
    made = endpointer(FOUR)
    Line(made).play("four seven one two")
    made.began(SpeechBegan(20_000, 20_096))
    ends = [event for event in quiet(made, 20_096, 22_000) if isinstance(event, EndOfTurn)]
    assert [end.reason for end in ends] == ["silence"]
    assert ends[0].media_ms <= 20_096 + REST_MS + FINAL_MS + 32


def test_what_is_asked_within_a_turn_counts_at_once() -> None:
    made = opened(FREE)
    made.partial("four seven one two", 1100)
    made.asked(FOUR)
    ends = [event for event in quiet(made, 1096, 2000) if isinstance(event, EndOfTurn)]
    assert [(end.reason, end.text) for end in ends] == [("slot complete", "four seven one two")]
    assert ends[0].media_ms < 1096 + SETTINGS.trailing_ms


@pytest.mark.parametrize("junk", ["#", "A", "x", "", "\u0663"])
def test_what_is_no_key_opens_no_turn(junk: str) -> None:
    made = endpointer()
    assert made.keys(junk, 1000) is None
    assert not made.open


def test_keys_at_one_moment() -> None:
    made = endpointer()
    assert made.keys("47#1", 1000) == EndOfTurn(1000, 1000, "keys", "47", by_keys=True)
    assert made.said.text == "1"
    assert made.tick(2500) == EndOfTurn(1000, 2500, "keys", "1", by_keys=True)


def test_a_hash_ends_a_turn_that_was_spoken() -> None:
    made = opened()
    made.partial("four seven", 1100)
    assert made.keys("#", 1150) == EndOfTurn(1096, 1150, "keys", None)


def test_an_entry_that_is_an_answer_alone_is_by_keys_whatever_was_said_before_it() -> None:
    made = opened(asks=FOUR)
    made.partial("four seven", 1100)
    assert made.keys("4712", 1150) == EndOfTurn(1150, 1150, "keys", "4712", by_keys=True)


def test_a_stuck_key_ends_by_itself() -> None:
    made = endpointer()
    events = [made.keys("5", 1000 + 50 * at) for at in range(40)]
    assert events[31] == EndOfTurn(1000 + 50 * 31, 1000 + 50 * 31, "keys", "5" * 32, by_keys=True)


def test_the_tone_of_a_key_is_no_speech_after_it() -> None:
    """In-band tones open the gate or sound in it; the word before them comes after the key."""
    made = opened()
    made.window(SpeechWindow(False, 1128))
    made.keys("7", 1150)
    made.window(SpeechWindow(True, 1160))
    made.partial("four", 1200)
    assert made.said.text == "four 7"
    made.window(SpeechWindow(True, 1480))
    made.partial("four one", 1600)
    assert made.said.text == "four 7 one"
