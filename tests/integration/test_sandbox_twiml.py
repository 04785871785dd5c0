"""The sandbox's walk through TwiML, against a service of documents, over real sockets."""

import asyncio
import io
import json
import random
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr
from rich.console import Console
from typer.testing import CliRunner

from agent.errors import LocalError
from telephony.cli import app
from telephony.sandbox import caller, command
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.limits import TRIAL
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import DialPlan, Drop, HangUp, Keys, Pause, SayWords, Script, Step, WaitForHangUp
from telephony.sandbox.show import advice, print_report
from telephony.sandbox.understood import judge
from telephony.settings import Settings
from tests.integration.nginx import OPENSSL, free_port, make_certificate
from tests.integration.twiml_service import TOKEN, TwimlService

ASK = '<Gather input="dtmf speech" action="/turn" actionOnEmptyResult="true"><Say>{}</Say></Gather>'
LISTEN = WaitForHangUp()


async def ring(
    service: TwimlService,
    *steps: Step,
    dial: tuple[DialPlan, ...] = (),
    voice: str = "/voice",
    fallback: str | None = None,
    **options: object,
) -> CallReport:
    async with asyncio.timeout(20), service.serving():
        options = {"say_ms_per_word": 0, "time_factor": 0.0005, **options}
        if fallback is not None:
            options["fallback_url"] = service.url + fallback
        script = Script("script", steps or (LISTEN,), dial=dial)
        return await SandboxCall(script, service.url + voice, auth_token=TOKEN, **options).run()  # type: ignore[arg-type]


def talk(report: CallReport) -> list[str]:
    return [f"{one.who}/{one.by}: {one.text}" for one in report.conversation]


# --- <Gather> -------------------------------------------------------------------------------------------------------


async def test_a_whole_conversation_turn_by_turn() -> None:
    service = TwimlService(
        voice=[ASK.format("How can I help?")],
        turn=[ASK.format("Your number, please."), ASK.format("It is on its way."), "<Say>Goodbye.</Say><Hangup/>"],
    )
    report = await ring(service, SayWords("where is my parcel"), Keys("4711#"), SayWords("thank you"), LISTEN)
    assert report.served, report.errors
    assert report.ended_by == "agent hung up"
    assert talk(report) == [
        "agent/say: How can I help?",
        "caller/speech: where is my parcel",
        "agent/say: Your number, please.",
        "caller/keys: 4711#",
        "agent/say: It is on its way.",
        "caller/speech: thank you",
        "agent/say: Goodbye.",
    ]
    first, second, third = service.forms("/turn")
    assert (first["SpeechResult"], first["Confidence"], first["CallStatus"]) == (
        "where is my parcel",
        "0.9",
        "in-progress",
    )
    assert second["Digits"] == "4711"
    assert "SpeechResult" not in second
    assert third["SpeechResult"] == "thank you"
    assert (report.hops, report.gathers, report.streams) == (3, 3, 0)
    assert 0 < report.max_answer_ms < 2000
    assert [one.at_ms for one in report.conversation] == sorted(one.at_ms for one in report.conversation)
    assert report.twiml[:2] == ["<Gather dtmf speech> then /turn", "  <Say> How can I help?"]
    status = service.forms("/twilio/status")[0]
    assert status["CallStatus"] == "completed"
    assert int(status["CallDuration"]) >= 5  # three words at 0.4 s, four keys, the recogniser's second: not shortened


@pytest.mark.parametrize(("on_empty", "reached"), [("true", "/turn"), ("false", "/next")])
async def test_an_empty_gather(on_empty: str, reached: str) -> None:
    gather = f'<Gather action="/turn" actionOnEmptyResult="{on_empty}"><Say>Number?</Say></Gather>'
    service = TwimlService(voice=[gather + "<Redirect>/next</Redirect>"], turn=["<Hangup/>"], next=["<Hangup/>"])
    report = await ring(service, Pause(5000), LISTEN)
    assert service.paths() == ["/voice", reached, "/twilio/status"]
    assert "Digits" not in service.posts[1].form
    assert report.served, report.errors


async def test_without_an_action_the_same_document_is_asked_again() -> None:
    service = TwimlService(voice=["<Gather><Say>Number?</Say></Gather>", "<Say>Thanks.</Say>"])
    report = await ring(service, Keys("12"), LISTEN)
    assert [form.get("Digits") for form in service.forms("/voice")] == [None, "12"]
    assert report.served, report.errors


@pytest.mark.parametrize("after_ms", [None, 0])
async def test_the_caller_hangs_up_in_a_gather(after_ms: int | None) -> None:
    service = TwimlService(voice=[ASK.format("Hello?") + "<Redirect>/never</Redirect>"])
    report = await ring(service, HangUp(after_ms))
    assert report.ended_by == "caller hung up"
    assert service.paths() == ["/voice", "/twilio/status"]
    assert service.posts[-1].form["CallStatus"] == "completed"
    assert len(report.conversation) == (0 if after_ms is None else 1)
    assert report.served == (after_ms is not None)  # who hangs up before the agent has spoken was not served


async def test_an_agent_who_hangs_up_before_the_caller_does() -> None:
    service = TwimlService(voice=[ASK.format("Hello?")], turn=["<Say>Goodbye.</Say>"])
    report = await ring(service, SayWords("hello"), HangUp(after_ms=0))
    assert report.errors == ["the agent hung up; by the script the caller was to"]
    assert not report.served


async def test_the_caller_cuts_in() -> None:
    prompts = "<Say>one two</Say><Say>three four five</Say><Say>six</Say>"
    service = TwimlService(
        voice=[f'<Gather input="speech" action="/turn">{prompts}</Gather>'], turn=["<Say>All right.</Say>"]
    )
    report = await ring(service, SayWords("stop", interrupt_after_ms=1000), LISTEN)
    assert [(one.text, one.interrupted) for one in report.conversation] == [
        ("one two", False),
        ("three four five", True),
        ("stop", False),
        ("All right.", False),
    ]
    assert report.served, report.errors


async def test_what_is_not_heard_serves_nobody() -> None:
    service = TwimlService(voice=["<Gather><Say>Number?</Say></Gather><Say>Goodbye.</Say>"])
    report = await ring(service, SayWords("I have none"), LISTEN)
    assert not report.served
    assert [one.heard for one in report.conversation] == [True, False, True]
    assert 'asked with <Gather input="dtmf">' in report.warnings[0]


async def test_words_left_unsaid_are_an_error() -> None:
    report = await ring(TwimlService(voice=["<Say>We are closed.</Say>"]), SayWords("hello"))
    assert report.errors == ["the call ended before the caller could say 'hello'"]
    assert not report.served


# --- <Dial>, <Play>, <Redirect>, the end ----------------------------------------------------------------------------


async def test_a_transfer_that_nobody_answers_comes_back() -> None:
    dial = '<Dial action="/after" timeout="25" answerOnBridge="true"><Number>+15550100</Number></Dial>'
    service = TwimlService(
        voice=[ASK.format("Hello.")],
        turn=[f"{dial}<Say>never</Say>"],
        after=[ASK.format("Nobody is there."), "<Hangup/>"],
    )
    began_s = time.monotonic()
    report = await ring(
        service, SayWords("a person"), HangUp(after_ms=0), dial=(DialPlan("+15550100", "no-answer"),), time_factor=0.01
    )
    assert time.monotonic() - began_s < 5
    after = service.forms("/after")[0]
    assert after["DialCallStatus"] == "no-answer"
    assert after["DialCallSid"].startswith("CA")
    assert "DialCallDuration" not in after
    assert [(one.to, one.outcome, one.ring_s, one.talk_s) for one in report.dialled] == [
        ("+15550100", "no-answer", 25, 0)
    ]
    assert "agent/say: never" not in talk(report)
    assert int(service.forms("/twilio/status")[0]["CallDuration"]) >= 25
    assert report.served, report.errors


async def test_after_a_dial_without_action_the_next_verb_follows() -> None:
    service = TwimlService(voice=["<Dial>+1</Dial><Say>Goodbye.</Say><Dial><Sip>sip:a@h</Sip></Dial>"])
    report = await ring(service, dial=(DialPlan(outcome="busy"), DialPlan(talk_s=61.5), DialPlan(outcome="failed")))
    assert [(one.to, one.outcome) for one in report.dialled] == [("+1", "busy"), ("sip:a@h", "completed")]
    assert talk(report) == ["agent/dial: +1: busy", "agent/say: Goodbye.", "agent/dial: sip:a@h: completed"]
    assert report.errors == ["no <Dial> came for failed of the script"]
    assert json.loads(json.dumps(report.as_dict()))["dialled"][0]["outcome"] == "busy"


async def test_the_other_verbs() -> None:
    service = TwimlService(
        voice=['<Play digits="ww12#"/><Play loop="3">/a.wav</Play><Say loop="0">Hm.</Say><Pause length="9"/><Enqueue/>'
               "<Redirect>sub/next?a=%20b</Redirect><Say>never</Say>"],
    )  # fmt: skip
    service.entries["/sub/next"] = ["<Record/>"]
    report = await ring(service)
    assert report.digits_played == ["ww12#"]
    assert talk(report) == ["agent/digits: ww12#", "agent/play: /a.wav", "agent/say: Hm."]
    assert service.paths() == ["/voice", "/sub/next", "/twilio/status"]
    assert [warning for warning in report.warnings if "not followed" in warning] == [
        "TwiML: <Enqueue> is not followed by the sandbox",
        "TwiML: <Record> is not followed by the sandbox",
    ]
    assert report.ended_by == "agent hung up"


@pytest.mark.parametrize(
    ("verbs", "ended_by", "status"),
    [("", "agent hung up", "completed"), ('<Reject reason="busy"/>', "rejected", "busy")],
)
async def test_the_end(verbs: str, ended_by: str, status: str) -> None:
    service = TwimlService(voice=[verbs])
    service.entries["/twilio/status"] = [404]
    report = await ring(service)
    assert report.ended_by == ended_by
    assert service.forms("/twilio/status")[0]["CallStatus"] == status
    assert "status callback: error 11200" in report.warnings[0]  # told, and no more
    assert report.errors == []


async def test_a_silent_caller_is_not_asked_for_ever() -> None:
    service = TwimlService(voice=[ASK.format("Hello?")], turn=[ASK.format("Still there?")])
    report = await ring(service, WaitForHangUp(wait_s=600))
    assert "circles" in report.errors[0]
    assert len(service.forms("/turn")) == 19


async def test_speech_takes_the_time_it_is_given() -> None:
    report = await ring(TwimlService(voice=["<Say>one two three four</Say>"]), say_ms_per_word=50)
    assert 200 <= report.duration_ms < 1500


# --- webhooks that fail ---------------------------------------------------------------------------------------------


async def test_retries_carry_one_token_and_a_signature_without_the_fragment() -> None:
    service = TwimlService(
        voice=["<Redirect>/flaky?x=1#rc=2&amp;rp=all</Redirect>"], flaky=[503, None, "<Say>Hi.</Say>"]
    )
    report = await ring(service)
    tokens = [post.token for post in service.posts]
    assert service.paths() == ["/voice", "/flaky", "/flaky", "/flaky", "/twilio/status"]
    assert len(set(tokens[1:4])) == 1
    assert len(set(tokens)) == 3
    assert talk(report) == ["agent/say: Hi."]
    assert report.hops == 1
    asked_again = [warning for warning in report.warnings if warning.endswith("asked again")]
    assert len(asked_again) == 2
    assert "answered 503" in asked_again[0]


@pytest.mark.parametrize(
    ("fragment", "entry", "asked", "cause"),
    [
        ("", 503, 1, "answered 503: 'odd'"),
        ("#rc=3&amp;rp=5xx", 404, 1, "answered 404"),
        ("#rc=3&amp;rp=4xx,5xx", 404, 4, "answered 404: 'odd' (asked 4 times)"),
        ("#rc=0&amp;rp=all", 500, 1, "answered 500"),
        ("#rp=all", 302, 2, "answered 302"),
        ("#rc=1&amp;rp=rt", None, 2, "Server disconnected"),
        ("#rt=100", 5.0, 1, "no answer in 100 ms"),
        ("#rt=100&amp;rc=1&amp;rp=rt", 5.0, 2, "no answer in 100 ms (asked 2 times)"),
        ("#rt=100&amp;rc=5&amp;rp=all&amp;tt=250", 5.0, 3, "no answer in 0.25 s"),
    ],
)
async def test_a_failing_webhook_ends_the_call(
    fragment: str, entry: int | float | None, asked: int, cause: str
) -> None:
    service = TwimlService(voice=[f"<Redirect>/bad{fragment}</Redirect>"], bad=[entry])
    report = await ring(service)
    assert len(service.forms("/bad")) == asked
    assert report.errors[0].startswith(f"error 11200: POST {service.url}/bad: ")
    assert cause in report.errors[0]
    assert report.ended_by == report.errors[0]
    assert report.error_codes[0] == 11200
    assert service.paths()[-1] == "/twilio/status"


async def test_nobody_listens_is_tried_again_once_and_can_be_waited_for() -> None:
    service = TwimlService(voice=["<Redirect>http://127.0.0.1:1/x</Redirect>"])
    began_s = time.monotonic()
    report = await ring(service, retry_pause_s=0.2)
    assert time.monotonic() - began_s >= 0.2
    assert "Cannot connect" in report.errors[0]
    assert report.errors[0].endswith("(asked 2 times)")


@pytest.mark.parametrize(
    ("entry", "code"), [(503, "11200"), ("!{}", "12100"), ("!<html/>", "12200"), ('<Gather method="GET"/>', None)]
)
async def test_the_fallback_url_saves_the_call(entry: str | int, code: str | None) -> None:
    service = TwimlService(
        voice=["<Redirect>/bad#rc=1</Redirect>"],
        bad=[entry],
        fallback=[ASK.format("Sorry.")],
        turn=["<Say>Fine.</Say>"],
    )
    report = await ring(service, SayWords("hello"), LISTEN, fallback="/fallback")
    (told,) = service.forms("/fallback")
    assert told.get("ErrorCode") == code
    assert told["ErrorUrl"] == f"{service.url}/bad"
    assert report.fallbacks == 1
    assert "the fallback URL was asked" in report.warnings[0]
    assert report.served, report.errors


async def test_a_fallback_that_fails_too_ends_the_call() -> None:
    service = TwimlService(voice=[500], fallback=[404])
    report = await ring(service, fallback="/fallback")
    assert service.paths() == ["/voice", "/fallback", "/twilio/status"]
    assert [error.split(": ")[:2] for error in report.errors] == [
        ["error 11200", f"POST {service.url}/voice"],
        ["error 11200", f"POST {service.url}/fallback"],
    ]


async def test_overrides_of_the_first_webhook() -> None:
    service = TwimlService(voice=[500, "<Say>Hi.</Say>"])
    report = await ring(service, voice="/voice#rp=5xx")
    assert talk(report) == ["agent/say: Hi."]
    assert report.to == f"{service.url}/voice"
    bad = await ring(TwimlService(voice=[""]), voice="/voice#rp=never")
    assert bad.error_codes == [11243]


VERBS = (
    '<Gather action="/turn"><Say>a b</Say></Gather>',
    '<Gather input="speech dtmf" action="/turn" actionOnEmptyResult="true"/>',
    '<Gather numDigits="1"/>',
    '<Gather action="http://"/>',
    '<Dial action="/turn">+1</Dial>',
    '<Dial action="/turn#rc=9">+1</Dial>',
    "<Redirect>/turn</Redirect>",
    "<Redirect></Redirect>",
    "<Redirect>http://[bad</Redirect>",
    "<Redirect>http://127.0.0.1:1/é x</Redirect>",
    '<Connect action="/turn"><Stream url="/media/x"/></Connect>',
    '<Connect><Stream url="http://[bad"/></Connect>',
    '<Connect><Stream url="/media/x" statusCallback="mailto:x"/></Connect>',
    '<Play digits="w1"/>',
    '<Pause length="9"/>',
    "<Say>x</Say>",
    "<Hangup/>",
    "<Reject/>",
    "<Weather/>",
)
STEPS: tuple[Step, ...] = (
    SayWords("hello there"),
    Keys("12#"),
    Pause(6000),
    HangUp(),
    HangUp(0),
    Drop(0),
    WaitForHangUp(7),
)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_service_answers_there_is_a_report(seed: int) -> None:
    chance = random.Random(seed)

    def document() -> str:
        return "".join(chance.choices(VERBS, k=chance.randint(0, 4)))

    for _ in range(8):
        service = TwimlService(voice=[document()], turn=[document() for _ in range(6)], fallback=[document()])
        fallback = "/fallback" if chance.random() < 0.3 else None
        steps = chance.choices(STEPS, k=chance.randint(1, 4))
        report = await ring(service, *steps, fallback=fallback, trial=chance.random() < 0.2, time_factor=0.0)
        by_somebody = report.ended_by in ("agent hung up", "caller hung up", "rejected")
        assert by_somebody or any(error in report.ended_by for error in report.errors)
        assert by_somebody or not report.served
        assert json.dumps(report.as_dict())


# --- a trial account ------------------------------------------------------------------------------------------------


async def test_a_trial_follows_ten_hops_and_not_one_more() -> None:
    service = TwimlService(voice=["<Redirect>/hop</Redirect>"], hop=["<Redirect>/hop</Redirect>"])
    report = await ring(service, trial=True)
    assert len(service.forms("/hop")) == report.hops == 10
    assert "a trial account follows 10 redirects and actions" in report.errors[0]
    assert report.ended_by.startswith("error: ")


async def test_a_trial_removes_streams_and_transfers() -> None:
    service = TwimlService(
        voice=[
            '<Connect action="/after"><Stream url="/media/secret"/></Connect><Dial action="/after"><Number>+1</Number>'
            "</Dial><Dial><Sip>sip:a@h</Sip></Dial><Say>Goodbye.</Say>"
        ]
    )
    report = await ring(service, trial=True)
    assert "/after" not in service.paths()
    assert talk(report) == [
        "twilio/notice: a trial account cannot use <Connect><Stream>",
        "twilio/notice: a trial account cannot use <Dial><Number>",
        "twilio/notice: a trial account cannot use <Dial><Sip>",
        "agent/say: Goodbye.",
    ]
    assert sum("replaced by a spoken notice" in warning for warning in report.warnings) == 3
    assert (report.streams, report.dialled) == (0, [])
    assert not report.served


async def test_a_transfer_that_a_trial_takes_out_counts_as_met() -> None:
    service = TwimlService(voice=["<Say>One moment.</Say><Dial>+15550100</Dial>"])
    plans = (DialPlan(to="+15550100", outcome="busy"), DialPlan(outcome="failed"))
    report = await ring(service, dial=plans, trial=True)
    assert report.errors == ["no <Dial> came for failed of the script"]


async def test_a_service_in_the_wrong_mode_for_a_trial_is_told_how_to_change_it() -> None:
    service = TwimlService(voice=['<Connect><Stream url="wss://h/media"/></Connect>'])
    report = await ring(service, SayWords("hello"), SayWords("bye"), trial=True)
    (error,) = report.errors
    assert "a trial account carries no media stream: start the service with OFFHOOK_MODE=gather" in error


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port := free_port(), ssl=context)
    async with server, asyncio.timeout(10):
        call = SandboxCall(Script("s", (LISTEN,)), f"https://localhost:{port}", auth_token=TOKEN)
        report = await call.run()
    assert report.error_codes == [11237]
    assert "its certificate is not trusted: self-signed certificate" in report.errors[0]
    assert "SSL_CERT_FILE=ca.pem" in advice(report.errors[0])
    assert "Is the service running" not in advice(report.errors[0])


async def test_a_port_without_tls() -> None:
    service = TwimlService(voice=["<Hangup/>"])
    async with service.serving(), asyncio.timeout(10):
        to = service.url.replace("http:", "https:")
        report = await SandboxCall(Script("s", (LISTEN,)), to, auth_token=TOKEN).run()
    assert report.error_codes == [11220]
    assert "http, not https" in report.errors[0]


async def test_a_page_instead_of_a_refusal_is_not_told() -> None:
    async def refuse(request: web.Request) -> web.Response:
        html = request.path == "/html"
        return web.Response(
            status=403,
            text="<html>" + "x" * 999 if html else "No " + "y" * 999,
            content_type="text/html" if html else None,
        )

    app = web.Application()
    app.router.add_post("/{path}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await (site := web.TCPSite(runner, "127.0.0.1", free_port())).start()
        calls = [
            SandboxCall(Script("s", (LISTEN,)), f"{site.name}/{path}", auth_token=TOKEN) for path in ("html", "text")
        ]
        reports = [await call.run() for call in calls]
    finally:
        await runner.cleanup()
    page, text = (report.errors[0] for report in reports)
    assert page.endswith("answered 403")
    assert text.endswith(f"answered 403: {'No ' + 'y' * 77!r}")
    assert "OFFHOOK_PUBLIC_ORIGIN" in advice(page)


async def test_a_trial_waits_five_seconds_and_lasts_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (TRIAL.answer_s, TRIAL.call_s) == (5.0, 600.0)
    long = await ring(TwimlService(voice=['<Pause length="601"/><Say>never</Say>']), trial=True, time_factor=0.0)
    assert long.error_codes[0] == 13805
    assert long.conversation == []
    ordinary = await ring(TwimlService(voice=['<Pause length="601"/><Say>Hi.</Say>']), time_factor=0.0)
    assert talk(ordinary) == ["agent/say: Hi."]
    monkeypatch.setattr(caller, "TRIAL", replace(TRIAL, answer_s=0.2))
    slow = await ring(TwimlService(voice=[3.0]), trial=True)
    assert "no answer in 0.2 s" in slow.errors[0]


# --- the command ----------------------------------------------------------------------------------------------------


async def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.toml").write_text("[[step]]\nsay_text = 'hello [red]'\n[[step]]\nwait_for_hang_up = true\n")
    service = TwimlService(voice=[500], fallback=[ASK.format("Who is it?")], turn=["<Say>Goodbye.</Say>"])
    async with service.serving():
        settings = Settings(twilio_auth_token=SecretStr(TOKEN), calls_dir=tmp_path)
        code = await command.ring(
            settings,
            str(tmp_path / "s.toml"),
            to=f"{service.url}/voice",
            wav=None,
            as_json=False,
            trial=True,
            fallback=f"{service.url}/fallback",
            number="+1 555 0101",
            caller="+15550102",
            verbose=True,
        )
    out = capsys.readouterr().out
    assert code == 0
    assert "agent: Who is it?" in out
    assert "caller: hello [red]" in out
    assert "agent heard never" not in out
    assert "1 redirects and actions; slowest answer" in out
    assert "warning: error 11200" in out
    assert out.rstrip().endswith("(what was understood is not known here)")
    assert {(post.form["To"], post.form["From"]) for post in service.posts} == {("+15550101", "+15550102")}


async def test_a_number_that_is_none_is_refused() -> None:
    settings = Settings(twilio_auth_token=SecretStr(TOKEN))
    with pytest.raises(LocalError, match="--from: 'nobody' is no number"):
        await command.ring(settings, "typed", to="http://h", wav=None, as_json=True, caller="nobody")


async def test_report_of_a_call_that_was_not_heard() -> None:
    report = await ring(
        TwimlService(voice=["<Gather><Say>Number?</Say></Gather><Dial>+1</Dial><Connect/>"]), SayWords("x"), LISTEN
    )
    out = io.StringIO()
    print_report(report, judge(report, []), Console(file=out, width=120))
    assert "caller: x [not heard]" in out.getvalue()
    assert "agent (dial): +1: completed" in out.getvalue()
    assert "NOT served" in out.getvalue()


def test_options_reach_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    async def ring(settings: Settings, script: str, **options: object) -> int:
        given.update(options, script=script)
        return 0

    monkeypatch.setattr(command, "ring", ring)
    numbers = ["--number", "+15550101", "--from", "+15550102", "-v"]
    result = CliRunner().invoke(app, ["call", "demo", "--trial", "--fallback", "http://h/f", "--json", *numbers])
    assert result.exit_code == 0, result.output
    assert given == {
        "script": "demo",
        "to": None,
        "fault": None,
        "wav": None,
        "as_json": True,
        "trial": True,
        "fallback": "http://h/f",
        "number": "+15550101",
        "caller": "+15550102",
        "verbose": True,
    }
