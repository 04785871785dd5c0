"""Where a flow's conversation stands, folded from its messages: a pure function of what was said, called and returned.

`fold` reads the messages from the first to the last and gives the state and what to do next. Nothing is kept between
requests, so a call goes on after a crash from its history alone. A question counts as asked only once most of it was
HEARD: an assistant message holds what was heard, so a yes spoken over the middle of a sentence agrees to nothing, and
a no refuses nothing (agent/llm/flow_heard.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.llm.base import Message
from agent.llm.flow_data import OTHERWISE, Flow, Intent, Reply, arguments_for
from agent.llm.flow_heard import Question, as_heard, plain_words
from agent.llm.flow_say import joined, render
from agent.llm.flow_words import Understood, understand, waits
from agent.masking import MARK
from agent.slots.base import Asks, Progress
from agent.slots.reading import read_answer
from agent.tools.base import NEEDS_YES

#: After so many turns in a row without understanding, a person is offered.
MAX_MISSES = 3
_YES_OR_NO = Asks(kind="yes_no")
#: Kinds of slots of which a yes or a no is a value.
_ANY_WORDS = ("yes_no", "free", "name")
#: Agent words kept to find a question in: longer than any reply.
_HEARD_WORDS = 200


@dataclass(frozen=True, slots=True)
class State:
    """Where the conversation stands. `partial`: what was heard of `partial_slot`, whose value came in part; `said`:
    what we said last, in full; `heard`: our words this turn.
    """

    intent: str = ""
    slots: Mapping[str, str | bool] = field(default_factory=dict)
    partial: str = ""
    partial_slot: str = ""
    question: Question | None = None
    misses: int = 0
    said: str = ""
    heard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """What to do next: say something, and then, with `tool`, call it. `problem`: what flow.toml has wrong. `protected`:
    what is said cannot be interrupted. `aside`: what was said before it is still what we said last.
    """

    say: str = ""
    tool: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
    protected: bool = False
    aside: bool = False


Step = tuple[State, Action]


def fold(flow: Flow, messages: Iterable[Message], takes: Mapping[str, set[str]] | None = None) -> Step:
    """The state after all messages, and the action that answers the last one.

    `takes` names the parameters of each tool; a tool not in it gets every slot its intent needs.
    """
    state, action = State(), Action()
    calls: dict[str, Mapping[str, Any]] = {}
    for message in messages:
        if message.role == "user":
            state, action = _on_user(flow, state, message.content, takes or {})
        elif message.role == "assistant":
            calls.update((call.id, call.arguments) for call in message.tool_calls)
            state = _on_heard(state, message.content)
        elif message.role == "tool":
            state, action = _on_result(flow, state, message, calls.get(message.tool_call_id, {}))
        if action.say and not action.aside and message.role != "assistant":
            state = replace(state, said=action.say)
    return _asked_again(flow, state, action, takes or {})


def asked_for(flow: Flow, state: State, action: Action) -> Asks:
    """What the caller is asked for. To a question that names a sensitive value the answer may be another one; it stays
    confidential while a tool is called with it.
    """
    question = state.question
    if question is not None and question.kind == "slot":
        return replace(
            flow.slots[question.name].asks, before=state.partial if state.partial_slot == question.name else ""
        )
    if question is not None and question.kind == "confirm":
        secret = [slot for name in flow.intents[question.name].needs if (slot := flow.slots[name]).sensitive]
        for slot in sorted(secret, key=lambda slot: slot.kind == "digits"):  # of several, the one that hides the most
            return Asks(slot.name, "yes_no", sensitive=True, hides=slot.kind)
    return Asks() if question is None or action.tool else _YES_OR_NO


# --- values that were lost --------------------------------------------------------------------------------------------
# After a call is brought back, its messages come from a journal in which sensitive values are masked. Such a value
# fills its slot while messages are folded, so that the conversation takes the course it took; it is never used.


def _lost(flow: Flow, state: State, text: str, said: Understood) -> Understood:
    """What a masked turn means: the sensitive value that was being asked for, or that its intent needs, was said."""
    question = state.question
    if question is not None and question.kind == "slot":
        names: tuple[str, ...] = (question.name,)
    else:
        name = said.intent or (question.name if question is not None and question.kind == "confirm" else "")
        names = flow.intents[name].needs if name else ()
    lost = {name: MARK for name in names if MARK in text and flow.slots[name].sensitive}
    return replace(said, values={**said.values, **lost}, partial="", partial_slot="") if lost else said


def _asked_again(flow: Flow, state: State, action: Action, takes: Mapping[str, set[str]]) -> Step:
    """Where the next step would use a value that was lost, the caller is asked for it again."""
    confirms = state.question is not None and state.question.kind == "confirm"
    if not _lost_slot(flow, state) or not (action.tool or confirms):
        return state, action
    known = {name: value for name, value in state.slots.items() if value != MARK}
    return _pursue(flow, replace(state, slots=known, question=None), flow.intents[state.intent], takes)


def _lost_slot(flow: Flow, state: State) -> str:
    """The first slot of the intent whose value was lost; "" if there is none."""
    needs = flow.intents[state.intent].needs if state.intent else ()
    return next((name for name in needs if state.slots.get(name) == MARK), "")


# --- what was heard of us ---------------------------------------------------------------------------------------------


def _on_heard(state: State, text: str) -> State:
    heard = (*state.heard, *plain_words(text))[-_HEARD_WORDS:]
    question = state.question and as_heard(state.question, state.said, heard)
    return replace(state, heard=heard, question=question)


# --- the caller speaks ------------------------------------------------------------------------------------------------


def _on_user(flow: Flow, state: State, text: str, takes: Mapping[str, set[str]]) -> Step:
    asked = _lost_slot(flow, state) if state.question is None else ""
    if state.question is not None and state.question.kind == "slot":
        asked = state.question.name
    before = state.partial if state.partial_slot == asked else ""
    confirming: tuple[str, ...] = ()
    if state.question is not None and state.question.kind == "confirm":
        confirming = flow.intents[state.question.name].needs
    said = _lost(flow, state, text, understand(flow, text, asked, before=before, confirming=confirming))
    if state.question is not None and state.question.kind == "offer":
        said = _taken(text, said)
    state = replace(state, heard=())
    if waits(flow, text, said, asked):
        return state, Action(flow.patience, aside=True)
    if state.question is not None and _is_answer(flow, state, state.question, said):
        return _answered(flow, replace(state, misses=0), state.question, said.yes, takes)
    if state.question is not None and _is_too_soon(flow, state.question, text, said):
        return state, Action(state.question.text)
    name = said.intent or _continued(flow, state, said)
    if not name:
        return _missed(flow, state)
    intent = flow.intents[name]
    if intent.repeat:
        return replace(state, misses=0), Action(state.said or flow.question)
    if intent.resume:
        pending = state.question.text if state.question else ""
        return replace(state, misses=0, question=_unheard(state.question)), Action(
            joined(intent.reply.say, pending), protected=intent.reply.protected
        )
    state = _filled(flow, state, intent, said)
    if state.misses >= MAX_MISSES:
        return _missed(flow, state)
    return _pursue(flow, replace(state, question=None), intent, takes)


def _taken(text: str, said: Understood) -> Understood:
    """An offer is taken, or not, by more words than something that cannot be undone is agreed to by: "uh-huh"."""
    if said.yes or said.no:
        return said
    reading = read_answer(_YES_OR_NO, text)
    plain = reading.progress in (Progress.WHOLE, Progress.ENOUGH)
    return replace(said, yes=plain and reading.value == "yes", no=plain and reading.value == "no")


def _is_answer(flow: Flow, state: State, question: Question, said: Understood) -> bool:
    """Whether this is a yes or no to the question, rather than a new wish or another value."""
    if question.kind == "slot" or not (said.yes or said.no):
        return False
    means = {question.name}
    if question.kind == "offer":
        offer = flow.offers[question.name]
        means = {offer.yes, offer.no if question.heard else ""}  # "no, goodbye" is a wish to whatever is being said
    if said.intent and said.intent not in means and not flow.intents[said.intent].polite:
        return False
    other = any(value == MARK or state.slots.get(name) != value for name, value in said.values.items())
    return not other and not said.partial


def _is_too_soon(flow: Flow, question: Question, text: str, said: Understood) -> bool:
    """Whether this is no more than a yes or a no, before the question for a slot was heard: it answers something else,
    and is no value either."""
    if question.kind != "slot" or question.heard or said.partial:
        return False
    slot = flow.slots[question.name]
    if said.values and not (slot.kind in _ANY_WORDS and said.values.keys() == {slot.name}):
        return False
    reading = read_answer(_YES_OR_NO, text)
    return bool(reading.value) and reading.progress in (Progress.WHOLE, Progress.ENOUGH)


def _answered(flow: Flow, state: State, question: Question, yes: bool, takes: Mapping[str, set[str]]) -> Step:
    """The question stays open until a tool it led to has returned: a turn may be cut off before the tool has run.

    Before it was heard it is answered by nothing: a no is to the answer that was being given, and the caller is asked
    what they want instead. Only of what would be done at a yes, a no at its beginning is a no.
    """
    if not question.heard and (yes or question.kind == "offer" or not question.begun):
        if yes or question.begun:
            return state, Action(question.text)
        return replace(state, question=None), Action(flow.question)
    if question.kind == "confirm":
        intent = flow.intents[question.name]
        if yes:
            return _call(flow, state, intent, takes)
        text, problem = render(intent.declined, state.slots, flow.slots)
        return replace(state, question=None), Action(text or flow.question, problem=problem)
    offer = flow.offers[question.name]
    leads_to, say = (offer.yes, offer.yes_say) if yes else (offer.no, offer.no_say)
    if leads_to:
        return _pursue(flow, state, flow.intents[leads_to], takes)
    text, problem = render(say, state.slots, flow.slots)
    return replace(state, question=None), Action(text or flow.question, problem=problem)


def _continued(flow: Flow, state: State, said: Understood) -> str:
    """The intent that a bare value belongs to: the one that asked for it, or the one it starts."""
    name = said.partial_slot or next(iter(said.values), "")
    if not name:
        return ""
    if name == _lost_slot(flow, state):
        return state.intent
    question = state.question
    if question is not None and question.kind == "slot":
        return state.intent
    if question is not None and question.kind == "confirm":
        return question.name
    return flow.slots[name].starts


def _filled(flow: Flow, state: State, intent: Intent, said: Understood) -> State:
    """The state with the values of this turn."""
    slots = {name: value for name, value in state.slots.items() if name not in said.forgotten}
    slots.update(said.values)
    misses = 0
    if said.partial:  # what was heard is asked about
        slots.pop(said.partial_slot, None)
        misses = state.misses + 1
    return replace(
        state,
        intent=intent.name,
        slots=slots,
        partial=said.partial,
        partial_slot=said.partial_slot,
        misses=misses,
    )


def _pursue(flow: Flow, state: State, intent: Intent, takes: Mapping[str, set[str]]) -> Step:
    """The next step of an intent: ask for what is missing, ask for a yes, call the tool, or reply."""
    state = replace(state, intent=intent.name)
    for name in intent.needs:
        if name in state.slots:
            continue
        slot = flow.slots[name]
        text, problem = slot.ask, ""
        if state.partial and state.partial_slot == name and slot.incomplete:
            text, problem = render(slot.incomplete, {"heard": state.partial}, {"heard": slot})
        return replace(state, question=Question("slot", name, slot.ask)), Action(text or slot.ask, problem=problem)
    if intent.confirm:
        return _confirm(flow, state, intent)
    if intent.tool:
        return _call(flow, state, intent, takes)
    return _reply(flow, replace(state, question=None), intent.reply, {})


def _confirm(flow: Flow, state: State, intent: Intent) -> Step:
    text, problem = render(intent.confirm, state.slots, flow.slots)
    question = Question("confirm", intent.name, text)
    return replace(state, question=question), Action(text, problem=problem, protected="confirm" in intent.protected)


def _call(flow: Flow, state: State, intent: Intent, takes: Mapping[str, set[str]]) -> Step:
    text, problem = render(intent.first, state.slots, flow.slots)
    arguments = arguments_for(intent, takes.get(intent.tool), state.slots)
    protected = "first" in intent.protected
    return replace(state, intent=intent.name), Action(text, intent.tool, arguments, problem, protected)


def _missed(flow: Flow, state: State) -> Step:
    """Not understood: ask again, then with examples, then offer a person."""
    misses = min(state.misses + 1, MAX_MISSES)
    question = state.question
    if misses == MAX_MISSES and flow.last_offer:
        offer = flow.offers[flow.last_offer]
        text, problem = render(offer.ask, state.slots, flow.slots)
        asked = Question("offer", offer.name, text)
        return replace(state, misses=misses - 1, question=asked), Action(text, problem=problem)
    say = joined(flow.misses[min(misses, 2) - 1], question.text if question else flow.question)
    return replace(state, misses=misses, question=_unheard(question)), Action(say)


# --- a tool has returned ----------------------------------------------------------------------------------------------


def _on_result(flow: Flow, state: State, message: Message, arguments: Mapping[str, Any]) -> Step:
    result = _decoded(message.content)
    state = replace(state, question=None, partial="", partial_slot="", heard=())
    candidates = [intent for intent in flow.intents.values() if intent.tool == message.name]
    intent = next((each for each in candidates if each.name == state.intent), candidates[0] if candidates else None)
    if intent is None or ("error" in result and not (intent.confirm and result["error"] == NEEDS_YES)):
        return state, Action(flow.failed)
    named = {slot: argument for argument, slot in intent.arguments.items()}
    given = {slot: arguments[named.get(slot, slot)] for slot in intent.needs if named.get(slot, slot) in arguments}
    given = {slot: MARK if MARK in str(value) else value for slot, value in given.items()}
    state = replace(state, intent=intent.name, slots={**state.slots, **given})
    if "error" in result:  # the question was not heard to its end, or the yes answered another: it is asked anew
        return _confirm(flow, state, intent)
    reply = intent.replies.get(str(result.get("outcome", ""))) or intent.replies.get(OTHERWISE) or intent.reply
    return _reply(flow, state, reply, result)


def _decoded(content: str) -> dict[str, Any]:
    try:
        result = json.loads(content)
    except ValueError:
        return {"error": "not JSON"}
    return result if isinstance(result, dict) else {"result": result}


def _reply(flow: Flow, state: State, reply: Reply, result: Mapping[str, Any]) -> Step:
    text, problem = render(reply.say, {**state.slots, **result}, flow.slots)
    if problem:
        return state, Action(flow.failed, problem=problem)
    if reply.ask_again:
        slots = {name: value for name, value in state.slots.items() if name != reply.ask_again}
        question = Question("slot", reply.ask_again, flow.slots[reply.ask_again].ask)
        return replace(state, slots=slots, question=question), Action(text, protected=reply.protected)
    if reply.offer:
        asked, problem = render(flow.offers[reply.offer].ask, {**state.slots, **result}, flow.slots)
        offered = Question("offer", reply.offer, asked)
        return replace(state, question=offered), Action(joined(text, asked), problem=problem, protected=reply.protected)
    return state, Action(text, protected=reply.protected)


def _unheard(question: Question | None) -> Question | None:
    return replace(question, heard=False) if question else None
