"""Which stills there are, and which of them says most, decided without FFmpeg."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media.ffmpeg import poster, storyboard
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from tests.unit.media.ffmpeg.factories import make_inspection

DAY = 24 * 3600.0


def plan_of(seconds: float, **facts: int | bool) -> Plan:
    plan = make_plan(make_inspection(seconds=60, **facts))  # type: ignore[arg-type]  # facts of a factory
    return replace(plan, duration_seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "count", "interval_ms"),
    [(0.2, 1, 200), (1, 5, 200), (5, 10, 500), (20, 10, 2000), (60, 30, 2000), (800, 400, 2000)],
)
def test_stills_stand_closer_in_short_videos(seconds: float, count: int, interval_ms: int) -> None:
    board = storyboard.board_for(plan_of(seconds))
    assert (board.count, board.interval_ms) == (count, interval_ms)


@pytest.mark.parametrize("seconds", [0.001, 0.2, 3, 59.9, 600, 7200, DAY])
def test_whatever_the_length_there_are_few_sheets_and_no_still_is_missing(seconds: float) -> None:
    board = storyboard.board_for(plan_of(seconds))
    assert 1 <= board.sheet_count <= 16
    assert (board.count - 1) * board.interval_ms < seconds * 1000 <= board.count * board.interval_ms
    assert (board.width, board.height) == (240, 136)


def test_a_track_says_where_each_still_is_until_the_very_end() -> None:
    text = storyboard.webvtt(storyboard.board_for(plan_of(61)))
    cues = text.split("\n\n")
    assert cues[0] == "WEBVTT"
    assert cues[7] == "00:00:12.000 --> 00:00:14.000\nstoryboard-0.jpg#xywh=240,136,240,136"
    assert cues[26] == "00:00:50.000 --> 00:00:52.000\nstoryboard-1.jpg#xywh=0,0,240,136"
    assert cues[31].startswith("00:01:00.000 --> 00:01:01.000\n")


def test_short_videos_wait_for_the_small_rung_and_long_ones_do_not() -> None:
    short, long = plan_of(20, is_fit=True), plan_of(90, is_fit=True)
    top, *_, small = [r.name for r in short.video.rungs] if short.video else []
    assert storyboard.rung_for_storyboard(short, [top]) is None
    assert storyboard.rung_for_storyboard(long, [top]) == top
    assert storyboard.rung_for_storyboard(short, [top, small]) == small
    assert storyboard.rung_for_storyboard(long, []) is None
    assert storyboard.rung_for_storyboard(replace(long, video=None), ["audio"]) is None


def test_a_poster_is_looked_for_all_over_the_video() -> None:
    video = make_plan(make_inspection(seconds=600)).video
    assert video
    first, *later = poster.candidates(video)
    assert (first, len(later)) == (1, 4)
    assert video.marks[later[-1]] > 400 * 90_000


def test_without_a_second_keyframe_a_poster_is_looked_for_at_the_beginning_only() -> None:
    video = make_plan(make_inspection(seconds=600)).video
    assert video
    assert poster.candidates(replace(video, seeks=(None,) * len(video.seeks))) == [1]


CLEAR = bytes(range(20, 220, 2)) * 20


@pytest.mark.parametrize(
    "worse",
    [
        pytest.param((bytes(2304), 60_000), id="black"),
        pytest.param((b"\xff" * 2304, 60_000), id="white"),
        pytest.param((b"\x80" * 2304, 60_000), id="one shade"),
        pytest.param((CLEAR, 20_000), id="blurred"),
        pytest.param((bytes(shade // 8 for shade in CLEAR), 60_000), id="dark"),
        pytest.param((b"", 60_000), id="unknown"),
    ],
)
def test_a_clear_picture_is_worth_more(worse: tuple[bytes, int]) -> None:
    assert poster.score(CLEAR, 50_000) > 1.5 * poster.score(*worse)
