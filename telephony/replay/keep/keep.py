"""keep_call: a recorded call made a test - its folders without secrets, the test beside them, and whether it passes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.agents import load_agent
from agent.definition import AgentDefinition
from agent.errors import AgentError, LocalError
from agent.summary import percentile
from telephony.replay.judging.outcome import outcome_of
from telephony.replay.judging.result import Run
from telephony.replay.keep.expectations import Chain, expectations, say, written
from telephony.replay.keep.folders import Place, check_free, dates_of, put, write_folder
from telephony.replay.keep.sound import Silenced, refilled, silenced_turns
from telephony.replay.keep.surrogate import seed_of, surrogates
from telephony.replay.keep.write_test import KeptStream, as_python
from telephony.replay.plan import Plan
from telephony.replay.reading.source import read_source
from telephony.replay.recorded import Recorded
from telephony.replay.run import replay
from telephony.replay.testing.fixtures import Desk
from telephony.replay.testing.sentences import CallStory


@dataclass(frozen=True, slots=True)
class Wish:
    """`agent`: a name or folder, "" for the one that the journal names; `agents_dir`: where else agents are looked
    for, beside where a test looks; `keep_numbers`: of telephones."""

    agent: str = ""
    agents_dir: tuple[Path, ...] = ()
    keep_numbers: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What was made. `wrong`: why the test does not pass as the agent is today, a line for each stream that does not.
    `silenced`: of so many turns the sound was replaced."""

    folders: tuple[Path, ...]
    test: Path
    silenced: int
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Agent:
    """The agent of a call: as a test names it ("": as the journal does), as a plan does, and itself."""

    in_test: str
    in_plan: str
    agent: AgentDefinition


def keep_call(streams: Sequence[Path], place: Place, wish: Wish) -> Kept:
    """Keep the call in the folders `streams`, oldest first. Blocking; each stream is run again once or twice.

    The test expects what came of the call when it was run again now, or, where that went another way, what its record
    has; then it fails until the agent does so again, and says so. Raises LocalError, with nothing written.
    """
    check_free(place, force=wish.force)
    recorded = [read_source(folder) for folder in streams]
    agents = [_agent_of(each, place, wish) for each in recorded]
    seed = seed_of(recorded[0].events)
    try:
        place.beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.beside, prefix=".keeping-") as work:
            made = [
                _Stream(Path(work) / place.stream(number), each, agent, place, seed, wish)
                for number, (each, agent) in enumerate(zip(recorded, agents, strict=True), start=1)
            ]
            for stream in made:  # first all folders: a later stream needs the earlier ones
                stream.write(voice=True)
            tests = [stream.test(Path(work) / "runs") for stream in made]
            put(place, [stream.folder for stream in made], as_python(tests))
    except OSError as error:
        raise LocalError(f"{error.filename or place.beside} cannot be written: {error.strerror or error}") from None
    folders = tuple(place.beside / stream.folder.name for stream in made)
    silenced = sum(len(stream.silenced) for stream in made)
    wrong = [f"{stream.folder.name}: {stream.wrong}" for stream in made if stream.wrong]
    return Kept(folders, place.test, silenced, tuple(wrong))


class _Stream:
    """One stream of the call, on its way from a record to a test."""

    def __init__(self, folder: Path, recorded: Recorded, agent: _Agent, place: Place, seed: int, wish: Wish) -> None:
        self.folder = folder
        self.wrong = ""
        self._recorded = recorded
        self._agent = agent
        self._place = place
        names = {"call_id": place.name, "seed": seed, "keep_numbers": wish.keep_numbers}
        self._events = surrogates(recorded.events, **names)  # type: ignore[arg-type]
        self._masked = surrogates(recorded.events, **names, keep_marks=True)  # type: ignore[arg-type]
        self._caller = np.frombuffer(recorded.caller, "<i2")
        self.silenced: list[Silenced] = silenced_turns(recorded.events, self._events, self._caller, recorded.rate_hz)

    def write(self, *, voice: bool) -> None:
        recorded = self._recorded
        heard = np.frombuffer(recorded.heard or bytes(len(recorded.caller)), "<i2")
        caller = refilled(
            self._caller, self.silenced, recorded.rate_hz, language=self._agent.agent.language, voice=voice
        )
        dates = dates_of(recorded.source)
        write_folder(self.folder, self._events, (caller, heard), recorded.rate_hz, dates)

    def test(self, out: Path) -> KeptStream:
        """Run it again, and say what is expected of it."""
        run = self._run(out / f"{self.folder.name}-voice")
        if self.silenced and not _went_alike(run):  # a detector that does not take the embedded voice for one
            self.write(voice=False)
            other = self._run(out / f"{self.folder.name}-hum")
            if _went_alike(other):
                run = other
            else:
                self.write(voice=True)
        before = outcome_of(self._masked)
        chains = expectations(run.outcome if _went_alike(run) else before, p95_ms=percentile(before.waits_ms, 95))
        if _went_alike(run):
            expected, notes = _checked(chains, run)
        else:
            self.wrong = _why(run)
            expected = chains
            notes = [f"When this was kept, the agent went another way: {self.wrong}. This is what the record has."]
        return KeptStream(self.folder.name, self._agent.in_test, expected, notes)

    def _run(self, out: Path) -> Run:
        out.mkdir(parents=True)
        agents_dir = _desk(self._place).agents_dir()
        return replay(self.folder, Plan(mode="same", agent=self._agent.in_plan, agents_dir=agents_dir), out)


def _went_alike(run: Run) -> bool:
    return not run.failed and run.diverged is None


def _why(run: Run) -> str:
    away = run.diverged
    if away is None:
        return run.failed
    if run.failed:
        return run.failed if run.failed.startswith("diverged at turn") else f"{run.failed} (turn {away.turn})"
    told = f"the call diverged at turn {away.turn} ({away.what}"
    return f"{told}: in the record {away.recorded or 'nothing'!r}, now {away.now or 'nothing'!r})"


def _checked(chains: Sequence[Chain], run: Run) -> tuple[list[Chain], list[str]]:
    """Those that hold of the run, and a note of each that cannot be said of it: nobody can hear "…"."""
    held: list[Chain] = []
    notes = []
    story = CallStory(run.outcome, run=run)
    for chain in chains:
        try:
            say(story, chain)
        except (AssertionError, ValueError):
            notes.append(f"Left out, for it cannot be told from the record: {' '.join(written(chain))[:200]}")
        else:
            held.append(chain)
    return held, notes


def _desk(place: Place) -> Desk:
    """As the plugin will stand there."""
    nowhere = Path(os.devnull)
    beside = place.beside.resolve()
    return Desk("", beside=beside, root=place.root(), tmp=nowhere, pages=nowhere, told=lambda path: None)


def _agent_of(recorded: Recorded, place: Place, wish: Wish) -> _Agent:
    """The agent, and how a test can name it. Raises AgentError, for one that is not there, too."""
    desk = _desk(place)
    name = wish.agent or recorded.agent
    if wish.agent and (Path(wish.agent) / "agent.toml").is_file():
        return _by_folder(Path(wish.agent), place)
    try:
        in_plan = desk.agent(wish.agent)
        return _Agent(wish.agent, in_plan, load_agent(in_plan or name, desk.agents_dir(), recorded=not in_plan))
    except AgentError as error:
        if not str(error).startswith("there is no agent"):
            raise
    elsewhere = load_agent(name, wish.agents_dir, recorded=not wish.agent)
    return _by_folder(elsewhere.folder, place)


def _by_folder(folder: Path, place: Place) -> _Agent:
    """By its path from the test's folder, which is where a test looks first."""
    in_test = Path(os.path.relpath(folder.resolve(), place.beside.resolve())).as_posix()
    return _Agent(in_test, str(folder.resolve()), load_agent(str(folder.resolve())))
