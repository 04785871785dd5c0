"""The public origin: addresses, port, certificate; handshakes with real TLS on loopback."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from telephony.doctor import origin
from telephony.doctor.origin import Certificate
from tests.integration.nginx import OPENSSL, free_port, make_certificate
from tests.support.waiting import paced

PUBLIC = "https://agent.example.com"


@pytest.mark.parametrize(
    ("url", "addresses", "rehearsal", "level", "said"),
    [
        (PUBLIC, ["8.8.8.8"], False, "ok", "is at 8.8.8.8"),
        (PUBLIC, [], False, "failed", "not in DNS"),
        (PUBLIC, [], True, "failed", "not in DNS"),
        (PUBLIC, ["127.0.0.1"], False, "failed", "no address of the open internet"),
        (PUBLIC, ["10.1.2.3", "fd00::1"], False, "failed", "10.1.2.3, fd00::1"),
        (PUBLIC, ["169.254.1.1"], False, "failed", "no address"),
        (PUBLIC, ["fe80::1%eth0"], False, "failed", "no address"),
        (PUBLIC, ["8.8.8.8", "::1"], False, "warning", "means ::1 here"),
        (PUBLIC, ["127.0.0.1"], True, "ok", "a rehearsal"),
        (f"{PUBLIC}:8443", ["8.8.8.8"], False, "warning", "its port is 8443"),
        (f"{PUBLIC}:8443", ["8.8.8.8"], True, "ok", "a rehearsal"),
    ],
)
def test_an_origin_is_judged_by_its_addresses(
    url: str, addresses: list[str], rehearsal: bool, level: str, said: str
) -> None:
    found = origin.judge_origin(url, addresses, rehearsal=rehearsal)
    assert (found.level, said in found.said) == (level, True), found
    assert bool(found.mend) == (level != "ok")


def test_host_and_port() -> None:
    assert origin.host_and_port(PUBLIC) == ("agent.example.com", 443)
    assert origin.host_and_port("https://[2001:db8::1]:8443") == ("2001:db8::1", 8443)


async def test_addresses() -> None:
    assert "127.0.0.1" in await origin.addresses_of("localhost", 443)
    assert await origin.addresses_of("no such host", 443) == []


@pytest.mark.parametrize(
    ("certificate", "level", "said"),
    [
        (Certificate(60.0, "An Authority", "TLSv1.3", ""), "ok", "valid for 60 more days"),
        (Certificate(3.2, "An Authority", "TLSv1.3", ""), "warning", "valid for 3 more days"),
        (Certificate(60.0, "Me", "TLSv1.2", "/ca.pem"), "ok", "trusted by /ca.pem: Twilio trusts public"),
    ],
)
def test_a_good_certificate(certificate: Certificate, level: str, said: str) -> None:
    found = origin.judge_certificate(certificate)
    assert (found.level, said in found.said) == (level, True)


def unverified(code: int, message: str = "told by OpenSSL") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code, error.verify_message = code, message
    return error


def broken_handshake() -> ssl.SSLError:
    error = ssl.SSLError(1, "told by OpenSSL")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (unverified(10), "has expired (Twilio: 11236)"),
        (unverified(18), "self-signed (Twilio: 11237)"),
        (unverified(20), "an intermediate is missing (Twilio: 11237)"),
        (unverified(62), "for another host (Twilio: 11235)"),
        (unverified(99), "told by OpenSSL"),
        (broken_handshake(), "the handshake failed (WRONG_VERSION_NUMBER)"),
        (ConnectionRefusedError(111, "refused"), "nothing listens there (Twilio: 11202, 31902)"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] again"), "nothing listens there"),
        (TimeoutError(), "no answer in 10 s (Twilio: 11205, 31901)"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
    ],
)
def test_why_there_is_no_tls(error: Exception, said: str) -> None:
    found = origin.judge_tls_error(error, "agent.example.com", 443)
    assert found.level == "failed"
    assert said in found.said
    assert found.mend


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    ("host", "trusted", "said"),
    [
        ("localhost", True, "certificate by Offhook tests, valid for 30 more days"),
        ("localhost", False, "self-signed"),
        ("other.example", True, "for another host"),
    ],
)
async def test_a_real_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool, said: str
) -> None:
    certificate = make_certificate(tmp_path, host)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port := free_port(), ssl=context)
    async with server:
        found = await origin.check_tls(f"https://localhost:{port}")
    assert said in found.said
    assert found.level == ("ok" if "days" in said else "failed")


async def test_a_port_without_tls_and_one_without_anything() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", port := free_port())
    async with server:
        assert "the handshake failed" in (await origin.check_tls(f"https://localhost:{port}")).said
    assert "nothing listens there" in (await origin.check_tls(f"https://localhost:{free_port()}")).said


async def test_a_silent_port_does_not_hold_the_doctor_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "TLS_DEADLINE_S", 0.2)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await paced(5)  # holding both: a writer that nobody holds is closed (Python 3.13)

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", port := free_port())
    async with silent:
        assert "no answer in 0.2 s" in (await origin.check_tls(f"https://localhost:{port}")).said
