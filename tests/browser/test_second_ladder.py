"""A video with a second ladder is played by our player, from one of the two."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Visitor
from tests.product import running

pytestmark = pytest.mark.browser

#: What a browser on a device with a decoder for AV1 says, and what one without says.
SAYS = """
navigator.mediaCapabilities.decodingInfo = async () => (
  {supported: true, smooth: true, powerEfficient: %s});
"""


def test_one_of_two_ladders_is_played(
    browser: Browser, built_client: Path, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    with running(tmp_path, AV1_LADDER="true") as product:
        ana = Visitor(browser, product.url).join()
        ana.page.goto("/upload")
        ana.choose(make_clip("two.mp4", seconds=6, size="256x144", kbps=300))
        watch = ana.row("two.mp4").get_by_role("link", name="Watch now")
        expect(watch).to_be_visible(timeout=60_000)
        address = watch.get_attribute("href") or ""
        playlist = ""
        for _ in range(180):
            ana.page.wait_for_timeout(1000)
            playlist = ana.page.evaluate(
                """async () => {
                  const mine = await (await fetch("/api/local-videos/")).json();
                  return (await fetch(mine.results[0].playlist_url)).text();
                }"""
            )
            if "av01" in playlist:
                break
        assert "av01" in playlist
        for is_easy, plan in (("true", "2"), ("false", "1")):
            viewer = Visitor(browser, product.url, storage_state=ana.context.storage_state())
            viewer.page.add_init_script(SAYS % is_easy)
            viewer.page.goto(address)
            viewer.page.locator("media-play-button").click()
            viewer.wait_until_playing(beyond=3)
            segments = [each for each in viewer.addresses if re.search(r"\d+p/\d+\.m4s", each)]
            assert segments
            assert all(f"/{plan}/144p/" in each for each in segments)
            assert viewer.complaints == []
            viewer.leave()
        ana.leave()
