"""From an uploaded file to a video of which every segment is made."""

from pathlib import Path

import pytest

from tests.factories.media import make_clip, make_uploaded, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=12)


def test_a_clip_is_made_completely(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off()
    media_file.refresh_from_db()
    assert media_file.state == "completed"
