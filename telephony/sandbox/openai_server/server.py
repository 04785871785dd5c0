"""open_stand_in: the stand-in on a port of this machine, for as long as a block runs."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, cast
from weakref import WeakKeyDictionary

from aiohttp import web

from agent.errors import LocalError
from telephony.sandbox.openai_server.answers import Answer, Answering, answer_of
from telephony.sandbox.openai_server.behaviour import Fault, Pace, Quirks, fault_of
from telephony.sandbox.openai_server.checking import ChatRequest, read_request
from telephony.sandbox.openai_server.chunks import Used, Written, completion, pieces_of, shortened
from telephony.sandbox.openai_server.refusals import ApiError, bad_key, no_key, no_model, rate_headers, refusal
from telephony.sandbox.openai_server.seen import PromptMemory, SeenRequest
from telephony.sandbox.openai_server.sending import Sending, abort

#: A long conversation with its tools is a tenth of this.
MAX_BODY_BYTES = 16 * 1024 * 1024
#: What runs at the end is cut off: a stalled answer would hold it for minutes.
SHUTDOWN_S = 0.05
#: Requests seen longest ago are forgotten beyond so many: a service may run for days.
KEPT_REQUESTS = 1000


class StandIn:
    """A server that answers like a model's. Made by `open_stand_in`.

    `faults`, `pace` and `quirks` may be set anew at any time; they count for requests that come then.
    """

    def __init__(
        self,
        answering: Answering,
        *,
        model: str,
        api_key: str,
        unsupported: Iterable[str],
    ) -> None:
        self.model = model
        self.faults: tuple[Fault, ...] = ()
        self.pace = Pace()
        self.quirks = Quirks()
        self.requests: list[SeenRequest] = []
        """The last KEPT_REQUESTS that came."""
        self.pings = 0
        """How often the list of models was asked for."""
        self.failures: list[Exception] = []
        """What the answering function raised; such a request has a server error."""
        self.port = 0
        self._answering = answering
        self._api_key = api_key
        self._unsupported = tuple(unsupported)
        self._connections: WeakKeyDictionary[asyncio.BaseTransport, int] = WeakKeyDictionary()
        self._met = 0
        self._asked = 0
        self._prompts = PromptMemory()
        self._began = int(time.time())
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None

    @property
    def base_url(self) -> str:
        """What a client is given as `base_url`: "http://127.0.0.1:40123/v1"."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def connections(self) -> int:
        """How many connections requests have come on."""
        return self._met

    def behave(self, *, faults: Iterable[Fault] = (), pace: Pace = Pace(), quirks: Quirks = Quirks()) -> None:  # noqa: B008
        """Behave so from now on; requests are counted from 1 again, and those seen are forgotten."""
        self.faults, self.pace, self.quirks = tuple(faults), pace, quirks
        self.requests = []
        self._asked = 0

    @contextlib.asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """While the block runs, connections are refused, as where no server is; those that stand are closed."""
        runner, site = self._runner, self._site
        assert runner is not None
        assert site is not None
        await site.stop()
        for transport in list(self._connections):
            cast(asyncio.Transport, transport).abort()
        # Bound, but not listening: the port stays ours, and the kernel refuses whoever comes.
        held = bound(self.port)
        try:
            yield
        finally:
            self._site = web.SockSite(runner, held)
            await self._site.start()

    async def open(self, port: int) -> None:
        """Listen on this port; 0 asks the kernel for a free one. Raises LocalError where it is taken."""
        app = web.Application(middlewares=[self._outermost], client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{model:.+}", self._one_model)
        # A client that leaves cancels its handler: that is how it is seen at once.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=3600
        )
        listening = bound(port)
        self.port = int(listening.getsockname()[1])
        await self._runner.setup()
        self._site = web.SockSite(self._runner, listening)
        await self._site.start()

    async def close(self) -> None:
        """Cut off what runs, and let go of the port."""
        for seen in self.requests:
            if seen.running:
                seen.ended_s = time.monotonic()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- requests -----------------------------------------------------------------------------------------------------

    @web.middleware
    async def _outermost(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """What holds for every address: the key, and errors in the vendor's words."""
        began_s = time.monotonic()
        try:
            self._check_key(request)
            response = await handler(request)
        except ApiError as error:
            response = _refused(error)
        except web.HTTPNotFound:
            response = _refused(ApiError(f"Invalid URL ({request.method} {request.path})", status=404))
        except web.HTTPMethodNotAllowed:
            said = f"Not allowed to {request.method} on {request.path}."
            response = _refused(ApiError(said, code="method_not_supported", status=405))
        except web.HTTPRequestEntityTooLarge:
            response = _refused(ApiError("Request body is too large.", status=413))
        if not response.prepared:
            response.headers.update(vendor_headers(began_s))
        return response

    def _check_key(self, http: web.Request) -> None:
        scheme, _, key = http.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise no_key()
        if self._api_key and not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise bad_key(key)

    async def _list_models(self, http: web.Request) -> web.Response:
        self.pings += 1
        self._connection(http)
        return web.json_response({"object": "list", "data": [self._model()]})

    async def _one_model(self, http: web.Request) -> web.Response:
        model = http.match_info["model"]
        if model != self.model:
            raise ApiError(
                f"The model '{model[:80]}' does not exist", param="model", code="model_not_found", status=404
            )
        return web.json_response(self._model())

    def _model(self) -> dict[str, Any]:
        return {"id": self.model, "object": "model", "created": self._began, "owned_by": "offhook"}

    def _connection(self, http: web.Request) -> int:
        transport = http.transport
        if transport is None:
            return 0
        if transport not in self._connections:
            self._met += 1
            self._connections[transport] = self._met
        return self._connections[transport]

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        body = await http.read()
        self._asked += 1
        seen = SeenRequest(self._asked, self._connection(http), time.monotonic())
        with contextlib.suppress(ValueError, RecursionError):  # what is no JSON is refused below
            decoded = json.loads(body)
            seen.body = decoded if isinstance(decoded, dict) else {}
        self.requests.append(seen)
        del self.requests[:-KEPT_REQUESTS]
        fault = fault_of(self.faults, seen.number)
        seen.fault = fault.kind if fault is not None else ""
        try:
            return await self._answered(http, body, seen, fault)
        except ApiError as error:
            seen.status = error.status
            seen.first_byte_s = seen.ended_s = time.monotonic()
            raise
        except (asyncio.CancelledError, ConnectionError):
            if seen.running:  # else it was us who closed it
                seen.cancelled_s = time.monotonic()
            raise

    async def _answered(
        self, http: web.Request, body: bytes, seen: SeenRequest, fault: Fault | None
    ) -> web.StreamResponse:
        if fault is not None and fault.kind == "hang_up":
            seen.ended_s = time.monotonic()
            abort(http, reset=True)
            return web.Response()
        chat = read_request(body, self._unsupported)
        if chat.model != self.model:
            raise no_model(chat.model)
        seen.prompt_tokens, seen.cached_tokens = self._prompts.look(seen.body)
        pace = fault.pace if fault is not None and fault.kind == "slow" else self.pace
        sending = Sending(http, seen, pace, vendor_headers(seen.came_s) | rate_headers(seen.prompt_tokens))
        if fault is not None and fault.kind == "refuse":
            await sending.until(pace.headers_ms)
            key = http.headers.get("Authorization", "").partition(" ")[2]
            raise refusal(fault.refusal, model=self.model, key=key, retry_after_s=fault.retry_after_s)
        answer = shortened(await self._answer(chat), chat.max_tokens)
        written = self._written(chat, answer)
        pieces = pieces_of(answer, written, self.quirks)
        used = Used(seen.prompt_tokens, seen.cached_tokens, len(pieces))
        if chat.stream:
            return await sending.stream(answer, pieces, written, used, fault, self.quirks)
        return await sending.whole(completion(written, answer, used), len(pieces), fault)

    async def _answer(self, chat: ChatRequest) -> Answer:
        try:
            return await answer_of(self._answering, chat.messages, chat.tools)
        except Exception as error:
            self.failures.append(error)
            raise refusal("server_error", model=self.model) from error

    def _written(self, chat: ChatRequest, answer: Answer) -> Written:
        return Written(
            f"chatcmpl-{secrets.token_hex(15)}",
            int(time.time()),
            self.model,
            tuple(call.id or f"call_{secrets.token_hex(12)}" for call in answer.calls),
            chat.include_usage,
            chat.obfuscated,
        )


@contextlib.asynccontextmanager
async def open_stand_in(
    answering: Answering,
    *,
    faults: Iterable[Fault] = (),
    pace: Pace = Pace(),  # noqa: B008
    quirks: Quirks = Quirks(),  # noqa: B008
    model: str = "stand-in",
    api_key: str = "",
    unsupported: Iterable[str] = (),
    port: int = 0,
) -> AsyncIterator[StandIn]:
    """A stand-in on 127.0.0.1 while the block runs.

    `model`: the one it serves. `api_key`: the key it wants; "": any, but one there must be. `unsupported`: parameters
    that it refuses. `port` 0: a free one. Raises LocalError where the port is taken.
    """
    server = StandIn(answering, model=model, api_key=api_key, unsupported=unsupported)
    server.behave(faults=faults, pace=pace, quirks=quirks)
    await server.open(port)
    try:
        yield server
    finally:
        await server.close()


def bound(port: int) -> socket.socket:
    """A socket on this port of 127.0.0.1, which does not listen. Raises LocalError where it is taken."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
    except OSError as error:
        made.close()
        raise LocalError(f"the stand-in cannot listen on port {port}: {error.strerror}; name another one") from None
    return made


def vendor_headers(began_s: float) -> dict[str, str]:
    """What OpenAI's server says in every answer."""
    return {
        "x-request-id": f"req_{secrets.token_hex(16)}",
        "openai-version": "2020-10-01",
        "openai-organization": "org-standin",
        "openai-processing-ms": str(round((time.monotonic() - began_s) * 1000)),
    }


def _refused(error: ApiError) -> web.Response:
    if error.html:
        return web.Response(text=error.message, content_type="text/html", status=error.status, headers=error.headers)
    return web.json_response(error.body, status=error.status, headers=error.headers)
