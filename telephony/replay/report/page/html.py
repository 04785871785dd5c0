"""HTML from text that nobody has checked, and the frame of a page that stands alone under a strict policy. Pure.

A page loads nothing: its one style sheet and its one script are inside it, allowed by their hashes alone
(Content-Security-Policy, hash sources: https://www.w3.org/TR/CSP3/#framework-directive-source-list).
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any

from telephony.replay.picture.typeset import escaped

MAX_TEXT = 2000
"""Characters of one text; nobody reads more in a table, and a hostile journal holds megabytes."""


def short(text: str, limit: int = MAX_TEXT) -> str:
    """The text, cut if it is longer."""
    return text if len(text) <= limit else text[:limit] + " …"


def told(text: object, limit: int = MAX_TEXT) -> str:
    """Any text as it may stand in an element or in a double-quoted attribute."""
    return escaped(short(str(text), limit))


def words(text: object, limit: int = MAX_TEXT) -> str:
    """Somebody's words, as an element: their direction of writing is their own and turns nothing else around. "" of
    none."""
    inner = told(text, limit)
    return f"<bdi>{inner}</bdi>" if inner else ""


def data_block(name: str, data: Any) -> str:
    """Data for the page's script. Such a block is never run, and cannot be left early: it holds no "<"."""
    return f'<script type="application/json" id="{name}">{_harmless(json.dumps(data, separators=(",", ":")))}</script>'


def base64_block(name: str, mime: str, data: bytes) -> str:
    """Bytes for the page's script."""
    return f'<script type="{escaped(mime)}" id="{name}">{base64.b64encode(data).decode("ascii")}</script>'


def page_html(title: str, kind: str, body: str) -> str:
    """A whole page: `title` is text, `body` is HTML, `kind` tells the script what page it is."""
    style, script = asset("page.css"), asset("page.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            "media-src data: blob:",
            f"style-src '{source_hash(style)}'",
            f"script-src '{source_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            '<link rel="icon" href="data:,">',
            f"<title>{told(title, 200)}</title>",
            f"<style>{style}</style>",
            "</head>",
            f'<body data-kind="{kind}">',
            body,
            f"<script>{script}</script>",
            "</body>",
            "</html>\n",
        ]
    )


def source_hash(text: str) -> str:
    """How a policy names an inline style sheet or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@cache
def asset(name: str) -> str:
    """A file of static/, as it stands in a page."""
    return (resources.files("telephony.replay.report.page") / "static" / name).read_text("utf-8")


def _harmless(text: str) -> str:
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
