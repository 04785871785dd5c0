"""What Prometheus is told of a call's journal, the host's counts, the event loop; and that labels are bounded."""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from agent.agents import load_agent
from telephony import tokens
from telephony.media_stream.faults import FAULTS
from telephony.terminal import _ENDINGS
from telephony.twilio.webhooks import _CALL_STATUSES, _STREAM_EVENTS
from telephony.twilio.webhooks import REFUSALS as WEBHOOK_REFUSALS
from telephony.web import room
from telephony.web.connections import REASONS
from telephony.web.count_names import EVENTS_UNMAPPED, FAMILIES, CountsCollector
from telephony.web.loop_watch import LoopWatch
from telephony.web.metrics import _HANDLERS, ENDINGS, OTHER, ServiceMetrics, ending_label
from telephony.web.room import REFUSALS as ROOM_REFUSALS
from tests.support.virtual_loop import run_virtual
from tests.support.waiting import block, until

ROOT = Path(__file__).parents[3]
KNOWN_NAMES = {name for family in FAMILIES for name in family.names.values()}


@pytest.fixture(scope="module")
def agent() -> Any:
    return load_agent("parcel-desk", ())


@pytest.fixture
def metrics(agent: Any) -> ServiceMetrics:
    return ServiceMetrics([agent])


def value(metrics: ServiceMetrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"offhook_{name}", labels)
    assert found is not None, f"no sample offhook_{name} {labels}"
    return found


def tell(metrics: ServiceMetrics, *events: tuple[str, dict[str, object]]) -> None:
    meter = metrics.call_meter()
    for number, (kind, fields) in enumerate(events, start=1):
        meter({"v": 1, "n": number, "media_ms": 0, "call_ms": 0.0, "kind": kind, **fields})


def test_a_call_is_counted_from_its_journal(metrics: ServiceMetrics) -> None:
    stages = {"endpointing_ms": 576, "stt_ms": 4, "llm_ms": 2, "clause_ms": 0, "tts_ms": 3, "line_ms": 25}
    tell(
        metrics,
        ("call.started", {"agent": "parcel-desk"}),
        ("engine.request", {"engine": "stt", "name": "pocketsphinx"}),
        ("turn.committed", {"source": "voice", "text": "where is my parcel"}),
        ("turn.latency", {"voice_to_voice_ms": 610, **stages}),
        ("tool.returned", {"name": "find_order", "ok": True, "took_ms": 12.5}),
        ("turn.rejected", {"reason": "no text"}),
        ("barge_in", {}),
        ("silence.prompt", {}),
        ("far_end.voicemail", {"reason": "mailbox full", "text": "the mailbox is full"}),
        ("far_end.voicemail", {"reason": "made up"}),
        ("line.gap", {"from_ms": 1000, "to_ms": 1250}),
        ("playout.marks_lost", {"owed_ms": 900}),
        ("error", {"where": "stt", "message": 'engine "pocketsphinx": the first result took longer than its 3 s'}),
        ("call.ended", {"reason": "agent: hangup", "call_ms": 42_000.0}),
    )
    assert value(metrics, "calls_started_total", agent="parcel-desk") == 1
    assert value(metrics, "calls_ended_total", agent="parcel-desk", reason="agent_hung_up") == 1
    assert value(metrics, "call_duration_seconds_sum") == 42
    assert value(metrics, "engine_requests_total", kind="stt", engine="pocketsphinx") == 1
    assert value(metrics, "turns_committed_total", source="voice") == 1
    assert value(metrics, "turns_rejected_total", reason="no_text") == 1
    assert value(metrics, "voice_to_voice_seconds_sum") == 0.61
    assert value(metrics, "voice_to_voice_seconds_bucket", le="0.6") == 0
    assert value(metrics, "voice_to_voice_seconds_bucket", le="0.7") == 1
    parts = [value(metrics, "turn_stage_seconds_sum", stage=name.removesuffix("_ms")) for name in stages]
    assert sum(parts) == pytest.approx(0.61)
    assert value(metrics, "barge_ins_total") == 1
    assert value(metrics, "silence_prompts_total") == 1
    assert value(metrics, "voicemails_total", reason="mailbox_full") == 1
    assert value(metrics, "voicemails_total", reason="other") == 1
    assert value(metrics, "line_gap_seconds_total") == 0.25
    assert value(metrics, "playout_marks_lost_total") == 1
    assert value(metrics, "errors_total", where="stt", engine="pocketsphinx") == 1


def test_a_hole_in_what_the_caller_hears_is_told_from_a_pause_and_from_a_new_answer(metrics: ServiceMetrics) -> None:
    tell(
        metrics,
        ("agent.clause", {"turn": 1}),
        ("playout.started", {"at": 1000}),
        ("playout.started", {"at": 1500}),  # it had never been done: sent too late
        ("playout.done", {"media_ms": 2000}),
        ("agent.clause", {"turn": 1}),
        ("playout.started", {"at": 2600}),  # the same answer goes on, 600 ms later
        ("playout.done", {"media_ms": 4000}),
        ("turn.committed", {"source": "voice"}),
        ("agent.clause", {"turn": 2}),
        ("playout.started", {"at": 9000}),  # another answer
        ("playout.stopped", {}),
        ("playout.started", {"at": 9900}),  # taken up again after an interruption
    )
    assert value(metrics, "playout_ran_dry_total") == 1
    assert value(metrics, "answer_pause_seconds_count") == 1
    assert value(metrics, "answer_pause_seconds_sum") == pytest.approx(0.6)


def test_every_ending_that_people_are_told_has_a_label() -> None:
    assert set(_ENDINGS) <= set(ENDINGS)
    assert len(set(ENDINGS.values())) == len(ENDINGS)
    assert ending_label("caller: protocol: media: audio comes faster than time goes by") == "protocol_error"
    assert ending_label("caller: peer took nothing for 5 s") == "peer_too_slow"
    assert ending_label("error of another kind") == OTHER
    assert ending_label("agent: hangup\n") == OTHER


def series(metrics: ServiceMetrics) -> int:
    return sum(len(family.samples) for family in text_string_to_metric_families(metrics.render().decode()))


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)
FIELDS = ("agent", "reason", "source", "name", "engine", "ok", "where", "message", "turn", "at", "media_ms", "took_ms")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(map(str, _HANDLERS))), st.dictionaries(st.sampled_from(FIELDS), anything)),
        max_size=30,
    )
)
def test_no_journal_makes_more_series_than_there_are(agent: Any, events: list[tuple[str, dict[str, object]]]) -> None:
    metrics = ServiceMetrics([agent])
    known = (metrics.agents, metrics.tools, metrics.engines)
    tell(metrics, *events)
    for status in range(100, 600, 7):
        metrics.request("", status)
    for family in metrics.registry.collect():
        for sample in family.samples:
            for label, content in sample.labels.items():
                if label in ("agent", "tool", "engine"):
                    assert content in {OTHER, "", *known[0], *known[1], *known[2]}
                elif label == "route":
                    assert content == OTHER
    assert series(metrics) < 600


def test_services_in_one_process_do_not_mix(agent: Any) -> None:
    one, two = ServiceMetrics([agent]), ServiceMetrics([agent])
    one.barge_ins.inc()
    assert value(one, "barge_ins_total") == 1
    assert value(two, "barge_ins_total") == 0


def test_requests_are_told_by_route_and_outcome(metrics: ServiceMetrics) -> None:
    for status in (200, 204, 403, 413, 500):
        metrics.request("/twilio/voice", status)
    metrics.request("", 404)
    assert value(metrics, "http_requests_total", route="/twilio/voice", outcome="accepted") == 2
    assert value(metrics, "http_requests_total", route="/twilio/voice", outcome="refused") == 1
    assert value(metrics, "http_requests_total", route="/twilio/voice", outcome="error") == 1
    assert value(metrics, "http_requests_total", route="other", outcome="not_found") == 1


# --- the host's counts ----------------------------------------------------------------------------------------------


def test_counts_are_read_at_each_scrape_and_unknown_names_are_not_lost(metrics: ServiceMetrics) -> None:
    counts: Counter[str] = Counter()
    metrics.registry.register(CountsCollector(lambda: counts))
    assert value(metrics, "webhooks_answered_total", webhook="voice") == 0
    for name in KNOWN_NAMES:
        counts[name] += 1
    counts["something new"] += 2
    told = [
        sample
        for family in metrics.registry.collect()
        if family.name in {family.metric for family in FAMILIES}
        for sample in family.samples
    ]
    assert len(told) == len(KNOWN_NAMES)
    assert all(sample.value == 1 for sample in told)
    assert metrics.registry.get_sample_value(f"{EVENTS_UNMAPPED}_total") == 2


def test_no_name_stands_in_two_families() -> None:
    names = [name for family in FAMILIES for name in family.names.values()]
    assert len(names) == len(set(names))
    assert len({family.metric for family in FAMILIES}) == len(FAMILIES)


#: What the code counts under a name that it computes: the expression as it stands there, and what it can be.
COMPUTED = {
    "f\"call {status if status in _CALL_STATUSES else 'other'}\"": {f"call {s}" for s in (*_CALL_STATUSES, "other")},
    "told if told in _STREAM_EVENTS else 'stream other'": {*_STREAM_EVENTS, "stream other"},
    "{None: 'upgrade unsigned', True: 'upgrade signed', False: 'upgrade missigned'}[verdict]": {
        "upgrade unsigned",
        "upgrade signed",
        "upgrade missigned",
    },
    'f"socket refused: {refusal.reason}"': {f"socket refused: {reason}" for reason in tokens.REFUSALS},
    'f"refused: {refusal}"': {f"refused: {refusal}" for refusal in room.REFUSALS},
    'f"socket protocol: {kind}"': {f"socket protocol: {kind}" for kind in FAULTS},
    '"revival" if cut_off else "return"': {"revival", "return"},
    "f'connection closed: {reason}'": {f"connection closed: {reason}" for reason in REASONS},
    "f'connection closed: {problem.reason}'": {f"connection closed: {reason}" for reason in REASONS},
    "f'refused: {kind}'": {f"refused: {kind}" for kind in WEBHOOK_REFUSALS},
    "f'refused: {refusal}'": {f"refused: {refusal}" for refusal in ROOM_REFUSALS},
    "what": {"after", "after-dial", "fallback"},
}


def counted_names() -> dict[str, str]:
    """Every name that is counted anywhere in telephony/, and where; computed ones as COMPUTED tells them."""
    # By its tree: how an f-string is written back differs between versions of Python.
    by_shape = {ast.dump(ast.parse(text, mode="eval").body): can_be for text, can_be in COMPUTED.items()}
    names: dict[str, str] = {}
    for path in sorted((ROOT / "telephony").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.AugAssign) or not isinstance(node.target, ast.Subscript):
                continue
            owner = node.target.value
            if not isinstance(owner, ast.Attribute) or owner.attr != "counts":
                continue
            key, where = node.target.slice, f"{path.name}:{node.lineno}"
            if isinstance(key, ast.Constant):
                names[str(key.value)] = where
            else:
                computed = by_shape.get(ast.dump(key))
                assert computed is not None, f"{where} counts under {ast.unparse(key)}: tell in COMPUTED what it can be"
                names |= dict.fromkeys(computed, where)
    return names


def test_every_name_that_is_counted_is_told() -> None:
    names = counted_names()
    assert len(names) > 25, "the search finds nothing"
    assert {name: where for name, where in names.items() if name not in KNOWN_NAMES} == {}


# --- the event loop -------------------------------------------------------------------------------------------------


def test_a_loop_that_is_held_up_is_seen() -> None:
    async def scenario() -> None:
        lags: list[float] = []
        rounds: list[int] = []
        watch = LoopWatch(lags.append, lambda: rounds.append(1))
        assert watch.p99_s() == 0
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(9.95)
        assert max(lags) < 0.001
        assert rounds == []
        await asyncio.sleep(0.15)
        assert rounds == [1]
        task.cancel()
        await asyncio.wait([task])

    run_virtual(scenario())
    watch = LoopWatch(lambda _: None)
    watch._lags.extend([0.0] * 593 + [0.4] * 7)
    assert watch.p99_s() == 0.4
    watch._lags.append(0.0)
    watch._lags.append(0.0)
    assert watch.p99_s() == 0.4
    watch._lags.extend([0.0] * 594)
    assert watch.p99_s() == 0.0


async def test_a_real_stall_is_measured() -> None:
    lags: list[float] = []
    task = asyncio.create_task(LoopWatch(lags.append).run())
    await until(lambda: lags, within_s=5, what="a first measure")
    block(0.25)  # the stall itself
    await until(lambda: max(lags) > 0.1, within_s=5, what="the stall, measured")
    task.cancel()
