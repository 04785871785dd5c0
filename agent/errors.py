"""The two kinds of error: ours, and the peer's. Messages say what was wrong, where, and what to do."""

from __future__ import annotations


class OffhookError(Exception):
    """The root. Raise one of the two below."""


class LocalError(OffhookError):
    """Our side is wrong: configuration, an agent's files, a missing extra, a broken call order."""


class RemoteError(OffhookError):
    """The other side is wrong: a carrier, a vendor, a peer. `retryable` says whether trying again may help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class MissingExtra(LocalError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed: pip install 'offhook[{extra}]'")


class AgentError(LocalError):
    """An agent's folder holds a mistake; the message names file, line, and what to write instead."""


class EngineError(RemoteError):
    """An engine failed or missed its deadline."""
