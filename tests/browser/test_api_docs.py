from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def test_the_api_can_be_browsed_and_tried_under_our_csp(visit: Callable[..., Visitor]) -> None:
    guest = visit()
    guest.page.goto("/api/docs/")
    feed = guest.page.locator("#operations-posts-posts_list")
    feed.get_by_role("button").first.click()
    feed.get_by_role("button", name="Try it out").click()
    feed.get_by_role("button", name="Execute").click()
    expect(feed.locator(".live-responses-table tbody td.response-col_status")).to_contain_text(
        "200"
    )
    guest.page.goto("/problems/not-found")
    expect(guest.page.get_by_role("heading", level=1)).to_have_text("not-found")
    assert guest.complaints == []
