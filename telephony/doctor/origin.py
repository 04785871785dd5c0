"""The public origin seen from the network: its name, its addresses, its port, its certificate."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from telephony.doctor.finding import Finding, failed, ok, warning

DNS_DEADLINE_S = 5.0
TLS_DEADLINE_S = 10.0
#: ACME certificates are renewed at 30 days; one with less than this left was forgotten.
DAYS_LEFT = 14
_CHAIN = "serve the whole chain (fullchain.pem of an ACME client), not the leaf alone, from a public authority"
#: OpenSSL's verify codes (x509_vfy.h) that say what is wrong with a certificate, and Twilio's code for the same.
_VERIFY_ERRORS = {
    10: ("the certificate has expired (Twilio: 11236)", "renew it, and reload the proxy"),
    9: ("the certificate is not valid yet", "check this machine's clock, and the certificate's dates"),
    18: ("the certificate is self-signed (Twilio: 11237)", "get one from a public authority, such as an ACME client's"),
    19: ("the certificate's chain ends in an unknown root (Twilio: 11237)", _CHAIN),
    20: ("the certificate's issuer is not known: an intermediate is missing (Twilio: 11237)", _CHAIN),
    21: ("the certificate's issuer is not known: an intermediate is missing (Twilio: 11237)", _CHAIN),
    62: ("the certificate is for another host (Twilio: 11235)", "get one whose names include this host"),
    64: ("the certificate is for another address (Twilio: 11235)", "get one whose names include this address"),
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a handshake showed. `trust_from`: a CA file named by the environment, "" = the system's authorities."""

    days_left: float
    issuer: str
    tls: str
    trust_from: str


def host_and_port(origin: str) -> tuple[str, int]:
    """Of an origin as Settings keeps it: "https://host[:port]"."""
    parts = urlsplit(origin)
    return parts.hostname or "", parts.port or 443


def judge_origin(origin: str, addresses: Sequence[str], *, rehearsal: bool) -> Finding:
    """Whether the carrier can find this: addresses of the open internet, port 443."""
    host, port = host_and_port(origin)
    if not addresses:
        mend = "mend the name or its DNS record; a tunnel's name from yesterday is gone today"
        return failed("public origin", f"{host} is not in DNS (Twilio: 11210)", mend)
    where = f"{origin} is at {', '.join(addresses)}"
    if rehearsal:
        return ok("public origin", f"{where}; a rehearsal: whether Twilio reaches it is not looked at")
    inner = [address for address in addresses if not ipaddress.ip_address(address.partition("%")[0]).is_global]
    if inner:
        mend = "name a public host (or --rehearsal, to try a proxy on this machine)"
        said = f"{host} means {', '.join(inner)} here: no address of the open internet (Twilio: 11205)"
        return (failed if len(inner) == len(addresses) else warning)("public origin", said, mend)
    if port != 443:
        said = f"{where}, but its port is {port}: Twilio's pages speak of 443 only for media streams"
        return warning("public origin", said, "let the proxy listen on 443")
    return ok("public origin", where)


async def addresses_of(host: str, port: int) -> list[str]:
    """What the resolver says; empty if the name is unknown, or no answer comes in time."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DNS_DEADLINE_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def judge_certificate(certificate: Certificate) -> Finding:
    """A certificate that verified, for the right host: how long it lasts, and by whose word."""
    said = f"{certificate.tls}, certificate by {certificate.issuer}, valid for {certificate.days_left:.0f} more days"
    if certificate.days_left < DAYS_LEFT:
        return warning("tls", said, "renew it, and see why that does not happen by itself")
    if certificate.trust_from:
        return ok("tls", f"{said}; trusted by {certificate.trust_from}: Twilio trusts public authorities only")
    return ok("tls", said)


def judge_tls_error(error: Exception, host: str, port: int) -> Finding:
    """Why no TLS connection came about."""
    where = f"{host} port {port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        said, mend = _VERIFY_ERRORS.get(error.verify_code, (f"the certificate is not good: {error.verify_message}", ""))
        return failed("tls", f"{where}: {said}", mend or _CHAIN)
    if isinstance(error, ssl.SSLError):
        said = f"{where}: the handshake failed ({error.reason}); Twilio: 11220, 31910"
        return failed("tls", said, "let the proxy speak TLS 1.2 and 1.3 on that port (docker/nginx.conf does)")
    # Of a host with several addresses asyncio tells all failures in one text.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        said = f"{where}: nothing listens there (Twilio: 11202, 31902)"
        return failed("tls", said, "start the proxy or tunnel; check the port of OFFHOOK_PUBLIC_ORIGIN")
    if isinstance(error, TimeoutError):
        said = f"{where}: no answer in {TLS_DEADLINE_S:g} s (Twilio: 11205, 31901)"
        mend = (
            "open TCP 443 to any address: Twilio publishes no range. Some routers do not let a machine reach itself by "
            "its public address; then run the doctor elsewhere"
        )
        return failed("tls", said, mend)
    return failed("tls", f"{where}: {error or type(error).__name__}", "check the network, and the proxy's log")


async def check_tls(origin: str) -> Finding:
    """A real handshake, verified as a client does it. SSL_CERT_FILE may name another set of authorities."""
    host, port = host_and_port(origin)
    try:
        return judge_certificate(await _handshake(host, port))
    except (OSError, TimeoutError) as error:  # ssl's errors are OSErrors
        return judge_tls_error(error, host, port)


async def _handshake(host: str, port: int) -> Certificate:
    context = ssl.create_default_context()
    async with asyncio.timeout(TLS_DEADLINE_S):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        try:
            tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
            shown = tls.getpeercert() or {}
            version = tls.version() or "TLS"
        finally:
            writer.transport.abort()
    ends_s = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    issuer = {key: value for part in shown.get("issuer", ()) for key, value in part}  # type: ignore[str-unpack]
    name = str(issuer.get("organizationName") or issuer.get("commonName") or "an unnamed issuer")
    return Certificate((ends_s - time.time()) / 86_400, name, version, os.environ.get("SSL_CERT_FILE", ""))
