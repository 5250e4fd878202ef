"""The owner has a video encoded again, and sees how far that is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def test_a_video_is_encoded_again_while_it_plays(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("again.mp4", seconds=8, size="256x144", kbps=300))
    expect(ana.row("again.mp4").get_by_role("link", name="Watch now")).to_be_visible(timeout=30_000)
    ana.page.goto("/videos")
    video = ana.page.locator("[data-video]")
    expect(video).to_have_attribute("data-status", "completed", timeout=120_000)
    video.get_by_role("button", name="Encode again").click()
    expect(video.get_by_text(re.compile("plays as it is"))).to_be_visible()
    expect(video).to_have_attribute("data-status", "completed")
    expect(video.get_by_role("button", name="Cancel")).to_be_visible()
    assert ana.violations() == []
    expect(video.get_by_role("button", name="Encode again")).to_be_visible(timeout=120_000)
    expect(video.get_by_text(re.compile("plays as it is"))).to_have_count(0)
    # A web process knows for five seconds which plan plays.
    ana.page.wait_for_timeout(6_000)
    video.get_by_role("heading").get_by_role("link").click()
    ana.page.locator("media-play-button").click()
    ana.wait_until_playing(beyond=1)
    assert any("/2/" in address for address in ana.addresses)
    assert ana.complaints == []
