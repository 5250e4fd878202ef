"""People take a video away as a file."""

import re
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def test_a_quality_is_put_together_and_saved(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("take away.mp4", seconds=8, size="256x144", kbps=300))
    expect(ana.row("take away.mp4").get_by_role("link", name="Watch now")).to_be_visible(
        timeout=60_000
    )
    ana.page.goto("/videos")
    video = ana.page.locator("[data-video]")
    expect(video).to_have_attribute("data-status", "completed", timeout=120_000)
    video.get_by_role("heading").get_by_role("link").click()
    ana.page.get_by_role("button", name="Download").click()
    quality = ana.page.get_by_role("button", name=re.compile("^144p"))
    expect(quality).to_contain_text("About")
    assert ana.violations() == []
    with ana.page.expect_download(timeout=60_000) as taken:
        quality.click()
    assert taken.value.suggested_filename == "take away (144p).mp4"
    path = tmp_path / "taken.mp4"
    taken.value.save_as(path)
    with av.open(str(path)) as container:
        assert (container.duration or 0) / 1e6 == pytest.approx(8, abs=0.1)
    expect(quality).to_contain_text(re.compile(r"^144p [\d.]+ kB|MB"))
    with ana.page.expect_download() as original:
        ana.page.get_by_role("button", name=re.compile("^Original")).click()
    assert original.value.suggested_filename == "take away.mp4"
    assert ana.complaints == []


def test_viewers_may_take_what_the_owner_gives(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("given.mp4", seconds=4, size="256x144", kbps=300))
    ana.row("given.mp4").get_by_role("link", name="Watch now").click(timeout=60_000)
    expect(ana.page.get_by_role("heading", name="given")).to_be_visible()
    address = ana.page.url
    guest = visit()
    guest.page.goto(address)
    expect(guest.page.get_by_role("heading", name="given")).to_be_visible()
    expect(guest.page.get_by_role("button", name="Download")).to_have_count(0)
    ana.page.get_by_role("button", name="Download").click()
    ana.page.get_by_label("Whoever may watch it may download it").click()
    expect(ana.page.get_by_label("Whoever may watch it may download it")).to_be_checked()
    guest.page.reload()
    guest.page.get_by_role("button", name="Download").click()
    expect(guest.page.get_by_role("button", name=re.compile("^Original"))).to_have_count(0)
    assert guest.complaints == ana.complaints == []
