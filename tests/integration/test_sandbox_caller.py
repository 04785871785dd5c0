"""The sandbox's caller against a service that beeps, over real sockets."""

import asyncio
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from pydantic import SecretStr

from telephony.sandbox import command
from telephony.sandbox.caller import SandboxCall
from telephony.sandbox.report import CallReport
from telephony.sandbox.script import load_script
from telephony.settings import Settings
from tests.integration.beep_agent import TOKEN, BeepAgent
from tests.support.waiting import paced


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """short.wav: 0.4 s of tone with 0.3 s of silence behind it, at 16 kHz; long.flac: 1.2 s at 8 kHz."""
    tmp_path = tmp_path_factory.mktemp("tones")
    for name, rate_hz, tone_s, silence_s in (("short.wav", 16000, 0.4, 0.3), ("long.flac", 8000, 1.2, 0.0)):
        t = np.arange(int(rate_hz * tone_s)) / rate_hz
        tone = np.concatenate([0.3 * np.sin(2 * np.pi * 700 * t), np.zeros(int(rate_hz * silence_s))])
        sf.write(tmp_path / name, tone, rate_hz)
    return tmp_path


async def ring(agent: BeepAgent, folder: Path, steps: str, **options: object) -> tuple[CallReport, SandboxCall]:
    (folder / "script.toml").write_text(steps)
    script = load_script(folder / "script.toml")
    async with asyncio.timeout(30), agent.serving():
        call = SandboxCall(script, agent.url, auth_token=TOKEN, **options)
        return await call.run(), call


def paths(agent: BeepAgent) -> list[str]:
    return [path for path, _ in agent.seen.posts]


TWO_SHORT = '[[step]]\nsay = "short.wav"\n' * 2
TWO_TURNS = '[[step]]\nsay = "short.wav"\ntext = "one"\n[[step]]\nsay = "long.flac"\ntext = "two"\n'


@pytest.fixture(scope="module")
def served_call(tones: Path) -> tuple[BeepAgent, CallReport, SandboxCall]:
    """One ordinary call of two turns, which several tests look at."""
    agent = BeepAgent(greeting_ms=333, answer_ms=200, turns=2)
    sent = {}
    agent.on_start = lambda socket, sid: sent.update(greeting=asyncio.get_running_loop().time())
    report, call = asyncio.run(ring(agent, tones, TWO_TURNS))
    agent.seen.marks.insert(0, ("greeting sent", sent["greeting"]))
    return agent, report, call


async def test_a_known_delay_is_measured(tones: Path) -> None:
    delays_ms = (200, 500)
    agents = [BeepAgent(delay_ms=ms, greeting_ms=100, answer_ms=250, turns=2) for ms in delays_ms]
    calls = await asyncio.gather(*(ring(agent, tones, TWO_TURNS) for agent in agents))
    for delay_ms, (report, _) in zip(delays_ms, calls, strict=True):
        assert report.served, report.errors
        assert report.ended_by == "agent hung up"
        assert [said.text for said in report.spoken] == ["one", "two"]
        for said in report.spoken:  # the agent answers with the frame in which its delay is over: up to 20 ms later
            assert said.voice_to_voice_ms is not None
            assert -5 <= said.voice_to_voice_ms - delay_ms <= 25
        assert abs(report.spoken[0].speech_end_ms - report.spoken[0].speech_start_ms - 400) <= 15
        assert report.greeting_ms is not None
        assert report.greeting_ms < 50
        assert abs(report.ear.heard_ms - 100 - 2 * 250) <= 1
        assert (report.ear.late_ms, report.ear.gaps) == (0, 0)


def test_messages_webhooks_and_their_order(served_call: tuple[BeepAgent, CallReport, SandboxCall]) -> None:
    agent, report, call = served_call
    assert agent.seen.unsigned == []
    core = [path for path in paths(agent) if path != "/twilio/stream-status"]
    assert core == ["/twilio/voice", "/twilio/after", "/twilio/status"]
    assert [form["StreamEvent"] for path, form in agent.seen.posts if path == "/twilio/stream-status"] == [
        "stream-started",
        "stream-stopped",
    ]
    voice, after, status = (dict(agent.seen.posts)[path] for path in core)
    assert voice["CallStatus"] == "ringing"
    assert voice["Direction"] == "inbound"
    assert len(voice["CallSid"]) == 34
    assert (after["CallStatus"], after["CallSid"]) == ("in-progress", voice["CallSid"])
    assert (status["CallStatus"], int(status["CallDuration"])) == ("completed", -(-report.duration_ms // 1000))
    messages = agent.seen.messages
    assert [m["event"] for m in messages[:3]] == ["connected", "start", "media"]
    assert messages[1]["start"]["customParameters"] == {"k": "v&w"}
    assert messages[1]["start"]["callSid"] == voice["CallSid"] == call.call_sid
    assert [int(m["sequenceNumber"]) for m in messages[1:]] == list(range(1, len(messages)))
    media = [m["media"] for m in messages if m["event"] == "media"]
    assert [int(m["chunk"]) for m in media] == list(range(1, len(media) + 1))
    assert [int(m["timestamp"]) for m in media] == list(range(0, 20 * len(media), 20))
    assert report.twiml == ["<Connect><Stream> then /twilio/after", "<Hangup>"]
    assert "tok" not in json.dumps(report.as_dict())


def test_pacing_does_not_drift(served_call: tuple[BeepAgent, CallReport, SandboxCall]) -> None:
    agent, report, _ = served_call
    arrivals = np.array(agent.seen.arrivals_s)
    off_ms = (arrivals - arrivals[0]) * 1000 - 20 * np.arange(len(arrivals))
    assert len(arrivals) > 100
    assert abs(np.median(off_ms[-25:]) - np.median(off_ms[:25])) < 4
    # A frame may be under way when the agent closes; of a late machine, those that it then makes up for.
    assert 0 <= report.pacing.frames - len(arrivals) <= 1 + report.pacing.max_ms // 20
    assert 0 <= report.pacing.p99_ms <= report.pacing.max_ms


def test_marks_come_back_when_their_audio_has_played(
    served_call: tuple[BeepAgent, CallReport, SandboxCall],
) -> None:
    agent, report, _ = served_call
    marks = dict(agent.seen.marks)
    assert list(marks) == ["greeting sent", "greeting", "answer-1", "answer-2"]
    late_ms = (marks["greeting"] - marks["greeting sent"]) * 1000 - 333
    # Not rounded up to the next frame; but no more in time than this machine's own frames were.
    assert -2 <= late_ms < 15 + report.pacing.max_ms


async def test_interruption_is_timed_and_clear_is_obeyed(tones: Path) -> None:
    agent = BeepAgent(greeting_ms=100, answer_ms=5000, turns=3)
    steps = (
        '[[step]]\nsay = "short.wav"\n[[step]]\nsay = "long.flac"\ninterrupt_after_ms = 500\n[[step]]\nhang_up = true\n'
    )
    report, call = await ring(agent, tones, steps)
    first, second = report.spoken
    assert report.ended_by == "caller hung up"
    assert second.interrupted
    assert second.barge_in_stop_ms is not None
    assert 0 <= second.barge_in_stop_ms <= 60
    assert first.answer_ms is not None
    assert abs(second.speech_start_ms - first.answer_ms - 500) <= 40
    assert not second.expects_answer
    assert [name for name, _ in agent.seen.marks][:2] == ["greeting", "answer-1"]  # the clear gave the mark back
    assert agent.seen.messages[-1]["event"] == "stop"
    heard_ms = report.ear.heard_ms - 100
    assert 450 <= heard_ms <= 700
    wav = tones / "call.wav"
    call.write_wav(wav)
    with wave.open(str(wav)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    for channel, start_ms in ((0, second.speech_start_ms), (1, first.answer_ms)):
        at = start_ms * 8
        assert np.abs(sound[at + 8 : at + 808, channel].astype(int)).max() > 3000
        assert np.abs(sound[at - 400 : at - 80, channel].astype(int)).max() < 200


async def test_action_is_followed_and_the_stream_comes_back(tones: Path) -> None:
    agent = BeepAgent(greeting_ms=100, answer_ms=200, turns=1)
    again = agent.voice
    agent.after = [
        '<Play digits="42"/><Say>Back to you.</Say>' + again,
        '<Dial action="/twilio/after">+15550009</Dial>',
        "<Redirect>/twilio/after</Redirect>",
        "<Weather/><Hangup/>",
    ]
    report, _ = await ring(agent, tones, TWO_SHORT)
    assert report.served, report.errors
    assert report.streams == 2
    assert report.digits_played == ["42"]
    assert [(one.to, one.outcome) for one in report.dialled] == [("+15550009", "completed")]
    assert [verb.split(">")[0] + ">" for verb in report.twiml] == [
        "<Connect>",
        "<Play digits=42>",
        "<Say>",
        "<Connect>",
        "<Dial>",
        "<Redirect>",
        "<Weather>",
        "<Hangup>",
    ]
    dialled = [form for path, form in agent.seen.posts if form.get("DialCallStatus")]
    assert [form["DialCallStatus"] for form in dialled] == ["completed"]
    assert all(said.voice_to_voice_ms is not None for said in report.spoken)
    sids = [m["streamSid"] for m in agent.seen.messages if m["event"] == "start"]
    assert len(set(sids)) == 2


async def test_drop_cuts_the_connection_without_stop(tones: Path) -> None:
    agent = BeepAgent()
    report, _ = await ring(agent, tones, '[[step]]\nsay = "short.wav"\n[[step]]\ndrop = true\n')
    assert report.ended_by == "caller dropped"
    assert "stop" not in [m["event"] for m in agent.seen.messages]
    assert agent.seen.close_codes == [1006]
    assert "/twilio/status" not in paths(agent)
    assert "/twilio/after" not in paths(agent)


async def test_after_a_drop_with_steps_left_the_carrier_asks_how_to_go_on(tones: Path) -> None:
    agent = BeepAgent(greeting_ms=100, answer_ms=200)
    agent.after = [agent.voice]
    steps = (
        '[[step]]\ndrop = true\nafter_ms = 100\n[[step]]\nsay = "short.wav"\n[[step]]\nhang_up = true\nafter_ms = 200\n'
    )
    report, _ = await ring(agent, tones, steps)
    assert report.served, report.errors
    assert report.streams == 2
    assert agent.seen.close_codes[0] == 1006


def cutting(agent: BeepAgent, after_s: float, times: int) -> None:
    """Let the service lose its socket, so long after the stream's beginning, as a killed worker does."""

    def start(socket: object, sid: str) -> None:
        nonlocal times
        if times:
            times -= 1
            asyncio.get_running_loop().call_later(after_s, socket._req.transport.abort)  # type: ignore[attr-defined]

    agent.on_start = start


LONG = '[[step]]\nsay = "long.flac"\ntext = "long"\n[[step]]\nhang_up = true\nafter_ms = 200\n'


async def losing(folder: Path, times: int) -> tuple[BeepAgent, CallReport]:
    agent = BeepAgent(greeting_ms=100, answer_ms=200)
    agent.after = [agent.voice] * times
    cutting(agent, 0.9, times)
    report, _ = await ring(agent, folder, LONG)
    return agent, report


async def test_words_that_a_lost_stream_cut_off_are_said_again_but_only_once(tones: Path) -> None:
    (agent, report), (_, again) = await asyncio.gather(losing(tones, times=1), losing(tones, times=2))
    assert report.served, report.errors
    assert (report.streams, report.ended_by) == (2, "caller hung up")
    first, second = report.spoken
    assert first.speech_end_ms - first.speech_start_ms < 800 < 1150 < second.speech_end_ms - second.speech_start_ms
    assert second.voice_to_voice_ms is not None
    assert any("error 31921" in warning for warning in report.warnings)
    assert any("said again" in warning for warning in report.warnings)
    assert report.error_codes == [31921]
    after = next(form for path, form in agent.seen.posts if path == "/twilio/after")
    assert after["StreamSid"].startswith("MZ")
    events = [form["StreamEvent"] for path, form in agent.seen.posts if path == "/twilio/stream-status"]
    assert sorted(events) == ["stream-started"] * 2 + ["stream-stopped"] * 2
    starts = [index for index, message in enumerate(agent.seen.messages) if message["event"] == "start"]
    assert "stop" not in [message["event"] for message in agent.seen.messages[: starts[1]]]

    assert again.streams == 3
    assert [said.text for said in again.spoken] == ["long", "long"]
    assert "not said a third time" in again.errors[0]
    assert not again.served


async def test_streams_and_gathers_share_the_script(tones: Path) -> None:
    agent = BeepAgent(greeting_ms=100, answer_ms=200, turns=1)
    agent.after = [
        '<Gather input="speech" action="/twilio/after"><Say>And now?</Say></Gather>',
        f"<Say>Once more.</Say>{agent.voice}",
    ]
    steps = '[[step]]\nsay = "short.wav"\n[[step]]\nsay_text = "now in words"\n[[step]]\nsay = "short.wav"\n'
    report, _ = await ring(agent, tones, steps, say_ms_per_word=0)
    assert report.served, report.errors
    assert [f"{one.who}/{one.by}: {one.text}" for one in report.conversation] == [
        "agent/stream: ",
        "agent/say: And now?",
        "caller/speech: now in words",
        "agent/say: Once more.",
        "agent/stream: ",
    ]
    assert (report.streams, report.gathers, report.hops) == (2, 1, 3)
    assert len(report.spoken) == 2


async def test_a_script_of_words_alone_ends_at_once_in_a_stream(tones: Path) -> None:
    report, _ = await ring(BeepAgent(greeting_ms=2000), tones, '[[step]]\nsay_text = "hello"\n' * 3)
    (error,) = report.errors
    assert "say_text = 'hello' has no sound" in error
    assert "OFFHOOK_MODE=gather" in error
    assert report.duration_ms < 1000
    assert not report.served


async def test_keys_and_their_answer(tones: Path) -> None:
    agent = BeepAgent(greeting_ms=100, answer_ms=200, turns=1)
    report, _ = await ring(agent, tones, '[[step]]\nkeys = "47#"\nkey_gap_ms = 100\n')
    assert [m["dtmf"]["digit"] for m in agent.seen.messages if m["event"] == "dtmf"] == ["4", "7", "#"]
    assert report.served, report.errors
    assert report.spoken[0].by == "keys"
    assert abs(report.spoken[0].speech_end_ms - report.spoken[0].speech_start_ms - 200) <= 20


async def test_a_silent_agent_serves_nobody(tones: Path) -> None:
    agent = BeepAgent(greeting_ms=0, delay_ms=60_000)
    steps = '[[step]]\nsay = "short.wav"\nwait_s = 0.2\n[[step]]\nwait_for_hang_up = true\nwait_s = 0.5\n'
    report, _ = await ring(agent, tones, steps)
    assert not report.served
    assert report.greeting_ms is None
    assert report.spoken[0].answer_ms is None
    assert "did not hang up" in report.errors[0]
    assert report.spoken[0].speech_start_ms < 300


async def test_late_audio_is_seen(tones: Path) -> None:
    """An agent that leaves a hole of 150 ms in its greeting."""
    agent = BeepAgent(greeting_ms=100, turns=1)

    def more_later(socket: object, sid: str) -> None:
        async def send() -> None:
            await paced(0.25)
            payload = json.loads(json.dumps({"event": "media", "streamSid": sid, "media": {"payload": "AAAA" * 200}}))
            await socket.send_str(json.dumps(payload))  # type: ignore[attr-defined]

        agent.task = asyncio.create_task(send())  # type: ignore[attr-defined]

    agent.on_start = more_later
    report, _ = await ring(agent, tones, '[[step]]\nsay = "short.wav"\n')
    assert report.ear.gaps == 1
    assert 130 <= report.ear.worst_gap_ms <= 175
    assert 0.1 < report.ear.late_share < 0.2


@pytest.mark.parametrize(
    ("voice", "says"),
    [
        ("<Connect><Stream url='/media/other'/></Connect>", "31920"),
        ("<Connect><Stream url='ws://127.0.0.1:1/media'/></Connect>", "31902"),
        ("<Connect><Stream url='/media/tok?x=1'/></Connect>", "query string"),
        ("<Connect><Stream url='ftp://h/media'/></Connect>", "31922"),
        ("<Redirect>/twilio/voice</Redirect>", "circles"),
        ("<Connect>", "not XML"),
        ("<Redirect>/nowhere</Redirect>", "404"),
    ],
)
async def test_a_service_that_goes_wrong_is_told_in_words(tones: Path, voice: str, says: str) -> None:
    agent = BeepAgent()
    agent.voice = voice
    report, _ = await ring(agent, tones, TWO_TURNS)
    assert not report.served
    assert any(says in error for error in report.errors), report.errors


async def test_nobody_there(tones: Path) -> None:
    call = SandboxCall(load_script(tones / "short.wav"), "http://127.0.0.1:1", auth_token=TOKEN)
    report = await call.run()
    assert not report.served
    assert report.ended_by.startswith("error 11200: POST http://127.0.0.1:1/twilio/voice: Cannot connect")
    assert report.error_codes == [11200]


async def test_command_prints_and_returns_its_verdict(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = BeepAgent(greeting_ms=100, answer_ms=200, turns=1)
    async with agent.serving():
        settings = Settings(twilio_auth_token=SecretStr(TOKEN), calls_dir=tones / "calls")
        code = await command.ring(settings, str(tones / "short.wav"), to=agent.url, wav=tones / "out.wav", as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (report["verdict"], report["answered"], report["served"]) == ("answered", True, None)  # nothing is on record
    assert (tones / "out.wav").stat().st_size > 16_000
    assert report["spoken"][0]["text"] == "short.wav"
