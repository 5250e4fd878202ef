"""Who waits sees their place; who runs the instance sees the queue, pauses it and steers it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_access import LOOKS
from tests.browser.visitor import Visitor
from tests.product import Product

pytestmark = pytest.mark.browser

UPDATE = "from users.models import User; User.objects.filter(username='{}').update(role='admin')"


@pytest.fixture(scope="module")
def warden(live_product: Product, browser: Browser) -> Iterator[dict[str, Any]]:
    """An administrator's browser, to come back with; the queue runs again at the end."""
    visitor = Visitor(browser, live_product.url).join()
    live_product.manage("shell", "-c", UPDATE.format(visitor.name))
    yield {"name": visitor.name, "state": visitor.context.storage_state()}
    live_product.manage(
        "shell", "-c", "from media.models import QueueState; QueueState.objects.all().delete()"
    )
    visitor.leave()


def pause(visitor: Visitor) -> None:
    """Pause the queue on its page, where it is not paused yet."""
    visitor.page.goto("/queue")
    button = visitor.page.get_by_role("button", name="the queue")
    expect(button).to_be_visible()
    if "Pause" in button.inner_text():
        button.click()
    expect(visitor.page.get_by_text("Nothing is lost.")).to_be_visible()


def test_a_paused_queue_is_seen_steered_and_resumed(
    visit: Callable[..., Visitor],
    warden: dict[str, Any],
    make_clip: Callable[..., Path],
    end_all_work: Callable[[], None],
) -> None:
    end_all_work()  # Videos of a try before may wait as well.
    root = visit(storage_state=warden["state"])
    root.page.goto("/")
    root.page.get_by_role("button", name=f"Account of {warden['name']}").click()
    root.page.get_by_role("link", name="Queue").click()
    expect(root.page.get_by_role("heading", level=1, name="Queue")).to_be_focused()
    pause(root)

    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("patience.mp4", seconds=4, size="640x360", kbps=1000))
    row = ana.row("patience.mp4")
    expect(row.get_by_text("Next in line.")).to_be_visible(timeout=30_000)

    # The list moves by itself; nothing was reloaded.
    waiting = root.page.get_by_role("table", name="Jobs that wait")
    expect(waiting.get_by_text("First look and beginning", exact=True)).to_be_visible()
    expect(waiting.get_by_text("1st in line")).to_be_visible()

    ana.page.goto("/videos")
    item = ana.page.locator(".video-item")
    expect(item.get_by_text("Next in line.")).to_be_visible(timeout=10_000)
    item.get_by_role("button", name="Cancel").click()
    expect(item.get_by_text("Cancelled")).to_be_visible()
    item.get_by_role("button", name="Try again").click()
    expect(item.get_by_text("In line", exact=True)).to_be_visible()

    root.page.get_by_role("button", name="Resume the queue").click()
    expect(root.page.get_by_text("Nothing is lost.")).to_be_hidden()
    expect(item.get_by_role("button", name="Cancel")).to_be_hidden(timeout=30_000)
    assert root.complaints == ana.complaints == []


def test_a_job_is_cancelled_and_tried_again_without_a_mouse(
    visit: Callable[..., Visitor], warden: dict[str, Any], make_clip: Callable[..., Path]
) -> None:
    root = visit(storage_state=warden["state"])
    pause(root)
    ana = visit(storage_state=warden["state"])
    ana.page.goto("/upload")
    ana.choose(make_clip("second.mp4", seconds=4, size="640x360", kbps=1000))
    waiting = root.page.get_by_role("table", name="Jobs that wait")
    row = waiting.get_by_role("row", name="second")
    expect(row).to_be_visible(timeout=30_000)
    row.get_by_role("button", name="Cancel").focus()
    root.page.keyboard.press("Enter")
    expect(root.page.get_by_role("dialog")).to_be_visible()
    assert root.violations() == []
    root.page.keyboard.press("Tab")
    root.page.keyboard.press("Enter")
    expect(row).to_be_hidden()
    root.page.get_by_role("button", name="Failed").press("Enter")
    expect(root.page.get_by_text("Nothing has failed.")).to_be_visible()
    root.page.get_by_role("button", name="Resume the queue").press("Enter")
    expect(root.page.get_by_text("Nothing is lost.")).to_be_hidden()
    assert root.complaints == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_of_the_queue_is_in_order(
    visit: Callable[..., Visitor], warden: dict[str, Any], look: str
) -> None:
    root = visit(storage_state=warden["state"], **LOOKS[look])
    pause(root)
    root.page.wait_for_timeout(400)
    assert root.violations() == []
    assert root.overflow_px() <= 0
    assert root.complaints == []


def test_for_others_there_is_no_such_page(visit: Callable[..., Visitor]) -> None:
    ana = visit().join()
    ana.page.goto("/queue")
    expect(ana.page.get_by_role("heading", level=1)).not_to_have_text("Queue")
    ana.page.get_by_role("button", name=f"Account of {ana.name}").click()
    expect(ana.page.get_by_role("link", name="Queue")).to_have_count(0)
