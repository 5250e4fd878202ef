"""Subtitles of a file are there for who wants them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.factories.media import make_subtitled

pytestmark = pytest.mark.browser

SHOWN = """v => [...v.textTracks].filter(t => t.mode === "showing")
    .flatMap(t => [...t.cues ?? []].map(c => c.text))"""


def test_subtitles_are_switched_on_by_whoever_wants_them(
    visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_subtitled(tmp_path / "film.mkv", codec="subrip"))
    watch = ana.row("film.mkv").get_by_role("link", name="Watch now")
    expect(watch).to_be_visible(timeout=30_000)
    watch.click()
    video, button = (
        ana.page.locator("reelay-player video"),
        ana.page.locator("media-captions-button"),
    )
    expect(button).to_be_visible()
    assert video.evaluate(SHOWN) == []
    button.click()
    ana.page.wait_for_function(f"() => ({SHOWN})(document.querySelector('video')).length")
    assert video.evaluate(SHOWN) == ["<i>Hello</i>", "Bye\nnow"]
    assert ana.violations() == []
    assert ana.complaints == []


def test_a_video_without_subtitles_offers_none(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("bare.mp4", seconds=3))
    watch = ana.row("bare.mp4").get_by_role("link", name="Watch now")
    expect(watch).to_be_visible(timeout=30_000)
    watch.click()
    expect(ana.page.locator("media-play-button")).to_be_visible()
    expect(ana.page.locator("media-captions-button")).to_be_hidden()
