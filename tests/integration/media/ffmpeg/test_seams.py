"""Where pieces meet, nothing is seen or heard: the joined pieces are as good as an uncut encode."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean

import pytest

from media.ffmpeg import encode
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.integration.media.ffmpeg.clips import ffmpeg
from tests.integration.media.ffmpeg.conftest import Made, make_all

UNCUT_SECONDS = 1000.0

#: Nobody sees half a decibel.
MOST_LOSS_DB = 0.5

#: Frames before and after a join.
AROUND = 3


def made_in_pieces_of(source: Path, folder: Path, piece_seconds: tuple[float, ...]) -> Made:
    folder.mkdir()
    inspection = inspect(source)
    plan = make_plan(inspection, piece_seconds=piece_seconds)
    plan = plan.with_inits(encode.make_inits(plan, work_dir=folder))
    made = Made(source, source, folder, inspection, plan)
    make_all(made)
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Made]:
    """A moving picture with sound that has no rhythm, in pieces and uncut."""
    folder = tmp_path_factory.mktemp("seams")
    source = folder / "source.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "mandelbrot=s=320x180:r=25:start_scale=2,format=yuv420p"),
        *("-f", "lavfi", "-i", "aevalsrc='sin(300*t*t)/2+sin(2765*t)/4':s=48000"),
        *("-t", "9", "-c:v", "mpeg4", "-q:v", "2", "-g", "250", "-c:a", "flac", str(source)),
    )
    return (
        made_in_pieces_of(source, folder / "pieces", (1.0, 2.0)),
        made_in_pieces_of(source, folder / "uncut", (UNCUT_SECONDS,)),
    )


def psnr(made: Made, rung: str) -> list[float]:
    """How near each frame is to the source, in decibels of its brightness."""
    size = f"{made.plan.rung(rung).width}:{made.plan.rung(rung).height}"
    text = ffmpeg(
        *("-i", str(made.joined(rung)), "-i", str(made.source), "-filter_complex"),
        f"[0:v]settb=AVTB,setpts=N[a];[1:v]scale={size}:flags=lanczos,settb=AVTB,setpts=N[b];"
        "[a][b]psnr=stats_file=-",
        *("-f", "null", "/dev/null"),
    )
    return [float(value) for value in re.findall(r"psnr_y:(\S+)", text)]


@pytest.mark.parametrize("rung", ["180p", "144p"])
def test_frames_around_joins_are_as_good_as_in_an_uncut_encode(
    both: tuple[Made, Made], rung: str
) -> None:
    pieces, uncut = both
    assert (pieces.plan.piece_count, uncut.plan.piece_count) == (5, 1)
    cut, whole = psnr(pieces, rung), psnr(uncut, rung)
    assert len(cut) == len(whole) == 225
    assert pieces.plan.video
    joins = [round(mark / 90_000 * 25) for mark in pieces.plan.video.marks[1:-1]]
    for join in joins:
        near = range(join - AROUND, join + AROUND)
        assert min(cut[n] for n in near) > min(whole) - MOST_LOSS_DB, join
        assert fmean(cut[n] for n in near) > fmean(whole[n] for n in near) - MOST_LOSS_DB, join


def test_sound_in_segments_is_sample_by_sample_that_of_an_uncut_encode(
    both: tuple[Made, Made],
) -> None:
    heard = [
        ffmpeg("-i", str(made.joined("audio")), "-f", "framemd5", "-c:a", "pcm_s16le", "-")
        for made in both
    ]
    assert len(both[0].segments["audio"]) > len(both[1].segments["audio"])
    assert heard[0] == heard[1]
