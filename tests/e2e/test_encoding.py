"""A video from the first byte of its upload to the last frame that a player shows."""

import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from media.ffmpeg.binary import ffmpeg_binary
from tests.factories.media import make_clip
from tests.product import ROOT, Product, prepared


def frames_of(url: str) -> int:
    """How many frames FFmpeg's player shows, without an error or a gap on the way."""
    player = "-fps_mode passthrough -f null - -progress pipe:1 -nostdin -v warning"
    done = subprocess.run(
        [ffmpeg_binary(), "-i", url, "-map", "0:v:0", "-map", "0:a:0?", *player.split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return int(re.findall(r"^frame=(\d+)", done.stdout, re.MULTILINE)[-1])


def rungs_of(product: Product, video: Any) -> list[str]:
    """The address of every variant of a video."""
    master = product.url + video["playlist_url"]
    text = urllib.request.urlopen(master, timeout=10).read().decode()
    folder = master.rsplit("/", 1)[0]
    return [f"{folder}/{line}" for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"], ids=["copied", "encoded"])
def test_an_uploaded_video_plays_to_its_last_frame(
    product: Product, tmp_path: Path, codec: str
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", seconds=15, size="256x144", codec=codec)
    token = product.sign_up()
    video_id = product.upload(clip, token)
    video = product.wait_for(video_id, token, "completed")
    assert video["progress_percent"] == 100
    assert {rendition["status"] for rendition in video["renditions"]} == {"completed"}
    assert frames_of(product.url + video["playlist_url"]) == 150


def test_a_file_that_is_no_video_says_so(product: Product, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_bytes(b"these are only my notes\n" * 100)
    token = product.sign_up()
    video_id = product.upload(tmp_path / "notes.mp4", token)
    deadline = time.monotonic() + 20
    while (video := product.call("GET", f"/api/videos/{video_id}/", token=token))["error"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (video["status"], video["error"]["code"]) == ("failed", "not-a-video")


def test_workers_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    """Ten times kill -9 in one video of twenty pieces: it completes, every frame once."""
    rng = random.Random(7)
    with prepared(tmp_path / "product", WORKER_PROCESSES="0", JOB_LEASE_SECONDS="2") as product:
        product.start()
        token = product.sign_up()
        clip = make_clip(tmp_path / "clip.mp4", seconds=122, size="320x240", rate=10)
        workers: list[subprocess.Popen[bytes]] = []
        try:
            video_id = product.upload(clip, token)
            for _ in range(10):
                workers.append(_worker(product))
                _wait_for_work(product, video_id, token)
                product.wait_for(video_id, token, "processing")
                time.sleep(rng.uniform(0.0, 0.5))
                os.killpg(workers[-1].pid, signal.SIGKILL)
                workers[-1].wait()
            workers.append(_worker(product))
            video = product.wait_for(video_id, token, "completed", seconds=240)
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait(15)
        jobs = product.call("GET", f"/api/jobs/?video_id={video_id}&limit=100", token=token)
        assert sum(job["losses"] for job in jobs["results"]) >= 5
        assert all(len(r["made"]) == 1 for r in video["renditions"])
        variants = rungs_of(product, video)
        assert [frames_of(url) for url in variants] == [122 * 10] * len(variants)


def _wait_for_work(product: Product, video_id: str, token: str) -> None:
    """Return when a job has been claimed since now."""
    began = datetime.now(UTC)
    path = f"/api/jobs/?video_id={video_id}&state=running"
    while True:
        jobs = product.call("GET", path, token=token)["results"]
        if any(datetime.fromisoformat(job["started_at"]) > began for job in jobs):
            return
        assert (datetime.now(UTC) - began).total_seconds() < 60
        time.sleep(0.05)


def _worker(product: Product) -> subprocess.Popen[bytes]:
    with (product.folder / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "manage.py", "process_tasks"],
            cwd=ROOT,
            env=dict(product.environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
