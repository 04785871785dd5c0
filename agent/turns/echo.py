"""Echo: is what was heard what the agent is saying, by its sound and by its words? Pure; recognisers mishear echoes."""

from __future__ import annotations

from collections import deque
from difflib import SequenceMatcher
from functools import lru_cache

from agent.turns.backchannel import spoken

#: A window of which so much is the agent's own sound is not the caller's (agent/audio/echo.py has the measured rates).
ECHO_SCORE = 0.3
#: An echo is heard to be one in this share of the latest windows.
ECHO_SHARE = 0.6
#: So many windows must have been looked at before their share tells.
ECHO_WINDOWS = 4
#: The newest words decide, on either side: an echo is heard at most a second after it was said.
_LATEST_TEXT = 12
_LATEST_PLAYED = 80
_MAX_CHARS = 1200
#: No word is told from another by what comes behind so many letters.
_WORD_CHARS = 24
#: Two words whose letters agree so far are taken for one word misheard ("number" and "lumber", not "four" and "five").
_ALIKE = 0.72
#: So many words may be wrong, missing or too many, by the number of words understood.
_ALLOWED = ((0, 0), (3, 1), (6, 2), (9, 3))
#: So many words behind the last that agrees may be errors; one more, and somebody else is speaking.
_LOOSE_END = 1


class EchoTally:
    """Whether a sound is the agent's own, by its windows in which the agent could be heard."""

    def __init__(self, latest: int | None = None) -> None:
        """`latest`: only so many windows count, the last ones; None: all do."""
        self._echoes: deque[bool] = deque(maxlen=latest)

    def add(self, score: float) -> bool:
        """One more window, of which so much is the agent's own sound (0 to 1): whether it is an echo."""
        is_echo = score >= ECHO_SCORE
        self._echoes.append(is_echo)
        return is_echo

    def clear(self) -> None:
        """What sounds from here on is another sound."""
        self._echoes.clear()

    @property
    def began(self) -> bool:
        """Whether any window has been looked at."""
        return bool(self._echoes)

    @property
    def tells(self) -> bool:
        """Whether enough windows have been looked at."""
        return len(self._echoes) >= ECHO_WINDOWS

    @property
    def is_echo(self) -> bool:
        """Whether they tell, and most of them are echo."""
        return self.tells and sum(self._echoes) >= ECHO_SHARE * len(self._echoes)


def words_are_echo(text: str, playing: str) -> bool:
    """Whether `text` (partial or final) is, mostly and in order, a part of the words `playing`.

    One or two words must all agree, of three to five one may be wrong, of six to eight two. The last word may be cut.
    """
    said = [word[:_WORD_CHARS] for word in spoken(text[-_MAX_CHARS:])[-_LATEST_TEXT:]]
    played = [word[:_WORD_CHARS] for word in spoken(playing[-_MAX_CHARS:])[-_LATEST_PLAYED:]]
    if not said or not played:
        return False
    allowed = max(errors for least, errors in _ALLOWED if len(said) >= least)
    # Edit distance between `said` and the best stretch of `played`. best[j]: for the words so far, ending before
    # played[j]; loose[j]: how many words of `said` in a row have not agreed by now.
    best, loose = [0] * (len(played) + 1), [0] * (len(played) + 1)
    for at, word in enumerate(said):
        cut = at == len(said) - 1
        row, ends = [at + 1], [at + 1]
        for j, other in enumerate(played):
            same = _alike(word, other) or (cut and len(word) > 1 and other.startswith(word))
            choices = (
                (best[j] + (not same), 0 if same else loose[j] + 1),
                (best[j + 1] + 1, loose[j + 1] + 1),
                (row[j] + 1, ends[j]),
            )
            fewest, end = min(choices)
            row.append(fewest)
            ends.append(end)
        if min(row) > allowed:
            return False
        best, loose = row, ends
    return any(errors <= allowed and end <= _LOOSE_END for errors, end in zip(best, loose, strict=True))


@lru_cache(maxsize=2048)
def _alike(word: str, other: str) -> bool:
    if word == other:
        return True
    length = len(word) + len(other)
    if min(len(word), len(other)) < 3 or 2 * min(len(word), len(other)) < _ALIKE * length:
        return False
    common = sum(min(word.count(letter), other.count(letter)) for letter in set(word))
    if 2 * common < _ALIKE * length:  # most pairs end here, for a tenth of the time
        return False
    return SequenceMatcher(None, word, other, autojunk=False).ratio() >= _ALIKE
