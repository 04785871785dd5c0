"""The service's secrets: Twilio's auth token or one of our own, and the key of the media socket's tokens.

What the service makes itself lies in data_dir, in files that only their owner may read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from pydantic import SecretStr

from agent.errors import LocalError
from telephony.logs.mask import hide
from telephony.settings import Settings

AUTH_TOKEN_FILE = "auth-token"
WORKER_SECRET_FILE = "worker-secret"
#: 256 bits, in hexadecimal.
_SECRET_BYTES = 32


def auth_token(settings: Settings) -> SecretStr:
    """The token with which webhooks are signed: Twilio's from the environment, else this machine's own.

    Its own is made at first use, in data_dir/auth-token (mode 0600), and signs only what the sandbox sends.
    Raises LocalError with a public origin and no real token: the carrier could not be told from anybody else.
    """
    if settings.twilio_auth_token is not None:
        return settings.twilio_auth_token
    if settings.public_origin:
        raise LocalError(
            f"public_origin is {settings.public_origin}, but TWILIO_AUTH_TOKEN is not set: set it to your account's "
            "primary auth token (Twilio console, Account info), or leave OFFHOOK_PUBLIC_ORIGIN empty to serve this "
            "machine only"
        )
    return SecretStr(kept_secret(settings.data_dir / AUTH_TOKEN_FILE))


def worker_secret(settings: Settings) -> bytes:
    """The key of the media socket's one-call tokens, from data_dir/worker-secret."""
    return bytes.fromhex(kept_secret(settings.data_dir / WORKER_SECRET_FILE))


def kept_secret(path: Path) -> str:
    """The secret in `path` (hexadecimal, 256 bits), made if missing; it stands in no log from then on.

    LocalError if others could read or set it.
    """
    secret = _make_or_read(path)
    hide(secret)
    return secret


def _make_or_read(path: Path) -> str:
    if not os.path.lexists(path):
        _make(path)
    return _read_secret(path)


def _make(path: Path) -> None:
    """Write a secret beside `path`, and give it that name when it is whole; never over another one."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(handle)
            # Of two processes that start together, one gives its secret the name, and the other reads that one.
            with contextlib.suppress(FileExistsError):
                os.link(unfinished, path)
        finally:
            os.unlink(unfinished)
    except OSError as error:
        raise LocalError(
            f"{path} cannot be written: {error.strerror}; make room, or set OFFHOOK_DATA_DIR to a folder of yours"
        ) from None


def _read_secret(path: Path) -> str:
    try:
        # O_NOFOLLOW: a link put here by somebody else must not choose our secret.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}; delete it, and it is made anew") from None
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        status = os.fstat(file.fileno())
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(status.st_mode)
            raise LocalError(
                f"{path} is open to others (mode {mode:04o}): delete it, and it is made anew with mode 0600"
            )
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            raise LocalError(f"{path} belongs to another user: delete it, or set OFFHOOK_DATA_DIR to a folder of yours")
        secret = file.read().strip()
    if len(secret) != 2 * _SECRET_BYTES or not all(char in "0123456789abcdef" for char in secret):
        raise LocalError(f"{path} does not hold a secret of this service: delete it, and it is made anew")
    return secret
