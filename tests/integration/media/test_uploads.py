"""Upload sessions: who may write, what counts, how they end."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from core.errors import AppError
from media.errors import (
    BeyondLength,
    DiskFull,
    LengthFixed,
    MetadataInvalid,
    OffsetMismatch,
    QuotaExceeded,
    TooManyUploads,
    UploadFinished,
    UploadGone,
    UploadLocked,
    UploadNotFound,
    UploadTooLarge,
)
from media.models import Job, MediaFile, Upload
from media.services import deletion, upload_sweeps, uploads
from media.services.uploads import UploadClaim, claim_upload, create_upload, record_bytes
from media.storage.local import LocalStore
from media.store import part_key, store
from tests.factories.users import make_user
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> User:
    return make_user()


def begin(actor: User, length_bytes: int | None = 10, **metadata: str) -> Upload:
    return create_upload(actor=actor, length_bytes=length_bytes, metadata=metadata, header="")


def claim(upload: Upload, offset_bytes: int = 0, **more: Any) -> UploadClaim:
    return claim_upload(actor=upload.owner, upload_id=upload.pk, offset_bytes=offset_bytes, **more)


def store_bytes(claimed: UploadClaim, data: bytes, *, release: bool = True) -> UploadClaim:
    part = store().open_part(part_key(claimed.upload_id))
    part.write(claimed.offset_bytes, [data], until=claimed.until)
    part.close()
    return record_bytes(claimed, to_bytes=claimed.offset_bytes + len(data), release=release)


def whole(actor: User, data: bytes = b"0123456789", **metadata: str) -> Upload:
    """An upload whose bytes are all there, but which is not finished."""
    upload = begin(actor, len(data), **metadata)
    store_bytes(claim(upload), data)
    upload.refresh_from_db()
    return upload


def media_of(upload: Upload) -> MediaFile:
    assert upload.media_file_id is not None
    return MediaFile.objects.get(pk=upload.media_file_id)


def let_lease_end(upload: Upload) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Upload.objects.filter(pk=upload.pk).update(lease_expires_at=past)


# --- Beginning ------------------------------------------------------------------------------


def test_a_session_opens_a_private_media_file(ada: User) -> None:
    upload = begin(ada, filename="../C:\\films\\holiday.mp4", filetype="video/mp4", title=" Hi\n")
    media_file = media_of(upload)
    assert (media_file.filename, media_file.title) == ("holiday.mp4", "Hi")
    assert (media_file.visibility, media_file.state) == ("private", "uploading")


def test_the_metadata_may_say_who_shall_see_it(ada: User) -> None:
    assert media_of(begin(ada, visibility="public")).visibility == "public"
    with pytest.raises(MetadataInvalid):
        begin(ada, visibility="everybody")


def test_a_file_beyond_the_limit_is_refused(ada: User, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    begin(ada, 100)
    with pytest.raises(UploadTooLarge) as caught:
        begin(ada, 101)
    assert caught.value.extra == {"max_bytes": 100}


def test_the_quota_counts_what_is_announced_and_what_is_stored(
    ada: User, settings: Settings
) -> None:
    settings.UPLOAD_QUOTA_BYTES = 25
    uploads.finish_upload(upload_id=whole(ada).pk)
    begin(ada, 10)
    with pytest.raises(QuotaExceeded) as caught:
        begin(ada, 6)
    assert caught.value.extra == {"free_bytes": 5}
    begin(make_user("bob"), 25)


def test_what_has_ended_does_not_count_for_the_quota(ada: User, settings: Settings) -> None:
    settings.UPLOAD_QUOTA_BYTES = 10
    upload = begin(ada, 10)
    uploads.terminate_upload(actor=ada, upload_id=upload.pk)
    begin(ada, 10)


def test_a_file_for_which_there_is_no_room_is_refused_at_once(
    ada: User, settings: Settings
) -> None:
    settings.STORAGE_RESERVE_BYTES = 1 << 60
    with pytest.raises(DiskFull):
        begin(ada)


def test_unfinished_uploads_are_bounded(ada: User, settings: Settings) -> None:
    settings.UPLOADS_PER_USER = 2
    begin(ada)
    begin(ada)
    with pytest.raises(TooManyUploads):
        begin(ada)
    assert MediaFile.objects.count() == 2


# --- Who may --------------------------------------------------------------------------------


def test_another_account_does_not_find_it(ada: User) -> None:
    upload, bob = begin(ada), make_user("bob")
    for use in (
        lambda: uploads.get_upload(actor=bob, upload_id=upload.pk),
        lambda: claim_upload(actor=bob, upload_id=upload.pk, offset_bytes=0),
        lambda: uploads.terminate_upload(actor=bob, upload_id=upload.pk),
    ):
        with pytest.raises(UploadNotFound):
            use()


# --- Appending ------------------------------------------------------------------------------


def test_a_wrong_offset_says_where_to_go_on(ada: User) -> None:
    upload = begin(ada)
    store_bytes(claim(upload), b"0123")
    with pytest.raises(OffsetMismatch) as caught:
        claim(upload, 3)
    assert caught.value.extra["expected_bytes"] == 4


def test_of_two_writers_one_has_to_wait(ada: User) -> None:
    upload = begin(ada)
    first = claim(upload)
    with pytest.raises(UploadLocked):
        claim(upload)
    record_bytes(first, to_bytes=0, release=True)
    claim(upload)


def test_a_silent_writer_is_overtaken_and_counts_nothing_any_more(ada: User) -> None:
    upload = begin(ada)
    silent = claim(upload)
    let_lease_end(upload)
    next_one = claim(upload)
    with pytest.raises(UploadLocked):
        record_bytes(silent, to_bytes=5)
    store_bytes(next_one, b"01234")
    with pytest.raises(OffsetMismatch):
        record_bytes(silent, to_bytes=7)
    upload.refresh_from_db()
    assert upload.offset_bytes == 5


def test_a_silent_writer_whom_nobody_overtook_goes_on(ada: User) -> None:
    upload = begin(ada)
    silent = claim(upload)
    let_lease_end(upload)
    again = record_bytes(silent, to_bytes=0)
    assert again.until >= silent.until
    with pytest.raises(UploadLocked):
        claim(upload)


def test_of_many_that_race_for_an_offset_one_wins(ada: User) -> None:
    upload = begin(ada)
    won: list[UploadClaim] = []
    lost: list[AppError] = []
    ready = threading.Barrier(6)

    def race() -> None:
        ready.wait()
        try:
            won.append(claim(upload))
        except (UploadLocked, OffsetMismatch) as error:
            lost.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)


def test_more_than_was_announced_is_refused_before_it_comes(ada: User) -> None:
    upload = begin(ada, 10)
    with pytest.raises(BeyondLength):
        claim(upload, size_bytes=11)
    claim(upload, size_bytes=10)


def test_a_deferred_length_is_told_once(ada: User, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    upload = begin(ada, None)
    claimed = claim(upload)
    assert (claimed.length_bytes, claimed.limit_bytes) == (None, 100)
    store_bytes(claimed, b"0123")
    with pytest.raises(BeyondLength):
        claim(upload, 4, length_bytes=3)
    with pytest.raises(UploadTooLarge):
        claim(upload, 4, length_bytes=101)
    store_bytes(claim(upload, 4, length_bytes=10), b"45")
    with pytest.raises(LengthFixed):
        claim(upload, 6, length_bytes=11)
    assert claim(upload, 6, length_bytes=10).limit_bytes == 10


def test_a_deferred_length_does_not_get_around_the_quota(ada: User, settings: Settings) -> None:
    settings.UPLOAD_QUOTA_BYTES = 5
    upload = begin(ada, None)
    claimed = claim(upload)
    assert claimed.limit_bytes == 5
    assert isinstance(claimed.refusal(), QuotaExceeded)
    with pytest.raises(QuotaExceeded):
        claim(upload, length_bytes=6)


@pytest.mark.parametrize(
    ("length", "most", "error"),
    [(10, 100, BeyondLength), (None, 100, UploadTooLarge)],
)
def test_the_refusal_names_the_limit(
    ada: User, settings: Settings, length: int | None, most: int, error: type[AppError]
) -> None:
    settings.UPLOAD_MAX_BYTES = most
    assert isinstance(claim(begin(ada, length)).refusal(), error)


def test_the_expiry_moves_with_each_record(ada: User) -> None:
    upload = begin(ada)
    soon = timezone.now() + timedelta(seconds=5)
    Upload.objects.filter(pk=upload.pk).update(expires_at=soon)
    store_bytes(claim(upload), b"0")
    upload.refresh_from_db()
    assert upload.expires_at > soon


# --- Finishing ------------------------------------------------------------------------------


def test_a_full_upload_becomes_the_source_and_is_queued(ada: User) -> None:
    upload = uploads.finish_upload(upload_id=whole(ada, filename="clip.MOV").pk)
    media_file = media_of(upload)
    assert media_file.source_key == f"videos/{media_file.pk}/source.mov"
    assert (media_file.state, media_file.size_bytes) == ("in_queue", 10)
    assert store().path(media_file.source_key).read_bytes() == b"0123456789"
    assert not store().path(part_key(upload.pk)).exists()
    assert Job.objects.filter(media_file=media_file, kind="ingest").count() == 1


def test_finishing_twice_is_finishing_once(ada: User) -> None:
    upload = whole(ada)
    uploads.finish_upload(upload_id=upload.pk)
    assert uploads.finish_upload(upload_id=upload.pk).state == "finished"
    assert Job.objects.count() == 1


def test_many_that_finish_at_the_same_moment_queue_one_job(ada: User) -> None:
    upload = whole(ada)
    ready = threading.Barrier(5)
    states: list[str] = []

    def finish() -> None:
        ready.wait()
        try:
            states.append(uploads.finish_upload(upload_id=upload.pk).state)
        finally:
            connection.close()

    threads = [threading.Thread(target=finish) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == ["finished"] * 5
    assert Job.objects.count() == 1


def test_an_upload_that_is_not_full_is_not_finished(ada: User) -> None:
    upload = begin(ada)
    assert uploads.finish_upload(upload_id=upload.pk).state == "receiving"


def test_a_process_that_died_before_it_could_finish_loses_nothing(ada: User) -> None:
    upload = whole(ada)
    assert uploads.get_upload(actor=ada, upload_id=upload.pk).state == "finished"


def test_a_process_that_died_between_rename_and_record_loses_nothing(ada: User) -> None:
    upload = whole(ada)
    key = f"videos/{upload.media_file_id}/source.bin"
    store().publish_part(part_key(upload.pk), key, size_bytes=10)
    assert upload_sweeps.finish_full_uploads() == 1
    assert media_of(upload).source_key == key


def test_nobody_finishes_what_is_still_being_written(ada: User) -> None:
    upload = begin(ada)
    store_bytes(claim(upload), b"0123456789", release=False)
    assert upload_sweeps.finish_full_uploads() == 0
    assert uploads.get_upload(actor=ada, upload_id=upload.pk).state == "receiving"


def test_bytes_of_a_write_that_was_never_counted_are_cut_off(ada: User) -> None:
    upload = whole(ada)
    part = store().open_part(part_key(upload.pk))
    part.write(10, [b"left behind"], until=time.monotonic() + 1)
    part.close()
    uploads.finish_upload(upload_id=upload.pk)
    source = media_of(upload).source_key
    assert store().path(source).read_bytes() == b"0123456789"


def test_bytes_that_the_machine_lost_are_asked_for_again(ada: User) -> None:
    upload = whole(ada)
    store().path(part_key(upload.pk)).write_bytes(b"0123")
    seen = uploads.get_upload(actor=ada, upload_id=upload.pk)
    assert (seen.state, seen.offset_bytes) == ("receiving", 4)
    store_bytes(claim(upload, 4), b"456789")
    uploads.finish_upload(upload_id=upload.pk)
    assert store().path(media_of(upload).source_key).read_bytes() == b"0123456789"


# --- Ending otherwise -----------------------------------------------------------------------


def test_an_ended_upload_is_gone_with_its_bytes_and_its_media_file(ada: User) -> None:
    upload = begin(ada)
    claimed = store_bytes(claim(upload), b"0123", release=False)
    uploads.terminate_upload(actor=ada, upload_id=upload.pk)
    assert not store().path(part_key(upload.pk)).exists()
    assert not MediaFile.objects.exists()
    with pytest.raises(UploadGone):
        uploads.get_upload(actor=ada, upload_id=upload.pk)
    with pytest.raises(UploadGone):
        record_bytes(claimed, to_bytes=5)


def test_a_finished_upload_cannot_be_ended(ada: User) -> None:
    upload = whole(ada)
    uploads.finish_upload(upload_id=upload.pk)
    with pytest.raises(UploadFinished):
        uploads.terminate_upload(actor=ada, upload_id=upload.pk)


def test_an_upload_whose_video_is_deleted_is_gone(ada: User) -> None:
    upload = begin(ada)
    claimed = claim(upload)
    assert upload.media_file_id is not None
    deletion.delete_media(actor=ada, media_id=upload.media_file_id)
    with pytest.raises(UploadGone):
        store_bytes(claimed, b"0123")


def test_the_bytes_of_an_upload_go_with_its_video(ada: User) -> None:
    upload = begin(ada)
    store_bytes(claim(upload), b"0123")
    assert upload.media_file_id is not None
    assert store().path(part_key(upload.pk)).exists()
    deletion.delete_media(actor=ada, media_id=upload.media_file_id)
    assert not store().path(part_key(upload.pk)).exists()
    assert Upload.objects.get().state == "terminated"


def test_a_video_that_is_deleted_while_it_is_finished_leaves_nothing(ada: User) -> None:
    upload = whole(ada)
    media_id = upload.media_file_id
    assert media_id is not None
    upload_as_seen = Upload.objects.select_related("media_file").get(pk=upload.pk)
    deletion.delete_media(actor=ada, media_id=media_id)
    with pytest.raises(UploadGone):
        uploads._publish(upload_as_seen)
    assert store().folders("videos") == [] or str(media_id) not in store().folders("videos")


def test_an_upload_that_nobody_came_back_for_is_swept(ada: User) -> None:
    abandoned, other = begin(ada), begin(ada)
    store_bytes(claim(abandoned), b"0123")
    past = timezone.now() - timedelta(seconds=1)
    Upload.objects.filter(pk=abandoned.pk).update(expires_at=past)
    with pytest.raises(UploadGone):
        claim(abandoned, 4)
    assert upload_sweeps.expire_uploads() == 1
    assert upload_sweeps.expire_uploads() == 0
    assert not store().path(part_key(abandoned.pk)).exists()
    assert list(MediaFile.objects.values_list("pk", flat=True)) == [other.media_file_id]
    with pytest.raises(UploadGone):
        claim(abandoned, 4)
    Upload.objects.filter(pk=abandoned.pk).update(expires_at=past)
    upload_sweeps.expire_uploads()
    with pytest.raises(UploadNotFound):
        claim(abandoned, 4)


def test_the_bytes_of_an_upload_that_is_over_or_gone_are_swept(ada: User) -> None:
    going_on, ended, gone = begin(ada), begin(ada), begin(ada)
    for upload in (going_on, ended, gone):
        store_bytes(claim(upload), b"0123")
    # Killed after the commit and before the bytes were removed; deleted with an account.
    Upload.objects.filter(pk=ended.pk).update(state="terminated")
    Upload.objects.filter(pk=gone.pk).delete()
    assert upload_sweeps.sweep_parts() == 2
    assert store().parts("uploads") == [part_key(going_on.pk)]
    assert upload_sweeps.sweep_parts() == 0


def test_one_upload_that_the_disk_refuses_keeps_no_other_from_being_finished(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, other = whole(ada), whole(ada)
    real = LocalStore.publish_part

    def publish_part(self: LocalStore, part: str, key: str, *, size_bytes: int) -> None:
        if part == part_key(refused.pk):
            raise OSError(5, "Input/output error")
        real(self, part, key, size_bytes=size_bytes)

    monkeypatch.setattr(LocalStore, "publish_part", publish_part)
    upload_sweeps.finish_full_uploads()
    states = dict(Upload.objects.values_list("pk", "state"))
    assert states == {refused.pk: "receiving", other.pk: "finished"}


def test_a_forged_token_moves_nothing(ada: User) -> None:
    upload = begin(ada)
    claimed = claim(upload)
    with pytest.raises(UploadLocked):
        record_bytes(replace(claimed, token=claimed.token + 1), to_bytes=5)
