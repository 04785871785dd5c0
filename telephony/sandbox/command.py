"""`offhook call`: ring a service with the sandbox's caller, and tell how it was served."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import typer

from agent.errors import LocalError
from telephony.auth import AUTH_TOKEN_FILE, auth_token
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import find_script, load_script
from telephony.settings import Settings


async def ring(settings: Settings, script: str, *, to: str | None, wav: Path | None, as_json: bool) -> int:
    """Make one call to `to`, or to the service of these settings. 0 if the caller was served, else 1.

    Raises LocalError for a script that cannot be read, a WAV that cannot be written, or a missing auth token.
    """
    what = load_script(find_script(script))
    to = to or settings.public_origin or settings.local_url()
    one = SandboxCall(what, to, auth_token=_token(settings, to))
    report = await one.run()
    if wav is not None:
        try:
            one.write_wav(wav)
        except OSError as error:
            raise LocalError(f"{wav} cannot be written: {error.strerror}") from None
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=1))
    else:
        typer.echo("\n".join(_lines(report, wav)))
    return 0 if report.served else 1


def _token(settings: Settings, to: str) -> str:
    """The token that the service at `to` knows. Never makes one: a service that has not started has none."""
    if settings.twilio_auth_token is None:
        file = settings.data_dir / AUTH_TOKEN_FILE
        if urlsplit(to if "//" in to else f"//{to}").hostname not in ("127.0.0.1", "localhost", "::1"):
            raise LocalError(f"{to} is not on this machine: set TWILIO_AUTH_TOKEN to the token its service has")
        if not file.exists():
            raise LocalError(
                f"there is no {file}: start the service first (offhook serve), in this folder, or set "
                "OFFHOOK_DATA_DIR to the one it has"
            )
        settings = settings.model_copy(update={"public_origin": ""})
    return auth_token(settings).get_secret_value()


def _lines(report: CallReport, wav: Path | None) -> list[str]:
    lines = [f"call {report.call_sid} to {report.to}: {report.duration_ms / 1000:.1f} s, {report.ended_by}"]
    for said in report.spoken:
        waited = "no answer" if said.voice_to_voice_ms is None else f"answered after {said.voice_to_voice_ms} ms"
        lines.append(f"  {said.speech_start_ms / 1000:6.1f} s  {said.text}: {waited}")
    lines += [f"  warning: {warning}" for warning in report.warnings]
    lines += [f"  error: {error}" for error in report.errors]
    if wav is not None:
        lines.append(f"wrote {wav}")
    lines.append("the caller was served" if report.served else "the caller was NOT served")
    return lines
