"""Encoding that begins while a file arrives, by the real jobs with the real FFmpeg."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from media import worker
from media.errors import TailInvalid, TailUnwanted, UploadNotFound
from media.ffmpeg import encode
from media.ffmpeg.errors import ToolFailed
from media.jobs.claim import LeaseLost, claim_job
from media.jobs.sweep import requeue_expired
from media.models import EarlyPiece, EarlyWork, Job, Rendition, Segment, Upload
from media.services import adoption, arriving, deletion, encoding, upload_sweeps, uploads
from media.services.tails import expect_tail
from media.services.uploads import claim_upload, finish_upload
from media.store import early_folder, hls_folder, store, tail_key
from tests.factories.arriving import Arriving
from tests.factories.media import ffmpeg, make_clip, make_user, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "FIRST_BYTES", 16 * 1024)
    monkeypatch.setattr(arriving, "QUICK_SECONDS", 0)
    monkeypatch.setattr(arriving, "TAIL_SECONDS", 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    """Has to be encoded: 18 s, six pieces, of which the last two need the last bytes."""
    return make_clip(folder / "clip.mp4", seconds=18, size="256x144")


@pytest.fixture(scope="module")
def fit(folder: Path) -> Path:
    """Its pictures are copied, and a smaller rung is encoded."""
    return make_clip(folder / "fit.mp4", seconds=18, size="426x240", codec="libx264")


@pytest.fixture(scope="module")
def phone(clip: Path, folder: Path) -> Path:
    """The same, with its index at the end."""
    ffmpeg("-i", str(clip), "-c", "copy", str(folder / "phone.mp4"))
    return folder / "phone.mp4"


# --- While it arrives ---------------------------------------------------------------------------


def test_pieces_are_encoded_as_soon_as_their_bytes_are_there(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    assert film.pieces == [0, 1, 2]
    film.arrive_and_work(0.9)
    assert film.pieces == [0, 1, 2, 3]
    assert len(film.early_files) == 4


def test_nothing_is_queued_before_its_bytes_are_there(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    for _ in range(3):
        arriving.look_around()
    assert not Job.objects.filter(state="queued").exists()
    needed = EarlyWork.objects.get().reaches
    assert needed == sorted(needed)
    assert needed[2] <= film.media_file.upload.offset_bytes < needed[3]


def test_the_page_is_told_that_encoding_has_begun_and_how_far_it_is(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    shape = film.shape
    assert (shape["status"], shape["early"]) == ("uploading", "begun")
    assert 0 < shape["progress_percent"] < 100
    before = film.media_file.version
    film.arrive_and_work(0.9)
    assert film.media_file.version > before


def test_nothing_plays_before_the_last_byte(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.9)
    shape = film.shape
    assert (shape["playlist_url"], shape["poster_url"], shape["renditions"]) == (None, None, [])


def test_an_index_at_the_end_is_said(phone: Path) -> None:
    film = Arriving(phone)
    assert film.arrive_and_work(0.6) == []
    assert film.shape["early"] == "index-at-end"


def test_another_container_is_encoded_later(clip: Path, folder: Path) -> None:
    ffmpeg("-i", str(clip), "-c", "copy", str(folder / "clip.avi"))
    film = Arriving(folder / "clip.avi")
    assert film.arrive_and_work(0.6) == []
    assert film.shape["early"] == "later"


def test_sound_alone_is_encoded_later(folder: Path) -> None:
    tone = folder / "tone.m4a"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=60", "-movflags", "+faststart", str(tone))
    film = Arriving(tone)
    assert film.arrive_and_work(0.6) == [Job.Kind.EARLY]
    assert film.shape["early"] == "later"
    assert film.shape["error"] is None


@pytest.mark.parametrize(("so_far", "is_left_alone"), [(9 * 60, True), (9 * 70, False)])
def test_what_is_nearly_there_is_left_alone(
    clip: Path, monkeypatch: pytest.MonkeyPatch, so_far: float, is_left_alone: bool
) -> None:
    monkeypatch.setattr(arriving, "QUICK_SECONDS", 65)
    film = Arriving(clip)
    Upload.objects.update(created_at=timezone.now() - timedelta(seconds=so_far))
    film.arrive_and_work(0.9)
    assert film.shape["early"] == (None if is_left_alone else "begun")


def test_the_end_has_a_moment_to_come_ahead(phone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "TAIL_SECONDS", 60)
    film = Arriving(phone)
    assert film.arrive_and_work(0.4) == []
    assert film.shape["early"] is None
    Upload.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    assert film.arrive_and_work(0.5) == []
    assert film.shape["early"] == "index-at-end"


def test_it_can_be_switched_off(clip: Path, settings: Settings) -> None:
    settings.EARLY_ENCODING = False
    film = Arriving(clip)
    assert film.arrive_and_work(0.9) == []
    assert film.shape["early"] is None


def test_the_part_may_be_on_another_host(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = Arriving(clip)
    monkeypatch.setattr(arriving, "part_key", lambda pk: f"elsewhere/{pk}.part")
    assert film.arrive_and_work(0.9) == []
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"


def test_finished_files_go_before_those_that_arrive(clip: Path) -> None:
    film, whole = Arriving(clip), Arriving(clip)
    film.arrive(0.9)
    work_off()
    arriving.look_around()
    whole.arrive(1)
    finish_upload(upload_id=whole.upload.pk)
    kinds = work_off()
    assert kinds[-4:] == [Job.Kind.EARLY] * 4
    assert Job.Kind.EARLY not in kinds[:-4]


# --- The last byte ------------------------------------------------------------------------------


def test_what_was_made_early_is_not_made_again(clip: Path, encoded: list[int]) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.9)
    encoded.clear()
    film.finish()
    work_off()
    assert encoded == [4, 5]
    shape = film.shape
    assert (shape["status"], shape["progress_percent"], shape["early"]) == ("completed", 100, None)
    assert shape["poster_url"]


def test_the_result_is_that_of_the_ordinary_way(fit: Path) -> None:
    film, plain = Arriving(fit), Arriving(fit)
    film.arrive_and_work(0.9)
    assert film.pieces
    film.finish()
    plain.arrive(1)
    finish_upload(upload_id=plain.upload.pk)
    work_off()

    def files(arriving_file: Arriving) -> dict[str, bytes]:
        root = store().path(hls_folder(arriving_file.media_id))
        found = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    assert film.shape["status"] == plain.shape["status"] == "completed"
    assert files(film) == files(plain)


def test_nothing_of_the_early_work_is_left(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.9)
    film.finish()
    work_off()
    assert not EarlyWork.objects.exists()
    assert not EarlyPiece.objects.exists()
    assert not store().path(early_folder(film.media_id)).exists()


def test_a_silent_film_that_was_made_early_is_complete(folder: Path) -> None:
    silent = make_clip(folder / "silent.mp4", seconds=7, sound=False)
    data = silent.read_bytes()
    # What follows the last frame is of no use for it, but it is still awaited.
    (folder / "padded.mp4").write_bytes(data + b"\0\0\x40\0free" + bytes(0x3FF8))
    film = Arriving(folder / "padded.mp4")
    film.arrive_and_work(0.99)
    film.arrive_and_work((len(film.data) - 1) / len(film.data))
    assert film.pieces == [0, 1, 2, 3]
    assert film.shape["status"] == "uploading"
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"
    assert Rendition.objects.get().segments.count() == 4


def test_pieces_that_wait_become_ordinary_ones(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive(0.9)
    work_off()
    arriving.look_around()
    waiting = set(Job.objects.filter(state="queued").values_list("pk", flat=True))
    assert len(waiting) == 4
    film.finish()
    work_off(kinds=[Job.Kind.INGEST, Job.Kind.EARLY])
    jobs = Job.objects.filter(pk__in=waiting)
    assert {job.kind for job in jobs} == {Job.Kind.LADDER}


def test_a_piece_that_is_being_made_at_the_last_byte_counts(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    film.arrive(0.9)
    claim = claim_job(worker="slow")
    assert claim is not None
    assert claim.job.args == {"piece": 3}
    make_piece = encode.make_piece

    def meanwhile(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(encode, "make_piece", make_piece)
        made = make_piece(*args, **options)
        film.finish()
        work_off(kinds=[Job.Kind.INGEST])
        assert not Segment.objects.filter(number=3, rendition__kind="video").exists()
        return made

    monkeypatch.setattr(encode, "make_piece", meanwhile)
    worker.do_job(claim, encoding.perform)
    assert Segment.objects.filter(number=3, rendition__kind="video").count() == 1
    assert Job.objects.get(pk=claim.job.pk).state == "done"
    assert film.early_files == []


def test_a_file_that_moves_to_its_place_is_read_there(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    film.arrive(0.9)
    claim = claim_job(worker="slow")
    assert claim is not None
    make_piece = encode.make_piece

    def moved_away(source: Path, **options: Any) -> Any:
        if source.suffix == ".part":
            film.finish()
        return make_piece(source, **options)

    monkeypatch.setattr(encode, "make_piece", moved_away)
    worker.do_job(claim, encoding.perform)
    assert film.pieces == [0, 1, 2, 3]
    work_off()
    assert film.shape["status"] == "completed"


def test_a_job_that_was_taken_just_before_the_plan_was_adopted_is_done_as_an_ordinary_one(
    clip: Path,
) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    film.arrive(0.9)
    claim = claim_job(worker="slow")
    assert claim is not None
    assert claim.job.args == {"piece": 3}
    film.finish()
    work_off(kinds=[Job.Kind.INGEST])
    worker.do_job(claim, encoding.perform)
    assert Segment.objects.filter(number=3, rendition__kind="video").count() == 1


def test_the_rename_of_the_pieces_may_be_interrupted(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.9)
    film.finish()
    adopt = adoption.adopt

    def killed(*_args: Any) -> None:
        monkeypatch.setattr(adoption, "adopt", adopt)
        raise LeaseLost

    monkeypatch.setattr(adoption, "adopt", killed)
    claim = claim_job(worker="killed")
    assert claim is not None
    worker.do_job(claim, encoding.perform)
    assert film.early_files == []
    Job.objects.filter(pk=claim.job.pk).update(lease_expires_at=timezone.now())
    requeue_expired()
    work_off(kinds=[Job.Kind.INGEST])
    assert Segment.objects.filter(rendition__kind="video").count() == 4


# --- When it must not count -----------------------------------------------------------------------


def test_another_plan_of_the_whole_file_throws_all_of_it_away(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.9)
    monkeypatch.setattr(adoption, "is_same_cut", lambda *_, **__: False)
    film.finish()
    kinds = work_off()
    assert kinds.count(Job.Kind.LADDER) + kinds.count(Job.Kind.LEAD) == 5
    assert film.shape["status"] == "completed"
    assert film.early_files == []
    assert not EarlyWork.objects.exists()


def test_whether_pictures_are_fit_is_known_from_the_second_keyframe_on(folder: Path) -> None:
    sparse = make_clip(
        folder / "sparse.mp4", seconds=18, size="426x240", codec="libx264", keyframes=60
    )
    film = Arriving(sparse)
    film.arrive_and_work(0.2)
    assert film.shape["early"] is None
    film.arrive_and_work(0.6)
    assert film.shape["early"] == "begun"


def test_a_piece_that_cannot_be_made_ends_the_early_work_and_nothing_else(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive(0.6)
    work_off()
    with monkeypatch.context() as patch:
        patch.setattr(encode, "make_piece", fail)
        arriving.look_around()
        assert work_off() == [Job.Kind.EARLY]
    assert film.shape["early"] == "later"
    assert film.shape["status"] == "uploading"
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"


def fail(*_args: Any, **_options: Any) -> Any:
    raise ToolFailed("no")


def test_bytes_that_were_lost_take_with_them_what_was_made_of_them(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.9)
    claim = claim_upload(
        actor=film.owner, upload_id=film.upload.pk, offset_bytes=int(0.9 * len(film.data))
    )
    uploads.rewind(claim, to_bytes=100)
    assert film.early_files == []
    assert not EarlyWork.objects.exists()
    film.arrive_and_work(0.9)
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"


# --- Endings --------------------------------------------------------------------------------------


def left_of(film: Arriving) -> list[Path]:
    roots = [hls_folder(film.media_id), "uploads", "videos", ".work"]
    return [path for root in roots for path in (store().root / root).rglob("*") if path.is_file()]


@pytest.mark.parametrize("ending", ["terminate", "delete", "expire"])
def test_an_upload_that_ends_leaves_nothing(clip: Path, ending: str) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    film.arrive(0.9)
    end(film, ending)
    assert work_off() == []
    assert left_of(film) == []
    assert not EarlyPiece.objects.exists()


@pytest.mark.parametrize("ending", ["terminate", "delete", "expire"])
def test_an_upload_that_ends_while_a_piece_is_made_leaves_nothing(
    clip: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Arriving(clip)
    film.arrive_and_work(0.6)
    film.arrive(0.9)
    claim = claim_job(worker="slow")
    assert claim is not None
    make_piece = encode.make_piece

    def meanwhile(*args: Any, **options: Any) -> Any:
        made = make_piece(*args, **options)
        end(film, ending)
        return made

    monkeypatch.setattr(encode, "make_piece", meanwhile)
    worker.do_job(claim, encoding.perform)
    assert left_of(film) == []
    assert not Job.objects.exists()


def end(film: Arriving, ending: str) -> None:
    if ending == "terminate":
        uploads.terminate_upload(actor=film.owner, upload_id=film.upload.pk)
    elif ending == "expire":
        Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        upload_sweeps.expire_uploads()
    else:
        deletion.delete_media(actor=film.owner, media_id=film.media_id)
        upload_sweeps.expire_uploads()


def test_a_worker_that_was_killed_is_made_up_for(clip: Path) -> None:
    film = Arriving(clip)
    film.arrive(0.6)
    work_off()
    arriving.look_around()
    claim = claim_job(worker="killed")
    assert claim is not None
    film.arrive(0.9)
    Job.objects.filter(pk=claim.job.pk).update(lease_expires_at=timezone.now())
    requeue_expired()
    work_off()
    assert film.pieces == [0, 1, 2, 3]


# --- The end of a file, sent ahead ----------------------------------------------------------------


def test_a_file_whose_index_came_ahead_is_encoded_while_it_arrives(phone: Path) -> None:
    film = Arriving(phone)
    film.arrive(0.3)
    film.send_tail()
    film.arrive_and_work(0.6)
    assert film.shape["early"] == "begun"
    assert film.pieces == [0, 1, 2]
    film.arrive_and_work(0.9)
    assert film.pieces == [0, 1, 2, 3]
    assert film.media_file.upload.offset_bytes == int(0.9 * len(film.data))
    film.finish()
    assert work_off().count(Job.Kind.LEAD) == 2
    assert film.shape["status"] == "completed"
    assert left_of_early(film) == []


def test_it_may_come_before_anything_else(phone: Path) -> None:
    film = Arriving(phone)
    film.send_tail()
    film.arrive_and_work(0.6)
    assert film.pieces == [0, 1, 2]


def test_pieces_of_a_stand_in_are_those_of_the_whole_file(phone: Path) -> None:
    film, plain = Arriving(phone), Arriving(phone)
    film.send_tail()
    film.arrive_and_work(0.9)
    film.finish()
    plain.arrive(1)
    finish_upload(upload_id=plain.upload.pk)
    work_off()

    def segments(arrived: Arriving) -> list[bytes]:
        folder = store().path(hls_folder(arrived.media_id)) / "1" / "144p"
        return [path.read_bytes() for path in sorted(folder.glob("*.m4s"))]

    assert len(segments(film)) == 6
    assert segments(film) == segments(plain)


def test_what_was_made_counts_only_if_the_end_comes_the_same(phone: Path) -> None:
    film = Arriving(phone)
    tail = film.send_tail()
    film.arrive_and_work(0.9)
    assert film.pieces == [0, 1, 2, 3]
    # A name in the index, of the handler: the plan is the same, and yet it is another file.
    other = tail.replace(b"VideoHandler", b"OtherHandler")
    assert other != tail
    film.arrive(1, film.data.replace(tail, other))
    finish_upload(upload_id=film.upload.pk)
    kinds = work_off()
    assert kinds.count(Job.Kind.LADDER) + kinds.count(Job.Kind.LEAD) == 5
    assert film.shape["status"] == "completed"
    assert left_of_early(film) == []


def test_an_end_that_is_none_does_no_harm(phone: Path) -> None:
    film = Arriving(phone)
    film.send_tail(bytes(len(film.data) - film.data.rindex(b"moov") + 4))
    film.arrive_and_work(0.9)
    assert film.pieces == []
    film.finish()
    work_off()
    assert film.shape["status"] == "completed"
    assert left_of_early(film) == []


def test_the_first_end_that_came_stays(phone: Path) -> None:
    film = Arriving(phone)
    tail = film.send_tail()
    film.send_tail(bytes(len(tail)))
    assert store().path(tail_key(film.media_id)).read_bytes() == tail


@pytest.mark.parametrize("ending", ["terminate", "delete", "expire"])
def test_an_end_goes_with_its_upload(phone: Path, ending: str) -> None:
    film = Arriving(phone)
    film.send_tail()
    film.arrive_and_work(0.6)
    end(film, ending)
    assert left_of(film) == []


@pytest.mark.parametrize("shift", [-1, 1], ids=["too-long", "too-short"])
def test_an_end_reaches_from_its_offset_to_the_end(phone: Path, shift: int) -> None:
    film = Arriving(phone)
    with pytest.raises(TailInvalid):
        expect_tail(
            actor=film.owner,
            upload_id=film.upload.pk,
            offset_bytes=len(film.data) - 100 - shift,
            size_bytes=100,
        )


def test_an_end_is_bounded(phone: Path, settings: Settings) -> None:
    settings.UPLOAD_TAIL_MAX_BYTES = 100
    with pytest.raises(TailInvalid):
        Arriving(phone).send_tail()


def test_an_end_may_be_unwanted(phone: Path, settings: Settings) -> None:
    settings.UPLOAD_TAIL_MAX_BYTES = 0
    with pytest.raises(TailUnwanted):
        Arriving(phone).send_tail()


def test_nobody_sends_the_end_of_somebody_elses_upload(phone: Path) -> None:
    film = Arriving(phone)
    film.owner = make_user()
    with pytest.raises(UploadNotFound):
        film.send_tail()


def left_of_early(film: Arriving) -> list[Path]:
    return list(store().path(early_folder(film.media_id)).rglob("*"))
