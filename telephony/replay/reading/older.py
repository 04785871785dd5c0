"""What older journals left unsaid, told from the agent that answered: journals are read for ever. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.definition import Phrases


def with_asides(events: Iterable[Mapping[str, Any]], phrases: Phrases) -> Iterator[Mapping[str, Any]]:
    """The events; where an `agent.clause` does not say whether it was an aside (before calls could come back), it was
    if it is one of the agent's fixed phrases, but not its greeting: so agent/replies.py has it."""
    fixed = [phrase for phrase in phrases.all() if phrase != phrases.greeting]  # no set: a damaged text may be a list
    for event in events:
        if event.get("kind") == "agent.clause" and "aside" not in event:
            yield {**event, "aside": event.get("text") in fixed}
        else:
            yield event
