"""flow.toml: an agent's own conversation as data, read and checked, mistakes told with their lines.

[flow]            question, failed            [slots.NAME]      kind, length, longest, ask, incomplete, starts,
                                                                forget, sensitive
[not_understood]  first, second, then         [intents.NAME]    heard, needs, tool, arguments, first, confirm,
[offers.NAME]     ask, yes, no,                                 declined, reply, resume, repeat, polite,
                  yes_say, no_say                               replies.OUTCOME = "…" or {say, offer, ask_again,
                                                                protected}
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from agent.errors import AgentError
from agent.language.words import words
from agent.llm.flow_data import Flow, Intent, Offer, Pattern, Reply, Slot
from agent.slots.base import KINDS, SlotKind
from agent.tomlfile import Mistakes, Table, did_you_mean, read_table
from agent.tools.base import Tool

#: How a field may be read back, where not by its slot's own kind.
FORMATTERS = ("", "digits", "spelled", "date", "money", "email", "name")
#: Kinds that have a length.
_COUNTED = ("digits", "spelled")
#: Digits of a number whose length is not told.
_USUAL_LENGTH = 4
_LONGEST = 20
#: What to say where a value has come in part, by kind; where nothing stands here, it cannot.
_INCOMPLETE = {
    "digits": "I heard {heard:digits}. Please say the whole number.",
    "spelled": "I heard {heard:spelled}. Please spell all of it.",
    "date": "I heard {heard}. Please say the whole date.",
    "money": "I heard {heard}. Please say the whole amount.",
    "email": "I heard {heard}. Please say the whole address.",
    "name": "I heard {heard}. Please say the whole name.",
}


def read_flow(file: Path, tools: Mapping[str, Tool] | None) -> Flow:
    """Reads flow.toml; raises AgentError with every mistake. `tools` None: they are not checked."""
    mistakes = Mistakes()
    flow = check_flow(file, tools, mistakes)
    mistakes.raise_if_any()
    if flow is None:
        raise AgentError(f"{file}: cannot be read")
    return flow


def check_flow(file: Path, tools: Mapping[str, Tool] | None, mistakes: Mistakes) -> Flow | None:
    """Reads flow.toml, telling `mistakes`; the flow is only good where there were none."""
    top = read_table(file, mistakes)
    if top is None:
        return None
    general, misses = top.table("flow"), top.table("not_understood")
    slots, intents, offers = top.table("slots"), top.table("intents"), top.table("offers")
    flow = Flow(
        question=general.text("question", "How can I help?"),
        failed=general.text("failed", "I'm sorry, I can't look that up just now."),
        misses=(
            misses.text("first", "Sorry, I did not catch that."),
            misses.text("second", "Sorry, I still did not get that."),
        ),
        last_offer=misses.text("then", "", empty=True),
        slots={name: _slot(name, table) for name, table in slots.tables().items()},
        intents={name: _intent(name, table) for name, table in intents.tables().items()},
        offers={name: _offer(name, table) for name, table in offers.tables().items()},
    )
    for table in (general, misses, top):
        table.done()
    if not flow.intents:
        top.wrong("intents", 'there is no intent; write at least one [intents.NAME] with heard = ["…"]')
    _check_names(flow, misses, slots, intents, offers)
    if tools is not None:
        for name, intent in flow.intents.items():
            _check_tool(flow, intent, intents.table(name), tools)
    return flow


def patterns(phrases: tuple[str, ...]) -> tuple[Pattern, ...]:
    """Phrases as patterns of words: "where is my parcel/order" -> four places, two words in the last."""
    found = []
    for phrase in phrases:
        places: list[frozenset[str]] = []
        for part in phrase.split():
            choices = [words(choice) for choice in part.split("/") if words(choice)]
            # A contraction is two words, and can only be alone in its place.
            places += (
                [frozenset({w}) for w in choices[0]]
                if len(choices) == 1
                else [frozenset(w[0] for w in choices)] * bool(choices)
            )
        if places:
            found.append(tuple(places))
    return tuple(found)


def _slot(name: str, table: Table) -> Slot:
    kind = cast(SlotKind, table.text("kind", choices=KINDS) or "digits")
    length, longest = _lengths(kind, table)
    slot = Slot(
        name=name,
        kind=kind,
        length=length,
        longest=longest,
        ask=_template(table, "ask"),
        incomplete=_template(table, "incomplete", _INCOMPLETE.get(kind, ""), {"heard"}),
        starts=table.text("starts", "", empty=True),
        forget=patterns(table.texts("forget")),
        sensitive=table.flag("sensitive"),
    )
    if slot.starts and kind != "digits":
        table.wrong("starts", f"a bare value of kind {kind!r} is known only where it was asked for; take the line out")
    if kind not in _INCOMPLETE and "incomplete" in table:
        table.wrong("incomplete", f"a value of kind {kind!r} never comes in part; take the line out")
    table.done()
    return slot


def _lengths(kind: str, table: Table) -> tuple[int, int]:
    """The slot's `length` and `longest`."""
    length = table.integer("length", _USUAL_LENGTH if kind == "digits" else 0, 1, _LONGEST)
    longest = table.integer("longest", 0, 1, _LONGEST)
    if kind not in _COUNTED:
        for key in ("length", "longest"):
            if key in table:
                table.wrong(key, f"a value of kind {kind!r} has no {key}; take the line out, or write another kind")
        return 0, 0
    if longest and not length:
        table.wrong("longest", "longest goes with length, the least there must be; add length = 1")
    elif longest and longest <= length:
        table.wrong("longest", f"longest is {longest}, and length {length}; write a greater number, or take it out")
    return length, longest


def _intent(name: str, table: Table) -> Intent:
    replies = table.table("replies")
    first, confirm = _said(table, "first"), _said(table, "confirm")
    intent = Intent(
        name=name,
        heard=patterns(table.texts("heard")),
        needs=table.texts("needs"),
        tool=table.text("tool", "", empty=True),
        arguments=table.mapping("arguments"),
        first=first.say,
        confirm=confirm.say,
        declined=_template(table, "declined", ""),
        reply=_reply(table, "reply") if "reply" in table else Reply(""),
        replies={outcome: _reply(replies, outcome) for outcome in replies.data},
        resume=table.flag("resume"),
        repeat=table.flag("repeat"),
        polite=table.flag("polite"),
        protected=frozenset(key for key, said in (("first", first), ("confirm", confirm)) if said.protected),
    )
    if not intent.tool and not intent.repeat and "reply" not in table:
        table.wrong("", f'the intent {name!r} does nothing; give it reply = "…" or tool = "…"')
    if intent.confirm and not intent.declined:
        table.wrong("confirm", f'the intent {name!r} asks first but has no answer to a no; add declined = "…"')
    table.done()
    return intent


def _said(table: Table, key: str) -> Reply:
    """A text, or one that cannot be interrupted: { say = "…", protected = true }."""
    if not isinstance(table.data.get(key), dict):
        return Reply(_template(table, key, ""))
    below = table.table(key)
    said = Reply(_template(below, "say"), protected=below.flag("protected"))
    below.done()
    return said


def _reply(table: Table, key: str) -> Reply:
    if not isinstance(table.data.get(key), dict):
        return Reply(_template(table, key, empty=True))
    below = table.table(key)
    reply = Reply(
        _template(below, "say", "", empty=True),
        below.text("offer", "", empty=True),
        below.text("ask_again", "", empty=True),
        below.flag("protected"),
    )
    below.done()
    return reply


def _offer(name: str, table: Table) -> Offer:
    offer = Offer(
        name,
        _template(table, "ask"),
        table.text("yes", "", empty=True),
        table.text("no", "", empty=True),
        _template(table, "yes_say", ""),
        _template(table, "no_say", ""),
    )
    for word, intent, said in (("yes", offer.yes, offer.yes_say), ("no", offer.no, offer.no_say)):
        if bool(intent) == bool(said):
            table.wrong(
                "", f'the offer {name!r} needs one answer to a {word}: {word} = "an intent" or {word}_say = "…"'
            )
    table.done()
    return offer


def _template(
    table: Table, key: str, default: str | None = None, fields: set[str] | None = None, *, empty: bool = False
) -> str:
    """A text whose {fields} are well formed; with `fields`, only these may be used."""
    text = table.text(key, default, empty=empty)
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        table.wrong(key, f'{key} has a stray brace ({error}); write fields as "{{order_number}}"')
        return ""
    for _, field, formatter, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier() or conversion:
            table.wrong(key, f'{{{field}}} is not a field; write a plain name, as in "{{order_number:digits}}"')
        elif fields is not None and field not in fields:
            table.wrong(key, f"unknown field {{{field}}}; {did_you_mean(field, fields)}")
        elif formatter not in FORMATTERS:
            table.wrong(key, f"unknown formatter :{formatter}; {did_you_mean(formatter or '', FORMATTERS[1:])}")
    return text


def fields_of(template: str) -> set[str]:
    """The names of a template's fields."""
    return {field for _, field, _, _ in string.Formatter().parse(template) if field}


def _check_names(flow: Flow, misses: Table, slots: Table, intents: Table, offers: Table) -> None:
    """Everything that names something else names something that is there."""

    def known(table: Table, key: str, name: str, kind: str, names: Mapping[str, object]) -> None:
        if name and name not in names:
            table.wrong(key, f"there is no {kind} {name!r}; {did_you_mean(name, names)}")

    known(misses, "then", flow.last_offer, "offer", flow.offers)
    for slot in flow.slots.values():
        table = slots.table(slot.name)
        known(table, "starts", slot.starts, "intent", flow.intents)
        if slot.starts in flow.intents and slot.name not in flow.intents[slot.starts].needs:
            table.wrong("starts", f"the intent {slot.starts!r} has no use for {slot.name}; add it to its needs")
    for offer in flow.offers.values():
        known(offers.table(offer.name), "yes", offer.yes, "intent", flow.intents)
        known(offers.table(offer.name), "no", offer.no, "intent", flow.intents)
    for intent in flow.intents.values():
        table = intents.table(intent.name)
        for name in intent.needs:
            known(table, "needs", name, "slot", flow.slots)
        for key in ("first", "confirm", "declined"):
            for field in sorted(fields_of(getattr(intent, key)) - set(intent.needs)):
                table.wrong(key, f"{{{field}}} is not among this intent's needs; {did_you_mean(field, intent.needs)}")
        replies = table.table("replies")
        for outcome, reply in (*intent.replies.items(), ("", intent.reply)):
            below = (
                (replies if outcome else table).table(outcome or "reply") if reply.offer or reply.ask_again else table
            )
            known(below, "offer", reply.offer, "offer", flow.offers)
            known(below, "ask_again", reply.ask_again, "slot", dict.fromkeys(intent.needs))


def _check_tool(flow: Flow, intent: Intent, table: Table, tools: Mapping[str, Tool]) -> None:
    """The intent's tool is there, and gets every argument it must have from a slot that is filled by then."""
    if not intent.tool:
        return
    tool = tools.get(intent.tool)
    if tool is None:
        table.wrong("tool", f"there is no tool {intent.tool!r} in tools.py; {did_you_mean(intent.tool, tools)}")
        return
    takes = tool.parameters.get("properties", {})
    for argument, slot in intent.arguments.items():
        if argument not in takes:
            table.wrong("arguments", f"the tool {tool.name} takes no {argument!r}; {did_you_mean(argument, takes)}")
        if slot not in intent.needs:
            table.wrong("arguments", f"{slot!r} is not among this intent's needs; {did_you_mean(slot, intent.needs)}")
    for argument in tool.parameters.get("required", ()):
        if argument not in intent.arguments and argument not in intent.needs:
            table.wrong(
                "tool",
                f"the tool {tool.name} must be given {argument!r}; add a slot of that name to needs, "
                f'or arguments = {{ {argument} = "a slot" }}',
            )
    if tool.effect == "irreversible" and not intent.confirm:
        table.wrong(
            "tool", f'the tool {tool.name} is irreversible; add confirm = "Shall I really …?" and declined = "…"'
        )
