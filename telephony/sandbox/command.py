"""`offhook call`: ring a service with the sandbox's caller, and tell how it was served."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from agent.errors import LocalError
from telephony.auth import AUTH_TOKEN_FILE, auth_token
from telephony.faults.plan import load_faults
from telephony.sandbox.caller import CALLED, CALLER, SandboxCall
from telephony.sandbox.script import find_script, load_script
from telephony.sandbox.show import print_report
from telephony.sandbox.understood import NOT_SERVED, RECORD_WAIT_S, find_records, judge
from telephony.settings import Settings, called_number


async def ring(
    settings: Settings,
    script: str,
    *,
    to: str | None,
    wav: Path | None,
    as_json: bool,
    trial: bool = False,
    fallback: str | None = None,
    number: str | None = None,
    caller: str | None = None,
    verbose: bool = False,
    fault: str | None = None,
) -> int:
    """Make one call to `to`, or to the service of these settings. 0 if the caller was served, or answered where nobody
    can tell here what was understood; else 1.

    `trial`: as a trial account's number would. `fallback`: the number's fallback URL. `number`, `caller`: the called
    and the calling number, else CALLED and CALLER. `verbose`: tell the sandbox's own doings too. `fault`: a named
    pattern, or a file, of what goes wrong on the line (docs/faults.md).
    Raises LocalError for a script or faults that cannot be read, a WAV that cannot be written, a number that is none,
    or a missing auth token.
    """
    what = load_script(find_script(script))
    faults = load_faults(fault) if fault is not None else None
    to = to or settings.public_origin or settings.local_url()
    one = SandboxCall(
        what,
        to,
        auth_token=_token(settings, to),
        called=_number("--number", number or CALLED),
        caller=_number("--from", caller or CALLER),
        trial=trial,
        fallback_url=fallback,
        faults=faults,
    )
    if faults is not None and faults.of_engines:
        where = one.report.to
        one.report.warnings.append(
            f"faults {faults.name}: the service at {where} is not ours to break; only its line is"
        )
    report = await one.run()
    if wav is not None:
        try:
            one.write_wav(wav)
        except OSError as error:
            raise LocalError(f"{wav} cannot be written: {error.strerror}") from None
    began = report.streams or report.gathers
    ours = _is_here(to) or (settings.public_origin and _origin(to) == _origin(settings.public_origin))
    records = await find_records(settings.calls_dir, report, RECORD_WAIT_S if began and ours else 0.0)
    outcome = judge(report, records)
    if as_json:
        sys.stdout.write(json.dumps(outcome.as_dict(report), indent=1) + "\n")
    else:
        print_report(report, outcome, Console(), wav, verbose=verbose)
    return 1 if outcome.verdict == NOT_SERVED else 0


def _number(option: str, written: str) -> str:
    try:
        return called_number(written)
    except ValueError as error:
        raise LocalError(f"{option}: {error}") from None


def _is_here(to: str) -> bool:
    return urlsplit(to if "//" in to else f"//{to}").hostname in ("127.0.0.1", "localhost", "::1")


def _origin(url: str) -> tuple[str | None, int | None]:
    """The host and port of an address. Raises ValueError for a port that is none (SandboxCall has refused it)."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _token(settings: Settings, to: str) -> str:
    """The token that the service at `to` knows. Never makes one: a service that has not started has none."""
    if settings.twilio_auth_token is None:
        file = settings.data_dir / AUTH_TOKEN_FILE
        if not _is_here(to):
            raise LocalError(f"{to} is not on this machine: set TWILIO_AUTH_TOKEN to the token its service has")
        if not file.exists():
            raise LocalError(
                f"there is no {file}: start the service first (offhook serve), in this folder, or set "
                "OFFHOOK_DATA_DIR to the one it has"
            )
        settings = settings.model_copy(update={"public_origin": ""})
    return auth_token(settings).get_secret_value()
