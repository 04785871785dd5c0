"""Settings of the service: environment (OFFHOOK_…, TWILIO_AUTH_TOKEN), then offhook.toml, then defaults.

A mistake is told as one LocalError that names the variable, or the file and key, and says what to write instead.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from agent.errors import LocalError
from agent.tomlfile import did_you_mean, key_lines
from telephony.logs.lines import LogFormat
from telephony.logs.mask import hide

#: Where settings are looked for when no other file is named (OFFHOOK_CONFIG, or --config).
CONFIG_FILE = "offhook.toml"
PREFIX = "OFFHOOK_"

LogLevel = Literal["debug", "info", "warning", "error"]
Mode = Literal["stream", "gather"]

#: Settings that come from the environment only: a file is copied, shown, committed. Field -> variable.
SECRETS = {"twilio_auth_token": "TWILIO_AUTH_TOKEN", "operator_token": "OFFHOOK_OPERATOR_TOKEN"}


class Route(BaseModel):
    """How calls to one number are answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str = Field(default="", max_length=4096)
    """The agent: a name, or a folder. "" is the service's own (`agent`)."""
    mode: Mode = "stream"
    """stream: a media stream, both ways. gather: turn by turn, with the carrier's own recogniser and voice."""
    max_hops: int = Field(default=0, ge=0, le=1000)
    """In mode gather: so many documents a call may take, the first among them; 0 = as many as it likes. A Twilio trial
    account allows 10 (twilio.com/docs/usage/trials/try-out-voice)."""

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        for key in value if isinstance(value, Mapping) else ():
            if key not in cls.model_fields:
                raise ValueError(f"{key!r} is not known; {did_you_mean(str(key), cls.model_fields)}")
        return value

    @model_validator(mode="after")
    def _hops_are_gathered(self) -> Route:
        if self.max_hops and self.mode != "gather":
            raise ValueError('max_hops belongs to mode = "gather": a stream takes no documents')
        return self


#: What a person or password manager makes; anything shorter can be guessed over the network.
MIN_OPERATOR_TOKEN = 16
#: What a carrier calls a number of its own: E.164 with its "+", or a SIP address.
_NUMBER = re.compile(r"\+[0-9]{3,15}|sips?:[^\s@]+@[^\s@]+")
#: A variable so like one of ours was meant to be it.
_LIKE = 0.85


class Settings(BaseSettings):
    """What the service is told from outside. Durations in seconds, counts in calls."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, frozen=True)

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0 asks the kernel for a free one."""
    public_origin: str = ""
    """Where the carrier reaches us: "https://host[:port]", or "" when only this machine does."""
    agent: str = Field(default="parcel-desk", min_length=1)
    """The agent that answers: a name, or a folder."""
    agents_dir: Annotated[tuple[Path, ...], NoDecode] = ()
    """More folders to look for agents in. In the environment: separated as in PATH."""
    calls_dir: Path = Path("calls")
    """Where each call leaves its folder."""
    data_dir: Path = Path("data")
    """The service's own secrets, and the agents' databases (data_dir/agents/<name>)."""
    mode: Mode = "stream"
    """How numbers are answered that [numbers] does not list."""
    numbers: dict[str, Route] = {}
    """Called numbers, as the carrier writes them ("+15550100", "sip:desk@example.org"), and who answers there."""
    max_calls: int = Field(default=60, ge=1, le=10_000)
    """So many calls at once; the next caller is told that all lines are busy."""
    max_calls_per_source: int = Field(default=10, ge=0, le=10_000)
    """So many calls at once from one calling number; 0 = no such limit. All who withhold their number count as one."""
    calls_per_minute: int = Field(default=240, ge=0, le=100_000)
    """So many new calls in any minute; 0 = no such limit."""
    calls_per_minute_per_source: int = Field(default=20, ge=0, le=100_000)
    """So many new calls in any minute from one calling number; 0 = no such limit."""
    max_call_s: int = Field(default=7200, ge=60, le=86_400)
    """No call lasts longer, whatever its agent allows."""
    drain_s: float = Field(default=60.0, ge=0, le=86_400)
    """At shutdown, running calls may go on for so long; then each is told goodbye."""
    stand_in_model: str = Field(default="", max_length=4096)
    """Agents ask a stand-in for a language model, over a socket, that answers from their own flow.toml: a pattern of
    its behaviour, or a file (docs/sandbox.md). Not with a public origin."""
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    """text: a line for people. json: one JSON object a line, for machines."""
    twilio_auth_token: SecretStr | None = Field(default=None, validation_alias="TWILIO_AUTH_TOKEN")
    """The account's primary auth token. From the environment only; without it the service makes its own."""
    operator_token: SecretStr | None = None
    """The password of the operator's pages (metrics, browser phone) on the public origin; the user is "operator".
    From the environment only; without it these pages are for this machine."""

    @field_validator("agents_dir", mode="before")
    @classmethod
    def _split_path(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(Path(part) for part in value.split(os.pathsep) if part)
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("twilio_auth_token", "operator_token")
    @classmethod
    def _not_blank(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            return None
        return value

    @field_validator("operator_token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_OPERATOR_TOKEN:
            raise ValueError(
                f"must have at least {MIN_OPERATOR_TOKEN} characters: it guards pages on the open internet"
            )
        return value

    @field_validator("numbers", mode="before")
    @classmethod
    def _routes(cls, value: object) -> object:
        """A number may name its agent alone; numbers are kept as the carrier writes them."""
        if not isinstance(value, Mapping):
            return value
        return {
            called_number(key): {"agent": route} if isinstance(route, str) else route for key, route in value.items()
        }

    @field_validator("public_origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        return check_origin(value) if value else ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def route(self, called: str) -> Route:
        """Who answers calls to this number; its agent is never ""."""
        route = self.numbers.get(_plain_number(called)) or Route(mode=self.mode)
        return route if route.agent else route.model_copy(update={"agent": self.agent})

    def agents(self) -> tuple[str, ...]:
        """Every agent that some number asks for, the service's own first."""
        return tuple(dict.fromkeys((self.agent, *(route.agent or self.agent for route in self.numbers.values()))))

    def local_url(self, port: int | None = None) -> str:
        """How this machine reaches the service; `port` where it listens on another than the configured one."""
        loopback = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}
        return f"http://{loopback.get(self.host, self.host)}:{self.port if port is None else port}"

    def agent_data_dir(self, agent: str) -> Path:
        """The agent's own folder for databases and files."""
        return self.data_dir / "agents" / agent


def _plain_number(called: str) -> str:
    """A number without the marks that people put into it; an address in small letters, without its parameters."""
    called = called.strip()
    if called.lower().startswith(("sip:", "sips:")):
        return called.lower().partition(";")[0]
    return re.sub(r"[\s().-]", "", called)


def called_number(written: object) -> str:
    """A key of [numbers] as calls are looked up by it. ValueError: no number or address."""
    plain = _plain_number(str(written))
    if not _NUMBER.fullmatch(plain):
        raise ValueError(
            f"{written!r} is no number or address: write it as the carrier does, with + and country code as in "
            '"+15550100", or as "sip:desk@example.org"'
        )
    return plain


def check_origin(value: str) -> str:
    """A public origin, normalised: scheme and host in lower case, no trailing slash. ValueError says what is wrong."""
    parts = urlsplit(value.strip())
    example = "write it like https://agent.example.com"
    if parts.scheme.lower() != "https":
        raise ValueError(f"must begin with https:// (the carrier speaks wss to it); {example}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must hold no user name or password; {example}")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"must be a host, perhaps with a port, and no path; {example}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"has a port that is none; {example}") from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}" if port in (None, 443) else f"https://{host}:{port}"


def settings_file(config: Path | None = None) -> Path | None:
    """The file that settings come from: `config`, else OFFHOOK_CONFIG, else offhook.toml here; None if there is none.

    Raises LocalError for a named file that is missing.
    """
    named = config or (Path(os.environ["OFFHOOK_CONFIG"]) if os.environ.get("OFFHOOK_CONFIG") else None)
    if named is not None and not named.is_file():
        raise LocalError(f"there is no settings file {named}: write one, or leave --config and OFFHOOK_CONFIG away")
    path = named or Path(CONFIG_FILE)
    return path if path.is_file() else None


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from (first wins) `overrides` that are not None, the environment, the file, the defaults.

    The file is `settings_file(config)`. Secrets among them stand in no log from then on.
    Raises LocalError for a named file that is missing, a file that is no TOML, an unknown key or a bad value.
    """
    path = settings_file(config)
    keys = _check_file(path) if path is not None else set[str]()

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    given = {name: value for name, value in overrides.items() if value is not None}
    _check_environment()
    try:
        settings = FromFile(**given)
    except ValidationError as error:
        raise LocalError(_explain(error, path or Path(CONFIG_FILE), keys, set(given))) from None
    except SettingsError:
        raise LocalError(
            """OFFHOOK_NUMBERS is no JSON: write it like '{"+15550100": "parcel-desk"}', or list [numbers] in a file"""
        ) from None
    for name in SECRETS:
        if (secret := getattr(settings, name)) is not None:
            hide(secret.get_secret_value())
    return settings


def variable_of(name: str) -> str | None:
    """The environment variable that gives this setting, as it is spelt there; None if none does (or it is empty)."""
    wanted = SECRETS.get(name, f"{PREFIX}{name}".upper())
    return next((name for name, value in os.environ.items() if name.upper() == wanted and value), None)


def _check_environment() -> None:
    """A variable that is nearly one of ours was misspelt; what else begins with OFFHOOK_ may be somebody else's."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | set(SECRETS.values()) | {f"{PREFIX}CONFIG"}
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_LIKE)
            if near:
                raise LocalError(f"the environment sets {name}, which is not known; did you mean {near[0]}?")


def _check_file(path: Path) -> set[str]:
    """The keys of a settings file, all of them known."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"{path} is not TOML: {error}") from None
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from None
    known = [name for name in Settings.model_fields if name not in SECRETS]
    for key in content:
        if key.lower() in SECRETS:
            raise LocalError(
                f"{path}, key {key}: secrets come from the environment only; set {SECRETS[key.lower()]} there instead"
            )
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise LocalError(f"{path}, line {line_of(path, key)}: unknown key {key}; {hint}")
    return set(content)


def line_of(path: Path, *keys: str) -> int:
    """The line of a settings file that sets this key, given as its path; else its table's; 1 if there is neither."""
    lines = key_lines(path.read_text("utf-8"))
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, 1)


def _explain(error: ValidationError, path: Path, file_keys: set[str], given: set[str]) -> str:
    """One line for the first mistake: where it stands, what is wrong with it. Never shows a secret's value."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    if name in given:
        where = f"--{name.replace('_', '-')}"
    elif (variable := variable_of(name)) is not None:
        where = variable
    elif name in file_keys:
        keys = [str(part) for part in first["loc"]]
        where = f"{path}, line {line_of(path, *keys)}: {' '.join(keys)}"
    else:
        where = name
    shown = "" if name in SECRETS or isinstance(first["input"], dict) else f" = {first['input']!r}"
    return f"{where}{shown}: {message[0].lower()}{message[1:]}"
