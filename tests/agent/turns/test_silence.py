"""The caller's silence, by table."""

from agent.turns.silence import CallerSilence, SilencePrompt


def test_prompts_come_after_each_silence_and_the_one_too_many_is_the_last() -> None:
    silence = CallerSilence(no_input_ms=7000, max_no_input=2)
    silence.floor_opened(1000)
    assert silence.tick(7999) is None
    assert silence.tick(8000) == SilencePrompt(1, last=False)
    silence.floor_opened(10_000)
    assert silence.tick(16_999) is None
    assert silence.tick(17_000) == SilencePrompt(2, last=False)
    silence.floor_opened(20_000)
    assert silence.tick(30_000) == SilencePrompt(3, last=True)


def test_an_answer_makes_the_next_prompt_a_first_one() -> None:
    silence = CallerSilence(no_input_ms=1000, max_no_input=0)
    assert silence.tick(1000) == SilencePrompt(1, last=True)
    silence.caller_answered()
    silence.floor_opened(5000)
    assert silence.tick(5999) is None
    assert silence.tick(6000) == SilencePrompt(1, last=True)


def test_noise_is_no_answer() -> None:
    """The floor opens again after it, but the prompts are still counted."""
    silence = CallerSilence(no_input_ms=1000, max_no_input=1)
    assert silence.tick(1000) == SilencePrompt(1, last=False)
    silence.floor_opened(1500)
    assert silence.tick(2500) == SilencePrompt(2, last=True)
