from __future__ import annotations

import json
from dataclasses import replace

import pytest

from media.ffmpeg.content import Place, Sample, follow, places_to_sample
from media.ffmpeg.plan import Plan
from media.ffmpeg.planning import make_plan
from media.playlists import lead_rung
from tests.unit.media.ffmpeg.factories import make_inspection

#: Bytes at 640 × 360 that were seen: a page of text, drawn shapes, a match.
SLIDES = Place(still_bytes=46_000, motion_bytes=60)
SHAPES = Place(still_bytes=2_700, motion_bytes=950)
MATCH = Place(still_bytes=39_000, motion_bytes=4_800, busier=1.2)


def names(plan: Plan) -> list[str]:
    return [rung.name for rung in plan.video.rungs] if plan.video else []


def of(*places: Place) -> Sample:
    return Sample(places=places, pixels=640 * 360)


def followed(*places: Place, is_fit: bool = False) -> Plan:
    return follow(make_plan(make_inspection(is_fit=is_fit)), codec="h264", sample=of(*places))


def test_slides_get_their_own_size_and_a_small_one() -> None:
    assert names(followed(SLIDES, SLIDES, SLIDES)) == ["1080p", "360p"]


def test_a_match_gets_the_whole_ladder() -> None:
    assert names(followed(MATCH, MATCH, MATCH)) == names(make_plan(make_inspection()))


def test_what_is_in_between_gets_some_of_it() -> None:
    assert names(followed(SHAPES, SHAPES, SHAPES)) == ["1080p", "720p", "360p"]


def test_busy_minutes_among_slides_decide() -> None:
    assert "480p" in names(followed(SLIDES, SLIDES, MATCH, MATCH, SLIDES))


def test_a_copied_top_rung_that_is_heavy_gets_one_below_it_that_is_not() -> None:
    assert names(followed(SLIDES, SLIDES, SLIDES, is_fit=True)) == ["1080p", "720p", "360p"]


def test_a_source_that_takes_few_bits_needs_no_look() -> None:
    inspection = make_inspection(frame_bytes=1_500)
    plan = make_plan(inspection)
    assert places_to_sample(plan, inspection) == ()
    assert names(follow(plan, codec="h264", sample=None)) == ["1080p", "360p"]


@pytest.mark.parametrize("codec", ["hevc", "ffv1"])
def test_other_codecs_say_less_about_what_h264_takes(codec: str) -> None:
    plan = make_plan(make_inspection(frame_bytes=1_500))
    assert "720p" in names(follow(plan, codec=codec, sample=None))


def test_a_source_whose_packets_have_no_sizes_gets_the_whole_ladder() -> None:
    inspection = make_inspection()
    assert inspection.video
    unknown = replace(inspection, video=replace(inspection.video, sizes=()))
    plan = make_plan(unknown)
    assert follow(plan, codec="h264", sample=None) == plan


def test_a_short_video_gets_the_whole_ladder() -> None:
    inspection = make_inspection(seconds=11, frame_bytes=100)
    plan = make_plan(inspection)
    assert places_to_sample(plan, inspection) == ()
    assert follow(plan, codec="h264", sample=of(SLIDES, SLIDES, SLIDES)) == plan


def test_the_heaviest_pieces_are_looked_at_and_some_of_all_others() -> None:
    inspection = make_inspection(seconds=600)
    assert inspection.video
    sizes = [30_000] * 18_000
    sizes[9_000:9_180] = [90_000] * 180
    video = replace(inspection.video, sizes=sizes)
    busy = replace(inspection, video=video)
    places = places_to_sample(make_plan(busy), busy)
    keys = [times[0] for times in places]
    assert 3 <= len(places) <= 6
    assert set(keys) <= set(video.keys)
    assert any(8_800 <= key <= 9_180 for key in keys)
    assert keys[-1] - keys[0] > 9_000
    for times in places:
        first = video.frames.index(times[0])
        assert times == tuple(video.frames[first : first + 4])
    assert places == places_to_sample(make_plan(busy), busy)


def test_too_few_keyframes_tell_nothing() -> None:
    inspection = make_inspection(seconds=600, key_every=9_000)
    assert places_to_sample(make_plan(inspection), inspection) == ()


@pytest.mark.parametrize("is_fit", [True, False])
def test_the_rungs_that_stay_are_encoded_as_they_were(is_fit: bool) -> None:
    before = make_plan(make_inspection(is_fit=is_fit))
    after = followed(SLIDES, SLIDES, SLIDES, is_fit=is_fit)
    assert lead_rung(after) == lead_rung(before)
    for name in names(after):
        was, now = before.rung(name), after.rung(name)
        assert replace(now, peak_bps=was.peak_bps, average_bps=was.average_bps) == was


def test_playlists_expect_what_the_content_takes() -> None:
    before, after = make_plan(make_inspection()), followed(SLIDES, SLIDES, SLIDES)
    assert after.rung("1080p").peak_bps < before.rung("1080p").peak_bps / 4
    assert after.rung("1080p").average_bps < after.rung("1080p").peak_bps
    assert Plan.from_json(json.loads(json.dumps(after.to_json()))) == after
