"""Runs made by hand of a made-up call, and their pages taken to pieces."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from telephony.replay.judging.outcome import Outcome, outcome_of
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.plan import Plan
from tests.telephony.replay.sample_call import make_call

DIVERGED = Divergence(3, 20_000, "answered", "It is cancelled.", "It is on its way.")


async def made_run(root: Path, *, name: str = "CA5d1", **fields: Any) -> Run:
    """A run of the sample call that went as it was recorded."""
    folder = await make_call(root, call_id=name)
    outcome = outcome_of(events_of(folder))
    rest: dict[str, Any] = {"outcome": outcome, "recorded": outcome, "audio_ms": outcome.duration_ms, **fields}
    return Run(name=name, source=folder, plan=rest.pop("plan", Plan(mode="same")), folder=folder, **rest)


def failed_run(why: str) -> Run:
    """A run that never began."""
    return Run("bad.wav", Path("bad.wav"), Plan(mode="anew"), None, Outcome(), None, failed=why)


def events_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]


@dataclass
class Taken(HTMLParser):
    """A page: its elements with their attributes, and each style's and script's text."""

    html: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    raw: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: tuple[str, dict[str, str]] | None = None
        self._parts: list[str] = []
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag in ("style", "script"):
            self._open, self._parts = (tag, given), []

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._parts.append(data)
        else:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if self._open is not None and tag == self._open[0]:
            self.raw.append((*self._open, "".join(self._parts)))
            self._open = None

    def of(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of all elements of this name that have these."""
        return [given for name, given in self.elements if name == tag and wanted.items() <= given.items()]
