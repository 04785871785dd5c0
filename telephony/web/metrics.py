"""ServiceMetrics: what Prometheus is told of a service - its calls, turns, waits, tools, engines, and its own health.

Calls are told by their journals (`CallMeter` hears one call's), webhooks by the app, refusals by the host's counts. A
label's values are the code's own, or names in the agents' files: no caller, peer or model can make one.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.definition import AgentDefinition
from agent.summary import STAGES
from telephony.logs.setup import lost_lines
from telephony.web.count_names import CountsCollector

#: Where answers of a conversation lie; a caller notices a tenth of a second below one second, and little above three.
WAIT_S = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)
#: A stage may be a millisecond (a phrase from memory) or most of the whole.
STAGE_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
#: Twice an audio frame is felt by nobody; 300 ms empties the far end's buffer (media_stream/line.py, LEAD_MS).
LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
CALL_S = (5, 15, 30, 60, 120, 180, 300, 600, 1200, 3600)
TOOL_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)

OTHER = "other"
#: How the journal's `call.ended` is told.
ENDINGS = {
    "agent: hangup": "agent_hung_up",
    "agent: transfer": "transferred",
    "agent: senddigits": "sends_digits",
    "caller: stop": "caller_hung_up",
    "caller: closed": "line_cut",
    "caller: silent": "line_silent",
    "caller: left": "service_stopped",
    "cancelled": "cancelled",
    "error": "error",
}
#: These go on with what exactly was wrong, which a peer can choose.
ENDINGS_THAT_BEGIN = {"caller: protocol: ": "protocol_error", "caller: peer took nothing": "peer_too_slow"}
WHERE = frozenset(("call", "hearing", "host", "playout", "record", "reply", "stt", "voice"))
REJECTIONS = {
    reason: reason.replace(" ", "_")
    for reason in ("no text", "backchannel", "echo", "noise", "short", "leaving", "stt")
}
SOURCES = frozenset(("voice", "keys", "both", "speech"))
TAKEN_UP = frozenset(("backchannel", "noise", "echo", "silence"))
VOICEMAILS = frozenset(("greeting", "mailbox full", "recording", "signs", "beep"))
KINDS = frozenset(("stt", "llm", "tts"))
#: What the app's answers mean, by status.
OUTCOMES = {
    400: "bad",
    403: "refused",
    401: "refused",
    404: "not_found",
    405: "not_found",
    408: "too_slow",
    413: "too_big",
    415: "bad",
    429: "rate",
    503: "unavailable",
}


class ServiceMetrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self, agents: Iterable[AgentDefinition]) -> None:
        # A second series for each, that nobody asks for.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry(auto_describe=False)
        known = tuple(agents)
        self.agents = frozenset(agent.name for agent in known)
        self.tools = frozenset(name for agent in known for name in agent.tools)
        self.engines = frozenset(engine for agent in known for engine in agent.engines.values())

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"offhook_{name}", help_text, labels, registry=registry)

        def histogram(name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"offhook_{name}_seconds", help_text, labels, buckets=buckets, registry=registry)

        self.started = counter("calls_started", "Conversations begun (a call that came back begins again).", "agent")
        self.ended = counter("calls_ended", "Conversations over, by how.", "agent", "reason")
        self.duration = histogram("call_duration", "How long conversations lasted.", CALL_S)
        self.committed = counter("turns_committed", "Turns of callers that were answered.", "source")
        self.rejected = counter("turns_rejected", "Stretches of speech that were no turn.", "reason")
        self.barge_ins = counter("barge_ins", "Times that a caller spoke over the agent and it stopped.")
        self.false_stops = counter("false_stops", "Times that the agent stopped for nothing, and went on.", "reason")
        self.voicemails = counter("voicemails", "Calls with a machine at the far end, by how it was known.", "reason")
        self.silences = counter("silence_prompts", "Times that a silent caller was asked.")
        self.voice_to_voice = histogram(
            "voice_to_voice", "From the end of a caller's speech to the agent's first sound, at the caller.", WAIT_S
        )
        self.stages = histogram("turn_stage", "The parts of voice_to_voice; they add up to it.", STAGE_S, "stage")
        self.ran_dry = counter("playout_ran_dry", "Times that the caller heard a hole, as audio was sent too late.")
        self.pauses = histogram("answer_pause", "Silences within one answer: model, voice or tool were late.", WAIT_S)
        self.marks_lost = counter("playout_marks_lost", "Times that the far end stopped proving what it played.")
        self.line_gaps = counter("line_gaps", "Holes in the callers' audio.")
        self.line_gap_seconds = counter("line_gap_seconds", "How long these holes were together.")
        self.tool_runs = counter("tool_runs", "Tools that models called.", "tool", "result")
        self.tool_time = histogram("tool_run", "How long they took.", TOOL_S, "tool")
        self.requests = counter("engine_requests", "Requests to engines.", "kind", "engine")
        self.errors = counter(
            "errors", "Errors in calls, by where; engine where the error names one.", "where", "engine"
        )
        self.http = counter("http_requests", "Requests by route and outcome.", "route", "outcome")
        self.lag = histogram("loop_lag", "How late the event loop woke up.", LAG_S)
        ProcessCollector(registry=registry)
        registry.register(_Build())
        registry.register(_Log())

    def observe(
        self,
        *,
        state: Callable[[], Mapping[str, Any]],
        counts: Callable[[], Mapping[str, int]],
        open_sockets: Callable[[], int],
        lag_p99_s: Callable[[], float],
    ) -> None:
        """Where the rest is read from at each scrape, on the loop: `state` as of /readyz. Call it once."""
        self.registry.register(CountsCollector(counts))
        self.registry.register(_State(state, open_sockets, lag_p99_s))

    def call_meter(self) -> CallMeter:
        """A listener for the journal of one call."""
        return CallMeter(self)

    def request(self, route: str, status: int) -> None:
        """A request was answered. `route` is a rule of the app ("/twilio/voice"), "" where none fitted."""
        outcome = OUTCOMES.get(status) or ("accepted" if status < 400 else "error" if status >= 500 else OTHER)
        self.http.labels(route or OTHER, outcome).inc()

    def render(self) -> bytes:
        """The text that Prometheus reads (format 0.0.4)."""
        return generate_latest(self.registry)


class CallMeter:
    """Hears one call's journal and counts it. What is not counted costs one look into a table."""

    __slots__ = ("_agent", "_metrics", "_playing", "_quiet_from_ms", "_quiet_turn", "_turn")

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        self._agent = OTHER
        self._playing = False
        self._turn: object = None
        self._quiet_from_ms: float | None = None
        self._quiet_turn: object = None

    def __call__(self, line: Mapping[str, object]) -> None:
        handler = _HANDLERS.get(line["kind"])
        if handler is not None:
            handler(self, line)

    def _on_started(self, line: Mapping[str, object]) -> None:
        self._agent = _known(line.get("agent"), self._metrics.agents)
        self._metrics.started.labels(self._agent).inc()

    def _on_ended(self, line: Mapping[str, object]) -> None:
        self._metrics.ended.labels(self._agent, ending_label(str(line.get("reason")))).inc()
        self._metrics.duration.observe(_seconds(line.get("call_ms")))

    def _on_committed(self, line: Mapping[str, object]) -> None:
        self._quiet_from_ms = None
        self._metrics.committed.labels(_known(line.get("source"), SOURCES)).inc()

    def _on_rejected(self, line: Mapping[str, object]) -> None:
        self._quiet_from_ms = None
        self._metrics.rejected.labels(REJECTIONS.get(str(line.get("reason")), OTHER)).inc()

    def _on_barge_in(self, _: Mapping[str, object]) -> None:
        self._metrics.barge_ins.inc()

    def _on_took_up(self, line: Mapping[str, object]) -> None:
        self._metrics.false_stops.labels(_known(line.get("reason"), TAKEN_UP)).inc()

    def _on_voicemail(self, line: Mapping[str, object]) -> None:
        self._metrics.voicemails.labels(_known(line.get("reason"), VOICEMAILS).replace(" ", "_")).inc()

    def _on_silence(self, _: Mapping[str, object]) -> None:
        self._quiet_from_ms = None
        self._metrics.silences.inc()

    def _on_latency(self, line: Mapping[str, object]) -> None:
        self._metrics.voice_to_voice.observe(_seconds(line.get("voice_to_voice_ms")))
        for stage in STAGES:
            self._metrics.stages.labels(stage.removesuffix("_ms")).observe(_seconds(line.get(stage)))

    def _on_clause(self, line: Mapping[str, object]) -> None:
        self._turn = line.get("turn")

    def _on_playing(self, line: Mapping[str, object]) -> None:
        if self._playing:  # nothing ended in between: the far end ran dry before what follows came
            self._metrics.ran_dry.inc()
        elif self._quiet_from_ms is not None and self._quiet_turn == self._turn:
            self._metrics.pauses.observe(max(0.0, _number(line.get("at")) - self._quiet_from_ms) / 1000)
        self._playing = True

    def _on_played(self, line: Mapping[str, object]) -> None:
        self._playing = False
        self._quiet_from_ms, self._quiet_turn = _number(line.get("media_ms")), self._turn

    def _on_stopped(self, _: Mapping[str, object]) -> None:
        self._playing = False
        self._quiet_from_ms = None

    def _on_new_thing(self, _: Mapping[str, object]) -> None:
        self._quiet_from_ms = None  # what is said next belongs to no answer

    def _on_marks_lost(self, _: Mapping[str, object]) -> None:
        self._metrics.marks_lost.inc()

    def _on_gap(self, line: Mapping[str, object]) -> None:
        self._metrics.line_gaps.inc()
        self._metrics.line_gap_seconds.inc(max(0.0, _number(line.get("to_ms")) - _number(line.get("from_ms"))) / 1000)

    def _on_tool(self, line: Mapping[str, object]) -> None:
        tool = _known(line.get("name"), self._metrics.tools)  # a model may ask for a tool that there is not
        self._metrics.tool_runs.labels(tool, "ok" if line.get("ok") is True else "failed").inc()
        self._metrics.tool_time.labels(tool).observe(_seconds(line.get("took_ms")))

    def _on_request(self, line: Mapping[str, object]) -> None:
        engine = _known(line.get("name"), self._metrics.engines)
        self._metrics.requests.labels(_known(line.get("engine"), KINDS), engine).inc()

    def _on_error(self, line: Mapping[str, object]) -> None:
        # An EngineError begins with: engine "name" (agent/engines/deadlines.py).
        start, quote, rest = str(line.get("message")).partition('engine "')
        engine = rest.partition('"')[0] if quote and not start else ""
        named = engine if engine in self._metrics.engines else ""
        self._metrics.errors.labels(_known(line.get("where"), WHERE), named).inc()


_HANDLERS: dict[object, Callable[[CallMeter, Mapping[str, object]], None]] = {
    "call.started": CallMeter._on_started,
    "call.ended": CallMeter._on_ended,
    "turn.committed": CallMeter._on_committed,
    "turn.rejected": CallMeter._on_rejected,
    "turn.latency": CallMeter._on_latency,
    "barge_in": CallMeter._on_barge_in,
    "agent.took_up": CallMeter._on_took_up,
    "far_end.voicemail": CallMeter._on_voicemail,
    "silence.prompt": CallMeter._on_silence,
    "agent.clause": CallMeter._on_clause,
    "playout.started": CallMeter._on_playing,
    "playout.done": CallMeter._on_played,
    "playout.stopped": CallMeter._on_stopped,
    "playout.marks_lost": CallMeter._on_marks_lost,
    "wind_up": CallMeter._on_new_thing,
    "line.gap": CallMeter._on_gap,
    "tool.returned": CallMeter._on_tool,
    "engine.request": CallMeter._on_request,
    "error": CallMeter._on_error,
}


def ending_label(reason: str) -> str:
    """The reason of a journal's `call.ended` as a label's value."""
    begun = (label for beginning, label in ENDINGS_THAT_BEGIN.items() if reason.startswith(beginning))
    return ENDINGS.get(reason) or next(begun, OTHER)


def _known(value: object, known: frozenset[str]) -> str:
    return value if isinstance(value, str) and value in known else OTHER


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _seconds(value: object) -> float:
    return max(0.0, _number(value)) / 1000


class _Build(Collector):
    """Which Offhook, on which Python."""

    def collect(self) -> Iterator[Metric]:
        build = {"version": version("offhook"), "python": sys.version.split()[0]}
        yield InfoMetricFamily("offhook_build", "This Offhook.", value=build)


class _Log(Collector):
    """What the log could not hold."""

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("offhook_log_lines_lost", "Log lines that nobody read in time.", value=lost_lines())


class _State(Collector):
    """What is so now."""

    def __init__(
        self, state: Callable[[], Mapping[str, Any]], open_sockets: Callable[[], int], lag_p99_s: Callable[[], float]
    ) -> None:
        self._state = state
        self._open_sockets = open_sockets
        self._lag_p99_s = lag_p99_s

    def collect(self) -> Iterator[Metric]:
        state = self._state()
        for name, help_text, value in (
            ("ready", "1 if a new call would be taken.", float(state["ready"])),
            ("draining", "1 while the service stops.", float(state["draining"])),
            ("calls_running", "Calls now.", state["calls"]),
            ("calls_max", "Calls at once, at most.", state["max_calls"]),
            ("sockets_open", "Media sockets now, those included that are being closed.", self._open_sockets()),
            ("tasks", "Tasks of the event loop.", len(asyncio.all_tasks())),
            (
                "loop_lag_p99_seconds",
                "How late the loop woke up in the last minute: 99 of 100 times less.",
                self._lag_p99_s(),
            ),
        ):
            yield GaugeMetricFamily(f"offhook_{name}", help_text, value=value)
