"""The caller's conversation, frame by frame, against agents written as tables of bursts."""

import itertools

import pytest

from telephony import g711
from telephony.media_stream.carrier import Gap
from telephony.sandbox.clip import Clip
from telephony.sandbox.ear import Ear, audible
from telephony.sandbox.report import CallReport, Utterance, ear_report, pacing_report, served, spoken_reports
from telephony.sandbox.script import Drop, HangUp, Keys, Pause, Say, SayWords, Script, Step, WaitForHangUp
from telephony.sandbox.talker import FRAME_MS, Spoken, Talker, line_noise

LOUD = b"\x80"  # mu-law full scale


def clip(ms: int, before_ms: int = 0, after_ms: int = 0) -> Clip:
    ulaw = g711.silence(before_ms) + LOUD * (8 * ms) + g711.silence(after_ms)
    return Clip(ulaw, before_ms, before_ms + ms)


def run(steps: list[Step], agent: list[tuple[int, int]], until_ms: int = 60_000) -> tuple[Talker, Ear, bytes, list]:
    """Plays `agent`'s bursts to a talker; returns it, its ear, all it sent, and the keys with their times."""
    ear = Ear()
    talker = Talker(Script("s", tuple(steps)), ear, noise=False)
    sent, keys = bytearray(), []
    for now in range(0, until_ms, FRAME_MS):
        for start, end in agent:
            piece_start, piece_end = max(start, now - FRAME_MS), min(end, now)
            if piece_start < piece_end:
                ear.hear(piece_start, LOUD * (8 * (piece_end - piece_start)))
        sent += talker.frame(now)
        keys += [(key, now) for key in talker.take_keys()]
        if talker.ended:
            break
    return talker, ear, bytes(sent), keys


def test_speaks_after_the_greeting_and_hangs_up_after_the_answer() -> None:
    talker, ear, sent, _ = run([Say(clip(500, 40, 100), "hello")], [(100, 1000), (2500, 3000)])
    said = talker.spoken[0]
    assert 1300 <= said.speech_start_ms - 40 <= 1320
    assert said.speech_end_ms == said.speech_start_ms + 500
    assert sent.find(LOUD) == said.speech_start_ms * 8
    assert sent.count(LOUD) == 4000
    assert len(sent) // 8 - 3000 in range(600, 661)
    assert talker.ended == "hang up"
    assert talker.errors == []
    report = spoken_reports(talker.spoken, ear)[0]
    assert report.answer_ms == 2500
    assert report.voice_to_voice_ms == 2500 - said.speech_end_ms


def test_a_pause_shorter_than_asked_is_not_the_end() -> None:
    talker, _, _, _ = run([Say(clip(100), after_ms=500)], [(0, 1000), (1400, 2000)])
    assert 2500 <= talker.spoken[0].speech_start_ms <= 2520


def test_audible_audio_still_in_the_buffer_is_not_the_end() -> None:
    ear = Ear()
    talker = Talker(Script("s", (Say(clip(100)),)), ear)
    ear.hear(0, LOUD * 800)
    talker.buffer_audible = lambda: True
    for now in range(0, 5000, FRAME_MS):
        talker.frame(now)
    assert talker.spoken == []
    talker.buffer_audible = lambda: False
    talker.frame(5000)
    assert len(talker.spoken) == 1


def test_gives_up_waiting_for_an_answer() -> None:
    talker, _, _, _ = run([Say(clip(100), wait_s=2), Say(clip(100), wait_s=3)], [])
    first, second = talker.spoken
    assert 2000 <= first.speech_start_ms <= 2020
    assert 3000 <= second.speech_start_ms - first.speech_end_ms <= 3020


def test_interrupts_so_long_into_the_answer() -> None:
    steps: list[Step] = [Say(clip(100)), Say(clip(400), interrupt_after_ms=1000)]
    talker, ear, _, _ = run(steps, [(0, 500), (1500, 2650), (3500, 4000)])
    second = talker.spoken[1]
    assert second.interrupted
    assert 2500 <= second.speech_start_ms <= 2540
    report = spoken_reports(talker.spoken, ear)[1]
    assert report.barge_in_stop_ms == 2650 - second.speech_start_ms
    assert report.answer_ms == 3500
    assert not report.talked_over


def test_an_answer_too_short_to_interrupt_is_noted() -> None:
    steps: list[Step] = [Say(clip(100)), Say(clip(400), interrupt_after_ms=1000)]
    talker, _, _, _ = run(steps, [(0, 500), (1500, 1800)])
    assert not talker.spoken[1].interrupted
    assert 2100 <= talker.spoken[1].speech_start_ms <= 2120
    assert "was to interrupt" in talker.notes[0]


def test_keys_at_their_gap() -> None:
    talker, _, _, keys = run([Keys("471", key_gap_ms=250), HangUp()], [(0, 500)])
    assert [key for key, _ in keys] == ["4", "7", "1"]
    times = [at for _, at in keys]
    assert 800 <= times[0] <= 820
    assert [b - a for a, b in itertools.pairwise(times)] == [260, 260]  # the next frame after 250
    assert not talker.spoken[0].expects_answer
    assert talker.ended == "hang up"


def test_pause_drop_and_hang_up() -> None:
    talker, _, sent, _ = run([Pause(500), Drop()], [])
    assert (talker.ended, len(sent) // 8) == ("drop", 520)
    assert not talker.steps_left
    talker, _, sent, _ = run([HangUp(after_ms=200)], [(0, 1000)])
    assert (talker.ended, len(sent) // 8 in range(1200, 1241)) == ("hang up", True)


def test_waiting_for_a_hang_up_ends_in_words() -> None:
    talker, _, sent, _ = run([WaitForHangUp(wait_s=1)], [(0, 700)])
    assert talker.errors == ["the agent did not hang up: 1 s of silence"]
    assert len(sent) // 8 in range(1700, 1741)


def test_the_ear_joins_words_and_parts_answers() -> None:
    ear = Ear()
    ear.hear(0, g711.silence(50) + LOUD * 80 + g711.silence(190) + LOUD * 80 + g711.silence(210) + LOUD)
    assert [(b.start_ms, b.end_ms) for b in ear.bursts] == [(50, 260), (470, 470.125)]
    assert ear.speaking_at(259) is ear.bursts[0]
    assert ear.speaking_at(300) is None


def test_noise_and_silence_are_not_audible() -> None:
    assert not audible(g711.silence(20))
    assert not any(audible(frame) for frame in line_noise())
    assert len(line_noise()) == 50
    assert audible(g711.silence(20) + g711.pcm_to_ulaw((200).to_bytes(2, "little")))


def test_false_starts_and_early_answers() -> None:
    ear = Ear()
    for start, end in ((0, 500), (1200, 1400), (1900, 2500), (3000, 3500)):
        ear.hear(start, LOUD * (8 * (end - start)))
    # Speech from 1000 to 2000: the burst at 1200 gave way, the one at 1900 came early and stayed.
    report = spoken_reports([Spoken("x", "voice", 1000, 2000), Spoken("y", "voice", 2600, 2700)], ear)
    assert (report[0].answer_ms, report[0].voice_to_voice_ms, report[0].talked_over) == (1900, -100, True)
    assert (report[1].answer_ms, report[1].voice_to_voice_ms) == (3000, 300)
    unanswered = spoken_reports([Spoken("x", "voice", 2600, 2700), Spoken("y", "voice", 2800, 2900)], ear)
    assert unanswered[0].answer_ms is None  # what came after the next words answers those


def test_late_audio_counts_only_while_the_caller_is_silent() -> None:
    gaps = [Gap(1000, 40), Gap(2000, 100), Gap(5000, 1001)]
    report = ear_report(gaps, 960, [Spoken("x", "voice", 2050, 2080)])
    assert (report.late_ms, report.late_share, report.worst_gap_ms, report.gaps) == (40, 0.04, 40, 1)
    assert ear_report([], 0, []).late_share == 0


def test_pacing_percentile() -> None:
    report = pacing_report([float(n) for n in range(200)])
    assert (report.frames, report.p99_ms, report.max_ms) == (200, 197.0, 199.0)


def test_served_needs_an_answer_to_each_and_a_clean_end() -> None:
    ear = Ear()
    ear.hear(0, LOUD * 800)
    ear.hear(1000, LOUD * 800)
    report = CallReport("CA", "", "", "", ended_by="agent hung up", greeting_ms=0)
    report.spoken = spoken_reports([Spoken("x", "voice", 500, 700)], ear)
    assert served(report)
    report.ended_by = "rejected"
    assert not served(report)
    report.ended_by = "caller hung up"
    report.errors = ["odd"]
    assert not served(report)
    report.errors = []
    report.spoken = spoken_reports([Spoken("x", "voice", 500, 700), Spoken("y", "voice", 2000, 2100)], ear)
    assert not served(report)
    report.spoken = spoken_reports([Spoken("x", "voice", 2000, 2100, expects_answer=False)], ear)
    assert served(report)


def spoken_on_three_streams(step: Step, ends_ms: list[int]) -> Talker:
    """A talker whose agent says something at each stream's beginning; the streams end at these times."""
    ear = Ear()
    talker = Talker(Script("s", (step, WaitForHangUp())), ear, noise=False)
    now = 0
    for end in ends_ms:
        talker.stream_begins(now)
        ear.hear(now, LOUD * 800)
        while now < end and not talker.ended:
            talker.frame(now)
            now += FRAME_MS
        now += 400  # until the next stream is there
    return talker


@pytest.mark.parametrize(("lost", "answered", "times"), [(True, False, 2), (True, True, 1), (False, False, 1)])
def test_words_without_an_answer_are_said_again_when_the_stream_broke(lost: bool, answered: bool, times: int) -> None:
    ear = Ear()
    talker = Talker(Script("s", (Say(clip(400), "hello"), WaitForHangUp(wait_s=60))), ear, noise=False)
    ear.hear(0, LOUD * 800)
    for now in range(0, 1200, FRAME_MS):
        talker.frame(now)
    if answered:
        ear.hear(1200, LOUD * 800)
    if lost:
        talker.stream_lost()
    talker.stream_begins(1500)
    ear.hear(1500, LOUD * 800)
    for now in range(1500, 4000, FRAME_MS):
        talker.frame(now)
    assert [said.text for said in talker.spoken] == ["hello"] * times


def test_a_step_cut_off_by_the_streams_end_is_said_again() -> None:
    talker = spoken_on_three_streams(Say(clip(1000), "hello"), [700, 4000])
    first, second = talker.spoken
    assert (first.text, first.speech_end_ms, first.expects_answer) == ("hello", 700, False)
    assert (second.text, second.speech_end_ms - second.speech_start_ms) == ("hello", 1000)
    assert second.expects_answer
    assert talker.notes == ["the stream ended while the caller said 'hello': said again"]
    assert talker.errors == []


def test_but_only_once() -> None:
    talker = spoken_on_three_streams(Say(clip(1000), "hello"), [700, 1700, 5000])
    assert len(talker.spoken) == 2
    assert "not said a third time" in talker.errors[0]
    assert [type(step) for step in talker.unspoken()] == [WaitForHangUp]


def test_what_was_said_to_its_end_is_not_said_again() -> None:
    talker = spoken_on_three_streams(Say(clip(200, after_ms=2000), "hello"), [900, 4000])
    assert len(talker.spoken) == 1
    assert talker.spoken[0].expects_answer
    assert talker.notes == []


def test_keys_half_pressed_are_pressed_again() -> None:
    talker = spoken_on_three_streams(Keys("4711", key_gap_ms=200), [700, 4000])
    assert [said.text for said in talker.spoken] == ["keys 4711", "keys 4711"]
    assert "".join(talker.take_keys()) == "4711"  # those of the second stream; the leg had taken the first ones


def test_words_without_a_recording_cannot_be_said_to_a_stream() -> None:
    talker, _, sent, _ = run([SayWords("hello"), HangUp()], [(0, 100)])
    assert talker.ended == "hang up"
    assert LOUD not in sent
    assert len(talker.errors) == 1
    assert "say_text = 'hello' has no sound, and this is a media stream: start the service with" in talker.errors[0]
    assert not talker.steps_left


def test_words_among_recordings_are_passed_over_in_a_stream() -> None:
    talker, _, _, _ = run([SayWords("hello"), Say(clip(100)), HangUp()], [(0, 100)])
    assert talker.errors == [
        "say_text = 'hello' has no sound, and this is a media stream: give the step a recording (say)"
    ]
    assert len(talker.spoken) == 1


@pytest.mark.parametrize(
    ("conversation", "ok"),
    [
        ([("agent", "say")], True),
        ([("agent", "say"), ("caller", "speech"), ("agent", "say")], True),
        ([("agent", "say"), ("caller", "speech"), ("agent", "dial")], True),
        ([("agent", "say"), ("caller", "speech")], False),
        ([("agent", "say"), ("caller", "speech"), ("twilio", "notice")], False),
        ([("agent", "say"), ("caller", "speech"), ("caller", "keys"), ("agent", "say")], False),
        ([("agent", "say"), ("caller", "last words")], True),
        ([("agent", "say"), ("caller", "unheard"), ("agent", "say")], False),
        ([("twilio", "notice")], False),
        ([], False),
    ],
)
def test_served_turn_by_turn(conversation: list[tuple[str, str]], ok: bool) -> None:
    report = CallReport("CA", "", "", "", ended_by="agent hung up", gathers=1)
    report.conversation = [
        Utterance(0, who, by, "x", heard=by != "unheard", expects_answer=by != "last words") for who, by in conversation
    ]
    assert served(report) is ok
    report.ended_by = "error 11200: …"
    assert not served(report)
