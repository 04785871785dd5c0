"""The server: Hypercorn around the host, on a port of its own, with a shutdown that lets calls finish."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from agent.errors import LocalError
from telephony.auth import auth_token, worker_secret
from telephony.faults.plan import FaultPlan
from telephony.logs.context import event
from telephony.logs.setup import tell_suppressed
from telephony.settings import Settings
from telephony.twilio.signatures import SignatureCheck
from telephony.web.access import Access
from telephony.web.app import build_asgi
from telephony.web.call_log import CallLog
from telephony.web.connections import HEAD_S, ConnectionBook
from telephony.web.descriptors import raise_limit, strangers
from telephony.web.host import CallHost, open_host
from telephony.web.loop_watch import LoopWatch
from telephony.web.metrics import ServiceMetrics
from telephony.web.server import open_server
from telephony.web.supervisor import SIGNALS, Supervisor, inherited_socket, parent_pipe

log = logging.getLogger("offhook.server")

#: A call needs a handful of webhooks, each its own connection: nothing idles, and no proxy re-uses one that we close.
REQUESTS_PER_CONNECTION = 0
#: The media socket itself takes far less (MAX_MESSAGE_CHARS), and says so when it closes; this bounds the memory.
MAX_MESSAGE_BYTES = 1024 * 1024
#: What is still open once the calls are drained: connections of webhooks, lingering sockets.
GRACE_S = 3.0


class PortTaken(LocalError):
    """Another program listens where we should."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is up: where it listens, and its host of calls."""

    url: str
    """Where this machine reaches it: "http://127.0.0.1:8080"."""
    port: int
    host: CallHost


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. LocalError in plain words; PortTaken where another program has the port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except OSError as error:
        raise LocalError(
            f"host {host!r} is no address of this machine ({error}): set OFFHOOK_HOST, or --host"
        ) from None
    listening = socket.socket(family, kind)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise _explain(error, host, port) from None
    return listening


def _explain(error: OSError, host: str, port: int) -> LocalError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} on {host} is taken by another program: stop it, or set OFFHOOK_PORT (or --port) to another; "
            "0 picks a free one"
        )
    if error.errno == errno.EACCES:
        return LocalError(f"port {port} needs rights that this user has not: set OFFHOOK_PORT to one above 1023")
    if error.errno == errno.EADDRNOTAVAIL:
        return LocalError(f"host {host} is no address of this machine: set OFFHOOK_HOST, or --host")
    return LocalError(f"cannot listen on {host} port {port}: {error.strerror}")


@contextlib.asynccontextmanager
async def open_service(
    settings: Settings, hurry: asyncio.Event | None = None, faults: FaultPlan | None = None
) -> AsyncIterator[Service]:
    """A service that takes calls while the block runs; at its end it drains (settings.drain_s, cut short by `hurry`).

    `faults`: what goes wrong on purpose, in a service that only this machine reaches.
    Raises LocalError for settings, an agent or a port that cannot be served; PortTaken among them.
    """
    token, secret = auth_token(settings), worker_secret(settings)
    listening = inherited_socket() or bind(settings.host, settings.port)
    with contextlib.closing(listening):
        port = int(listening.getsockname()[1])
        async with open_host(settings, secret, faults) as host:
            check = SignatureCheck(token, public_origin=settings.public_origin, port=port)
            host.signatures = check
            access = Access(check, public_origin=settings.public_origin, operator_token=settings.operator_token)
            host.access = access
            metrics = ServiceMetrics(agent.definition for agent in host.agents.all())
            host.listen_apart(metrics.call_meter)
            host.listen_apart(CallLog)
            gate = build_asgi(host, check, access, metrics, max_call_s=settings.max_call_s)
            watch = LoopWatch(metrics.lag.observe, tell_suppressed)
            metrics.observe(
                state=host.state,
                counts=lambda: host.counts,
                open_sockets=lambda: gate.open_sockets,
                lag_p99_s=watch.p99_s,
            )
            most = strangers(raise_limit(), settings.max_calls)
            book = ConnectionBook(host.counts, now_s=asyncio.get_running_loop().time, max_strangers=most)
            host.connections = book
            async with open_server(cast(ASGIFramework, gate), _config(), listening, book, grace_s=GRACE_S):
                watching = asyncio.create_task(watch.run())
                try:
                    yield Service(settings.local_url(port), port, host)
                finally:
                    # Calls end before the server: it would cut them.
                    await host.drain(settings.drain_s, hurry or asyncio.Event())
                    watching.cancel()


def _config() -> Config:
    config = Config()
    config.accesslog = None  # its lines would hold the media sockets' tokens
    config.errorlog = log
    config.keep_alive_timeout = HEAD_S
    config.keep_alive_max_requests = REQUESTS_PER_CONNECTION
    config.websocket_max_message_size = MAX_MESSAGE_BYTES
    config.include_server_header = False
    return config


async def serve(
    settings: Settings, main: Callable[[Service], Awaitable[int | None]], faults: FaultPlan | None = None
) -> int:
    """Serve while `main` runs, and, where it returns None, until a signal comes. The exit status. `faults`: as of
    `open_service`.

    A signal ends `main` and drains; a second one cuts the draining short. 130 after Ctrl-C, 0 after SIGTERM.
    """
    stopping, hurry = asyncio.Event(), asyncio.Event()
    status: int | None = None

    def on_signal(number: signal.Signals) -> None:
        nonlocal status
        if stopping.is_set():
            hurry.set()
        stopping.set()
        status = 130 if number is signal.SIGINT else 0

    def on_parent_gone(pipe: int) -> None:
        loop.remove_reader(pipe)
        log.error("the supervisor is gone: this worker stops, too", extra=event("supervisor.gone"))
        on_signal(signal.SIGTERM)

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    if (pipe := parent_pipe()) is not None:
        loop.add_reader(pipe, on_parent_gone, pipe)
    try:
        async with open_service(settings, hurry, faults) as service:
            # What is loaded stays to the end: without it, Python's collector looks through all of it every now and then
            # (some 250 ms, in which no call is served), and the more so the more connections come and go.
            gc.collect()
            gc.freeze()
            stop, work = asyncio.create_task(stopping.wait()), asyncio.ensure_future(main(service))
            try:
                await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
                if work.done() and (result := work.result()) is not None:
                    return result
                await stop
            finally:
                stop.cancel()
                work.cancel()
                await asyncio.wait({work})
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return status or 0


def supervise(settings: Settings, worker: Sequence[str]) -> int:
    """Hold the listening socket and keep a worker running; `worker` is the command that starts one. The exit status."""
    with contextlib.closing(inherited_socket() or bind(settings.host, settings.port)) as listening:
        return Supervisor(listening, worker).run()


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop, where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
