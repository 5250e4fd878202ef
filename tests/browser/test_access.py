"""Every page, for everybody: axe-core, a clean console, no sideways scrolling, no mouse."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visitor import PASSWORD, Visitor
from tests.product import Product

pytestmark = pytest.mark.browser

LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    "dark": {"color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def member(
    live_product: Product, browser: Browser, make_clip: Callable[..., Path]
) -> Iterator[dict[str, Any]]:
    """Somebody with a video and a song, and the state of their browser to come back with."""
    visitor = Visitor(browser, live_product.url).join()
    visitor.page.goto("/upload")
    clip = make_clip("wave.mp4", seconds=4, size="640x360", kbps=1000)
    visitor.choose(clip, sound_of(clip, "song.m4a"))
    addresses = {}
    for what, name in (("post", "wave.mp4"), ("song", "song.m4a")):
        row = visitor.row(name)
        expect(row.get_by_text("Posted")).to_be_visible(timeout=30_000)
        addresses[what] = row.get_by_role("link", name="Watch now").get_attribute("href")
    yield {
        "name": visitor.name,
        **addresses,
        "state": visitor.context.storage_state(),
    }
    visitor.leave()


def sound_of(clip: Path, name: str) -> Path:
    """The sound of a clip as a file of its own."""
    song = clip.with_name(name)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(clip)]
    subprocess.run([*command, "-vn", "-c:a", "copy", str(song)], check=True)
    return song


def settled(page: Page) -> None:
    """Wait until the page shows what it has to show."""
    expect(page.get_by_role("heading", level=1)).to_be_attached()
    expect(page.locator(".skeleton")).to_have_count(0)
    page.wait_for_timeout(300)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("route", ["/", "/login", "/register", "/nowhere"])
def test_a_guest_finds_every_page_in_order(
    visit: Callable[..., Visitor], member: dict[str, Any], look: str, route: str
) -> None:
    guest = visit(**LOOKS[look])
    guest.page.goto(route)
    settled(guest.page)
    assert guest.violations() == []
    assert guest.overflow_px() <= 0
    guest.forgive("404.*/nowhere")
    assert guest.complaints == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("route", ["/", "/upload", "/videos", "post", "song"])
def test_a_member_finds_every_page_in_order(
    visit: Callable[..., Visitor], member: dict[str, Any], look: str, route: str
) -> None:
    ana = visit(storage_state=member["state"], **LOOKS[look])
    ana.page.goto(member.get(route, route))
    settled(ana.page)
    if route in member:
        expect(ana.page.locator("reelay-player media-play-button")).to_be_visible()
    assert ana.violations() == []
    assert ana.overflow_px() <= 0
    assert ana.complaints == []


def test_the_player_stays_in_order_with_its_menus_open(
    visit: Callable[..., Visitor], member: dict[str, Any]
) -> None:
    ana = visit(storage_state=member["state"])
    ana.page.goto(member["post"])
    ana.page.locator("media-settings-menu-button").click()
    ana.page.wait_for_timeout(400)
    assert ana.violations() == []
    ana.page.get_by_role("menuitem", name="Quality").first.click()
    ana.page.wait_for_timeout(400)
    assert ana.violations() == []


def test_the_feed_does_not_load_the_player(
    visit: Callable[..., Visitor], member: dict[str, Any]
) -> None:
    guest = visit()
    guest.page.goto("/")
    settled(guest.page)
    scripts = [each for each in guest.addresses if each.endswith(".js")]
    assert scripts
    assert not [each for each in scripts if "/element-" in each]


def test_everything_is_reached_without_a_mouse(
    visit: Callable[..., Visitor], member: dict[str, Any]
) -> None:
    ana = visit()
    page = ana.page
    page.goto("/login")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Username or e-mail")).to_be_focused()
    page.keyboard.type(member["name"])
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{ana.url}/")

    card = page.locator("article", has_text="wave").get_by_role("link", name="wave").first
    tab_to(page, card)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()

    tab_to(page, page.locator("media-play-button"))
    page.keyboard.press("Enter")
    ana.wait_until_playing(beyond=0.2)
    page.keyboard.press("k")
    expect(page.locator("reelay-player video")).to_have_js_property("paused", True)
    tab_to(page, page.get_by_role("button", name=re.compile("^Like")))
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Like, 1 like")).to_have_attribute(
        "aria-pressed", "true"
    )
    tab_to(page, page.get_by_label("Your comment"))
    page.keyboard.type("No mouse needed")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".comment-text", has_text="No mouse needed")).to_be_visible()

    page.evaluate("scrollTo(0, 0)")
    account = page.get_by_role("button", name=f"Account of {member['name']}")
    tab_to(page, account, backwards=True)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(account).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Join")).to_be_visible()
    assert ana.complaints == []


def tab_to(page: Page, target: Any, *, backwards: bool = False) -> None:
    """Press Tab until `target` has the focus."""
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if target.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {target}")
