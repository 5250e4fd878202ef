"""A look ahead: stills over the time range, and on the cards while they are pointed at."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Visitor
from tests.product import Product

pytestmark = pytest.mark.browser

PREVIEW = "reelay-player media-preview-thumbnail[slot]"
READY = "() => document.querySelector('track[label=thumbnails]')?.track.cues?.length > 2"


@pytest.fixture(scope="module")
def name() -> str:
    return "stills"


@pytest.fixture(scope="module")
def ana(
    live_product: Product, browser: Browser, make_clip: Callable[..., Path], name: str
) -> Visitor:
    """Somebody whose video has been posted, with its storyboard."""
    ana = Visitor(browser, live_product.url).join()
    ana.page.goto("/upload")
    ana.choose(make_clip(f"{name}.mp4", seconds=6, size="128x72", kbps=100))
    watch = ana.row(f"{name}.mp4").get_by_role("link", name="Watch now")
    expect(watch).to_be_visible(timeout=90_000)
    watch.click()
    # It comes by the socket, while one watches.
    expect(ana.page.locator("track[label=thumbnails]")).to_be_attached(timeout=120_000)
    return ana


def card(visitor: Visitor, name: str) -> str:
    visitor.page.goto("/")
    return f"article.card:has-text('{name}')"


def stills(visitor: Visitor) -> list[str]:
    return [url for url in visitor.addresses if re.search(r"/storyboard[.-]", url)]


def test_the_time_range_shows_what_is_there(ana: Visitor) -> None:
    ana.page.reload()
    ana.page.wait_for_function(READY)
    bar = ana.page.locator("media-time-range")
    image = "e => e.getAttribute('mediapreviewimage') + '#' + e.getAttribute('mediapreviewcoords')"
    seen = set()
    for x in (100, 600):
        bar.hover(position={"x": x, "y": 12})
        expect(ana.page.locator(PREVIEW)).to_be_visible()
        ana.page.wait_for_timeout(200)
        seen.add(ana.page.locator(PREVIEW).evaluate(image))
    assert len(seen) == 2
    assert ana.violations() == []
    assert ana.complaints == []


def test_a_card_plays_stills_while_it_is_pointed_at_and_loads_none_before(
    ana: Visitor, visit: Callable[..., Visitor], name: str
) -> None:
    guest = visit()
    here = guest.page.locator(card(guest, name))
    expect(here).to_be_visible()
    guest.page.wait_for_load_state("networkidle")
    assert stills(guest) == []
    here.hover()
    still = here.locator(".reel svg")
    expect(still).to_be_visible()
    first = still.get_attribute("viewBox")
    expect(still).not_to_have_attribute("viewBox", first or "")
    assert guest.violations() == []
    guest.page.mouse.move(1, 1)
    expect(still).to_have_count(0)
    assert guest.complaints == []


def test_the_keyboard_sees_them_too(ana: Visitor, visit: Callable[..., Visitor], name: str) -> None:
    guest = visit()
    here = guest.page.locator(card(guest, name))
    expect(here).to_be_visible()
    for _ in range(20):
        guest.page.keyboard.press("Tab")
        if here.locator(".card-link").evaluate("e => e === document.activeElement"):
            break
    expect(here.locator(".reel svg")).to_be_visible()
    guest.page.keyboard.press("Tab")
    guest.page.keyboard.press("Tab")
    guest.page.keyboard.press("Tab")
    expect(here.locator(".reel")).to_have_count(0)


def test_nothing_moves_for_those_who_asked_for_that(
    ana: Visitor, visit: Callable[..., Visitor], name: str
) -> None:
    guest = visit(reduced_motion="reduce")
    here = guest.page.locator(card(guest, name))
    here.hover()
    guest.page.wait_for_timeout(1000)
    expect(here.locator(".reel")).to_have_count(0)
    assert stills(guest) == []
