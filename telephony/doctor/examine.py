"""The examination: every check in its order, each finding as it comes. What rests on a failed check is left out."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import aiohttp

from agent.errors import LocalError
from telephony.auth import AUTH_TOKEN_FILE, auth_token
from telephony.doctor import engines, machine, origin, reach
from telephony.doctor.finding import Finding, left_out, ok
from telephony.doctor.refusals import Answer
from telephony.settings import Settings

_FROM_OUTSIDE = "public origin, tls, http, websocket, signature"


async def examine(settings: Settings, *, rehearsal: bool = False) -> AsyncIterator[Finding]:
    """Look at everything. `rehearsal`: the public origin may be an address of this machine or network."""
    listed = f"{len(settings.numbers)} number{'' if len(settings.numbers) == 1 else 's'} listed"
    yield ok("settings", f"public origin {settings.public_origin or 'none'}, {listed}")
    token = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else None
    yield (judged := machine.judge_token(token, settings.public_origin))
    yield machine.judge_operator(settings.public_origin, has_token=settings.operator_token is not None)
    yield machine.check_folder("calls folder", "OFFHOOK_CALLS_DIR", settings.calls_dir)
    yield machine.check_folder("data folder", "OFFHOOK_DATA_DIR", settings.data_dir)
    yield machine.check_space(settings.calls_dir, settings.max_calls)
    yield machine.check_files(settings.max_calls)
    yield await machine.check_timer()
    names: dict[str, str] = {}
    for name in settings.agents():
        yield await engines.check_agent(name, settings, names)
    # A connection for each request, as the carrier's are; cookies of a proxy are not carried along.
    connector = aiohttp.TCPConnector(force_close=True, ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        here: str | None = None
        if settings.port:
            answer = await reach.Visitor(http, settings.local_url()).page("/healthz")
            here = answer.instance if isinstance(answer, Answer) else None
            yield machine.check_port(settings, here)
        else:
            yield left_out("port", "port 0: the service picks one at each start")
        if settings.public_origin:
            usable = token if judged.level != "failed" else None
            async for finding in _from_outside(settings, http, here, usable, rehearsal=rehearsal):
                yield finding
        else:
            async for finding in _from_here(settings, http, here):
                yield finding


async def _from_outside(
    settings: Settings, http: aiohttp.ClientSession, here: str | None, token: str | None, *, rehearsal: bool
) -> AsyncIterator[Finding]:
    base = settings.public_origin
    addresses = await origin.addresses_of(*origin.host_and_port(base))
    yield origin.judge_origin(base, addresses, rehearsal=rehearsal)
    if not addresses:
        yield left_out("tls, http, websocket, signature, clock", "the public origin's host has no address")
        return
    yield (secured := await origin.check_tls(base))
    if secured.level == "failed":
        yield left_out("http, websocket, signature, clock", "no TLS connection to the public origin")
        return
    visitor = reach.Visitor(http, base)
    page = await visitor.page("/healthz")
    yield reach.judge_page(page, here, base)
    instance = page.instance if isinstance(page, Answer) else None
    if instance is None:
        yield left_out("websocket, signature", "no Offhook answers at the public origin")
    else:
        yield reach.judge_upgrade(await visitor.upgrade(), instance, base)
        if token is None:
            yield left_out("signature", "no token to sign with")
        else:
            yield reach.judge_webhook(await visitor.webhook(token), base, page)
    if isinstance(page, Answer) and "date" in page.headers:
        whose = "the public answer's (another machine's behind a tunnel or balancer, else this one's own)"
        yield machine.judge_clock(page.age_s, whose)
    else:
        yield left_out("clock", "the public origin gave no Date to compare with")


async def _from_here(settings: Settings, http: aiohttp.ClientSession, here: str | None) -> AsyncIterator[Finding]:
    """Without a public origin: the same upgrade and webhook, over loopback."""
    if here is not None:
        base = settings.local_url()
        visitor = reach.Visitor(http, base)
        yield reach.judge_upgrade(await visitor.upgrade(), here, base)
        token = _local_token(settings)
        if token is None:
            yield left_out("signature", f"no {settings.data_dir / AUTH_TOKEN_FILE} here: run in the service's folder")
        else:
            yield reach.judge_webhook(await visitor.webhook(token), base)
    why = "no public origin is configured (OFFHOOK_PUBLIC_ORIGIN, or --public-origin): only this machine may call"
    yield left_out(f"{_FROM_OUTSIDE} from outside, clock" if here is not None else f"{_FROM_OUTSIDE}, clock", why)


def _local_token(settings: Settings) -> str | None:
    """The token that the service on this machine signs with; the doctor makes none."""
    if settings.twilio_auth_token is None and not (settings.data_dir / AUTH_TOKEN_FILE).exists():
        return None
    try:
        return auth_token(settings).get_secret_value()
    except LocalError:
        return None
