"""What the plan of the beginning of a file says of the plan of the whole file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.ffmpeg.boxes import with_delay
from media.ffmpeg.partial import certain_pieces, encoded_as, is_same_cut, lacking_seconds
from media.ffmpeg.plan import Begun, Plan, VideoPlan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.factories.media import ffmpeg, make_clip, plan_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("partial")


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    """Its pictures are copied, and a smaller rung is encoded."""
    clip = make_clip(folder / "fit.mp4", seconds=30, size="426x240", codec="libx264")
    return plan_clip(clip, folder).plan


def video_of(plan: Plan) -> VideoPlan:
    assert plan.video is not None
    return plan.video


def with_video(plan: Plan, **changes: Any) -> Plan:
    return replace(plan, video=replace(video_of(plan), **changes))


def whole_of(plan: Plan) -> Begun:
    return Begun(plan=plan, pieces=plan.piece_count)


def test_a_plan_is_cut_like_itself(plan: Plan) -> None:
    assert is_same_cut(whole_of(plan), plan)


@pytest.mark.parametrize(
    "other",
    [
        lambda v: {"rungs": tuple(replace(rung, is_copy=False) for rung in v.rungs)},
        lambda v: {"bounds": (v.bounds[0] + 1, *v.bounds[1:])},
        lambda v: {"frames": (v.frames[0], v.frames[1] + 1, *v.frames[2:])},
        lambda v: {"stream_index": 7},
        lambda v: {"bounds": v.bounds[:3], "frames": v.frames[:2]},
    ],
    ids=["not-copied", "bound", "frame", "stream", "shorter"],
)
def test_another_cut_is_seen(plan: Plan, other: Callable[[VideoPlan], dict[str, Any]]) -> None:
    other_plan = with_video(plan, **other(video_of(plan)))
    assert not is_same_cut(Begun(plan=plan, pieces=4), other_plan)


def test_how_rungs_are_encoded_is_no_other_cut(plan: Plan) -> None:
    finer = tuple(replace(rung, crf=1.0, init=b"") for rung in video_of(plan).rungs)
    assert is_same_cut(whole_of(plan), with_video(plan, rungs=finer))


def test_what_follows_is_no_other_cut(plan: Plan) -> None:
    bounds = video_of(plan).bounds
    longer = with_video(plan, bounds=(*bounds[:-1], bounds[-1] + 5, bounds[-1] + 9))
    longer = with_video(longer, frames=(*video_of(plan).frames, 4))
    assert is_same_cut(Begun(plan=plan, pieces=3), longer)
    assert not is_same_cut(whole_of(plan), longer)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"], ids=["copied", "encoded"])
@pytest.mark.parametrize("keyframes", [7, 20, 60])
def test_certain_pieces_are_those_of_every_longer_file(
    folder: Path, codec: str, keyframes: int
) -> None:
    whole = folder / f"{codec}-{keyframes}.mkv"
    make_clip(whole, seconds=40, size="426x240", codec=codec, keyframes=keyframes, sound=False)
    data = whole.read_bytes()
    known, counts, known_seconds, enough = make_plan(inspect(whole)), [], 0.0, 0.0
    for part in range(20, 100, 5):
        begun = folder / "begun.mkv"
        begun.write_bytes(data[: len(data) * part // 100])
        early = make_plan(inspect(begun, expected_bytes=len(data), is_growing=True))
        counts.append(certain_pieces(early))
        known_seconds = float(video_of(early).bounds[-1] * video_of(early).time_base)
        assert counts[-1] == counts[max(len(counts) - 2, 0)] or known_seconds >= enough
        enough = known_seconds + lacking_seconds(early)
        assert is_same_cut(Begun(plan=early, pieces=counts[-1]), known)
    assert counts == sorted(counts)
    assert counts[-1] >= known.piece_count - 3 > 0


def test_the_whole_plan_is_encoded_as_the_early_one(plan: Plan) -> None:
    video = video_of(plan)
    copied, *encoded = video.rungs
    finer = [replace(rung, crf=1.0, init=b"early") for rung in encoded]
    early = with_video(plan, rungs=(copied, *finer), frame_rate=video.frame_rate + 1)
    found = video_of(encoded_as(early, plan))
    assert found.rungs[1:] == tuple(finer)
    assert found.bounds == video.bounds
    # The copied rung is as late as the encoded ones, whose segments are made.
    assert found.delay == video_of(early).delay != video.delay
    assert found.rungs[0].init == with_delay(copied.init, found.delay)
    assert len(found.rungs[0].init) == len(copied.init)


def test_sound_that_is_encoded_alike_keeps_its_init(folder: Path, plan: Plan) -> None:
    assert plan.audio is not None
    encoded = replace(plan.audio, is_copy=False, bounds=())
    early = replace(plan, audio=replace(encoded, marks=(0, 1024), init=b"early"))
    whole = replace(plan, audio=replace(encoded, init=b""))
    audio = encoded_as(early, whole).audio
    assert audio == replace(encoded, init=b"early")
    other = replace(whole, audio=replace(encoded, channels=7, init=b""))
    assert encoded_as(early, other).audio == other.audio


def test_a_file_without_video_has_no_certain_pieces(folder: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=20", str(folder / "tone.mka"))
    plan = make_plan(inspect(folder / "tone.mka"))
    assert (certain_pieces(plan), lacking_seconds(plan)) == (0, 0.0)


def test_a_piece_lacks_what_could_still_belong_to_it(plan: Plan) -> None:
    second = int(1 / video_of(plan).time_base)
    for bounds, pieces, seconds in [
        # Known until 9 s: the last piece may go on for 4 s more, the one before it is certain.
        ((0, 3, 7, 9), 2, 4.0),
        # Longer than usual already, but a short rest would still be joined to it.
        ((0, 3, 20), 1, 1.0),
        # A second is known of what follows the first one, which is not all that it may take.
        ((0, 4, 5), 0, 1.0),
    ]:
        begun = with_video(plan, bounds=tuple(second * bound for bound in bounds))
        assert (certain_pieces(begun), lacking_seconds(begun)) == (pieces, seconds)
