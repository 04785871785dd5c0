"""Sentences about words: what the caller was understood to say, what the agent said, and what of it was heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn, Self

from telephony.replay.judging.outcome import Said
from telephony.replay.testing.lines import clock, listed, short
from telephony.replay.testing.matching import closest, contains, same, spoken
from telephony.replay.testing.story import Story, turn_began_ms


class WordSentences(Story):
    """What was understood, said and heard."""

    def understood(self, *texts: str) -> Self:
        """The caller was understood to say these, in this order; others may lie between. Case, punctuation, "um" and
        the way in which a number is said do not count."""
        __tracebackhide__ = True
        self._took_place()
        _need(texts, "understood")
        turns = self.outcome.turns
        at = 0
        for text in texts:
            found = next((index for index in range(at, len(turns)) if same(turns[index].text, text)), None)
            if found is None:
                self._not_understood(text, at)
            self._matched.add(found)
            at = found + 1
        return self

    def _not_understood(self, text: str, at: int) -> NoReturn:
        __tracebackhide__ = True
        turns = self.outcome.turns
        rest = turns[at:]
        alike = closest(text, [turn.text for turn in rest])
        near = next((turn for turn in rest if turn.text == alike), None)
        earlier = next((turn for turn in turns[:at] if same(turn.text, text)), None)
        moment = turn_began_ms(near or earlier or (rest[0] if rest else None), self.outcome.duration_ms)
        was = f'"{alike}"' if near is not None else listed([turn.text for turn in rest], "nothing more")
        self._fail(
            f'the caller was not understood to say "{short(text)}"',
            moment,
            f'here: "{near.text}" for "{text}"' if near is not None else f'"{text}" is missing',
            {
                "expected": f'"{text}"' + (f', after "{turns[at - 1].text}"' if at else ""),
                "was": was + (f" (turn {near.number}, the closest)" if near is not None else ""),
                "but": f"it was said earlier, at {clock(earlier.start_ms)}" if earlier is not None else "",
            },
        )

    def understood_nothing_else(self) -> Self:
        """Every turn of the caller was named in `understood`."""
        __tracebackhide__ = True
        self._took_place()
        if not self._matched:
            raise ValueError("understood_nothing_else() needs understood(…) before it: nothing else than what?")
        for index, turn in enumerate(self.outcome.turns):
            if index not in self._matched:
                self._fail(
                    f'the caller was understood to say something else: "{short(turn.text)}"',
                    turn.start_ms,
                    f'"{turn.text}" was not expected',
                    {"expected": listed([self.outcome.turns[at].text for at in sorted(self._matched)], "nothing")},
                )
        return self

    def said(self, text: str) -> Self:
        """The agent said this within one utterance, whether or not it was heard to its end."""
        __tracebackhide__ = True
        self._took_place()
        _need((text,), "said")
        if not any(contains(said.said, text) for said in self.outcome.said):
            self._not_there(f'the agent did not say "{short(text)}"', text, lambda said: said.said)
        return self

    def heard(self, text: str) -> Self:
        """The caller heard this, to its last word, within one utterance of the agent."""
        __tracebackhide__ = True
        self._took_place()
        _need((text,), "heard")
        if any(contains(said.text, text) for said in self.outcome.said):
            return self
        cut = next((said for said in self.outcome.said if contains(said.said, text)), None)
        what = f'the caller did not hear "{short(text)}"'
        if cut is not None:
            details = {
                "expected": f'"{text}"',
                "said": f'"{cut.said}"',
                "heard": f'"{cut.text}"' if cut.text else "nothing",
            }
            self._fail(f"{what}: it was said, but cut off", cut.end_ms, "here the agent was cut off", details)
        self._not_there(what, text, lambda said: said.text)

    def did_not_hear(self, text: str) -> Self:
        """The caller did not hear this. (Of an agent that was never heard, nothing is proved by it.)"""
        __tracebackhide__ = True
        self._took_place()
        _need((text,), "did_not_hear")
        if not any(said.text for said in self.outcome.said):
            self._fail(
                f'the caller did not hear "{short(text)}", nor anything else',
                self.outcome.duration_ms,
                "the agent was never heard",
                {"expected": "an agent that is heard, and does not say it"},
            )
        for said in self.outcome.said:
            if contains(said.text, text):
                details = {"expected": f'not "{text}"', "heard": f'"{said.text}"'}
                self._fail(f'the caller heard "{short(text)}"', said.start_ms, "this was heard", details)
        return self

    def _not_there(self, what: str, text: str, words_of: Callable[[Said], str]) -> NoReturn:
        __tracebackhide__ = True
        alike = closest(text, [words_of(said) for said in self.outcome.said])
        near = next((said for said in self.outcome.said if alike and words_of(said) == alike), None)
        there = [words_of(said) for said in self.outcome.said if words_of(said)]
        self._fail(
            what,
            near.start_ms if near is not None else self.outcome.duration_ms,
            f'"{text}" was expected' if near is not None else f'"{text}" is missing',
            {
                "expected": f'"{text}"',
                "closest": f'"{alike}"' if near is not None else "",
                "was": "" if near is not None else listed(there, "nothing"),
            },
        )


def _need(texts: Sequence[str], sentence: str) -> None:
    __tracebackhide__ = True
    if not texts:
        raise ValueError(f"{sentence}() needs at least one text: without one it says nothing")
    for text in texts:
        if not spoken(text):
            raise ValueError(f"{sentence}({text!r}): there is no word in it, so it says nothing")
