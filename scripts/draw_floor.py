#!/usr/bin/env python3
"""Draws the floor (agent/turns/floor.py: whose turn is it?) from its table, as docs/floor.md."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from agent.turns.floor import TABLE, Floor, FloorKeeper, Move  # noqa: E402

PAGE = ROOT / "docs" / "floor.md"


def draw() -> str:
    """The page, as Markdown with a Mermaid diagram: moves that change the floor, then those that do not."""
    lines = [
        "# The floor",
        "",
        "Whose turn is it, and has it been answered? Written by `scripts/draw_floor.py` from the",
    ]
    lines += ["table in `agent/turns/floor.py`; a move that is not drawn cannot happen.", "", "```mermaid"]
    lines += ["stateDiagram-v2", f"    [*] --> {FloorKeeper().floor.name}"]
    for floor, moves in TABLE.items():
        for target in Floor:
            names = [_words(move) for move, to in moves.items() if to is target and target is not floor]
            if names:
                lines.append(f"    {floor.name} --> {target.name}: {', '.join(names)}")
    lines += [f"    {Floor.LEAVING.name} --> [*]", "```", "", "| floor | moves that leave it as it is |", "|---|---|"]
    for floor, moves in TABLE.items():
        names = [_words(move) for move in Move if moves.get(move) is floor]
        lines.append(f"| {floor.name} | {'all' if len(names) == len(Move) else ', '.join(names) or 'none'} |")
    return "\n".join(lines) + "\n"


def _words(move: Move) -> str:
    return move.name.lower().replace("_", " ")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(draw(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
