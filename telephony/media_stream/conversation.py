"""A conversation on a media stream: its line and its session, served together; each ends the other."""

from __future__ import annotations

import asyncio
import logging

from agent.session import CallSession
from telephony.media_stream.line import MediaStreamLine

log = logging.getLogger("offhook.calls")

#: A session whose line is gone has nothing left but to close its engines and its record.
SESSION_END_S = 10.0
#: A line whose session has ended is closed within this, by whoever must.
LINE_END_S = 2.0


async def until_both_end(line: MediaStreamLine, session: CallSession) -> None:
    """Run line and session. Either ends the other; an error in one ends both."""
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(line.run(), name="line")
        talking = tasks.create_task(session.run(), name="session")
        await asyncio.wait({serving, talking}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({talking}, timeout=SESSION_END_S)
        await asyncio.wait({serving}, timeout=LINE_END_S)
        for task in (talking, serving):
            if not task.done():
                log.error("call %s: its %s did not end by itself", line.info.call_id, task.get_name())
                task.cancel()
