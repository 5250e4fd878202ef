"""Storyboards of made segments: the right stills, in the right places, for any length."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from media.ffmpeg import storyboard
from media.ffmpeg.plan import Plan
from tests.integration.media.ffmpeg.clips import ffmpeg
from tests.integration.media.ffmpeg.conftest import Made, make_all, prepare

_CUE = re.compile(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n")


def opener(made: Made, rung: str, *, lost: frozenset[int] = frozenset()) -> storyboard.Opener:
    def open_segment(number: int) -> BinaryIO:
        if number in lost:
            raise FileNotFoundError
        return made.segments[rung][number].path.open("rb")

    return open_segment


def shades(sheet: Path, x: str, y: str, width: str, height: str) -> float:
    """The mean shade of one still."""
    raw = sheet.with_suffix(".raw")
    crop = f"crop={width}:{height}:{x}:{y},scale=1:1:flags=area,format=gray"
    ffmpeg("-i", str(sheet), "-vf", crop, "-f", "rawvideo", str(raw))
    return float(raw.read_bytes()[0])


@pytest.fixture(scope="module")
def brightening(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Half a minute that grows brighter by seven shades a second."""
    folder = tmp_path_factory.mktemp("brightening")
    path = folder / "bright.mp4"
    picture = "color=black:s=240x136:r=10:d=30,format=gray,geq=lum='min(16+T*7,235)',format=yuv420p"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg4", "-q:v", "2", "-g", "50", str(path))
    made = prepare(path, folder)
    make_all(made)
    return made


@pytest.mark.parametrize("lost", [frozenset(), frozenset({2})])
def test_each_still_shows_the_middle_of_its_interval(
    brightening: Made, tmp_path: Path, lost: frozenset[int]
) -> None:
    plan = brightening.plan
    rung = storyboard.rung_for_storyboard(plan, plan.rung_names)
    assert rung is not None
    *sheets, track = storyboard.make_storyboard(
        plan, rung=rung, open_segment=opener(brightening, rung, lost=lost), work_dir=tmp_path
    )
    cues = _CUE.findall(track.read_text())
    assert (len(cues), len(sheets)) == (15, 1)
    found = [shades(tmp_path / name, *place) for _, _, name, *place in cues]
    assert found == sorted(found)
    if not lost:
        # A keyframe stands every two seconds of each piece, so within two of the middle.
        late = [16 + 7 * (1 + 2 * n) - shade for n, shade in enumerate(found)]
        assert all(-2 <= each <= 7 * 2 + 2 for each in late), late


@pytest.mark.parametrize(
    ("name", "count"), [("cfr", 10), ("fifth", 2), ("one-frame", 1), ("odd-size", 10), ("vfr", 10)]
)
def test_short_clips_have_stills_of_every_moment(
    make: Callable[[str], Made], tmp_path: Path, name: str, count: int
) -> None:
    made = make(name)
    rung = made.plan.rung_names[0]
    *sheets, track = storyboard.make_storyboard(
        made.plan, rung=rung, open_segment=opener(made, rung), work_dir=tmp_path
    )
    cues = _CUE.findall(track.read_text())
    assert (len(cues), len(sheets)) == (count, 1)
    assert sheets[0].stat().st_size > 400
    assert not list(tmp_path.glob("*.mp4"))


def test_hours_cost_a_bounded_number_of_stills(brightening: Made, tmp_path: Path) -> None:
    plan = _for_hours(brightening.plan)
    rung = plan.rung_names[-1]
    opened: list[int] = []
    segments = opener(brightening, rung)

    def open_segment(number: int) -> BinaryIO:
        opened.append(number)
        return segments(number)

    *sheets, track = storyboard.make_storyboard(
        plan, rung=rung, open_segment=open_segment, work_dir=tmp_path
    )
    cues = _CUE.findall(track.read_text())
    assert (len(cues), len(sheets), len(opened)) == (400, 16, 400)
    assert cues[-1][1] == "12:00:00.000"
    assert cues[-1][2] == "storyboard-15.jpg"


def _for_hours(plan: Plan) -> Plan:
    """The plan, as if the sound went on for twelve hours after the picture."""
    return replace(plan, duration_seconds=12 * 3600.0)
