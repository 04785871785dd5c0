"""No test sleeps on the wall clock: the rule, which every file under tests/ keeps.

`sleep(0)` is free: it only lets others run. Any other sleep stands
(a) in tests/support/waiting.py, which waits for a condition (`until`), for nothing to happen (`stays`), or as long as
    a peer takes (`paced`, `block`); or
(b) in virtual time, as `asyncio.sleep`: in a function that wears `@virtual` or calls `run_virtual`; or anywhere in a
    module of virtual time. That is one which imports tests/support/virtual_loop.py, calls no `asyncio.run`, and whose
    every `async def test_…` wears `@virtual`. Anywhere else, what such tests have in common waits by `passes`, which
    fails on a real clock.
`time.sleep` stands in (a) only: it blocks in virtual time too. What runs elsewhere (a tool's or a child's source, in a
string) is that program's own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: Where waiting itself is made.
MAKERS = ("support/waiting.py", "support/virtual_loop.py")


def sleeps_in(source: str) -> Iterator[tuple[int, str]]:
    """Each sleep that is not in virtual time: its line, and what it says."""
    tree = ast.parse(source)
    names = _names(tree)

    def walk(node: ast.AST, virtual: bool) -> Iterator[tuple[int, str]]:
        called = _called(node, names)
        if called == "time.sleep" or (called == "asyncio.sleep" and not virtual and not _is_nothing(node)):
            yield node.lineno, ast.unparse(node)  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            virtual = virtual or _wears_virtual(node) or _runs_virtual(node, names)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, virtual)

    yield from walk(tree, _is_of_virtual_time(tree, names))


def _names(tree: ast.AST) -> dict[str, str]:
    """What the names mean that a module imports: {"aio": "asyncio", "nap": "time.sleep"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _called(node: ast.AST, names: dict[str, str]) -> str:
    if not isinstance(node, ast.Call):
        return ""
    written = ast.unparse(node.func)
    first, dot, rest = written.partition(".")
    return names.get(first, first) + dot + rest


def _is_nothing(call: ast.AST) -> bool:
    assert isinstance(call, ast.Call)
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _wears_virtual(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(worn, ast.Name) and worn.id == "virtual" for worn in function.decorator_list)


def _runs_virtual(function: ast.AST, names: dict[str, str]) -> bool:
    called = {_called(node, names).rpartition(".")[2] for node in ast.walk(function)}
    return "run_virtual" in called


def _is_of_virtual_time(tree: ast.AST, names: dict[str, str]) -> bool:
    if not any(name.startswith("tests.support.virtual_loop.") for name in names.values()):
        return False
    if any(_called(node, names) in ("asyncio.run", "asyncio.Runner") for node in ast.walk(tree)):
        return False
    tests = [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef) and n.name.startswith("test_")]
    return all(_wears_virtual(test) for test in tests)


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.relative_to(TESTS).as_posix())
def test_nobody_sleeps(path: Path) -> None:
    name = path.relative_to(TESTS).as_posix()
    if name in MAKERS:
        pytest.skip("waiting is made here")
    told = [f"{name}:{line}: {what}" for line, what in sleeps_in(path.read_text(encoding="utf-8"))]
    assert not told, f"sleeps on the wall clock (see the top of tests/test_no_sleeping.py): {'; '.join(told)}"


VIRTUAL = "from tests.support.virtual_loop import run_virtual, virtual\n"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("import asyncio\nawait asyncio.sleep(0)\nawait asyncio.sleep(0.0, 7)\nawait asyncio.sleep(-0.1)", [4]),
        ("import asyncio as aio, time as t\naio.sleep(n)\nt.sleep(0)", [2, 3]),
        ("from asyncio import sleep\nfrom time import sleep as nap\nsleep(1)\nnap(1)", [3, 4]),
        ("from asyncio import sleep\nlater = lambda: sleep(delay=1)", [2]),
        (VIRTUAL + "import asyncio, time\nasync def helps():\n  await asyncio.sleep(1)\n  time.sleep(1)", [5]),
        (VIRTUAL + "import asyncio\nasync def test_a():\n  await asyncio.sleep(1)", [4]),
        (VIRTUAL + "import asyncio\n@virtual\nasync def test_a():\n  await asyncio.sleep(1)", []),
        (VIRTUAL + "import asyncio\nasync def helps():\n  await asyncio.sleep(1)\nasyncio.run(helps())", [4]),
        (
            VIRTUAL + "import asyncio\nasync def test_a(): ...\ndef test_b():\n"
            "  async def case():\n    await asyncio.sleep(1)\n  run_virtual(case())\n"
            "async def helps():\n  await asyncio.sleep(1)",
            [9],
        ),
    ],
)
def test_what_is_found(source: str, lines: list[int]) -> None:
    assert [line for line, _ in sleeps_in(source)] == lines
