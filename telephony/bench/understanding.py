"""`offhook bench understanding`: how many caller turns, fixed in advance, an agent understands over real calls."""

from __future__ import annotations

import json
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.agents import load_agent
from agent.errors import LocalError
from agent.llm.flow_data import Flow
from agent.llm.flow_words import understand
from agent.llm.flowfile import read_flow
from telephony.bench.figures import spread, stage_medians
from telephony.bench.latency import ring
from telephony.bench.service import bench_service
from telephony.sandbox.clip import load_clip
from telephony.sandbox.script import Say, Script

#: These end a call, so each is said last, in a call of its own.
LAST_WORDS = frozenset({"goodbye", "person"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One recorded turn, and what it means: an intent of the agent's flow (or number, yes, no), and its digits."""

    file: Path
    voice: str
    text: str
    intent: str
    digits: str


def load_turns(path: Path) -> list[Turn]:
    """Read a list of turns (see tests/recordings/turns.toml). LocalError says what is wrong with it."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["turn"]
        return [
            Turn(path.parent / row["file"], row["voice"], row["text"], row["intent"], row["digits"]) for row in rows
        ]
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise LocalError(f"{path}: not a list of [[turn]] with file, voice, text, intent, digits ({error!r})") from None


def meaning(flow: Flow, text: str) -> tuple[str, str]:
    """What a recognised sentence means to the agent: (intent, digits)."""
    said = understand(flow, text)
    digits = str(next((value for value in said.values.values() if isinstance(value, str)), said.partial))
    if said.intent and not (said.no and said.intent == "thanks"):  # "no, thank you" is a no
        return said.intent, digits
    return "number" if digits else "yes" if said.yes else "no" if said.no else "", digits


def scripts_of(turns: list[Turn]) -> list[tuple[Script, list[Turn]]]:
    """Calls that hold all turns: each voice's ordinary turns in one call, and each last word in its own."""
    groups: dict[str, list[Turn]] = {}
    for number, turn in enumerate(turns):
        own = turn.intent in LAST_WORDS
        groups.setdefault(f"{turn.voice}-{number}" if own else turn.voice, []).append(turn)
    return [
        (Script(name, tuple(Say(load_clip(turn.file), turn.text) for turn in group)), group)
        for name, group in groups.items()
    ]


async def measure_understanding(path: Path, agent_name: str, *, at_once: int) -> dict[str, Any]:
    """Say every turn to the agent over real calls, and compare what was committed with what was meant."""
    agent = load_agent(agent_name)
    flow = read_flow(agent.folder / "flow.toml", agent.tools)
    calls = scripts_of(load_turns(path))
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        async with bench_service(agent_name, Path(folder)) as service:
            reports = await ring(service, [script for script, _ in calls], at_once=at_once)
        summaries = {
            s["call_id"]: s for s in (json.loads(f.read_text()) for f in service.calls_dir.glob("*/call.json"))
        }
    rows, answers = [], []
    for report, (_, turns) in zip(reports, calls, strict=True):
        heard = summaries.get(report.call_sid, {"turns": []})["turns"]
        for said, turn in zip(report.spoken, turns, strict=False):
            texts = [t["text"] for t in heard if _within(t, said.speech_start_ms, said.speech_end_ms)]
            text = " ".join(texts)
            rows.append(
                {
                    "voice": turn.voice,
                    "said": turn.text,
                    "heard": text,
                    "meant": [turn.intent, turn.digits],
                    "understood": meaning(flow, text) == (turn.intent, turn.digits),
                }
            )
            if said.voice_to_voice_ms is not None and not said.talked_over:
                answers.append(said.voice_to_voice_ms)
    return {
        "turns": sum(len(turns) for _, turns in calls),
        "understood": sum(bool(row["understood"]) for row in rows),
        "voice_to_voice": spread(answers),
        "stages_p50": stage_medians(turn for summary in summaries.values() for turn in summary["turns"]),
        "missed": [row for row in rows if not row["understood"]],
    }


def _within(turn: dict[str, Any], start_ms: int, end_ms: int) -> bool:
    """Whether a committed turn is what was said then: its beginning lies in the speech, give or take a window."""
    began = turn.get("start_ms")
    return began is not None and start_ms - 300 <= began <= end_ms + 300
