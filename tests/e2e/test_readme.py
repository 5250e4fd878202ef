"""The README's curl commands do what it says."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.product import ROOT, Product

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def curl_block() -> str:
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme.split("## By curl", 1)[1]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=5"]
    sources += ["-f", "lavfi", "-i", "sine=duration=5"]
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "error",
            *sources,
            "-pix_fmt",
            "yuv420p",
            str(path),
        ],
        check=True,
    )
    return path


def test_the_curl_commands_lead_from_a_file_to_a_post_that_plays(
    product: Product, clip: Path
) -> None:
    environment = {**product.environment, "CLIP": str(clip)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", curl_block()],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "#EXT-X-STREAM-INF" in done.stdout
    shown = re.search(r'"media":\["([0-9a-f-]{36})"\]', done.stdout)
    assert shown is not None
    token = product.sign_up()
    video = product.wait_for(shown[1], token, "completed")
    decode = ["-map", "0:v:0", "-f", "null", "-progress", "-", "-"]
    frames = subprocess.run(
        [FFMPEG, "-v", "error", "-i", product.url + video["playlist_url"], *decode],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "frame=125" in frames.stdout
