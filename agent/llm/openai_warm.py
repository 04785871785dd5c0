"""Warm: connections that are open when the next turn comes - small requests now and then, while calls are up.

Over HTTP/1.1 a request that is cancelled costs its connection: a reply thought ahead in vain takes the warm one with
it, and the reply that is wanted would wait for a new one (TCP and TLS: two or three round trips). So there is a second,
and what was lost is replaced.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress

import httpx2

from agent.errors import EngineError
from agent.llm.openai_errors import Peer

log = logging.getLogger(__name__)

#: For so long after the last completion a call is taken to go on: callers think, tools work.
CALL_GOES_ON_S = 120.0
#: Open at least, while calls are up: one to lose.
CONNECTIONS = 2
#: What was lost is replaced a moment later: the next request mostly comes at once, and takes what is open.
REPLACED_AFTER_S = 0.05
#: No ping is worth a longer wait.
PING_S = 5.0
#: A longer list of models is not asked for again; the next pings ask for its head alone.
MAX_LIST_BYTES = 64 * 1024
#: Read at the start: the longest lists (of servers that stand before many others) have half a megabyte.
MAX_FIRST_BYTES = 1024 * 1024
#: Of a list of models so much is told.
MODELS_TOLD = 8
MODEL_CHARS = 120


class Warm:
    """Pings one server through the client's own connections. `every_s` 0: only at the start."""

    def __init__(self, http: httpx2.AsyncClient, peer: Peer, every_s: float) -> None:
        self._http = http
        self._peer = peer
        self._every_s = every_s
        self._method = "GET"
        self._wanted = asyncio.Event()
        self._sooner = asyncio.Event()
        self._used_s = self._due_s = float("-inf")
        self._in_reach = True
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """The first ping, which also tells whether key and model are known. Raises EngineError for a refused key."""
        status, body = await self._ping(MAX_FIRST_BYTES)
        if status == 401:
            raise EngineError(
                f'engine "openai": {self._peer.where} does not accept the key (401); '
                f"put a valid key of this server into {self._peer.key_env}"
            )
        known = _models(body) if status == 200 else ()
        if known and self._peer.model not in known:
            log.warning(
                'engine "openai": %s does not list the model "%s"; it lists %s',
                self._peer.where,
                self._peer.model,
                ", ".join(known[:MODELS_TOLD]) + (" …" if len(known) > MODELS_TOLD else ""),
            )
        if self._every_s:
            self._task = asyncio.create_task(self._keep(), name="openai-keep-alive")

    def wake(self) -> None:
        """A call has come in, or goes on."""
        self._used_s = asyncio.get_running_loop().time()
        self._wanted.set()

    def lost(self) -> None:
        """A request was cancelled, and its connection closed."""
        self.wake()
        self._due_s = min(self._due_s, self._used_s + REPLACED_AFTER_S)
        self._sooner.set()

    async def close(self) -> None:
        """No more pings."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            if clock() - self._used_s > CALL_GOES_ON_S:
                self._wanted.clear()
            await self._wanted.wait()
            if self._due_s > clock():
                self._sooner.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due_s):
                        await self._sooner.wait()
                continue
            self._due_s = clock() + self._every_s
            # At the same time, so that each takes a connection of its own.
            await asyncio.gather(*(self._ping(MAX_LIST_BYTES) for _ in range(CONNECTIONS)))

    async def _ping(self, most_bytes: int) -> tuple[int, bytes]:
        """Status and body of the list of models; 0 where the server is out of reach. Any answer keeps a connection."""
        headers = {"Authorization": f"Bearer {self._peer.key}", "Accept-Encoding": "identity"}
        url, body = f"{self._peer.where}/models", bytearray()
        status, failure = 0, ""
        try:
            async with asyncio.timeout(PING_S), self._http.stream(self._method, url, headers=headers) as response:
                status = response.status_code
                async for part in response.aiter_raw():
                    body += part
                    if len(body) > most_bytes:
                        self._method = "HEAD"
                        break
        except (httpx2.HTTPError, TimeoutError) as error:
            failure = type(error).__name__
        if failure and self._in_reach:
            log.warning(
                'engine "openai": %s cannot be reached just now (%s); check base_url, and that the server runs',
                self._peer.where,
                failure,
            )
        elif not failure and not self._in_reach:
            log.info('engine "openai": %s can be reached again', self._peer.where)
        self._in_reach = not failure
        return status, bytes(body)


def _models(body: bytes) -> tuple[str, ...]:
    """The ids in a list of models, () where it is none."""
    try:
        listed = json.loads(body)["data"]
        return tuple(model["id"][:MODEL_CHARS] for model in listed if isinstance(model["id"], str))
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
