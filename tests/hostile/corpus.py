"""All hostile files, by name."""

from __future__ import annotations

from tests.hostile import mp4_tables, mp4s, others, texts
from tests.hostile.case import Case

CORPUS: dict[str, Case] = {
    each.name: each
    for each in (*texts.cases(), *mp4s.cases(), *mp4_tables.cases(), *others.cases())
}
