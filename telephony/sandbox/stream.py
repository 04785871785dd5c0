"""The media streams of one sandbox call: each opened, held and told of, as Twilio would."""

from __future__ import annotations

import asyncio

import aiohttp

from agent.errors import RemoteError
from telephony.faults.plan import FaultPlan
from telephony.media_stream.carrier import CarrierStream
from telephony.sandbox.ear import Ear
from telephony.sandbox.leg import StreamLeg
from telephony.sandbox.report import CallReport
from telephony.sandbox.talker import Talker
from telephony.sandbox.verbs import ConnectStream
from telephony.sandbox.webhooks import Webhooks, new_sid, resolve, socket_url

CONNECT_DEADLINE_S = 10.0
MAX_STREAMS = 25
"""A service brings a caller back after digits and transfers; more often than this, it goes in circles."""


class Streams:
    """Holds a call's streams, one after another. `started_s`: when the first began, which is call time 0."""

    def __init__(
        self, hooks: Webhooks, talker: Talker, ear: Ear, report: CallReport, account_sid: str, faults: FaultPlan
    ) -> None:
        self._faults = faults
        self.legs: list[StreamLeg] = []
        self.started_s: float | None = None
        self._hooks = hooks
        self._talker = talker
        self._ear = ear
        self._report = report
        self._account_sid = account_sid
        self._callbacks: set[asyncio.Task[None]] = set()

    async def hold(self, verb: ConnectStream, document_url: str) -> tuple[str, str]:
        """One stream, to its end: "closed" (by the service), "refused", "hang up" or "drop" (the caller); its SID.

        RemoteError where Twilio would not even try, and for a service that does not read its socket.
        """
        if len(self.legs) >= MAX_STREAMS:
            raise RemoteError(f"more than {MAX_STREAMS} streams in one call: the service sends its caller in circles")
        stream_sid = new_sid("MZ")
        callback = resolve(document_url, verb.status_callback) if verb.status_callback else None
        url = socket_url(document_url, verb.url)
        headers = {"x-twilio-signature": self._hooks.signature(url, {})}
        # A connector of its own: closing it cuts this connection, which is what a drop is.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            try:
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    socket = await http.ws_connect(url, headers=headers, compress=0, autoclose=True, max_msg_size=2**24)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                problem = _refusal(error)
                self._report.errors.append(problem)
                self._tell(callback, "stream-error", stream_sid, verb.name, problem)
                return "refused", stream_sid
            carrier = CarrierStream(stream_sid, self._report.call_sid, self._account_sid, verb.parameters)
            faults = self._faults.line(again=bool(self.legs))
            leg = StreamLeg(socket, carrier, self._talker, self._ear, faults)
            self.legs.append(leg)
            self._tell(callback, "stream-started", stream_sid, verb.name)
            try:
                ended = await leg.run(self.started_s)
            finally:
                if self.started_s is None:
                    self.started_s = leg.started_s
                if not socket.closed:
                    await connector.close()
        if ended == "cut":  # for the service as for Twilio, a stream that is over; the call goes on
            self._report.warnings.append(f"the stream's socket was closed on purpose (faults: {self._faults.name})")
            self._talker.stream_lost()
            ended = "closed"
        elif ended == "closed" and leg.close_code not in (1000, 1001):
            # A killed worker's socket ends so too. For Twilio the stream is over, as it is after a proper close.
            self._report.warnings.append(f"error 31921: the service's socket ended with code {leg.close_code}")
            self._talker.stream_lost()
        self._tell(callback, "stream-stopped", stream_sid, verb.name)
        return ended, stream_sid

    async def finish(self) -> None:
        """Wait for the status callbacks; each has its own deadline."""
        if self._callbacks:
            await asyncio.gather(*self._callbacks)

    def _tell(self, url: str | None, event: str, sid: str, name: str, error: str = "") -> None:
        """Stream status callbacks go out beside the call, and never hold it up."""
        if url is None:
            return

        async def tell(url: str) -> None:
            try:
                await self._hooks.stream_event(url, event, sid, name, error)
            except RemoteError as problem:
                self._report.warnings.append(f"{event}: {problem}")

        task = asyncio.create_task(tell(url))
        self._callbacks.add(task)


def _refusal(error: Exception) -> str:
    """Why there is no stream, with Twilio's code for it."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"error 31920: the stream's socket was refused ({error.status})"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"error 31910: the stream's socket has no TLS that Twilio would accept: {error}"
    if isinstance(error, TimeoutError):
        return f"error 31901: the stream's socket did not open in {CONNECT_DEADLINE_S:g} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "error 31902: the stream's socket was refused (nothing listens there)"
    return f"error 31920: the stream's socket was refused ({type(error).__name__})"
