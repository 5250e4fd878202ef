"""Uploads that are interrupted, and files that cannot be used."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def percent(visitor: Visitor, name: str) -> int:
    """What the upload bar of a row says."""
    bar = visitor.row(name).get_by_role("progressbar", name="Upload of")
    return int(bar.get_attribute("value") or 0)


def test_an_upload_pauses_and_goes_on_after_a_reload(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    clip = make_clip("lecture.mp4", seconds=24, kbps=14_000)
    ana = visit().join()
    ana.page.goto("/upload")
    posts: list[str] = []
    ana.page.on(
        "request",
        lambda request: (
            posts.append(request.url)
            if request.method == "POST" and request.url.endswith("/api/uploads/")
            else None
        ),
    )
    # 8 MiB a chunk at 12 MB/s: slow enough to be caught in the middle.
    network = ana.context.new_cdp_session(ana.page)
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 12e6}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)

    ana.choose(clip)
    row = ana.row("lecture.mp4")
    for _ in range(200):
        if percent(ana, "lecture.mp4") >= 30:
            break
        ana.page.wait_for_timeout(50)
    row.get_by_role("button", name="Pause").click()
    expect(row.get_by_text(re.compile("Paused at"))).to_be_visible()
    before = percent(ana, "lecture.mp4")
    ana.page.wait_for_timeout(700)
    assert percent(ana, "lecture.mp4") == before, "nothing moves while it is paused"

    ana.page.on("dialog", lambda dialog: dialog.accept())
    ana.page.reload()
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    notice = ana.page.locator('[data-earlier="lecture.mp4"]')
    expect(notice).to_contain_text("You have an unfinished upload: lecture.mp4")
    notice.get_by_label("Choose lecture.mp4 again").set_input_files(str(clip))
    expect(notice).to_be_hidden()
    expect(ana.row("lecture.mp4")).to_have_attribute("data-stage", "arrived", timeout=30_000)
    assert len(posts) == 1, "the second half belongs to the same session"
    assert ana.complaints == []


def test_an_upload_outlives_a_broken_network(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    network = ana.context.new_cdp_session(ana.page)
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 8e6}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    ana.choose(make_clip("walk.mp4", seconds=16, kbps=14_000))
    row = ana.row("walk.mp4")
    for _ in range(200):
        if percent(ana, "walk.mp4") >= 40:
            break
        ana.page.wait_for_timeout(50)
    network.send("Network.emulateNetworkConditions", slow | {"offline": True})
    expect(row).to_have_attribute("data-stage", "broken")
    expect(row.get_by_text("The connection broke")).to_be_visible()
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    expect(row).to_have_attribute("data-stage", "arrived", timeout=30_000)
    ana.forgive("ERR_INTERNET_DISCONNECTED|WebSocket")
    assert ana.complaints == []


def test_another_file_does_not_continue_an_unfinished_upload(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("talk.mp4", seconds=12, kbps=14_000)
    other = tmp_path / "talk.mp4"
    other.write_bytes(b"something else")
    ana = visit().join()
    ana.page.goto("/upload")
    network = ana.context.new_cdp_session(ana.page)
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 4e6}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    ana.choose(clip)
    for _ in range(200):
        if percent(ana, "talk.mp4") > 0:
            break
        ana.page.wait_for_timeout(50)
    ana.page.on("dialog", lambda dialog: dialog.accept())
    ana.page.reload()
    notice = ana.page.locator('[data-earlier="talk.mp4"]')
    notice.get_by_label("Choose talk.mp4 again").set_input_files(str(other))
    expect(ana.page.get_by_text("That is another file")).to_be_visible()
    notice.get_by_role("button", name="Discard").click()
    expect(notice).to_be_hidden()


def test_a_refused_file_says_why_in_plain_words(
    visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    fake = tmp_path / "holiday.mp4"
    fake.write_text("Dear diary, this is not a film.\n" * 50, "utf-8")
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(fake)
    row = ana.row("holiday.mp4")
    reason = row.get_by_role("alert")
    expect(reason).to_be_visible(timeout=30_000)
    expect(reason).to_have_text(re.compile(r"^[A-Z].{15,}\.$"))
    expect(row.get_by_role("link", name="Watch now")).to_be_hidden()
    ana.page.goto("/videos")
    expect(ana.page.locator("[data-status=failed] .reason")).to_have_text(
        re.compile(r"^[A-Z].{15,}\.$")
    )
    ana.page.goto("/")
    expect(ana.page.locator("article", has_text="holiday")).to_have_count(0)
    assert ana.complaints == []


def test_an_empty_file_is_refused_before_a_byte_is_sent(
    visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(empty)
    expect(ana.row("empty.mp4").get_by_role("alert")).to_have_text("The file is empty.")


def test_a_video_is_deleted_only_after_a_question(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    ana = visit().join()
    ana.page.goto("/upload")
    ana.choose(make_clip("brief.mp4", seconds=2, size="640x360", kbps=800))
    expect(ana.row("brief.mp4").get_by_role("link", name="Watch now")).to_be_visible(timeout=30_000)
    ana.page.goto("/videos")
    ana.page.get_by_role("button", name="Delete brief").click()
    question = ana.page.get_by_role("dialog", name="Delete this video?")
    question.get_by_role("button", name="Keep it").click()
    expect(ana.page.locator("[data-video]")).to_have_count(1)
    ana.page.get_by_role("button", name="Delete brief").click()
    question.get_by_role("button", name="Delete").click()
    expect(ana.page.locator("[data-video]")).to_have_count(0)
