"""A video with a hole in its file is played to its end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.matrix.container_sources import holed

pytestmark = pytest.mark.browser


def test_a_browser_plays_over_what_is_broken_in_a_copy(
    visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    path = tmp_path / "holed.mp4"
    holed(path)
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(path)
    watch = ana.row("holed.mp4").get_by_role("link", name="Watch now")
    expect(watch).to_be_visible(timeout=30_000)
    watch.click()
    ana.page.locator("media-play-button").click()
    now = ana.wait_until_playing(beyond=3.5)
    assert now["duration"] == pytest.approx(4, abs=0.1)
    assert ana.complaints == []
