"""A caller: rings a service as Twilio would, speaks its script, and reports what the call was like.

Signed webhooks, TwiML followed in simple form, a media stream per <Connect>, the action webhook when the service closes
it, status callbacks. <Say> and <Play> of TwiML are noted, not voiced; a <Dial> is answered and over after a second.
"""

from __future__ import annotations

import asyncio
import time
import wave
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import numpy as np

from agent.errors import OffhookError, RemoteError
from telephony import g711
from telephony.media_stream.carrier import CarrierStream, Gap
from telephony.sandbox.ear import Ear
from telephony.sandbox.leg import StreamLeg
from telephony.sandbox.report import CallReport, ear_report, pacing_report, served, spoken_reports
from telephony.sandbox.script import Keys, Say, Script
from telephony.sandbox.talker import Talker
from telephony.sandbox.twiml import (
    ConnectStream,
    Dial,
    Hangup,
    PlayDigits,
    Redirect,
    Reject,
    UnknownVerb,
    Verb,
    Wait,
    parse_twiml,
    summary,
)
from telephony.sandbox.webhooks import Webhooks, new_sid, socket_url, voice_url

MAX_CALL_S = 600.0
MAX_STREAMS = 5
MAX_DOCUMENTS = 20
CONNECT_DEADLINE_S = 10.0
DIAL_S = 1.0


class SandboxCall:
    """One call, to be run once. Afterwards `report` tells of it, and `write_wav` writes what was heard."""

    def __init__(
        self,
        script: Script,
        to: str,
        *,
        auth_token: str,
        caller: str = "+15005550006",
        called: str = "+15005550001",
        noise: bool = True,
        max_call_s: float = MAX_CALL_S,
    ) -> None:
        """`to`: a service's base address, or its voice webhook's. `noise`: quiet line noise instead of silence."""
        self._voice_url = voice_url(to)
        self.call_sid = new_sid("CA")
        self.account_sid = new_sid("AC")
        self._auth_token = auth_token
        self._numbers = {"From": caller, "Caller": caller, "To": called, "Called": called}
        self._max_call_s = max_call_s
        self._ear = Ear()
        self._talker = Talker(script, self._ear, noise=noise)
        self._script = script
        self._legs: list[StreamLeg] = []
        self._started_s: float | None = None  # when the first stream began: call time 0
        self._callbacks: set[asyncio.Task[None]] = set()
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.report = CallReport(self.call_sid, self._voice_url, script.name, now)

    async def run(self) -> CallReport:
        """Make the call. Never raises for what the service does: that is in the report's `errors`."""
        call = {"CallSid": self.call_sid, "AccountSid": self.account_sid, "ApiVersion": "2010-04-01"}
        call |= {"Direction": "inbound", **self._numbers}
        rang_s = time.monotonic()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            hooks = Webhooks(http, self._auth_token, call)
            try:
                async with asyncio.timeout(self._max_call_s):
                    self.report.ended_by = await self._follow(hooks)
            except TimeoutError:
                self._fail(f"the call was still going on after {self._max_call_s:g} s")
            except OffhookError as error:
                self._fail(str(error))
            begin_s = self._started_s if self._started_s is not None else rang_s
            self.report.duration_ms = round((time.monotonic() - begin_s) * 1000)
            if self.report.ended_by != "caller dropped":
                await self._complete(hooks)
            await self._finish_callbacks()
        self._sum_up()
        return self.report

    def write_wav(self, path: Path) -> None:
        """The call as 8000 Hz PCM16: left the caller, right what the caller heard of the agent."""
        frames = max(1, self.report.duration_ms * g711.RATE_HZ // 1000)
        sound = np.zeros((frames, 2), dtype="<i2")
        for leg in self._legs:
            _place(sound[:, 0], leg.offset_ms, bytes(leg.caller_audio))
            for start_ms, ulaw in leg.carrier.heard:
                _place(sound[:, 1], leg.offset_ms + start_ms, ulaw)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(g711.RATE_HZ)
            file.writeframes(sound.tobytes())

    # --- the TwiML --------------------------------------------------------------------------------------------------

    async def _follow(self, hooks: Webhooks) -> str:
        """From the first webhook to the end of the call; says who ended it."""
        url = self._voice_url
        verbs = deque(parse_twiml(await hooks.post(url, "ringing")))
        documents = 1
        while verbs:
            verb = verbs.popleft()
            self.report.twiml.append(summary(verb))
            if isinstance(verb, Hangup):
                return "agent hung up"
            if isinstance(verb, Reject):
                return "rejected"
            following, more = await self._do(verb, url, hooks)
            if following is None:
                continue
            if following.startswith("ended:"):
                return following.removeprefix("ended:")
            documents += 1
            if documents > MAX_DOCUMENTS:
                raise RemoteError(f"TwiML goes in circles: more than {MAX_DOCUMENTS} documents in one call")
            url = following
            verbs = deque(parse_twiml(await hooks.post(url, "in-progress", **more)))
        return "agent hung up"  # at the end of its TwiML Twilio hangs up

    async def _do(self, verb: Verb, url: str, hooks: Webhooks) -> tuple[str | None, dict[str, str]]:
        """Follow one verb. The address of the next document, if it leads to one, and what to post there."""
        if isinstance(verb, ConnectStream):
            return await self._connect(verb, url, hooks)
        if isinstance(verb, Redirect):
            return urljoin(url, verb.url), {}
        if isinstance(verb, Dial):
            self.report.dialled.append(verb.to)
            await asyncio.sleep(DIAL_S)
            if verb.action is not None:
                done = {"DialCallStatus": "completed", "DialCallSid": new_sid("CA"), "DialCallDuration": "1"}
                return urljoin(url, verb.action), done
        elif isinstance(verb, PlayDigits):
            self.report.digits_played.append(verb.digits)
        elif isinstance(verb, Wait):
            await asyncio.sleep(verb.length_s)
        elif isinstance(verb, UnknownVerb):
            self.report.warnings.append(f"TwiML: <{verb.name}> is not followed by the sandbox")
        return None, {}

    async def _connect(self, verb: ConnectStream, url: str, hooks: Webhooks) -> tuple[str | None, dict[str, str]]:
        if len(self._legs) >= MAX_STREAMS:
            raise RemoteError(f"more than {MAX_STREAMS} streams in one call: the service sends its caller in circles")
        ended, stream_sid = await self._stream(verb, url, hooks)
        if ended == "hang up":
            return "ended:caller hung up", {}
        if ended == "drop":
            if not self._talker.steps_left:
                return "ended:caller dropped", {}
            self._talker.carry_on()
        if verb.action is None:
            return None, {}
        return urljoin(url, verb.action), {"StreamSid": stream_sid}

    # --- the stream -------------------------------------------------------------------------------------------------

    async def _stream(self, verb: ConnectStream, document_url: str, hooks: Webhooks) -> tuple[str, str]:
        """One media stream. How it ended, and its SID. A refused upgrade is noted, and the TwiML goes on."""
        stream_sid = new_sid("MZ")
        callback = urljoin(document_url, verb.status_callback) if verb.status_callback else None
        url = socket_url(document_url, verb.url)
        headers = {"x-twilio-signature": hooks.signature(url, {})}
        # A connector of its own: closing it cuts this connection, which is what a drop is.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            try:
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    socket = await http.ws_connect(url, headers=headers, compress=0, autoclose=True, max_msg_size=2**24)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                status = getattr(error, "status", None)
                problem = f"error 31920: the stream's socket was refused ({status or type(error).__name__})"
                self.report.errors.append(problem)
                self._tell(hooks, callback, "stream-error", stream_sid, verb.name, problem)
                return "refused", stream_sid
            carrier = CarrierStream(stream_sid, self.call_sid, self.account_sid, verb.parameters)
            leg = StreamLeg(socket, carrier, self._talker, self._ear)
            self._legs.append(leg)
            self._tell(hooks, callback, "stream-started", stream_sid, verb.name)
            try:
                ended = await leg.run(self._started_s)
            except (ConnectionError, aiohttp.ClientError) as error:
                raise RemoteError(f"the stream's socket broke at its opening: {error}") from None
            finally:
                if self._started_s is None:
                    self._started_s = leg.started_s
                if not socket.closed:
                    await connector.close()
            if ended == "closed" and leg.close_code not in (1000, 1001):
                self.report.warnings.append(f"error 31921: the service closed its socket with code {leg.close_code}")
            self._tell(hooks, callback, "stream-stopped", stream_sid, verb.name)
        return ended, stream_sid

    def _tell(self, hooks: Webhooks, url: str | None, event: str, sid: str, name: str, error: str = "") -> None:
        """Stream status callbacks go out beside the call, and never hold it up."""
        if url is None:
            return

        async def tell(url: str) -> None:
            try:
                await hooks.stream_event(url, event, sid, name, error)
            except RemoteError as problem:
                self.report.warnings.append(f"{event}: {problem}")

        task = asyncio.create_task(tell(url))
        self._callbacks.add(task)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _fail(self, problem: str) -> None:
        self.report.errors.append(problem)
        self.report.ended_by = f"error: {problem}"

    async def _complete(self, hooks: Webhooks) -> None:
        status = "busy" if self.report.ended_by == "rejected" else "completed"
        seconds = -(-self.report.duration_ms // 1000)
        try:
            url = urljoin(self._voice_url, "/twilio/status")
            await hooks.post(url, status, CallDuration=str(seconds), Duration="1", SequenceNumber="0")
        except RemoteError as error:
            self.report.warnings.append(f"status callback: {error}")

    async def _finish_callbacks(self) -> None:
        if self._callbacks:  # each has its own deadline
            await asyncio.gather(*self._callbacks)

    def _sum_up(self) -> None:
        report, talker = self.report, self._talker
        report.errors += talker.errors
        for step in talker.unspoken():
            if isinstance(step, Say | Keys):
                what = step.text or getattr(step, "digits", "")
                report.errors.append(f"the call ended before the caller could say {what!r}")
        report.warnings += talker.notes
        report.streams = len(self._legs)
        gaps: list[Gap] = []
        for leg in self._legs:
            gaps += [Gap(leg.offset_ms + gap.at_ms, gap.gap_ms) for gap in leg.carrier.gaps]
            report.warnings += [f"warning {w.code}: {w.detail}" for w in leg.carrier.warnings]
        first = self._ear.bursts[0].start_ms if self._ear.bursts else None
        report.greeting_ms = None if first is None else round(first)
        report.spoken = spoken_reports(talker.spoken, self._ear)
        report.ear = ear_report(gaps, sum(leg.carrier.heard_ms for leg in self._legs), talker.spoken)
        report.pacing = pacing_report([late for leg in self._legs for late in leg.lateness_ms])
        report.served = served(report)


def _place(channel: np.ndarray, at_ms: float, ulaw: bytes) -> None:
    start = round(at_ms * g711.RATE_HZ / 1000)
    samples = np.frombuffer(g711.ulaw_to_pcm(ulaw), dtype="<i2")[: max(0, len(channel) - start)]
    channel[start : start + len(samples)] = samples
