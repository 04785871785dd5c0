"""The report on a terminal: one call, many calls, and two runs of them side by side.

What callers said, what tools were called with and what files are named is hostile text: it is shown without markup and
without control characters. Everything fits 80 columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.summary import latency_figures
from telephony.replay.judging.divergence import scored_turns, told
from telephony.replay.judging.outcome import UNWEIGHED, Turn
from telephony.replay.judging.result import Divergence, Run
from telephony.replay.judging.score import Score, score_of
from telephony.replay.judging.turn_changes import stage_name
from telephony.terminal import ending, plain

SHOWN_STAGES = ("endpointing_ms", "stt_ms", "llm_ms", "tts_ms")
"""Those that somebody can do something about; clause_ms and line_ms are small and stand in the JSON."""
MAX_CHARS = 400
"""A line of speech on a terminal is shown so far; the journal has all of it."""
MAX_ROWS = 5
"""So many errors and notes of one call."""
MAX_NOTES = 10
"""And of many calls together: they shall not hide the figures."""


def run_view(run: Run) -> Group:
    """One call, run again: its head, its turns, its figures, where it diverged, what else should be known."""
    parts: list[RenderableType] = [_head(run)]
    if run.failed:
        parts.append(words(f"failed: {run.failed}", "bold red"))
    if run.outcome.turns or run.outcome.said:
        parts += [Text(), _turns(run), Text(), *_figures(run)]
    parts += [words(f"error at {seconds(at_ms)}: {what}", "red") for at_ms, what in run.outcome.errors[:MAX_ROWS]]
    if run.served:
        served = ", ".join(f"{how} {count}" for how, count in run.served.items())
        parts.append(words(f"results: {served}", "dim"))
    parts += [words(f"note: {note}", "yellow") for note in run.notes[:MAX_ROWS]]
    for left in (len(run.outcome.errors) - MAX_ROWS, len(run.notes) - MAX_ROWS):
        if left > 0:
            parts.append(Text(f"... and {left} more", "dim"))
    return Group(*parts)


def batch_view(runs: Sequence[Run]) -> Group:
    """Many calls: a row for each, and what they come to together."""
    table = plain_table("call", ">turns", ">p50", ">p95", ">cut off", ">silent", "what came of it")
    scores = [score_of(run) for run in runs]
    for run, score in zip(runs, scores, strict=True):
        table.add_row(
            words(run.name),
            _of_turns(score),
            number(score.latency["p50_ms"]),
            number(score.latency["p95_ms"]),
            str(score.cutoffs),
            seconds(score.worst_air.ms) if score.worst_air else "",
            _came_of(run),
        )
    failed, diverged = sum(bool(run.failed) for run in runs), sum(run.diverged is not None for run in runs)
    total = f"{_calls(len(runs))}: {failed} failed, {diverged} diverged from the record"
    waits = [wait for score in scores for wait in score.waits_ms]
    return Group(table, *notes_of(runs), Text(), Text(total), latency_line(waits), Text(_pace(runs), "dim"))


# --- parts that other views use -------------------------------------------------------------------------------------


def words(text: object, style: str = "") -> Text:
    """Any text, harmless: no markup, no control characters, no more than MAX_CHARS of it."""
    shown = plain(text)
    return Text(shown if len(shown) <= MAX_CHARS else f"{shown[:MAX_CHARS]} ...", style)


def plain_table(*names: str) -> Table:
    """A table without lines; a name with ">" before it is a column of figures."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for name in names:
        figures = name.startswith(">")
        table.add_column(
            name.removeprefix(">"), justify="right" if figures else "left", overflow="fold", no_wrap=figures
        )
    return table


def number(value: int | None) -> str:
    return "" if value is None else str(value)


def seconds(ms: int) -> str:
    """ "12.3 s"."""
    return f"{ms / 1000:.1f} s"


def latency_line(waits_ms: Sequence[int]) -> Text:
    """The voice-to-voice latencies in one line."""
    figures = latency_figures(waits_ms)
    if not waits_ms:
        return Text("voice to voice: no answer was heard")
    shown = ", ".join(f"{stage_name(name)} {figures[name]}" for name in ("p50_ms", "p90_ms", "p95_ms", "max_ms"))
    return Text(f"voice to voice, {len(waits_ms)} scored turn{'s' * (len(waits_ms) != 1)}: {shown} ms")


def notes_of(runs: Iterable[Run]) -> Iterable[Text]:
    """What the rows of a table do not tell: a recording that is torn reads like any other there."""
    notes = [(run.name, note) for run in runs for note in run.notes]
    for name, note in notes[:MAX_NOTES]:
        yield words(f"note: {_short(name, 40)}: {_short(note)}", "yellow")
    if len(notes) > MAX_NOTES:
        yield Text(f"... and {len(notes) - MAX_NOTES} more notes, each in the report of its call alone", "dim")


def divergence_line(diverged: Divergence, base: str = "the record") -> Text:
    """Where and how a run is another one than `base`."""
    where = f"diverged at turn {diverged.turn} ({seconds(diverged.at_ms)}), {diverged.what}: "
    now, then = (f'"{_short(text)}"' if text else "nothing" for text in (diverged.now, diverged.recorded))
    both = f"{now}, {base} has {then}" if now != then else f"{now}, {base} has the same, after another turn"
    return words(f"{where}{both}; later turns are shown, not scored", "yellow")


# --- one call -------------------------------------------------------------------------------------------------------


def _head(run: Run) -> Table:
    plan = run.plan
    how = [
        f"{plan.mode or 'mode not known'}",
        f"{plan.caller} caller",
        *([f"fault {plan.fault}"] if plan.fault else []),
    ]
    how += ["deterministic"] if run.deterministic else []
    facts = Table.grid(padding=(0, 2))
    shown = words(", ".join(how))
    if not run.deterministic:
        shown.append(", not deterministic", "bold yellow")
    rows: list[tuple[str, Text]] = [("call", words(run.name, "bold")), ("run", shown)]
    rows.append(
        ("agent", words(" ".join([run.outcome.agent or plan.agent, *(f"--set {one}" for one in plan.settings)])))
    )
    rows.append(("took", Text(_pace([run]))))
    if run.folder is not None:
        rows.append(("record", words(run.folder)))
    for name, value in rows:
        facts.add_row(Text(name, "dim"), value)
    return facts


def _pace(runs: Sequence[Run]) -> str:
    """How long it took beside how long the calls are. Of many calls at once: the work, not the wait."""
    audio_ms, took_s = sum(run.audio_ms for run in runs), sum(run.took_s for run in runs)
    times = f", {audio_ms / 1000 / took_s:.0f} times real time" if audio_ms and took_s > 0 else ""
    return f"{seconds(audio_ms)} of call in {took_s:.2f} s{times}"


def _turns(run: Run) -> Table:
    """Turns, sounds that were none, and what the agent said unasked, in the order of time."""
    table = plain_table(">#", ">at", "heard, answered", ">wait", *(f">{_column(stage)}" for stage in SHOWN_STAGES))
    until = scored_turns(run)
    rows: list[tuple[int, int, str, list[Text | str]]] = []
    merged = _merged(run.outcome.turns)
    before = {part.number for parts in merged.values() for part in parts[:-1]}
    numbers = {number: "+".join(str(part.number) for part in parts) for number, parts in merged.items()}
    for turn in run.outcome.turns:
        if turn.number in before:
            continue
        figures = [turn.voice_to_voice_ms, *(turn.stages.get(stage) for stage in SHOWN_STAGES)]
        parts = merged[turn.number]
        cells: list[Text | str] = [_told_of(run, parts, until), *map(number, figures)]
        rows.append((parts[0].start_ms, turn.number, "" if turn.number <= until else "dim", cells))
    for at_ms, turn_number, reason in run.outcome.rejected:
        if reason not in UNWEIGHED:
            no_turn = words(f"(no turn: {reason})").append_text(_cut_off(run, turn_number))
            rows.append((at_ms, turn_number, "dim", [no_turn]))
    for one in run.outcome.said:
        if one.text and (one.aside or one.turn == 0):
            rows.append((one.start_ms, one.turn, "" if one.turn <= until else "dim", [words(one.text, "blue")]))
    if run.diverged is not None:
        mark = words(f"diverged: {run.diverged.what}", "bold yellow")
        rows.append((run.diverged.at_ms, run.diverged.turn, "", [mark]))
    for at_ms, turn_number, style, cells in sorted(rows, key=lambda row: row[:2]):
        table.add_row(numbers.get(turn_number, str(turn_number)), f"{at_ms / 1000:.1f}", *cells, style=style)
    return table


def _merged(turns: Iterable[Turn]) -> dict[int, list[Turn]]:
    """Of each turn, the ones before that it goes on with, and itself: they are one, and have one answer."""
    merged: dict[int, list[Turn]] = {}
    for turn in turns:
        before = merged.get(turn.goes_on, []) if turn.goes_on is not None else []
        merged[turn.number] = [*before, turn]
    return merged


def _told_of(run: Run, parts: Sequence[Turn], until: int) -> Text:
    """What was said in a turn, line by line: the caller, tools, the agent as far as it was heard, and marks. `parts`:
    the turns that are one with it, and itself."""
    turn, own = parts[-1], [part.number for part in parts]
    scored = turn.number <= until
    text = Text()
    keys = "keys " if turn.source == "keys" else ""
    said = " ... ".join(part.text for part in parts)
    text.append_text(words(f"{keys}{said}", "bold" if scored else ""))
    for tool in run.outcome.tools:
        if tool.turn in own:
            failed = {None: " (no result)", False: " (failed)", True: ""}[tool.ok]
            text.append("\n").append_text(words(told(tool) + failed, "magenta"))
    if turn.reply:
        text.append("\n").append_text(words(turn.reply, "blue"))
    for part in own:
        text.append_text(_cut_off(run, part))
    if not scored:
        text.append("\nnot scored")
    return text


def _cut_off(run: Run, turn: int) -> Text:
    text = Text()
    for cutoff in run.outcome.cutoffs:
        if cutoff.turn == turn:
            text.append(f"\ncutoff: the caller went on after {cutoff.after_ms} ms", "bold red")
    return text


def _figures(run: Run) -> Iterable[Text]:
    outcome, score = run.outcome, score_of(run)
    yield latency_line(score.waits_ms)
    worst = score.worst_air
    if worst is not None:
        yield Text(f"longest silence: {seconds(worst.ms)} {worst.why} (turn {worst.turn}, at {seconds(worst.from_ms)})")
    counts = [f"cut off {score.cutoffs}", f"barge-ins {len(outcome.barge_ins_ms)}"]
    counts += [f"false stops {len(outcome.false_stops)}"] if outcome.false_stops else []
    counts += [f"sounds that were no turn {len(outcome.rejected)}", f"end: {ending(outcome.ended_by) or 'none'}"]
    yield words(", ".join(counts))
    if run.diverged is not None:
        yield divergence_line(run.diverged)
    elif run.recorded is not None and not run.failed:
        yield Text("as recorded: the same was heard, done and answered", "green")


def _column(stage: str) -> str:
    return {"endpointing_ms": "end"}.get(stage, stage_name(stage))


def _of_turns(score: Score) -> str:
    """How many turns there are; of how many, if not all are scored."""
    return str(score.scored) if score.scored == score.turns else f"{score.scored}/{score.turns}"


def _came_of(run: Run) -> Text:
    if run.failed:
        return words(_short(run.failed), "bold red")
    if run.diverged is not None:
        return words(f"diverged at turn {run.diverged.turn}: {run.diverged.what}", "yellow")
    return Text("as recorded" if run.recorded is not None else "ran", "green")


def _calls(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"


def _short(text: str, chars: int = 120) -> str:
    return text if len(text) <= chars else f"{text[:chars]} ..."
