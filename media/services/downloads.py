"""Videos as files to take away: a rendition and its sound, joined by a job when somebody asks.

The file is made of the segments that are there, packets copied, and kept for a while after it was
last asked for. It belongs to its plan and goes with it.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from core.errors import Conflict, Forbidden, NotFound, OutOfSpace
from media.delivery.attachment import file_name
from media.ffmpeg import joining
from media.ffmpeg.errors import FFmpegError
from media.ffmpeg.plan import AUDIO
from media.jobs.claim import Claim, LeaseLost
from media.jobs.queue import enqueue
from media.models import Download, Job, MediaFile, Rendition, Segment
from media.models import Plan as PlanRow
from media.playback import SOURCE, download_name, signed_file
from media.selectors import Shape, get_media_file
from media.services.changes import announce, lock
from media.services.making import Work, load_work
from media.store import download_key, init_key, segment_key, store
from media.visibility import Viewer
from users.models import User
from users.permissions import may_moderate

logger = logging.getLogger(__name__)

#: How often one of the workers looks for files that nobody asks for any more.
SWEEP_SECONDS = 300.0
#: Progress is told so often at most.
TELL_SECONDS = 1.0
#: Joining needs so many times the room of the file, for a moment.
_ROOM = 3

_STATUS_BY_JOB = {"queued": "in_queue", "running": "processing", "failed": "failed"}


class DownloadNotAllowed(Forbidden):
    """The video may be seen, but its owner gives it to nobody as a file."""

    code, title = "download-not-allowed", "The owner of this video does not offer it as a file."


class DownloadNotFound(NotFound):
    """The video has no such quality; `GET …/downloads/` lists what there is."""

    code, title = "download-not-found", "This video cannot be had in this quality."


class RenditionIncomplete(Conflict):
    """The quality is planned, but not all of it is made yet."""

    code, title = "rendition-incomplete", "This quality is still being made."


class NoRoomForDownload(OutOfSpace):
    """The file would fill the disk of the server."""

    code, title = "download-no-room", "The server has no room to make this file now."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A quality that can be had: all of it, and of the sound, is made or will be."""

    name: str
    width: int | None
    height: int | None
    is_complete: bool
    size_bytes: int


def list_downloads(*, viewer: Viewer, media_id: uuid.UUID) -> list[Shape]:
    """What `viewer` may take away, the largest first, and how far each file is.

    Raises VideoNotFound and DownloadNotAllowed.
    """
    media_file = _downloadable(viewer, media_id)
    plan = _active_plan(media_file)
    rows = Download.objects.filter(plan=plan).select_related("job") if plan else ()
    known = {row.name: row for row in rows}
    shapes = [
        _shape(media_file, plan, offer, known.get(offer.name))
        for offer in (_offers(plan) if plan else [])
        if plan is not None and offer.is_complete
    ]
    return [*shapes, *_source(viewer, media_file)]


@transaction.atomic
def request_download(*, viewer: Viewer, media_id: uuid.UUID, name: str) -> Shape:
    """Have a file made, or kept for longer if it is there; answers how far it is.

    Idempotent: however many ask, it is made once. Raises VideoNotFound, DownloadNotAllowed,
    DownloadNotFound, RenditionIncomplete and NoRoomForDownload.
    """
    media_file = lock(_downloadable(viewer, media_id).pk)
    if name == SOURCE:
        for shape in _source(viewer, media_file):
            return shape
        raise DownloadNotFound
    plan = _active_plan(media_file)
    offer = next((it for it in (_offers(plan) if plan else []) if it.name == name), None)
    if plan is None or offer is None:
        raise DownloadNotFound
    if not offer.is_complete:
        raise RenditionIncomplete
    row, _ = Download.objects.select_related("job").get_or_create(plan=plan, name=name)
    row.expires_at = timezone.now() + timedelta(seconds=settings.DOWNLOAD_KEEP_SECONDS)
    if not (_is_there(media_file, plan, row) or _is_underway(row)):
        if store().free_bytes() < _ROOM * offer.size_bytes:
            raise NoRoomForDownload
        row.size_bytes, row.progress_percent = None, 0
        row.job = enqueue(
            kind=Job.Kind.DOWNLOAD,
            media_file=media_file,
            args={"plan": plan.number, "rung": name},
            is_urgent=False,
        )
        announce(media_file)
    row.save()
    return _shape(media_file, plan, offer, row)


def _downloadable(viewer: Viewer, media_id: uuid.UUID) -> MediaFile:
    media_file = get_media_file(viewer=viewer, media_id=media_id)
    is_owner = media_file.owner_id == viewer.pk
    is_admin = isinstance(viewer, User) and may_moderate(viewer)
    if not (is_owner or is_admin or media_file.is_downloadable):
        raise DownloadNotAllowed
    return media_file


def _active_plan(media_file: MediaFile) -> PlanRow | None:
    rows = PlanRow.objects.filter(media_file=media_file, state="active")
    return rows.defer("document").first()


def _offers(plan: PlanRow) -> list[Offer]:
    """The qualities of a plan, with their sound; of sound alone, the sound."""
    renditions = list(Rendition.objects.filter(plan=plan).order_by("id"))
    made = {
        pk: (count, size)
        for pk, count, size in Segment.objects.filter(rendition__in=renditions)
        .values("rendition")
        .annotate(count=Count("id"), size=Sum("size_bytes"))
        .values_list("rendition", "count", "size")
    }
    sounds = [it for it in renditions if it.kind == Rendition.Kind.AUDIO]
    pictures = [it for it in renditions if it.kind == Rendition.Kind.VIDEO]

    def offer(rendition: Rendition, *others: Rendition) -> Offer:
        parts = [(it, *made.get(it.pk, (0, 0))) for it in (rendition, *others)]
        return Offer(
            name=rendition.name,
            width=rendition.width,
            height=rendition.height,
            is_complete=all(count >= it.segment_count for it, count, _ in parts),
            size_bytes=sum(size for _, _, size in parts),
        )

    return [offer(it, *sounds) for it in pictures] if pictures else [offer(it) for it in sounds]


def _is_there(media_file: MediaFile, plan: PlanRow, row: Download) -> bool:
    facts = store().facts(download_key(media_file.pk, plan.number, row.name))
    return facts is not None and facts.size_bytes == row.size_bytes


def _is_underway(row: Download) -> bool:
    return row.size_bytes is None and row.job is not None and row.job.state in ("queued", "running")


# --- Shapes -----------------------------------------------------------------------------------


def _shape(
    media_file: MediaFile, plan: PlanRow | None, offer: Offer, row: Download | None
) -> Shape:
    is_ready = row is not None and row.size_bytes is not None and row.expires_at > timezone.now()
    job = None if row is None or is_ready else row.job
    status = "ready" if is_ready else _STATUS_BY_JOB.get(job.state if job else "", "available")
    number = plan.number if plan else 0
    title = media_file.title or media_file.filename.rpartition(".")[0]
    return {
        "name": offer.name,
        "width": offer.width,
        "height": offer.height,
        "filename": file_name(title, offer.name, "mp4"),
        "size_bytes": row.size_bytes if is_ready and row else offer.size_bytes,
        "status": status,
        "progress_percent": row.progress_percent if row and status != "available" else 0,
        "url": signed_file(
            media_id=media_file.pk,
            epoch=media_file.visibility_epoch,
            only=download_name(number, offer.name),
        )
        if is_ready
        else None,
        "expires_at": row.expires_at.isoformat() if is_ready and row else None,
        "error": {"code": job.error_code, "detail": job.error_detail}
        if job is not None and status == "failed"
        else None,
    }


def _source(viewer: Viewer, media_file: MediaFile) -> Iterator[Shape]:
    """The file as it was uploaded, for its owner alone."""
    facts = store().facts(media_file.source_key) if media_file.source_key else None
    if media_file.owner_id != viewer.pk or facts is None:
        return
    extension = media_file.source_key.rpartition(".")[2]
    title = media_file.title or media_file.filename.rpartition(".")[0]
    yield {
        "name": SOURCE,
        "width": media_file.width,
        "height": media_file.height,
        "filename": file_name(title, "", extension),
        "size_bytes": facts.size_bytes,
        "status": "ready",
        "progress_percent": 100,
        "url": signed_file(media_id=media_file.pk, epoch=media_file.visibility_epoch, only=SOURCE),
        "expires_at": None,
        "error": None,
    }


# --- Making -----------------------------------------------------------------------------------


def perform(claim: Claim) -> None:
    """Join what somebody asked for."""
    work, name = load_work(claim), str(claim.job.args["rung"])
    names = [name, AUDIO] if name != AUDIO and work.plan.audio is not None else [name]
    with store().work_dir() as folder:
        made = joining.join(
            [_parts(work, it) for it in names],
            duration_seconds=work.plan.duration_seconds,
            work_dir=folder,
            on_progress=_Teller(work, name),
        )
        size_bytes = made.stat().st_size
        claim.check()
        store().put_file(download_key(work.media_id, work.number, name), made)
    with claim.recording() as media_file:
        _note(media_file, work, name, size_bytes=size_bytes, progress_percent=100)
        claim.finish()


def _parts(work: Work, rung: str) -> Iterator[Callable[[], BinaryIO]]:
    yield partial(_open, init_key(work.media_id, work.number, rung))
    for segment in work.plan.segments(rung):
        yield partial(_open, segment_key(work.media_id, work.number, rung, segment.number))


def _open(key: str) -> BinaryIO:
    try:
        return store().open(key)[0]
    except FileNotFoundError as error:
        raise FFmpegError(f"{key} is lost") from error


class _Teller:
    """Tells how far the file is, now and then; what it raises ends the work."""

    def __init__(self, work: Work, name: str) -> None:
        self._work, self._name = work, name
        self._told, self._told_at = 0, time.monotonic()

    def __call__(self, done: float) -> None:
        self._work.check()
        # Moving the index to the front takes as long again.
        percent = int(90 * done)
        if percent > self._told and time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told, self._told_at = percent, time.monotonic()
            with self._work.claim.recording() as media_file:
                _note(media_file, self._work, self._name, progress_percent=percent)


def _note(media_file: MediaFile, work: Work, name: str, **values: object) -> None:
    """Write down how far a file is, and tell of it. Raises LeaseLost if nobody wants it."""
    row = Download.objects.filter(plan=work.plan_id, name=name, job=work.claim.job)
    if not row.update(**values):
        raise LeaseLost
    announce(media_file)


def sweep() -> int:
    """Remove the files that nobody has asked for lately; returns how many."""
    over = Download.objects.filter(expires_at__lt=timezone.now())
    rows = list(over.select_related("plan").defer("plan__document")[:100])
    for row in rows:
        mine = over.filter(pk=row.pk)
        # First nobody is sent there any more, then it is removed, and last forgotten.
        if mine.update(size_bytes=None, job=None):
            key = download_key(row.plan.media_file_id, row.plan.number, row.name)
            store().delete(key)
            mine.filter(job=None).delete()
            logger.info("download removed", extra={"key": key})
    return len(rows)
