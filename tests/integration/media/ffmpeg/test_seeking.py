"""A piece is decoded from the keyframe at or before it, whatever the container calls that time."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from media.ffmpeg import command, encode
from media.ffmpeg.binary import ffmpeg_binary
from media.ffmpeg.facts import Timeline
from media.ffmpeg.plan import Plan, VideoPlan
from media.ffmpeg.planning import make_plan, seek
from media.ffmpeg.probe import inspect

GOP = 33
X264 = f"-c:v libx264 -bf 3 -g {GOP} -keyint_min {GOP} -sc_threshold 0 -pix_fmt yuv420p"
FRAGMENTS = "-movflags frag_keyframe+empty_moov+default_base_moof"
DENSE = X264.replace(str(GOP), "5")
SOURCES = {
    "mp4": ("mp4", X264),
    "open groups": ("mp4", f"{X264} -x264-params open-gop=1:bframes=4"),
    "fragments": ("mp4", f"{X264} {FRAGMENTS}"),
    "without edit list": ("mov", f"{X264} -use_editlist 0"),
    "at an hour": ("mp4", f"{X264} -output_ts_offset 3600"),
    "matroska": ("mkv", X264),
    "webm": ("webm", f"-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g {GOP}"),
    "mpeg-4": ("mp4", f"-c:v mpeg4 -bf 2 -g {GOP}"),
    "keyframes close by": ("mp4", DENSE),
    "keyframes close by, fragments": ("mp4", f"{DENSE} {FRAGMENTS}"),
    "keyframes close by, matroska": ("mkv", DENSE),
    "keyframes alone": ("mov", "-c:v mjpeg -pix_fmt yuvj420p"),
}


def make(path: Path, options: str) -> Path:
    picture = "testsrc2=size=128x72:rate=30:duration=4"
    source = [ffmpeg_binary(), "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    subprocess.run([*source, *options.split(), str(path)], check=True)
    return path


def planned(source: Path) -> tuple[Plan, VideoPlan, Timeline]:
    inspection = inspect(source)
    plan = make_plan(inspection, may_copy_video=False)
    assert plan.video
    assert inspection.video
    return plan, plan.video, inspection.video


def cut_at(video: VideoPlan, timeline: Timeline, frame: int) -> VideoPlan:
    """The same in two pieces, the second of which begins with `frame`."""
    frames, keys = timeline.frames, timeline.keys
    is_key_each = len(keys) == len(frames)
    sought = seek(keys, frames[frame], time_base=video.time_base, is_key_each=is_key_each)
    return replace(
        video,
        bounds=(frames[0], frames[frame], timeline.end),
        frames=(frame, len(frames) - frame),
        seeks=(None, sought),
    )


def decoded(source: Path, *arguments: str) -> list[int]:
    """The timestamps of the pictures that come out."""
    argv = [ffmpeg_binary(), "-v", "error", "-copyts", *arguments, "-f", "framehash", "-"]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    lines = (line.split(",") for line in told.splitlines() if not line.startswith("#"))
    return [int(words[2]) for words in lines]


@pytest.mark.parametrize("kind", SOURCES)
def test_no_frame_is_lost_around_keyframes_and_none_decoded_in_vain(
    kind: str, tmp_path: Path
) -> None:
    ending, options = SOURCES[kind]
    source = make(tmp_path / f"source.{ending}", options)
    _, video, timeline = planned(source)
    frames, keys = timeline.frames, timeline.keys
    is_sparse = len(keys) < 10
    for frame in (*range(GOP - 4, GOP + 3), 2 * GOP - 1, 2 * GOP, 2 * GOP + 1):
        cut = cut_at(video, timeline, frame)
        sought = command.seek_arguments(cut, 1)
        trim = f"[0:v]trim=start_pts={frames[frame]}[v]"
        shown = decoded(
            source,
            *(*sought, "-i", str(source), "-filter_complex", trim),
            *("-map", "[v]", "-fps_mode", "passthrough"),
        )
        assert len(shown) == len(frames) - frame
        if frames[frame] in keys and (is_sparse or len(keys) == len(frames)):
            first = decoded(
                source, *sought, "-i", str(source), "-map", "0:v", "-c", "copy", "-frames:v", "1"
            )
            assert first == [frames[frame]]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_pictures_that_become_whole_only_after_a_while_are_decoded_from_further_back(
    ending: str, tmp_path: Path
) -> None:
    source = make(tmp_path / f"refresh.{ending}", f"{X264} -bf 0 -intra-refresh 1")
    if ending == "ts":
        source = encode.remux(source, work_dir=tmp_path)
    plan, video, timeline = planned(source)
    at = timeline.frames.index(timeline.keys[2])
    cut = replace(plan, video=cut_at(video, timeline, at))
    (made,) = encode.make_piece(source, plan=cut, number=1, rungs=["72p"], work_dir=tmp_path)
    assert made.frames == len(timeline.frames) - at
