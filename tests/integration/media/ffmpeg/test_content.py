"""What the ladder sees of real sources."""

from __future__ import annotations

from pathlib import Path

from media.ffmpeg import content
from media.ffmpeg.facts import Inspection
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.factories.media import ffmpeg

SECONDS = 16
SLIDES = f"smptehdbars=s=640x360:r=25:d={SECONDS}"
NOISE = f"testsrc2=s=640x360:r=25:d={SECONDS},noise=alls=40:allf=t"


def film(folder: Path, picture: str) -> Path:
    """As a recorder of lectures stores it: the same rate always, with filler if need be."""
    path = folder / "film.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-t", str(SECONDS), "-pix_fmt", "yuv420p"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-b:v", "6M", "-minrate", "6M"),
        *("-maxrate", "6M", "-bufsize", "6M", "-x264-params", "nal-hrd=cbr:open-gop=0"),
        *("-movflags", "+faststart", str(path)),
    )
    return path


def looked_at(path: Path) -> tuple[Plan, Inspection]:
    inspection = inspect(path)
    return make_plan(inspection, may_copy_video=False), inspection


def followed(path: Path) -> list[str]:
    plan, inspection = looked_at(path)
    sample = content.sample(path, plan=plan, inspection=inspection)
    assert sample == content.sample(path, plan=plan, inspection=inspection), "always the same"
    after = content.follow(plan, codec="h264", sample=sample)
    return [rung.name for rung in after.video.rungs] if after.video else []


def test_a_picture_that_stands_still_loses_rungs_whatever_its_source_takes(tmp_path: Path) -> None:
    assert followed(film(tmp_path, SLIDES)) == ["360p"]


def test_a_picture_that_never_rests_keeps_them(tmp_path: Path) -> None:
    assert followed(film(tmp_path, NOISE)) == ["360p", "240p", "144p"]


def test_places_that_cannot_be_decoded_are_left_out(tmp_path: Path) -> None:
    path = film(tmp_path, NOISE)
    plan, inspection = looked_at(path)
    whole = content.sample(path, plan=plan, inspection=inspection)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    holed = content.sample(path, plan=plan, inspection=inspection)
    assert whole
    assert holed is None or len(holed.places) < len(whole.places)
