"""Twilio's error codes as a voice agent meets them: what each means, why it comes, what to do about it here.

Meanings are Twilio's own, from its error dictionary (twilio.com/docs/api/errors/<code>); what to do is for Offhook.
Where the dictionary's text was seen in an old copy only, the entry says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DICTIONARY = "https://www.twilio.com/docs/api/errors"
#: Entries whose page was not to be had: their text is from a copy of Twilio's dictionary of November 2022.
OLD_COPY = "meaning from a copy of Twilio's dictionary of November 2022; its page may say more by now"


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `cause` and `mend` are sentences for people; `doubt` says what is not certain, "" = nothing."""

    code: int
    level: Literal["error", "warning"]
    name: str
    cause: str
    mend: str
    doubt: str = ""

    @property
    def page(self) -> str:
        """Twilio's own page about it."""
        return f"{DICTIONARY}/{self.code}"


_UNREACHED = "run `offhook doctor`; look at the tunnel, the firewall (TCP 443 from any address) and the proxy"
_TWIML = (
    "Offhook's own TwiML is in order: something on the way (a proxy's error page, a tunnel's notice) answered instead"
)

_STREAM = (
    Code(
        31901,
        "error",
        "Stream - WebSocket - Connection Timeout",
        "nobody answered when the media socket was opened: wrong address, a firewall, or a tunnel that routes nothing",
        _UNREACHED,
    ),
    Code(
        31902,
        "error",
        "Stream - WebSocket - Connection Refused",
        "the host is there, but nothing listens on that port: the proxy or the service is down, or the port is wrong",
        "start the service or the proxy; check the port in OFFHOOK_PUBLIC_ORIGIN (443 unless it names another)",
    ),
    Code(
        31910,
        "error",
        "Stream - WebSocket - SSL Protocol Error",
        "TLS failed on the media socket: no TLS on that port, or a certificate that is not accepted",
        "`offhook doctor` checks the certificate, its chain and its host; serve the full chain, not the leaf alone",
    ),
    Code(
        31920,
        "error",
        "Stream - WebSocket - Handshake Error",
        "the upgrade to a media socket was answered with something else than 101: the proxy does not pass WebSockets "
        "on (nginx without Upgrade and Connection headers), a middleware changed the scheme (ProxyFix), a challenge or "
        "firewall stood in the way, or our service refused the token (403: spent, or older than 60 s) or had no room "
        "(503)",
        "run `offhook doctor`, and look for 'media socket was refused' in the service's log; if there is no such line, "
        "it was the proxy",
    ),
    Code(
        31921,
        "error",
        "Stream - WebSocket - Close Error",
        "our side closed the media socket with a code that is not a normal end: the service or the proxy fell over",
        "look for 'failed' in the service's log at that time; a proxy closes with its own idle time-out "
        "(docs/proxies.md)",
        OLD_COPY,
    ),
    Code(
        31922,
        "error",
        "Stream - WebSocket - URL Schema Not Supported",
        "the stream's address does not begin with wss",
        "set OFFHOOK_PUBLIC_ORIGIN to an https origin: without one Offhook names ws addresses, for this machine only",
    ),
    Code(
        31923,
        "error",
        "Stream - WebSocket - Malformed URL",
        "the stream's address cannot be read",
        "check OFFHOOK_PUBLIC_ORIGIN: a host, perhaps a port, no path",
    ),
    Code(
        31924,
        "error",
        "Stream - WebSocket - Protocol Error",
        "a WebSocket frame was malformed, such as a control frame in pieces",
        "Offhook's frames are its server library's: look for a proxy or gateway that takes WebSockets apart",
    ),
    Code(
        31930,
        "warning",
        "Stream - Media - Buffer Overflow",
        "Twilio threw the caller's audio away because our side did not take it fast enough: the network towards us is "
        "full",
        "look at the load of machine, network and proxy; Offhook fills such gaps with silence",
        OLD_COPY,
    ),
    Code(
        31931,
        "warning",
        "Stream - Media - Media Discarded",
        "more than ten minutes of audio were sent ahead; told once per stream",
        "Offhook sends at most some 300 ms ahead: this comes from another service behind the same number",
    ),
    Code(
        31940,
        "error",
        "Stream - Invalid connectorName attribute",
        "the TwiML names a connector that is not installed",
        "Offhook's TwiML names none: the number's webhook points to something else",
        OLD_COPY,
    ),
    Code(
        31941,
        "error",
        "Stream - Invalid Track configuration",
        "under <Connect> a stream may carry inbound_track only",
        "Offhook's TwiML names no other: the number's webhook points to something else",
    ),
    Code(
        31950,
        "warning",
        "Stream - Protocol - Malformed Message",
        "Twilio got a message that it cannot decode, such as a binary frame; told once per stream",
        "Offhook sends text frames only: look for a proxy or gateway that rewrites them",
    ),
    Code(
        31951,
        "warning",
        "Stream - Protocol - Invalid Message",
        "Twilio got a message against the protocol: no JSON, an unknown kind, a field too many or too few, another "
        "stream's SID; told once per stream",
        "Offhook's messages are tested against that: report it, with the call's journal",
    ),
)

_FETCH = (
    Code(
        11100,
        "error",
        "Invalid URL format",
        "an address at the number or in the TwiML is no full URL",
        "write https://host/twilio/voice at the number, with nothing before or behind it",
    ),
    Code(
        11200,
        "error",
        "HTTP retrieval failure",
        "the webhook got no usable answer: a status of 4xx or 5xx (403 is our refusal of a wrong signature), no answer "
        "in 15 s, a redirect that leads nowhere, a firewall, or a host with a private address",
        "run `offhook doctor`; after 403 compare the address at the number, letter for letter, with the strings in the "
        "service's log line 'the signature does not fit'",
    ),
    Code(
        11201,
        "error",
        "TCP connection timed out",
        "the webhook's host did not answer when it was rung up",
        _UNREACHED,
        "only its name was seen",
    ),
    Code(
        11202,
        "error",
        "TCP connection refused",
        "nothing listens on the port of the webhook's address",
        "start the service or the proxy; check the port",
        "only its name was seen",
    ),
    Code(
        11203,
        "error",
        "HTTP communication total time out triggered",
        "the webhook's answer took longer than Twilio waits",
        "Offhook answers webhooks in milliseconds: look at the proxy, the tunnel, and the machine's load",
        "only its name was seen",
    ),
    Code(
        11205,
        "error",
        "HTTP connection failure",
        "no connection to the webhook's host within 10 s, or no answer within 15 s in all; a private address or "
        "localhost ends here too. Twilio then tries the number's fallback URL",
        _UNREACHED,
    ),
    Code(
        11206,
        "error",
        "HTTP protocol violation",
        "what answered does not speak proper HTTP: http:// written for a TLS port, or a broken proxy",
        "write https:// in the number's addresses; try the address with a browser",
    ),
    Code(
        11210,
        "error",
        "HTTP bad host name",
        "the name of the webhook's host is not in public DNS",
        "mend the name, or its DNS record; a tunnel's name from yesterday is gone today",
    ),
    Code(
        11215,
        "error",
        "HTTP too many redirects",
        "the webhook's address redirects again and again",
        "give the final https address at the number: a proxy that redirects to https, or adds a slash, spoils POST",
    ),
    Code(
        11216,
        "error",
        "HTTP invalid redirect",
        "the webhook's address redirects to somewhere that cannot be followed",
        "give the final https address at the number; Offhook never redirects",
        "only its name was seen",
    ),
    Code(
        11217,
        "error",
        "HTTP error response code",
        "the webhook was answered with 4xx or 5xx: 403 a wrong signature or a firewall, 404 a wrong path, 429 a rate "
        "limit, 500 our error, 502 to 504 a proxy that does not reach the service",
        "run `offhook doctor`; take rate limits and challenges off the paths /twilio/ and /media/",
    ),
    Code(
        11220,
        "error",
        "SSL/TLS Handshake Error",
        "the connection broke during the TLS handshake: no cipher or version in common. Twilio speaks TLS 1.2",
        "allow TLS 1.2 with current ciphers (docker/nginx.conf does)",
    ),
    Code(
        11235,
        "error",
        "Certificate Invalid - Domain Mismatch",
        "the certificate is for another host",
        "get one whose names include the host of OFFHOOK_PUBLIC_ORIGIN",
    ),
    Code(
        11236,
        "error",
        "Certificate Invalid - Certificate Expired",
        "the certificate's time is over",
        "renew it, and reload the proxy: a renewed file alone changes nothing",
    ),
    Code(
        11237,
        "error",
        "Certificate Invalid - Could not find path to certificate",
        "the certificate does not lead to an authority that Twilio knows: self-signed, or served without its "
        "intermediates",
        "serve the full chain (fullchain.pem of an ACME client), from a public authority",
    ),
    Code(
        11240,
        "error",
        "HTTP connection edge location is invalid",
        "the part behind # in the webhook's address names an edge that does not exist",
        "write the address without #e=…, or with an edge that exists",
    ),
    Code(
        15003,
        "warning",
        "Call Progress: Warning Response to Callback URL",
        "the status callback was answered with 4xx or 5xx",
        "set it to https://host/twilio/status (POST); after 403 run `offhook doctor`",
    ),
    Code(
        57012,
        "error",
        "Signature invalid",
        "a signature did not fit: another address than the one that was signed, values that were trimmed, or a token "
        "that is not the account's primary one",
        "the same three are what Offhook's own 403 means: see the strings in its log line 'the signature does not fit'",
        "Twilio's page speaks of messaging; the rules are the same",
    ),
)

_DOCUMENT = (
    Code(
        11750,
        "error",
        "TwiML response body too large",
        "more than 64 kB came back where TwiML should",
        f"{_TWIML}; Offhook's documents are under 2 kB",
    ),
    Code(
        11751,
        "error",
        "Media Message - Media exceeds messaging provider size limit",
        "an MMS or WhatsApp message was too large",
        "this has nothing to do with calls",
    ),
    Code(11770, "error", "Empty response body", "an answer in chunks held nothing", _TWIML),
    Code(12100, "error", "Document parse failure", "what came back is no XML", _TWIML),
    Code(12101, "error", "Invalid Twilio Markup XML version", "the version attribute of <Response> is wrong", _TWIML),
    Code(12102, "error", "The root element must be Response", "the XML that came back is no TwiML", _TWIML),
    Code(
        12200,
        "warning",
        "Schema validation warning",
        "the TwiML holds a verb or an attribute that Twilio does not know, or one in the wrong place",
        "see which one in Twilio's debugger; Offhook's documents are tested: report it",
    ),
    Code(12300, "error", "Invalid Content-Type", "the answer's Content-Type is not XML", _TWIML),
    Code(
        12400, "error", "Internal Failure", "Twilio failed to work on our answer", "ring again; see status.twilio.com"
    ),
    Code(
        13520,
        "warning",
        "Say: Invalid text",
        "a <Say> was empty, or its text cannot be read",
        "look for an empty phrase in the agent's agent.toml",
    ),
)

_TRANSFER = (
    Code(
        13214,
        "warning",
        "Dial: Invalid callerId value",
        "a transfer would show a number that is neither of the call's two nor one of the account's",
        "usually the caller's own number is not a proper one (withheld, or from a SIP line)",
    ),
    Code(
        13223,
        "warning",
        "Dial: Invalid phone number format",
        "the number of a transfer is not written as +, country code, number",
        "mend the agent's transfer number (agent.toml): +15550100, without spaces",
    ),
    Code(
        13224,
        "error",
        "Dial: Twilio does not support calling this number or the number is invalid",
        "the number of a transfer is not in international form, does not exist, or cannot be reached just now",
        "mend the agent's transfer number (agent.toml), and ring it by hand",
    ),
    Code(
        13225,
        "error",
        "Dial: Call blocked by Twilio",
        "Twilio does not connect to that destination: a high risk of fraud, or a regulation",
        "transfer to another number, or ask Twilio",
    ),
    Code(
        13227,
        "error",
        "Geo Permission configuration is not permitting call",
        "the account may not call that country",
        "allow it in the console: Voice, Settings, Geo permissions",
    ),
    Code(
        13247,
        "error",
        "Dial: Invalid From number (caller ID)",
        "the number that a transfer would show does not exist or may not originate calls",
        "usually the caller's own number is not a proper one",
        OLD_COPY,
    ),
    Code(
        13805,
        "warning",
        "Trial account call duration exceeded 10 minute limit",
        "a trial account's calls end after ten minutes",
        "upgrade the account",
    ),
)

_ACCOUNT = (
    Code(
        10001,
        "error",
        "Account is not active",
        "the account is closed or suspended, or its money is spent",
        "look at the balance in the console",
    ),
    Code(
        10002,
        "error",
        "Trial accounts do not support the feature you tried to use",
        "what was asked for is not part of a trial",
        'upgrade the account, or serve the number with mode = "gather" (docs/trial.md)',
    ),
    Code(
        10003,
        "error",
        "Incoming call rejected due to inactive account",
        "a call came in while the account was not active",
        "look at the balance in the console",
    ),
    Code(
        10004,
        "error",
        "Call concurrency limit exceeded",
        "more calls at once than the account may have",
        "ask Twilio for more; a newly upgraded account has very few until its profile is approved",
    ),
    Code(
        20003,
        "error",
        "Permission Denied",
        "a REST request or the Twilio CLI was not let in: wrong SID or token, test credentials, another region's, an "
        "inactive account, or a space too many",
        "copy them again from the console (Account info); Offhook itself needs no REST key",
    ),
    Code(
        20404,
        "error",
        "Not Found",
        "a REST request named something that does not exist; also told when a call that is to be hung up is over "
        "already",
        "check the SID; for a call that is over it means nothing",
    ),
    Code(
        20429,
        "error",
        "Too Many Requests",
        "too many REST requests at once",
        "wait, and try again: a request so refused was not carried out",
    ),
    Code(
        21215,
        "error",
        "Geo Permission configuration is not permitting call",
        "the account may not call that country",
        "allow it in the console: Voice, Settings, Geo permissions",
    ),
    Code(
        21219,
        "error",
        "'To' phone number not verified",
        "a trial account calls verified numbers only",
        "verify the number in the console, or upgrade",
    ),
    Code(
        21220,
        "error",
        "Invalid call state",
        "a call was to be changed that is not in progress",
        "it was over already: it means nothing",
    ),
    Code(
        64102,
        "error",
        "ConversationRelay: Unable to Connect to Websocket URL",
        "a <ConversationRelay> did not reach its socket",
        "Offhook uses <Stream>: the number's webhook points to something else",
    ),
)

ENTRIES = (*_STREAM, *_FETCH, *_DOCUMENT, *_TRANSFER, *_ACCOUNT)
CODES: dict[int, Code] = {entry.code: entry for entry in ENTRIES}


def explain(code: int) -> Code | None:
    """What is known of this code; None for one that is not in the table."""
    return CODES.get(code)
