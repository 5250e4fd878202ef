"""Changing what one has said: on the list of one's own videos, and on a post."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.test_who_sees import change, everybodys_videos, upload
from tests.browser.visitor import Visitor
from tests.product import Product

pytestmark = pytest.mark.browser


def dialog(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog")


def test_a_video_whose_page_was_closed_can_be_posted_later(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path], live_product: Product
) -> None:
    clip = make_clip("left-alone.mp4", seconds=4, size="640x360", kbps=1000)
    ana = visit().join()
    title = f"Left alone by {ana.name}"
    upload(ana, clip)
    row = ana.row("left-alone.mp4")
    row.get_by_label("Title").focus()  # Somebody who still writes is waited for.
    expect(row.get_by_role("link", name="Watch now")).to_be_visible(timeout=30_000)
    ana.page.goto("/videos")
    expect(ana.page.get_by_text("Only you")).to_be_visible()
    ana.page.get_by_role("button", name="Edit left-alone").click()
    expect(dialog(ana).get_by_label("Title")).to_be_focused()
    assert ana.violations() == []
    dialog(ana).get_by_label("Title").fill(title)
    dialog(ana).get_by_label("Who can see it").select_option("Everyone")
    dialog(ana).get_by_label("Post it").check()
    dialog(ana).get_by_label("Caption").fill("Better late than never")
    dialog(ana).get_by_role("button", name="Save and post").click()
    expect(dialog(ana)).to_have_count(0)
    expect(ana.page.get_by_role("button", name=f"Edit {title}")).to_be_focused()
    assert "left-alone.mp4" in everybodys_videos(live_product)
    guest = visit()
    guest.page.goto("/")
    expect(guest.page.get_by_role("heading", name=title)).to_be_visible()
    # It is in a post now, so that is not offered again.
    ana.page.get_by_role("button", name=f"Edit {title}").click()
    expect(dialog(ana).get_by_label("Post it")).to_have_count(0)
    ana.page.keyboard.press("Escape")
    expect(dialog(ana)).to_have_count(0)


def test_a_post_is_changed_hidden_and_deleted_by_its_author_alone(
    visit: Callable[..., Visitor],
) -> None:
    ana, ben = visit().join(), visit().join()
    post = change(ana, "POST", "/api/posts/", {"text": "A word too many"})
    for visitor in (ana, ben):
        visitor.page.goto(f"/p/{post['id']}")
        expect(visitor.page.get_by_role("heading", name="A word too many")).to_be_visible()
    expect(ben.page.get_by_role("button", name="Edit")).to_have_count(0)
    ana.page.get_by_role("button", name="Edit").click()
    assert ana.violations() == []
    dialog(ana).get_by_label("Caption").fill("")
    dialog(ana).get_by_role("button", name="Save").click()
    expect(dialog(ana).get_by_role("alert")).to_be_visible()
    dialog(ana).get_by_label("Caption").fill("One word")
    dialog(ana).get_by_role("button", name="Save").click()
    for visitor in (ana, ben):
        expect(visitor.page.get_by_role("heading", name="One word")).to_be_visible()
    ana.page.get_by_role("button", name="Edit").click()
    dialog(ana).get_by_label("Who can see it").select_option("Only you")
    dialog(ana).get_by_role("button", name="Save").click()
    expect(ben.page.get_by_role("heading", name="Nothing on this reel")).to_be_visible()
    ana.page.get_by_role("button", name="Delete").click()
    dialog(ana).get_by_role("button", name="Delete").click()
    expect(ana.page.get_by_text("The post is deleted.")).to_be_visible()
    assert ana.page.url == f"{ana.url}/"
    ana.forgive("400|404")
    ben.forgive("404")
