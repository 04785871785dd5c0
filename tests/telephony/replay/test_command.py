"""`offhook replay`, with real calls: what it tells, what it writes and where not, and the status that CI reads."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from telephony.cli import run
from telephony.replay.plan import Plan
from telephony.replay.run import replay
from tests.support.waiting import until_sync

CALLER = Path(__file__).parents[3] / "telephony" / "sandbox" / "callers" / "demo"
SLOWER = ("turns.min_trailing_ms=450", "turns.trailing_ms=750", "turns.max_trailing_ms=2000")
"""The parcel desk's own are 250, 550 and 1800: which of them ends a turn is told by its words."""
SET = [word for setting in SLOWER for word in ("--set", setting)]

Told = tuple[int, str, str]
Ask = Callable[..., Told]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two calls with the parcel desk: their records are those of calls, whoever held them."""
    folder = tmp_path_factory.mktemp("calls")
    for name in ("where", "number"):
        made = replay(CALLER / f"{name}.flac", Plan(agent="parcel-desk"), folder)
        assert not made.failed
        assert len(made.outcome.turns) == 1
    return folder


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """`offhook replay …`: status, stdout, stderr."""

    def asked(*args: str | Path) -> Told:
        capfd.readouterr()
        status = run(["replay", *map(str, args)])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return asked


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.rglob("*") if file.is_file()}


def test_a_call_is_told_and_left_as_it_was(ask: Ask, calls: Path) -> None:
    before = state(calls)
    status, out, err = ask(calls / "where_flac")
    assert (status, err) == (0, "")
    assert "hello where is my parcel" in out
    assert "What is your order number?" in out
    assert "llm: hash 1" in out
    assert "offhook-replay-" not in out, "a folder that is gone is not told"
    assert state(calls) == before
    assert list(Path().iterdir()) == [], "nor is anything left here"


def test_calls_are_found_by_id(ask: Ask, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_CALLS_DIR", str(calls))
    assert ask("num")[0] == 0
    status, _, err = ask("CA9")
    assert status == 2
    assert err.startswith("offhook: there is no call 'CA9'")


def test_a_bad_file_fails_alone(ask: Ask, calls: Path) -> None:
    bad = Path("bad.wav")
    bad.write_bytes(b"RIFF")
    status, out, _ = ask(calls / "where_flac", bad, calls / "number_flac", "--json")
    assert status == 1
    report = json.loads(out)
    assert report["version"] == 1
    where, failed, number = report["calls"]
    assert [call["outcome"]["turns"][0]["text"] for call in (where, number)] == [
        "hello where is my parcel",
        "it's four seven one two",
    ]
    assert (where["failed"], number["failed"]) == ("", "")
    assert failed["failed"].startswith("bad.wav: ")
    assert failed["outcome"]["turns"] == []
    status, out, _ = ask(bad)
    assert status == 1
    assert "failed: bad.wav: " in out


def test_what_the_record_does_not_hold_comes_from_an_embedded_engine_or_stops_the_run(ask: Ask, calls: Path) -> None:
    other = ("--set", "phrases.greeting=Good morning.")
    status, out, _ = ask(calls / "number_flac", *other, "--missing", "stop")
    assert status == 1
    assert "diverged at turn 0: the phrase 'Good morning.' was not said in the record" in out
    status, out, _ = ask(calls / "number_flac", *other, "--json")
    assert status == 0
    (call,) = json.loads(out)["calls"]
    assert call["served"]["tts: embedded"] == 1


def test_slower_endpointing_is_caught_and_named(ask: Ask, calls: Path) -> None:
    status, out, _ = ask(calls, *SET, "--against", "as-is", "--out", "kept")
    assert status == 1
    assert re.search(r"endpointing \+(19\d|200) ms in 2 of 2 turns", out), (
        "by frames of 20 ms, and words that may be late"
    )
    assert "worse: p50 +200 ms" in out or "worse: p95 +200 ms" in out
    kept = sorted(str(path.parent) for path in Path("kept").rglob("journal.jsonl"))
    assert kept == [f"kept/{side}/{name}_flac" for side in ("base", "now") for name in ("number", "where")]


def test_against_tells_better_from_worse(ask: Ask, calls: Path) -> None:
    status, out, _ = ask(calls / "where_flac", "--against", "record")
    assert (status, out.splitlines()[-1].partition(" (")[0]) == (0, "no turn moved")
    status, out, _ = ask(calls / "where_flac", "--against", ",".join(SLOWER), "--json", "--jobs", "1")
    report = json.loads(out)
    assert (status, report["worse"]) == (0, False), "it is the base that is slower"
    assert re.search(r"endpointing -(19\d|200) ms", report["verdict"])
    (call,) = report["calls"]
    assert [call[side]["plan"]["settings"] for side in ("base", "now")] == [list(SLOWER), []]
    assert call["now"]["folder"] is None, "it is gone"


def desk_at(folder: Path) -> Path:
    """The parcel desk under the name of another folder."""
    folder.mkdir()
    for file in (Path(__file__).parents[3] / "prompts" / "parcel-desk").iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    agent = folder / "agent.toml"
    agent.write_text(agent.read_text().replace("parcel-desk", folder.name))
    return folder


def test_an_agent_that_only_its_folder_finds_is_its_own_base(ask: Ask, tmp_path: Path) -> None:
    """A newcomer's agent lies in no agents_dir: the folder that is named is the one that the record means."""
    desk = desk_at(tmp_path / "billing")
    made = replay(CALLER / "where.flac", Plan(agent=str(desk)), tmp_path / "calls")
    assert made.outcome.agent == "billing"
    asked = ("--agent", "./billing", *SET, "--against", "as-is", "--json", "--jobs", "1")
    status, out, err = ask("calls", *asked)
    report = json.loads(out)
    assert [call["base"]["failed"] for call in report["calls"]] == [""], err
    assert re.search(r"endpointing \+(19\d|200) ms", report["verdict"])
    assert status == 1
    desk_at(tmp_path / "billing-2")
    status, out, _ = ask("calls", "--agent", "./billing-2", "--against", "as-is", "--jobs", "1")
    assert status == 1
    assert "there is no agent 'billing' here" in " ".join(out.split())
    assert "--against FOLDER" in out


def test_another_agent_may_say_other_words(ask: Ask, calls: Path, tmp_path: Path) -> None:
    """The words of an agent that was meant to be another are told, and are not for the worse."""
    other = desk_at(tmp_path / "other-desk")
    flow = other / "flow.toml"
    assert "What is your order number?" in flow.read_text()
    flow.write_text(flow.read_text().replace("What is your order number?", "Which order?"))
    source = calls / "where_flac"
    status, out, _ = ask(source, "--agent", other, "--mode", "anew", "--against", "as-is", "--json", "--jobs", "1")
    report = json.loads(out)
    assert [turn["said"] for turn in report["calls"][0]["turns"]] == [True]
    assert (status, report["reasons"]) == (0, [])


def test_runs_are_kept_where_told_and_are_the_same_in_any_process(ask: Ask, calls: Path) -> None:
    status, out, _ = ask(calls, "--out", "kept", "--jobs", "2")
    assert status == 0
    assert "the runs' records are in kept" in out
    assert sorted(path.name for path in Path("kept").iterdir()) == ["number_flac", "where_flac"]
    assert Path("kept").stat().st_mode & 0o077 == 0
    _, out, _ = ask(calls / "where_flac", "--out", "alone", "--json")
    assert json.loads(out)["calls"][0]["folder"] == "alone/where_flac"
    for name in ("journal.jsonl", "audio.wav"):
        assert (Path("kept/where_flac") / name).read_bytes() == (Path("alone/where_flac") / name).read_bytes()
    status, _, err = ask(calls, "--out", "kept")
    assert (status, err) == (2, "offhook: --out kept is not empty: give a new folder, or empty this one\n")
    assert ask("alone", "--against", "record")[0] == 0, "a run's record is a call's"


def test_pages(ask: Ask, calls: Path) -> None:
    status, out, _ = ask(calls / "where_flac", "--html", "one.html")
    assert (status, out.splitlines()[-1]) == (0, "wrote one.html")
    assert "hello where is my parcel" in Path("one.html").read_text()
    status, out, _ = ask(calls, *SET, "--against", "as-is", "--html", "pages", "--jobs", "1")
    assert (status, out.splitlines()[-1]) == (1, "wrote pages/index.html")
    index = Path("pages/index.html").read_text()
    pages = [path.name for path in Path("pages").iterdir() if path.name != "index.html"]
    assert len(pages) == 2
    assert all(page in index for page in pages)
    assert all(re.search(r"endpointing \+(19\d|200) ms", (Path("pages") / page).read_text()) for page in pages), (
        "both sides of a call"
    )
    assert ask(calls / "where_flac", "--against", "record", "--html", "two.html", "--json")[0] == 0
    assert "as recorded" in Path("two.html").read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["{calls}", "--set", "nonsense"], "--set 'nonsense': write key=value"),
        (["{calls}", "--against", "as-is"], "that is the run itself"),
        (["{calls}", "--agent", "nobody"], "there is no agent 'nobody'"),
        (["{calls}", "--against", "nobody"], "there is no agent 'nobody'"),
        (["{calls}", "--agent", "parcel-desk", "--set", "turns.trailing=1"], "turns.trailing"),
        (["{calls}", "--set", "turns.trailing=1"], "--set turns.trailing=1: "),
        (["{calls}", "{demo}/where.flac", "--set", "turns.trailing=1"], "--set turns.trailing=1: "),
        (["{calls}", "--against", "turns.trailing=1"], "--set turns.trailing=1: "),
        (["{calls}", "--fault", "no-such-fault"], "no such pattern or file of faults"),
        (["{calls}", "--config", "nowhere.toml"], "there is no settings file nowhere.toml"),
        (["{calls}", "nothing.wav"], "there is no nothing.wav"),
        (["{calls}", "--out", "{calls}/runs"], "which is only read here"),
        (["{calls}", "--html", "{calls}/where_flac/page.html"], "which is only read here"),
        (["{calls}", "--html", "one.html"], "2 calls make a folder of pages"),
        (["{calls}/where_flac", "--html", "no/one.html"], "cannot be written"),
        (["{demo}/where.flac", "--against", "record"], "is a recording, no call that was"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_run(ask: Ask, calls: Path, args: list[str], said: str) -> None:
    status, out, err = ask(*(arg.format(calls=calls, demo=CALLER) for arg in args))
    assert (status, out) == (2, "")
    assert said in err
    assert err.startswith("offhook: ")
    assert err.count("\n") == 1
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("args", [[], ["x", "--mode", "other"], ["x", "--jobs", "0"], ["x", "--nonsense"]])
def test_a_wrong_use_is_status_2(ask: Ask, args: list[str]) -> None:
    assert ask(*args)[0] == 2


def test_help_tells_of_the_status(ask: Ask) -> None:
    status, out, _ = ask("--help")
    assert status == 0
    assert "Status 0: all ran" in out
    assert "--against" in out


def offhook(*args: str | Path, **settings: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "telephony.cli", "replay", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **settings)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_terminal_sees_a_bar_and_a_program_does_not(calls: Path, as_json: bool) -> None:
    screen, stderr = pty.openpty()
    with offhook(calls, "--jobs", "1", *(["--json"] if as_json else []), stderr=stderr) as batch:
        os.close(stderr)
        seen = b""
        try:
            while part := os.read(screen, 4096):
                seen += part
        except OSError:  # how a terminal ends that nobody has open any more
            pass
        os.close(screen)
        assert batch.stdout is not None
        batch.stdout.read()
    assert batch.returncode == 0
    assert (b"running again" in seen) is not as_json
    assert not as_json or seen == b""


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda each: str(each),
)
@pytest.mark.parametrize("names", [("a.wav", "b.wav", "c.wav"), ("a.wav",)], ids=["batch", "single"])
def test_ctrl_c_and_its_like_end_everything_at_once(
    names: tuple[str, ...], number: signal.Signals, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, rate_hz = soundfile.read(CALLER / "where.flac", dtype="int16")
    long = np.tile(np.concatenate([where, np.zeros(8 * rate_hz, np.int16)]), 200)
    for name in names:
        soundfile.write(tmp_path / name, long, rate_hz)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    with offhook(*names, "--jobs", "2", stderr=subprocess.PIPE) as batch:
        at_work = Path(f"/proc/{batch.pid}/task/{batch.pid}/children")
        running = "offhook-replay-*/*.run/*"
        many = min(2, len(names))
        until_sync(lambda: len(list(Path("temporary").glob(running))) >= many, within_s=20, what="all at work")
        processes = at_work.read_text().split()
        assert len(processes) >= (2 if many > 1 else 0)
        os.killpg(batch.pid, number)
        out, err = batch.communicate(timeout=10)
    assert (batch.returncode, out, err) == (status, "", "")
    assert list(Path("temporary").iterdir()) == []
    for process in processes:
        assert not Path(f"/proc/{process}/exe").exists(), "a zombie has none"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_report_that_cannot_be_written_is_told_without_a_traceback(calls: Path, as_json: bool) -> None:
    command = [sys.executable, "-m", "telephony.cli", "replay", str(calls / "where_flac"), *["--json"] * as_json]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "offhook: the report could not be written to stdout: No space left on device"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("how", "status", "told"), [("| true", 1, ""), (">&-", 2, "offhook: stdout is closed")])
def test_nobody_who_reads_is_no_traceback(calls: Path, how: str, status: int, told: str) -> None:
    line = f"set -o pipefail; {sys.executable} -m telephony.cli replay {calls / 'where_flac'} --json {how}"
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == status
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == (1 if told else 0)
