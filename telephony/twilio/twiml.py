"""TwiML: what we tell the carrier to do with a call. Built with twilio's own helper; its addresses are absolute."""

from __future__ import annotations

import re

from twilio.twiml.voice_response import Connect, VoiceResponse

from telephony.twilio.progress import Step
from telephony.twilio.signatures import Origin

VOICE_PATH = "/twilio/voice"
AFTER_PATH = "/twilio/after"
AFTER_DIAL_PATH = "/twilio/after-dial"
GATHER_PATH = "/twilio/gather"
GATHER_MORE_PATH = "/twilio/gather-more"
FALLBACK_PATH = "/twilio/fallback"
STATUS_PATH = "/twilio/status"
STREAM_STATUS_PATH = "/twilio/stream-status"
MEDIA_PATH = "/media/"

#: Somebody asked for by a caller should answer within five rings; then the agent takes the call back.
DIAL_TIMEOUT_S = 25

#: What XML 1.0 cannot hold in any spelling. A SIP caller chooses his own name: it must not spoil the document.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

BUSY = "I'm sorry, all our lines are busy. Please call again in a few minutes. Goodbye."
TROUBLE = "I'm sorry, we are having trouble. Please call again in a few minutes. Goodbye."


#: Added to the address of a document on which a running call hangs: where it cannot be had, the carrier is to ask again
#: (at most five times and 15 s in all), not to end the call. A worker that died is back within that time. The fragment
#: is not requested, and not signed (twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
ASK_AGAIN = "#rc=5&rp=ct,rt,5xx"


def connect(origin: Origin, token: str, step: Step, *, caller: str, called: str, first_digits: str = "") -> str:
    """Join the call to the agent, perhaps after sending keys. Afterwards the carrier asks AFTER_PATH."""
    response = VoiceResponse()
    if first_digits:
        response.play(digits=first_digits)
    joined = Connect(action=origin.http(AFTER_PATH) + step.query + ASK_AGAIN)
    stream = joined.stream(url=origin.socket(MEDIA_PATH + token), status_callback=origin.http(STREAM_STATUS_PATH))
    stream.parameter(name="caller", value=xml_text(caller))
    stream.parameter(name="called", value=xml_text(called))
    response.append(joined)
    return str(response)


def hang_up(first_say: str = "") -> str:
    """End the call, perhaps after a last sentence."""
    response = VoiceResponse()
    if first_say:
        response.say(first_say)
    response.hangup()
    return str(response)


def nothing() -> str:
    """For a call that is over already."""
    return str(VoiceResponse())


def dial(origin: Origin, to: str, step: Step) -> str:
    """Hand the call to a phone number or SIP URI; the carrier asks AFTER_DIAL_PATH how to go on."""
    response = VoiceResponse()
    add_dial(response, to, origin.http(AFTER_DIAL_PATH) + step.query + ASK_AGAIN)
    return str(response)


def add_dial(response: VoiceResponse, to: str, action: str | None) -> None:
    """Call a phone number or SIP URI; then the carrier asks `action`, or goes on here where there is none."""
    leg = response.dial(answer_on_bridge=True, timeout=DIAL_TIMEOUT_S, action=action)
    if to.lower().startswith(("sip:", "sips:")):
        leg.sip(to)
    else:
        leg.number(to)


def xml_text(text: str) -> str:
    """Without what no XML document can hold."""
    return _NOT_XML.sub("", text)
