"""What `offhook replay` is asked for: calls found, settings and bases read, places that must not be written to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.errors import AgentError, LocalError
from telephony.replay.plan import Plan
from telephony.replay.request import (
    base_plan,
    check_place,
    check_plans,
    check_settings,
    find_sources,
    new_folder,
    same_agents,
    settings_in,
)
from tests.telephony.replay.sample_call import make_call

SLOW = Plan(agent="desk", settings=("turns.trailing_ms=700",), fault="wifi")


@pytest.mark.parametrize(
    ("against", "agent", "settings"),
    [
        (["parcel-desk"], "parcel-desk", ()),
        (["./my/desk"], "./my/desk", ()),
        (["turns.trailing_ms=500"], "desk", ("turns.trailing_ms=500",)),
        (["a.b=1,c.d=2"], "desk", ("a.b=1", "c.d=2")),
        (["a.b=1", "c.d=2"], "desk", ("a.b=1", "c.d=2")),
        (["phrases.greeting=Hello, caller,a.b=x"], "desk", ("phrases.greeting=Hello, caller", "a.b=x")),
        (["parcel-desk", "a.b=1"], "parcel-desk", ("a.b=1",)),
        (["parcel-desk,a.b=1"], "parcel-desk", ("a.b=1",)),
    ],
)
def test_a_base_differs_in_agent_and_settings_only(against: list[str], agent: str, settings: tuple[str, ...]) -> None:
    assert base_plan(against, SLOW) == Plan(agent=agent, settings=settings, fault="wifi")


def test_as_is_finds_the_records_agent_by_what_was_named() -> None:
    assert base_plan(["as-is"], SLOW) == Plan(named="desk", fault="wifi")
    assert base_plan(["as-is"], Plan(settings=SLOW.settings)) == Plan()


def test_the_record_itself_is_no_plan() -> None:
    assert base_plan(["record"], SLOW) is None


@pytest.mark.parametrize(
    ("against", "plan", "said"),
    [
        (["as-is"], Plan(), "that is the run itself"),
        (["turns.trailing_ms=700"], SLOW, "that is the run itself"),
        (["record", "as-is"], SLOW, "one thing to compare with"),
        (["record", "a.b=1"], SLOW, "one thing to compare with"),
        (["as-is", "a.b=1"], SLOW, "one thing to compare with"),
        (["one", "two"], SLOW, "one thing to compare with"),
        (["=1"], SLOW, "write key=value"),
        ([""], SLOW, "--against is empty"),
    ],
)
def test_a_base_that_makes_no_sense_is_refused(against: list[str], plan: Plan, said: str) -> None:
    with pytest.raises(LocalError, match=said):
        base_plan(against, plan)


def test_settings_are_pairs() -> None:
    assert settings_in("--set", ["a.b=1", "c="]) == ("a.b=1", "c=")
    for wrong in ("a.b", "", "=1", "a b=1"):
        with pytest.raises(LocalError, match=r"--set .* write key=value, such as turns\.trailing_ms=700"):
            settings_in("--set", [wrong])


def test_what_every_call_would_stumble_over_is_told_at_once() -> None:
    check_plans([Plan(), Plan(agent="parcel-desk", settings=("turns.trailing_ms=700",))])
    for plan in (Plan(agent="nobody"), Plan(agent="parcel-desk", settings=("turns.nonsense=1",)), Plan(fault="none")):
        with pytest.raises(LocalError):
            check_plans([plan])


async def test_calls_are_named_by_path_or_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    one, two = await make_call(calls, call_id="CA1"), await make_call(calls, call_id="CA1")
    other = await make_call(calls, call_id="CB7")
    assert find_sources(["CA1"], calls) == [one, two], "all streams of the call"
    assert find_sources(["CA1-2"], calls) == [one, two]
    assert find_sources(["CB"], calls) == [other]
    assert find_sources([str(two)], calls) == [two], "a path is what it says"
    assert find_sources([str(other), str(calls)], calls) == [other, one, two], "each once, in the order named"
    monkeypatch.chdir(tmp_path)
    assert find_sources(["calls/CA1", "calls/../calls/CA1", "CA1"], calls) == [Path("calls/CA1"), two]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.wav", "there is no nothing.wav: give a call's folder or id, a recording"),
        ("calls/CA9", "there is no calls/CA9"),
        ("CA9", "there is no call 'CA9'"),
        ("empty", "empty"),
    ],
)
async def test_what_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    await make_call(tmp_path / "calls", call_id="CA1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LocalError, match=said):
        find_sources(["calls/CA1", name], Path("calls"))


def test_nothing_is_written_among_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calls" / "CA1").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "calls")
    for place in ("calls", "calls/out", "calls/CA1/page.html", "link/out", "calls/../calls/x"):
        with pytest.raises(LocalError, match=r"--out .* is inside calls, which is only read here"):
            check_place("--out", Path(place), ["calls", "CB1"])
    check_place("--out", Path("out"), ["calls", "CB1"])


def test_an_out_folder_is_new_or_empty(tmp_path: Path) -> None:
    place = new_folder("--out", tmp_path / "a" / "b")
    assert place.stat().st_mode & 0o777 == 0o700
    assert new_folder("--out", place) == place
    (place / "x").touch()
    with pytest.raises(LocalError, match="is not empty: give a new folder"):
        new_folder("--out", place)
    with pytest.raises(LocalError, match="cannot be made: "):
        new_folder("--out", place / "x" / "y")


def test_a_setting_is_wrong_if_no_agent_of_the_records_has_it(tmp_path: Path) -> None:
    def desk(name: str, other: str) -> None:
        folder = tmp_path / "agents" / name
        shutil.copytree("prompts/parcel-desk", folder)
        text = (folder / "agent.toml").read_text().replace('"parcel-desk"', f'"{name}"')
        (folder / "agent.toml").write_text(text + other)

    def call(name: str, agent: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        started = {"v": 1, "n": 1, "media_ms": 0, "call_ms": 0.0, "kind": "call.started", "agent": agent}
        (folder / "journal.jsonl").write_text(json.dumps(started) + "\n")
        return folder

    desk("north", "")
    desk("broken", "[nonsense]\n")
    calls = [call("CA1", "north"), call("CA2", "broken"), call("CA3", "nobody"), call("CA4", "../agents/north")]
    (tmp_path / "CA5").mkdir()
    agents_dir = (tmp_path / "agents",)

    def check(setting: str, sources: list[Path]) -> None:
        check_settings([Plan(), Plan(settings=(setting,), agents_dir=agents_dir)], [*sources, tmp_path / "CA5"])

    check("turns.trailing_ms=700", calls)
    with pytest.raises(AgentError, match=r"--set turns\.nonsense=1"):
        check("turns.nonsense=1", calls)
    check("turns.nonsense=1", calls[1:])  # they fail for reasons of their own, each for its
    check("turns.nonsense=1", [])


async def test_the_folder_of_the_records_agent_is_no_other_agent(tmp_path: Path) -> None:
    """Its words may not change unnoticed; those of another agent may."""
    desk = Path("prompts/parcel-desk").resolve()
    call = await make_call(tmp_path)
    by_folder = Plan(agent=str(desk), settings=("turns.trailing_ms=700",))
    base = base_plan(["as-is"], by_folder)
    assert base is not None
    assert same_agents(by_folder, base, [call])
    assert same_agents(by_folder, Plan(agent=str(desk)), [call])
    assert not same_agents(by_folder, Plan(agent="bench"), [call])
    shutil.copytree(desk, tmp_path / "mine" / "parcel-desk")
    mine = Plan(agent=str(tmp_path / "mine" / "parcel-desk"))
    base = base_plan(["as-is"], mine)
    assert base is not None
    assert not same_agents(mine, base, [call]), "the record's name means the one that is known by it"
