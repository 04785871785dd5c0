"""Sending: one answer on its way, at its pace, with what goes wrong in it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from telephony.sandbox.openai_server.answers import Answer
from telephony.sandbox.openai_server.behaviour import Fault, Pace, Quirks
from telephony.sandbox.openai_server.chunks import DONE, Used, Written, chunk, event, finish_of, role_delta
from telephony.sandbox.openai_server.refusals import refusal
from telephony.sandbox.openai_server.seen import SeenRequest

_GARBAGE = b'data: {"id":"chatcmpl-0","object":{{\n\n'


class Sending:
    """The answer to one request. A client that leaves cancels it, or breaks a write (ConnectionError)."""

    def __init__(self, http: web.Request, seen: SeenRequest, pace: Pace, headers: Mapping[str, str]) -> None:
        self._http = http
        self._seen = seen
        self._pace = pace
        self._headers = dict(headers)
        self._stalled_ms = 0

    async def until(self, ms: float) -> None:
        """Wait until so long after the request; later by what it has stalled."""
        due_s = self._seen.came_s + (ms + self._stalled_ms) / 1000
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    async def stream(
        self,
        answer: Answer,
        pieces: list[dict[str, Any]],
        written: Written,
        used: Used,
        fault: Fault | None,
        quirks: Quirks,
    ) -> web.StreamResponse:
        """Server-sent events: the role, the pieces, why it ends, what it used, [DONE]."""
        response = await self._head("text/event-stream; charset=utf-8")
        after = min(fault.after, len(pieces)) if fault is not None else -1
        first = role_delta(answer)
        for number, delta in enumerate([*pieces, None]):
            if number == after and fault is not None and not await self._goes_on(response, fault):
                return response
            await self.until(self._due_ms(number))
            if number == 0:
                if quirks.empty_choices_first:
                    await response.write(event(chunk(written, None)))
                if "content" not in (delta or first):  # a call alone comes in the chunk that tells the role
                    delta = first | (delta or {})
                else:
                    await response.write(event(chunk(written, first)))
            if delta is not None:
                await response.write(event(chunk(written, delta, number=number)))
                self._sent()
        await response.write(event(chunk(written, {}, finish_of(answer), number=len(pieces))))
        if written.include_usage:
            await response.write(event(chunk(written, None) | {"usage": used.as_dict()}))
        if not quirks.no_done:
            await response.write(DONE)
        return await self._end(response)

    async def whole(self, body: dict[str, Any], pieces: int, fault: Fault | None) -> web.StreamResponse:
        """One JSON object, when the last piece would have come. What goes wrong in a stream cuts it in half here."""
        kind = fault.kind if fault is not None else ""
        if kind == "error":
            await self.until(self._due_ms(0))
            raise refusal("server_error", model=str(body["model"]))
        data = json.dumps(body, ensure_ascii=False).encode()
        half = data[: len(data) // 2]
        cut = kind in ("garbage", "end", "break")
        length = len(half) if cut and kind != "break" else len(data)
        response = await self._head("application/json", length)
        if kind == "stall" and fault is not None:
            await self._stall(fault)
        await self.until(self._due_ms(max(0, pieces - 1)))
        await response.write(half if cut else data)
        if kind == "break":
            return self._broken_off(response)
        self._seen.pieces = 0 if cut else pieces
        return await self._end(response)

    def _due_ms(self, number: int) -> float:
        return max(self._pace.headers_ms, self._pace.first_token_ms) + number * self._pace.token_ms

    async def _head(self, content_type: str, length: int | None = None) -> web.StreamResponse:
        response = web.StreamResponse(headers={**self._headers, "Content-Type": content_type})
        if length is not None:
            response.content_length = length
        await self.until(self._pace.headers_ms)
        await response.prepare(self._http)
        self._seen.status = 200
        self._seen.first_byte_s = time.monotonic()
        return response

    def _sent(self) -> None:
        if self._seen.first_piece_s is None:
            self._seen.first_piece_s = time.monotonic()
        self._seen.pieces += 1

    async def _goes_on(self, response: web.StreamResponse, fault: Fault) -> bool:
        """What goes wrong happens here; whether the stream goes on behind it."""
        if fault.kind == "stall":
            await self._stall(fault)
        elif fault.kind == "garbage":
            await response.write(_GARBAGE)
        elif fault.kind == "error":
            await response.write(event(refusal("server_error", model="").body))
            await self._end(response)
            return False
        elif fault.kind == "end":
            await self._end(response)
            return False
        elif fault.kind == "break":
            self._broken_off(response)
            return False
        return True

    async def _stall(self, fault: Fault) -> None:
        await asyncio.sleep(fault.for_ms / 1000)
        self._stalled_ms += fault.for_ms

    def _broken_off(self, response: web.StreamResponse) -> web.StreamResponse:
        self._seen.ended_s = time.monotonic()
        abort(self._http)
        return response

    async def _end(self, response: web.StreamResponse) -> web.StreamResponse:
        await response.write_eof()
        self._seen.ended_s = time.monotonic()
        return response


def abort(http: web.Request, *, reset: bool = False) -> None:
    """Close the connection now; with `reset`, so that the far side's kernel says "connection reset by peer"."""
    transport = http.transport
    if transport is None:
        return
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
