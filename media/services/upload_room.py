"""What an account may still upload, and whether there is a place for it."""

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Coalesce

from media.errors import DiskFull, QuotaExceeded, TooManyUploads, UploadTooLarge
from media.models import MediaFile, Upload
from media.store import store
from users.models import User


def check_number(owner: User) -> None:
    """Raise TooManyUploads when `owner` has as many unfinished uploads as may be."""
    most: int = settings.UPLOADS_PER_USER
    if Upload.objects.filter(owner=owner, state="receiving").count() >= most:
        raise TooManyUploads(max_uploads=most, retry_after_seconds=60)


def check(size_bytes: int, *, of: User, but: Upload | None = None) -> None:
    """Raise UploadTooLarge, QuotaExceeded or DiskFull when a file of `size_bytes` has no place.

    `but` is an upload of the owner that is not counted: the one that is asked about.
    """
    if size_bytes > settings.UPLOAD_MAX_BYTES:
        raise UploadTooLarge(max_bytes=settings.UPLOAD_MAX_BYTES)
    free_bytes = left(of, but=but)
    if size_bytes > free_bytes:
        raise QuotaExceeded(free_bytes=max(0, free_bytes))
    if size_bytes > store().free_bytes():
        raise DiskFull


def left(owner: User, *, but: Upload | None = None) -> int:
    """What `owner` may still store besides sources and what unfinished uploads have announced."""
    sources = MediaFile.objects.filter(owner=owner).aggregate(bytes=Sum("size_bytes"))
    coming = Upload.objects.filter(owner=owner, state="receiving")
    if but is not None:
        coming = coming.exclude(pk=but.pk)
    announced = coming.aggregate(bytes=Sum(Coalesce("length_bytes", "offset_bytes")))
    quota: int = settings.UPLOAD_QUOTA_BYTES
    return quota - (sources["bytes"] or 0) - (announced["bytes"] or 0)
