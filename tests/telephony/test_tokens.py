"""One-call tokens: nothing but an unspent, unexpired, untouched token of this worker admits a socket."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import LocalError
from telephony import tokens
from telephony.tokens import LIFETIME_MS, TokenDesk, TokenRefused

SECRET = bytes(range(32))
CALL = "CA" + "0123456789abcdef" * 2


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000

    def __call__(self) -> int:
        return self.ms


def desk(clock: Clock | None = None, *, secret: bytes = SECRET, worker: str = "w1", seed: int = 1) -> TokenDesk:
    return TokenDesk(secret, worker, now_ms=clock or Clock(), random_bytes=random.Random(seed).randbytes)


def test_a_token_admits_its_call_once() -> None:
    one = desk()
    token = one.mint(CALL)
    assert one.verify(token) == CALL
    assert one.check(token) == CALL
    with pytest.raises(TokenRefused, match="spent"):
        one.check(token)
    with pytest.raises(TokenRefused, match="spent"):
        one.verify(token)


def test_a_token_opens_only_what_it_was_made_for_and_lives_as_long_as_that() -> None:
    clock = Clock()
    events = TokenDesk(
        SECRET, "w1", now_ms=clock, random_bytes=random.Random(1).randbytes, purpose="events", lifetime_ms=5_000
    )
    token = events.mint(CALL)
    with pytest.raises(TokenRefused, match="not of our making"):
        desk(clock).verify(token)
    with pytest.raises(TokenRefused, match="not of our making"):
        events.verify(desk(clock).mint(CALL))
    clock.ms += 4_999
    assert events.verify(token) == CALL
    clock.ms += 1
    with pytest.raises(TokenRefused, match="expired"):
        events.verify(token)


def test_two_tokens_of_one_call_are_two_tokens() -> None:
    one = desk()
    first, second = one.mint(CALL), one.mint(CALL)
    assert first != second
    assert one.check(first) == one.check(second) == CALL


def test_a_token_lives_sixty_seconds() -> None:
    clock = Clock()
    one = desk(clock)
    early, late = one.mint(CALL), one.mint(CALL)
    clock.ms += LIFETIME_MS - 1
    assert one.check(early) == CALL
    clock.ms += 1
    with pytest.raises(TokenRefused, match="expired"):
        one.check(late)


@pytest.mark.parametrize("other", [desk(secret=SECRET[::-1]), desk(worker="w2")], ids=["key", "worker"])
def test_another_key_or_worker_refuses(other: TokenDesk) -> None:
    with pytest.raises(TokenRefused):
        other.check(desk().mint(CALL))


def test_a_token_fits_into_a_path() -> None:
    token = desk().mint(CALL)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(token) < 200


@pytest.mark.parametrize("call_sid", ["", "a b", "x\ny", "é", "a/b", "a" * 65])
def test_a_strange_call_id_gets_no_token(call_sid: str) -> None:
    with pytest.raises(LocalError):
        desk().mint(call_sid)


def test_a_short_key_or_a_strange_worker_is_told() -> None:
    with pytest.raises(LocalError, match="16 bytes"):
        desk(secret=b"short")
    with pytest.raises(LocalError, match="worker id"):
        desk(worker="a\nb")


def test_the_message_never_holds_the_token() -> None:
    one = desk()
    token = one.mint(CALL)
    with pytest.raises(TokenRefused) as refusal:
        one.check(token[:-1] + ("A" if token[-1] != "A" else "B"))
    assert token[:20] not in str(refusal.value)


def test_memory_of_spent_tokens_is_bounded_and_forgets_what_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_SPENT", 3)
    clock = Clock()
    one = desk(clock)
    for _ in range(3):
        one.check(one.mint(CALL))
    with pytest.raises(TokenRefused, match="too many"):
        one.check(one.mint(CALL))
    clock.ms += LIFETIME_MS + 5_000
    assert one.check(one.mint(CALL)) == CALL
    assert len(one._spent) == 1


@given(st.text(max_size=450))
def test_no_made_up_text_is_a_token(text: str) -> None:
    with pytest.raises(TokenRefused):
        desk().check(text)


@given(position=st.integers(0, 10_000), char=st.sampled_from("ABCxyz019-_.=+/ \n"), cut=st.booleans())
def test_no_changed_token_is_a_token(position: int, char: str, cut: bool) -> None:
    one = desk()
    token = one.mint(CALL)
    at = position % len(token)
    forged = token[:at] + token[at + 1 :] if cut else token[:at] + char + token[at + 1 :]
    if forged != token:
        with pytest.raises(TokenRefused):
            one.check(forged)
    assert one.check(token) == CALL, "a forgery must not spend the true one"


@given(call=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), expires=st.integers(0, 10**12))
def test_a_body_is_worth_nothing_without_its_mac(call: str, expires: int) -> None:
    true_mac = desk().mint(CALL).partition(".")[2]
    body = base64.urlsafe_b64encode(f"{call}\nw1\n{expires}\nAAAAAAAAAAAAAAAAAAAAAA".encode()).rstrip(b"=").decode()
    with pytest.raises(TokenRefused):
        desk().check(f"{body}.{true_mac}")
