"""What tests of media with a database and files share."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from media.ffmpeg import encode


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Path:
    """A store of its own for each test."""
    root = tmp_path / "media"
    settings.MEDIA_ROOT = root
    return root


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the pieces that are encoded, as they are."""
    numbers: list[int] = []
    make_piece = encode.make_piece

    def noting(*args: Any, **options: Any) -> Any:
        numbers.append(options["number"])
        return make_piece(*args, **options)

    monkeypatch.setattr(encode, "make_piece", noting)
    return numbers
