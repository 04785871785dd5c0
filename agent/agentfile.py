"""Checking agent.toml: from the file's tables to the settings of an agent, every mistake told with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast, get_args

from agent.definition import (
    EngineChoice,
    NoticeMode,
    Phrases,
    RecordMode,
    TurnSettings,
    VoicemailSettings,
    VoicemailThen,
)
from agent.tomlfile import Table

#: The embedded engines: what an agent gets that names none.
DEFAULT_ENGINES = {"stt": "pocketsphinx", "llm": "flow", "tts": "espeak", "vad": "silero"}

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_TRANSFER_TO = re.compile(r"\+[1-9][0-9]{4,14}|sips?:[^\s]+")

#: A TwiML <Stream> lives at most 24 hours, as the call does; less than ten seconds is no call.
MAX_CALL_S = (10, 86_400)
#: Ten years: more is a slip of the finger.
RETAIN_DAYS = (0, 3650)

#: What each duration may be, in milliseconds; beyond these a conversation stops being one.
_TURN_RANGES: Mapping[str, tuple[int, int]] = {
    "trailing_ms": (100, 5000),
    "min_trailing_ms": (100, 5000),
    "max_trailing_ms": (100, 10_000),
    "hold_ms": (500, 30_000),
    "min_speech_ms": (0, 1000),
    "barge_in_ms": (32, 5000),
    "protect_ms": (0, 60_000),
    "key_pause_ms": (300, 10_000),
    "no_input_ms": (1000, 120_000),
    "max_no_input": (0, 10),
    "max_turn_ms": (1000, 300_000),
}


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What agent.toml says."""

    name: str
    language: str
    record: RecordMode
    notice: NoticeMode
    retain_days: int
    transfer_to: str
    max_call_s: int
    phrases: Phrases
    engines: Mapping[str, EngineChoice]
    turns: TurnSettings
    voicemail: VoicemailSettings
    think_ahead: bool | None


def check_agent(top: Table, folder_name: str) -> AgentSettings:
    """Reads the tables [agent] [phrases] [stt] [llm] [tts] [vad] [turns] [voicemail]; mistakes go to the table's
    collector."""
    agent = top.table("agent")
    name = agent.text("name", folder_name)
    if not _NAME.fullmatch(name):
        agent.wrong("name", f'agent.name is {name!r}; write small letters, digits and hyphens, such as "parcel-desk"')
    transfer_to = agent.text("transfer_to", "", empty=True)
    if transfer_to and not _TRANSFER_TO.fullmatch(transfer_to):
        agent.wrong(
            "transfer_to",
            f"agent.transfer_to is {transfer_to!r}; "
            'write a number as "+15550100" or an address as "sip:desk@example.org"',
        )
    settings = AgentSettings(
        name=name,
        language=agent.text("language", "en-US"),
        record=cast(RecordMode, agent.text("record", "journal", choices=("off", "journal", "full"))),
        notice=cast(NoticeMode, agent.text("notice", "full", choices=("full", "always"))),
        retain_days=agent.integer("retain_days", 30, *RETAIN_DAYS),
        transfer_to=transfer_to,
        max_call_s=agent.integer("max_call_s", 1800, *MAX_CALL_S),
        phrases=_phrases(top.table("phrases")),
        engines={kind: _engine(top.table(kind), kind) for kind in DEFAULT_ENGINES},
        turns=_turns(top.table("turns")),
        voicemail=_voicemail(top.table("voicemail")),
        think_ahead=agent.flag("think_ahead") if "think_ahead" in agent else None,
    )
    agent.done()
    top.done()
    return settings


def _phrases(table: Table) -> Phrases:
    defaults = Phrases(greeting="")
    said = {field.name: table.text(field.name, getattr(defaults, field.name) or None) for field in fields(Phrases)}
    table.done()
    return Phrases(**said)


def _engine(table: Table, kind: str) -> EngineChoice:
    engine = table.text("engine", DEFAULT_ENGINES[kind])
    return EngineChoice(engine, table.rest())


def _turns(table: Table) -> TurnSettings:
    defaults = TurnSettings()
    values = {
        field.name: table.integer(field.name, getattr(defaults, field.name), *_TURN_RANGES[field.name])
        for field in fields(TurnSettings)
    }
    table.done()
    return TurnSettings(**values)


def _voicemail(table: Table) -> VoicemailSettings:
    then = cast(VoicemailThen, table.text("then", "nothing", choices=get_args(VoicemailThen)))
    message = table.text("message", "", empty=True)
    if then == "message" and not message.strip():
        table.wrong(
            "message" if "message" in table else "then",
            'voicemail.then is "message", and there is none; write message = "This is … We will call again."',
        )
    elif message and then != "message":
        table.wrong("message", f'voicemail.message is never said: then is "{then}"; write then = "message"')
    table.done()
    return VoicemailSettings(then, message.strip())
