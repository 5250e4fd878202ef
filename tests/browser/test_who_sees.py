"""What the pages say about who sees a video, and whether they keep to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.product import Product

pytestmark = pytest.mark.browser


def upload(visitor: Visitor, clip: Path) -> None:
    visitor.page.goto("/upload")
    visitor.choose(clip)


def everybodys_videos(product: Product) -> list[str]:
    return [video["filename"] for video in product.call("GET", "/api/global-videos/")["results"]]


def change(visitor: Visitor, method: str, path: str, data: dict[str, Any]) -> Any:
    """A request with the session of the visitor's browser."""
    cookies = {each["name"]: each["value"] for each in visitor.context.cookies()}
    headers = {"X-CSRFToken": cookies["csrftoken"], "Origin": visitor.url}
    answer = visitor.context.request.fetch(path, method=method, data=data, headers=headers)
    assert answer.ok, answer.text()
    return answer.json() if answer.status != 204 else None


def test_nobody_else_sees_a_video_while_its_owner_is_choosing(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path], live_product: Product
) -> None:
    clip = make_clip("choosing.mp4", seconds=4, size="640x360", kbps=1000)
    ana = visit().join()
    upload(ana, clip)
    row = ana.row("choosing.mp4")
    choice = row.get_by_label("Who can see it")
    choice.focus()
    expect(choice).to_have_accessible_description(
        "When it plays, everybody can watch it and finds it on the front page. "
        "Until then, only you can."
    )
    expect(row.get_by_role("link", name="Watch now")).to_be_visible(timeout=30_000)
    assert "choosing.mp4" not in everybodys_videos(live_product)

    choice.select_option("Only you")
    expect(choice).to_have_accessible_description("When it plays, only you can watch it.")
    row.get_by_role("button", name="Post now").click()
    expect(row.get_by_text("Posted")).to_be_visible()
    expect(choice).to_have_accessible_description("Now, only you can watch it.")
    assert "choosing.mp4" not in everybodys_videos(live_product)

    choice.select_option("Everyone")
    row.get_by_role("button", name="Save changes").click()
    expect(choice).to_have_accessible_description(
        "Now, everybody can watch it and finds it on the front page."
    )
    assert "choosing.mp4" in everybodys_videos(live_product)
    assert ana.complaints == []


def test_the_list_says_that_a_post_shows_a_private_video_to_everybody(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    upload(ana, make_clip("shown.mp4", seconds=4, size="640x360", kbps=1000))
    row = ana.row("shown.mp4")
    expect(row.get_by_text("Posted")).to_be_visible(timeout=30_000)
    ana.page.goto("/videos")
    item = ana.page.locator("[data-video]")
    expect(item.get_by_text("Everyone", exact=True)).to_be_visible()

    video_id = item.get_attribute("data-video")
    change(ana, "PATCH", f"/api/videos/{video_id}/", {"visibility": "private"})
    ana.page.reload()
    expect(item.get_by_text("Everyone who sees its post")).to_be_visible()
    expect(item.get_by_text("Only you")).to_have_count(0)
    assert ana.complaints == []


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (1024, 768)])
def test_the_title_is_in_sight_below_the_whole_picture(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path], size: tuple[int, int]
) -> None:
    ana = visit(viewport={"width": size[0], "height": size[1]}).join()
    upload(ana, make_clip("wide.mp4", seconds=4, size="640x360", kbps=1000))
    row = ana.row("wide.mp4")
    expect(row.get_by_text("Posted")).to_be_visible(timeout=30_000)
    row.get_by_role("link", name="Watch now").click()
    player = ana.page.locator("reelay-player")
    expect(player.locator("media-play-button")).to_be_visible()
    shape, title = player.bounding_box(), ana.page.get_by_role("heading", level=1).bounding_box()
    assert shape
    assert title
    assert shape["width"] / shape["height"] == pytest.approx(16 / 9, abs=0.01)
    assert shape["y"] + shape["height"] <= title["y"]
    assert title["y"] + title["height"] <= size[1]
