"""What the service counts by name (`CallHost.counts`), as metrics: every name belongs to one family, and is known here.

The names are the code's own: no peer can make one. A name that is missing here is told in EVENTS_UNMAPPED, and fails a
test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from telephony.media_stream.faults import FAULTS
from telephony.tokens import REFUSALS
from telephony.twilio.webhooks import REFUSALS as WEBHOOK_REFUSALS
from telephony.web.connections import REASONS

EVENTS_UNMAPPED = "offhook_events_unmapped"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `names` is what is counted, by the value of `label` that stands for it ("" without a label)."""

    metric: str
    help: str
    label: str
    names: Mapping[str, str]


FAMILIES = (
    Family(
        "offhook_webhooks_answered",
        "Signed and well-formed requests that were answered, by kind; a retry counts again.",
        "webhook",
        {name: name for name in ("voice", "after", "after-dial", "fallback", "gather")},
    ),
    Family(
        "offhook_webhook_retries",
        "Requests that had been answered, and got that answer again.",
        "",
        {"": "webhook retries"},
    ),
    Family(
        "offhook_webhooks_refused",
        "Webhook requests that were refused.",
        "reason",
        {reason.replace(" ", "_").lower(): f"refused: {reason}" for reason in WEBHOOK_REFUSALS},
    ),
    Family(
        "offhook_calls_refused",
        "Calls that were told that all lines are busy, by what was used up.",
        "reason",
        {
            "busy": "refused: busy",
            "draining": "refused: draining",
            "source": "refused: source",
            "rate": "refused: rate",
            "source_rate": "refused: source rate",
        },
    ),
    Family(
        "offhook_calls_returned",
        "Calls that came back to their agent. revival: their stream had died; return: a transfer or digits were over.",
        "kind",
        {"revival": "revival", "return": "return"},
    ),
    Family(
        "offhook_calls_lapsed",
        "Calls whose TwiML was fetched, but whose socket never came.",
        "",
        {"": "reservation expired"},
    ),
    Family("offhook_calls_continued", "Calls whose earlier conversation was taken up.", "", {"": "calls continued"}),
    Family("offhook_streams", "Media streams that became a conversation.", "", {"": "calls"}),
    Family(
        "offhook_streams_failed",
        "Media streams that ended badly. peer: it broke the protocol; ours: an error of this service; time: by us.",
        "fault",
        {"peer": "calls failed: peer", "ours": "calls failed: ours", "time": "calls ended by us"},
    ),
    Family(
        "offhook_sockets",
        "WebSocket upgrades, by outcome; refused ones by what was wrong with their token, or their path.",
        "outcome",
        {
            "accepted": "socket accepted",
            "no_room": "refused: no room",
            "elsewhere": "socket refused: elsewhere",
            **{f"token_{reason}": f"socket refused: {reason}" for reason in REFUSALS},
        },
    ),
    Family(
        "offhook_socket_signatures",
        "How upgrades that had a good token were signed.",
        "verdict",
        {name: f"upgrade {name}" for name in ("signed", "unsigned", "missigned")},
    ),
    Family(
        "offhook_socket_faults",
        "What peers did wrong on media sockets, by kind; most is forgiven up to fifty times in a call.",
        "kind",
        {kind: f"socket protocol: {kind}" for kind in FAULTS},
    ),
    Family(
        "offhook_requests_shed",
        "Requests that cannot be right, from an address that was refused too often, and so refused without a look.",
        "",
        {"": "refused: shed"},
    ),
    Family(
        "offhook_connections_closed",
        "Connections that were closed before their time, by what was wrong with them.",
        "reason",
        {reason.lower().replace("/", "").replace(" ", "_"): f"connection closed: {reason}" for reason in REASONS},
    ),
    Family(
        "offhook_gather",
        "Calls served turn by turn: calls, turns, silences, late answers; documents not made; calls that went silent.",
        "what",
        {
            "calls": "gather calls",
            "turns": "gather turns",
            "empty": "gather empty",
            "late_answer": "gather late answer",
            "overdue": "gather overdue",
            "abandoned": "gather abandoned",
            "stale": "gather stale",
        },
    ),
    Family("offhook_socket_binary_frames", "Binary frames, which are ignored.", "", {"": "socket binary frames"}),
    Family(
        "offhook_carrier_calls",
        "What the carrier told of calls' status.",
        "status",
        {
            status: f"call {status}"
            for status in (
                *("queued", "initiated", "ringing", "in-progress", "completed"),
                *("busy", "failed", "no-answer", "canceled", "other"),
            )
        },
    ),
    Family(
        "offhook_carrier_streams",
        "What the carrier told of streams.",
        "event",
        {
            "started": "stream-started",
            "stopped": "stream-stopped",
            "error": "stream-error",
            "other": "stream other",
        },
    ),
)


class CountsCollector(Collector):
    """Reads the counts at each scrape. Every known name is told, those that were never counted as 0."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = dict(self._counts())
        for family in FAMILIES:
            told = CounterMetricFamily(family.metric, family.help, labels=[family.label] if family.label else [])
            for value, name in family.names.items():
                told.add_metric([value] if family.label else [], counts.pop(name, 0))
            yield told
        unmapped = CounterMetricFamily(EVENTS_UNMAPPED, "Counted under names that no metric knows: report it.")
        unmapped.add_metric([], sum(counts.values()))
        yield unmapped
