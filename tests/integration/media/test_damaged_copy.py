"""A file with a hole, whose packets could otherwise be served as they are."""

from pathlib import Path

import pytest

from media.models import Rendition
from tests.factories.media import make_uploaded, work_off
from tests.matrix.container_sources import holed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_damaged_copy_is_complete_and_says_which_seconds_are_missing(tmp_path: Path) -> None:
    holed(tmp_path / "holed.mp4")
    media_file = make_uploaded(tmp_path / "holed.mp4")
    work_off()
    media_file.refresh_from_db()
    assert Rendition.objects.filter(plan__media_file=media_file, is_copy=True).exists()
    assert media_file.state == "completed"
    # The frames that are lost are of 2.5 to 2.9 s, in the second of three pieces.
    assert media_file.damaged == [[1, 3]]
