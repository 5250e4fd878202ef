"""What the page says while a file is sent and encoded at the same time."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def throttle(visitor: Visitor) -> Callable[[float], Any]:
    """What sets the bytes per second that the visitor's link takes."""
    network = visitor.context.new_cdp_session(visitor.page)
    network.send("Network.enable")
    line = {"offline": False, "latency": 20, "downloadThroughput": -1}
    return lambda pace: network.send(
        "Network.emulateNetworkConditions", line | {"uploadThroughput": pace}
    )


def test_encoding_is_seen_to_begin_while_the_file_is_sent(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    clip = make_clip("river.mp4", seconds=24, size="640x360", kbps=3000)
    ana = visit().join()
    ana.page.goto("/upload")
    pace = throttle(ana)
    pace(250_000)
    ana.choose(clip)
    row = ana.row("river.mp4")
    expect(row.get_by_text("Encoding has begun while it uploads")).to_be_visible(timeout=30_000)
    expect(row).to_have_attribute("data-stage", "sending")
    bar = row.get_by_role("progressbar", name="Encoding of river.mp4")
    expect(bar).to_have_attribute("value", re.compile("[1-9]"), timeout=30_000)
    expect(row.get_by_role("link", name="Watch now")).to_have_count(0)
    assert ana.violations() == []
    pace(-1)
    expect(row).to_have_attribute("data-status", "completed", timeout=60_000)
    expect(row.get_by_text("Encoding has begun while it uploads")).to_have_count(0)
    assert ana.complaints == []


def index_last(clip: Path) -> Path:
    """The same as a phone writes it: phone.mp4."""
    last = clip.with_name("phone.mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(clip)]
    subprocess.run([*command, "-c", "copy", str(last)], check=True)
    return last


def test_the_index_of_a_longer_file_is_sent_ahead(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    phone = index_last(make_clip("walk.mp4", seconds=24, size="640x360", kbps=3000))
    ana = visit().join()
    ana.page.goto("/upload")
    pace = throttle(ana)
    pace(250_000)
    ana.choose(phone)
    row = ana.row("phone.mp4")
    expect(row.get_by_text("Encoding has begun while it uploads")).to_be_visible(timeout=30_000)
    pace(-1)
    expect(row).to_have_attribute("data-status", "completed", timeout=60_000)
    assert ana.complaints == []


def test_a_short_file_with_its_index_at_the_end_says_so(
    visit: Callable[..., Visitor], make_clip: Callable[..., Path]
) -> None:
    last = index_last(make_clip("first.mp4", seconds=9, size="640x360", kbps=3000))
    ana = visit().join()
    ana.page.goto("/upload")
    pace = throttle(ana)
    pace(250_000)
    ana.choose(last)
    row = ana.row("phone.mp4")
    expect(row.get_by_text("This file keeps its index at its end")).to_be_visible(timeout=20_000)
    pace(-1)
    expect(row).to_have_attribute("data-stage", "arrived", timeout=30_000)
    expect(row.get_by_text("This file keeps its index at its end")).to_have_count(0)
    assert ana.complaints == []
