"""Sentences about a call's course: interruptions, cutoffs, waits, silences, errors, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from agent.summary import percentile
from agent.tomlfile import did_you_mean
from telephony.replay.judging.outcome import Turn
from telephony.replay.testing.lines import clock, short, tool_call, tool_result
from telephony.replay.testing.story import Story, refused, turn_began_ms
from telephony.terminal import ending

EndedBy = Literal["agent", "caller", "transfer", "line"]
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "agent": ("agent: hangup",),
    "caller": ("caller: stop",),
    "transfer": ("agent: transfer",),
    "line": ("caller: closed", "caller: silent"),
}


class CourseSentences(Story):
    """How it went."""

    def was_interrupted(self) -> Self:
        """The caller cut in, and the agent stopped."""
        __tracebackhide__ = True
        self._took_place()
        if not self.outcome.barge_ins_ms:
            self._fail("the agent was not interrupted", self.outcome.duration_ms, "nobody cut in", {})
        return self

    def was_not_interrupted(self) -> Self:
        """The agent was let finish whatever it said."""
        __tracebackhide__ = True
        self._took_place()
        for at_ms in self.outcome.barge_ins_ms:
            self._fail("the agent was interrupted", at_ms, "the caller cuts in", {})
        return self

    def had_no_cutoffs(self) -> Self:
        """No turn was taken to be over while the caller went on speaking."""
        __tracebackhide__ = True
        self._took_place()
        if not self.outcome.turns and not self.outcome.rejected:
            details = {"expected": "a caller who is heard, and never cut off"}
            self._fail("there was no turn that could be cut off", self.outcome.duration_ms, "no turn", details)
        for cut in self.outcome.cutoffs:
            turn = next((turn for turn in self.outcome.turns if turn.number == cut.turn), None)
            self._fail(
                "the caller was cut off" + (f' after "{short(turn.text)}"' if turn is not None else ""),
                cut.at_ms,
                f"taken for the end of turn {cut.turn}; the caller went on {cut.after_ms} ms later",
                {
                    "expected": "a turn that ends when the caller has finished",
                    "try": 'a longer turns.trailing_ms; for pauses within a value ear="real"',
                },
            )
        return self

    def answered_within(
        self, *, p95_ms: float | None = None, max_ms: float | None = None, p50_ms: float | None = None
    ) -> Self:
        """From the caller's last sound to the answer's first, at the caller's ear; percentiles by nearest rank. A turn
        that got no answer counts with the time the caller waited for one, where that is over a bound."""
        __tracebackhide__ = True
        self._took_place()
        given = (("p50", 50, p50_ms), ("p95", 95, p95_ms), ("longest", 100, max_ms))
        bounds = [(name, percent, bound) for name, percent, bound in given if bound is not None]
        if not bounds:
            raise ValueError("answered_within() needs a bound: p50_ms, p95_ms or max_ms")
        waits = sorted(self._waits(min(bound for _, _, bound in bounds)), key=lambda wait: wait[0])
        if not waits:
            details = {"expected": "at least one turn that is spoken, and answered"}
            self._fail("no turn was answered", self.outcome.duration_ms, "no answer until here", details)
        for name, percent, bound in bounds:
            wait_ms = percentile([ms for ms, _ in waits], percent) or 0
            if wait_ms > bound:
                turn = next(turn for ms, turn in waits if ms == wait_ms)
                unanswered = turn.voice_to_voice_ms is None
                stages = ", ".join(f"{stage.removesuffix('_ms')} {ms}" for stage, ms in turn.stages.items())
                self._fail(
                    f"the answers took longer than {bound:g} ms: {name} {wait_ms} ms",
                    turn.speech_end_ms or 0,
                    f"{wait_ms} ms without an answer" if unanswered else f"the answer came {wait_ms} ms later",
                    {
                        "expected": f"{name} at most {bound:g} ms",
                        "was": f"{name} {wait_ms} ms (turn {turn.number})",
                        "of which": stages,
                        "all waits": ", ".join(str(ms) for ms, _ in waits) + " ms",
                    },
                )
        return self

    def _waits(self, least_bound_ms: float) -> list[tuple[int, Turn]]:
        """(wait, turn) of each spoken turn; of unanswered ones those that waited past the bound."""
        waits: list[tuple[int, Turn]] = []
        turns = self.outcome.turns
        for index, turn in enumerate(turns):
            if turn.voice_to_voice_ms is not None:
                waits.append((turn.voice_to_voice_ms, turn))
            elif turn.speech_end_ms is not None:
                until_ms = turn_began_ms(turns[index + 1] if index + 1 < len(turns) else None, self.outcome.duration_ms)
                if until_ms - turn.speech_end_ms > least_bound_ms:
                    waits.append((until_ms - turn.speech_end_ms, turn))
        return waits

    def had_no_dead_air_over(self, ms: float) -> Self:
        """Never was nobody heard for longer, while the agent owed something."""
        __tracebackhide__ = True
        self._took_place()
        for dead in self.outcome.dead_air:
            if dead.ms > ms:
                self._fail(
                    f"nobody was heard for {dead.ms} ms {dead.why}".rstrip(),
                    dead.from_ms,
                    f"silence until {clock(dead.to_ms)}",
                    {"expected": f"at most {ms:g} ms", "was": f"{dead.ms} ms, {dead.why} (turn {dead.turn})"},
                )
        return self

    def took_at_most(self, seconds: float) -> Self:
        """The whole call, from ringing to its end."""
        __tracebackhide__ = True
        self._took_place()
        took_s = self.outcome.duration_ms / 1000
        if took_s > seconds:
            details = {"expected": f"at most {seconds:g} s", "was": f"{took_s:g} s"}
            self._fail(f"the call took {took_s:g} s", round(seconds * 1000), "it should have ended by now", details)
        return self

    def had_no_errors(self) -> Self:
        """No engine failed, nor a tool that ran."""
        __tracebackhide__ = True
        self._took_place()
        for at_ms, message in self.outcome.errors:
            self._fail("there was an error", at_ms, "the error", {"error": message})
        for run in self.outcome.tools:
            if run.ok is False and not refused(run):
                self._fail(f"the tool {short(run.name)} failed", run.at_ms, tool_result(run), {"ran": tool_call(run)})
        return self

    def ended_by(self, who: EndedBy) -> Self:
        """Who ended it: the "agent", the "caller", a "transfer" by the agent, or a "line" that was cut."""
        __tracebackhide__ = True
        if who not in ENDINGS:
            raise ValueError(f"ended_by({who!r}): {did_you_mean(str(who), ENDINGS)}")
        self._took_place()
        if self.outcome.ended_by not in ENDINGS[who]:
            wanted = " or ".join(ending(reason) for reason in ENDINGS[who])
            was = ending(self.outcome.ended_by) or "not known"
            self._fail(
                f"the call was not ended by the {who}", self.outcome.duration_ms, was, {"expected": wanted, "was": was}
            )
        return self

    def did_not_diverge(self) -> Self:
        """Run again, the call went as its record has it."""
        __tracebackhide__ = True
        self._took_place()
        if self.run is None or self.run.recorded is None:
            details = {"expected": "a call that was run again from its record"}
            self._fail("there is no record to compare this call with", 0, "no record", details)
        away = self.run.diverged
        if away is not None:
            details = {"recorded": away.recorded or "nothing", "now": away.now or "nothing"}
            what = f"the call went another way than its record at turn {away.turn} ({away.what})"
            self._fail(what, away.at_ms, "from here on the recorded caller answers somebody else", details)
        return self
