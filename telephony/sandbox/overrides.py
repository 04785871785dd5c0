"""How long a webhook may take and when it is asked again: the connection overrides in its URL's fragment. Pure.

Names, limits and defaults: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides. The fragment is
never sent, and is no part of the string that is signed.

    ct   connect timeout, 100 to 10000 ms (5000)     rc   retries, 0 to 5 (1)
    rt   read timeout, 100 to 15000 ms (15000)       rp   what is retried: 4xx, 5xx, ct, rt, all; with commas (ct)
    tt   total, retries among it, 100 to 15000 ms (15000)
    e, sni   edge and server name indication: known, and without meaning here
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag

from telephony.sandbox.faults import Fault

POLICIES = frozenset(("4xx", "5xx", "ct", "rt", "all"))
LIMITS = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000), "rc": (0, 5)}
WITHOUT_MEANING = frozenset(("e", "sni"))


@dataclass(frozen=True, slots=True)
class Overrides:
    """Times in ms, as Twilio names them; `rp` the kinds of failure that are retried, `rc` times at most."""

    ct: int = 5_000
    rt: int = 15_000
    tt: int = 15_000
    rc: int = 1
    rp: frozenset[str] = frozenset(("ct",))

    def retries(self, kind: str) -> bool:
        """Whether a failure of this kind ("ct", "rt", "4xx", "5xx", or another word) is tried again."""
        return "all" in self.rp or kind in self.rp


def split_overrides(url: str) -> tuple[str, Overrides]:
    """The URL that is requested and signed, and how. Fault for an override that Twilio does not know or allow."""
    bare, fragment = urldefrag(url)
    given: dict[str, int] = {}
    policies: frozenset[str] = Overrides().rp
    for name, value in parse_qsl(fragment, keep_blank_values=True):
        if name == "rp":
            policies = frozenset(value.split(","))
            if not policies <= POLICIES:
                raise Fault(11243, f"{url}: rp={value}: it may hold {', '.join(sorted(POLICIES))}, with commas between")
        elif name in LIMITS:
            low, high = LIMITS[name]
            if not value.isdecimal() or not low <= int(value) <= high:
                raise Fault(None, f"{url}: the connection override {name}={value} must be a number, {low} to {high}")
            given[name] = int(value)
        elif name not in WITHOUT_MEANING:
            raise Fault(None, f"{url}: {name!r} is no connection override: there are ct, rt, tt, rc, rp, e, sni")
    if fragment and not parse_qsl(fragment, keep_blank_values=True):
        raise Fault(None, f"{url}: #{fragment} holds no connection override: write it like #rc=2&rp=all")
    return bare, Overrides(**given, rp=policies)
