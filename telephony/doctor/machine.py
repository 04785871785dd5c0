"""This machine's side: the token, folders, disk, descriptors, the timer, the port. Verdicts are pure."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agent.errors import LocalError
from telephony.doctor.finding import Finding, failed, ok, warning
from telephony.settings import MIN_OPERATOR_TOKEN, Settings
from telephony.web.serve import PortTaken, bind

_AUTH_TOKEN = re.compile(r"[0-9a-f]{32}")
_SID = re.compile(r"([A-Z]{2})[0-9a-fA-F]{32}")
_KEY_SECRET = re.compile(r"[0-9A-Za-z]{32}")
#: What begins like this is no token. Names from Twilio's SID prefixes.
_SIDS = {"AC": "the account's SID", "SK": "an API key's SID", "PN": "a number's SID", "CA": "a call's SID"}
_WHERE = "set TWILIO_AUTH_TOKEN to the account's primary auth token (Twilio console, Account info)"

#: A call's media socket, journal, recording and database, a webhook or two, and some to spare.
FILES_PER_CALL = 8
#: Models, libraries, log, listening socket, and passers-by on the public port.
FILES_BESIDE = 128
#: 8000 samples a second, two channels, two bytes.
RECORDING_BYTES_PER_S = 32_000
#: Room for so long a recording of every call at once; below it the disk is worth a look.
RECORDED_S = 600
#: Below it a journal may not find its place.
LEAST_FREE_BYTES = 64 * 2**20
#: Tokens do not depend on the wall clock, but certificates, dates of records and deletion do.
CLOCK_OFF_S = 5.0
#: A frame is 20 ms; we send up to 300 ms ahead, so a loop that wakes this late is still not heard.
TIMER_LATE_MS = 100.0


def judge_token(token: str | None, public_origin: str) -> Finding:
    """Whether this can be Twilio's auth token: 32 hexadecimal digits. Never shows it."""
    if token is None:
        if public_origin:
            return failed("token", "TWILIO_AUTH_TOKEN is not set: webhooks from outside could not be checked", _WHERE)
        return ok("token", "none of Twilio's: the service signs for this machine with one of its own")
    if token != token.strip():
        return failed("token", "TWILIO_AUTH_TOKEN has blanks or a line end around it: no signature will fit", _WHERE)
    if sid := _SID.fullmatch(token):
        what = _SIDS.get(sid[1], "a SID")
        return failed("token", f"TWILIO_AUTH_TOKEN holds {what} ({sid[1]}…), not a token", _WHERE)
    if _AUTH_TOKEN.fullmatch(token):
        return ok("token", "TWILIO_AUTH_TOKEN looks like one (32 hexadecimal digits)")
    if _KEY_SECRET.fullmatch(token):
        return failed(
            "token",
            "TWILIO_AUTH_TOKEN is no hexadecimal number: it looks like an API key's secret, and these never sign",
            _WHERE,
        )
    return warning(
        "token",
        f"TWILIO_AUTH_TOKEN has {len(token)} characters that do not look like an auth token (32 hexadecimal digits)",
        f"unless your carrier is not Twilio, {_WHERE}",
    )


def judge_operator(public_origin: str, *, has_token: bool) -> Finding:
    """Who may see the operator's pages (telephony/web/access.py)."""
    pages = "/metrics and /phone"
    if has_token:
        return ok("operator", f"{pages}: for user operator, with OFFHOOK_OPERATOR_TOKEN as password")
    if not public_origin:
        return ok("operator", f"{pages}: for this machine only")
    more = f"to open them, set OFFHOOK_OPERATOR_TOKEN ({MIN_OPERATOR_TOKEN} characters or more)"
    return ok("operator", f"{pages}: shut (403), also on this machine; {more}")


def judge_files(limit: int, max_calls: int) -> Finding:
    """Whether the process may open as many files and sockets as its calls need."""
    need = FILES_BESIDE + FILES_PER_CALL * max_calls
    said = f"{limit} files and sockets may be open; {max_calls} calls at once need about {need}"
    if limit >= need:
        return ok("descriptors", said)
    mend = f"raise it (ulimit -n {need}; LimitNOFILE={need} in systemd), or lower OFFHOOK_MAX_CALLS"
    return warning("descriptors", said, mend)


def check_files(max_calls: int) -> Finding:
    """As `judge_files`, with this process's own limit."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return ok("descriptors", "this system sets no limit on open files")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge_files(soft if soft != resource.RLIM_INFINITY else 2**31, max_calls)


def judge_space(folder: Path, free_bytes: int, max_calls: int) -> Finding:
    """Whether recordings will find room. Full recording takes 115 MB an hour and call."""
    free = f"{free_bytes / 2**30:.1f} GiB free for {folder}"
    hours = free_bytes / RECORDING_BYTES_PER_S / 3600
    said = f"{free}: {hours:.0f} hours of one call recorded in full"
    mend = "make room, point OFFHOOK_CALLS_DIR to another disk, or let agents keep recordings for fewer days"
    if free_bytes < LEAST_FREE_BYTES:
        return failed("disk", said, mend)
    if free_bytes < max_calls * RECORDED_S * RECORDING_BYTES_PER_S:
        return warning("disk", f"{said}, {hours * 60 / max_calls:.0f} minutes with {max_calls} calls at once", mend)
    return ok("disk", said)


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def check_folder(name: str, variable: str, folder: Path) -> Finding:
    """Whether we can write there. Leaves nothing behind, and makes no folder that is missing."""
    place = _there(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        mend = f"give this user the right to write there, or set {variable} to another folder"
        return failed(name, f"{folder} cannot be written ({place}: {error.strerror})", mend)
    return ok(name, f"{folder} can be written" if place == folder.absolute() else f"{folder} can be made")


def check_space(folder: Path, max_calls: int) -> Finding:
    """As `judge_space`, with the folder's own disk."""
    return judge_space(folder, shutil.disk_usage(_there(folder)).free, max_calls)


def judge_clock(offset_s: float, whose: str) -> Finding:
    """Our wall clock against another's; positive: we are ahead."""
    said = f"{abs(offset_s):.0f} s {'ahead of' if offset_s > 0 else 'behind'} {whose}"
    if abs(offset_s) > CLOCK_OFF_S:
        return warning("clock", f"this machine's clock is {said}", "let it be set by the network (chrony, timesyncd)")
    return ok("clock", f"within {CLOCK_OFF_S:g} s of {whose}")


def judge_timer(late_ms: Sequence[float]) -> Finding:
    """Whether a wait of 20 ms takes 20 ms here."""
    worst = max(late_ms)
    if worst > TIMER_LATE_MS:
        mend = "find what keeps the machine busy, or stops it (a shared host, a laptop that saves power)"
        return warning("timer", f"a wait of 20 ms was up to {worst:.0f} ms late", mend)
    return ok("timer", f"a wait of 20 ms is at most {worst:.1f} ms late")


async def check_timer(waits: int = 10) -> Finding:
    """Takes a fifth of a second."""
    late_ms = []
    for _ in range(waits):
        began = time.monotonic()
        await asyncio.sleep(0.02)
        late_ms.append(max(0.0, (time.monotonic() - began) * 1000 - 20))
    return judge_timer(late_ms)


def check_port(settings: Settings, instance: str | None) -> Finding:
    """Whether our port is ours, or free. `instance`: the Offhook that answers there, None = nobody or not Offhook."""
    where = f"{settings.host} port {settings.port}"
    if instance is not None:
        return ok("port", f"Offhook runs on {where} (instance {instance})")
    try:
        bind(settings.host, settings.port).close()
    except PortTaken:
        mend = "stop it, or set OFFHOOK_PORT to another port"
        return failed("port", f"another program than Offhook listens on {where}, or Offhook hangs there", mend)
    except LocalError as error:
        return failed("port", str(error))
    return warning("port", f"no service runs on {where}; the port is free", "start it: offhook serve")
