"""Pictures of every shape, rate and colour come out whole."""

from pathlib import Path

import pytest

from tests.matrix.source import Source
from tests.matrix.whole import check_whole, each_of

pytestmark = pytest.mark.matrix


@each_of("Shape", "Time", "Colour")
def test_a_source_comes_out_whole(source: Source, tmp_path: Path) -> None:
    check_whole(source, tmp_path)
