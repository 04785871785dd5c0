"""Calls served turn by turn: a real service, the sandbox's caller on a trial account, and a carrier of foreign code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from agent.masking import MARK
from telephony.auth import auth_token
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import (
    DialPlan,
    Keys,
    Pause,
    SayWords,
    Script,
    Step,
    WaitForHangUp,
    find_script,
    load_script,
)
from telephony.settings import Route, load_settings
from telephony.web.serve import Service
from tests.integration.foreign_carrier import ForeignCarrier
from tests.integration.processes import TOKEN, service_process
from tests.integration.settling import idle, next_worker
from tests.support.waiting import until

StartService = Callable[..., Awaitable[Service]]
CALLED = "+15550100"
LISTEN = WaitForHangUp()
PARCEL_DESK = Path(__file__).parents[2] / "prompts" / "parcel-desk"
STATUS = "Order four, seven, one, two is on its way. It should arrive tomorrow. Shall I text you a tracking link?"
SENT = "Done. The link for order four, seven, one, two is on its way to your phone. Is there anything else?"
BYE = "Thank you for calling. Goodbye."
CLOSING = "I'm sorry, I have to end this call now. Please call again in a few minutes. Goodbye."

#: Its finding takes longer than a webhook may; a person can be called.
SLOW_TOOLS = """
import asyncio
from agent.tools.base import ToolContext
from agent.tools.decorator import tool

@tool(effect="read", filler="Let me look that up.", timeout_s=20)
async def find_order(ctx: ToolContext, order_number: str) -> dict[str, object]:
    \"\"\"Find an order.\"\"\"
    await asyncio.sleep(4.2)
    return {"outcome": "cancelled", "order_number": order_number}
"""


def desk_copy(folder: Path, transfer_to: str = "") -> Path:
    """A copy of the parcel desk, to be changed."""
    desk = folder / "desk-copy"
    shutil.copytree(PARCEL_DESK, desk, ignore=shutil.ignore_patterns("__pycache__"))
    file = desk / "agent.toml"
    file.write_text(file.read_text().replace('transfer_to = ""', f'transfer_to = "{transfer_to}"'))
    return desk


@pytest.fixture
async def gather(start_service: StartService) -> Any:
    """Start a service whose number CALLED is served turn by turn, on a trial account's terms."""
    started: list[Service] = []

    async def start(agent: str | Path = "parcel-desk", **given: Any) -> Service:
        numbers = {CALLED: Route(mode="gather", max_hops=given.pop("max_hops", 10))}
        started.append(await start_service(agent=str(agent), numbers=numbers, **given))
        return started[-1]

    yield start
    for service in started:
        await idle(service)


async def ring(url: str, *steps: Step, token: str = "", **options: Any) -> CallReport:
    token = token or auth_token(load_settings()).get_secret_value()
    call = SandboxCall(
        Script("script", steps, dial=options.pop("dial", ())),
        url,
        auth_token=token,
        called=CALLED,
        say_ms_per_word=0,
        time_factor=0.0005,
        **{"trial": True, "max_call_s": 30, **options},
    )
    return await call.run()


def said(report: CallReport) -> list[str]:
    return [one.text for one in report.conversation if one.who == "agent"]


def journals(calls: Path) -> list[list[dict[str, Any]]]:
    folders = sorted(calls.iterdir(), key=lambda folder: (len(folder.name), folder.name))
    return [[json.loads(line) for line in (f / "journal.jsonl").read_text().splitlines()] for f in folders]


async def test_a_whole_conversation_within_a_trial_accounts_limits(gather: Any) -> None:
    service = await gather()
    report = await ring(
        service.url,
        SayWords("where is my parcel"),
        SayWords("four seven one two"),
        SayWords("yes please"),
        SayWords("no that is all"),
        LISTEN,
    )
    assert report.served, report.errors
    assert report.ended_by == "agent hung up"
    assert said(report) == ["Hello, parcel desk. How can I help?", "What is your order number?", STATUS, SENT, BYE]
    assert (report.hops, report.streams, report.warnings) == (4, 0, [])
    assert report.max_answer_ms < 5000
    counts = service.host.state()["counts"]
    assert (counts["gather turns"], counts["gather calls"], counts["call completed"]) == (4, 1, 1)
    await idle(service)  # its record is closed behind its last document
    (journal,) = journals(service.host.calls_dir)
    assert journal[0]["line"] == "gather"
    summary = json.loads(next(service.host.calls_dir.glob("*/call.json")).read_text())
    assert [line["text"] for line in summary["transcript"] if line["who"] == "agent"] == said(report)


async def test_keys_instead_of_speech(gather: Any) -> None:
    report = await ring((await gather()).url, SayWords("where is my parcel"), Keys("4712"), SayWords("goodbye"), LISTEN)
    assert report.served, report.errors
    assert said(report)[2] == STATUS
    assert [one.heard for one in report.conversation if one.who == "caller"] == [True, True, True]


async def test_the_caller_that_comes_with_offhook(gather: Any) -> None:
    report = await ring((await gather()).url, *load_script(find_script("typed")).steps)
    assert report.served, report.errors
    assert said(report)[-1] == BYE


async def test_a_silent_caller_is_asked_twice_and_told_goodbye(gather: Any) -> None:
    service = await gather()
    report = await ring(service.url, Pause(7000), Pause(7000), Pause(7000), LISTEN)
    assert report.ended_by == "agent hung up"
    asked = ["Are you still there?"] * 2
    assert said(report)[1:] == [*asked, "I can't hear you, so I will hang up now. Please call again. Goodbye."]
    assert service.host.state()["counts"]["gather empty"] == 3


async def test_a_talkative_caller_is_told_goodbye_before_the_carrier_cuts_in(gather: Any) -> None:
    report = await ring((await gather()).url, *[SayWords("help")] * 20, LISTEN)
    assert report.ended_by == "agent hung up"
    assert report.hops == 9  # ten documents
    assert said(report)[-1].endswith(CLOSING)


async def test_a_slow_tool_is_covered_and_its_answer_follows(gather: Any, tmp_path: Path) -> None:
    desk = desk_copy(tmp_path)
    tools = (desk / "tools.py").read_text().replace("def find_order(", "def unused_order(")
    (desk / "tools.py").write_text(tools + SLOW_TOOLS)
    service = await gather(desk)
    report = await ring(service.url, SayWords("where is order 4712"), SayWords("no that is all"), LISTEN)
    assert report.served, report.errors
    assert said(report) == [
        "Hello, parcel desk. How can I help?",
        "Let me look that up.",
        "Order four, seven, one, two was cancelled. Is there anything else?",
        BYE,
    ]
    assert report.max_answer_ms < 4500
    assert service.host.state()["counts"]["gather late answer"] == 1


async def test_what_a_sensitive_slot_asks_for_is_in_no_file(gather: Any, tmp_path: Path) -> None:
    desk = Path(__file__).parents[1] / "agent" / "agents" / "card-desk"
    service = await gather(desk)
    steps = (SayWords("i want to pay"), SayWords("4111 2222 3333 4444"), SayWords("no"), SayWords("i want to pay"))
    report = await ring(service.url, *steps, Keys("4111222233334444"), SayWords("yes"), SayWords("goodbye"), LISTEN)
    assert report.ended_by == "agent hung up"
    assert sum("four, one, one, one, two" in text for text in said(report)) >= 2  # it was understood
    await idle(service)  # its record is closed behind its last document
    written = "".join(path.read_text() for path in service.host.calls_dir.rglob("*.json*"))
    assert MARK in written
    # Drawn by lot in every run: one in thirty draws would hold four like digits of nobody's card.
    written = re.sub(r'[0-9a-f]{32}|"seed": ?[0-9]+', "", written)
    for part in ("4111", "2222", "3333", "4444", "four, one", "one, one", "three, three"):
        assert part not in written


@pytest.mark.parametrize("outcome", ["no-answer", "completed"])
async def test_a_transfer(gather: Any, tmp_path: Path, outcome: str) -> None:
    service = await gather(desk_copy(tmp_path, "+15550142"), max_hops=0)
    steps = (SayWords("where is order 4712"), SayWords("a person please"))
    after: tuple[Step, ...] = (SayWords("say that again"), SayWords("goodbye")) if outcome == "no-answer" else ()
    dial = (DialPlan("+15550142", outcome),)
    report = await ring(service.url, *steps, *after, LISTEN, trial=False, dial=dial)
    assert [one.to for one in report.dialled] == ["+15550142"]
    if outcome == "completed":
        assert report.ended_by == "agent hung up"
        return
    assert report.served, report.errors
    back = said(report).index("I'm sorry, nobody could take your call. What else can I do for you?")
    assert said(report)[-1] == BYE
    assert len(said(report)) == back + 3
    await idle(service)
    first, second = journals(service.host.calls_dir)
    assert first[-1]["reason"] == "agent: transfer"
    assert second[0]["continues"] == "nobody answered"


async def test_on_a_trial_account_a_transfer_comes_back_too(gather: Any, tmp_path: Path) -> None:
    service = await gather(desk_copy(tmp_path, "+15550142"))
    report = await ring(service.url, SayWords("a person please"), SayWords("goodbye"), LISTEN)
    assert report.dialled == []  # Twilio has taken the <Dial> out
    assert "I'm sorry, nobody could take your call. What else can I do for you?" in said(report)
    assert said(report)[-1] == BYE
    assert report.ended_by == "agent hung up"


async def test_a_fallback_address_brings_a_call_back(gather: Any) -> None:
    service = await gather()
    report = await ring(
        f"{service.url}/twilio/nothing-here",
        SayWords("goodbye"),
        LISTEN,
        fallback_url=f"{service.url}/twilio/fallback",
    )
    assert said(report) == ["Sorry, we were cut off for a moment.", BYE]


async def test_a_number_of_another_mode_is_not_served_so(gather: Any) -> None:
    service = await gather()
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        assert (await carrier.voice("CA" + "1" * 32)).find("./Connect/Stream") is not None
        assert (await carrier.voice("CA" + "2" * 32, To=CALLED)).find("./Gather") is not None
        form = {"CallSid": "CA" + "3" * 32, "To": CALLED}
        async with carrier.http.post(f"{service.url}/twilio/gather", data=form) as unsigned:
            assert unsigned.status == 403
        wrong = {"X-Twilio-Signature": carrier.sign(f"{service.url}/twilio/gather-more", form)}
        async with carrier.http.post(f"{service.url}/twilio/gather", data=form, headers=wrong) as missigned:
            assert missigned.status == 403
        service.host.gather.hung_up("CA" + "2" * 32)


# --- a carrier of nobody's code -------------------------------------------------------------------------------------


class Turns:
    """One call's webhooks, by hand."""

    def __init__(self, carrier: ForeignCarrier, call_sid: str = "CA" + "7" * 32) -> None:
        self.carrier = carrier
        self.form = {"CallSid": call_sid, "From": "+15551230000", "To": CALLED, "CallStatus": "in-progress"}
        self._next = ""
        self._asked: dict[str, str] = {}

    async def post(self, what: str, key: str = "", **fields: str) -> ElementTree.Element:
        """Ask for `what`: "voice", or else what the latest document names. A retry asks where it asked before."""
        headers = {"I-Twilio-Idempotency-Token": key} if key else {}
        url = f"{self.carrier.url}/twilio/{what}" if what == "voice" else self._asked.get(key, self._next)
        if key:
            self._asked[key] = url
        assert f"/twilio/{what}" in url
        status, text = await self.carrier.post(url, {**self.form, **fields}, **headers)
        assert status == 200
        document = ElementTree.fromstring(text)
        for element in document:
            action = element.text if element.tag == "Redirect" else element.attrib.get("action")
            if action:
                self._next = action.partition("#")[0]
                break
        return document

    async def say(self, text: str, key: str = "") -> str:
        return said_in(await self.post("gather", key, SpeechResult=text, Confidence="0.8"))


def said_in(document: ElementTree.Element) -> str:
    return " ".join(say.text or "" for say in document.iter("Say"))


@pytest.fixture
async def turns(gather: Any) -> Any:
    service = await gather(max_hops=0)
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        turns = Turns(carrier)
        yield turns
        service.host.gather.hung_up(turns.form["CallSid"])  # or the service would wait to say goodbye to it


async def test_a_retried_webhook_runs_no_second_turn(turns: Turns) -> None:
    await turns.post("voice", "k1")
    await turns.say("where is order 4712", "k2")
    first, second = await asyncio.gather(turns.say("yes", "k3"), turns.say("yes", "k3"))
    assert first == second == SENT
    assert await turns.say("yes", "k3") == SENT
    assert await turns.say("no that is all", "k4") == BYE
    assert await turns.say("no that is all", "k4") == BYE  # the call is over; its answer is kept


@pytest.mark.parametrize(
    "heard",
    [
        "a" * 10_000,
        "\x00\x01\x1b]0;owned\x07\x7f\u202e\ud7ff",
        "</Say><Dial>+1900</Dial><Say>",
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
        "\U0001f600" * 500,
        " \t\r\n ",
    ],
)
async def test_hostile_words_are_only_words(turns: Turns, heard: str) -> None:
    await turns.post("voice")
    document = await turns.post("gather", SpeechResult=heard, Confidence="1e999", Digits="")
    assert [child.tag for child in document] == ["Gather"]
    assert {element.tag for element in document.iter()} <= {"Response", "Gather", "Say"}
    assert await turns.say("where is order 4712") == STATUS


async def test_when_the_carrier_says_so_the_call_is_over_at_once(turns: Turns, tmp_path: Path) -> None:
    await turns.post("voice")
    form = {**turns.form, "CallStatus": "completed"}
    status, _ = await turns.carrier.post(f"{turns.carrier.url}/twilio/status", form)
    assert status == 204
    await until(lambda: list(tmp_path.glob("calls/*/call.json")), within_s=3, what="the end of the call")
    assert [child.tag for child in await turns.post("gather", CallStatus="completed")] == []


async def test_a_service_that_stops_says_goodbye_first(start_service: StartService) -> None:
    service = await start_service(agent="parcel-desk", mode="gather", drain_s=0.2)
    async with ForeignCarrier(service.url, auth_token(load_settings()).get_secret_value()) as carrier:
        turns = Turns(carrier)
        await turns.post("voice")
        draining = asyncio.create_task(service.host.drain(0.2, asyncio.Event()))
        await until(lambda: service.host._drain.says_goodbye, within_s=3, what="the goodbye, due")
        busy = await Turns(carrier, "CA" + "8" * 32).post("voice")
        assert [child.tag for child in busy] == ["Say", "Hangup"]
        document = await turns.post("gather", SpeechResult="where is order 4712")
        assert [child.tag for child in document] == ["Say", "Hangup"]
        assert said_in(document).startswith(STATUS)
        assert said_in(document).endswith(CLOSING)
        async with asyncio.timeout(5):
            await draining


async def test_a_worker_killed_between_two_hops(tmp_path: Path) -> None:
    """-9, and a supervisor's next worker: the caller notices nothing, and no turn runs twice."""
    async with (
        service_process(tmp_path, "--supervise", AGENT="parcel-desk", MODE="gather") as service,
        ForeignCarrier(service.url, TOKEN) as carrier,
    ):
        turns = Turns(carrier)
        await turns.post("voice", "k1")
        assert await turns.say("where is order 4712", "k2") == STATUS
        await kill_worker(service)
        assert await turns.say("where is order 4712", "k2") == STATUS  # its answer was lost on the way: a retry
        assert await turns.say("yes please", "k3") == SENT
        await kill_worker(service)
        assert await turns.say("no that is all", "k4") == BYE
    streams = journals(service.calls)
    assert [stream[0]["continues"] for stream in streams] == [None, "cut off", "cut off"]
    committed = [line["text"] for stream in streams for line in stream if line["kind"] == "turn.committed"]
    assert committed == ["where is order 4712", "yes please", "no that is all"]
    tools = [line["name"] for stream in streams for line in stream if line["kind"] == "tool.called"]
    assert tools == ["find_order", "send_tracking_link", "hang_up"]


async def kill_worker(service: Any) -> None:
    old = service.worker()
    assert old is not None
    os.kill(old, signal.SIGKILL)
    await next_worker(service, old)
