"""What is asked of every source: that it comes out whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.examine import complaints, examine
from tests.matrix.page import keep
from tests.matrix.source import Source
from tests.matrix.sources import KINDS


def each_of(*kinds: str) -> pytest.MarkDecorator:
    """One test for each source of these kinds. Each file has some: files run side by side."""
    sources = [source for kind in kinds for source in KINDS[kind]]
    return pytest.mark.parametrize("source", sources, ids=lambda source: source.name)


def check_whole(source: Source, folder: Path) -> None:
    """Frames, times, colours, sizes and sound are those of the source; keeps what was found."""
    findings = examine(source, folder)
    keep(source, findings)
    assert complaints(source, findings) == []
