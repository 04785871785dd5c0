"""A call as one picture: both voices on a time line, the words said and heard, and where each answer's time went.

`draw_call` makes one self-contained SVG, from the call's folder alone. The time line breaks into rows, at silences
where it can. In each row stand, from top to bottom: the caller's words, the caller's voice, the wait for each answer
with its stages and what tools ran, the agent's voice as the caller heard it, the agent's words (what was cut off is
struck through).
"""

from __future__ import annotations

from pathlib import Path

import soundfile

from agent.errors import LocalError
from agent.recording.folder import AUDIO, JOURNAL
from agent.summary import parse_journal
from telephony.replay.picture.envelope import Envelope
from telephony.replay.picture.frame import Frame
from telephony.replay.picture.header import header_svg
from telephony.replay.picture.row import Row
from telephony.replay.picture.scene import Scene, break_rows, make_scene
from telephony.replay.picture.style import INK, MARGIN_PX, PAPER, ROW_GAP_PX, ROW_MS, RULE, WIDTH_PX
from telephony.replay.picture.typeset import FONT, escaped


def draw_call(folder: Path) -> str:
    """The call in `folder` as an SVG document, WIDTH_PX wide. Without audio.wav, voices are drawn as plain spans.

    Raises LocalError if the folder holds no journal, or audio that is none.
    """
    try:
        with (folder / JOURNAL).open("rb") as journal:
            events = list(parse_journal(journal))
    except FileNotFoundError:
        raise LocalError(f"{folder} holds no {JOURNAL}: give the folder of a call, one of those under calls/") from None
    envelope = _envelope(folder / AUDIO)
    scene = make_scene(events, envelope.duration_ms if envelope else 0)
    head, y = header_svg(scene, has_audio=envelope is not None)
    parts = [head]
    for start_ms, end_ms in break_rows(scene, ROW_MS):
        row, y = Row(scene, envelope, Frame(start_ms), end_ms).svg(y)
        parts.append(row)
    return _document(scene, parts, round(y + MARGIN_PX - ROW_GAP_PX))


def _envelope(path: Path) -> Envelope | None:
    if not path.exists():
        return None
    try:
        return Envelope(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise LocalError(f"{path} cannot be read as audio: {error}; remove it to draw the call without") from None


def _document(scene: Scene, parts: list[str], height_px: int) -> str:
    name = escaped(str(scene.summary["agent"]) or "an agent")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height_px}" '
            f'viewBox="0 0 {WIDTH_PX} {height_px}" role="img" font-family="{FONT}" fill="{INK}">',
            f"<title>A phone call with {name}: who spoke when, and where the time went</title>",
            f'<rect x="0.5" y="0.5" width="{WIDTH_PX - 1}" height="{height_px - 1}" rx="12" fill="{PAPER}" '
            f'stroke="{RULE}"/>',
            *parts,
            "</svg>\n",
        ]
    )
