"""What tests of media with a database and files share."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from media.ffmpeg import child_process, encode


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


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that were started to read media, in that order."""
    pids: list[int] = []
    start_child = child_process._start_child

    def start_and_tell() -> child_process._Child:
        child = start_child()
        pids.append(child.process.pid)
        return child

    monkeypatch.setattr(child_process, "_start_child", start_and_tell)
    return pids
