"""The page about the sources names exactly those that `make media-matrix` tries."""

import re
from pathlib import Path

from tests.matrix.page import PAGE
from tests.matrix.sources import KINDS, SOURCES

MANY = 40


def listed(page: Path) -> list[tuple[str, str]]:
    """Name and description in each row of each table."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|.*\|$", page.read_text("utf-8"), re.M)
    return [(name, about) for name, about in rows if name not in ("source", "---")]


def test_the_page_lists_every_source_as_it_is_described() -> None:
    assert listed(PAGE) == [(source.name, source.about) for source in SOURCES]


def test_the_page_has_a_heading_for_every_kind() -> None:
    assert re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.M) == list(KINDS)


def test_there_are_many_sources_and_no_two_of_a_name() -> None:
    names = [source.name for source in SOURCES]
    assert len(names) == len(set(names)) >= MANY
