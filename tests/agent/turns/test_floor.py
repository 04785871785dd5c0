"""The floor: every move by table, and what follows from the table for any call."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LocalError
from agent.turns.floor import TABLE, Floor, FloorKeeper, Move

ROOT = Path(__file__).resolve().parents[3]

#: Written by hand, not read from TABLE: what each move must lead to. A move not named here must be refused.
EXPECTED = {
    Floor.OPEN: "caller_began:CALLER committed:AGENT agent_began:AGENT heard:OPEN leave:LEAVING",
    Floor.CALLER: "turn_ended:WEIGHING committed:AGENT heard:CALLER leave:LEAVING",
    Floor.WEIGHING: "committed:AGENT rejected:OPEN heard:WEIGHING leave:LEAVING",
    Floor.AGENT: (
        "caller_began:AGENT turn_ended:AGENT yield:YIELDED barged_in:CALLER committed:AGENT agent_began:AGENT "
        "heard:OPEN leave:LEAVING"
    ),
    Floor.YIELDED: (
        "turn_ended:YIELDED committed:AGENT barged_in:CALLER taken_up:AGENT agent_began:YIELDED leave:LEAVING"
    ),
    Floor.LEAVING: " ".join(f"{move.name.lower()}:LEAVING" for move in Move),
}
CASES = [(floor, move) for floor in Floor for move in Move]


def expected(floor: Floor) -> dict[Move, Floor]:
    pairs = (pair.split(":") for pair in EXPECTED[floor].split())
    return {Move[move.upper()]: Floor[to] for move, to in pairs}


@pytest.mark.parametrize(("floor", "move"), CASES, ids=[f"{f.name}-{m.name}" for f, m in CASES])
def test_every_move(floor: Floor, move: Move) -> None:
    keeper = FloorKeeper()
    keeper.floor = floor
    target = expected(floor).get(move)
    assert keeper.may(move) is (target is not None)
    if target is None:
        with pytest.raises(LocalError, match=f"{move.name} cannot happen while {floor.name}"):
            keeper.move(move)
        assert keeper.floor is floor
    else:
        assert keeper.move(move) is target
        assert keeper.floor is target


def test_a_call_begins_with_the_floor_open_and_every_floor_can_be_reached() -> None:
    assert FloorKeeper().floor is Floor.OPEN
    reached, new = {Floor.OPEN}, [Floor.OPEN]
    while new:
        new = [to for floor in new for to in TABLE[floor].values() if to not in reached]
        reached |= set(new)
    assert reached == set(Floor)


@given(st.lists(st.sampled_from(list(Move)), max_size=60))
def test_a_committed_turn_keeps_the_floor_until_it_is_heard_broken_off_or_left(moves: list[Move]) -> None:
    keeper = FloorKeeper()
    for move in moves:
        before = keeper.floor
        if not keeper.may(move):
            with pytest.raises(LocalError):
                keeper.move(move)
            assert keeper.floor is before
            continue
        after = keeper.move(move)
        if move is Move.COMMITTED and before is not Floor.LEAVING:
            assert after is Floor.AGENT
        if before is Floor.AGENT and after is not Floor.AGENT:
            assert move in (Move.HEARD, Move.YIELD, Move.BARGED_IN, Move.LEAVE)
        if before is Floor.YIELDED and after is Floor.CALLER:
            assert move is Move.BARGED_IN
        if before is Floor.LEAVING or move is Move.LEAVE:
            assert after is Floor.LEAVING


@pytest.mark.parametrize("floor", [floor for floor in Floor if floor is not Floor.LEAVING])
def test_the_line_can_be_left_and_a_text_committed_from_anywhere(floor: Floor) -> None:
    """An entry by keypad, an engine's failure, the longest call: they ask nobody whose turn it is."""
    assert TABLE[floor][Move.LEAVE] is Floor.LEAVING
    assert TABLE[floor][Move.COMMITTED] is Floor.AGENT


def test_the_drawing_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("draw_floor", ROOT / "scripts" / "draw_floor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "floor.md").read_text(encoding="utf-8")
    assert page == module.draw(), "docs/floor.md is old: run scripts/draw_floor.py"
