"""Settings: where they come from, and what a mistake says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent.errors import LocalError
from telephony.auth import auth_token, kept_secret, worker_secret
from telephony.settings import Route, check_origin, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith(("OFFHOOK_", "TWILIO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_serve_this_machine_only() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.public_origin) == ("127.0.0.1", 8080, "")
    assert settings.agent == "parcel-desk"
    assert settings.agent_data_dir("x") == Path("data/agents/x")


def test_given_beats_environment_beats_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("offhook.toml").write_text('port = 1\nmax_calls = 2\nagents_dir = ["a", "b"]\nhost = "0.0.0.0"\n')
    monkeypatch.setenv("OFFHOOK_PORT", "3")
    monkeypatch.setenv("OFFHOOK_MAX_CALLS", "4")
    settings = load_settings(port=5, host=None)
    assert (settings.port, settings.max_calls, settings.host) == (5, 4, "0.0.0.0")
    assert settings.agents_dir == (Path("a"), Path("b"))


def test_agents_dir_in_the_environment_is_written_like_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_AGENTS_DIR", os.pathsep.join(["one", "two"]))
    assert load_settings().agents_dir == (Path("one"), Path("two"))


def test_empty_variables_mean_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_PORT", "")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "  ")
    settings = load_settings()
    assert settings.port == 8080
    assert settings.twilio_auth_token is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OFFHOOK_PORT", "eighty", "OFFHOOK_PORT = 'eighty': input should be a valid integer"),
        ("OFFHOOK_PORT", "70000", "OFFHOOK_PORT = '70000': input should be less than or equal to 65535"),
        ("OFFHOOK_PUBLIC_ORIGIN", "http://a.example", "OFFHOOK_PUBLIC_ORIGIN = 'http://a.example': must begin with"),
        ("OFFHOOK_LOG_LEVEL", "loud", "OFFHOOK_LOG_LEVEL = 'loud': input should be 'debug', 'info'"),
        ("OFFHOOK_MAX_CALLS", "0", "OFFHOOK_MAX_CALLS = '0': input should be greater than or equal to 1"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(LocalError) as error:
        load_settings()
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host = 'x'\nprt = 1\n", "offhook.toml, line 2: unknown key prt; did you mean port?"),
        ("zzz = 1\n", "offhook.toml, line 1: unknown key zzz; known are host, port"),
        ("host = 'x'\nport = 'x'\n", "offhook.toml, line 2: port = 'x': input should be a valid integer"),
        ("port = \n", "offhook.toml is not TOML: "),
        ("TWILIO_AUTH_TOKEN = 'x'\n", "offhook.toml, key TWILIO_AUTH_TOKEN: secrets come from the environment only"),
    ],
)
def test_a_bad_file_is_named_with_its_line(text: str, said: str) -> None:
    Path("offhook.toml").write_text(text)
    with pytest.raises(LocalError) as error:
        load_settings()
    assert str(error.value).startswith(said)


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalError, match=r"there is no settings file other\.toml"):
        load_settings(Path("other.toml"))
    monkeypatch.setenv("OFFHOOK_CONFIG", "third.toml")
    with pytest.raises(LocalError, match=r"third\.toml"):
        load_settings()


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "very-secret")
    settings = load_settings()
    assert "very-secret" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert auth_token(settings).get_secret_value() == "very-secret"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://A.Example.com/", "https://a.example.com"),
        ("https://a.example:443", "https://a.example"),
        ("https://a.example:8443", "https://a.example:8443"),
    ],
)
def test_an_origin_is_normalised(given: str, kept: str) -> None:
    assert check_origin(given) == kept


@pytest.mark.parametrize(
    "origin",
    ["a.example", "wss://a.example", "https://", "https://a/path", "https://a?x", "https://u:p@a", "https://a:x"],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="https://agent"):
        check_origin(origin)


def test_a_secret_is_made_once_and_only_its_owner_reads_it() -> None:
    settings = load_settings()
    token = auth_token(settings)
    file = Path("data/auth-token")
    assert file.stat().st_mode & 0o777 == 0o600
    assert auth_token(load_settings()) == token
    assert len(token.get_secret_value()) == 64
    assert len(worker_secret(settings)) == 32
    assert worker_secret(settings).hex() != token.get_secret_value()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_open_to_others_is_refused(mode: int) -> None:
    file = Path("data/auth-token")
    auth_token(load_settings())
    file.chmod(mode)
    with pytest.raises(LocalError, match=f"open to others \\(mode {mode:04o}\\)"):
        auth_token(load_settings())


@pytest.mark.parametrize("content", ["", "short", "z" * 64])
def test_a_file_that_holds_no_secret_is_refused(content: str) -> None:
    path = Path("secret")
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(LocalError, match="does not hold a secret"):
        kept_secret(path)


def test_a_link_is_not_followed() -> None:
    kept_secret(Path("true"))
    Path("link").symlink_to("true")
    with pytest.raises(LocalError, match="cannot be read"):
        kept_secret(Path("link"))


def test_a_full_disk_leaves_no_half_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("data/worker-secret")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(LocalError, match="worker-secret cannot be written: No space left on device"):
            kept_secret(path)
    assert list(path.parent.iterdir()) == []
    assert len(kept_secret(path)) == 64


def test_of_two_that_start_together_both_have_the_same_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    path, link, theirs = Path("data/worker-secret"), os.link, "ab" * 32

    def beaten(source: object, target: Path) -> None:
        target.touch(mode=0o600)
        target.write_text(theirs + "\n")
        link(str(source), target)

    monkeypatch.setattr(os, "link", beaten)
    assert kept_secret(path) == theirs
    assert [file.name for file in path.parent.iterdir()] == ["worker-secret"]


def test_a_secret_that_is_there_needs_no_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("data/worker-secret")
    secret = kept_secret(path)
    monkeypatch.delattr(os, "link")
    path.parent.chmod(0o500)
    assert kept_secret(path) == secret
    path.parent.chmod(0o700)


def test_a_public_origin_needs_the_real_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalError, match="TWILIO_AUTH_TOKEN is not set: set it to"):
        auth_token(load_settings(public_origin="https://a.example"))
    assert not Path("data").exists()
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "real")
    assert auth_token(load_settings(public_origin="https://a.example")).get_secret_value() == "real"


def test_numbers_say_which_agent_answers_and_how() -> None:
    Path("offhook.toml").write_text(
        'agent = "desk"\n[numbers]\n"+1 (555) 0100" = "sales"\n'
        '"+15550101" = { mode = "gather", max_hops = 10 }\n"sip:Help@Example.org" = "help"\n'
    )
    settings = load_settings()
    assert settings.route("+15550100") == Route(agent="sales")
    assert settings.route("+15550101") == Route(agent="desk", mode="gather", max_hops=10)
    assert settings.route("sip:help@example.org;transport=udp") == Route(agent="help")
    assert settings.route("+15550199") == Route(agent="desk")
    assert settings.agents() == ("desk", "sales", "help")


def test_numbers_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_NUMBERS", '{"+15550100": "sales", "+15550101": {"mode": "gather"}}')
    monkeypatch.setenv("OFFHOOK_MODE", "gather")
    settings = load_settings()
    assert settings.route("+15550100") == Route(agent="sales")
    assert settings.route("+15550101").mode == settings.route("anonymous").mode == "gather"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('"my phone" = "sales"', "line 1: numbers: 'my phone' is no number or address"),
        ('"+15550100" = { mode = "smoke" }', "line 2: numbers +15550100 mode = 'smoke': input should be 'stream' or"),
        ('"+15550100" = { agnet = "x" }', "line 2: numbers +15550100: 'agnet' is not known; did you mean 'agent'?"),
        ('"5550100" = "sales"', "'5550100' is no number or address: write it as the carrier does, with + and country"),
        ('"+15550100" = { max_hops = 10 }', 'line 2: numbers +15550100: max_hops belongs to mode = "gather"'),
        ('[numbers."+15550100"]\nmode = "smoke"', "line 3: numbers +15550100 mode = 'smoke': input"),
    ],
)
def test_a_mistake_in_a_number_names_its_line(line: str, said: str) -> None:
    Path("offhook.toml").write_text(f"[numbers]\n{line}\n")
    with pytest.raises(LocalError) as caught:
        load_settings()
    assert said in str(caught.value)


def test_the_operators_token_is_long_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_OPERATOR_TOKEN", "short-secret")
    with pytest.raises(LocalError) as caught:
        load_settings()
    assert "OFFHOOK_OPERATOR_TOKEN: must have at least 16 characters" in str(caught.value)
    assert "short-secret" not in str(caught.value)
    monkeypatch.setenv("OFFHOOK_OPERATOR_TOKEN", "a-long-enough-secret")
    assert "a-long-enough-secret" not in repr(load_settings())


def test_the_operators_token_does_not_stand_in_a_file() -> None:
    Path("offhook.toml").write_text('operator_token = "a-long-enough-secret"\n')
    with pytest.raises(LocalError, match="set OFFHOOK_OPERATOR_TOKEN there instead"):
        load_settings()


def test_numbers_that_are_no_json_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_NUMBERS", "+15550100=parcel-desk")
    with pytest.raises(LocalError, match="OFFHOOK_NUMBERS is no JSON: write it like"):
        load_settings()


def test_a_misspelt_variable_is_told_and_somebody_elses_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_IMAGE_TAG", "7")
    load_settings()
    monkeypatch.setenv("OFFHOOK_PUBLIC_ORGIN", "https://agent.example.com")
    with pytest.raises(
        LocalError, match="sets OFFHOOK_PUBLIC_ORGIN, which is not known; did you mean OFFHOOK_PUBLIC_ORIGIN"
    ):
        load_settings()
