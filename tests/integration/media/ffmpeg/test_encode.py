"""The use cases of a worker, one by one: damage, cancelling, later starts, posters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from media.ffmpeg import encode, poster
from media.ffmpeg.boxes import read_media
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import DamagedPiece, UnexpectedOutput
from media.ffmpeg.facts import Inspection
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.planning import make_plan
from media.ffmpeg.probe import inspect
from tests.integration.media.ffmpeg.clips import clip, ffmpeg, presented
from tests.integration.media.ffmpeg.conftest import Made, prepare
from tests.integration.media.ffmpeg.test_renditions import span_of

Make = Callable[[str], Made]


class CancelledByTest(Exception):
    pass


def damaged(folder: Path, *, share: float) -> tuple[Path, Inspection]:
    """The long clip without keyframes, with zeros in the middle of its packets, and its facts."""
    source = clip("one-keyframe")
    data = bytearray(source.read_bytes())
    start = data.index(b"mdat") + 8
    length = data.index(b"moov") - start
    hole = int(length * share)
    data[start + length // 2 : start + length // 2 + hole] = bytes(hole)
    path = folder / "damaged.mp4"
    path.write_bytes(data)
    return path, inspect(path)


def first_damaged_piece(path: Path, plan: Plan, work_dir: Path) -> int:
    for number in range(plan.piece_count):
        try:
            encode.make_piece(path, plan=plan, number=number, rungs=["108p"], work_dir=work_dir)
        except DamagedPiece as damage:
            return number if damage.frames < damage.expected_frames else -1
    pytest.fail("no piece is damaged")


def test_damage_is_reported_and_can_be_tolerated(tmp_path: Path) -> None:
    path, inspection = damaged(tmp_path, share=0.25)
    plan = make_plan(inspection)
    plan = plan.with_inits(encode.make_inits(plan, work_dir=tmp_path))
    number = first_damaged_piece(path, plan, tmp_path)
    (made,) = encode.make_piece(
        path, plan=plan, number=number, rungs=["108p"], work_dir=tmp_path, tolerate_damage=True
    )
    assert plan.video
    assert made.frames < plan.video.frames[number]
    assert span_of(made.path.read_bytes()) == plan.video.marks[number : number + 2]


def test_a_piece_that_gives_nothing_becomes_a_still_with_the_same_init(tmp_path: Path) -> None:
    made = prepare(clip("one-keyframe"), tmp_path)
    garbage = tmp_path / "garbage.mp4"
    data = bytearray(made.source.read_bytes())
    start, end = data.index(b"mdat") + 8, data.index(b"moov")
    data[start : end - 4] = bytes(end - 4 - start)
    garbage.write_bytes(data)
    (still,) = encode.make_piece(
        garbage, plan=made.plan, number=1, rungs=["108p"], work_dir=tmp_path, tolerate_damage=True
    )
    joined = tmp_path / "joined.mp4"
    joined.write_bytes(made.plan.init("108p") + still.path.read_bytes())
    assert still.frames == 1
    assert [seconds for _, seconds in presented(joined)] == [pytest.approx(1, abs=0.001)]


def test_an_init_of_its_own_is_an_error(make: Make, tmp_path: Path) -> None:
    made = make("open-gop")
    plan = made.plan
    assert plan.video
    other = replace(plan.video.rungs[0], init=plan.video.rungs[0].init + b"\0")
    plan = replace(plan, video=replace(plan.video, rungs=(other,)))
    with pytest.raises(UnexpectedOutput):
        encode.make_piece(made.source, plan=plan, number=0, rungs=[other.name], work_dir=tmp_path)


def test_a_cancelled_piece_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    made = make("one-keyframe")

    def cancel(_part: float) -> None:
        raise CancelledByTest

    with pytest.raises(CancelledByTest):
        encode.make_piece(
            made.source,
            plan=made.plan,
            number=1,
            rungs=["108p"],
            work_dir=tmp_path,
            on_progress=cancel,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_piece_tells_how_far_it_is(tmp_path: Path) -> None:
    source = tmp_path / "big.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=3"),
        *("-c:v", "libx264", "-preset", "ultrafast", str(source)),
    )
    plan = make_plan(inspect(source), may_copy_video=False)
    parts: list[float] = []
    encode.make_piece(
        source,
        plan=plan,
        number=0,
        rungs=["720p", "144p"],
        work_dir=tmp_path,
        on_progress=parts.append,
    )
    assert parts == sorted(parts)
    assert 0 <= parts[0] <= parts[-1] <= 1


def test_copies_can_start_and_stop_anywhere(make: Make, tmp_path: Path) -> None:
    made = make("cfr")
    numbers: list[int] = []

    def two(segment: MadeSegment) -> bool:
        numbers.append(segment.number)
        return segment.number < 1

    assert (
        encode.copy_pieces(made.source, plan=made.plan, work_dir=tmp_path, on_segment=two, first=0)
        == 2
    )
    encode.copy_pieces(
        made.source,
        plan=made.plan,
        work_dir=tmp_path,
        on_segment=two,
        first=1,
        last=1,
    )
    assert numbers == [0, 1, 1]
    whole = {segment.number: segment.path for segment in made.segments["108p"]}
    for number in (0, 1):
        assert (tmp_path / f"108p-{number}.m4s").read_bytes() == whole[number].read_bytes()


@pytest.mark.parametrize("name", ["mp3", "opus", "surround", "late"])
def test_encoded_sound_can_start_later_and_stops_when_told(
    make: Make, tmp_path: Path, name: str
) -> None:
    made = make(name)
    assert made.plan.audio
    assert not made.plan.audio.is_copy
    got: list[MadeSegment] = []

    def one(segment: MadeSegment) -> bool:
        got.append(segment)
        return False

    count = encode.make_audio(
        made.source, plan=made.plan, work_dir=tmp_path, on_segment=one, first=1
    )
    assert count == 1
    marks = made.plan.audio.marks
    assert span_of(got[0].path.read_bytes()) == marks[1:3]
    samples, _ = read_media(got[0].path.read_bytes())
    assert got[0].frames == len(samples) == (marks[2] - marks[1]) // 1024


def test_a_later_start_of_the_sound_joins_without_a_click(make: Make, tmp_path: Path) -> None:
    """Decoded around the join, a tone goes on: no sample jumps further than the tone itself."""
    made = make("opus")
    assert made.plan.audio
    encode.make_audio(
        made.source, plan=made.plan, work_dir=tmp_path, on_segment=lambda _s: True, first=1
    )
    joined = tmp_path / "joined.mp4"
    later = [tmp_path / f"{AUDIO}-{n}.m4s" for n in range(1, len(made.plan.audio.marks) - 1)]
    first = made.segments[AUDIO][0].path
    parts = [made.plan.init(AUDIO), *(path.read_bytes() for path in (first, *later))]
    joined.write_bytes(b"".join(parts))
    raw = tmp_path / "raw"
    ffmpeg("-i", str(joined), "-ac", "1", "-ar", "48000", "-f", "s16le", str(raw))
    samples = memoryview(raw.read_bytes()).cast("h")
    mark = made.plan.audio.marks[1]
    inside = _largest_step(samples, mark - 20_000, mark - 10_000)
    assert _largest_step(samples, mark - 2000, mark + 2000) < 2 * inside


def test_the_poster_is_a_picture_in_display_shape(make: Make, tmp_path: Path) -> None:
    made = make("rotated")
    still = poster.make_poster(made.source, plan=made.plan, work_dir=tmp_path)
    assert still.read_bytes()[:2] == b"\xff\xd8"
    size = ffmpeg(
        *("-i", str(still), "-vf", "showinfo", "-f", "framecrc", "-"),
    ).split("#dimensions 0: ")[1]
    assert size.startswith("108x192")


@pytest.mark.parametrize("name", ["hlg", "one-frame", "fifth", "odd-size", "ts-h264"])
def test_every_kind_of_picture_has_a_poster(make: Make, tmp_path: Path, name: str) -> None:
    made = make(name)
    assert poster.make_poster(made.source, plan=made.plan, work_dir=tmp_path).stat().st_size > 500


def _largest_step(samples: memoryview, start: int, end: int) -> int:
    return max(abs(samples[n + 1] - samples[n]) for n in range(start, end))
