"""The service over real sockets: who is refused, what is full, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest

from agent.errors import LocalError
from agent.privacy import Remembered
from agent.record import CallRecord
from agent.recording import store
from agent.stt.synthetic import SyntheticStt
from telephony.auth import auth_token
from telephony.settings import load_settings
from telephony.web.serve import PortTaken, Service, bind
from tests.integration.conftest import StartService
from tests.integration.foreign_carrier import ForeignCarrier, ForeignStream, stream_url
from tests.integration.settling import idle
from tests.support.waiting import paced, stays, until

CALL = "CA" + "2" * 32


async def refused(carrier: ForeignCarrier, url: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await carrier.http.ws_connect(url)
    return error.value.status


async def get(carrier: ForeignCarrier, path: str) -> tuple[int, str]:
    async with carrier.http.get(carrier.url + path) as response:
        return response.status, await response.text()


async def test_sockets_without_a_good_token_are_refused_before_the_upgrade(
    service: Service, carrier: ForeignCarrier
) -> None:
    url = await carrier.token_url(CALL)
    for other in (
        url[:-1],
        url + "x",
        url.replace("/media/", "/media/x"),
        service.url + "/media/",
        url + "?a=b"[:0] + "/x",
    ):
        assert await refused(carrier, other) == 403
    assert await refused(carrier, service.url + "/elsewhere") == 404
    assert service.host.state()["calls"] == 0


async def test_a_token_is_spent_by_its_first_socket(service: Service, carrier: ForeignCarrier) -> None:
    url = await carrier.token_url(CALL)
    first = await carrier.http.ws_connect(url)
    assert await refused(carrier, url) == 403
    await first.close()
    await idle(service)


async def test_a_token_admits_no_other_call(service: Service, carrier: ForeignCarrier) -> None:
    stream = ForeignStream(await carrier.http.ws_connect(await carrier.token_url(CALL)), CALL)
    await stream.begin({}, call_sid="CA" + "3" * 32)
    message = await stream.socket.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert message.data == 1002
    await idle(service)
    assert not list(Path("calls").iterdir()), "it must leave no record"


@pytest.mark.parametrize(
    "text", ["not json", '{"event":"media"}', '{"event":"connected"}{"event":"start"}', "[" * 5000, "\x00"]
)
async def test_nonsense_in_place_of_start_ends_that_socket_alone(
    service: Service, carrier: ForeignCarrier, text: str
) -> None:
    socket = await carrier.http.ws_connect(await carrier.token_url(CALL))
    await socket.send_str(text)
    assert (await socket.receive()).data == 1002
    await idle(service)
    assert service.host.counts["calls failed: ours"] == 0
    assert (await get(carrier, "/healthz"))[0] == 200


async def test_the_root_names_the_service_to_operators_only(service: Service, carrier: ForeignCarrier) -> None:
    status, told = await get(carrier, "/")
    assert (status, told) == (200, "Offhook answers telephone calls here. A telephone in the browser: /phone\n")
    for headers in ({"X-Forwarded-For": "192.0.2.1"}, {"Host": "agent.example.com"}):
        async with carrier.http.get(f"{service.url}/", headers=headers) as response:
            assert (response.status, await response.read()) == (404, b"")


async def test_an_oversized_message_closes_the_socket(service: Service, carrier: ForeignCarrier) -> None:
    stream = await carrier.open(await carrier.voice(CALL), CALL)
    with contextlib.suppress(ConnectionError):
        await stream.socket.send_str("x" * 300_000)
    async for _ in stream.socket:
        pass
    assert stream.socket.close_code in (1009, 1006, None)
    await idle(service)


async def test_unsigned_webhooks_are_refused(service: Service, carrier: ForeignCarrier) -> None:
    url, form = f"{service.url}/twilio/voice", {"CallSid": CALL}
    async with carrier.http.post(url, data=form) as response:
        assert response.status == 403
    assert (await carrier.post(url, form, **{"X-Forwarded-For": "1.2.3.4"}))[0] == 403
    assert (await carrier.post(url, form, Host="agent.example.com"))[0] == 403
    assert (await carrier.post(url, {**form, "Big": "x" * 70_000}))[0] == 413
    async with carrier.http.get(url) as response:
        assert response.status == 405


async def test_a_public_origin_is_what_counts(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalError, match="TWILIO_AUTH_TOKEN"):
        await start_service(public_origin="https://agent.example.com")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "the-real-one")
    service = await start_service(public_origin="https://agent.example.com")
    async with ForeignCarrier(service.url, "the-real-one") as carrier:
        form = {"CallSid": CALL}
        proxied = {
            "Host": "agent.example.com",
            "X-Forwarded-For": "1.2.3.4",
            "X-Twilio-Signature": carrier.sign("https://agent.example.com/twilio/voice", form),
        }
        status, text = await carrier.post(f"{service.url}/twilio/voice", form, **proxied)
        assert status == 200
        assert stream_url(ElementTree.fromstring(text)).startswith("wss://agent.example.com/media/")
        assert (await carrier.post(f"{service.url}/twilio/voice", form, Host="evil.example"))[0] == 403


async def test_full_is_said_at_the_webhook_and_at_the_socket(start_service: StartService) -> None:
    service = await start_service(max_calls=1)
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        stream = await carrier.open(await carrier.voice(CALL), CALL)
        status, state = await get(carrier, "/readyz")
        assert (status, json.loads(state)["calls"]) == (503, 1)
        other = await carrier.voice("CA" + "4" * 32)
        assert [verb.tag for verb in other] == ["Say", "Hangup"]
        await stream.socket.close()
        await idle(service)
        status, state = await get(carrier, "/readyz")
        assert (status, json.loads(state)["ready"]) == (200, True)


async def test_a_new_stream_of_a_call_takes_the_place_of_its_dead_one(
    service: Service, carrier: ForeignCarrier
) -> None:
    twiml = await carrier.voice(CALL)
    first = await carrier.open(twiml, CALL)
    second = await carrier.open(ElementTree.fromstring(await carrier.after(twiml, CALL)), CALL)
    async with asyncio.timeout(5):
        async for _ in first.socket:
            pass
        assert (await second.socket.receive()).type is aiohttp.WSMsgType.TEXT
    assert service.host.state()["calls"] == 1
    await second.socket.close()
    await idle(service)


async def test_of_two_new_streams_of_a_call_one_is_left(
    service: Service, carrier: ForeignCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both wait for the dead one to end; then they must not both believe themselves its heir."""
    close = CallRecord.close

    async def slow_close(record: CallRecord) -> None:
        await paced(0.3)
        await close(record)

    monkeypatch.setattr(CallRecord, "close", slow_close)
    twimls = [await carrier.voice(CALL)]
    await carrier.open(twimls[0], CALL)
    for _ in range(2):
        twimls.append(ElementTree.fromstring(await carrier.after(twimls[-1], CALL)))
    del twimls[0]
    streams = await asyncio.gather(*(carrier.open(twiml, CALL) for twiml in twimls))
    await until(lambda: service.host.state()["calls"] == 1, within_s=3, what="one call left of the two")
    for stream in streams:
        await stream.socket.close()
    await idle(service)
    assert service.host.counts["calls failed: ours"] == 0


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_no_connection_idles(start_service: StartService, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """Hypercorn keeps the descriptor of an idle connection to the end of its time, even if the peer has gone."""
    monkeypatch.setattr("telephony.web.connections.HEAD_S", 0.3)
    service = await start_service()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(sent)
    async with asyncio.timeout(3):
        answer = await reader.read()
    assert answer.endswith(b"ok\n" if sent.endswith(b"\n") else b"")
    writer.close()


async def test_a_service_that_stops_ends_its_calls_politely(start_service: StartService) -> None:
    service = await start_service()
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        twiml = await carrier.voice(CALL)
        stream = await carrier.open(twiml, CALL)
        running = asyncio.create_task(stream.run())
        await stream.agent_begins()
        draining = asyncio.create_task(service.host.drain(0.2, asyncio.Event()))
        await until(lambda: service.host.state()["draining"], within_s=3, what="the service, leaving")
        assert (await get(carrier, "/readyz"))[0] == 503
        assert [verb.tag for verb in await carrier.voice("CA" + "5" * 32)] == ["Say", "Hangup"]
        async with asyncio.timeout(20):
            await running
        assert stream.close_code == 1000
        text = await carrier.after(twiml, CALL)
        assert text.endswith("<Response><Hangup /></Response>")
        async with asyncio.timeout(5):
            await draining
    assert service.host.state()["calls"] == 0
    journal = [json.loads(line) for line in Path(f"calls/{CALL}/journal.jsonl").read_text().splitlines()]
    said = [event["text"] for event in journal if event["kind"] == "agent.heard" and event["complete"]]
    assert said[-1] == service.host.agents.default.definition.phrases.closing


async def test_draining_lets_a_call_finish(start_service: StartService) -> None:
    service = await start_service()
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        stream = await carrier.open(await carrier.voice(CALL), CALL)
        running = asyncio.create_task(stream.run())
        await stream.agent_begins()
        draining = asyncio.create_task(service.host.drain(30.0, asyncio.Event()))
        await stays(
            lambda: not running.done() and not service.host._drain.says_goodbye,
            for_s=0.3,
            what="the call, and no goodbye, while the service waits for it",
        )
        await stream.socket.close()
        async with asyncio.timeout(3):
            await draining
        running.cancel()


def test_a_taken_port_is_told_in_plain_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken by another program: stop it, or set"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "said"), [("192.0.2.1", "no address of this machine"), ("no such host", "no address")]
)
def test_a_host_that_is_not_ours_is_told(host: str, said: str) -> None:
    with pytest.raises(LocalError, match=said):
        bind(host, 0)


def test_the_kernel_picks_a_free_port() -> None:
    with bind("127.0.0.1", 0) as listening:
        assert listening.getsockname()[1] > 0


async def test_tokens_reach_no_log(service: Service, carrier: ForeignCarrier, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    url: Any = await carrier.token_url(CALL)
    stream = await carrier.http.ws_connect(url)
    await refused(carrier, url)
    await stream.close()
    await idle(service)
    token = url.rpartition("/")[2]
    ours = [
        record.getMessage() for record in caplog.records if record.name.startswith(("offhook", "hypercorn", "quart"))
    ]
    assert ours
    assert not [message for message in ours if token[:40] in message]


async def test_a_disk_that_hangs_as_a_call_begins_holds_up_nobody(
    service: Service, carrier: ForeignCarrier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    back = threading.Event()
    make = store.make_folder

    def hangs(root: Path, call_id: str) -> Path:
        back.wait(20)
        return make(root, call_id)

    monkeypatch.setattr(store, "make_folder", hangs)
    stream = await carrier.open(await carrier.voice(CALL), CALL)
    running = asyncio.create_task(stream.run())
    try:
        async with asyncio.timeout(0.9):  # less than the call's own patience
            status, _ = await get(carrier, "/healthz")
        assert status == 200
        await stream.agent_begins(5)
        assert "is not recorded" in caplog.text
    finally:
        back.set()
        await stream.socket.close()
        running.cancel()
    await idle(service)
    assert service.host.counts["calls failed: ours"] == 0


@pytest.mark.parametrize(
    "damage",
    [b"[" * 200_000, b'{"kind":"turn.committed","turn":Infinity,"text":"x"}', b'{"v":9,"kind":"x"}', b"\xff\x00" * 500],
    ids=["nested", "infinite", "of the future", "binary"],
)
async def test_a_damaged_journal_costs_a_call_that_comes_back_its_memory_alone(
    service: Service, carrier: ForeignCarrier, damage: bytes
) -> None:
    journal = service.host.calls_dir / CALL / "journal.jsonl"
    journal.parent.mkdir(mode=0o700)
    journal.write_bytes(json.dumps({"v": 1, "kind": "call.started", "call_id": CALL}).encode() + b"\n" + damage + b"\n")
    status, text = await carrier.post(
        f"{carrier.url}/twilio/fallback", {"CallSid": CALL, "From": "+1555", "To": "+1666"}
    )
    assert status == 200
    stream = await carrier.open(ElementTree.fromstring(text), CALL)
    running = asyncio.create_task(stream.run())
    await stream.agent_begins(5)
    await stream.socket.close()
    running.cancel()
    await idle(service)
    assert service.host.counts["calls failed: ours"] == 0


@pytest.mark.parametrize("crashed", [False, True])
async def test_a_number_stays_masked_when_the_call_comes_back(
    service: Service, carrier: ForeignCarrier, crashed: bool
) -> None:
    """The synthetic caller of this desk is made to say a number, which the desk did not ask for this time."""
    number, other = "4111 2222", "73519"
    stt = service.host.agents.get("").kit.stt
    assert isinstance(stt, SyntheticStt)
    stt._options.script[:] = [f"it was {number} or {other}"]
    journal = service.host.calls_dir / CALL / "journal.jsonl"
    journal.parent.mkdir(mode=0o700)
    lines = [{"kind": "call.started", "call_id": CALL}, {"kind": "turn.committed", "turn": 1, "text": "it is •"}]
    journal.write_text("".join(json.dumps({"v": 1, **line}, ensure_ascii=False) + "\n" for line in lines))
    if not crashed:
        service.host._remembered.put(CALL, Remembered(numbers=("4111222233334444",)))
    _, text = await carrier.post(f"{carrier.url}/twilio/fallback", {"CallSid": CALL, "From": "+1555", "To": "+1666"})
    stream = await carrier.open(ElementTree.fromstring(text), CALL)
    running = asyncio.create_task(stream.run())
    await stream.agent_begins(5)
    await stream.speak(800)
    second = service.host.calls_dir / f"{CALL}-2" / "journal.jsonl"
    await until(lambda: "turn.committed" in second.read_text(), within_s=8, what="the caller's turn")
    await stream.socket.close()
    running.cancel()
    await idle(service)
    written = second.read_text()
    assert "it was •" in written
    assert "4111" not in written
    assert (other in written) is not crashed
    assert service.host.remembered(CALL) is not None
