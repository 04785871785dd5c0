"""Finding: what one check found, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warning", "failed", "left out"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. Holds no secret."""

    check: str
    level: Level
    said: str
    """What is, or what is wrong."""
    mend: str = ""
    """What to do; "" where there is nothing to do, or `said` holds it (our errors do)."""
    details: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        return asdict(self)


def ok(check: str, said: str, *details: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", said, "", details)


def warning(check: str, said: str, mend: str = "", *details: str) -> Finding:
    """Calls may go well all the same."""
    return Finding(check, "warning", said, mend, details)


def failed(check: str, said: str, mend: str = "", *details: str) -> Finding:
    """Calls will not go well."""
    return Finding(check, "failed", said, mend, details)


def left_out(check: str, why: str) -> Finding:
    """Not looked at."""
    return Finding(check, "left out", why)
