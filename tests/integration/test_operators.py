"""What operators see of a real service: /metrics agrees with the journals, and each kind of bad input has its name."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.summary import STAGES
from telephony.auth import auth_token
from telephony.logs import mask, setup
from telephony.settings import load_settings
from telephony.web.serve import Service
from tests.integration.conftest import StartService
from tests.integration.foreign_carrier import ForeignCarrier, stream_url
from tests.integration.settling import idle
from tests.support.waiting import paced

CALL = "CA" + "4" * 32
OTHER_CALL = "CA" + "5" * 32
OPERATOR = "correct horse battery staple"


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setattr(mask, "_PROCESS", mask.SecretMask())
    stream = io.StringIO()
    undo = setup.configure("info", "json", stream)
    yield stream
    undo()


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._samples.get((f"offhook_{name}", frozenset(labels.items())), 0.0)

    def sum(self, name: str) -> float:
        return sum(value for (found, _), value in self._samples.items() if found == f"offhook_{name}")


async def scrape(carrier: ForeignCarrier) -> Scrape:
    async with carrier.http.get(f"{carrier.url}/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return Scrape(await response.text())


async def a_call(service: Service, carrier: ForeignCarrier) -> list[dict[str, Any]]:
    """Two turns and an interruption, then silence until the agent hangs up. The call's journal."""
    stream = await carrier.open(await carrier.voice(CALL), CALL)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run())
        await stream.agent_begins()
        await stream.agent_ends()
        await stream.speak(900)
        await stream.agent_begins()
        during = await scrape(carrier)
        assert during("calls_running") == 1
        assert during("sockets_open") == 1
        await paced(0.5)
        await stream.speak(500)
        await stream.agent_begins()
    await idle(service)
    return [json.loads(line) for line in Path(f"calls/{CALL}/journal.jsonl").read_text().splitlines()]


async def test_figures_and_log_lines_are_those_of_the_journal(
    service: Service, carrier: ForeignCarrier, log_lines: io.StringIO
) -> None:
    events = await a_call(service, carrier)
    kinds = Counter(event["kind"] for event in events)
    told = await scrape(carrier)
    assert kinds["turn.committed"] == 2, "else the call was not the one that was meant"
    assert told("calls_started_total", agent="test-desk") == 1
    assert told("calls_ended_total", agent="test-desk", reason="agent_hung_up") == 1
    assert told("call_duration_seconds_sum") == pytest.approx(events[-1]["call_ms"] / 1000)
    assert told("turns_committed_total", source="voice") == kinds["turn.committed"]
    assert told.sum("turns_rejected_total") == kinds["turn.rejected"]
    assert told("barge_ins_total") == kinds["barge_in"] == 1
    assert told("silence_prompts_total") == kinds["silence.prompt"]
    assert told.sum("errors_total") == kinds["error"]
    assert told("line_gaps_total") == kinds["line.gap"]
    assert told("playout_marks_lost_total") == kinds["playout.marks_lost"]
    for kind in ("stt", "llm", "tts"):
        asked = sum(event["kind"] == "engine.request" and event["engine"] == kind for event in events)
        assert told("engine_requests_total", kind=kind, engine="synthetic") == asked
    latencies = [event for event in events if event["kind"] == "turn.latency"]
    assert told("voice_to_voice_seconds_count") == len(latencies) > 0
    assert told("voice_to_voice_seconds_sum") == pytest.approx(
        sum(event["voice_to_voice_ms"] for event in latencies) / 1000
    )
    for stage in STAGES:
        shown = told("turn_stage_seconds_sum", stage=stage.removesuffix("_ms"))
        assert shown == pytest.approx(sum(max(0, event[stage]) for event in latencies) / 1000)
    assert told("streams_total") == 1
    assert told("sockets_total", outcome="accepted") == 1
    assert told("webhooks_answered_total", webhook="voice") == 1
    assert told("http_requests_total", route="/twilio/voice", outcome="accepted") == 1
    assert told("events_unmapped_total") == 0
    assert (told("calls_running"), told("ready"), told("draining")) == (0, 1, 0)
    assert told("loop_lag_seconds_count") > 20
    assert told("tasks") > 1

    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    about = [line for line in lines if line.get("event") in ("call.started", "call.ended")]
    assert [line["call"] for line in about] == [CALL, CALL]
    assert (about[1]["reason"], about[1]["turns"]) == ("agent: hangup", 2)
    assert about[1]["duration_s"] == round(events[-1]["call_ms"] / 1000, 1)
    assert "+15551230000" not in log_lines.getvalue(), "a caller's number does not belong in the log"


async def test_each_kind_of_bad_input_has_a_log_line_and_a_figure_of_its_own(
    service: Service, carrier: ForeignCarrier, log_lines: io.StringIO
) -> None:
    async def refused(url: str) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await carrier.http.ws_connect(url)

    url = await carrier.token_url(CALL)
    token = url.rpartition("/")[2]
    await refused(url[:-1] + ("A" if url[-1] != "A" else "B"))
    await refused(f"{service.url}/nowhere")
    socket = await carrier.http.ws_connect(url)
    await refused(url)  # spent
    await socket.send_str("not json\nat all")
    assert (await socket.receive()).data == 1002
    late = await carrier.http.ws_connect(stream_url(await carrier.voice(OTHER_CALL)))
    await late.send_str('{"event":"media"}')
    await late.receive()
    voice, form = f"{service.url}/twilio/voice", {"CallSid": CALL}
    async with carrier.http.post(voice, data=form) as response:
        assert response.status == 403
    assert (await carrier.post(voice, {"From": "nobody"}))[0] == 400
    assert (await carrier.post(voice, {**form, "Big": "x" * 70_000}))[0] == 413
    async with carrier.http.post(f"{service.url}/made/up\r\nforged", data=form) as response:
        assert response.status == 404
    after = f"{service.url}/twilio/after"
    for _ in range(2):
        await carrier.post(after, {**form, "CallStatus": "completed"}, **{"I-Twilio-Idempotency-Token": "once"})

    told = await scrape(carrier)
    for outcome in ("token_forged", "token_spent", "elsewhere"):
        assert told("sockets_total", outcome=outcome) == 1, outcome
    assert told("sockets_total", outcome="accepted") == 2
    assert told("socket_faults_total", kind="not_json") == 1
    assert told("socket_faults_total", kind="field") == 1
    for outcome in ("refused", "bad", "too_big"):
        assert told("http_requests_total", route="/twilio/voice", outcome=outcome) == 1, outcome
    assert told("http_requests_total", route="other", outcome="not_found") == 1
    for reason in ("unsigned", "no_callsid", "body_too_large"):
        assert told("webhooks_refused_total", reason=reason) == 1, reason
    assert told("webhook_retries_total") == 1
    assert told("streams_failed_total", fault="peer") == 2
    assert told("events_unmapped_total") == 0

    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    events = Counter(line["event"] for line in lines if "event" in line)
    assert events["refused.token"] == 2
    assert {line["reason"] for line in lines if line.get("event") == "refused.token"} == {"forged", "spent"}
    assert {name: events[name] for name in ("refused.path", "refused.unsigned", "webhook.retry")} == {
        "refused.path": 1,
        "refused.unsigned": 1,
        "webhook.retry": 1,
    }
    assert events["refused.request"] == 2
    faults = [line["call"] for line in lines if line.get("event", "").startswith("socket.")]
    assert sorted(faults) == [CALL, OTHER_CALL]
    assert all(line["source"] == "127.0.0.1" for line in lines if line.get("event", "").startswith("refused."))
    assert token not in log_lines.getvalue()
    assert token[:60] not in log_lines.getvalue()
    assert auth_token(load_settings()).get_secret_value() not in log_lines.getvalue()


async def test_only_operators_see_it(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "the-real-one")
    monkeypatch.setenv("OFFHOOK_OPERATOR_TOKEN", OPERATOR)
    service = await start_service(public_origin="https://agent.example.com")
    outside = {"Host": "agent.example.com", "X-Forwarded-For": "192.0.2.1"}
    basic = "Basic " + base64.b64encode(f"operator:{OPERATOR}".encode()).decode()
    async with aiohttp.ClientSession() as http:

        async def status(**headers: str) -> tuple[int, str]:
            async with http.get(f"{service.url}/metrics", headers=headers) as response:
                text = await response.text()
                assert ("offhook_calls_running" in text) == (response.status == 200)
                return response.status, response.headers.get("WWW-Authenticate", "")

        assert (await status())[0] == 401, "a proxy here that shows itself by nothing looks like this machine"
        assert (await status(Authorization=basic))[0] == 200
        refused, challenge = await status(**outside)
        assert refused == 401
        assert challenge.startswith("Basic")
        assert (await status(**outside, Authorization=basic))[0] == 200
        assert (await status(**outside, Authorization=basic[:-4]))[0] == 401


async def test_a_public_origin_without_an_operator_token_shows_it_to_nobody(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "the-real-one")
    service = await start_service(public_origin="https://agent.example.com")
    async with aiohttp.ClientSession() as http:
        for method, path in (
            ("GET", "/metrics"),
            ("GET", "/phone"),
            ("POST", "/phone/calls"),
            ("GET", "/phone/events/x"),
        ):
            async with http.request(method, service.url + path) as response:
                assert response.status == 403
                assert "set OFFHOOK_OPERATOR_TOKEN" in await response.text()
        async with http.get(service.url + "/") as response:
            assert response.status == 404


async def test_a_request_of_http_1_0_is_not_of_this_machine(service: Service) -> None:
    for version, status in ((b"1.0", b"403"), (b"1.1", b"200")):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"GET /metrics HTTP/%b\r\nHost: 127.0.0.1:%d\r\n\r\n" % (version, service.port))
        assert (await reader.readline()).split()[1] == status
        writer.close()


async def test_without_an_operator_token_it_is_for_this_machine(service: Service, carrier: ForeignCarrier) -> None:
    async with carrier.http.get(f"{service.url}/metrics", headers={"X-Forwarded-For": "192.0.2.1"}) as response:
        assert response.status == 403
        assert "offhook_" not in await response.text()
