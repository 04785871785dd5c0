"""offhook calls: what is listed, shown, deleted, kept - and that no name leads out of the root."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.errors import LocalError
from telephony.call_folders import find_call, list_calls, prune, same_number, show_call, stored_calls
from telephony.calls import calls_app
from telephony.cli import run
from tests.telephony.replay.sample_call import CALL, make_call

runner = CliRunner()
NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    await make_call(tmp_path / "calls", call_id="CA1")
    return tmp_path / "calls"


def delete(root: Path, *arguments: str) -> int:
    """`offhook calls delete …`, which is not asked back; its exit status."""
    return run(["calls", "delete", "--calls-dir", str(root), "--yes", "--", *arguments])


def delete_by(root: Path, *options: str, answer: str = "") -> tuple[int, str]:
    result = runner.invoke(calls_app, ["delete", "--calls-dir", str(root), *options], input=answer)
    return result.exit_code, result.output


def ended(folder: Path, days_ago: float, **fields: object) -> None:
    call = json.loads((folder / "call.json").read_text())
    call["ended_at"] = (NOW - dt.timedelta(days=days_ago)).isoformat()
    (folder / "call.json").write_text(json.dumps({**call, **fields}))


async def test_newest_first(root: Path) -> None:
    for name, started in (("CA2", "2031-01-01T00:00:00+00:00"), ("CA0", "2001-01-01T00:00:00+00:00")):
        folder = await make_call(root, call_id=name, mode="journal")
        call = json.loads((folder / "call.json").read_text())
        (folder / "call.json").write_text(json.dumps({**call, "started_at": started}))
    assert [call["folder"] for call in list_calls(root)] == ["CA2", "CA1", "CA0"]
    assert list_calls(root / "none") == []
    result = runner.invoke(calls_app, ["list", "--calls-dir", str(root), "-n", "2"])
    assert result.exit_code == 0
    assert "CA2" in result.output
    assert "CA0" not in result.output


async def test_a_unique_beginning_names_a_call(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await make_call(root, call_id="CA12", mode="journal")
    await make_call(root, call_id="CB1", mode="journal")
    assert find_call(root, "CB").name == "CB1"
    assert find_call(root, "CA1").name == "CA1", "a whole name is no beginning"
    assert delete(root, "CA") == 2
    assert "begin with 'CA'" in capsys.readouterr().err
    assert delete(root, "CA12") == 0
    assert delete(root, "CA") == 0
    assert [call["folder"] for call in list_calls(root)] == ["CB1"]


@pytest.mark.parametrize(("columns", "ended"), [("80", False), ("140", True)])
async def test_the_list_keeps_an_id_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch, columns: str, ended: bool
) -> None:
    name = "CA" + "0123456789abcdef" * 2
    await make_call(root, call_id=name, mode="journal")
    monkeypatch.setenv("COLUMNS", columns)
    lines = runner.invoke(calls_app, ["list", "--calls-dir", str(root)]).output.splitlines()
    assert len(lines) == 3, "a heading, and a line for each call"
    assert any(line.startswith(name) for line in lines)
    assert all(len(line) <= int(columns) for line in lines)
    assert ("ended by" in lines[0]) is ended


def test_show_tells_the_conversation(root: Path) -> None:
    result = runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)])
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    for line in CALL:
        assert line["text"].split(".")[0][:24] in words
    assert "cancel_order" in words
    assert "652 ms" in words
    as_json = runner.invoke(calls_app, ["show", "CA1", "--json", "--calls-dir", str(root)])
    assert json.loads(as_json.output)["call_id"] == "CA1"


@pytest.mark.parametrize("damage", ["missing", "empty", "no object"])
def test_a_crashed_call_is_summarised_from_its_journal(root: Path, damage: str) -> None:
    whole = show_call(root, "CA1")
    summary, journal = root / "CA1" / "call.json", root / "CA1" / "journal.jsonl"
    summary.unlink() if damage == "missing" else summary.write_text("" if damage == "empty" else "[]")
    torn = journal.read_bytes().rstrip(b"\n")[:-10]
    journal.write_bytes(torn)
    os.utime(journal, (1_700_000_000, 1_700_000_000))
    call = show_call(root, "CA1")
    assert call["rebuilt"] is True
    assert call["transcript"] == whole["transcript"]
    assert call["ended_by"] is None
    assert dt.datetime.fromisoformat(call["ended_at"]).timestamp() == 1_700_000_000
    assert call["started_at"] <= call["ended_at"]
    assert "not ended" in runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)]).output


def test_hostile_words_do_not_reach_the_terminal_as_commands(root: Path) -> None:
    call = json.loads((root / "CA1" / "call.json").read_text())
    call["transcript"][0]["text"] = "\x1b]0;owned\x07[bold]x[/nonsense]\u202e"
    call["caller"] = "\x1b[2J"
    (root / "CA1" / "call.json").write_text(json.dumps(call))
    for command in (["show", "CA1"], ["list"]):
        result = runner.invoke(calls_app, [*command, "--calls-dir", str(root)])
        assert result.exit_code == 0
        assert not set("\x1b\x07\u202e") & set(result.output)
    assert "[bold]x[/nonsense]" in runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)]).output


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../calls/CA1", "/etc", "CA1/", "./CA1", "CA1\x00", "other", "link", "empty"]
)
def test_only_a_call_is_ever_deleted(root: Path, name: str) -> None:
    (root / "link").symlink_to(root / "CA1")
    (root / "empty").mkdir()
    before = sorted(root.parent.rglob("*"))
    assert delete(root, name) == 2
    with pytest.raises(LocalError, match="there is no call"):
        show_call(root, name)
    assert sorted(root.parent.rglob("*")) == before


def test_delete_asks_first(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["delete", "CA1", "--calls-dir", str(root)]
    assert runner.invoke(calls_app, arguments, input="n\n").exit_code == 1
    assert (root / "CA1").exists()
    assert runner.invoke(calls_app, arguments, input="y\n").exit_code == 0
    assert not (root / "CA1").exists()
    assert run(["calls", *arguments, "--yes"]) == 2
    assert "there is no call 'CA1'" in capsys.readouterr().err


def cut_off(folder: Path, quiet_s: float) -> None:
    """As a stream is that died, or runs: no summary, no end in its journal, its last line written so long ago."""
    (folder / "call.json").unlink()
    journal = folder / "journal.jsonl"
    journal.write_text("".join(line for line in journal.read_text().splitlines(True) if "call.ended" not in line))
    changed = dt.datetime.now(dt.UTC).timestamp() - quiet_s
    for file in folder.iterdir():
        os.utime(file, (changed, changed))


async def many(root: Path) -> None:
    """Five calls of three callers, one of them in three streams, one running, one crashed; beside CA1."""
    now = dt.datetime.now(dt.UTC)
    made = {"old": ("+15550188", 8), "new": ("+15550188", 1), "other": ("anonymous", 30)}
    for name, (caller, days_ago) in made.items():
        ended(await make_call(root, call_id=name, mode="journal"), days_ago, caller=caller)
        call = json.loads((root / name / "call.json").read_text())
        (root / name / "call.json").write_text(
            json.dumps({**call, "ended_at": (now - dt.timedelta(days=days_ago)).isoformat()})
        )
    for _ in range(2):
        folder = await make_call(root, call_id="old", mode="journal")
        call = json.loads((folder / "call.json").read_text())
        (folder / "call.json").write_text(
            json.dumps({**call, "ended_at": (now - dt.timedelta(days=7.5)).isoformat(), "caller": "+15550188"})
        )
    for name, quiet_s in (("running", 20), ("crashed", 600)):
        cut_off(await make_call(root, call_id=name, mode="journal"), quiet_s)


ALL = ["CA1", "crashed", "new", "old", "old-2", "old-3", "other", "running"]
DELETIONS = [
    (["old"], ["old", "old-2", "old-3"], "deleted 1 call\n"),
    (["old-2", "new"], ["new", "old", "old-2", "old-3"], "deleted 2 calls\n"),
    (["--caller", "+1 (555) 0188"], ["new", "old", "old-2", "old-3"], "deleted 2 calls\n"),
    (["--caller", "+15550188", "--older-than", "7d"], ["old", "old-2", "old-3"], "deleted 1 call\n"),
    (["--older-than", "179h"], ["old", "old-2", "old-3", "other"], "deleted 2 calls\n"),
    (["--older-than", "181h"], ["other"], "deleted 1 call\n"),
    (["--caller", "ANONYMOUS"], ["other"], "deleted 1 call\n"),
    (["--caller", "+1555"], [], "calls/\n"),
    (["--caller", "15550188"], [], "numbers are written with + and country code: --caller +15550188\n"),
    (["--caller", "1 (555) 0188", "--older-than", "7d"], [], "country code: --caller +15550188\n"),
    (["ol"], ["old", "old-2", "old-3"], "deleted 1 call\n"),
    (["--all"], [name for name in ALL if name != "running"], "deleted 5 calls\n"),
    (["--all", "--dry-run"], [], "5 calls would be deleted\n"),
    (["crashed"], ["crashed"], "deleted 1 call\n"),
]


@pytest.mark.parametrize(("options", "gone", "told"), DELETIONS)
async def test_calls_are_deleted_with_all_their_streams(
    root: Path, options: list[str], gone: list[str], told: str
) -> None:
    await many(root)
    assert sorted(os.listdir(root)) == ALL
    status, output = delete_by(root, *options, "--yes")
    assert status == (1 if "--all" in options else 0), "1: something was left alone"
    assert told in output
    assert ("no calls to delete in the folder" in output) is not bool(gone or "--dry-run" in options)
    assert sorted(os.listdir(root)) == [name for name in ALL if name not in gone]
    assert ("running" in output) is ("--all" in options)


async def test_a_call_that_may_be_running_is_left_alone_and_named(root: Path) -> None:
    await many(root)
    for chosen in (["running"], ["run"], ["--all", "--dry-run"]):
        status, output = delete_by(root, *chosen, "--yes")
        assert status == 1
        assert "left alone: running may be running: its files changed 2" in output
        assert " seconds ago; try again in 5 minutes\n" in output
        assert "no calls" not in output
    cut_off(await make_call(root, call_id="running", mode="journal"), 200)  # its second stream; the first one died
    os.utime(root / "running" / "journal.jsonl", (1, 1))
    assert "changed 4 minutes ago; try again in 2 minutes" in delete_by(root, "running", "--yes")[1]
    delete_by(root, "--all", "--yes")
    assert sorted(os.listdir(root)) == ["running", "running-2"], "an earlier stream belongs to the call"


@pytest.mark.parametrize("quiet_s", [None, 400.0])
async def test_a_call_that_went_on_or_has_ended_is_not_running(root: Path, quiet_s: float | None) -> None:
    """Its first stream was cut off just now; its second one has ended, or has crashed a while ago."""
    cut_off(root / "CA1", 5)
    second = await make_call(root, call_id="CA1", mode="journal")
    if quiet_s is not None:
        cut_off(second, quiet_s)
    assert [call.running for call in stored_calls(root, dt.datetime.now(dt.UTC))] == [False]
    assert delete_by(root, "CA1", "--yes")[0] == 0
    assert os.listdir(root) == []


def test_an_end_in_the_journal_is_an_end_and_a_drawing_is_no_sign_of_life(root: Path) -> None:
    (root / "CA1" / "call.json").unlink()
    assert not stored_calls(root, dt.datetime.now(dt.UTC))[0].running, "it ended, and had no time for its summary"
    (root / "CA1" / "call.json").touch()
    cut_off(root / "CA1", 400)
    assert runner.invoke(calls_app, ["draw", "CA1", "--calls-dir", str(root)]).exit_code == 0
    assert not stored_calls(root, dt.datetime.now(dt.UTC))[0].running


async def test_a_call_of_several_streams_is_one_call(root: Path) -> None:
    for _ in range(2):
        await make_call(root, call_id="CA1", mode="journal")
    cut_off(root / "CA1", 400)
    await make_call(root, call_id="CA1-2", mode="journal")  # another call, of such a name
    assert find_call(root, "CA1-2").name == "CA1-2", "a whole name is no beginning"
    (root / "CA1-2-2").rename(root / "XA1-2")
    assert find_call(root, "C").name == "CA1-3", "the newest of its streams"
    shown = " ".join(runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)]).output.split())
    assert "cut off; goes on in …-2" in shown
    assert "streams CA1 (this one), CA1-2, CA1-3" in shown
    assert show_call(root, "XA1-2")["streams"] == ["XA1-2"]
    listed = {call["folder"]: call["streams"] for call in list_calls(root)}
    three = ["CA1", "CA1-2", "CA1-3"]
    assert listed == {**dict.fromkeys(three, three), "XA1-2": ["XA1-2"]}


def test_a_browsers_call_names_the_agent_that_it_calls(root: Path) -> None:
    call = json.loads((root / "CA1" / "call.json").read_text())
    (root / "CA1" / "call.json").write_text(json.dumps({**call, "caller": "browser", "called": ""}))
    assert "browser -> parcel-desk" in runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)]).output


async def test_nothing_is_deleted_before_a_yes(root: Path) -> None:
    await many(root)
    status, output = delete_by(root, "--all", answer="n\n")
    assert status == 1
    assert str(root / "old-3") in output
    assert "Delete 5 calls for good?" in output
    assert delete_by(root, "--all")[0] == 1, "no terminal, and no --yes"
    assert sorted(os.listdir(root)) == ALL
    assert "deleted 5 calls" in delete_by(root, "--all", answer="y\n")[1]


@pytest.mark.parametrize(
    "options",
    [[], ["CA1", "--all"], ["--all", "--older-than", "1d"], ["--older-than", "7"], ["--older-than", "-1d"],
     ["--caller", " "], ["CA1", "nobody"]],
)  # fmt: skip
async def test_what_is_not_clear_deletes_nothing(root: Path, options: list[str]) -> None:
    assert run(["calls", "delete", "--calls-dir", str(root), "--yes", *options]) == 2
    assert os.listdir(root) == ["CA1"]


async def test_two_ids_with_one_name_are_two_calls(root: Path) -> None:
    await make_call(root, call_id="CA/1", mode="journal")
    await make_call(root, call_id="CA.1", mode="journal")
    assert [call.name for call in stored_calls(root, NOW)] == ["CA1", "CA_1", "CA_1-2"]
    assert delete(root, "CA_1") == 0
    assert sorted(os.listdir(root)) == ["CA1", "CA_1-2"]


def test_a_disk_that_refuses_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("telephony.call_folders.shutil.rmtree", refuse)
    assert delete(root, "CA1") == 2
    told = capsys.readouterr()
    assert "deleted 0 calls" in told.out
    assert f"{root / 'CA1'}: Permission denied" in told.err


def test_one_number_in_other_dress() -> None:
    assert same_number("+1 555-0100", "+1.555.0100")
    assert same_number("sip:Desk@example.org", "sip:desk@example.org")
    assert not same_number("15550100", "+15550100")
    assert not same_number("", "+15550100")


async def test_calls_are_kept_for_their_own_days(root: Path) -> None:
    ages: dict[str, tuple[float, object]] = {
        "kept": (6.9, 7),
        "over": (7.1, 7),
        "at-once": (0.02, 0),
        "may-come-back": (0.005, 0),
        "default-kept": (29, None),
        "default-over": (31, None),
        "odd": (31, "forever"),
        "negative": (29, -5),
        "tomorrow": (-1, 1),
    }
    for name, (days_ago, retain_days) in ages.items():
        ended(await make_call(root, call_id=name, mode="journal"), days_ago, retain_days=retain_days)
    ended(root / "CA1", 1)
    assert sorted(prune(root, NOW, 30)) == ["at-once", "default-over", "odd", "over"]
    assert sorted(os.listdir(root)) == ["CA1", "default-kept", "kept", "may-come-back", "negative", "tomorrow"]


@pytest.mark.parametrize(("quiet_s", "stays"), [(60, True), (30 * 86_400 - 60, True), (30 * 86_400 + 60, False)])
def test_a_call_without_an_end_is_kept_by_its_journal(root: Path, quiet_s: float, stays: bool) -> None:
    (root / "CA1" / "call.json").unlink()
    last = (NOW - dt.timedelta(seconds=quiet_s)).timestamp()
    for file in (root / "CA1").iterdir():
        os.utime(file, (last, last))
    prune(root, NOW, 1)  # the journal's own 30 days go before
    assert (root / "CA1").exists() is stays


async def test_a_call_on_its_second_stream_keeps_its_first(root: Path) -> None:
    ended(await make_call(root, call_id="CA7", mode="journal"), 1, retain_days=0)
    second = await make_call(root, call_id="CA7", mode="journal")
    ended(second, 0.001, retain_days=0)
    assert prune(root, NOW, 30) == []
    ended(second, 1, retain_days=0)
    assert sorted(prune(root, NOW, 30)) == ["CA7", "CA7-2"]


def test_a_running_call_is_never_pruned(root: Path) -> None:
    (root / "CA1" / "call.json").unlink()
    journal = root / "CA1" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"retain_days":30', '"retain_days":0'))
    last = (NOW - dt.timedelta(seconds=600)).timestamp()
    os.utime(journal, (last, last))
    assert prune(root, NOW, 0) == []


def test_draw_writes_a_picture(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "call.svg"
    result = runner.invoke(calls_app, ["draw", "CA1", "-o", str(output), "--calls-dir", str(root)])
    assert result.exit_code == 0
    assert output.read_text().startswith("<svg")
    nowhere = str(tmp_path / "no" / "x.svg")
    assert run(["calls", "draw", "CA1", "-o", nowhere, "--calls-dir", str(root)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert run(["calls", "draw", "CA1", "--calls-dir", str(root)]) == 0
    assert (root / "CA1" / "call.svg").stat().st_mode & 0o777 == 0o600, "it holds what was said"
    assert run(["calls", "draw", "CA1", "--calls-dir", str(root)]) == 0, "again"


def test_show_tells_why_turns_ended_and_what_the_agent_fell_silent_for(root: Path) -> None:
    call = json.loads((root / "CA1" / "call.json").read_text())
    call["turns"][0]["end_reason"] = "slot complete"
    call["turns"][1]["goes_on"] = 1
    call["stops"] = [
        {"at_ms": 9000, "turn": 2, "then": "took_up", "why": "noise", "silent_ms": 900},
        {"at_ms": 10_000, "turn": 2, "then": "took_up", "why": "\x1b[2J", "silent_ms": 400},
        {"at_ms": 98_000, "turn": 9, "then": "barge_in", "why": "went on", "silent_ms": None},
        {"at_ms": 99_000, "turn": 9, "then": "barge_in", "why": "words", "silent_ms": None},
    ]
    unheard = {"who": "agent", "turn": 4, "text": "", "said": "Good", "complete": False, "start_ms": 97_000}
    call["transcript"].append({**unheard, "end_ms": 97_000})
    (root / "CA1" / "call.json").write_text(json.dumps(call))
    output = runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)], env={"COLUMNS": "160"}).output
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert "5.0 s caller hi it is four seven one one [answer whole] 652 ms" in lines
    assert any("[silence; one turn with the one before]" in line for line in lines)
    at = lines.index("9.0 s agent (silent for 0.9 s: a noise)")
    assert lines[at - 1].startswith("8.4 s agent Order four")
    assert lines[at + 2].startswith("12.9 s caller sorry")
    assert "97.0 s agent [nothing of it was heard]" in lines
    assert any(line.endswith("[the rest was not heard]") for line in lines)
    assert "98.0 s agent (interrupted: the caller went on with what they had said)" in lines
    assert "99.0 s agent (interrupted by the caller's words)" in lines
    assert "\x1b" not in output


def test_show_reads_summaries_of_before(root: Path) -> None:
    call = json.loads((root / "CA1" / "call.json").read_text())
    del call["stops"]
    call["turns"] = [
        {name: value for name, value in turn.items() if name not in ("end_reason", "goes_on")} for turn in call["turns"]
    ]
    (root / "CA1" / "call.json").write_text(json.dumps(call))
    result = runner.invoke(calls_app, ["show", "CA1", "--calls-dir", str(root)])
    assert result.exit_code == 0
    assert "[silence" not in result.output
