"""A flow's texts filled in: each value as a caller understands it by ear. Pure."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from agent.language.numbers import spoken_digits
from agent.llm.flow_data import Slot
from agent.masking import MARK
from agent.slots.readback import read_back


def render(template: str, values: Mapping[str, Any], slots: Mapping[str, Slot]) -> tuple[str, str]:
    """The template filled in, and what is wrong ("" if nothing); a field without a value gives no text at all.

    A field with the name of one of `slots` is read back by that slot's kind, where it names no other formatter.
    """
    said: list[str] = []
    for text, name, formatter, _ in string.Formatter().parse(template):
        said.append(text)
        if name is None:
            continue
        value = values.get(name)
        if value is None:
            return "", f"the reply {template!r} names {{{name}}}, which the tool did not return"
        said.append(_spoken(value, formatter or "", slots.get(name)))
    return "".join(said), ""


def _spoken(value: object, formatter: str, slot: Slot | None) -> str:
    if isinstance(value, bool) and slot is not None and slot.kind == "yes_no":
        return "yes" if value else "no"
    if formatter == "digits":
        return spoken_digits(str(value))
    kind = formatter or (slot.kind if slot is not None else "")
    return read_back(kind, str(value), slot.asks if slot is not None else None).replace(MARK, "")


def joined(*texts: str) -> str:
    """What is said one after the other."""
    return " ".join(text for text in texts if text)
