"""What a service does wrong, with the number under which Twilio's debugger shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.errors import RemoteError

_NUMBERED = re.compile(r"error (\d{5})\b")


class Fault(RemoteError):
    """`code` is Twilio's (https://www.twilio.com/docs/api/errors); None where it has none for this."""

    def __init__(self, code: int | None, what: str) -> None:
        super().__init__(f"error {code}: {what}" if code is not None else what)
        self.code = code


def codes(problems: Iterable[str]) -> list[int]:
    """Twilio's numbers in these messages, in order, each once."""
    return list(dict.fromkeys(int(number) for problem in problems for number in _NUMBERED.findall(problem)))
