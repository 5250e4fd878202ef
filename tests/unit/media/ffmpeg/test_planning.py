from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ffmpeg.errors import UnreadableMedia
from media.ffmpeg.partial import certain_pieces, is_same_cut
from media.ffmpeg.plan import Begun, Plan
from media.ffmpeg.planning import PIECE_SECONDS, cut, make_plan
from tests.unit.media.ffmpeg.factories import make_inspection

LENGTHS = tuple(Fraction(seconds) for seconds in PIECE_SECONDS)


@given(
    gaps=st.lists(st.integers(1, 400), min_size=1, max_size=300),
    key_every=st.integers(1, 90),
    must_use_keys=st.booleans(),
)
def test_pieces_cover_every_frame_once(
    gaps: list[int], key_every: int, must_use_keys: bool
) -> None:
    frames = [sum(gaps[:n]) for n in range(len(gaps))]
    end = frames[-1] + 1
    bounds = cut(
        frames,
        frames[::key_every],
        end,
        time_base=Fraction(1, 30),
        lengths=LENGTHS,
        must_use_keys=must_use_keys,
    )
    assert bounds[0] == frames[0]
    assert bounds[-1] == end
    assert all(a < b for a, b in pairwise(bounds))
    assert set(bounds[:-1]) <= set(frames[::key_every] if must_use_keys else frames)


def test_the_first_pieces_are_short_and_the_others_are_about_six_seconds() -> None:
    plan = make_plan(make_inspection(key_every=15))
    lengths = [segment.duration_seconds for segment in plan.segments("720p")]
    assert lengths[:3] == pytest.approx([1, 2, 3])
    assert set(lengths[3:-1]) == {6.0}


def test_a_first_piece_does_not_wait_for_a_far_keyframe() -> None:
    plan = make_plan(make_inspection(key_every=150))
    assert [s.duration_seconds for s in plan.segments("720p")[:2]] == pytest.approx([1, 2])


def test_frames_far_from_keyframes_are_cut_anywhere() -> None:
    plan = make_plan(make_inspection(key_every=10_000))
    lengths = {round(s.duration_seconds, 3) for s in plan.segments("720p")[3:-1]}
    assert lengths == {6.0}


def test_a_tail_of_less_than_a_second_belongs_to_the_piece_before() -> None:
    plan = make_plan(make_inspection(seconds=6 + 6 * 2, key_every=10_000))
    inspection = make_inspection(seconds=18, key_every=10_000)
    assert inspection.video
    longer = replace(inspection.video, frames=range(550), end=550, sizes=[1] * 550)
    assert make_plan(replace(inspection, video=longer)).piece_count == plan.piece_count


def test_pieces_end_at_the_last_keyframe_before_six_seconds() -> None:
    plan = make_plan(make_inspection(key_every=75))
    lengths = {round(s.duration_seconds, 3) for s in plan.segments("720p")[4:-1]}
    assert lengths == {5.0}


def test_a_fit_source_is_copied_and_cut_at_its_keyframes() -> None:
    plan = make_plan(make_inspection(is_fit=True, key_every=75))
    assert plan.copied_rung == "1080p"
    assert plan.rung_names == ("1080p", "720p", "480p", "360p", "240p", "144p", "audio")
    assert plan.video
    assert all(bound % 75 == 0 for bound in plan.video.bounds)


def test_copied_bandwidth_is_exact() -> None:
    rung = make_plan(make_inspection(is_fit=True)).rung("1080p")
    assert (rung.peak_bps, rung.average_bps) == (7_200_000, 7_200_000)


def test_too_many_bits_per_second_are_not_copied() -> None:
    assert make_plan(make_inspection(is_fit=True, frame_bytes=90_000)).copied_rung is None


def test_copying_can_be_ruled_out() -> None:
    assert make_plan(make_inspection(is_fit=True), may_copy_video=False).copied_rung is None


def begun_with(**front: Any) -> Begun:
    """Half of a minute has arrived, and what is certain of that is being made."""
    plan = make_plan(make_inspection(seconds=30, **front))
    return Begun(plan=plan, pieces=certain_pieces(plan))


@pytest.mark.parametrize(
    ("front_bytes", "whole_bytes", "is_copied"),
    [(43_000, 46_000, True), (46_000, 43_000, False)],
    ids=["copied", "encoded"],
)
def test_what_was_begun_with_decides_when_the_rate_changes(
    front_bytes: int, whole_bytes: int, is_copied: bool
) -> None:
    begun = begun_with(is_fit=True, frame_bytes=front_bytes)
    whole = make_inspection(is_fit=True, frame_bytes=whole_bytes)
    assert (make_plan(whole).copied_rung is not None) != is_copied
    plan = make_plan(whole, begun=begun)
    assert (plan.copied_rung is not None) == is_copied
    assert is_same_cut(begun, plan)


def test_far_too_many_bits_per_second_are_not_copied_though_pieces_were_begun() -> None:
    begun = begun_with(is_fit=True, frame_bytes=43_000)
    whole = make_inspection(is_fit=True, frame_bytes=60_000)
    assert make_plan(whole, begun=begun).copied_rung is None


def test_pieces_that_were_begun_stand_when_keyframes_become_rare() -> None:
    begun = begun_with(key_every=75)
    whole = make_inspection(key_every=75)
    assert whole.video is not None
    rare = replace(whole, video=replace(whole.video, keys=whole.video.keys[:12]))
    assert not is_same_cut(begun, make_plan(rare))
    assert is_same_cut(begun, make_plan(rare, begun=begun))


def test_pieces_that_were_begun_elsewhere_do_not_stand() -> None:
    later = make_inspection(start=1)
    assert make_plan(later, begun=begun_with()) == make_plan(later)


def test_a_copied_source_may_be_larger_than_the_cap() -> None:
    big: dict[str, Any] = {
        "width": 3840,
        "height": 2160,
        "display_width": 3840,
        "display_height": 2160,
    }
    plan = make_plan(make_inspection(is_fit=True, **big))
    assert plan.rung_names[:3] == ("2160p", "1080p", "720p")


def test_the_clock_of_the_segments_begins_at_zero() -> None:
    plan = make_plan(make_inspection(start=111))
    assert plan.origin_seconds == Fraction(111, 30)
    assert plan.segments("720p")[0].start_seconds == 0
    assert plan.video
    assert plan.video.marks[1] == 90_000


def test_fit_sound_is_copied_from_the_first_packet_after_the_origin() -> None:
    plan = make_plan(make_inspection(start=3, sound_is_fit=True))
    assert plan.audio
    assert plan.audio.is_copy
    assert plan.audio.bounds[0] == 5 * 1024
    assert plan.audio.marks[0] == 5 * 1024 - 4800


def test_fit_sound_that_begins_later_is_encoded_since_a_copy_cannot_be_silent_first() -> None:
    inspection = make_inspection(sound_is_fit=True)
    assert inspection.audio
    late = replace(inspection.audio, frames=inspection.audio.frames[10:])
    audio = make_plan(replace(inspection, audio=late)).audio
    assert audio
    assert (audio.is_copy, audio.marks[0]) == (False, 0)


def test_sound_before_the_picture_alone_is_left_out() -> None:
    inspection = make_inspection(start=10_000)
    assert make_plan(inspection).audio is None


def test_nothing_to_play_is_said() -> None:
    inspection = make_inspection()
    empty = replace(
        inspection,
        video=replace(inspection.video, frames=()),  # type: ignore[type-var]  # it is there
        audio=replace(inspection.audio, frames=()),  # type: ignore[type-var]  # it is there
    )
    with pytest.raises(UnreadableMedia) as caught:
        make_plan(empty)
    assert caught.value.code == "nothing-to-play"


@pytest.mark.parametrize("is_fit", [True, False])
def test_a_plan_survives_json(is_fit: bool) -> None:
    plan = make_plan(make_inspection(is_fit=is_fit, sound_is_fit=is_fit, start=7))
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_plan_of_the_first_version_is_still_understood() -> None:
    document = make_plan(make_inspection()).to_json()
    del document["video"]["has_plain_pixels"]
    for rung in document["video"]["rungs"]:
        del rung["options"]
    video = Plan.from_json(document).video
    assert video
    assert not video.has_plain_pixels
    assert {rung.options for rung in video.rungs} == {""}


def test_the_plan_of_two_hours_stays_small() -> None:
    plan = make_plan(make_inspection(seconds=7200))
    assert len(json.dumps(plan.to_json())) < 64 * 1024


def test_an_unknown_rung_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        make_plan(make_inspection()).segments("999p")
