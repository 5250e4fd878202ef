"""Workers are killed in the middle of pieces, again and again, and the video becomes whole."""

import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import psutil
import pytest
from playwright.sync_api import Browser

from tests.browser.visitor import Visitor
from tests.product import Product, running

pytestmark = pytest.mark.browser

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SECONDS, FRAMES_PER_SECOND, KILLS = 128, 10, 10

#: At eight times the speed; the most ranges that were buffered at once, and jumps back.
PLAY_TO_THE_END = """() => new Promise(done => {
    const video = document.querySelector("video");
    const seen = {ranges: 0, backwards: 0, last: 0};
    video.muted = true;
    video.addEventListener("timeupdate", () => {
        seen.ranges = Math.max(seen.ranges, video.buffered.length);
        seen.backwards += video.currentTime < seen.last;
        seen.last = video.currentTime;
    });
    video.addEventListener("ended", () => done({...seen, end: video.currentTime}));
    video.play().then(() => { video.playbackRate = 8; });
})"""


@pytest.fixture(scope="module")
def product(built_client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("killed"), WORKER_PROCESSES="2") as started:
        yield started


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than twenty pieces, none of which can be copied: every keyframe is far away."""
    path = tmp_path_factory.mktemp("clips") / "long.mp4"
    picture = f"testsrc2=size=320x180:rate={FRAMES_PER_SECOND}:duration={SECONDS}"
    sound = f"sine=frequency=440:duration={SECONDS}"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    codecs = "-c:v libx264 -preset ultrafast -g 1000 -bf 2 -pix_fmt yuv420p -c:a aac"
    subprocess.run([FFMPEG, "-v", "error", *sources, *codecs.split(), str(path)], check=True)
    return path


def kill_a_worker(product: Product, token: str) -> bool:
    """Kill -9 a worker whose FFmpeg is at a piece of the ladder, if there is one."""
    running = product.call("GET", "/api/jobs/?state=running", token=token)["results"]
    return any(job["kind"] == "ladder" for job in running) and product.kill_a_worker_at_work()


def frames(product: Product, playlist: str) -> list[int]:
    """Decode a rendition as a player would; the timestamps of its frames, in frames."""
    command = [FFMPEG, "-v", "error", "-i", playlist, "-map", "0:v", "-f", "framehash", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    (base,) = re.findall(r"#tb 0: 1/(\d+)", done.stdout)
    return [round(int(row[2]) * FRAMES_PER_SECOND / int(base)) for row in rows]


def at_rest(product: Product, video_id: str, token: str) -> list[dict[str, Any]]:
    """The jobs of a video when none is at work: stills and loudness come after completion."""
    deadline = time.monotonic() + 60
    while True:
        page = product.call("GET", f"/api/jobs/?video_id={video_id}&limit=100", token=token)
        jobs: list[dict[str, Any]] = page["results"]
        is_working = {job["state"] for job in jobs} & {"queued", "running"}
        if not is_working or time.monotonic() > deadline:
            return jobs
        time.sleep(0.5)


@pytest.fixture(scope="module")
def survivor(product: Product, clip: Path) -> Any:
    """The video, completed although ten workers were killed; public, so that anybody plays it."""
    token = product.sign_up()
    video_id = product.upload(clip, token)
    product.call("PATCH", f"/api/videos/{video_id}/", {"visibility": "public"}, token=token)
    kills, deadline = 0, time.monotonic() + 240
    while kills < KILLS and time.monotonic() < deadline:
        if product.call("GET", f"/api/videos/{video_id}/", token=token)["status"] == "completed":
            break
        time.sleep(random.uniform(0.05, 0.6))
        kills += kill_a_worker(product, token)
    assert kills == KILLS
    product.wait_for(video_id, token, "completed", seconds=240)
    jobs = at_rest(product, video_id, token)
    assert {job["state"] for job in jobs} <= {"done"}
    assert sum(job["losses"] for job in jobs) >= 1
    return product.call("GET", f"/api/videos/{video_id}/", token=token)


def test_ffmpeg_shows_every_frame_of_every_rung_once(product: Product, survivor: Any) -> None:
    assert not survivor["damaged"]
    master = f"{product.url}{survivor['playlist_url']}"
    for rendition in survivor["renditions"]:
        playlist = re.sub(r"master\.m3u8$", f"1/{rendition['name']}/index.m3u8", master)
        if rendition["name"] != "audio":
            assert frames(product, playlist) == list(range(SECONDS * FRAMES_PER_SECOND))


def test_the_dead_leave_no_process_behind(survivor: Any) -> None:
    source = f"{survivor['video_id']}/source"
    running = psutil.process_iter(["cmdline"])
    assert not [p for p in running if source in " ".join(p.info["cmdline"] or [])]


def test_the_page_plays_it_to_the_end_without_a_gap(
    product: Product, survivor: Any, browser: Browser
) -> None:
    visitor = Visitor(browser, product.url)
    try:
        visitor.page.goto(f"{product.url}/v/{survivor['video_id']}")
        visitor.page.locator("video").wait_for(state="attached")
        played = visitor.page.evaluate(PLAY_TO_THE_END)
    finally:
        visitor.leave()
    assert played["ranges"] == 1, "a hole in what was buffered"
    assert played["backwards"] == 0
    assert abs(played["end"] - SECONDS) < 0.2
