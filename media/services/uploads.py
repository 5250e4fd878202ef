"""Uploads: sessions that bytes are appended to, until they are whole and become a source.

Nothing here holds a transaction while bytes arrive. Who writes takes a short lease by one
guarded UPDATE (`claim_upload`), stores bytes outside of any transaction, and moves the offset
by another one that carries the token of the lease (`record_bytes`). Whoever lost the lease in
between moves nothing. docs/uploads.md has the protocol, and the life of an upload drawn.
"""

import logging
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.errors import AppError
from core.states import IllegalTransition
from media.errors import (
    BeyondLength,
    LengthFixed,
    MetadataInvalid,
    OffsetMismatch,
    QuotaExceeded,
    UploadFinished,
    UploadGone,
    UploadLocked,
    UploadNotFound,
    UploadTooLarge,
)
from media.models import MediaFile, Upload, Visibility
from media.selectors import VideoNotFound
from media.services import arriving, deletion, ingest, upload_lease
from media.services import upload_room as room
from media.services.changes import tell
from media.services.names import display_name, extension_of
from media.states import UPLOAD
from media.storage.errors import BytesMissing
from media.store import part_key, source_key, store
from users.models import User

logger = logging.getLogger(__name__)

#: Our own clock must not believe in the lease for longer than the database's does.
LEASE_MARGIN_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class UploadClaim:
    """The right to append to an upload: a lease, until it is recorded anew or released."""

    upload_id: uuid.UUID
    token: int
    offset_bytes: int
    #: Bytes beyond are refused: the declared length, or what the account may store.
    limit_bytes: int
    length_bytes: int | None
    #: By `time.monotonic()`: no write may begin later, unless the lease was recorded anew.
    until: float

    @property
    def is_full(self) -> bool:
        """Whether every declared byte has arrived."""
        return self.offset_bytes == self.length_bytes

    def refusal(self) -> AppError:
        """Why the next byte is one too many."""
        if self.length_bytes is not None:
            return BeyondLength(length_bytes=self.length_bytes)
        if self.limit_bytes >= settings.UPLOAD_MAX_BYTES:
            return UploadTooLarge(max_bytes=settings.UPLOAD_MAX_BYTES)
        return QuotaExceeded(free_bytes=self.limit_bytes - self.offset_bytes)


# --- Beginning ------------------------------------------------------------------------------


@transaction.atomic
def create_upload(
    *, actor: User, length_bytes: int | None, metadata: dict[str, str], header: str
) -> Upload:
    """Open a session, and the media file that it will become.

    `length_bytes` is None where the client will tell it later. `header` is the metadata as it
    came, to be answered as it came. Raises UploadTooLarge, QuotaExceeded, DiskFull,
    TooManyUploads or MetadataInvalid.
    """
    # Of two sessions that begin at the same moment, one sees what the other takes.
    User.objects.select_for_update().get(pk=actor.pk)
    room.check_number(actor)
    room.check(length_bytes or 0, of=actor)
    filename = display_name(metadata.get("filename", ""))
    media_file = MediaFile.objects.create(
        is_downloadable=settings.DOWNLOADS_BY_DEFAULT,
        owner=actor,
        filename=filename,
        title=display_name(metadata.get("title", ""), default=""),
        content_type=metadata.get("filetype", "")[:100],
        visibility=_visibility(metadata),
    )
    tell(media_id=media_file.pk, owner_id=actor.pk, version=media_file.version)
    return Upload.objects.create(
        owner=actor,
        media_file=media_file,
        length_bytes=length_bytes,
        metadata=header,
        expires_at=expiry(),
    )


def expiry() -> datetime:
    """When an upload that is touched now will be swept."""
    return timezone.now() + timedelta(seconds=settings.UPLOAD_EXPIRES_SECONDS)


def _visibility(metadata: dict[str, str]) -> str:
    wanted = metadata.get("visibility") or Visibility.PRIVATE
    if wanted not in Visibility.values:
        raise MetadataInvalid(f"The visibility has to be one of {', '.join(Visibility.values)}.")
    return wanted


# --- Looking --------------------------------------------------------------------------------


def get_upload(*, actor: User, upload_id: uuid.UUID) -> Upload:
    """The upload of `actor`. Raises UploadNotFound for somebody else's, or UploadGone.

    One whose last byte was stored by a process that died before it could finish is finished
    here: its client takes "all bytes are there" for the end.
    """
    upload = _own(actor, upload_id)
    if upload.state == "receiving" and upload.is_full and not _is_leased(upload):
        with suppress(OffsetMismatch):
            finish_upload(upload_id=upload.pk)
        upload = _own(actor, upload_id)
    return upload


def _own(actor: User, upload_id: uuid.UUID) -> Upload:
    uploads = Upload.objects.select_related("media_file")
    upload = uploads.filter(pk=upload_id, owner=actor).first()
    if upload is None:
        raise UploadNotFound
    _check_alive(upload)
    return upload


def _check_alive(upload: Upload) -> None:
    over = upload.state in ("terminated", "expired") or upload.media_file_id is None
    if over or (upload.state == "receiving" and upload.expires_at <= timezone.now()):
        raise UploadGone


def _is_leased(upload: Upload) -> bool:
    return upload.lease_expires_at is not None and upload.lease_expires_at > timezone.now()


# --- Appending ------------------------------------------------------------------------------


def claim_upload(
    *,
    actor: User,
    upload_id: uuid.UUID,
    offset_bytes: int,
    size_bytes: int | None = None,
    length_bytes: int | None = None,
) -> UploadClaim:
    """Take the right to append at `offset_bytes`, and tell a length that was deferred.

    `size_bytes` is how much is coming, where that is known. Raises OffsetMismatch,
    UploadLocked while another request appends, UploadGone, LengthFixed, or what
    `UploadClaim.refusal` says when more is coming than may.
    """
    free = upload_lease.look(upload_id, actor.pk)
    if free is None or free.offset_bytes != offset_bytes or free.length_bytes is None:
        return _claim_with_care(actor, upload_id, offset_bytes, size_bytes, length_bytes)
    if length_bytes not in (None, free.length_bytes):
        raise LengthFixed(length_bytes=free.length_bytes)
    claim = UploadClaim(
        upload_id=upload_id,
        token=free.lease_token + 1,
        offset_bytes=offset_bytes,
        limit_bytes=free.length_bytes,
        length_bytes=free.length_bytes,
        until=_lease_end(),
    )
    return _take(claim, size_bytes)


def _claim_with_care(
    actor: User, upload_id: uuid.UUID, offset_bytes: int, size_bytes: int | None, told: int | None
) -> UploadClaim:
    """The same where something is special: a deferred length, a finished upload, an error."""
    upload = _own(actor, upload_id)
    if upload.offset_bytes != offset_bytes:
        raise OffsetMismatch(expected_bytes=upload.offset_bytes, given_bytes=offset_bytes)
    fixed = _fix_length(upload, told, actor)
    claim = UploadClaim(
        upload_id=upload.pk,
        token=upload.lease_token + 1,
        offset_bytes=offset_bytes,
        limit_bytes=_limit_of_deferred(upload, actor) if fixed is None else fixed,
        length_bytes=fixed,
        until=_lease_end(),
    )
    if upload.state == "finished":
        _check_size(claim, size_bytes)
        return claim
    return _take(claim, size_bytes)


def _check_size(claim: UploadClaim, size_bytes: int | None) -> None:
    if claim.offset_bytes + (size_bytes or 0) > claim.limit_bytes:
        raise claim.refusal()


def _take(claim: UploadClaim, size_bytes: int | None) -> UploadClaim:
    _check_size(claim, size_bytes)
    taken = upload_lease.take(
        claim.upload_id,
        token=claim.token,
        offset_bytes=claim.offset_bytes,
        length_bytes=claim.length_bytes,
        expires_at=expiry(),
    )
    if not taken:
        raise _why_not(claim.upload_id, claim.offset_bytes)
    return claim


def _fix_length(upload: Upload, told: int | None, actor: User) -> int | None:
    if told is None or told == upload.length_bytes:
        return upload.length_bytes
    if upload.length_bytes is not None:
        raise LengthFixed(length_bytes=upload.length_bytes)
    if told < upload.offset_bytes:
        raise BeyondLength(length_bytes=told)
    room.check(told, of=actor, but=upload)
    return told


def _limit_of_deferred(upload: Upload, actor: User) -> int:
    return min(settings.UPLOAD_MAX_BYTES, max(upload.offset_bytes, room.left(actor, but=upload)))


def record_bytes(claim: UploadClaim, *, to_bytes: int, release: bool = False) -> UploadClaim:
    """Move the offset forward after the bytes are in the store, and keep or release the lease.

    With the offset as it was, this only renews the lease. Raises OffsetMismatch, UploadLocked
    or UploadGone when the lease is somebody else's by now; then nothing was counted.
    """
    until = _lease_end()
    moved = upload_lease.move(
        claim.upload_id,
        token=claim.token,
        from_bytes=claim.offset_bytes,
        to_bytes=to_bytes,
        release=release,
        expires_at=expiry(),
    )
    if not moved:
        raise _why_not(claim.upload_id, claim.offset_bytes)
    return replace(claim, offset_bytes=to_bytes, until=until)


def _lease_end() -> float:
    # Before the statement is sent, so that it is over for us before it is over for the database.
    return time.monotonic() + upload_lease.LEASE_SECONDS - LEASE_MARGIN_SECONDS


def _why_not(upload_id: uuid.UUID, offset_bytes: int) -> AppError:
    """Why a guarded UPDATE has found no row."""
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is None or upload.state != "receiving" or upload.media_file_id is None:
        return UploadGone()
    if upload.offset_bytes != offset_bytes:
        return OffsetMismatch(expected_bytes=upload.offset_bytes, given_bytes=offset_bytes)
    return UploadLocked(retry_after_seconds=1)


# --- Ending ---------------------------------------------------------------------------------


def finish_upload(*, upload_id: uuid.UUID) -> Upload:
    """Make a full upload the source of its media file, and queue that.

    Takes as long for a large file as for a small one, and doing it again changes nothing. When
    it returns, the bytes survive the loss of power. Raises UploadGone.
    """
    upload = Upload.objects.select_related("media_file").get(pk=upload_id)
    _check_alive(upload)
    if upload.state == "receiving" and upload.is_full:
        _publish(upload)
    return upload


def _publish(upload: Upload) -> None:
    media_file = upload.media_file
    assert media_file is not None  # noqa: S101  # the caller has checked that it is alive
    key = source_key(media_file.pk, extension_of(media_file.filename, media_file.content_type))
    if upload.offset_bytes == 0:
        # Nothing was ever written, but an empty file is a file.
        store().open_part(part_key(upload.pk)).close()
    try:
        store().publish_part(part_key(upload.pk), key, size_bytes=upload.offset_bytes)
        _record_finish(upload, media_file, key)
    except BytesMissing as error:
        raise _rewind(upload, error.size_bytes) from error
    except (FileNotFoundError, VideoNotFound, IllegalTransition) as error:
        upload.refresh_from_db()
        if upload.state == "finished":
            return  # somebody else was faster
        # Ended or deleted while it was being finished: leave no bytes behind.
        deletion.remove_leftovers(media_file.pk)
        logger.warning("upload ended while it was finished", extra={"upload": str(upload.pk)})
        raise UploadGone from error


def rewind(claim: UploadClaim, *, to_bytes: int) -> OffsetMismatch:
    """Go back to what is really there, and return the error that tells the client so.

    The power failed: the database knows of bytes that never reached the disk.
    """
    return _rewind(Upload.objects.get(pk=claim.upload_id), to_bytes)


def _rewind(upload: Upload, to_bytes: int) -> OffsetMismatch:
    about = {"upload": str(upload.pk), "from": upload.offset_bytes, "to": to_bytes}
    logger.warning("bytes of an upload are missing", extra=about)
    same = Upload.objects.filter(pk=upload.pk, state="receiving", offset_bytes=upload.offset_bytes)
    with transaction.atomic():
        if upload.media_file_id is not None:
            # What was made of the bytes that are lost counts as little as they do.
            arriving.forget(upload.media_file_id)
        same.update(offset_bytes=to_bytes, lease_expires_at=None, lease_token=F("lease_token") + 1)
    return OffsetMismatch(expected_bytes=to_bytes, given_bytes=upload.offset_bytes)


@transaction.atomic
def _record_finish(upload: Upload, media_file: MediaFile, key: str) -> None:
    UPLOAD.move(upload, "finished", unchanged=["offset_bytes"], lease_expires_at=None)
    found = MediaFile.objects.filter(pk=media_file.pk)
    found.update(source_key=key, size_bytes=upload.offset_bytes)
    ingest.start(media_file=media_file)


def terminate_upload(*, actor: User, upload_id: uuid.UUID) -> None:
    """End an unfinished upload and forget its bytes. Raises UploadFinished for a finished one."""
    upload = _own(actor, upload_id)
    if upload.state == "finished":
        raise UploadFinished
    end_upload(upload, "terminated")


def end_upload(upload: Upload, state: str) -> None:
    """Move an unfinished upload to `state`, and delete its video and bytes. Raises UploadGone."""
    with transaction.atomic():
        try:
            # What is left answers 410 for as long again, and not 404.
            UPLOAD.move(upload, state, lease_token=F("lease_token") + 1, expires_at=expiry())
        except IllegalTransition:
            raise UploadGone from None
        if upload.media_file_id is not None:
            deletion.delete_media(actor=upload.owner, media_id=upload.media_file_id)
    store().delete(part_key(upload.pk))


def forget_bytes(upload_id: uuid.UUID) -> None:
    """Remove what a writer has stored of an upload that ended meanwhile."""
    store().delete(part_key(upload_id))
