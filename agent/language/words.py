"""Words: what was said, stripped of everything that does not change its meaning - case, punctuation, contractions."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: Nobody says more in one turn that matters here; junk costs bounded time.
MAX_CHARS = 2000

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")

_CONTRACTIONS = {
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "let's": ("let", "us"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "dont": ("do", "not"),
    "wheres": ("where", "is"),
    "thats": ("that", "is"),
}
_ENDINGS = {"'s": "is", "'m": "am", "'re": "are", "'d": "would", "'ll": "will", "'ve": "have"}

#: Sounds of thinking, as recognisers write them. (Not "eh": who spells says it for "a".)
HESITATIONS = frozenset("um umm uhm uh uhh er erm ehm ah hm hmm mm".split())
#: Words that carry nothing: hesitation and politeness.
FILLERS = HESITATIONS | {"please", "well", "just", "actually", "kindly"}


def words(text: str) -> tuple[str, ...]:
    """`text` as small plain words, contractions written out, fillers left out. Pure; at most MAX_CHARS are read."""
    return _words(text[:MAX_CHARS])


@lru_cache(maxsize=512)
def _words(text: str) -> tuple[str, ...]:
    """A recogniser's text is read by several, and repeated until a word is added."""
    plain = unicodedata.normalize("NFKC", text)[:MAX_CHARS].lower().replace("’", "'").replace("`", "'")
    found: list[str] = []
    for word in _WORD.findall(plain):
        if word in FILLERS:
            continue
        if word in _CONTRACTIONS:
            found.extend(_CONTRACTIONS[word])
            continue
        stem, apostrophe, _ = word.partition("'")
        ending = word[len(stem) :]
        if ending == "'t" and stem.endswith("n"):
            found.extend((stem[:-1], "not"))
        elif apostrophe and ending in _ENDINGS:
            found.extend((stem, _ENDINGS[ending]))
        else:
            found.append(word.replace("'", ""))
    return tuple(found)
