"""read_options: an engine's options as the agent's file gives them, checked against what the engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError

from agent.definition import AgentDefinition
from agent.errors import LocalError

OptionsT = TypeVar("OptionsT")

#: What an engine's option dataclasses are configured with: no unknown names, no silent conversions but int to float.
OPTIONS = ConfigDict(extra="forbid", strict=True)


#: What is wrong with the option is not its value.
_WITHOUT_VALUE = frozenset({"unexpected_keyword_argument", "missing", "missing_argument"})


def read_options(
    shape: type[OptionsT], agent: AgentDefinition, kind: str, engine: str, given: Mapping[str, Any]
) -> OptionsT:
    """`given` as a `shape` (a pydantic dataclass with config=OPTIONS).

    `kind` is the engine's table in agent.toml: "vad", "stt", "llm" or "tts". Raises LocalError naming each wrong
    option, the file, and what the engine takes.
    """
    try:
        return shape(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f'"{".".join(str(part) for part in item["loc"])}": {item["msg"]}'
            + ("" if item["type"] in _WITHOUT_VALUE else f", not {item['input']!r}")
            for item in error.errors(include_url=False)
        )
        known = ", ".join(shape.__dataclass_fields__)  # type: ignore[attr-defined]
        raise LocalError(
            f'{agent.folder / "agent.toml"}: [{kind}] engine "{engine}" cannot take its options: {wrong}. '
            f"It takes: {known or 'no options'}."
        ) from None
