"""A tiny service of TwiML documents for testing the sandbox's caller. On purpose none of Offhook's own code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.support.waiting import paced

TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass
class Post:
    """One request: where, with what, and Twilio's token for its retries."""

    path: str
    form: dict[str, str]
    token: str


class TwimlService:
    """Answers each path with its entries, one after another; the last one stays.

    An entry is what stands in <Response>, or a status, or seconds to wait (before an empty document), or None: the
    connection is cut.
    """

    def __init__(self, **entries: list[str | int | float | None]) -> None:
        self.entries = {"/twilio/status": [""]} | {f"/{path}": list(answers) for path, answers in entries.items()}
        self.posts: list[Post] = []
        self.url = ""

    def paths(self) -> list[str]:
        return [post.path for post in self.posts]

    def forms(self, path: str) -> list[dict[str, str]]:
        return [post.form for post in self.posts if post.path == path]

    async def _answer(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        signature = request.headers.get("X-Twilio-Signature", "")
        if not RequestValidator(TOKEN).validate(self.url + request.path_qs, form, signature):
            return web.Response(status=403)
        self.posts.append(Post(request.path, form, request.headers["I-Twilio-Idempotency-Token"]))
        left = self.entries.get(request.path, [404])
        entry = left.pop(0) if len(left) > 1 else left[0]
        if entry is None:
            assert request.transport is not None
            request.transport.abort()
            entry = 500
        if isinstance(entry, int):
            return web.Response(status=entry, text="odd")
        if isinstance(entry, float):
            await paced(entry)
            entry = ""
        text = entry if entry.startswith("!") else f"<Response>{entry}</Response>"
        return web.Response(text=text.removeprefix("!"), content_type="text/xml")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["TwimlService"]:
        """Serve on a free port of this machine."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            await runner.cleanup()
