"""Warm: a connection that is open when the next turn comes - a small request now and then, while calls are up."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx2

from agent.errors import EngineError
from agent.llm.openai_errors import Peer

log = logging.getLogger(__name__)

#: For so long after the last completion a call is taken to go on: callers think, tools work.
CALL_GOES_ON_S = 120.0
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
        self._used_s = self._exchanged_s = float("-inf")
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
        """A call has come in: its first turn is seconds away."""
        self._used_s = asyncio.get_running_loop().time()
        self._wanted.set()

    def exchanged(self) -> None:
        """A completion has come to its end: a connection is warm."""
        self.wake()
        self._exchanged_s = self._used_s

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
            idle_s = clock() - self._exchanged_s
            if idle_s < self._every_s:
                await asyncio.sleep(self._every_s - idle_s)
            else:
                await self._ping(MAX_LIST_BYTES)

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
        self._exchanged_s = asyncio.get_running_loop().time()
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
