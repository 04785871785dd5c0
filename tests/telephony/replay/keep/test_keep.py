"""A call kept as a test: it passes in a project of its own, fails when the agent changes, and overwrites nothing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agent.errors import LocalError
from agent.masking import MARK
from telephony.calls import calls_app
from telephony.replay.keep.folders import place_of
from telephony.replay.keep.keep import Kept, Wish, keep_call
from telephony.replay.keep.marks import strings
from telephony.replay.reading.source import read_source
from tests.agent.test_session_privacy import CARD, SPOKEN, CardCall, cut_off, events, holds_nothing
from tests.support.virtual_loop import run_virtual
from tests.telephony.replay.keep.card_call import card_call, change, events_of, make_desk
from tests.telephony.replay.parcel_call import parcel_call

ROOT = Path(__file__).parents[4]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the agents of the calls; the test stands in it."""
    pytest.importorskip("espeakng_loader", reason="the embedded voice is not installed")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    make_desk(tmp_path / "card-desk")
    shutil.copytree(ROOT / "prompts" / "parcel-desk", tmp_path / "agents" / "parcel-desk")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep(*folders: Path, name: str = "one", agent: str = "", force: bool = False, keep_numbers: bool = False) -> Kept:
    wish = Wish(agent=agent, force=force, keep_numbers=keep_numbers)
    return keep_call(folders, place_of(Path("tests/calls") / name), wish)


def pytest_in(project: Path) -> str:
    """What pytest says of the project's tests; warnings are errors."""
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_a_kept_call_is_a_test_that_passes_until_the_agent_changes(project: Path) -> None:
    kept = keep(parcel_call())
    assert kept.wrong == ()
    assert (kept.folders, kept.test) == ((Path("tests/calls/one"),), Path("tests/calls/test_one.py"))
    assert sorted(path.name for path in Path("tests/calls").iterdir()) == ["one", "test_one.py"]
    code = kept.test.read_text()
    for part in ('call = replay("one", mode="same")\n', '.ran("find_order", order_number="4712").then(',
                 '.ended_by("agent")', ".had_no_cutoffs()", ".answered_within(p95_ms="):  # fmt: skip
        assert part in code
    assert "1 passed" in pytest_in(project)
    change(project / "agents/parcel-desk/agent.toml", "How can I help?", "What can I do?")
    told = pytest_in(project)
    assert "1 failed" in told
    assert "What can I do?" in told


def test_turns_that_end_later_fail_it(project: Path) -> None:
    keep(parcel_call())
    change(project / "agents/parcel-desk/agent.toml", "[turns]", "[turns]\ntrailing_ms = 1100\nmin_trailing_ms = 1100")
    told = pytest_in(project)
    assert "1 failed" in told
    assert "the answers took longer than" in told


def test_its_sound_is_the_calls_to_the_sample(project: Path) -> None:
    (folder,) = keep(parcel_call()).folders
    now, then = read_source(folder), read_source(parcel_call())
    assert (now.caller, now.heard, now.rate_hz) == (then.caller, then.heard, then.rate_hz)
    assert now.call_id == "one"
    size = (folder / "audio.flac").stat().st_size
    assert size < 0.8 * (parcel_call() / "audio.wav").stat().st_size
    assert not (folder / "audio.wav").exists()


def test_a_call_with_a_secret_passes_and_holds_nothing_of_it(project: Path) -> None:
    kept = keep(card_call(), name="card")
    assert (kept.wrong, kept.silenced) == ((), 2)
    text = b"".join(file.read_bytes() for file in Path("tests/calls/card").glob("*.json*")) + kept.test.read_bytes()
    assert "•".encode() not in b"".join(file.read_bytes() for file in Path("tests/calls/card").glob("*.json*"))
    assert b"4111222233334444" not in text
    assert b"four one one one two" not in text
    assert b'ran("charge", card="' in text
    assert "1 passed" in pytest_in(project)
    sound = np.frombuffer(read_source(Path("tests/calls/card")).caller, "<i2")
    began = next(e["speech_ms"] for e in events_of(card_call()) if e.get("kind") == "turn.started" and e["turn"] == 2)
    assert sound[8 * began : 8 * began + 4000].any(), "silent in the record, speech here"


def test_an_agent_of_today_that_does_otherwise_is_told_and_written(project: Path) -> None:
    change(project / "agents/parcel-desk/agent.toml", "How can I help?", "What can I do?")
    kept = keep(parcel_call())
    assert kept.wrong == (
        "one: the call diverged at turn 0 (answered: in the record 'Hello, parcel desk. How can I help?', "
        "now 'Hello, parcel desk. What can I do?')",
    )
    code = kept.test.read_text()
    assert "# When this was kept, the agent went another way: the call diverged at turn 0" in code
    assert 'call.heard("Hello, parcel desk. How can I help?")' in code, "the record's outcome is the expectation"
    assert "1 failed" in pytest_in(project)
    change(project / "agents/parcel-desk/agent.toml", "What can I do?", "How can I help?")
    assert "1 passed" in pytest_in(project)


def test_an_agent_in_another_place_is_named_by_its_path(project: Path) -> None:
    shutil.move(project / "agents", project / "else")
    shutil.move(project / "else" / "parcel-desk", project / "else" / "my-desk")
    kept = keep(parcel_call(), agent="else/my-desk")
    assert 'replay("one", mode="same", agent="../../else/my-desk")' in kept.test.read_text()
    assert "1 passed" in pytest_in(project)


def test_an_agent_of_the_services_own_folder_is_named_by_its_path(project: Path) -> None:
    shutil.move(project / "card-desk", project / "desks" / "card-desk")
    kept = keep_call([card_call()], place_of(Path("tests/card")), Wish(agents_dir=(project / "desks",)))
    assert 'agent="../desks/card-desk"' in kept.test.read_text()
    assert kept.wrong == ()


def test_an_agent_that_is_not_there_is_asked_for(project: Path) -> None:
    shutil.rmtree(project / "card-desk")
    with pytest.raises(LocalError, match=r"there is no agent 'card-desk' here, .*--agent"):
        keep(card_call())
    with pytest.raises(LocalError, match="there is no agent 'card-dsk'"):
        keep(card_call(), agent="card-dsk")
    assert not Path("tests").exists()


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a-b", "a b", "..", "a.b", "", "a/../b-", "é", "x" * 61, "a\nb", "_x", "a'b", '"'])
def test_a_name_that_makes_no_test_is_refused(name: str) -> None:
    with pytest.raises(LocalError, match=r"--as .*: its last part names the folder and the test, so write letters"):
        place_of(Path("tests/calls") / name if name not in ("", "..") else Path(name))


def test_what_is_there_is_not_overwritten_but_with_force(project: Path) -> None:
    keep(parcel_call())
    before = Path("tests/calls/test_one.py").read_text()
    Path("tests/calls/test_one.py").write_text("mine")
    with pytest.raises(LocalError, match=r"tests/calls/one is there already: give another name, or --force"):
        keep(parcel_call())
    assert Path("tests/calls/test_one.py").read_text() == "mine"
    Path("tests/calls/one-2").mkdir()
    keep(parcel_call(), force=True)
    assert Path("tests/calls/test_one.py").read_text() == before
    assert not Path("tests/calls/one-2").exists(), "of a call that had two streams"


def test_force_removes_kept_calls_only(project: Path) -> None:
    Path("tests/calls/one").mkdir(parents=True)
    Path("tests/calls/one/diary.txt").write_text("dear")
    with pytest.raises(LocalError, match=r"tests/calls/one is no kept call, and is left alone"):
        keep(parcel_call(), force=True)
    assert Path("tests/calls/one/diary.txt").read_text() == "dear"


def test_a_call_without_sound_cannot_be_kept(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "calls" / "CA9"
    shutil.copytree(parcel_call(), copy)
    (copy / "audio.wav").unlink()
    with pytest.raises(LocalError, match=r"audio\.wav is missing"):
        keep(copy)
    assert not Path("tests").exists()


async def by_keys(root: Path) -> None:
    c = CardCall(root, "I want to pay", "yes", "goodbye")
    async with c.running():
        await c.turn()
        c.phone.press("4111222233334444#")
        await c.until("turn.committed", 2)
        await c.until("reply.heard", 3)
        await asyncio.sleep(0.5)
        await c.turn()
        await c.say()
        await c.ended()


async def no_number(root: Path) -> None:
    c = CardCall(root, "my health", "yes", "goodbye")
    async with c.running():
        for _ in range(2):
            await c.turn()
        await c.say()
        await c.ended()


async def said_again(root: Path) -> None:
    c = CardCall(root, "I want to pay", SPOKEN, "yes", f"I said {CARD} which card", "which card", "goodbye")
    async with c.running():
        for ms in (600, 4800, 600, 4800, 600):
            await c.turn(ms)
        await c.say()
        await c.ended()


async def into_the_question(root: Path) -> None:
    c = CardCall(root, "I want to pay", SPOKEN, "goodbye")
    async with c.running():
        await c.say()
        await c.until("agent.asks", sensitive=True)
        await c.until("playout.started", 2)
        await asyncio.sleep(0.3)
        await c.say(4800)
        await c.until_heard("Shall I")
        await asyncio.sleep(1)


@pytest.mark.parametrize("hold", [by_keys, no_number, said_again, into_the_question])
def test_secrets_of_every_kind_are_kept_and_pass(
    hold: Callable[[Path], Awaitable[None]], project: Path, tmp_path: Path
) -> None:
    async def case() -> None:
        await hold(tmp_path / "calls")

    run_virtual(case())
    kept = keep(tmp_path / "calls" / "CA1")
    assert kept.wrong == ()
    assert "Left out" not in kept.test.read_text()
    assert not any(MARK in text for text in strings(events_of(kept.folders[0])))


# --- a call of several streams ----------------------------------------------------------------------------------------


def two_streams(root: Path) -> list[Path]:
    """A call that was cut off while a card's number was being confirmed, and came back; with sound."""

    async def first() -> None:
        await cut_off(root, 2, asked="Shall I charge card •")

    run_virtual(first())
    from agent.continuation import continue_from

    async def second() -> None:
        c = CardCall(root / "second", SPOKEN, "yes", "goodbye")
        c.continuation = continue_from([events(root)], "cut off")
        async with c.running():
            await c.until_heard("What is the number of your card?")
            await c.turn(4800)
            await c.turn()
            await c.say()
            await c.ended()

    run_virtual(second())
    shutil.move(root / "second" / "CA1", root / "CA1-2")
    return [root / "CA1", root / "CA1-2"]


def test_each_stream_of_a_call_is_kept_and_finds_what_came_before(project: Path, tmp_path: Path) -> None:
    kept = keep(*two_streams(tmp_path / "calls"), name="cut")
    assert kept.folders == (Path("tests/calls/cut"), Path("tests/calls/cut-2"))
    assert kept.wrong == ()
    code = kept.test.read_text()
    assert "def test_cut(replay):" in code
    assert "def test_cut_2(replay):" in code
    assert 'call = replay("cut-2", mode="same")' in code
    assert code.count('call.heard("What is the number of your card?")') == 2, "nobody knows it after the break"
    ran = [e["arguments"] for e in events_of(Path("tests/calls/cut-2")) if e["kind"] == "tool.called"]
    said = [e["text"] for e in events_of(Path("tests/calls/cut")) if e["kind"] == "turn.committed"]
    assert len(ran[0]["card"]) == 16
    assert len(said[1].split()) == 16
    assert "2 passed" in pytest_in(project)


# --- the command ------------------------------------------------------------------------------------------------------


def offhook(*words: str) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(calls_app, ["keep", *words])
    return done.exit_code, done.output, done.exception


def test_the_command(project: Path, tmp_path: Path) -> None:
    shutil.copytree(parcel_call(), tmp_path / "calls" / "CA77")
    status, told, _ = offhook("CA77", "--as", "tests/calls/parcel")
    assert status == 0
    assert told.splitlines() == [
        "wrote tests/calls/parcel",
        "wrote tests/calls/test_parcel.py",
        "What the caller said is in it, in words and in sound: look at it before you share it.",
        "The test passes.",
    ]
    status, told, error = offhook("CA77", "--as", "tests/calls/parcel")
    assert isinstance(error, LocalError)
    change(project / "agents/parcel-desk/agent.toml", "How can I help?", "What can I do?")
    status, told, _ = offhook("CA77", "--as", "tests/calls/parcel", "--force")
    assert status == 1
    assert "The test FAILS today: parcel: the call diverged at turn 0 (answered: " in told


def test_a_call_that_may_be_running_is_not_kept(project: Path, tmp_path: Path) -> None:
    shutil.copytree(parcel_call(), tmp_path / "calls" / "CA77", copy_function=shutil.copy)
    (tmp_path / "calls" / "CA77" / "call.json").unlink()
    lines = (tmp_path / "calls" / "CA77" / "journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "calls" / "CA77" / "journal.jsonl").write_text("".join(lines[:-1]))
    _, _, error = offhook("CA77", "--as", "tests/calls/parcel")
    assert isinstance(error, LocalError)
    assert str(error) == "CA77 may be running: keep it when it has ended"


def test_nothing_secret_of_the_record_itself_is_needed() -> None:
    holds_nothing(b"".join(file.read_bytes() for file in card_call().glob("*.json*")))
