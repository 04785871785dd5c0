"""The plugin in a user's project: what a run of pytest shows there, and what it costs those who do not use it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
#: What a fixture needs, and a test run without one must not load.
HEAVY = ("numpy", "soundfile", "rich", "pydantic", "aiohttp", "twilio", "agent.session", "telephony.replay.run")

GOOD = """
def test_where(caller):
    caller.says("where is my parcel").says("four seven one two").says("goodbye").stays()
    call = caller.calls("my-desk", on="2026-12-24 10:00")
    call.understood("where is my parcel", "4 7 1 2").ran("find_order", order_number="4712").before("hang_up")
    call.heard("tomorrow").ended_by("agent")

def test_again(caller, replay):
    caller.says("goodbye").stays()
    call = caller.calls("my-desk")
    replay(call.run.folder, mode="same").did_not_diverge()
"""
BAD = """
import pytest

@pytest.mark.parametrize("ear", ["as said"])
def test_words(caller, ear):
    caller.says("where is my parcel")
    caller.calls("my-desk", ear=ear).understood("where is my order")

def test_agent(caller):
    caller.says("goodbye")
    caller.calls("my-dsk")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has an agent, and tests in a folder; no conftest.py, no settings but an empty pytest.ini."""
    pytest.importorskip("espeakng_loader", reason="the embedded voice is not installed")
    shutil.copytree(ROOT / "prompts" / "parcel-desk", tmp_path / "my-desk")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_good.py").write_text(GOOD)
    (tmp_path / "tests" / "test_bad.py").write_text(BAD)
    return tmp_path


def run(project: Path, *options: str, strict: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs pytest there; with `strict` every warning is an error."""
    warnings = ("-W", "error") if strict else ()
    command = (sys.executable, *warnings, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", *options)
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)


def test_it_is_registered() -> None:
    (found,) = entry_points(group="pytest11", name="offhook")
    assert found.value == "telephony.replay.testing.plugin"


def test_a_project_sees_what_failed_and_where(project: Path) -> None:
    ran = run(project)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "2 failed, 2 passed" in ran.stdout
    page = re.search(r"call of tests/test_bad.py::test_words\[as said\]: (\.offhook/\S+\.html)", ran.stdout)
    assert page is not None, ran.stdout
    assert (project / page[1]).read_text().startswith("<!doctype html>")
    assert f"look at the call, and listen to it: {page[1]}" in ran.stdout
    assert 'not understood to say "where is my order"' in ran.stdout
    assert re.search(r'-->  0:0\d\.\d{3}  here: "where is my parcel" for "where is my order"', ran.stdout)
    assert "there is no agent 'my-dsk'; did you mean 'my-desk'?" in ran.stdout
    assert re.search(r'^> +caller\.calls\("my-dsk"\)$', ran.stdout, re.MULTILINE)
    assert re.search(r'^> +caller\.calls\("my-desk", ear=ear\)\.understood\(', ran.stdout, re.MULTILINE)
    assert "telephony/replay" not in ran.stdout, "a user's traceback ends at the user's line"
    assert (project / ".offhook" / ".gitignore").read_text().endswith("*\n")


def test_the_example_in_the_docs_holds(project: Path) -> None:
    block = re.search(
        r"(    def test_a_parcel_is_found.*?\n)\n    def ", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL
    )
    assert block is not None
    (project / "tests" / "test_docs.py").write_text(textwrap.dedent(block[1]))
    ran = run(project, "tests/test_docs.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_pages_go_where_the_project_says(project: Path) -> None:
    ran = run(project, "-o", "offhook_pages=out/pages", "tests/test_bad.py")
    assert "out/pages/tests-test_bad.py-test_words" in ran.stdout, ran.stdout
    assert not (project / ".offhook").exists()


def test_tests_outside_of_the_rootdir_have_pages_of_their_own(project: Path) -> None:
    """pytest calls all of them "::test_words" then."""
    (project / "my_tests").mkdir()
    for name in ("__init__", "test_one", "test_two"):
        text = BAD.partition("def test_agent")[0] if name != "__init__" else ""
        (project / "my_tests" / f"{name}.py").write_text(text)
    shutil.copytree(project / "my-desk", project / "my_tests" / "my-desk")
    (project / "elsewhere").mkdir()
    names = ("my_tests.test_one", "my_tests.test_two")
    ran = run(project, "--rootdir", "elsewhere", "-c", "pytest.ini", "--pyargs", *names)
    assert "2 failed" in ran.stdout, ran.stdout + ran.stderr
    pages = sorted(page.name for page in (project / "elsewhere" / ".offhook").glob("*.html"))
    assert len(pages) == 2, pages
    assert all("my_tests-test_" in page for page in pages)


def test_it_works_in_xdists_workers(project: Path) -> None:
    pytest.importorskip("xdist")
    ran = run(project, "-n", "2", strict=False)
    assert "2 failed, 2 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "call of tests/test_bad.py::test_words[as said]: .offhook/" in ran.stdout


def test_it_can_be_turned_off(project: Path) -> None:
    (project / "tests" / "test_plain.py").write_text("def test_plain():\n    assert True\n")
    ran = run(project, "-p", "no:offhook")
    assert "1 passed, 4 errors" in ran.stdout, ran.stdout
    assert "fixture 'caller' not found" in ran.stdout


def test_who_does_not_use_it_does_not_pay_for_it(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(
        "import sys, pytest\n"
        "@pytest.fixture\n"
        "def caller():\n"
        "    return 'mine'\n"
        "def test_plain(caller, request):\n"
        "    assert caller == 'mine'\n"
        "    assert request.config.pluginmanager.has_plugin('offhook')\n"
        f"    loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "    assert not loaded, loaded\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ran = run(tmp_path, "--strict-config", "--strict-markers")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout


def test_the_module_imports_pytest_alone() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import telephony.replay.testing.plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == str(
        ["telephony", "telephony.replay", "telephony.replay.testing", "telephony.replay.testing.plugin"]
    )
