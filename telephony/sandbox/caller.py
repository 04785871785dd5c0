"""A caller: rings a service as Twilio would, speaks its script, and reports what the call was like.

Signed webhooks (with their retries and fallback URL), TwiML followed to its end: media streams, <Gather> answered by
the script, <Dial> by the script's outcomes, status callbacks. <Say> and <Play> are noted, not voiced; waits outside
the streams are shortened. As a trial account's call it keeps to that account's limits.
"""

from __future__ import annotations

import asyncio
import math
import time
import wave
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import aiohttp
import numpy as np

from agent.errors import OffhookError, RemoteError
from telephony import g711
from telephony.faults.plan import FaultPlan
from telephony.media_stream.carrier import Gap
from telephony.sandbox.dial import DialBook
from telephony.sandbox.ear import Ear
from telephony.sandbox.faults import codes
from telephony.sandbox.fetch import Documents
from telephony.sandbox.follow import Walk
from telephony.sandbox.gather import GatherCaller
from telephony.sandbox.limits import ORDINARY, TRIAL
from telephony.sandbox.pace import SAY_MS_PER_WORD, TIME_FACTOR, Pace
from telephony.sandbox.report import CallReport, ear_report, pacing_report, served, spoken_reports
from telephony.sandbox.script import Drop, HangUp, Keys, Say, SayWords, Script
from telephony.sandbox.stream import Streams
from telephony.sandbox.talker import TURN_BY_TURN, Talker
from telephony.sandbox.webhooks import Webhooks, new_sid, voice_url, web_address

MAX_CALL_S = 600.0
CALLED, CALLER = "+15005550001", "+15005550006"
"""Numbers that Twilio keeps for tests (twilio.com/docs/iam/test-credentials): nobody has them."""


class SandboxCall:
    """One call, to be run once. Afterwards `report` tells of it, and `write_wav` writes what was heard."""

    def __init__(
        self,
        script: Script,
        to: str,
        *,
        auth_token: str,
        caller: str = CALLER,
        called: str = CALLED,
        noise: bool = True,
        max_call_s: float = MAX_CALL_S,
        fallback_url: str | None = None,
        trial: bool = False,
        say_ms_per_word: float = SAY_MS_PER_WORD,
        time_factor: float = TIME_FACTOR,
        retry_pause_s: float = 0.0,
        faults: FaultPlan | None = None,
    ) -> None:
        """Prepare a call; nothing is sent yet. LocalError if `to` or `fallback_url` is no address.

        `to`: a service's base address, or its voice webhook's; connection overrides may stand in its fragment.
        `noise`: quiet line noise instead of silence. `max_call_s`: the real time after which the call is given up.
        `fallback_url`: the number's, asked where a webhook fails or gives no TwiML.
        `trial`: keep to a trial account's limits (telephony/sandbox/limits.py).
        `say_ms_per_word`: how long a text of <Say> takes for each of its words (0: no time).
        `time_factor`: what a second of ringing, pausing or silence outside the streams really takes.
        `retry_pause_s`: before a webhook is asked again; Twilio's pages name no such pause.
        `faults`: what goes wrong on the line; faults of engines are the service's, not the caller's.
        """
        self._voice_url = voice_url(to)
        self._fallback_url = None if fallback_url is None else web_address(fallback_url)
        self._limits = TRIAL if trial else ORDINARY
        self._say_ms_per_word, self._time_factor = say_ms_per_word, time_factor
        self._retry_pause_s = retry_pause_s
        self.call_sid = new_sid("CA")
        self.account_sid = new_sid("AC")
        self._auth_token = auth_token
        self._numbers = {"From": caller, "Caller": caller, "To": called, "Called": called}
        self._max_call_s = max_call_s
        self._ear = Ear()
        self._talker = Talker(script, self._ear, noise=noise)
        self._answerer = GatherCaller(self._talker.cursor)
        self._dials = DialBook(script.dial)
        self._streams: Streams | None = None
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._faults = faults or FaultPlan("")
        self.report = CallReport(self.call_sid, urldefrag(self._voice_url).url, script.name, now)
        self.report.faults = self._faults.name

    async def run(self) -> CallReport:
        """Make the call. Never raises for what the service does: that is in the report's `errors`."""
        call = {"CallSid": self.call_sid, "AccountSid": self.account_sid, "ApiVersion": "2010-04-01"}
        call |= {"Direction": "inbound", **self._numbers}
        rang_s = time.monotonic()
        pace = Pace(time_factor=self._time_factor, say_ms_per_word=self._say_ms_per_word)
        # Each request on a connection of its own: whether the service is there is asked anew.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), connector=connector) as http:
            limits, pause_s = self._limits, self._retry_pause_s
            hooks = Webhooks(http, self._auth_token, call, deadline_s=limits.answer_s, retry_pause_s=pause_s)
            streams = Streams(hooks, self._talker, self._ear, self.report, self.account_sid, self._faults)
            self._streams = streams
            await self._walk(hooks, streams, pace)
            begin_s = streams.started_s if streams.started_s is not None else rang_s
            self.report.duration_ms = round((time.monotonic() - begin_s) * 1000)
            if self.report.ended_by != "caller dropped":
                await self._complete(hooks, pace)
            await streams.finish()
            self.report.warnings += hooks.notes
        self._sum_up(streams)
        return self.report

    def write_wav(self, path: Path) -> None:
        """The call as 8000 Hz PCM16: left the caller, right what the caller heard of the agent."""
        frames = max(1, self.report.duration_ms * g711.RATE_HZ // 1000)
        sound = np.zeros((frames, 2), dtype="<i2")
        for leg in self._streams.legs if self._streams is not None else ():
            _place(sound[:, 0], leg.offset_ms, bytes(leg.caller_audio))
            for start_ms, ulaw in leg.carrier.heard:
                _place(sound[:, 1], leg.offset_ms + start_ms, ulaw)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(g711.RATE_HZ)
            file.writeframes(sound.tobytes())

    async def _walk(self, hooks: Webhooks, streams: Streams, pace: Pace) -> None:
        report, limits = self.report, self._limits
        walk = Walk(
            Documents(hooks, report, limits, self._fallback_url),
            report,
            pace,
            streams=streams,
            talker=self._talker,
            caller=self._answerer,
            dials=self._dials,
            limits=limits,
        )
        longest_s = min(self._max_call_s, limits.call_s or self._max_call_s)
        try:
            async with asyncio.timeout(longest_s):
                report.ended_by = await walk.run(self._voice_url)
        except TimeoutError:
            self._fail(f"the call was still going on after {longest_s:g} s")
        except OffhookError as error:
            self._fail(str(error))

    def _fail(self, problem: str) -> None:
        self.report.errors.append(problem)
        self.report.ended_by = problem if problem.startswith("error ") else f"error: {problem}"

    async def _complete(self, hooks: Webhooks, pace: Pace) -> None:
        status = "busy" if self.report.ended_by == "rejected" else "completed"
        seconds = math.ceil(self.report.duration_ms / 1000 + pace.skipped_s)
        minutes = str(max(1, math.ceil(seconds / 60)))
        try:
            url = urljoin(self._voice_url, "/twilio/status")
            await hooks.post(url, status, CallDuration=str(seconds), Duration=minutes, SequenceNumber="0")
        except RemoteError as error:
            self.report.warnings.append(f"status callback: {error}")

    def _sum_up(self, streams: Streams) -> None:
        report, talker, legs = self.report, self._talker, streams.legs
        report.errors += talker.errors + self._answerer.errors + self._dials.errors
        cut_out = [one for one in report.conversation if one.by == "notice" and "<Stream>" in one.text]
        if cut_out and not report.gathers:  # nothing else can have come of the call
            report.errors.append(f"a trial account carries no media stream: {TURN_BY_TURN}")
        else:
            report.errors += [
                f"the call ended before the caller could say {step.text or getattr(step, 'digits', '')!r}"
                for step in talker.unspoken()
                if isinstance(step, Say | SayWords | Keys)
            ]
        report.errors += [f"no <Dial> came for {plan.to or plan.outcome} of the script" for plan in self._dials.left]
        if (
            not legs
            and report.ended_by == "agent hung up"
            and any(isinstance(s, HangUp | Drop) for s in talker.unspoken())
        ):
            report.errors.append("the agent hung up; by the script the caller was to")
        report.warnings += talker.notes + self._answerer.notes
        report.streams = len(legs)
        report.stream_starts_ms = [round(leg.offset_ms) for leg in legs]
        gaps: list[Gap] = []
        for leg in legs:
            gaps += [Gap(leg.offset_ms + gap.at_ms, gap.gap_ms) for gap in leg.carrier.gaps]
            report.warnings += [f"warning {w.code}: {w.detail}" for w in leg.carrier.warnings]
        first = self._ear.bursts[0].start_ms if self._ear.bursts else None
        report.greeting_ms = None if first is None else round(first)
        report.spoken = spoken_reports(talker.spoken, self._ear)
        report.ear = ear_report(gaps, sum(leg.carrier.heard_ms for leg in legs), talker.spoken)
        report.pacing = pacing_report([late for leg in legs for late in leg.lateness_ms])
        report.error_codes = codes(report.errors + report.warnings)
        report.served = served(report)


def _place(channel: np.ndarray, at_ms: float, ulaw: bytes) -> None:
    start = round(at_ms * g711.RATE_HZ / 1000)
    samples = np.frombuffer(g711.ulaw_to_pcm(ulaw), dtype="<i2")[: max(0, len(channel) - start)]
    channel[start : start + len(samples)] = samples
