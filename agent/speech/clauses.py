"""Clauses: a stream of text cut into pieces that can be spoken, as early as sounds natural. Pure.

A clause ends at the end of a sentence, of a line of a list, of a paragraph; at a comma too once it is long enough, the
first one sooner than later ones, because the caller is waiting for it. Never inside a number, an amount, a time, an
abbreviation, an address, or a row of digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.speech.clause_words import JOINTS, NUMBER_WORDS, OPEN_ENDED, STARTERS, TITLES, WITH_NUMBER

#: The first clause may end at a comma after so many characters: about half a second of speech, enough to cover the
#: synthesis of the next one.
FIRST_COMMA_CHARS = 12
#: Later clauses: longer, because prosody is made per clause.
LATER_COMMA_CHARS = 48
#: A first clause without any punctuation so far is cut before its last "and", "but", …: some 24 tokens have come, and
#: the caller has heard nothing. No sooner than after JOINT_CHARS.
FIRST_LONGEST_CHARS = 96
JOINT_CHARS = 40
#: Text without any punctuation is cut at a word after so many characters; a voice must not wait forever.
LONGEST_CHARS = 240
#: A boundary is judged by the word behind it, if at all; more than so much white space and word is not waited for.
LOOKAHEAD_CHARS = 16

_BOUNDARY = re.compile(
    r"([.!?;:…]+[\"'”’»)\]*_~`]*|[,،–—])(?=\s)"
    r"|([。！？；][」』”’）]*)(?=[^」』”’）])|(—)(?=[^\W\d_])|(?<=\S)([ \t]*)(?=\n)"
)
_NEW_LINE = re.compile(r"\s*\n[ \t]*(?:\n|(?:[-*+•▪‣–]|\d{1,2}[.)]|#{1,6})\s|>)")
_MAY_BE_NEW_LINE = re.compile(r"[ \t]*\n[ \t]*(?:[-*+•▪‣–]|\d{1,2}[.)]?|#{1,6})?\Z")
_LIST_NUMBER = re.compile(r"(?:\A|\n)[ \t]*\d{1,2}\Z")
_COMMAS = ",،–—"


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of an utterance: `text` as it stands at `start` (characters) of the whole."""

    text: str
    start: int


class ClauseSplitter:
    """Feed it text as it comes; it gives back clauses as soon as they are whole."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0
        self._given = 0

    def push(self, text: str) -> list[Clause]:
        """More text. A boundary counts once the white space behind it has come; where the next word tells whether it is
        one ("No. 5", "four, seven"), once that has."""
        self._text += text
        clauses = []
        while (end := self._find_end()) is not None:
            clauses += self._cut(end)
        return clauses

    def flush(self) -> list[Clause]:
        """No more text: what is left."""
        return self._cut(len(self._text))

    def _find_end(self) -> int | None:
        longest = LONGEST_CHARS if self._given else FIRST_LONGEST_CHARS
        for boundary in _BOUNDARY.finditer(self._text):
            if boundary.end() > longest and longest == FIRST_LONGEST_CHARS:
                if joint := _last_joint(self._text):
                    return joint
                longest = LONGEST_CHARS
            if boundary.end() > LONGEST_CHARS:
                break
            is_end = self._is_end(boundary)
            if is_end is None:
                return None
            if is_end:
                return boundary.end()
        if longest < len(self._text) <= LONGEST_CHARS and not self._given:
            return _last_joint(self._text)
        return _last_space(self._text) if len(self._text) > LONGEST_CHARS else None

    def _is_end(self, boundary: re.Match[str]) -> bool | None:
        """Whether a clause ends here; None as long as more text could tell otherwise. The answer never depends on how
        much of the text has come: None, or the same as with all of it."""
        before = self._text[: boundary.start()]
        ahead = self._text[boundary.end() : boundary.end() + LOOKAHEAD_CHARS]
        mark = boundary[1] or boundary[3]
        if boundary[2]:
            return True
        if not mark:
            if _NEW_LINE.match(ahead):
                return True
            return None if len(ahead) < LOOKAHEAD_CHARS and _MAY_BE_NEW_LINE.match(ahead) else False
        if mark in _COMMAS:
            shortest = LATER_COMMA_CHARS if self._given else FIRST_COMMA_CHARS
            if len(before.lstrip()) < shortest or _is_number((before.split() or [""])[-1]):
                return False
            number_follows = _number_follows(ahead)
            return None if number_follows is None else not number_follows
        return self._is_full_stop(before, ahead) if mark[0] == "." and ".." not in mark else True

    def _is_full_stop(self, before: str, ahead: str) -> bool | None:
        words = before.split()
        last = words[-1].lower().lstrip("(\"'“*_") if words else ""
        if last in TITLES:
            return False
        if _LIST_NUMBER.search(before) and (self._start == 0 or "\n" in before):
            return False
        follows = ahead.lstrip()
        whole = len(follows.split(maxsplit=1)) > 1 or len(ahead) == LOOKAHEAD_CHARS or follows != follows.rstrip()
        if last in WITH_NUMBER:
            return None if not follows and not whole else not follows[:1].isdecimal()
        if last.isdecimal() and len(last) <= 2:
            # "on the 4. of May", as some languages write it.
            return None if not follows and not whole else not follows[:1].islower()
        if last in OPEN_ENDED or (len(last) == 1 and last.isalpha() and last != "i"):
            return None if not whole else follows[:1].isupper() and _plain((follows.split() or [""])[0]) in STARTERS
        return True

    def _cut(self, end: int) -> list[Clause]:
        piece, self._text = self._text[:end], self._text[end:]
        start, self._start = self._start, self._start + end
        text = piece.strip()
        if not any(character.isalnum() for character in text):
            return []
        self._given += 1
        return [Clause(text, start + len(piece) - len(piece.lstrip()))]


def _last_joint(text: str) -> int | None:
    """Where the last "and", "but", … of a long beginning stands, if not between numbers."""
    words = list(re.finditer(r"\S+", text[:FIRST_LONGEST_CHARS]))
    for at in range(len(words) - 2, 0, -1):
        word = words[at]
        if word.start() < JOINT_CHARS:
            break
        if _plain(word[0]) in JOINTS and not (_is_number(words[at - 1][0]) or _is_number(words[at + 1][0])):
            return word.start() - 1
    return None


def _last_space(text: str) -> int:
    """Where a text that is too long is cut: at its last space that is not between two numbers, if it has one."""
    space = last = text.rfind(" ", 1, LONGEST_CHARS)
    while space > LONGEST_CHARS // 2:
        if not (_is_number(text[:space].split(" ")[-1]) and _is_number(text[space + 1 :].split(" ", 1)[0])):
            return space
        space = text.rfind(" ", 1, space)
    return last if last > 0 else LONGEST_CHARS


def _plain(word: str) -> str:
    return word.strip(".,!?;:\"'").lower().partition("'")[0].partition("’")[0]


def _is_number(word: str) -> bool:
    """Whether the word next to a comma belongs to a row of digits: "four, seven, one, two" is one breath."""
    word = word.strip(".,!?").lower()
    return word[:1].isdigit() or word in NUMBER_WORDS


def _number_follows(ahead: str) -> bool | None:
    """Whether the text behind a comma begins with a number; None as long as more of it could tell otherwise.

    The answer never depends on how much of the text has come: None, or the same as with all of it.
    """
    words = ahead.split(maxsplit=1)
    whole = len(words) > 1 or len(ahead) == LOOKAHEAD_CHARS or (bool(words) and ahead[-1].isspace())
    word = words[0].strip(".,!?").lower() if words else ""
    if whole or word[:1].isdigit():
        return _is_number(word)
    may_become_one = any(number.startswith(word) for number in NUMBER_WORDS)
    return None if may_become_one else False
