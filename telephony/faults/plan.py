"""FaultPlan: everything that goes wrong in a call, found by a pattern's name or read from a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from agent.definition import AgentDefinition
from agent.errors import LocalError
from agent.kit import EngineKit
from agent.tomlfile import did_you_mean
from telephony.faults.engines import FaultyStt, FaultyTts, faulty_llm, faulty_tools
from telephony.faults.frames import FrameFaults, NoFaults
from telephony.faults.kinds import Drop, LineFault, LlmFault, SttFault, ToolFault, TtsFault
from telephony.faults.line import LineFaults
from telephony.faults.reading import read_faults

PATTERNS = Path(__file__).parent / "patterns"
"""The patterns that come with Offhook: `wifi` is patterns/wifi.toml."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What goes wrong. Plain data: one plan serves any number of calls, and each has the same faults."""

    name: str
    description: str = ""
    line_faults: tuple[LineFault, ...] = ()
    stt_faults: tuple[SttFault, ...] = ()
    llm_faults: tuple[LlmFault, ...] = ()
    tts_faults: tuple[TtsFault, ...] = ()
    tool_faults: tuple[ToolFault, ...] = ()

    @property
    def of_line(self) -> bool:
        """Whether the line is faulty."""
        return bool(self.line_faults)

    @property
    def of_engines(self) -> bool:
        """Whether engines or tools are."""
        return bool(self.stt_faults or self.llm_faults or self.tts_faults or self.tool_faults)

    def line(self, *, again: bool = False) -> FrameFaults:
        """The faults of one stream of a call, from its first frame. `again`: a later stream of the same call, which
        came of the first one's drop: a line drops once."""
        faults = [fault for fault in self.line_faults if not (again and isinstance(fault, Drop))]
        return LineFaults(faults) if faults else NoFaults()

    def engines(self, kit: EngineKit) -> EngineKit:
        """The same engines, those with faults wrapped. Phrases in memory stay as they are, as in a real fault."""
        return EngineKit(
            kit.vad,
            FaultyStt(kit.stt, self.name, self.stt_faults) if self.stt_faults else kit.stt,
            faulty_llm(kit.llm, self.name, self.llm_faults) if self.llm_faults else kit.llm,
            FaultyTts(kit.tts, self.name, self.tts_faults) if self.tts_faults else kit.tts,
            kit.phrases,
        )

    def tools(self, agent: AgentDefinition) -> AgentDefinition:
        """The same agent, its tools with faults wrapped. Raises LocalError for a tool that it has not."""
        if not self.tool_faults:
            return agent
        return replace(agent, tools=faulty_tools(dict(agent.tools), self.name, self.tool_faults))


def load_faults(name_or_file: str) -> FaultPlan:
    """The plan of a named pattern, or of a file. A file that is there goes before a name.

    Raises LocalError: there is neither, or the file holds mistakes (each with its line).
    """
    path = Path(name_or_file)
    if path.is_file():
        return _plan(path.stem, path)
    packed = PATTERNS / f"{name_or_file}.toml"
    if re.fullmatch(r"[\w-]+", name_or_file) and packed.is_file():
        return _plan(name_or_file, packed)
    names = [file.stem for file in PATTERNS.glob("*.toml")]
    raise LocalError(f"no such pattern or file of faults: {name_or_file}; {did_you_mean(name_or_file, names)}")


def named_faults() -> list[tuple[str, str]]:
    """The patterns that come with Offhook: (name, what it imitates), by name."""
    files = sorted(PATTERNS.glob("*.toml"))
    return [(file.stem, read_faults(file).description) for file in files]


def _plan(name: str, file: Path) -> FaultPlan:
    read = read_faults(file)
    return FaultPlan(name, read.description, read.line, read.stt, read.llm, read.tts, read.tool)
