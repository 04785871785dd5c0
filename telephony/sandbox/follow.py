"""The walk through a call's TwiML: verb by verb, document by document, until somebody hangs up."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from telephony.sandbox.dial import DialBook
from telephony.sandbox.faults import Fault
from telephony.sandbox.fetch import Documents
from telephony.sandbox.gather import GatherCaller, prompt_ms
from telephony.sandbox.limits import Limits
from telephony.sandbox.pace import Pace
from telephony.sandbox.report import CallReport, Utterance
from telephony.sandbox.stream import Streams
from telephony.sandbox.talker import Talker
from telephony.sandbox.verbs import (
    ConnectStream,
    Dial,
    Gather,
    Hangup,
    Notice,
    PlayDigits,
    PlayFile,
    Prompt,
    Redirect,
    Reject,
    SayText,
    UnknownVerb,
    Verb,
    Wait,
    summary,
)
from telephony.sandbox.webhooks import new_sid, resolve

TONE_S = 0.2
"""One keypad tone and the gap behind it."""
PAUSES_S = {"w": 0.5, "W": 1.0}


@dataclass(frozen=True, slots=True)
class GoTo:
    """The next document is at `url`; `form` is what it is told."""

    url: str
    form: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over: by whom."""

    by: str


class Walk:
    """Follows the TwiML of one call."""

    def __init__(
        self,
        documents: Documents,
        report: CallReport,
        pace: Pace,
        *,
        streams: Streams,
        talker: Talker,
        caller: GatherCaller,
        dials: DialBook,
        limits: Limits,
    ) -> None:
        self._documents = documents
        self._report = report
        self._pace = pace
        self._streams = streams
        self._talker = talker
        self._caller = caller
        self._dials = dials
        self._limits = limits

    async def run(self, voice_url: str) -> str:
        """From the first webhook to the end of the call; says who ended it. RemoteError for what ends it otherwise."""
        document = await self._documents.first(voice_url)
        verbs = deque(document.verbs)
        while verbs:
            verb = verbs.popleft()
            self._report.twiml.append(summary(verb))
            came = await self._do(verb, document.url)
            if self._limits.call_s is not None and self._pace.nominal_s > self._limits.call_s:
                raise Fault(13805, f"a trial call ends after {self._limits.call_s:g} s")
            if isinstance(came, Ended):
                return came.by
            if isinstance(came, GoTo):  # whatever stands behind the verb is never reached
                document = await self._documents.following(came.url, came.form)
                verbs = deque(document.verbs)
        return "agent hung up"  # at the end of its TwiML Twilio hangs up

    async def _do(self, verb: Verb, url: str) -> GoTo | Ended | None:
        """Follow one verb of the document at `url`. None: the next verb follows."""
        match verb:
            case Hangup():
                return Ended("agent hung up")
            case Reject():
                return Ended("rejected")
            case ConnectStream():
                return await self._connect(verb, url)
            case Gather():
                return await self._gather(verb, url)
            case Dial():
                return await self._dial(verb, url)
            case Redirect():
                return GoTo(resolve(url, verb.url))
            case SayText() | PlayFile() | Wait():
                await self._prompt(verb)
            case PlayDigits(digits):
                self._report.digits_played.append(digits)
                self._note("agent", "digits", digits)
                await self._pace.wait(sum(PAUSES_S.get(digit, TONE_S) for digit in digits))
            case Notice(instead_of):
                if instead_of.startswith("<Dial>"):
                    self._dials.taken_out()
                self._note("twilio", "notice", f"a trial account cannot use {instead_of}")
            case UnknownVerb(name):
                self._report.warnings.append(f"TwiML: <{name}> is not followed by the sandbox")
        return None

    async def _connect(self, verb: ConnectStream, url: str) -> GoTo | Ended | None:
        self._note("agent", "stream", "")
        ended, stream_sid = await self._streams.hold(verb, url)
        if ended == "refused":
            self._report.conversation[-1] = replace(self._report.conversation[-1], text="refused")
        if ended == "hang up":
            return Ended("caller hung up")
        if ended == "drop" and not self._talker.steps_left:
            return Ended("caller dropped")
        if ended != "refused":
            self._documents.something_happened()
        if verb.action is None:
            return None
        return GoTo(resolve(url, verb.action), {"StreamSid": stream_sid})

    async def _dial(self, verb: Dial, url: str) -> GoTo | None:
        dialled = self._dials.call(verb)
        self._report.dialled.append(dialled)
        self._note("agent", "dial", f"{dialled.to}: {dialled.outcome}")
        await self._pace.wait(dialled.ring_s + dialled.talk_s)
        return None if verb.action is None else GoTo(resolve(url, verb.action), dialled.form(new_sid("CA")))

    async def _gather(self, verb: Gather, url: str) -> GoTo | Ended | None:
        self._report.gathers += 1
        if self._caller.leaves_at_once():
            return Ended("caller hung up")
        await self._prompts(verb)
        answered = self._caller.answer(verb)
        for said in answered.said:
            self._note("caller", said.by, said.text, heard=said.heard, expects_answer=said.expects_answer)
            self._documents.something_happened()
        await self._pace.wait(answered.waited_s)
        if answered.hung_up:
            return Ended("caller hung up")
        if not answered.form and not verb.action_on_empty:
            return None
        return GoTo(resolve(url, verb.action or ""), dict(answered.form))

    async def _prompts(self, verb: Gather) -> None:
        """What a <Gather> says, as far as the caller lets it."""
        left_ms = self._caller.cuts_in_after_ms(verb)
        for prompt in verb.prompts:
            self._report.twiml.append(f"  {summary(prompt)}")
            length_ms = prompt_ms(prompt)
            cut = left_ms is not None and left_ms < length_ms
            await self._prompt(prompt, interrupted=cut)
            if cut:
                return
            if left_ms is not None:
                left_ms -= length_ms

    async def _prompt(self, prompt: Prompt, *, interrupted: bool = False) -> None:
        match prompt:
            case SayText(text, loop):
                self._note("agent", "say", text, interrupted=interrupted)
                self._caller.agent_spoke()
                await self._pace.say(text, 1 if interrupted else loop)
            case PlayFile(url):
                self._note("agent", "play", url, interrupted=interrupted)
                self._caller.agent_spoke()
            case Wait(length_s):
                await self._pace.wait(0 if interrupted else length_s)

    def _note(
        self,
        who: str,
        by: str,
        text: str,
        *,
        heard: bool = True,
        interrupted: bool = False,
        expects_answer: bool = True,
    ) -> None:
        at_ms = self._pace.elapsed_ms
        self._report.conversation.append(Utterance(at_ms, who, by, text, heard, interrupted, expects_answer))
