"""A video from the first byte of its upload to the last frame that a player shows."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from media.ffmpeg.binary import ffmpeg_binary
from tests.factories.media import make_clip
from tests.product import Product


def frames_of(url: str) -> int:
    """How many frames FFmpeg's player shows of each rung, without an error or a gap on the way.

    All rungs: it leaves those that are not wanted in the middle of a segment, and complains.
    """
    player = "-fps_mode passthrough -f null - -progress pipe:1 -nostdin -v warning"
    done = subprocess.run(
        [ffmpeg_binary(), "-i", url, "-map", "0", *player.split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return int(re.findall(r"^frame=(\d+)", done.stdout, re.MULTILINE)[-1])


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
