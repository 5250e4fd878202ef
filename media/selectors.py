"""Questions about media files: what a viewer may see, and the shapes that the API answers with.

Every list is answered with a constant number of queries, however many videos, renditions and
segments it has: media files with owners, their renditions, and the ranges that are made.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from core.errors import NotFound
from media.models import MediaFile, Plan, Segment, Visibility
from media.playback import signed_path
from media.visibility import Viewer, shown_to_everybody, visible_media
from media.workshop.protocol import Ranges as Ranges

Shape = dict[str, Any]

_PUBLIC_STATES = ("processing", "completed")
#: While these last, something can be said about the queue.
_IN_WORK = ("in_queue", "processing")
_AT_REST = ("completed", "failed", "cancelled")


class VideoNotFound(NotFound):
    """There is no such video, or the viewer must not know of it."""

    code, title = "video-not-found", "There is no such video."


# --- Which media files ------------------------------------------------------------------------


def get_media_file(*, viewer: Viewer, media_id: uuid.UUID) -> MediaFile:
    """The media file, if `viewer` may see it. Raises VideoNotFound for both other cases."""
    found = visible_media(viewer).select_related("owner").filter(pk=media_id).first()
    if found is None:
        raise VideoNotFound
    return found


def own_media(*, viewer: Viewer) -> QuerySet[MediaFile]:
    """What `viewer` uploaded, whatever has become of it, newest first."""
    return MediaFile.objects.filter(owner_id=viewer.pk).select_related("owner")


def unfinished_media(*, viewer: Viewer) -> QuerySet[MediaFile]:
    """What `viewer` uploaded and work is to be done for: a first plan, or the next one."""
    coming = Plan.objects.filter(state="coming", media_file=OuterRef("pk"))
    return own_media(viewer=viewer).filter(~Q(state__in=_AT_REST) | Exists(coming))


def public_media() -> QuerySet[MediaFile]:
    """The public catalogue: what everybody may see and something can be played of."""
    return MediaFile.objects.filter(
        visibility=Visibility.PUBLIC, state__in=_PUBLIC_STATES
    ).select_related("owner")


# --- Shapes -----------------------------------------------------------------------------------


def get_media(*, viewer: Viewer, media_id: uuid.UUID) -> Shape:
    """The shape of `GET /api/videos/{video_id}/`. Raises VideoNotFound."""
    return media_shapes([get_media_file(viewer=viewer, media_id=media_id)])[0]


def media_state(media_id: uuid.UUID) -> Shape | None:
    """What changes while a media file is made, for those who were let in; None if it is gone."""
    found = MediaFile.objects.filter(pk=media_id).first()
    if found is None:
        return None
    return _progress(found, plans_of([found])[found.pk])


def media_shapes(media_files: Sequence[MediaFile]) -> list[Shape]:
    """The shapes of media files that were let through, in two queries for all of them.

    Load them with `select_related("owner")`.
    """
    plans = plans_of(media_files)
    return [_shape(media_file, plans[media_file.pk]) for media_file in media_files]


def own_media_shapes(media_files: Sequence[MediaFile]) -> list[Shape]:
    """The same for their owner, who wants to know who else sees them."""
    shown = shown_to_everybody([media_file.pk for media_file in media_files])
    shapes = zip(media_files, media_shapes(media_files), strict=True)
    return [shape | {"is_shown_in_post": each.pk in shown} for each, shape in shapes]


@dataclass(frozen=True, kw_only=True)
class RenditionProgress:
    """One planned rendition of the active plan, and which of its segments are made."""

    id: int
    name: str
    width: int
    height: int
    segment_count: int
    made: Ranges

    @property
    def made_count(self) -> int:
        """How many segments there are."""
        return sum(last - first + 1 for first, last in self.made)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to make."""
        return self.made_count >= self.segment_count


@dataclass(kw_only=True)
class Plans:
    """What plays of a media file, and the plan that is to follow it, if there is one."""

    renditions: list[RenditionProgress] = field(default_factory=list)
    re_encode: Shape | None = None


def plans_of(media_files: Iterable[MediaFile]) -> defaultdict[uuid.UUID, Plans]:
    """The renditions of each media file's active plan, largest first, sound last; and what follows.

    In two queries. A plan that is coming, or came to nothing, counts until another one is active.
    """
    media_files = list(media_files)
    rows = Plan.objects.filter(media_file__in=media_files).exclude(
        state__in=["retired", "beside", "spoiled"]
    )
    facts: list[Any] = list(
        rows.order_by("number", "renditions__id").values(
            "media_file_id",
            "state",
            "progress_percent",
            "error_code",
            "error_detail",
            rendition=F("renditions__id"),
            name=F("renditions__name"),
            width=F("renditions__width"),
            height=F("renditions__height"),
            count=F("renditions__segment_count"),
        )
    )
    complete = {media_file.pk for media_file in media_files if media_file.state == "completed"}
    playing = [row for row in facts if row["state"] == "active" and row["rendition"] is not None]
    made = made_ranges(
        {row["rendition"] for row in playing if row["media_file_id"] not in complete}
    )
    found: defaultdict[uuid.UUID, Plans] = defaultdict(Plans)
    for row in facts:
        found[row["media_file_id"]].re_encode = None if row["state"] == "active" else _anew(row)
    for row in playing:
        pk, media_id, count = row["rendition"], row["media_file_id"], row["count"]
        progress = RenditionProgress(
            id=pk,
            name=row["name"],
            width=row["width"] or 0,
            height=row["height"] or 0,
            segment_count=count,
            made=[(0, count - 1)] if media_id in complete else made[pk],
        )
        found[media_id].renditions.append(progress)
    return found


def _anew(row: Shape) -> Shape:
    """The shape of a plan that does not play yet, or never will."""
    state = row["state"]
    if state == "coming":
        state = "in_queue" if row["rendition"] is None else "processing"
    error = {"code": row["error_code"], "detail": row["error_detail"]}
    return {
        "status": state,
        "progress_percent": row["progress_percent"],
        "error": error if row["error_code"] else None,
    }


def made_ranges(rendition_ids: Collection[int]) -> defaultdict[int, Ranges]:
    """Which segments exist of each rendition, as ranges, counted inside the database."""
    ranges: defaultdict[int, Ranges] = defaultdict(list)
    if not rendition_ids:
        return ranges
    table = connection.ops.quote_name(Segment._meta.db_table)
    marks = ", ".join(["%s"] * len(rendition_ids))
    # Numbers without a gap keep the same distance from their rank: one island each.
    query = f"""
        SELECT rendition_id, MIN(number), MAX(number) FROM (
            SELECT rendition_id, number, number - ROW_NUMBER() OVER (
                PARTITION BY rendition_id ORDER BY number) AS island
            FROM {table} WHERE rendition_id IN ({marks})) AS numbered
        GROUP BY rendition_id, island ORDER BY 1, 2"""  # noqa: S608  # names and marks of our own
    with connection.cursor() as cursor:
        cursor.execute(query, list(rendition_ids))
        for rendition_id, first, last in cursor.fetchall():
            ranges[rendition_id].append((first, last))
    return ranges


def _shape(media_file: MediaFile, plans: Plans) -> Shape:
    owner: Any = media_file.owner
    return {
        "video_id": str(media_file.pk),
        "title": media_file.title,
        "filename": media_file.filename,
        "kind": media_file.kind,
        "owner": {"id": str(owner.pk), "username": owner.get_username()},
        "visibility": media_file.visibility,
        "is_downloadable": media_file.is_downloadable,
        "size_bytes": media_file.size_bytes,
        **_progress(media_file, plans),
        "created_at": media_file.created_at.isoformat(),
        "updated_at": media_file.updated_at.isoformat(),
        "version": media_file.version,
    }


def _progress(media_file: MediaFile, plans: Plans) -> Shape:
    folder = signed_path(media_id=media_file.pk, epoch=media_file.visibility_epoch)
    error = {"code": media_file.error_code, "detail": media_file.error_detail}
    return {
        "status": media_file.state,
        "progress_percent": media_file.progress_percent,
        "early": (media_file.early or None) if media_file.state == "uploading" else None,
        "duration": media_file.duration_seconds,
        "width": media_file.width,
        "height": media_file.height,
        "playlist_url": f"{folder}/master.m3u8" if plans.renditions else None,
        "poster_url": f"{folder}/poster.jpg" if media_file.has_poster else None,
        "waveform_url": f"{folder}/waveform.json" if media_file.has_waveform else None,
        "loudness": _loudness(media_file),
        "storyboard_url": f"{folder}/storyboard.vtt" if media_file.has_storyboard else None,
        "error": error if media_file.error_code else None,
        "damaged": media_file.damaged,
        "queue": _queue(media_file),
        "renditions": [_rendition(rendition) for rendition in plans.renditions],
        "re_encode": plans.re_encode,
    }


def _loudness(media_file: MediaFile) -> Shape | None:
    """How loud it is; None while that is not measured, and for silence."""
    if media_file.integrated_lufs is None:
        return None
    return {
        "integrated_lufs": media_file.integrated_lufs,
        "true_peak_dbtp": media_file.true_peak_dbtp,
    }


def _queue(media_file: MediaFile) -> Shape | None:
    """Where it stands in the queue, as far as media.services.forecasts has found out."""
    found = {
        "position": media_file.queue_position,
        "begins_at": media_file.begins_at and media_file.begins_at.isoformat(),
        "ends_at": media_file.ends_at and media_file.ends_at.isoformat(),
    }
    is_known = any(value is not None for value in found.values())
    return found if is_known and media_file.state in _IN_WORK else None


def _rendition(rendition: RenditionProgress) -> Shape:
    status = (
        "completed" if rendition.is_complete else "processing" if rendition.made else "in_queue"
    )
    return {
        "name": rendition.name,
        "width": rendition.width,
        "height": rendition.height,
        "status": status,
        "progress_percent": percent(rendition.made_count, rendition.segment_count),
        "made": [list(pair) for pair in rendition.made],
    }


def percent(made: int, planned: int) -> int:
    """How much of the work is done; 100 only when all of it is.

    >>> percent(0, 7), percent(1, 7), percent(999, 1000), percent(7, 7), percent(0, 0)
    (0, 14, 99, 100, 100)
    """
    return 100 * min(made, planned) // planned if planned else 100
