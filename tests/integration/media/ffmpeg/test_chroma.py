"""Chroma samples of every rendition lie where players take them to be."""

import re
import subprocess
from pathlib import Path

import pytest

from media.ffmpeg import command
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.factories.media import ffmpeg

#: With samples that lie elsewhere it is below 42.
LEAST_PSNR_DB = 45

SOURCES = {
    "plain": ("libx264", "yuv420p"),
    "10-bit": ("libx264", "yuv420p10le"),
    "4:2:2": ("libx264", "yuv422p"),
    "4:4:4": ("libx264", "yuv444p"),
    "full-range": ("libx264", "yuvj420p"),
    "mjpeg": ("mjpeg", "yuvj420p"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_chroma_is_where_an_exact_scaler_puts_it(name: str, tmp_path: Path) -> None:
    codec, pixels = SOURCES[name]
    path = tmp_path / "source.mov"
    picture = f"mandelbrot=s=640x360:r=10,hue=s=3,format={pixels}"
    quality = ("-q:v", "2") if codec == "mjpeg" else ("-preset", "ultrafast", "-crf", "4")
    ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", "5", "-c:v", codec, *quality, str(path))
    plan = make_plan(inspect(path), may_copy_video=False)
    assert plan.video
    argv = command.piece_command(
        ffmpeg_binary(), plan, number=0, rungs=plan.video.rungs[1:], source=path, out_dir=tmp_path
    )
    rung = plan.video.rungs[1]
    graph = argv[argv.index("-filter_complex") + 1]
    others = (f"[v{other.name}]nullsink" for other in plan.video.rungs[2:])
    exact = f"zscale={rung.width}:{rung.height}:filter=lanczos:chromal=left:range=limited"
    compared = f"[0:v]{exact},format=yuv420p,setsar=1[exact];[v{rung.name}][exact]psnr[psnr]"
    done = subprocess.run(
        [
            *(ffmpeg_binary(), "-nostdin", "-hide_banner", "-i", str(path), "-filter_complex"),
            *(";".join([graph, *others, compared]), "-map", "[psnr]", "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"PSNR y:(\S+) u:(\S+) v:(\S+)", done.stderr)
    assert found, done.stderr
    assert min(map(float, found.groups())) > LEAST_PSNR_DB
