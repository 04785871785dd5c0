"""What holds after every call, whatever its caller, its engines and its line did: read from the journal, and from what
the carrier has really played."""

from __future__ import annotations

import itertools
from bisect import bisect
from collections import Counter
from typing import Any

from agent.at_ear import REACTION_MS
from tests.agent.wayward import WORD_MS, Played, WaywardCall, played

Event = dict[str, Any]

#: How long the agent may stay silent for a caller who may not mean it: deciding takes at most 0.9 s of sound, or the
#: 3 s in which a final text must come.
LONGEST_YIELD_MS = 3500
#: A word counts as heard out if no more than this is missing of it: a frame, for the ledger reckons in frames.
WORD_END_MS = 40
#: In a stall nothing counts as heard beyond the last that came: so many words more may be said again after it.
STALLED_WORDS = 15


def check(call: WaywardCall, *, exact: bool) -> None:
    """All of it. `exact`: the line was sound, so what was heard must be known to the word."""
    check_time(call)
    check_turns(call.events)
    check_replies(call.events)
    check_model(call.events)
    check_tools(call.events, cut_short=call.task.cancelling() > 0)
    words = played(call.phone.carrier.heard)
    check_yields(call, words)
    check_clears(call, words)
    check_heard(call, words, exact=exact)


def check_time(call: WaywardCall) -> None:
    """Time never runs backwards, and nothing is told of the future."""
    events = call.events
    for before, after in itertools.pairwise(events):
        assert before["media_ms"] <= after["media_ms"], (before, after)
        assert before["call_ms"] <= after["call_ms"], (before, after)
        assert before["n"] + 1 == after["n"]
    for event in events:
        for name in ("speech_ms", "speech_end_ms", "at", "start_ms", "end_ms"):
            assert event.get(name, 0) <= event["media_ms"] + 1, f"{name} lies ahead: {event}"
        assert event.get("start_ms", 0) <= event.get("end_ms", event["media_ms"]), event
    began = {event["turn"]: event["speech_ms"] for event in of(events, "turn.started")}
    for event in of(events, "turn.ended"):
        assert event["speech_end_ms"] >= began.get(event["turn"], 0), event
    assert not (failed := of(events, "error", where="call")), (failed, events[-40:])


def check_turns(events: list[Event]) -> None:
    """Each turn begins, ends and is decided once, in this order and in the order of the turns."""
    for kind in ("turn.started", "turn.ended", "turn.committed"):
        turns = [event["turn"] for event in of(events, kind)]
        assert turns == sorted(set(turns)), f"{kind}: {turns}"
    ended = [event["turn"] for event in of(events, "turn.ended")]
    decided = [event["turn"] for event in of(events, "turn.committed", "turn.rejected")]
    while_it_lasted = [
        event["turn"] for event in of(events, "turn.committed", "turn.rejected") if event.get("reason") != "leaving"
    ]
    assert while_it_lasted == sorted(set(while_it_lasted)), f"decided in this order: {while_it_lasted}"
    assert len(set(decided)) == len(decided), f"decided twice: {decided}"
    assert set(decided) <= set(ended)
    undecided = [turn for turn in ended if turn not in decided]
    last = max((event["turn"] for event in of(events, "turn.committed")), default=0)
    assert all(turn > last for turn in undecided), f"never decided: {undecided}"  # those the end of the call left so
    open_turn = 0
    for event in events:
        if event["kind"] == "turn.started":
            open_turn = event["turn"]
        elif event["kind"] in ("turn.probable_end", "turn.went_on", "turn.ended"):
            assert event["turn"] >= open_turn, event


def check_replies(events: list[Event]) -> None:
    """A reply belongs to the turn that was committed last, and each committed turn has one; unless the caller had more
    to say before anything of it was heard, or the call ended."""
    committed, rejected, answered = 0, 0, set[int]()
    for at, event in enumerate(events):
        match event["kind"]:
            case "turn.committed":
                committed = event["turn"]
            case "turn.rejected":
                rejected = event["turn"]
            case "agent.clause" if event["turn"] and not event["aside"]:
                # A turn that was nothing has what it broke off taken up again.
                assert event["turn"] in (committed, rejected), f"a reply without a turn: {event}"
            case "agent.clause" | "tool.called":
                assert event["turn"] >= committed or event.get("aside"), event
            case "reply.heard":
                assert committed not in answered or _said_more(events[:at], committed), f"two replies: {event}"
                answered.add(committed)


def _said_more(events: list[Event], turn: int) -> bool:
    """Whether after the reply to this turn was heard out something else was said: a prompt, a request to say it again,
    what an interruption that was none had left."""
    last = max(at for at, event in enumerate(events) if event["kind"] == "reply.heard")
    return any(event["kind"] in ("silence.prompt", "turn.rejected", "wind_up", "error") for event in events[last:]) or (
        any(event["kind"] == "agent.clause" and event["aside"] for event in events[last:])
    )


def check_model(events: list[Event]) -> None:
    """The model is asked once for a turn, and again only where a tool was used or where it had not said all of it."""
    asked, turn = "", 0
    done: dict[int, str] = {}  # by turn: the request whose answer was all of it
    used: set[str] = set()
    for event in events:
        if event["kind"] == "turn.committed":
            turn = event["turn"]
        elif event["kind"] == "engine.request" and event["engine"] == "llm":
            assert turn not in done, f"asked again, though it had said all of it: {event}"
            asked = event["id"]
        elif event["kind"] == "engine.result" and event["id"] == asked:
            if "tool" in event["result"]:
                used.add(asked)
            elif event["final"] and asked not in used:
                done[turn] = asked


def check_tools(events: list[Event], *, cut_short: bool) -> None:
    """Every call of a tool has its one result, unless the service stopped while it ran (`cut_short`): then nobody
    knows it, and none is told."""
    called = Counter(event["id"] for event in of(events, "tool.called"))
    returned = Counter(event["id"] for event in of(events, "tool.returned"))
    assert all(count == 1 for count in called.values()), called
    assert returned <= called if cut_short else returned == called, (called, returned)


def check_yields(call: WaywardCall, words: list[Played]) -> None:
    """Who fell silent for a caller goes on, gives up or leaves, and soon; and is silent until then."""
    heard = [(start, start + len(audio) / 8) for start, audio in call.phone.carrier.heard]
    clears = dict(zip(indices(call.events, "playout.stopped"), call.phone.clears_ms, strict=False))
    for at in indices(call.events, "agent.yielded"):
        over = next(index for index in range(at + 1, len(call.events)) if _settles(call.events, index))
        assert call.events[over]["kind"] != "agent.yielded", "it fell silent twice"
        lasted_ms = call.times_ms[over] - call.times_ms[at]
        if call.events[at]["reason"] == "words" or _goes_on(call, at, words):  # held until all of it was said
            hearings = {event["id"] for event in of(call.events, "engine.request", engine="stt")}
            latest = [index for index in range(at, over) if _may_be_meant(call.events[index], hearings)]
            ended = any(event["kind"] == "turn.ended" for event in call.events[at:over])
            lasted_ms = call.times_ms[over] - call.times_ms[latest[-1]] if ended else 0
        assert lasted_ms <= LONGEST_YIELD_MS, f"silent for {lasted_ms:.0f} ms: {call.events[at]}"
        cleared_ms = next((ms for index, ms in clears.items() if index > at), call.times_ms[-1])
        until_ms = call.times_ms[over]
        if cleared_ms >= until_ms:
            continue
        audible = [(start, end) for start, end in heard if end > cleared_ms + 1 and start < until_ms - 1]
        assert not audible, f"audible at {audible} while yielded from {cleared_ms} to {until_ms}"


def _settles(events: list[Event], at: int) -> bool:
    """Whether what the agent fell silent for is decided here: also by a goodbye, or by an engine beyond help."""
    event = events[at]
    if event["kind"] == "error":
        return event["where"] in ("reply", "voice", "stt", "hearing")
    if event["kind"] == "agent.clause":
        return bool(event["aside"]) and left(events[at:])
    return event["kind"] in ("agent.took_up", "barge_in", "leave", "call.ended", "agent.yielded")


def _may_be_meant(event: Event, hearings: set[str]) -> bool:
    """Whether who is waited for has just said something, or is done."""
    if event["kind"] != "engine.result":
        return bool(event["kind"] == "turn.ended")
    return event["id"] in hearings and not event["final"] and bool(event["result"].get("text"))


def _goes_on(call: WaywardCall, yielded: int, words: list[Played]) -> bool:
    """Whether the caller went on before a word of the answer was heard, or too soon after it to react to it."""
    committed = [at for at in indices(call.events, "turn.committed") if at < yielded]
    since_ms = call.times_ms[committed[-1]] if committed else 0.0
    unsure_ms = 2000 * call.phone.socket.delay_s + WORD_END_MS  # as far as it can be known
    until_ms = call.times_ms[yielded] - unsure_ms
    heard = [word for word in words if since_ms < word.end_ms < until_ms and word.end_ms - word.start_ms >= WORD_MS - 1]
    if not heard:
        return True
    began = of(call.events[:yielded], "turn.started", turn=call.events[yielded]["turn"])
    return bool(began) and heard[0].start_ms > began[-1]["speech_ms"] - REACTION_MS - unsure_ms


def check_clears(call: WaywardCall, words: list[Played]) -> None:
    """Behind a clear nothing of what had been given up is heard: what sounds there was made, or taken up, later."""
    events, stops = call.events, indices(call.events, "playout.stopped")
    made = {sound: spoken.n for spoken in call.tts.texts for sound, _ in spoken.words}
    for stopped, clear_ms in zip(stops, call.phone.clears_ms, strict=False):
        given_up: int | None = stopped
        if events[stopped - 1]["kind"] == "agent.yielded":  # it is known later whether that was meant
            kinds = ("agent.took_up", "barge_in")
            given_up = next((at for at in range(stopped, len(events)) if events[at]["kind"] in kinds), None)
        if given_up is None or events[given_up]["kind"] == "agent.took_up":
            continue
        old = [word for word in words if word.start_ms > clear_ms + 1 and made[word.sound] < given_up]
        assert not old, f"heard behind the clear at {clear_ms}: {old}"


def check_heard(call: WaywardCall, words: list[Played], *, exact: bool) -> None:
    """What the record says was heard is a beginning of what was said, was settled once, and was really played; words
    are heard in their order, and go back by one at most (on a sound line), where the agent takes up."""
    settled = of(call.events, "agent.heard")
    assert len({event["utterance"] for event in settled}) == len(settled), "an utterance is settled twice"
    sounds = _sounds_of(call)
    longest: dict[int, float] = {}
    for word in words:
        longest[word.sound] = max(longest.get(word.sound, 0.0), word.end_ms - word.start_ms)
    order = {sound: number for number, sound in enumerate(sound for said in sounds.values() for sound, _ in said)}
    # What is played while a clear is under way, and was while its mark was, is not known to have been heard.
    off = 1 + round(2000 * call.phone.socket.delay_s / WORD_MS)
    back = off if exact else STALLED_WORDS
    whole = [word for word in words if word.sound in order and word.end_ms - word.start_ms > WORD_END_MS]
    clears = call.phone.clears_ms
    full = [word for word in whole if word.end_ms - word.start_ms >= WORD_MS - 1]
    between = Counter((bisect(clears, word.start_ms + 1), word.sound) for word in full)
    assert all(count == 1 for count in between.values()), f"heard twice without a clear: {between.most_common(2)}"
    for before, after in itertools.pairwise(whole):
        assert order[after.sound] >= order[before.sound] - back, f"went back from {before} to {after}"
    for event in settled:
        assert event["said"].startswith(event["text"]), event
        assert event["complete"] == (not event["said"][len(event["text"]) :].strip()), event
        if not exact:
            continue
        said = sounds.get(event["utterance"], [])
        by_record = sum(1 for _, end in said if end <= len(event["text"]))
        is_heard = [longest.get(sound, 0.0) >= WORD_MS - WORD_END_MS for sound, _ in said]
        by_carrier = sum(is_heard)
        assert all(is_heard[: max(0, by_record - off)]), f"left out within it: {is_heard}, {event}"
        assert abs(by_record - by_carrier) <= off, f"the caller heard {by_carrier} words of {event}"


def _sounds_of(call: WaywardCall) -> dict[int, list[tuple[int, int]]]:
    """By utterance: the sounds of its words, each with where it ends in the utterance's text."""
    found: dict[int, list[tuple[int, int]]] = {}
    texts: dict[int, int] = {}
    for spoken in call.tts.texts:
        clause = next(
            (
                event
                for event in reversed(call.events[: spoken.n])
                if event["kind"] == "agent.clause" and event["text"] == spoken.text
            ),
            None,
        )
        if clause is None:
            continue
        utterance = clause["utterance"]
        said = next((e["said"] for e in of(call.events, "agent.heard") if e["utterance"] == utterance), None)
        if said is None:
            continue
        start = said.index(spoken.text, texts.get(utterance, 0))
        texts[utterance] = start + len(spoken.text)
        found.setdefault(utterance, []).extend((sound, start + end) for sound, end in spoken.words)
    return found


def left(events: list[Event]) -> bool:
    return any(event["kind"] == "leave" for event in events)


def of(events: list[Event], *kinds: str, **fields: Any) -> list[Event]:
    return [event for event in events if event["kind"] in kinds and fields.items() <= event.items()]


def indices(events: list[Event], kind: str) -> list[int]:
    return [at for at, event in enumerate(events) if event["kind"] == kind]
