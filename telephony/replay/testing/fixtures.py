"""What the plugin's fixtures are: recorded calls run again, and scripted callers, for one test."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from agent.agents import load_agent
from agent.errors import OffhookError
from agent.recording.folder import JOURNAL
from agent.tomlfile import did_you_mean
from telephony.replay.judging.result import Run
from telephony.replay.plan import CallerKind, Channel, Missing, Mode, Plan, Tools
from telephony.replay.testing.script import CallerScript, Step, Wish, settings_of
from telephony.replay.testing.sentences import CallStory

with warnings.catch_warnings():  # on 3.11 and 3.12; users who turn warnings into errors can do nothing about ours
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop  # noqa: F401

T = TypeVar("T")

#: Folders of agents, beside a test or above it.
AGENTS = (".", "agents", "prompts")
#: File systems hold names of 255 bytes.
LONGEST_STEM = 120


@dataclass(slots=True)
class Desk:
    """Where one test stands. `beside`: the folder of its file; `root`: pytest's rootdir; `tmp`: its own empty folder;
    `pages`: where pages of failed calls go; `told` is given the path of each."""

    test: str
    beside: Path
    root: Path
    tmp: Path
    pages: Path
    told: Callable[[str], None]
    _calls: int = field(default=0)

    def find(self, name: str) -> Path:
        """A file or folder that a test names: beside it, else from the rootdir. Raises FileNotFoundError."""
        __tracebackhide__ = True
        for place in (self.beside, self.root):
            if (place / name).exists():
                return place / name
        raise FileNotFoundError(f"there is no {name}, neither in {self.beside} nor in {self.root}")

    def agent(self, name: str) -> str:
        """An agent's name, or the path of its folder, found as `find` does."""
        folders = [place / name for place in (self.beside, self.root)] if name else []
        return next((str(folder) for folder in folders if (folder / "agent.toml").is_file()), name)

    def fault(self, name: str) -> str:
        """A fault's file, found as `find` does, or the name of a pattern."""
        files = [place / name for place in (self.beside, self.root)] if name else []
        return next((str(file) for file in files if file.is_file()), name)

    def agents_dir(self) -> tuple[Path, ...]:
        """Where agents are looked for by name: beside the test, and in every folder above it up to the rootdir."""
        above = [self.beside, *self.beside.parents]
        inside = [folder for folder in above if folder.is_relative_to(self.root)] or [self.beside]
        return tuple(place / name for place in inside for name in AGENTS if (place / name).is_dir())

    def next_call(self) -> tuple[str, Path, Path]:
        """A name, a folder and a page's path for the test's next call. No page is left there of an earlier test run."""
        self._calls += 1
        name = re.sub(r"[^\w.-]+", "-", self.test).strip("-.")[-LONGEST_STEM:]
        if "[" in self.test:  # parameters may differ by characters that no file's name has
            name += f"-{hashlib.sha256(self.test.encode()).hexdigest()[:6]}"
        name += f"-{self._calls}" if self._calls > 1 else ""
        page = self.pages / f"{name}.html"
        with contextlib.suppress(OSError):  # if it cannot be removed it cannot be written either, which is told then
            page.unlink(missing_ok=True)
        return name, self.tmp / f"call-{self._calls}", page

    def story(self, run: Run, tools: frozenset[str] | None, page: Path, name: str = "") -> CallStory:
        """The run, for sentences. Raises AssertionError at once if the call could not be run."""
        __tracebackhide__ = True
        written = _Page(run, page, self.told)
        return CallStory(run.outcome, run=run, name=name, tools=tools, page=written).took_place()


class Replays:
    """The fixture `replay`: called with a call's folder or a recording, it runs it again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(
        self,
        source: str | Path,
        *,
        mode: Mode | None = None,
        agent: str | Path = "",
        set: Mapping[str, Any] | None = None,
        fault: str | Path = "",
        caller: CallerKind = "open",
        missing: Missing = "embedded",
        tools: Tools = "read",
        channel: Channel | None = None,
        real: bool = False,
    ) -> CallStory:
        """Run the call again, in virtual time. The arguments are those of a Plan (telephony/replay/plan.py)."""
        __tracebackhide__ = True
        from telephony.replay.run import replay

        _one_of("mode", mode, Mode)
        _one_of("caller", caller, CallerKind)
        _one_of("missing", missing, Missing)
        _one_of("tools", tools, Tools)
        _one_of("channel", channel, Channel)
        desk = self._desk
        plan = Plan(
            mode=mode,
            agent=desk.agent(str(agent)),
            settings=settings_of(set),
            agents_dir=desk.agents_dir(),
            caller=caller,
            missing=missing,
            tools=tools,
            fault=desk.fault(str(fault)),
            channel=channel,
            real=real,
        )
        place = desk.find(str(source))
        _, folder, page = desk.next_call()
        run = apart(lambda: replay(place, plan, folder))
        return desk.story(run, _tools_of(run, plan), page, run.name)


def script(desk: Desk) -> CallerScript:
    """The fixture `caller`: an empty script."""

    def hold(steps: Sequence[Step], wish: Wish) -> CallStory:
        __tracebackhide__ = True
        from dataclasses import replace

        from telephony.replay.testing.calling import hold_script

        name, folder, page = desk.next_call()
        wish = replace(wish, agent=desk.agent(wish.agent), fault=desk.fault(wish.fault))
        agents_dir = desk.agents_dir()
        run, tools = apart(lambda: hold_script(steps, wish, name=name, agents_dir=agents_dir, folder=folder))
        return desk.story(run, tools, page)

    return CallerScript(hold, desk.find)


def apart(work: Callable[[], T]) -> T:
    """`work()`, which runs an event loop of its own: on a thread of its own where this one runs a loop already, as in a
    test that is a coroutine (which waits meanwhile). An OffhookError is the test's mistake, and points at its line."""
    __tracebackhide__ = True
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    if _loop_runs():
        thread = threading.Thread(target=run, name="offhook-call")
        thread.start()
        thread.join()
    else:
        run()
    if errors:
        raise errors[0].with_traceback(None) if isinstance(errors[0], OffhookError) else errors[0]
    return results[0]


def _one_of(option: str, value: object, kind: object) -> None:
    __tracebackhide__ = True
    if value is not None and value not in get_args(kind):
        raise ValueError(f"{option}={value!r}: {did_you_mean(str(value), get_args(kind))}")


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Page:
    """Writes the page of a run when it is first asked for."""

    def __init__(self, run: Run, path: Path, told: Callable[[str], None]) -> None:
        self._run = run
        self._path = path
        self._told = told
        self._shown = ""

    def __call__(self) -> str:
        if not self._shown and self._run.folder is not None:
            from telephony.replay.report.page.report import write_page

            self._path.parent.mkdir(parents=True, exist_ok=True)
            ignore = self._path.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text(
                    "# Pages of calls that failed a test: they hold what was said.\n*\n", encoding="utf-8"
                )
            write_page(self._run, self._path)
            here = os.path.relpath(self._path)
            self._shown = str(self._path) if here.startswith("..") else here
            self._told(self._shown)
        return self._shown


def _tools_of(run: Run, plan: Plan) -> frozenset[str] | None:
    """The names of the tools that the run's agent has; None if that cannot be told."""
    if run.folder is None:
        return None
    try:
        with (run.folder / JOURNAL).open(encoding="utf-8") as lines:
            name = plan.agent or str(json.loads(lines.readline()).get("agent", ""))
        return frozenset(load_agent(name, plan.agents_dir, recorded=not plan.agent).tools)
    except (OSError, ValueError, OffhookError):
        return None
