"""How OpenAI's server says no: for each reason its status, its words, its headers. Pure.

The words are those that people quote from api.openai.com (issue trackers, the vendor's community pages).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telephony.sandbox.openai_server.behaviour import RefusalKind

INVALID = "invalid_request_error"
_REQUESTS_A_MINUTE = 10_000
_TOKENS_A_MINUTE = 2_000_000


@dataclass(eq=False)
class ApiError(Exception):
    """A refusal, as it goes over the wire: {"error": {"message", "type", "param", "code"}} with `status`."""

    message: str
    kind: str = INVALID
    param: str | None = None
    code: str | None = None
    status: int = 400
    headers: Mapping[str, str] = field(default_factory=dict)
    html: bool = False
    """It is not the model's server that speaks, but a proxy before it: a page, no JSON."""

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of it."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def no_key() -> ApiError:
    """No key came with the request."""
    return ApiError(
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the "
        "API from your browser and are prompted for a username and password. You can obtain an API key from "
        "https://platform.openai.com/account/api-keys.",
        status=401,
    )


def bad_key(key: str) -> ApiError:
    """A key that is not known; the message shows its ends, as OpenAI's does."""
    shown = f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)
    return ApiError(
        f"Incorrect API key provided: {shown}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
        status=401,
    )


def no_model(model: str) -> ApiError:
    """A model that is not served."""
    return ApiError(
        f"The model `{model[:80]}` does not exist or you do not have access to it.", code="model_not_found", status=404
    )


def refusal(kind: RefusalKind, *, model: str, key: str = "", retry_after_s: float | None = None) -> ApiError:
    """The refusal of this kind. `retry_after_s`: when to come again, in its headers; None: only a rate limit says it,
    and says a second."""
    if kind == "rate_limit":
        return _limit("requests per min (RPM)", "requests", _REQUESTS_A_MINUTE, model, retry_after_s)
    if kind == "token_limit":
        return _limit("tokens per min (TPM)", "tokens", _TOKENS_A_MINUTE, model, retry_after_s)
    if kind == "bad_key":
        return bad_key(key)
    if kind == "no_model":
        return no_model(model)
    message, error_type, param, code, status = _SAID[kind]
    headers = _retry(retry_after_s) if retry_after_s is not None else {}
    return ApiError(message, error_type, param, code, status, headers, html=kind == "bad_gateway")


_SAID: dict[str, tuple[str, str, str | None, str | None, int]] = {
    "quota": (
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        None,
        "insufficient_quota",
        429,
    ),
    "server_error": (
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
        None,
        500,
    ),
    "overloaded": (
        "The engine is currently overloaded, please try again later",
        "server_error",
        None,
        "service_unavailable",
        503,
    ),
    "context_length": (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 128412 tokens. "
        "Please reduce the length of the messages.",
        INVALID,
        "messages",
        "context_length_exceeded",
        400,
    ),
    "bad_gateway": (
        "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>"
        "\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n",
        "",
        None,
        None,
        502,
    ),
}


def _limit(what: str, kind: str, limit: int, model: str, retry_after_s: float | None) -> ApiError:
    after_s = 1.0 if retry_after_s is None else retry_after_s
    message = (
        f"Rate limit reached for {model} in organization org-standin on {what}: Limit {limit}, Used {limit}, Requested "
        f"1. Please try again in {reset(after_s)}. Visit https://platform.openai.com/account/rate-limits to learn more."
    )
    headers = rate_headers(0) | _retry(after_s)
    headers |= {f"x-ratelimit-remaining-{kind}": "0", f"x-ratelimit-reset-{kind}": reset(after_s)}
    return ApiError(message, kind, None, "rate_limit_exceeded", 429, headers)


def _retry(after_s: float) -> dict[str, str]:
    return {"retry-after-ms": str(round(after_s * 1000)), "retry-after": str(math.ceil(after_s))}


def reset(after_s: float) -> str:
    """A time as the rate limit headers write it: "6ms", "1.5s", "6m0s"."""
    if after_s < 1:
        return f"{round(after_s * 1000)}ms"
    minutes, seconds = divmod(after_s, 60)
    return f"{int(minutes)}m{seconds:g}s" if minutes else f"{seconds:g}s"


def rate_headers(used_tokens: int) -> dict[str, str]:
    """What every answer says of the account's limits, of which this request used a little."""
    return {
        "x-ratelimit-limit-requests": str(_REQUESTS_A_MINUTE),
        "x-ratelimit-limit-tokens": str(_TOKENS_A_MINUTE),
        "x-ratelimit-remaining-requests": str(_REQUESTS_A_MINUTE - 1),
        "x-ratelimit-remaining-tokens": str(max(0, _TOKENS_A_MINUTE - used_tokens)),
        "x-ratelimit-reset-requests": reset(60 / _REQUESTS_A_MINUTE),
        "x-ratelimit-reset-tokens": reset(60 * used_tokens / _TOKENS_A_MINUTE),
    }
