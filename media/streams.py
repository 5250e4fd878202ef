"""Questions of those who deliver bytes: what a link opens, what is planned, what is made."""

import uuid
from collections.abc import Set
from dataclasses import dataclass

from django.db.models import Count, F, FloatField, Max, Q, Sum
from django.db.models.functions import Cast

from media.ffmpeg.plan import Plan
from media.models import MediaFile, Rendition, Segment, Visibility
from media.models import Plan as PlanRow
from media.playlists import Made
from media.selectors import made_ranges

#: The states of plans whose segments somebody may be playing.
PLAYABLE = ("active", "beside", "retired")


@dataclass(frozen=True, kw_only=True)
class StreamFacts:
    """What decides about every request for a media file."""

    epoch: int
    is_open: bool
    is_complete: bool
    plan_number: int | None
    #: The plan of a second ladder, once all of it is made.
    beside_number: int | None
    #: What people call it, and what its owner's file is.
    title: str
    filename: str
    source_key: str


def stream_facts(media_id: uuid.UUID) -> StreamFacts | None:
    """What is to be known of a media file before anything of it is sent; None if it is gone."""
    row = (
        MediaFile.objects.filter(pk=media_id)
        .annotate(plan_number=Max("plans__number", filter=Q(plans__state="active")))
        .annotate(
            beside_number=Max(
                "plans__number", filter=Q(plans__state="beside", plans__progress_percent=100)
            )
        )
        .values_list(
            "visibility_epoch",
            "visibility",
            "state",
            "plan_number",
            "beside_number",
            "title",
            "filename",
            "source_key",
        )
        .first()
    )
    if row is None:
        return None
    epoch, visibility, state, plan_number, beside_number, title, filename, source_key = row
    return StreamFacts(
        epoch=epoch,
        is_open=visibility in (Visibility.PUBLIC, Visibility.UNLISTED),
        is_complete=state == "completed",
        plan_number=plan_number,
        beside_number=beside_number,
        title=title,
        filename=filename,
        source_key=source_key,
    )


def load_plan(media_id: uuid.UUID, number: int) -> Plan | None:
    """A plan that plays, or played until a moment ago. It never changes."""
    document = (
        PlanRow.objects.filter(media_file=media_id, number=number, state__in=PLAYABLE)
        .values_list("document", flat=True)
        .first()
    )
    return None if document is None else Plan.from_json(document)


def made_of(media_id: uuid.UUID, number: int) -> dict[str, Made]:
    """How far each rendition of a plan is, in three queries."""
    rows = Rendition.objects.filter(plan__media_file=media_id, plan__number=number)
    facts = {
        pk: (name, count) for pk, name, count in rows.values_list("id", "name", "segment_count")
    }
    ranges = made_ranges(facts.keys())
    complete = {
        pk
        for pk, (_, count) in facts.items()
        if sum(last - first + 1 for first, last in ranges[pk]) >= count
    }
    measured = {
        pk: Made(
            is_complete=True,
            peak_bps=round(peak),
            average_bps=round(8 * size / max(seconds, 0.001)),
            pictures_peak_bps=round(top) if known == count else None,
            pictures_average_bps=round(8 * pictures / max(seconds, 0.001)) if known else None,
        )
        for pk, peak, size, seconds, top, pictures, known, count in Segment.objects.filter(
            rendition__in=complete, duration_seconds__gt=0
        )
        .values("rendition")
        .annotate(
            peak=Max(Cast(F("size_bytes"), FloatField()) * 8 / F("duration_seconds")),
            size=Sum("size_bytes"),
            seconds=Sum("duration_seconds"),
            pictures_peak=Max(Cast(F("picture_bytes"), FloatField()) * 8 / F("duration_seconds")),
            pictures=Sum("picture_bytes"),
            known=Count("picture_bytes"),
            count=Count("id"),
        )
        .values_list(
            *("rendition", "peak", "size", "seconds"),
            *("pictures_peak", "pictures", "known", "count"),
        )
    }
    return {
        name: measured.get(pk, Made(is_complete=pk in complete)) for pk, (name, _) in facts.items()
    }


def first_pictures(media_id: uuid.UUID, number: int, rung: str) -> list[int] | None:
    """The bytes of each segment of a rendition up to the end of its first picture.

    None while not all of them are made, and for sound.
    """
    rendition = Rendition.objects.filter(
        plan__media_file=media_id, plan__number=number, name=rung
    ).first()
    if rendition is None:
        return None
    rows = Segment.objects.filter(rendition=rendition).order_by("number")
    sizes = list(rows.values_list("picture_bytes", flat=True))
    known = [size for size in sizes if size is not None]
    return known if len(known) == rendition.segment_count else None


def made_among(keys: Set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the given (rendition, number) that are made, in one query."""
    renditions, numbers = {key[0] for key in keys}, {key[1] for key in keys}
    rows = Segment.objects.filter(rendition__in=renditions, number__in=numbers)
    return set(rows.values_list("rendition_id", "number")) & keys
