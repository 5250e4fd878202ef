"""From an uploaded file to segments, by the real jobs with the real FFmpeg."""

import time
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from media.ffmpeg import encode
from media.ffmpeg.errors import DamagedPiece, ToolFailed
from media.ffmpeg.run import BACKGROUND
from media.jobs.claim import claim_job
from media.models import Job, MediaFile, Rendition, Segment
from media.selectors import media_shapes
from media.services import encoding, ingest, on_demand
from media.services.head_start import AHEAD_SEGMENTS
from media.services.on_demand import SegmentNotPlanned, TooMuchOnDemand, request_segment
from media.store import segment_key, store
from media.workshop import kinds, recording
from tests.factories.media import (
    Planned,
    ffmpeg,
    make_clip,
    make_planned,
    make_uploaded,
    plan_clip,
    work_off,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return make_clip(folder / "clip.mp4", seconds=20)


@pytest.fixture(scope="module")
def planned(clip: Path, folder: Path) -> Planned:
    return plan_clip(clip, folder)


def shape_of(media_file: MediaFile) -> Any:
    return media_shapes([MediaFile.objects.select_related("owner").get(pk=media_file.pk)])[0]


# --- Ingest ------------------------------------------------------------------------------------


def test_the_plan_stands_and_the_beginning_is_made_after_one_job(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off(kinds=[Job.Kind.INGEST])
    shape = shape_of(media_file)
    assert (shape["status"], shape["width"], shape["height"]) == ("processing", 128, 72)
    assert shape["duration"] == pytest.approx(20, abs=0.1)
    assert shape["playlist_url"].endswith("/master.m3u8")
    assert {r["name"]: r["made"] for r in shape["renditions"]} == {
        "72p": [[0, 0]],
        "audio": [[0, 5]],
    }


def test_copied_packets_are_complete_after_one_job(folder: Path) -> None:
    media_file = make_uploaded(make_clip(folder / "fit.mp4", codec="libx264"))
    work_off(kinds=[Job.Kind.INGEST])
    top = shape_of(media_file)["renditions"][0]
    assert Rendition.objects.get(name=top["name"]).is_copy
    assert top["status"] == "completed"


def test_picture_and_sound_are_copied_by_who_looked_at_the_source_and_one_more(
    folder: Path, started: list[int]
) -> None:
    make_uploaded(make_clip(folder / "both.mp4", codec="libx264"))
    work_off(kinds=[Job.Kind.INGEST])
    assert 1 <= len(started) <= 2


def test_all_work_makes_every_segment_once(clip: Path) -> None:
    media_file = make_uploaded(clip)
    kinds = work_off()
    shape = shape_of(media_file)
    assert (shape["status"], shape["progress_percent"]) == ("completed", 100)
    assert shape["poster_url"].endswith("/poster.jpg")
    assert "audio" not in kinds
    for rendition in Rendition.objects.all():
        keys = [
            segment_key(media_file.pk, 1, rendition.name, n) for n in range(rendition.segment_count)
        ]
        assert all(store().facts(key) for key in keys)
        assert rendition.segments.count() == rendition.segment_count


def test_sound_alone_is_a_track(folder: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=9", str(folder / "tone.mp3"))
    media_file = make_uploaded(folder / "tone.mp3")
    work_off()
    shape = shape_of(media_file)
    assert (shape["status"], shape["kind"], shape["width"]) == ("completed", "audio", None)


def test_sound_gives_way_to_a_viewer_who_waits(planned: Planned, folder: Path) -> None:
    tone = folder / "tone.mkv"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=300", "-c:a", "libopus", "-b:a", "32k", str(tone))
    media_file = make_uploaded(tone)
    claim = claim_job(worker="test")
    assert claim is not None
    request(make_planned(planned), 2)
    encoding.perform(claim)
    made = shape_of(media_file)["renditions"][0]["made"]
    assert made[0][1] < Rendition.objects.get(plan__media_file=media_file).segment_count - 1
    assert Job.objects.filter(media_file=media_file, kind=Job.Kind.AUDIO, state="queued").exists()
    work_off()
    assert shape_of(media_file)["status"] == "completed"


def test_sound_waits_for_the_first_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_piece, made_when_picture_ended = encode.make_piece, []

    def slow_piece(*args: Any, **options: Any) -> Any:
        until = time.monotonic() + 60
        while not sound and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
        made_when_picture_ended.append(max(sound, default=-1))
        return make_piece(*args, **options)

    sound: list[int] = []
    take = recording.Recorder.take

    def note(recorder: recording.Recorder, segment: encode.MadeSegment) -> None:
        if segment.rung == "audio":
            sound.append(segment.number)
        take(recorder, segment)

    monkeypatch.setattr(encode, "make_piece", slow_piece)
    monkeypatch.setattr(recording.Recorder, "take", note)
    make_uploaded(make_clip(folder / "long.mp4", seconds=90))
    work_off(kinds=[Job.Kind.INGEST])
    assert 0 <= made_when_picture_ended[0] <= AHEAD_SEGMENTS
    assert max(sound) > 2 * AHEAD_SEGMENTS


def test_what_is_played_first_goes_before_what_is_played_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_piece, stands_back = encode.make_piece, dict[str, dict[int, int]]()

    def noted(*args: Any, number: int, rungs: Any, nice: int, **options: Any) -> Any:
        stands_back.setdefault("+".join(rungs), {})[number] = nice
        return make_piece(*args, number=number, rungs=rungs, nice=nice, **options)

    monkeypatch.setattr(encode, "make_piece", noted)
    make_uploaded(make_clip(folder / "two-rungs.mp4", seconds=20, size="320x180"))
    work_off()
    lead, ladder = stands_back["180p"], stands_back["144p"]
    assert [lead[piece] for piece in sorted(lead)] == [2, 2, 4, 6, 8, 9]
    assert set(ladder.values()) == {BACKGROUND}


def test_a_container_that_cannot_be_sought_is_remuxed_first(clip: Path, folder: Path) -> None:
    ffmpeg("-i", str(clip), "-c:v", "mpeg2video", "-c:a", "mp2", str(folder / "clip.ts"))
    media_file = make_uploaded(folder / "clip.ts")
    work_off()
    assert shape_of(media_file)["status"] == "completed"
    assert store().facts(f"videos/{media_file.pk}/remux.mkv")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("notes.mp4", b"these are only my notes\n" * 50, "not-a-video"),
        ("empty.mp4", b"", "empty-file"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "playlist-not-allowed"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    media_file = make_uploaded(tmp_path / name)
    work_off()
    shape = shape_of(media_file)
    assert (shape["status"], shape["error"]["code"]) == ("failed", code)
    assert shape["error"]["detail"].endswith(".")
    assert shape["playlist_url"] is None


def test_work_on_a_source_that_is_lost_ends_with_that_reason(planned: Planned) -> None:
    media_file = make_planned(planned)
    _retry(media_file)
    store().delete(media_file.source_key)
    work_off()
    shape = shape_of(media_file)
    assert (shape["status"], shape["error"]["code"]) == ("failed", "source-lost")


def test_a_truncated_file_is_refused(clip: Path, tmp_path: Path) -> None:
    ffmpeg("-i", str(clip), "-c", "copy", str(tmp_path / "tail.mp4"))
    whole = (tmp_path / "tail.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    media_file = make_uploaded(tmp_path / "cut.mp4")
    work_off()
    assert shape_of(media_file)["error"]["code"] == "truncated-file"


def test_an_ingest_that_is_done_again_makes_no_second_plan(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off(kinds=[Job.Kind.INGEST])
    _retry(media_file)
    work_off()
    shape = shape_of(media_file)
    assert (shape["status"], shape["error"]) == ("completed", None)
    assert media_file.plans.count() == 1


# --- Pieces ------------------------------------------------------------------------------------


def test_damaged_seconds_are_told_and_the_video_completes(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_file, real = make_planned(planned), encode.make_piece

    def make_piece(source: Path, **arguments: Any) -> Any:
        if arguments["number"] == 1 and not arguments["tolerate_damage"]:
            raise DamagedPiece(1, expected_frames=20, frames=0)
        made = real(source, **arguments)
        short = arguments["number"] == 1
        return [type(m)(**vars(m) | {"frames": m.frames - short}) for m in made]

    monkeypatch.setattr(encode, "make_piece", make_piece)
    _retry(media_file)
    work_off()
    start = planned.plan.segments("72p")[1].start_seconds
    end = start + planned.plan.segments("72p")[1].duration_seconds
    shape = shape_of(media_file)
    assert (shape["status"], shape["damaged"]) == ("completed", [[start, end]])


@pytest.mark.parametrize(("reserve_bytes", "is_tolerated"), [(0, True), (1 << 60, False)])
def test_after_a_failure_damage_is_made_up_for_unless_the_disk_is_full(
    planned: Planned,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    reserve_bytes: int,
    is_tolerated: bool,
) -> None:
    told: list[bool] = []

    def make_piece(source: Path, **arguments: Any) -> Any:
        told.append(arguments["tolerate_damage"])
        raise ToolFailed("no luck")

    settings.STORAGE_RESERVE_BYTES = reserve_bytes
    monkeypatch.setattr(encode, "make_piece", make_piece)
    request(make_planned(planned), 2)
    Job.objects.update(failures=1)
    work_off()
    assert told == [is_tolerated]


def test_a_job_that_fails_for_good_shows_on_its_video(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_piece(source: Path, **arguments: Any) -> Any:
        raise ToolFailed("no luck")

    media_file = make_planned(planned)
    monkeypatch.setattr(encode, "make_piece", make_piece)
    _retry(media_file)
    for _ in range(3):
        Job.objects.update(run_after=None)
        work_off()
    shape = shape_of(media_file)
    assert (shape["status"], shape["error"]["code"]) == ("failed", "encoding-failed")


def test_progress_is_absolute_and_raises_the_version(planned: Planned) -> None:
    media_file = make_planned(planned)
    _retry(media_file)
    before = MediaFile.objects.get(pk=media_file.pk)
    claim = claim_job(worker="test")
    assert claim is not None
    encoding.perform(claim)
    after = MediaFile.objects.get(pk=media_file.pk)
    made = Segment.objects.count()
    all_of_them = sum(r.segment_count for r in Rendition.objects.all())
    assert after.progress_percent == 100 * made // all_of_them
    assert after.version > before.version


def _retry(media_file: MediaFile) -> None:
    MediaFile.objects.filter(pk=media_file.pk).update(state="failed")
    with transaction.atomic():
        ingest.start_again(media_file=media_file)


# --- On demand ---------------------------------------------------------------------------------


def request(media_file: MediaFile, number: int, rung: str = "72p") -> int:
    return request_segment(media_id=media_file.pk, plan_number=1, rung=rung, number=number)


def test_a_segment_from_the_middle_is_made_alone(planned: Planned) -> None:
    media_file = make_planned(planned)
    last = planned.plan.piece_count - 1
    request(media_file, last - 1)
    assert work_off() == ["on_demand"]
    video = shape_of(media_file)["renditions"][0]
    assert video["made"] == [[0, 0], [last - 1, last]]


def test_asking_again_makes_no_second_job(planned: Planned) -> None:
    media_file = make_planned(planned)
    for number in (1, 1, 2, 3):
        request(media_file, number)
    assert Job.objects.count() == 1


def test_what_is_made_needs_no_job(planned: Planned) -> None:
    request(make_planned(planned), 0)
    assert Job.objects.count() == 0


def test_only_what_is_planned_can_be_asked_for(planned: Planned) -> None:
    media_file = make_planned(planned)
    for number, rung in ((99, "72p"), (1, "720p")):
        with pytest.raises(SegmentNotPlanned):
            request(media_file, number, rung)


def test_one_video_cannot_fill_the_queue(
    planned: Planned, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_file = make_planned(planned)
    settings.ON_DEMAND_MAX_PER_MEDIA = 1
    monkeypatch.setattr(on_demand, "ON_DEMAND_SEGMENTS", 1)
    request(media_file, 1)
    with pytest.raises(TooMuchOnDemand):
        request(media_file, 2)


@pytest.mark.parametrize("rung", ["72p", "audio"])
def test_whoever_asks_meanwhile_is_served_between_two_segments(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, rung: str
) -> None:
    first, second = make_planned(planned), make_planned(planned)
    request(first, 1, rung)
    real = recording.publish_segment

    def publish(work: Any, made: Any, **arguments: Any) -> None:
        real(work, made, **arguments)
        if work.media_id == first.pk and made.number == 1:
            request(second, 2, rung)

    for module in (kinds, recording):
        monkeypatch.setattr(module, "publish_segment", publish)
    assert set(work_off()) - {"loudness", "storyboard"} == {"on_demand"}
    made = Segment.objects.filter(rendition__name=rung, number__gt=0).order_by("id")
    served = [(row.rendition.plan.media_file_id == first.pk, row.number) for row in made]
    assert served[:5] == [(True, 1), (False, 2), (True, 2), (False, 3), (True, 3)]
