"""Each source of the matrix comes out whole: frames, times, colours, sizes, sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.examine import complaints, examine
from tests.matrix.page import keep
from tests.matrix.source import Source
from tests.matrix.sources import SOURCES

pytestmark = pytest.mark.matrix


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_comes_out_whole(source: Source, tmp_path: Path) -> None:
    findings = examine(source, tmp_path)
    keep(source, findings)
    assert complaints(source, findings) == []
