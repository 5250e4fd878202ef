"""A disk was swapped, a backup restored in part: what viewers see of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture
def finished(
    live_product: Product, make_clip: Callable[..., Path], visit: Callable[..., Visitor]
) -> tuple[Visitor, str]:
    """Somebody, and a video of theirs in which nothing is left to be made."""
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("lost.mp4", seconds=6, size="640x360", kbps=1000))
    row = ana.row("lost.mp4")
    expect(row.get_by_text("Ready in every quality")).to_be_visible(timeout=60_000)
    expect(row.get_by_text("Posted")).to_be_visible(timeout=30_000)
    ana.page.goto("/videos")
    return ana, str(ana.page.locator("[data-video]").get_attribute("data-video"))


def test_a_video_whose_segments_were_lost_plays_all_the_same(
    finished: tuple[Visitor, str], live_product: Product
) -> None:
    ana, video_id = finished
    shutil.rmtree(live_product.folder / "media" / "hls" / video_id / "1")
    ana.page.goto(f"/v/{video_id}")
    ana.page.locator("reelay-player video").evaluate("v => { v.muted = true; v.play() }")
    ana.wait_until_playing(beyond=4, seconds=40)
    assert ana.complaints == []


def test_who_watches_what_cannot_be_made_again_is_told_so(
    finished: tuple[Visitor, str], live_product: Product
) -> None:
    ana, video_id = finished
    shutil.rmtree(live_product.folder / "media" / "hls" / video_id / "1")
    shutil.rmtree(live_product.folder / "media" / "videos" / video_id)
    ana.page.goto(f"/v/{video_id}")
    # hls.js looks for another quality first, and tries all of them once more.
    told = ana.page.get_by_role("alertdialog")
    expect(told).to_contain_text("This part of the video is lost", timeout=40_000)
    ana.forgive("410")
    assert ana.complaints == []
