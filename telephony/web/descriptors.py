"""File descriptors: as many as the system lets us have, and how many of them strangers may hold."""

from __future__ import annotations

import logging

from telephony.web.connections import MAX_STRANGERS

log = logging.getLogger("offhook.server")

#: More helps nobody, and tables grow with it.
ENOUGH = 65_536
#: A call's socket, journal, recording, a database, its webhooks, and what engines open.
PER_CALL = 10
#: Standard streams, the loop's own, models, secrets.
OWN = 64
MIN_STRANGERS = 64


def raise_limit() -> int:
    """Let this process open as many files as it may ask for; how many that is. Many systems begin with 1024."""
    try:
        import resource
    except ImportError:  # not on this system
        return ENOUGH
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return min(soft, ENOUGH) if soft != resource.RLIM_INFINITY else ENOUGH
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return int(soft)
    return int(most)


def strangers(limit: int, max_calls: int) -> int:
    """Of `limit` descriptors, how many connections may be open that are no calls: half of what calls leave over, so
    that a burst finds descriptors to be accepted, before the oldest strangers have been closed for it."""
    left = (limit - OWN - PER_CALL * max_calls) // 2
    if left < MIN_STRANGERS:
        log.warning(
            "%d open files are few for %d calls at once: raise the limit (ulimit -n, LimitNOFILE=), or lower "
            "OFFHOOK_MAX_CALLS",
            limit,
            max_calls,
        )
    return max(MIN_STRANGERS, min(left, MAX_STRANGERS))
