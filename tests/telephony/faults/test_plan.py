"""Files of faults: every key, every mistake with its line; and the patterns that come with Offhook."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import LocalError
from telephony.faults.kinds import (
    Burst,
    Delay,
    Drop,
    Duplicate,
    LineFault,
    LlmFault,
    Lose,
    Reorder,
    Skew,
    Stall,
    SttFault,
    ToolFault,
    TtsFault,
    Which,
    Window,
)
from telephony.faults.plan import FaultPlan, load_faults, named_faults


def load(folder: Path, text: str) -> FaultPlan:
    file = folder / "f.toml"
    file.write_text(text)
    return load_faults(str(file))


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('kind = "lose"\nlose = [0, 1]', Lose((0, 1))),
        ('kind = "lose"\nlose = [1]\nfrom_ms = 40\nto_ms = 80', Lose((1,), Window(40, 80))),
        ('kind = "delay"\ndelays_ms = [0, 40]', Delay((0, 40))),
        ('kind = "reorder"\norder = [1, 0]', Reorder((1, 0))),
        ('kind = "burst"\nframes = 5', Burst(5)),
        ('kind = "duplicate"\nduplicate = [0, 1]', Duplicate((0, 1))),
        ('kind = "skew"\nppm = -300', Skew(-300)),
        ('kind = "stall"\nto_ms = 500\nevery_ms = 4000', Stall(Window(0, 500, 4000))),
        ('kind = "drop"\nfrom_ms = 900', Drop("close", Window(900))),
        ('kind = "drop"\nhow = "silence"\nto_ms = 900', Drop("silence", Window(0, 900))),
    ],
)
def test_a_fault_of_the_line(tmp_path: Path, keys: str, fault: LineFault) -> None:
    plan = load(tmp_path, f'description = "what it is"\n[[line]]\n{keys}\n')
    assert plan.line_faults == (fault,)
    assert (plan.name, plan.description) == ("f", "what it is")
    assert (plan.of_line, plan.of_engines) == (True, False)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 10_000, "a = " + "{b=" * 50_000])
def test_toml_that_nobody_writes_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "faults.toml").write_text(text)
    with pytest.raises(LocalError, match=r"faults\.toml: this is TOML that nobody writes"):
        load_faults(tmp_path / "faults.toml")


def test_lists_made_from_a_seed_are_expanded_when_they_are_read(tmp_path: Path) -> None:
    plan = load(
        tmp_path,
        '[[line]]\nkind = "lose"\nlose = { percent = 10, mean_burst = 2, seed = 3, length = 500 }\n'
        '[[line]]\nkind = "delay"\ndelays_ms = { percent = 50, up_to_ms = 60, seed = 3, length = 400 }\n',
    )
    lose, delay = plan.line_faults
    assert isinstance(lose, Lose)
    assert isinstance(delay, Delay)
    assert (len(lose.lose), len(delay.delays_ms)) == (500, 400)
    assert set(lose.lose) == {0, 1}
    assert plan == load(tmp_path, (tmp_path / "f.toml").read_text())


def test_faults_of_engines_and_tools(tmp_path: Path) -> None:
    plan = load(
        tmp_path,
        """
        [[stt]]
        fault = "silent"
        from = 2
        [[stt]]
        fault = "slow"
        delay_ms = 900
        [[llm]]
        fault = "stall"
        after = 3
        for_s = 2.5
        turn = 2
        [[tts]]
        fault = "dies"
        after_ms = 450
        [[tool]]
        name = "find_order"
        fault = "slow"
        delay_ms = 1500
        """,
    )
    assert plan.stt_faults == (SttFault("silent", Which(2)), SttFault("slow", Which(), 900))
    assert plan.llm_faults == (LlmFault("stall", Which(turn=2), after=3, for_ms=2500),)
    assert plan.tts_faults == (TtsFault("dies", Which(), after_ms=450),)
    assert plan.tool_faults == (ToolFault("find_order", "slow", 1500),)
    assert (plan.of_line, plan.of_engines) == (False, True)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("[[line]\n", 1, "not valid TOML"),
        ("", 1, "no fault is in this file"),
        ('[[lime]]\nkind = "lose"\n', 1, "did you mean 'line'?"),
        ('[[line]]\nkind = "lost"\n', 2, "did you mean 'lose'?"),
        ("[[line]]\nfrom_ms = 3\n", 1, "'kind' is missing"),
        ('[line]\nkind = "lose"\n', 1, "written as [[line]]"),
        ('[[line]]\nkind = "lose"\n', 1, "lose is missing"),
        ('[[line]]\nkind = "lose"\nlose = [0, 2]\n', 3, "write a list of 0 to 1"),
        ('[[line]]\nkind = "lose"\nlose = []\n', 3, "write a list of 0 to 1"),
        ('[[line]]\nkind = "lose"\nlose = { percent = 5 }\n', 3, "seed is missing"),
        ('[[line]]\nkind = "lose"\nlose = { percent = 99, seed = 1 }\n', 3, "from 0 to 90"),
        ('[[line]]\nkind = "lose"\nlose = { percent = 9, seed = 1, burst = 2 }\n', 3, "unknown key"),
        ('[[line]]\nkind = "delay"\ndelays_ms = [-1]\n', 3, "write a list of 0 to 10000"),
        ('[[line]]\nkind = "reorder"\norder = [0, 2]\n', 3, "each of 0 to 1 once"),
        ('[[line]]\nkind = "burst"\n', 1, "frames is missing"),
        ('[[line]]\nkind = "skew"\n', 1, "ppm is missing"),
        ('[[line]]\nkind = "skew"\nppm = 60000\n', 3, "from -50000 to 50000"),
        ('[[line]]\nkind = "stall"\n', 1, "to_ms is missing"),
        ('[[line]]\nkind = "stall"\nfrom_ms = 9\nto_ms = 5\n', 4, "more than from_ms"),
        ('[[line]]\nkind = "stall"\nto_ms = 500\nevery_ms = 400\n', 4, "no less than to_ms"),
        ('[[line]]\nkind = "drop"\nto_ms = 500\n', 3, "does not come back"),
        ('[[line]]\nkind = "drop"\nhow = "loud"\n', 3, "how"),
        ('[[line]]\nkind = "skew"\nppm = 1\n\n[[line]]\nkind = "burst"\nframe = 3\nframes = 3\n', 7, "'frames'?"),
        ('[[stt]]\nfault = "deaf"\n', 2, "silent"),
        ('[[stt]]\nfault = "slow"\n', 1, "delay_ms is missing"),
        ('[[stt]]\nfault = "silent"\nturn = 2\nfrom = 2\n', 4, "not both"),
        ('[[llm]]\nfault = "stall"\nafter = "3"\n', 3, "a whole number"),
        ('[[llm]]\nfault = "fails"\nfor_s = 3\n', 3, "unknown key"),
        ('[[tts]]\nfault = "die"\n', 2, "did you mean 'dies'?"),
        ('[[tool]]\nfault = "hangs"\n', 1, "'name' is missing"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    with pytest.raises(LocalError) as error:
        load(tmp_path, text)
    assert f"f.toml:{line}: " in str(error.value)
    assert told in str(error.value)


def test_every_mistake_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error:
        load(tmp_path, '[[stt]]\nfault = "deaf"\n\n[[tool]]\nname = "x"\nfault = "dies"\n')
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["2", "6"]


@pytest.mark.parametrize("name", ["wify", "nothing-like-it", "", "../wifi", "no/such.toml"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(LocalError, match="no such pattern or file of faults"):
        load_faults(name)


def test_a_name_nearly_right_is_told_the_right_one() -> None:
    with pytest.raises(LocalError, match="did you mean 'wifi'"):
        load_faults("wify")


def test_every_pattern_can_be_loaded_and_says_what_it_imitates() -> None:
    patterns = named_faults()
    assert {"wifi", "mobile", "bad-trunk", "stalls", "silent-recogniser", "stalling-model"} <= {n for n, _ in patterns}
    for name, description in patterns:
        plan = load_faults(name)
        assert plan.description == description
        assert len(description) > 20
        assert plan.of_line or plan.of_engines
