"""A tiny service for testing the sandbox's caller: it beeps. On purpose none of Offhook's own code."""

import asyncio
import audioop
import base64
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web
from twilio.request_validator import RequestValidator

TOKEN = "0123456789abcdef0123456789abcdef"
LOUD = 1000


def beep(duration_ms: int) -> bytes:
    """A 440 Hz tone as mu-law; its first sample is already audible."""
    samples = (round(8000 * math.cos(2 * math.pi * 440 * n / 8000)) for n in range(duration_ms * 8))
    return audioop.lin2ulaw(b"".join(s.to_bytes(2, "little", signed=True) for s in samples), 2)


@dataclass
class Heard:
    """What the service has seen, for the tests to look at."""

    posts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)
    arrivals_s: list[float] = field(default_factory=list)
    marks: list[tuple[str, float]] = field(default_factory=list)
    close_codes: list[int | None] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)


class BeepAgent:
    """Greets with a beep; beeps `delay_ms` after the caller's last loud sample; stops when spoken over.

    `after` gives the TwiML for each return to the action webhook. `turns`: closes after so many answers.
    """

    def __init__(self, *, delay_ms: int = 300, answer_ms: int = 600, greeting_ms: int = 400, turns: int = 99) -> None:
        self.delay_ms, self.answer_ms, self.greeting_ms, self.turns = delay_ms, answer_ms, greeting_ms, turns
        self.seen = Heard()
        self.after: list[str] = ["<Hangup/>"]
        self.voice = (
            '<Connect action="/twilio/after"><Stream url="/media/tok" statusCallback="/twilio/stream-status">'
            '<Parameter name="k" value="v&amp;w"/></Stream></Connect>'
        )
        self.on_start: Callable[[web.WebSocketResponse, str], asyncio.Future | None] | None = None
        self.url = ""

    async def _post(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        url = self.url + request.path_qs
        if not RequestValidator(TOKEN).validate(url, form, request.headers.get("X-Twilio-Signature", "")):
            self.seen.unsigned.append(request.path)
            return web.Response(status=403)
        self.seen.posts.append((request.path, form))
        if request.path == "/twilio/voice":
            body = self.voice
        elif request.path == "/twilio/after":
            body = self.after.pop(0) if self.after else "<Hangup/>"
        else:
            return web.Response(status=204)
        return web.Response(text=f"<Response>{body}</Response>", content_type="text/xml")

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        url = self.url.replace("http", "ws", 1) + request.path
        if not RequestValidator(TOKEN).validate(url, {}, request.headers.get("X-Twilio-Signature", "")):
            self.seen.unsigned.append(request.path)
            raise web.HTTPForbidden
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        try:
            await self._converse(socket)
        finally:
            self.seen.close_codes.append(socket.close_code)
        return socket

    async def _converse(self, socket: web.WebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        sid, quiet_since, talking_since, answers = "", None, None, 0

        async def say(duration_ms: int, name: str) -> None:
            payload = base64.b64encode(beep(duration_ms)).decode()
            await socket.send_str(json.dumps({"event": "media", "streamSid": sid, "media": {"payload": payload}}))
            await socket.send_str(json.dumps({"event": "mark", "streamSid": sid, "mark": {"name": name}}))

        async for raw in socket:
            if raw.type is not WSMsgType.TEXT:
                continue
            message = json.loads(raw.data)
            self.seen.messages.append(message)
            if message["event"] == "start":
                sid = message["streamSid"]
                if self.greeting_ms:
                    await say(self.greeting_ms, "greeting")
                if self.on_start is not None:
                    self.on_start(socket, sid)
            elif message["event"] == "mark":
                self.seen.marks.append((message["mark"]["name"], loop.time()))
                if message["mark"]["name"] == f"answer-{self.turns}":
                    await socket.close()
            elif message["event"] == "dtmf":
                quiet_since = int(self.seen.messages[-2].get("media", {}).get("timestamp", 0)) + 20
            elif message["event"] == "media":
                self.seen.arrivals_s.append(loop.time())
                frame = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
                at = int(message["media"]["timestamp"])
                loud = [n for n in range(160) if abs(audioop.getsample(frame, 2, n)) > LOUD]
                if loud:
                    if talking_since is None:
                        talking_since = at
                        await socket.send_str(json.dumps({"event": "clear", "streamSid": sid}))
                    quiet_since = at + loud[-1] / 8
                elif quiet_since is not None and at + 20 >= quiet_since + self.delay_ms:
                    quiet_since = talking_since = None
                    answers += 1
                    await say(self.answer_ms, f"answer-{answers}")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["BeepAgent"]:
        """Serve on a free port of this machine."""
        app = web.Application()
        app.router.add_post("/twilio/{what}", self._post)
        app.router.add_get("/media/tok", self._media)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            await runner.cleanup()
