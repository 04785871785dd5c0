"""A whole call through real nginx with docker/nginx.conf, what its logs keep, and what the doctor says of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import ssl
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import numpy as np
import pytest
import soundfile as sf
import yarl
from aiohttp import web

from telephony.doctor.examine import examine
from telephony.doctor.finding import Finding
from telephony.settings import load_settings
from telephony.web.serve import Service
from tests.integration.conftest import AGENT, StartService
from tests.integration.foreign_carrier import ForeignCarrier, stream_url
from tests.integration.nginx import NGINX, OPENSSL, Nginx, free_port, running_nginx
from tests.support.waiting import paced, until

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: apt-get install nginx-light)"),
    pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed"),
]

TOKEN = "0123456789abcdef0123456789abcdef"
CALL = "CA" + "7" * 32


@dataclass(frozen=True, slots=True)
class Behind:
    """A service behind nginx."""

    service: Service
    nginx: Nginx
    agent: Path

    async def doctor(self, **given: Any) -> dict[str, Finding]:
        """What the doctor finds, by check; started with the service's settings, or others."""
        settings = load_settings(
            **{"agent": str(self.agent), "port": self.service.port, "public_origin": self.nginx.origin, **given}
        )
        return {finding.check: finding async for finding in examine(settings, rehearsal=True)}


@pytest.fixture
async def behind(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Behind]:
    """`request.param`: what is to be replaced in docker/nginx.conf."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    port = free_port()
    service = await start_service(public_origin=f"https://localhost:{port}")
    changes = getattr(request, "param", {})
    async with running_nginx(tmp_path / "nginx", port, service.port, changes) as nginx:
        monkeypatch.setenv("SSL_CERT_FILE", str(nginx.certificate))
        # The doctor starts an agent's engines: one that speaks its phrases without waiting.
        (tmp_path / "quick").mkdir()
        (tmp_path / "quick" / "agent.toml").write_text(AGENT.replace("speed = 50.0", "speed = 5000.0"))
        yield Behind(service, nginx, tmp_path / "quick")


def trusting(nginx: Nginx) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(nginx.certificate))


@contextlib.asynccontextmanager
async def foreign(behind: Behind) -> AsyncIterator[ForeignCarrier]:
    """A carrier of nobody's code on the far side of nginx."""
    async with ForeignCarrier(behind.nginx.origin, TOKEN) as carrier:
        await carrier.http.close()
        connector = aiohttp.TCPConnector(ssl=trusting(behind.nginx))
        carrier.http = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10))
        yield carrier


async def ring(to: str, script: Path, nginx: Nginx) -> dict[str, Any]:
    """A call by the sandbox, in a process of its own as any caller would be; its report."""
    environment = {**os.environ, "SSL_CERT_FILE": str(nginx.certificate), "TWILIO_AUTH_TOKEN": TOKEN}
    command = (sys.executable, "-m", "telephony.cli", "call", str(script), "--to", to, "--json")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(40):
        out, _ = await process.communicate()
    report: dict[str, Any] = json.loads(out)
    assert process.returncode == 0, report["errors"]
    return report


@pytest.fixture
def script(tmp_path: Path) -> Path:
    t = np.arange(4000) / 8000
    sf.write(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 440 * t), 8000)
    file = tmp_path / "script.toml"
    file.write_text(
        '[[step]]\nsay = "tone.wav"\ntext = "where is my parcel"\n[[step]]\npause_ms = 2500\n[[step]]\nhang_up = true\n'
    )
    return file


async def test_a_whole_call_through_nginx_sounds_as_without(behind: Behind, script: Path) -> None:
    through, straight = await asyncio.gather(
        ring(behind.nginx.origin, script, behind.nginx), ring(behind.service.url, script, behind.nginx)
    )
    assert through["served"]
    assert straight["served"]
    assert through["streams"] == straight["streams"] == 1
    # What is late is late without nginx too; 1 % of these four seconds is two frames.
    assert through["ear"]["heard_ms"] > 3000
    assert through["ear"]["late_share"] <= straight["ear"]["late_share"] + 0.01
    waits_ms = [report["spoken"][0]["voice_to_voice_ms"] for report in (through, straight)]
    assert abs(waits_ms[0] - waits_ms[1]) < 200
    logs = behind.nginx.logs()
    assert logs.count('"GET /media/... HTTP/1.1" 101') == 1
    assert '"POST /twilio/voice HTTP/1.1" 200' in logs
    assert behind.service.host.counts["upgrade signed"] == 2
    assert behind.service.host.counts["upgrade missigned"] == 0


async def test_the_token_of_a_media_socket_is_in_no_log(behind: Behind) -> None:
    """Neither of sockets that were served nor of one that was refused. (Where nginx has an error to tell: below.)"""
    async with foreign(behind) as carrier:
        tokens = []
        for number in range(2):
            url = stream_url(await carrier.voice(f"{CALL}{number}"))
            assert url.startswith(behind.nginx.origin.replace("https", "wss") + "/media/")
            tokens.append(url.rpartition("/")[2])
            socket = await carrier.http.ws_connect(url)
            await socket.send_str("this is no protocol")
            await socket.receive()
            await socket.close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await carrier.http.ws_connect(url)
        assert refused.value.status == 403
    text = behind.nginx.logs()
    assert text.count("GET /media/... HTTP/1.1") == 3
    assert not [token for token in tokens if token[:20] in text]


async def test_the_address_of_a_calls_events_is_in_no_log_and_needs_the_password(
    behind: Behind, start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_OPERATOR_TOKEN", "an operator's token")
    port = free_port()
    service = await start_service(public_origin=f"https://localhost:{port}")
    basic = base64.b64encode(b"operator:an operator's token").decode()
    operator = {"Authorization": f"Basic {basic}"}
    async with running_nginx(tmp_path / "with-password", port, service.port) as nginx, aiohttp.ClientSession() as http:
        trusted = trusting(nginx)
        async with http.post(f"{nginx.origin}/phone/calls", headers=operator, ssl=trusted) as response:
            events = nginx.origin + (await response.json())["events"]
        async with http.get(events, ssl=trusted) as response:
            assert response.status == 401
        async with http.get(events, headers=operator, ssl=trusted) as response:
            assert response.content_type == "text/event-stream"
        async with http.get(events[:-1], headers=operator, ssl=trusted) as response:
            assert response.status == 403
    # Of the stream that was served nginx writes only when it is over.
    assert nginx.logs().count('"GET /phone/events/... HTTP/1.1"') >= 2
    assert events[-20:-1] not in nginx.logs()


PLAIN = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }}
}}
"""


@pytest.mark.parametrize("public", [True, False])
async def test_an_nginx_that_was_told_nothing_opens_no_operators_page(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    """Its first example: loopback as Host, HTTP/1.0, and no forwarding header."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    service = await start_service(public_origin="https://agent.example.com" if public else "")
    port = free_port()
    (tmp_path / "plain.conf").write_text(PLAIN.format(folder=tmp_path, port=port, upstream=service.port))
    assert NGINX is not None
    process = await asyncio.create_subprocess_exec(NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "plain.conf"))
    try:
        async with asyncio.timeout(10), aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{port}"

            async def healthy() -> bool:
                with contextlib.suppress(aiohttp.ClientConnectorError):
                    async with http.get(f"{url}/healthz") as response:
                        return response.status == 200
                return False

            await until(healthy, within_s=10, what="an answer through nginx")
            for method, path in (("GET", "/metrics"), ("GET", "/phone"), ("POST", "/phone/calls")):
                async with http.request(method, url + path) as response:
                    assert response.status == 403
    finally:
        process.terminate()
        await process.wait()


async def test_nothing_that_comes_through_nginx_is_local(behind: Behind) -> None:
    """A Host of loopback does not help, nor does signing for it with the right token."""
    port = behind.service.port
    async with foreign(behind) as carrier:
        form = {"CallSid": CALL, "CallStatus": "ringing"}
        url = f"{behind.nginx.origin}/twilio/voice"
        local = {"Host": f"localhost:{port}"}
        signed = {"X-Twilio-Signature": carrier.sign(f"http://localhost:{port}/twilio/voice", form)}
        assert (await carrier.post(url, form, **local, **signed))[0] == 403
        status, text = await carrier.post(url, form)
        assert status == 200
        assert stream_url(ElementTree.fromstring(text)).startswith("wss://localhost")
        with pytest.raises(aiohttp.ClientError):  # a Host that is not ours: nginx itself does not answer
            await carrier.post(url, form, Host="127.0.0.1")
        async with carrier.http.get(f"{behind.nginx.origin}/healthz", headers=local) as answer:
            assert answer.headers["Offhook-Seen"] == "local, x-forwarded-for, x-forwarded-proto"


async def test_path_and_query_go_on_as_they_came(behind: Behind) -> None:
    """The carrier signs what it asked for: no %73, //, %2F or order of parameters may be tidied."""
    async with foreign(behind) as carrier:
        form = {"CallSid": CALL, "CallStatus": "ringing"}
        url = f"{behind.nginx.origin}/twilio/%73tatus?b=%2Fx%20y&a=//%C3%BC&a=%2B"
        signed = {"X-Twilio-Signature": carrier.sign(url, form)}
        async with carrier.http.post(yarl.URL(url, encoded=True), data=form, headers=signed) as answer:
            assert answer.status == 204


async def test_a_stream_of_events_is_not_held_back(
    tmp_path: Path, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three events, half a second apart, from an app that sends no word about buffering."""

    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        for number in range(3):
            await response.write(f"data: {number}\n\n".encode())
            await paced(0.5)
        return response

    app = web.Application()
    app.router.add_get("/events", events)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", upstream := free_port()).start()
    try:
        async with running_nginx(tmp_path / "nginx", free_port(), upstream) as nginx:
            monkeypatch.setenv("SSL_CERT_FILE", str(nginx.certificate))
            arrivals_s = []
            headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{nginx.origin}/events", headers=headers, ssl=trusting(nginx)) as answer,
            ):
                assert "Content-Encoding" not in answer.headers
                async for line in answer.content:
                    if line.startswith(b"data:"):
                        arrivals_s.append(time.monotonic())
    finally:
        await runner.cleanup()
    assert len(arrivals_s) == 3
    assert all(0.3 < later - earlier < 0.9 for earlier, later in itertools.pairwise(arrivals_s))


async def test_the_doctor_finds_all_in_order(behind: Behind) -> None:
    found = await behind.doctor()
    assert [finding for finding in found.values() if finding.level != "ok"] == []
    assert f"instance {behind.service.host.instance}" in found["http"].said
    assert "proxy headers: x-forwarded-for, x-forwarded-proto" in found["http"].said
    assert "Twilio trusts public authorities only" in found["tls"].said
    signed = f"{behind.nginx.origin}/twilio/status"
    assert found["signature"].details == (
        f"signed over: {signed}",
        "with these settings it would try: https://localhost/twilio/status",
        f"with these settings it would try: {signed}",
    )
    assert behind.service.host.counts["refused: signature"] == 0
    assert TOKEN not in str(found)


async def test_the_doctor_names_another_token_and_the_service_names_the_strings(
    behind: Behind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "f" * 32)
    found = await behind.doctor()
    assert [check for check, finding in found.items() if finding.level == "failed"] == ["signature"]
    assert "its token or its public origin is another than the doctor's" in found["signature"].mend
    assert f"does not fit 'https://localhost/twilio/status' or '{behind.nginx.origin}/twilio/status'" in caplog.text


async def test_the_doctor_does_not_trust_a_certificate_of_our_own(
    behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    found = await behind.doctor()
    assert found["tls"].level == "failed"
    assert "self-signed (Twilio: 11237)" in found["tls"].said
    assert found["http, websocket, signature, clock"].level == "left out"


@pytest.mark.parametrize(
    ("behind", "check", "said"),
    [
        (
            {"proxy_set_header Upgrade           $http_upgrade;": "", "$offhook_connection;": '"close";'},
            "websocket",
            "the upgrade reached the service as a plain request (404)",
        ),
        (
            {"proxy_http_version 1.1;": "proxy_http_version 1.0;"},
            "websocket",
            "nginx answers the upgrade with 400: it was spoilt on the way",
        ),
        (
            {"Host              $http_host": "Host 127.0.0.1:<upstream>", "X-Forwarded-For   $remote_addr": 'Accept ""',
             "X-Forwarded-Proto $scheme": 'Accept ""'},
            "http",
            "looks as if this machine had sent it",
        ),
        ({"Host              $http_host": "Host internal"}, "http", "with another Host than"),
        ({"location / {": "location /media/ { return 403; }\n    location / {"}, "websocket", "nginx answers 403 by"),
        ({"location / {": "location /twilio/ { return 301 /x; }\n    location / {"}, "signature", "a redirect to"),
    ],
    indirect=["behind"],
)  # fmt: skip
async def test_the_doctor_says_what_is_wrong_with_a_proxy(behind: Behind, check: str, said: str) -> None:
    found = await behind.doctor()
    assert found[check].level in ("failed", "warning")
    assert said in found[check].said
    assert found[check].mend
    assert found["tls"].level == "ok"


async def test_the_doctor_says_that_the_service_is_down(
    tmp_path: Path, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    port, service_port = free_port(), free_port()
    async with running_nginx(tmp_path / "nginx", port, service_port) as nginx:
        monkeypatch.setenv("SSL_CERT_FILE", str(nginx.certificate))
        settings = load_settings(port=service_port, public_origin=nginx.origin)
        found = {finding.check: finding async for finding in examine(settings, rehearsal=True)}
        url = f"{nginx.origin}/media/the-token"
        async with aiohttp.ClientSession() as http, http.get(url, ssl=trusting(nginx)) as answer:
            assert answer.status == 502
        # nginx writes its line when the answer is gone
        await until(lambda: '"GET /media/... HTTP/1.1" 502' in nginx.logs(), within_s=5, what="its line in nginx's log")
        logs = nginx.logs()
    assert "the-token" not in logs
    assert found["port"].level == "warning"
    assert "nginx answers 502: it does not reach the service" in found["http"].said
    assert found["websocket, signature"].level == "left out"
