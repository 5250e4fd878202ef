"""Sound of every kind comes out whole, beside a picture and alone."""

from pathlib import Path

import pytest

from tests.matrix.source import Source
from tests.matrix.whole import check_whole, each_of

pytestmark = pytest.mark.matrix


@each_of("Sound", "Sound alone")
def test_a_source_comes_out_whole(source: Source, tmp_path: Path) -> None:
    check_whole(source, tmp_path)
