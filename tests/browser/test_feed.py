"""The feed while others post, hide and delete, and after a while without a connection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.test_who_sees import change, upload
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def post(visitor: Visitor, text: str) -> dict[str, Any]:
    made: dict[str, Any] = change(visitor, "POST", "/api/posts/", {"text": text})
    return made


def card(visitor: Visitor, made: dict[str, Any]) -> Any:
    return visitor.page.locator(f'[data-post="{made["id"]}"]')


def test_what_leaves_the_feed_leaves_every_page(visit: Callable[..., Visitor]) -> None:
    ana, guest = visit().join(), visit()
    hidden, deleted, kept = (post(ana, text) for text in ("soon hidden", "soon deleted", "stays"))
    for visitor in (ana, guest):
        visitor.page.goto("/")
        expect(card(visitor, hidden)).to_be_visible()
    change(ana, "PATCH", f"/api/posts/{hidden['id']}/", {"visibility": "private"})
    change(ana, "DELETE", f"/api/posts/{deleted['id']}/", {})
    expect(card(guest, hidden)).to_have_count(0)
    for visitor in (ana, guest):
        expect(card(visitor, deleted)).to_have_count(0)
        expect(card(visitor, kept)).to_be_visible()
    expect(card(ana, hidden)).to_be_visible()  # One's own feed shows what only oneself may see.
    ana.forgive("404")


class Line:
    """The wire between a page and its socket, to be cut."""

    def __init__(self, visitor: Visitor) -> None:
        self.is_cut = False
        self._open: list[WebSocketRoute] = []
        visitor.page.route_web_socket("**/ws/", self._join)

    def _join(self, route: WebSocketRoute) -> None:
        if self.is_cut:
            route.close(code=4503)
        else:
            route.connect_to_server()
            self._open.append(route)

    def cut(self) -> None:
        self.is_cut = True
        for route in self._open:
            route.close(code=4503)


def test_who_was_cut_off_is_offered_what_is_new_and_loses_what_is_gone(
    visit: Callable[..., Visitor],
) -> None:
    ana, guest = visit().join(), visit()
    line = Line(guest)
    old, kept = post(ana, "there before"), post(ana, "there before and after")
    guest.page.goto("/")
    expect(card(guest, old)).to_be_visible()
    line.cut()
    new = post(ana, "while nobody listened")
    change(ana, "DELETE", f"/api/posts/{old['id']}/", {})
    guest.page.wait_for_timeout(1_000)
    expect(card(guest, old)).to_be_visible()
    line.is_cut = False
    expect(card(guest, old)).to_have_count(0)
    guest.page.get_by_role("button", name="1 new post").click()
    expect(card(guest, new)).to_be_visible()
    expect(card(guest, kept)).to_be_visible()
    expect(guest.page.get_by_role("button", name="new post")).to_have_count(0)


def test_a_post_whose_video_is_deleted_says_so(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    upload(ana, make_clip("short-lived.mp4", seconds=2, size="320x180"))
    expect(ana.row("short-lived.mp4").get_by_text("Posted")).to_be_visible(timeout=30_000)
    ana.page.goto("/videos")
    ana.page.get_by_role("button", name="Delete short-lived").click()
    ana.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(ana.page.get_by_text("is deleted")).to_be_visible()
    ana.page.goto("/")
    link = ana.page.get_by_role("link", name="A post whose video is gone").first
    expect(link).to_be_visible()
    assert ana.violations() == []
    link.click()
    expect(ana.page.get_by_role("heading", name="A post whose video is gone")).to_be_visible()
