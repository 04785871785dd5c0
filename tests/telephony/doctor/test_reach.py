"""What answers mean: a table of proxies, tunnels and services."""

from __future__ import annotations

import pytest

from telephony.doctor.reach import judge_page, judge_upgrade, judge_webhook
from telephony.doctor.refusals import Answer, NoAnswer, explain, who

BASE = "https://agent.example.com"
OURS = {"offhook-instance": "1a2b3c4d"}


def page(seen: str, **more: str) -> Answer:
    return Answer(200, {**OURS, "offhook-seen": seen, **more})


@pytest.mark.parametrize(
    ("answer", "here", "level", "said"),
    [
        (page("public, x-forwarded-for"), "1a2b3c4d", "ok", "(instance 1a2b3c4d); proxy headers: x-forwarded-for"),
        (page("public"), "1a2b3c4d", "ok", "proxy headers: none"),
        (page("public, cf-ray"), "ffffffff", "failed", "leads to another Offhook"),
        (page("public, cf-ray"), None, "warning", "whether it is yours is open"),
        (page("other, via"), "1a2b3c4d", "warning", "with another Host"),
        (page("local, via"), "1a2b3c4d", "warning", "with another Host"),
        (page("local"), "1a2b3c4d", "failed", "as if this machine had sent it"),
        (Answer(200, {}, "<h1>Welcome to nginx!</h1>"), "1a2b3c4d", "failed", "the service was not asked"),
        (Answer(502, {"server": "nginx/1.22.1"}), None, "failed", "nginx answers 502: it does not reach"),
        (Answer(500, OURS), "1a2b3c4d", "failed", "the service answers 500"),
        (NoAnswer("no answer in 10 s"), None, "failed", "no answer in 10 s"),
    ],
)
def test_a_page(answer: Answer | NoAnswer, here: str | None, level: str, said: str) -> None:
    found = judge_page(answer, here, BASE)
    assert (found.level, said in found.said) == (level, True), found
    assert bool(found.mend) == (level != "ok")


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        (Answer(403, OURS), "ok", "it refused a bad token"),
        (Answer(403, {"offhook-instance": "other"}), "failed", "leads to another worker"),
        (Answer(403, {"server": "cloudflare"}), "failed", "Cloudflare answers 403 by itself"),
        (Answer(403, {"server": "cloudflare", "cf-mitigated": "challenge"}), "failed", "with a challenge"),
        (Answer(404, OURS), "failed", "as a plain request (404)"),
        (Answer(405, OURS), "failed", "as a plain request (405)"),
        (Answer(404, {"server": "awselb/2.0"}), "failed", "the AWS load balancer answers the upgrade with 404"),
        (Answer(400, {}), "failed", "ProxyFix"),
        (Answer(426, {}), "failed", "upgrade required"),
        (Answer(101, {}), "failed", "something else than Offhook"),
        (Answer(302, {"location": "https://login.example"}), "failed", "a redirect to 'https://login.example'"),
        (Answer(429, {}), "failed", "a rate limit"),
        (Answer(504, {}), "failed", "it does not reach the service"),
        (Answer(530, {"server": "cloudflare"}), "failed", "tunnel down"),
        (
            Answer(404, {"ngrok-error-code": "ERR_NGROK_3200"}),
            "failed",
            "ngrok (ERR_NGROK_3200) answers 404: it does n",
        ),
        (Answer(200, {}), "failed", "answers the upgrade with 200"),
        (NoAnswer("Server disconnected"), "failed", "Server disconnected"),
    ],
)
def test_an_upgrade(answer: Answer | NoAnswer, level: str, said: str) -> None:
    found = judge_upgrade(answer, "1a2b3c4d", BASE)
    assert (found.level, said in found.said) == (level, True), found
    assert found.said.startswith("wss://agent.example.com/media/")
    assert bool(found.mend) == (level != "ok")


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        (Answer(204, OURS), "ok", "was taken"),
        (Answer(204, {}), "failed", "the service was not asked"),
        (
            Answer(403, OURS),
            "failed",
            "the service refused a webhook signed over https://agent.example.com/twilio/status",
        ),
        (Answer(403, {}), "failed", "the proxy answers 403 by itself"),
        (Answer(413, OURS), "failed", "too big"),
        (Answer(415, OURS), "failed", "answers 415, which it should not"),
        (Answer(503, OURS), "failed", "look into its log"),
        (NoAnswer("no answer in 10 s"), "failed", "no answer"),
    ],
)
def test_a_webhook(answer: Answer | NoAnswer, level: str, said: str) -> None:
    found = judge_webhook(answer, BASE)
    assert found.level == level
    assert said in found.said + found.mend, found
    assert found.details[0] == "signed over: https://agent.example.com/twilio/status"
    if isinstance(answer, Answer) and answer.instance and answer.status in (204, 403):
        assert found.details[1:] == (
            "with these settings it would try: https://agent.example.com/twilio/status",
            "with these settings it would try: https://agent.example.com:443/twilio/status",
        )


@pytest.mark.parametrize(("seen", "named"), [("public", False), ("other", True), ("local, via", True)])
def test_a_refused_signature_is_laid_to_the_host_that_the_page_came_with(seen: str, named: bool) -> None:
    found = judge_webhook(Answer(403, OURS), BASE, page(seen))
    assert found.level == "failed"
    assert ("with another Host than https://agent.example.com" in found.said) is named
    assert ("Host header" in found.mend) is named
    assert judge_webhook(Answer(204, OURS), BASE, page(seen)).level == "ok"


@pytest.mark.parametrize("asked", ["page", "upgrade", "webhook"])
@pytest.mark.parametrize("headers", [{}, OURS])
def test_every_status_is_told_with_a_mend(asked: str, headers: dict[str, str]) -> None:
    for status in range(100, 600):
        said, mend = explain(Answer(status, headers), asked)  # type: ignore[arg-type]
        assert str(status) in said or status in (101, 413)
        assert len(mend) > 10


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"server": "nginx"}, "nginx"),
        ({"cf-ray": "1"}, "Cloudflare"),
        ({"server": "Caddy"}, "Caddy"),
        ({"server": "x"}, "the proxy"),
    ],
)
def test_who_answers(headers: dict[str, str], name: str) -> None:
    assert who(Answer(500, headers)) == name
