"""Signatures: who counts as local, what URL is signed, and that no changed request passes."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from werkzeug.datastructures import MultiDict

from telephony.twilio.signatures import NotSigned, Origin, SignatureCheck, signed_urls
from telephony.twilio.webhooks import parse_form

TOKEN = "0123456789abcdef"
PUBLIC = "https://agent.example.com"
FORM = [("CallSid", "CA1"), ("From", "+15551230000"), ("Blank", ""), ("Twice", "b"), ("Twice", "a"), ("Ünï", "ü b")]


def sign(url: str, form: list[tuple[str, str]] = FORM, token: str = TOKEN) -> bytes:
    """The signature by Twilio's description, written out here: no code of theirs or ours."""
    text = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest())


def check(public_origin: str = "") -> SignatureCheck:
    return SignatureCheck(SecretStr(TOKEN), public_origin=public_origin, port=8080)


def headers(signature: bytes, *more: tuple[bytes, bytes], host: bytes = b"127.0.0.1:8080") -> list[tuple[bytes, bytes]]:
    return [(b"host", host), (b"x-twilio-signature", signature), *more]


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST:8080"])
def test_a_local_request_is_signed_for_its_loopback_host(host: str) -> None:
    signature = sign(f"http://{host.lower()}/twilio/voice")
    origin = check().check(headers(signature, host=host.encode()), b"/twilio/voice", b"", MultiDict(FORM))
    assert origin == Origin(f"http://{host.lower()}")


@pytest.mark.parametrize(
    "host",
    [
        "agent.example.com",
        "127.0.0.1:8081",
        "127.0.0.1",
        "localhost.example.com:8080",
        "127.0.0.1:8080.example.com",
        "127.0.0.1:8080@example.com",
        "[::2]:8080",
        "127.1:8080",
        "",
    ],
)
def test_any_other_host_is_never_local(host: str) -> None:
    signature = sign(f"http://{host}/twilio/voice")
    with pytest.raises(NotSigned, match="no public origin"):
        check().check(headers(signature, host=host.encode()), b"/twilio/voice", b"", MultiDict(FORM))


@pytest.mark.parametrize(
    "name",
    [
        b"forwarded",
        b"Via",
        b"x-forwarded-for",
        b"X-Forwarded-Proto",
        b"x-forwarded-host",
        b"x-real-ip",
        b"cf-connecting-ip",
        b"CF-Ray",
        b"true-client-ip",
    ],
)
def test_a_forwarded_request_is_never_local(name: bytes) -> None:
    signature = sign("http://127.0.0.1:8080/twilio/voice")
    with pytest.raises(NotSigned):
        check().check(headers(signature, (name, b"x")), b"/twilio/voice", b"", MultiDict(FORM))


def test_two_hosts_are_not_local() -> None:
    signature = sign("http://127.0.0.1:8080/twilio/voice")
    twice = headers(signature, (b"host", b"127.0.0.1:8080"))
    with pytest.raises(NotSigned):
        check().check(twice, b"/twilio/voice", b"", MultiDict(FORM))


def test_on_port_80_the_host_has_no_port() -> None:
    on_80 = SignatureCheck(SecretStr(TOKEN), public_origin="", port=80)
    signature = sign("http://localhost/twilio/voice")
    assert on_80.check(headers(signature, host=b"localhost"), b"/twilio/voice", b"", MultiDict(FORM))


@pytest.mark.parametrize(
    ("signed", "raw_path", "query"),
    [
        (f"{PUBLIC}/twilio/voice", b"/twilio/voice", b""),
        (f"{PUBLIC}:443/twilio/voice", b"/twilio/voice", b""),
        (f"{PUBLIC}/twilio/voice?a=%20b&c=%2B", b"/twilio/voice", b"a=%20b&c=%2B"),
        (f"{PUBLIC}/twilio/v%6Fice", b"/twilio/v%6Fice", b""),
    ],
)
def test_the_configured_origin_is_what_is_signed(signed: str, raw_path: bytes, query: bytes) -> None:
    proxied = headers(sign(signed), (b"x-forwarded-for", b"1.2.3.4"), host=b"10.0.0.7:8080")
    assert check(PUBLIC).check(proxied, raw_path, query, MultiDict(FORM)) == Origin(PUBLIC)


@pytest.mark.parametrize(
    "signed",
    [
        "https://evil.example.com/twilio/voice",
        "http://agent.example.com/twilio/voice",
        "wss://agent.example.com/twilio/voice",
        f"{PUBLIC}/twilio/after",
        f"{PUBLIC}/twilio/voice/",
        f"{PUBLIC}/twilio/voice?a=b",
    ],
)
def test_another_url_does_not_fit(signed: str) -> None:
    request = headers(sign(signed), host=b"evil.example.com")
    with pytest.raises(NotSigned, match="does not fit"):
        check(PUBLIC).check(request, b"/twilio/voice", b"", MultiDict(FORM))


def test_a_refusal_names_the_exact_strings_that_were_tried() -> None:
    signed = sign("https://agent.example.com/twilio/voice/")
    with pytest.raises(NotSigned) as refusal:
        check("https://agent.example.com").check(headers(signed), b"/twilio/voice", b"a=%20b", MultiDict(FORM))
    for url in (
        "https://agent.example.com/twilio/voice?a=%20b",
        "https://agent.example.com:443/twilio/voice?a=%20b",
        "http://127.0.0.1:8080/twilio/voice?a=%20b",
    ):
        assert f"'{url}'" in str(refusal.value)
    assert signed.decode() not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "tried"),
    [
        ("https://a.example/x", ["https://a.example/x", "https://a.example:443/x"]),
        ("https://a.example:8443/x?y", ["https://a.example/x?y", "https://a.example:8443/x?y"]),
        ("http://127.0.0.1:8080/x", ["http://127.0.0.1/x", "http://127.0.0.1:8080/x"]),
    ],
)
def test_the_strings_tried_are_those_that_are_accepted(url: str, tried: list[str]) -> None:
    assert signed_urls(url) == tried
    origin, _, path = url.partition("/x")
    one = SignatureCheck(SecretStr(TOKEN), public_origin=origin, port=1)
    for text in tried:
        assert one.check(headers(sign(text)), b"/x", path.removeprefix("?").encode(), MultiDict(FORM)).url == origin


@pytest.mark.parametrize(
    ("host", "more", "said"),
    [
        (b"agent.example.com", [], "public"),
        (b"Agent.Example.com:443", [(b"X-Forwarded-For", b"1.2.3.4"), (b"Via", b"x")], "public, via, x-forwarded-for"),
        (b"127.0.0.1:8080", [(b"CF-Ray", b"secret")], "local, cf-ray"),
        (b"elsewhere.example", [(b"Cookie", b"secret")], "other"),
    ],
)
def test_how_a_request_came_is_told_by_names_only(host: bytes, more: list[tuple[bytes, bytes]], said: str) -> None:
    assert check("https://agent.example.com").seen([(b"Host", host), *more]) == said


def test_with_a_public_origin_this_machine_may_still_call() -> None:
    local = headers(sign("http://127.0.0.1:8080/twilio/voice"))
    assert check(PUBLIC).check(local, b"/twilio/voice", b"", MultiDict(FORM)) == Origin("http://127.0.0.1:8080")


def test_a_silent_proxy_that_sends_its_own_host_still_means_the_public_origin() -> None:
    assert check(PUBLIC).check(headers(sign(f"{PUBLIC}/x")), b"/x", b"", MultiDict(FORM)) == Origin(PUBLIC)


@pytest.mark.parametrize("target", [b"http://127.0.0.1:8080/twilio/voice", b"*", b"", b"@evil.example/x"])
def test_a_target_that_is_no_path_is_refused(target: bytes) -> None:
    with pytest.raises(NotSigned, match="not a path"):
        check().check(headers(sign("http://127.0.0.1:8080" + target.decode())), target, b"", MultiDict(FORM))


def test_a_missing_or_doubled_signature_is_refused() -> None:
    with pytest.raises(NotSigned, match="no signature"):
        check().check([(b"host", b"127.0.0.1:8080")], b"/x", b"", MultiDict(FORM))
    good = sign("http://127.0.0.1:8080/x")
    with pytest.raises(NotSigned, match="more than one"):
        check().check(headers(good, (b"X-Twilio-Signature", good)), b"/x", b"", MultiDict(FORM))


fields = st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), max_size=6)


@given(form=fields, other=fields)
def test_a_form_passes_if_and_only_if_it_is_the_signed_one(
    form: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    try:
        request = headers(sign("http://127.0.0.1:8080/x", form))
    except UnicodeEncodeError:  # a lone surrogate is no text that a form could carry
        return
    assert check().check(request, b"/x", b"", MultiDict(form))
    written = "".join(name + value for name, value in sorted(set(form)))
    if written != "".join(name + value for name, value in sorted(set(other))):
        with pytest.raises((NotSigned, UnicodeEncodeError)):
            check().check(request, b"/x", b"", MultiDict(other))


@given(st.binary(max_size=40))
def test_no_other_bytes_are_a_signature(signature: bytes) -> None:
    with pytest.raises(NotSigned):
        check().check(headers(signature), b"/x", b"", MultiDict(FORM))


@pytest.mark.parametrize(
    "signed", ["wss://{h}/media/t", "https://{h}/media/t", "wss://{h}/media/t/", "wss://{h}:443/media/t"]
)
def test_every_reported_way_of_signing_an_upgrade_fits(signed: str) -> None:
    request = headers(sign(signed.format(h="agent.example.com"), []), host=b"agent.example.com")
    assert check(PUBLIC).check_upgrade(request, b"/media/t") is True


def test_an_upgrade_signed_for_elsewhere_or_not_at_all_is_told_apart() -> None:
    wrong = headers(sign("wss://evil.example.com/media/t", []), host=b"agent.example.com")
    assert check(PUBLIC).check_upgrade(wrong, b"/media/t") is False
    assert check(PUBLIC).check_upgrade([(b"host", b"agent.example.com")], b"/media/t") is None
    assert check().check_upgrade(headers(sign("ws://127.0.0.1:8080/media/t", [])), b"/media/t") is True


def test_a_form_is_parsed_as_it_was_signed() -> None:
    form = parse_form(b"CallSid=CA1&Blank=&Twice=b&Twice=a&Plus=a+b%2B&Space=%20x%20")
    assert form.getlist("Twice") == ["b", "a"]
    assert form["Blank"] == ""
    assert form["Plus"] == "a b+"
    assert form["Space"] == " x "
    with pytest.raises(ValueError, match="fields"):
        parse_form(b"&".join(b"a=%d" % number for number in range(1001)))
