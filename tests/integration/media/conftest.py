"""What tests of media with a database and files share."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def media_root(settings: Settings, tmp_path: Path) -> Path:
    """A store of its own for each test."""
    root = tmp_path / "media"
    settings.MEDIA_ROOT = root
    return root
