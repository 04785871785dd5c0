"""Ways of being almost right, each against a real service with a public origin: only what is right passes.

Right is what Twilio's own validator takes: the URL as the carrier was told to ask it, with its default port spelt out
or not, and the form's fields, in whatever order they come.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import pytest

from telephony.auth import worker_secret
from telephony.settings import load_settings
from telephony.tokens import LIFETIME_MS, TokenDesk
from telephony.web.host import now_ms
from telephony.web.serve import Service
from tests.integration.conftest import StartService
from tests.integration.foreign_carrier import ForeignCarrier, ForeignStream
from tests.integration.settling import idle

TOKEN = "the-primary-token"
ORIGIN = "https://agent.example.com"
PATH = "/twilio/status"
URL = ORIGIN + PATH
CALL = "CA" + "6" * 32
Fields = tuple[tuple[str, str], ...]
FORM: Fields = (
    ("CallSid", CALL),
    ("From", "+15551230000"),
    ("CallStatus", "ringing"),
    ("CallerName", "  A  Name "),
    ("Blank", ""),
)


def sign(url: str, form: Iterable[tuple[str, str]] = FORM, token: str = TOKEN, algorithm: str = "sha1") -> str:
    """Twilio's description of its signature, in our own few lines."""
    text = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), algorithm).digest()).decode()


@dataclass(frozen=True)
class Ask:
    """A request as it goes over the wire. `signed` is what its signature was made for."""

    signed: str = URL
    signed_form: Fields = FORM
    form: Fields = FORM
    target: str = PATH
    host: str = "agent.example.com"
    headers: tuple[str, ...] = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")
    signatures: tuple[str, ...] | None = None
    body: bytes | None = None
    kind: str = "application/x-www-form-urlencoded; charset=UTF-8"
    token: str = TOKEN
    algorithm: str = "sha1"
    method: str = "POST"

    def wire(self, port: int) -> bytes:
        signed = self.signed.replace("PORT", str(port))
        signatures = self.signatures
        if signatures is None:
            signatures = (sign(signed, self.signed_form, self.token, self.algorithm),)
        body = urlencode(self.form).encode() if self.body is None else self.body
        lines = [
            f"{self.method} {self.target} HTTP/1.1",
            f"Host: {self.host.replace('PORT', str(port))}",
            f"Content-Type: {self.kind}",
            f"Content-Length: {len(body)}",
            *self.headers,
            *(f"X-Twilio-Signature: {signature}" for signature in signatures),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


RIGHT = sign(URL)
LOCAL = "http://127.0.0.1:PORT" + PATH
JSON_BODY = json.dumps(dict(FORM)).encode()
HASHED = f"{PATH}?bodySHA256={hashlib.sha256(JSON_BODY).hexdigest()}"


def but(name: str, value: str | None) -> Fields:
    """FORM with one field changed, or left out."""
    return tuple((n, v if n != name or value is None else value) for n, v in FORM if n != name or value is not None)


PASS: dict[str, Ask] = {
    "as it should be": Ask(),
    "signed with the default port spelt out": Ask(f"{ORIGIN}:443{PATH}"),
    "Host with the default port": Ask(host="agent.example.com:443"),
    "no proxy's headers": Ask(headers=()),
    "the proxy's own Host": Ask(host="10.0.0.5:8080"),
    "fields in another order": Ask(form=FORM[::-1]),
    "a field repeated with the same value": Ask(form=(*FORM, FORM[1]), signed_form=FORM),
    "a field repeated with two values, both signed": Ask(
        form=(*FORM, ("From", "b")), signed_form=(*FORM, ("From", "b"))
    ),
    "fields that are new to us": Ask(form=(*FORM, ("New", "ü 5€")), signed_form=(*FORM, ("New", "ü 5€"))),
    "%20 in the body, not +": Ask(body=urlencode(FORM, quote_via=quote).encode()),
    "a query, signed": Ask(f"{URL}?b=2&a=%7E1+x", target=f"{PATH}?b=2&a=%7E1+x"),
    "an encoded path, signed so": Ask(f"{ORIGIN}/twilio/%73tatus", target="/twilio/%73tatus"),
    "blanks around the signature, as HTTP allows": Ask(signatures=(f"  {RIGHT} ",)),
    "from this machine": Ask(LOCAL, host="127.0.0.1:PORT", headers=()),
    "X-Forwarded-Host beside the right signature": Ask(headers=("X-Forwarded-Host: evil.example",)),
    "SHA-1 named in the settings header": Ask(
        headers=("X-Twilio-Webhooks-Signature-Settings: key=x,algorithm=HMAC_SHA1",)
    ),
}

REFUSED: dict[str, tuple[int, Ask]] = {
    "another port": (403, Ask(f"{ORIGIN}:8443{PATH}")),
    "port 80": (403, Ask(f"{ORIGIN}:80{PATH}")),
    "http, not https": (403, Ask("http" + URL.removeprefix("https"))),
    "wss, not https": (403, Ask("wss" + URL.removeprefix("https"))),
    "X-Forwarded-Proto, and signed so": (
        403,
        Ask("http" + URL.removeprefix("https"), headers=("X-Forwarded-Proto: http",)),
    ),
    "signed with a slash at the end": (403, Ask(URL + "/")),
    "asked with a slash at the end": (404, Ask(target=PATH + "/")),
    "signed and asked with a slash": (404, Ask(URL + "/", target=PATH + "/")),
    "signed with a query, asked without": (403, Ask(URL + "?a=1")),
    "asked with a query, signed without": (403, Ask(target=PATH + "?a=1")),
    "the query in another order": (403, Ask(URL + "?a=1&b=2", target=PATH + "?b=2&a=1")),
    "the query encoded anew: + for %20": (403, Ask(URL + "?a=x%20y", target=PATH + "?a=x+y")),
    "the query encoded anew: ~ for %7E": (403, Ask(URL + "?a=%7E", target=PATH + "?a=~")),
    "the query's case": (403, Ask(URL + "?a=%7e", target=PATH + "?a=%7E")),
    "the signature in the query": (
        403,
        Ask(target=f"{PATH}?X-Twilio-Signature={quote(RIGHT, safe='')}", signatures=()),
    ),
    "a spoofed Host, and signed so": (403, Ask("https://evil.example" + PATH, host="evil.example")),
    "X-Forwarded-Host, and signed so": (
        403,
        Ask("https://evil.example" + PATH, headers=("X-Forwarded-Host: evil.example",)),
    ),
    "Forwarded, and signed so": (
        403,
        Ask("https://evil.example" + PATH, headers=("Forwarded: host=evil.example;proto=https",)),
    ),
    "X-Original-URL for the signed path": (
        403,
        Ask(ORIGIN + "/twilio/voice", headers=("X-Original-URL: /twilio/voice",)),
    ),
    "a Host of ours with a dot": (403, Ask("https://agent.example.com." + PATH, host="agent.example.com.")),
    "a host that begins like ours": (403, Ask("https://agent.example.com.evil.example" + PATH)),
    "a user before the host": (403, Ask("https://agent.example.com@evil.example" + PATH)),
    "from this machine, forwarded": (
        403,
        Ask(LOCAL, host="127.0.0.1:PORT", headers=("X-Forwarded-For: 127.0.0.1",)),
    ),
    "from this machine, signed for another of its names": (403, Ask(LOCAL, host="localhost:PORT", headers=())),
    "from this machine, another port": (403, Ask("http://127.0.0.1:1" + PATH, host="127.0.0.1:1", headers=())),
    "two Hosts": (400, Ask(headers=("Host: agent.example.com",))),
    "a field changed": (403, Ask(form=but("From", "+15551230001"))),
    "a field's case": (403, Ask(form=but("CallStatus", "Ringing"))),
    "a field added": (403, Ask(form=(*FORM, ("To", "1")))),
    "a field left out": (403, Ask(form=but("From", None))),
    "a blank field dropped before signing": (403, Ask(signed_form=but("Blank", None))),
    "a blank field dropped on the way": (403, Ask(form=but("Blank", None))),
    "blanks trimmed before signing": (403, Ask(signed_form=but("CallerName", "A  Name"))),
    "blanks trimmed on the way": (403, Ask(form=but("CallerName", "A  Name"))),
    "a name's case": (403, Ask(form=tuple((n.lower() if n == "From" else n, v) for n, v in FORM))),
    "a second value that was not signed": (403, Ask(form=(*FORM, ("From", "+1")))),
    "a value put before the signed one": (403, Ask(form=(("CallSid", "CA" + "0" * 32), *FORM))),
    "fields in the query, signed as a form": (403, Ask(target=f"{PATH}?{urlencode(FORM)}", form=())),
    "fields signed in the body's order, not sorted": (
        403,
        Ask(
            signatures=(
                base64.b64encode(
                    hmac.new(TOKEN.encode(), (URL + "".join(n + v for n, v in FORM)).encode(), "sha1").digest()
                ).decode(),
            )
        ),
    ),
    "no fields signed": (403, Ask(signed_form=())),
    "another account's token": (403, Ask(token="another-token")),
    "the secondary token": (403, Ask(token="the-secondary-token")),
    "an empty token": (403, Ask(token="")),
    "the token with a line's end": (403, Ask(token=TOKEN + "\n")),
    "SHA-256 instead of SHA-1": (403, Ask(algorithm="sha256")),
    "SHA-256, named in the settings header": (
        403,
        Ask(algorithm="sha256", headers=("X-Twilio-Webhooks-Signature-Settings: key=x,algorithm=HMAC_SHA256",)),
    ),
    "another path's signature": (403, Ask(ORIGIN + "/twilio/stream-status")),
    "in small letters": (403, Ask(signatures=(RIGHT.lower(),))),
    "base64 for URLs": (403, Ask(signatures=(RIGHT.replace("+", "-").replace("/", "_")[:-1] + "-",))),
    "without padding": (403, Ask(signatures=(RIGHT.rstrip("="),))),
    "in hexadecimal": (403, Ask(signatures=(base64.b64decode(RIGHT).hex(),))),
    "one character more": (403, Ask(signatures=(RIGHT + "=",))),
    "in quotes": (403, Ask(signatures=(f'"{RIGHT}"',))),
    "empty": (403, Ask(signatures=("",))),
    "none": (403, Ask(signatures=())),
    "twice the right one": (403, Ask(signatures=(RIGHT, RIGHT))),
    "a wrong one before the right one": (403, Ask(signatures=("A" * 27 + "=", RIGHT))),
    "two in one header": (403, Ask(signatures=(f"{RIGHT}, {RIGHT}",))),
    "replayed with a changed body": (403, Ask(form=but("CallSid", "CA" + "9" * 32), signatures=(RIGHT,))),
    "replayed on another path": (403, Ask(target="/twilio/stream-status", signatures=(RIGHT,))),
    "absolute target": (403, Ask(target=URL)),
    "absolute target of another host": (403, Ask("https://evil.example" + PATH, target="https://evil.example" + PATH)),
    "a target that joins our origin to another": (
        404,
        Ask(ORIGIN + "@evil.example" + PATH, target="@evil.example" + PATH),
    ),
    "%2F for a slash": (403, Ask(target="/twilio%2Fstatus")),
    "an encoded letter, signed plain": (403, Ask(target="/twilio/%73tatus")),
    "// in the path": (404, Ask(target="/twilio//status")),
    "// before the path": (404, Ask(target="//agent.example.com/twilio/status")),
    "a dot in the path": (404, Ask(target="/twilio/./status")),
    "two dots in the path": (404, Ask(target="/x/../twilio/status")),
    "the path's case": (404, Ask(target="/Twilio/Status")),
    "a path's parameter": (404, Ask(target="/twilio/status;x=1")),
    "JSON, with bodySHA256": (415, Ask(ORIGIN + HASHED, (), target=HASHED, body=JSON_BODY, kind="application/json")),
    "JSON as a form, with bodySHA256": (403, Ask(ORIGIN + HASHED, (), target=HASHED, body=JSON_BODY)),
    "multipart": (415, Ask(kind="multipart/form-data; boundary=x")),
    "no body's type": (415, Ask(kind="")),
    "GET": (405, Ask(method="GET")),
    "PUT": (405, Ask(method="PUT")),
}


async def raw(service: Service, data: bytes) -> int:
    """The status of the answer to `data`, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()


@pytest.fixture
async def public(start_service: StartService, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    monkeypatch.setattr("telephony.web.doorkeeper.MOST_REFUSALS", 10_000)
    return await start_service(public_origin=ORIGIN)


async def test_webhooks_that_are_right_pass(public: Service) -> None:
    statuses = {name: await raw(public, ask.wire(public.port)) for name, ask in PASS.items()}
    assert statuses == dict.fromkeys(PASS, 204)
    assert public.host.counts["call ringing"] == len(PASS)


async def test_webhooks_that_are_almost_right_do_not(public: Service) -> None:
    assert len(REFUSED) > 60
    statuses = {name: await raw(public, ask.wire(public.port)) for name, (_, ask) in REFUSED.items()}
    assert statuses == {name: status for name, (status, _) in REFUSED.items()}
    assert not [name for name in public.host.counts if name.startswith("call ")], "nothing of them was believed"
    # And not by a refusal of everything:
    assert await raw(public, Ask().wire(public.port)) == 204


# --- media sockets ----------------------------------------------------------------------------------------------------


@dataclass
class Upgrade:
    """What is made of a token on its way to the socket's path, and what goes with it."""

    path: Callable[[str], str] = field(default=lambda token: f"/media/{token}")
    signature: Callable[[str], str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def swap_case_of_last(token: str) -> str:
    last = token[-1]
    return token[:-1] + ("A" if last != "A" else "B")


def reencoded(token: str) -> str:
    """The same bytes, spelt with the bits that base64 leaves over."""
    body, _, mac = token.partition(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return f"{body}.{mac[:-1]}{letters[letters.index(mac[-1]) ^ 1]}"


ADMITTED: dict[str, tuple[str, Upgrade]] = {
    "unsigned, as other carriers": ("upgrade unsigned", Upgrade()),
    "signed for wss": ("upgrade signed", Upgrade(signature=lambda path: f"wss://agent.example.com{path}")),
    "signed for https": ("upgrade signed", Upgrade(signature=lambda path: f"https://agent.example.com{path}")),
    "signed with port 443": ("upgrade signed", Upgrade(signature=lambda path: f"wss://agent.example.com:443{path}")),
    "signed with a slash": ("upgrade signed", Upgrade(signature=lambda path: f"wss://agent.example.com{path}/")),
    "asked with a slash": (
        "upgrade signed",
        Upgrade(lambda token: f"/media/{token}/", lambda path: f"wss://agent.example.com{path}"),
    ),
    "signed for another host: its token counts, the log tells": (
        "upgrade missigned",
        Upgrade(signature=lambda path: f"wss://evil.example{path}"),
    ),
    "signed for another port": (
        "upgrade missigned",
        Upgrade(signature=lambda path: f"wss://agent.example.com:8443{path}"),
    ),
    "signed without the token": ("upgrade missigned", Upgrade(signature=lambda path: "wss://agent.example.com/media/")),
}

NOT_ADMITTED: dict[str, tuple[int, Upgrade]] = {
    "no token": (403, Upgrade(lambda token: "/media/")),
    "no token, rightly signed": (
        403,
        Upgrade(lambda token: "/media/", lambda path: f"wss://agent.example.com{path}"),
    ),
    "shorter by one": (403, Upgrade(lambda token: f"/media/{token[:-1]}")),
    "longer by one": (403, Upgrade(lambda token: f"/media/{token}A")),
    "longer by very much": (403, Upgrade(lambda token: f"/media/{token}{'A' * 2000}")),
    "its last letter changed": (403, Upgrade(lambda token: f"/media/{swap_case_of_last(token)}")),
    "in capitals": (403, Upgrade(lambda token: f"/media/{token.upper()}")),
    "in small letters": (403, Upgrade(lambda token: f"/media/{token.lower()}")),
    "spelt otherwise in base64": (403, Upgrade(lambda token: f"/media/{reencoded(token)}")),
    "with padding": (403, Upgrade(lambda token: f"/media/{token}=")),
    "percent-encoded": (403, Upgrade(lambda token: f"/media/%{ord(token[0]):02X}{token[1:]}")),
    "its parts exchanged": (403, Upgrade(lambda token: f"/media/{'.'.join(token.split('.')[::-1])}")),
    "its body alone": (403, Upgrade(lambda token: f"/media/{token.split('.')[0]}")),
    "its body with an empty MAC": (403, Upgrade(lambda token: f"/media/{token.split('.')[0]}.")),
    "twice": (403, Upgrade(lambda token: f"/media/{token}.{token}")),
    "a path below": (403, Upgrade(lambda token: f"/media/{token}/x")),
    "two slashes": (403, Upgrade(lambda token: f"/media/{token}//")),
    "in the query": (403, Upgrade(lambda token: f"/media/?token={token}")),
    "the path's case": (404, Upgrade(lambda token: f"/Media/{token}")),
    "another path": (404, Upgrade(lambda token: f"/{token}")),
    "// before the path": (404, Upgrade(lambda token: f"//media/{token}")),
    "a path's dots": (404, Upgrade(lambda token: f"/x/../media/{token}")),
}


async def upgrade(carrier: ForeignCarrier, way: Upgrade, token: str) -> int:
    """101, or the status of the refusal."""
    path = way.path(token)
    headers = {"Host": "agent.example.com", "X-Forwarded-For": "192.0.2.7", **way.headers}
    if way.signature is not None:
        headers["X-Twilio-Signature"] = sign(way.signature(path), (), TOKEN)
    url = aiohttp.client.URL(carrier.url + path, encoded=True)
    try:
        async with carrier.http.ws_connect(url, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as refusal:
        return refusal.status


@asynccontextmanager
async def carrier_of(service: Service) -> AsyncIterator[ForeignCarrier]:
    async with ForeignCarrier(service.url, TOKEN) as carrier:
        yield carrier


async def fresh_token(service: Service, carrier: ForeignCarrier, call_sid: str = CALL) -> str:
    return (await carrier.token_url(call_sid)).rpartition("/")[2]


async def test_sockets_with_their_token_are_admitted_and_their_signature_is_told(public: Service) -> None:
    async with carrier_of(public) as carrier:
        for name, (told, way) in ADMITTED.items():
            before = public.host.counts[told]
            assert await upgrade(carrier, way, await fresh_token(public, carrier)) == 101, name
            assert public.host.counts[told] == before + 1, name
            await idle(public)


async def test_sockets_with_almost_their_token_are_not(public: Service) -> None:
    assert len(NOT_ADMITTED) > 20
    async with carrier_of(public) as carrier:
        token = await fresh_token(public, carrier)
        statuses = {name: await upgrade(carrier, way, token) for name, (_, way) in NOT_ADMITTED.items()}
        assert statuses == {name: status for name, (status, _) in NOT_ADMITTED.items()}
        assert public.host.state()["calls"] == 0
        assert await upgrade(carrier, Upgrade(), token) == 101, "and the token was not spent by any of them"


async def test_tokens_that_were_good_are_not_for_ever_nor_for_anybody(public: Service) -> None:
    counts = public.host.counts
    secret = worker_secret(load_settings())

    def desk(worker: str, ago_ms: int = 0, purpose: str = "media", key: bytes = secret) -> TokenDesk:
        return TokenDesk(
            key, worker, now_ms=lambda: now_ms() - ago_ms, random_bytes=lambda n: bytes(n), purpose=purpose
        )

    ours = public.host.instance
    made = {
        "spent": await fresh_token_used(public),
        "expired": desk(ours, LIFETIME_MS + 1000).mint(CALL),
        "foreign": desk("another").mint(CALL),
    }
    forged = [
        desk(ours, purpose="events").mint(CALL),
        desk(ours, key=hashlib.sha256(secret).digest()).mint(CALL),
        desk(ours, key=TOKEN.encode()).mint(CALL),
    ]
    async with carrier_of(public) as carrier:
        for reason, token in made.items():
            before = counts[f"socket refused: {reason}"]
            right = Upgrade(signature=lambda path: f"wss://agent.example.com{path}")
            assert await upgrade(carrier, Upgrade(), token) == 403
            assert await upgrade(carrier, right, token) == 403, "its signature helps it nothing"
            assert counts[f"socket refused: {reason}"] == before + 2
        for token in forged:
            assert await upgrade(carrier, Upgrade(), token) == 403
        assert counts["socket refused: forged"] == len(forged)


async def fresh_token_used(service: Service) -> str:
    async with carrier_of(service) as carrier:
        token = await fresh_token(service, carrier)
        assert await upgrade(carrier, Upgrade(), token) == 101
        await idle(service)
        return token


async def test_a_token_serves_its_own_call_only(public: Service) -> None:
    async with carrier_of(public) as carrier:
        token = await fresh_token(public, carrier)
        socket = await carrier.http.ws_connect(f"{public.url}/media/{token}")
        await ForeignStream(socket, CALL).begin({}, call_sid="CA" + "1" * 32)
        assert (await socket.receive()).data == 1002
        await idle(public)
    assert public.host.counts["socket protocol: wrong_call"] == 1
    assert not list(Path("calls").iterdir())


async def test_a_browsers_token_is_for_this_services_own_page(public: Service) -> None:
    from telephony.admission import Admission

    async with carrier_of(public) as carrier:
        for origin, status in ((None, 101), ("https://evil.example", 403), ("null", 403), (ORIGIN, 101)):
            token = public.host.admit(CALL, Admission(own_carrier=True))
            assert token is not None
            headers = {"Origin": origin} if origin else {}
            assert await upgrade(carrier, Upgrade(headers=headers), token) == status, origin
            await idle(public)
    assert public.host.counts["socket refused: origin"] == 2


def test_the_right_signature_is_twilios_own() -> None:
    from twilio.request_validator import RequestValidator

    assert RequestValidator(TOKEN).compute_signature(URL, dict(FORM)) == RIGHT
