"""What a failing assertion on a call says: what was expected, what was there, the moment, the lines around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from telephony.replay.judging.outcome import Outcome
from telephony.replay.testing.lines import around, clock, short


class Told:
    """Makes the messages of one call. `page` writes the call's HTML page and gives its path, "" if there is none;
    `notes` is what else was odd about the run."""

    def __init__(self, outcome: Outcome, name: str, page: Callable[[], str], notes: Sequence[str] = ()) -> None:
        self._outcome = outcome
        self._name = name
        self._page = page
        self._notes = notes

    def fail(self, what: str, at_ms: int, note: str, details: Mapping[str, str]) -> NoReturn:
        """Raise AssertionError: `what` is wrong, at `at_ms`, where an arrow says `note`; `details` are told by name."""
        __tracebackhide__ = True
        raise AssertionError(self.message(what, at_ms, note, details))

    def message(self, what: str, at_ms: int, note: str, details: Mapping[str, str]) -> str:
        """The text of `fail`."""
        lines = around(self._outcome, at_ms, note)
        moment = f"at {clock(at_ms)}" if lines else ""
        place = ", ".join(part for part in (self._name, moment) if part)
        told = [f"{what} ({place})" if place else what]
        wide = max(map(len, details), default=0)
        told += [f"  {name:<{wide}}  {short(text)}" for name, text in details.items() if text]
        told += ["", *lines] if lines else []
        told += [f"    ({short(note)})" for note in self._notes]
        page = self._page_or_why()
        return "\n".join([*told, *(["", f"  {page}"] if page else [])])

    def _page_or_why(self) -> str:
        try:
            path = self._page()
        except Exception as error:  # noqa: BLE001 - the assertion's own message matters more than its picture
            return f"the call's page could not be written: {type(error).__name__}: {short(error)}"
        return f"look at the call, and listen to it: {path}" if path else ""
