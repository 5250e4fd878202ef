"""From an empty browser to a playing picture that two people talk about."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.visitor import Visitor
from tests.product import Product

pytestmark = pytest.mark.browser

#: A minute of 1080p30; `JOURNEY_SECONDS` makes it shorter while one works on the page.
SECONDS = int(os.environ.get("JOURNEY_SECONDS", "60"))


def drop(visitor: Visitor, path: Path) -> None:
    """Drop a file on the page, as from a file manager."""
    handle = visitor.page.evaluate_handle("() => new DataTransfer()")
    visitor.page.locator("body").evaluate(
        "b => { const i = document.createElement('input'); i.type = 'file'; i.id = 'carrier';"
        " i.hidden = true; b.append(i); }"
    )
    visitor.page.locator("#carrier").set_input_files(str(path))
    visitor.page.evaluate(
        "t => { const i = document.querySelector('#carrier');"
        " t.items.add(i.files[0]); i.remove(); }",
        handle,
    )
    visitor.page.dispatch_event(".drop", "drop", {"dataTransfer": handle})


def test_a_stranger_uploads_plays_jumps_and_is_talked_to(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    clip = make_clip("harbour.mp4", seconds=SECONDS)
    ana = visit().join()
    ana.page.get_by_role("link", name="Upload").first.click()
    expect(ana.page.get_by_role("heading", name="Upload", level=1)).to_be_focused()

    drop(ana, clip)
    row = ana.row("harbour.mp4")
    row.get_by_label("Title").fill("First light over the harbour")
    row.get_by_label("Caption").fill("Shot from the pier.")
    row.get_by_label("Title").focus()
    # Leaving the fields publishes it, once it plays.
    ana.page.get_by_role("heading", name="Upload", level=1).click()

    expect(row.get_by_test_id("making")).to_be_visible(timeout=30_000)
    watch = row.get_by_role("link", name="Watch now")
    expect(watch).to_be_visible(timeout=30_000)
    expect(row.get_by_text("Posted")).to_be_visible()
    watch.click()

    expect(ana.page).to_have_url(re.compile(r"/p/[0-9a-f-]{36}$"))
    expect(ana.page.get_by_role("heading", level=1)).to_have_text("First light over the harbour")
    ana.page.locator("media-play-button").click()
    playing = ana.wait_until_playing(beyond=0.5)
    assert abs(playing["duration"] - SECONDS) < 0.5, "the whole length is known at once"
    assert "completed" not in row_status(ana), "it plays before the encode is done"

    middle = SECONDS / 2
    ana.page.locator("reelay-player video").evaluate("(v, at) => { v.currentTime = at }", middle)
    ana.wait_until_playing(beyond=middle + 0.3)

    ben = visit().join()
    ben.page.goto(ana.page.url)
    ben.page.get_by_role("button", name=re.compile("^Like")).click()
    expect(ana.page.get_by_test_id("likes")).to_have_text("1")
    ben.page.get_by_label("Your comment").fill("What a light!")
    ben.page.get_by_role("button", name="Comment", exact=True).click()
    expect(ana.page.get_by_text("What a light!").first).to_be_visible()
    expect(ana.page.get_by_role("heading", name="1 comment")).to_be_visible()

    ben.page.goto("/")
    card = ben.page.locator("article", has_text="First light over the harbour")
    expect(card).to_be_visible()
    assert ana.complaints == []
    assert ben.complaints == []
    assert all(address.startswith((ana.url, "blob:", "data:")) for address in ana.addresses)


def row_status(visitor: Visitor) -> str:
    """What the API says about the video of the post that is shown."""
    script = """async () => {
      const post = await (await fetch(`/api/posts/${location.pathname.split('/')[2]}/`)).json();
      return post.videos[0].status;
    }"""
    return str(visitor.page.evaluate(script))


def test_the_quality_can_be_chosen_and_left_to_the_player(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("short.mp4", seconds=24, size="1280x720", kbps=3000))
    watch = ana.row("short.mp4").get_by_role("link", name="Watch now")
    watch.click(timeout=30_000)
    ana.page.locator("media-play-button").click()
    ana.wait_until_playing(beyond=0.2)
    ana.page.locator("reelay-player").hover()
    ana.page.locator("media-settings-menu-button").click()
    ana.page.get_by_role("menuitem", name="Quality").first.click()
    menu = ana.page.locator("media-rendition-menu")
    expect(menu.get_by_role("menuitemradio", name="Auto")).to_have_attribute("aria-checked", "true")
    menu.get_by_role("menuitemradio", name="240p").click()
    for _ in range(200):
        if ana.video()["height"] == 240:
            break
        ana.page.wait_for_timeout(100)
    assert ana.video()["height"] == 240
    assert ana.complaints == []


def test_the_picture_sharpens_where_it_waits_in_the_buffer(
    built_client: Path, product: Product, browser: Browser, make_clip: Callable[..., Path]
) -> None:
    # One keyframe in 20 s: nothing can be copied, so all begins with the lead rung. The product
    # is one of its own, so that no other test's ladder stands in the queue before this one.
    clip = make_clip("drone.mp4", seconds=16, size="854x480", kbps=1500, gop=600)
    ana = Visitor(browser, product.url).join()

    def held(route: Route) -> None:
        time.sleep(3)
        route.continue_()

    # As on a busy server, where a segment comes when it is made; that says nothing of the link.
    ana.page.route("**/360p/*.m4s*", held)
    ana.page.goto("/upload")
    ana.choose(clip)
    ana.row("drone.mp4").get_by_role("link", name="Watch now").click(timeout=60_000)
    video = ana.page.locator("reelay-player video")
    video.evaluate("""v => {
      v.ontimeupdate = () => { if (v.currentTime > 0.2) { v.pause(); v.ontimeupdate = null } };
      v.onemptied = () => { v.dataset.emptied = 'yes' };
    }""")
    ana.page.locator("media-play-button").click(timeout=30_000)
    assert ana.wait_until_playing(beyond=0.2, seconds=60)["height"] == 360
    # However busy the machine is: what is made meanwhile replaces what waits.
    expect(ana.page.get_by_test_id("making")).to_be_hidden(timeout=300_000)
    video.evaluate("v => v.play()")
    for _ in range(200):
        if ana.video()["height"] == 480:
            break
        ana.page.wait_for_timeout(100)
    now = ana.video()
    assert now["height"] == 480
    assert now["time"] < 10, "not only after all that was in the buffer"
    assert video.get_attribute("data-emptied") is None
    ana.leave()
