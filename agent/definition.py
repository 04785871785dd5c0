"""AgentDefinition: an agent as data - what one folder of prompts/ says, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.slots.base import Asks
from agent.tools.base import Tool

RecordMode = Literal["off", "journal", "full"]
#: When phrases.recording_notice is said with the greeting: where the call's audio is kept, or in every call.
NoticeMode = Literal["full", "always"]

VoicemailThen = Literal["nothing", "hang_up", "message"]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """Which engine, and its options as the agent's file gives them."""

    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """When a turn ends, and what interrupts the agent. Durations in milliseconds."""

    trailing_ms: int = 550
    """Silence after speech that ends the caller's turn, where the words do not tell whether it is over."""
    min_trailing_ms: int = 250
    """Where the words are complete, so much silence is enough; nobody's pauses make it less."""
    max_trailing_ms: int = 1800
    """Where the words are not complete, or this caller pauses for long: no more silence than this is waited for."""
    hold_ms: int = 5000
    """Where what was asked for has come in part (two digits of four): so long a silence is waited for the rest."""
    min_speech_ms: int = 64
    """Speech shorter than this opens no turn: clicks, breath. A window of which the detector is sure counts twice."""
    barge_in_ms: int = 64
    """Speech this long, over the agent, stops the agent. A window of which the detector is sure counts twice."""
    protect_ms: int = 0
    """Nobody interrupts the first so many milliseconds of what the agent says."""
    key_pause_ms: int = 1500
    """Keys pressed one after the other are one entry, until so long a pause. (IVR practice: 2 to 4 s for a first key,
    less between keys.)"""
    no_input_ms: int = 7000
    """The caller has heard us out and says nothing: ask whether they are still there."""
    max_no_input: int = 2
    """So many askings without an answer, then say goodbye."""
    max_turn_ms: int = 30_000
    """A turn is ended after so much speech, whatever the caller does."""

    @property
    def least_ms(self) -> int:
        """The shortest silence that ends speech with words: `trailing_ms` outside the bounds widens them."""
        return min(self.min_trailing_ms, self.trailing_ms)

    @property
    def most_ms(self) -> int:
        """The longest one."""
        return max(self.max_trailing_ms, self.trailing_ms)


@dataclass(frozen=True, slots=True)
class Phrases:
    """What must be sayable at once: synthesised before the first call."""

    greeting: str
    not_understood: str = "Sorry, I did not catch that. Could you say it again?"
    still_there: str = "Are you still there?"
    no_input_goodbye: str = "I can't hear you, so I will hang up now. Please call again. Goodbye."
    time_up: str = "I have to end this call now. Please call again. Goodbye."
    trouble: str = "I'm sorry, we are having trouble. Please call again in a few minutes. Goodbye."
    recording_notice: str = "This call is recorded."
    cut_off: str = "Sorry, we were cut off for a moment."
    nobody_there: str = "I'm sorry, nobody could take your call. What else can I do for you?"
    one_moment: str = "One moment, please."
    """Said turn by turn only (agent/text_call.py), where the answer takes its time: no voice of ours says it."""
    take_your_time: str = "Take your time."
    """Said by the flow engine to a caller who asks for patience: "hold on"."""
    closing: str = "I'm sorry, I have to end this call now. Please call again in a few minutes. Goodbye."

    def all(self) -> tuple[str, ...]:
        """Every phrase that our own voice says, for the cache."""
        return (
            self.greeting,
            self.not_understood,
            self.still_there,
            self.no_input_goodbye,
            self.time_up,
            self.trouble,
            self.recording_notice,
            self.cut_off,
            self.nobody_there,
            self.take_your_time,
            self.closing,
        )


@dataclass(frozen=True, slots=True)
class VoicemailSettings:
    """What to do where the far end is known to be a machine that takes messages, or plays them."""

    then: VoicemailThen = "nothing"
    """"nothing": the journal says so, and the call goes on; "hang_up"; "message": leave one, then hang up."""
    message: str = ""
    """What is left, after the beep."""


@dataclass(frozen=True, slots=True)
class AgentDefinition:
    """Everything a call needs to know about its agent."""

    name: str
    folder: Path
    language: str
    system_prompt: str
    phrases: Phrases
    stt: EngineChoice
    llm: EngineChoice
    tts: EngineChoice
    vad: EngineChoice
    turns: TurnSettings
    tools: Mapping[str, Tool]
    grammar: Path | None = None
    record: RecordMode = "journal"
    notice: NoticeMode = "full"
    retain_days: int = 30
    transfer_to: str = ""
    max_call_s: int = 1800
    sensitive_lengths: tuple[int, ...] = ()
    """Numbers of so many digits are sensitive whenever they are said, asked for or not (flow.toml's slots)."""
    voicemail: VoicemailSettings = VoicemailSettings()
    think_ahead: bool | None = None
    """Whether a reply is thought of while the caller is only probably done; None: where the model is elsewhere, and so
    takes its time."""
    asks: tuple[Asks, ...] = ()
    """What the agent is known to ask (flow.toml's slots, and yes or no): a recogniser may prepare for it."""

    @property
    def fixed_phrases(self) -> tuple[str, ...]:
        """Everything that must be sayable at once, for the cache."""
        message = self.voicemail.message
        return (*self.phrases.all(), message) if message else self.phrases.all()

    @property
    def engines(self) -> dict[str, str]:
        """The engine of each kind, by name."""
        return {kind: getattr(self, kind).engine for kind in ("stt", "llm", "tts", "vad")}
