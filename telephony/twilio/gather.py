"""A call served turn by turn: one signed request is one turn, one TwiML document its answer. No streaming.

The carrier's own recogniser hears (<Gather input="speech dtmf">), its own voice speaks (<Say>). This is all that a
Twilio trial account carries (twilio.com/docs/usage/trials/try-out-voice).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from twilio.twiml.voice_response import VoiceResponse
from werkzeug.datastructures import MultiDict

from agent.line import Decision, HangUp, SendDigits, Transfer
from telephony.twilio.progress import Step
from telephony.twilio.signatures import Origin
from telephony.twilio.twiml import AFTER_DIAL_PATH, ASK_AGAIN, GATHER_MORE_PATH, GATHER_PATH, add_dial, xml_text

#: A trial account gives up on a webhook after 5 s, and ends the call; the network takes its part of them.
ANSWER_WITHIN_S = 3.5
#: A caller speaks for a minute at most; a model that is told more is being attacked, not asked.
MAX_SPEECH_CHARS = 1000
MAX_KEYS = 32
#: One <Say> takes 4096 characters (error 13520), a whole document 64 KB (11750).
MAX_SAY_CHARS = 3000
MAX_SAID_CHARS = 12_000
#: Twilio takes 500 hints of 100 characters (13330), in every document anew: what helps a recogniser are the first.
MAX_HINTS, MAX_HINT_CHARS, MAX_HINTS_CHARS = 100, 100, 2000
#: <Gather timeout> lies between these; it is also the pause that ends keys, unless # or their known number does.
TIMEOUT_S = (2, 60)

#: What a request is: the call begins; the caller's turn; the rest of an answer; a transfer that nobody answered; the
#: number's fallback address.
What = Literal["voice", "turn", "more", "nobody answered", "fallback"]

_KEYS = re.compile(r"[^0-9*#]")
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class GatherRequest:
    """One request of the carrier's, read. `key` is its idempotency token, "" without one; `text` what was said or
    keyed, "" for silence."""

    what: What
    call_sid: str
    caller: str
    called: str
    key: str = ""
    text: str = ""
    by_keys: bool = False
    confidence: float | None = None
    answers: int | None = None
    """The number of the document that asked; None where none did."""


@dataclass(frozen=True, slots=True)
class Document:
    """What the caller is to hear and how the call goes on, before it is TwiML. `more`: ask for the rest at once.
    `last`: no other document may follow. `digits`: so many keys end an entry; 0 if not known."""

    text: str
    decision: Decision | None = None
    more: bool = False
    last: bool = False
    digits: int = 0
    language: str = ""
    hints: str = ""
    timeout_s: int = 5
    number: int = field(default=0, compare=False)
    """How many documents the call has had, with this one."""


class TurnDesk(Protocol):
    """What the webhooks ask of the service."""

    async def document(self, request: GatherRequest) -> Document | None:
        """Answer one request, within ANSWER_WITHIN_S and a little; None if there is no place for the call."""

    def hung_up(self, call_sid: str) -> None:
        """The carrier says that the call is over."""


def read_request(what: What, form: MultiDict[str, str], key: str, step: Step | None = None) -> GatherRequest:
    """A signed form as a request, asked for by the document at `step`. What the recogniser heard is data: without
    control characters, and bounded."""
    keys = _KEYS.sub("", form.get("Digits", ""))[:MAX_KEYS]
    heard = form.get("SpeechResult", "")
    return GatherRequest(
        what,
        form["CallSid"],
        form.get("From", ""),
        form.get("To", ""),
        key,
        text=keys or _plain(heard),
        by_keys=bool(keys),
        confidence=None if keys else _confidence(form.get("Confidence", "")),
        answers=int(step.nonce, 16) if step is not None else None,
    )


def hints_of(phrases: Iterable[str]) -> str:
    """Phrases as the `hints` of a <Gather>: the first of them, as many as are allowed and useful."""
    hints: list[str] = []
    chars = 0
    for phrase in phrases:
        plain = _plain(phrase.replace(",", " ")).replace("$", "")  # a comma parts hints, a $ begins a class token
        chars += len(plain) + 1
        if len(hints) == MAX_HINTS or chars > MAX_HINTS_CHARS:
            break
        if 0 < len(plain) <= MAX_HINT_CHARS:
            hints.append(plain)
    return ",".join(hints)


def document_twiml(origin: Origin, document: Document, *, returns: int = 0) -> str:
    """The TwiML of one document. Its addresses are absolute, and say which document they stand in, and how often the
    call had come back by then."""
    response = VoiceResponse()
    decision = document.decision
    tail = Step(0, returns, f"{document.number:08x}").query + ASK_AGAIN
    if isinstance(decision, HangUp):
        _say(response, document)
        response.hangup()
    elif isinstance(decision, Transfer):
        _say(response, document)
        # Where no document may follow, the carrier must not ask for one when nobody answers. Where one may, it is asked
        # for even if the <Dial> was taken out (a trial account): what stands behind an action is else never reached.
        back = origin.http(AFTER_DIAL_PATH) + tail
        add_dial(response, decision.to, None if document.last else back)
        if document.last:
            response.hangup()
        else:
            response.redirect(back, method="POST")
    elif document.more:
        _say(response, document)
        response.redirect(origin.http(GATHER_MORE_PATH) + tail, method="POST")
    elif isinstance(decision, SendDigits):
        _say(response, document)
        response.play(digits=decision.digits)
        _gather(response, origin.http(GATHER_PATH) + tail, document)
    else:
        _say(_gather(response, origin.http(GATHER_PATH) + tail, document), document)
    return str(response)


def _gather(response: VoiceResponse, action: str, document: Document) -> VoiceResponse:
    # An end of speech by itself ("auto") wants no speechModel; silence is told too: the agent answers it.
    return response.gather(
        input="speech dtmf",
        action=action,
        method="POST",
        timeout=document.timeout_s,
        speech_timeout="auto",
        action_on_empty_result=True,
        language=document.language or None,
        hints=document.hints or None,
        barge_in=True,
        num_digits=document.digits or None,
    )


def _say(where: VoiceResponse, document: Document) -> None:
    text = xml_text(document.text)[:MAX_SAID_CHARS].strip()
    while text:
        cut = len(text) if len(text) <= MAX_SAY_CHARS else text.rfind(" ", 1, MAX_SAY_CHARS)
        cut = cut if cut > 0 else MAX_SAY_CHARS
        where.say(text[:cut], language=document.language or None)
        text = text[cut:].strip()


def _plain(text: str) -> str:
    """Words on one line, bounded; what is neither to be seen nor to be said is dropped."""
    text = text[: 4 * MAX_SPEECH_CHARS]
    shown = "".join(" " if mark.isspace() else mark for mark in text if mark.isspace() or _is_shown(mark))
    return _WHITE.sub(" ", shown).strip()[:MAX_SPEECH_CHARS].strip()


def _is_shown(mark: str) -> bool:
    return unicodedata.category(mark)[0] != "C"


def _confidence(value: str) -> float | None:
    try:
        number = float(value[:20])
    except ValueError:
        return None
    return number if 0.0 <= number <= 1.0 else None
