"""The page about the matrix, docs/sources.md: what was found, a table for each kind of source."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.matrix.examine import Findings, av_offset_ms
from tests.matrix.source import Source
from tests.matrix.sources import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"

#: The folder where tests leave their rows, if anybody wants them.
ROWS_VARIABLE = "REELAY_MATRIX_ROWS"

_INTRODUCTION = """# Sources

Written by `make media-matrix`; do not edit. Each source is made by FFmpeg, encoded by the product
in pieces of one and two seconds, joined, and decoded again. Every frame shows its own number above
colour bars and every second has a beep, so it is known which frames are shown, when, in which
colours, and how far the sound is from the picture. The command fails unless

* every frame that the source presents is shown exactly once, in order, at its time (1 ms; where a
  clock jumped, within one frame), in each rung;
* the duration is that of the source (50 ms), and the rungs have the planned sizes, upright, with
  square pixels;
* the colour bars are those that were drawn (14 of 255); after tone mapping they are still bright,
  grey or of their colour;
* no beep is missing, and sound and picture are never more than 40 ms apart.

“Copied” is a top rung that is made without encoding, “remuxed” a source that is rewritten as
Matroska first. A/V is the largest distance between sound and picture against the source, in any
rung, over the whole length.
"""

_HEAD = "| source | what it is | frames | rungs | top rung | A/V |\n|---|---|---|---|---|---|\n"


def keep(source: Source, findings: Findings) -> None:
    """Leave the row of a source for `write`, if the command asked for rows."""
    if folder := os.environ.get(ROWS_VARIABLE):
        name = source.name.replace(":", "_")
        (Path(folder) / f"{name}.json").write_text(json.dumps([source.name, row(source, findings)]))


def row(source: Source, findings: Findings) -> str:
    """The row of a source in its table."""
    offset = av_offset_ms(source, findings)
    sizes = ", ".join(f"{w}×{h}" for w, h in (s.size for s in findings.renditions.values()))
    cells = [
        source.name,
        source.about,
        _frames(source, findings),
        sizes or "–",
        _way(findings),
        "–" if offset is None else f"{offset:.0f} ms",
    ]
    return f"| {' | '.join(cells)} |"


def text(rows: dict[str, str]) -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for kind, sources in KINDS.items():
        lines = "\n".join(rows[source.name] for source in sources)
        parts.append(f"## {kind}\n\n{_HEAD}{lines}\n")
    return "\n".join(parts)


def read_rows(folder: Path) -> dict[str, str]:
    """What tests have left."""
    return dict(json.loads(path.read_text()) for path in folder.glob("*.json"))


def _frames(source: Source, findings: Findings) -> str:
    if source.refusal:
        return "–"
    if source.at_least is not None:
        return f"{findings.frames} of {len(source.frames)}"
    return str(findings.frames) if findings.frames else "–"


def _way(findings: Findings) -> str:
    if findings.refusal:
        return f"refused: `{findings.refusal}`"
    words = ["remuxed"] if findings.was_remuxed else []
    if findings.renditions:
        words.append("copied" if findings.is_copied else "encoded")
    if findings.damaged:
        spans = ", ".join(f"{start:.1f}–{end:.1f} s" for start, end in findings.damaged)
        words.append(f"says damaged: {spans}")
    return ", ".join(words) or "–"
