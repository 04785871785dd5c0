"""Markup: what is in a text only for the eye (markdown, tags, emoji, list signs), taken out. Pure."""

from __future__ import annotations

import html
import re
import unicodedata

from agent.speech.spoken.form import Rewriter, Step

_MARKUP = re.compile(
    r"""
      (?P<fence>```[ \t]*[A-Za-z0-9+-]{0,20}(?=\s|\Z)|~~~|```)
    | (?P<rule>(?m:^)[ \t]*(?:[-*_=][ \t]*){3,}(?m:$)\n?)
    | (?P<row>(?m:^)[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*){1,20}\|?[ \t]*(?m:$)\n?)
    | (?P<bullet>(?:(?P<after>[^\s.,;:!?])?[ \t]*\n\s*|\A\s*)
        (?:(?:[-*+•◦▪‣·–][ \t]+)(?:\[[ xX]\][ \t]+)?|\#{1,6}[ \t]+|>[ \t]*)+)
    | (?P<item>(?:(?P<upto>[^\s.,;:!?])?[ \t]*\n\s*)(?P<nth>\d{1,2})[.)][ \t]+(?=\S))
    | (?P<first>\A\s*(?P<number>\d{1,2})[.)][ \t]+(?=[^\W\d_]|[*_]))
    | (?P<break>(?P<end>[^\s.,;:!?])?[ \t]*\n(?:[ \t]*\n)+\s*)
    | (?P<line>(?P<word>[^\s.,;:!?|])[ \t]*\n[ \t]*(?=[A-Z]))
    | (?P<link>!?\[(?P<label>[^\[\]\n]{0,300})\]\((?P<goal>[^()\s]{0,600})(?:[ ]"[^"\n]{0,100}")?\))
    | (?P<cite>\[\^?\d{1,3}\]|【[^【】\n]{0,60}】)
    | (?P<tag></?[A-Za-z][A-Za-z0-9:-]{0,30}(?:\s[^<>\n]{0,200})?/?>|<!--.{0,200}?-->)
    | (?P<entity>&(?:\#\d{1,7}|\#x[0-9a-fA-F]{1,6}|[A-Za-z]{2,8});)
    | (?P<face>(?<![\w:;])[:;]-?[)(DPp](?!\w))
    | (?P<strong>\*\*+|~~+|`+|(?<!\w)__?(?=\w)|(?<=[\w.,!?])__?(?!\w))
    | (?P<star>(?<!\d[ ])(?<!\d)\*|\*(?![ ]?\d))
    | (?P<cell>[ \t]*\|[ \t]*)
    | (?P<white>\s\s+|[^\S ]|\A\s|\s\Z)
    """,
    re.VERBOSE,
)
#: Signs of other scripts and typography that have a plain twin.
_TWINS = {
    "‐": "-",
    "‑": "-",
    "−": "-",
    "‒": "–",
    "―": "—",
    "′": "'",
    "＋": "+",
    "％": "%",
    "＄": "$",
    "＆": "&",
    "＠": "@",
    "⁄": "/",
    "∕": "/",
}


def without_markup(text: str) -> tuple[str, Step]:
    """`text` in one line of words and signs, and the way back. A list's items are parted by commas."""
    rewriter = Rewriter(text)
    for found in _MARKUP.finditer(text):
        kind = found.lastgroup or ""
        start, end = found.span()
        match kind:
            case "bullet":
                _join(rewriter, found, "after", "")
            case "item" | "first":
                _join(rewriter, found, "upto", f"{int(found['nth'] or found['number'])}: ")
            case "break":
                if end < len(text):
                    _join(rewriter, found, "end", "", mark=". ")
                else:
                    rewriter.put(start + len(found["end"] or ""), end, "")
            case "line":
                _join(rewriter, found, "word", "")
            case "link":
                label, at = found["label"], found.start("label")
                if label.strip():
                    rewriter.put(start, at, "")
                    rewriter.put(at + len(label), end, "")
                else:
                    rewriter.put(start, end, "")
            case "entity":
                rewriter.put(start, end, html.unescape(found[0]))
            case "cell":
                rewriter.put(
                    start, end, ", " if start > 0 and end < len(text) and text[start - 1] not in ",.:;" else " "
                )
            case "white":
                rewriter.put(start, end, " " if start > 0 and end < len(text) else "")
            case "tag" | "fence":
                rewriter.put(start, end, " ")
            case _:
                rewriter.put(start, end, "")
    return rewriter.done()


def _join(rewriter: Rewriter, found: re.Match[str], before: str, sign: str, mark: str = ", ") -> None:
    """A line's end is a rest, unless there is one already, or nothing stands before it."""
    start, end = found.span()
    kept = found.groupdict().get(before)
    joint = "" if start == 0 and kept is None else mark if kept else " "
    rewriter.put(start + len(kept or ""), end, joint + sign)


def plain_signs(text: str) -> tuple[str, Step]:
    """Every sign that is no letter, digit or mark of ASCII by its plain twin, if it has one; emoji, pictures and what
    cannot be seen left out."""
    rewriter = Rewriter(text)
    for at, sign in enumerate(text):
        if sign.isascii() and (" " <= sign < "\x7f" or sign in "\n\t"):
            continue
        new = _TWINS.get(sign) or _plain(sign)
        if new != sign:
            rewriter.put(at, at + 1, new)
    return rewriter.done()


def _plain(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind[0] == "M" or kind in ("Ll", "Lu", "Lo", "Lt", "Lm"):
        return "" if sign in "︎️⃣" else sign
    if kind == "Nd":
        return str(unicodedata.decimal(sign))
    if kind in ("No", "Nl"):
        value = unicodedata.normalize("NFKC", sign).replace("⁄", "/")
        return f" {value} " if value.isascii() and any(part.isdecimal() for part in value) else " "
    if sign in KEPT_SIGNS:
        return sign
    if kind in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    if sign in "→⇒➔➜":
        return ", "
    return ""


#: Beside ASCII's: marks that voices know, and signs that have words (languages.toml).
KEPT_SIGNS = frozenset("’‘“”„«»‚–—…¿¡。、，．！？；：「」『』（）،؟؛۔।॥·¥₹€£°×÷±≈≤≥§№½¼¾₽₺₩₪฿₫¢")
