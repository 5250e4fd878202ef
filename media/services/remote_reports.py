"""What a remote worker reports about a job, taken once and in order.

Each report has a number: 1, 2, 3 … for one claim. A report is taken if its number is the next
one, in the transaction that writes its effects; so of two that arrive at once one is taken, one
that comes again is answered and changes nothing, and one that comes too early is refused.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from core.errors import Conflict, Invalid
from media.jobs.claim import LeaseLost
from media.jobs.locks import hold_media
from media.models import Job, Segment, Server, ServerClaim
from media.services.first_pictures import first_picture_bytes
from media.services.making import Work
from media.services.remote_work import ClaimLost, Held, find, news
from media.store import poster_key, segment_key, store
from media.workshop.outputs import may_make, rungs_of
from media.workshop.recording import has_other_frames, shown_between

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class ReportOutOfOrder(Conflict):
    """A report before it is missing; `expected_sequence` is the number of the next one."""

    code, title = "worker-report-out-of-order", "A report before this one has not arrived."


class ReportIncomplete(Conflict):
    """What the report says is there is not, or not all of it."""

    code, title = "worker-report-incomplete", "What this report tells of is not all there."


@dataclass(frozen=True, kw_only=True)
class ReportedSegment:
    """A segment that the worker has stored."""

    rung: str
    number: int
    size_bytes: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report. `event` decides which of the others count."""

    job_id: uuid.UUID
    token: int
    sequence: int
    event: str
    video_id: uuid.UUID | None = None
    segments: Sequence[ReportedSegment] = ()
    finish: bool = False
    first: int = 0
    last: int = 0
    code: str = ""
    detail: str = ""


def take(server: Server, report: Report) -> dict[str, Any]:
    """Take a report, or find that it was taken; what the worker has to know then.

    Raises ClaimLost, ReportOutOfOrder, ReportIncomplete or Invalid; then nothing has changed.
    """
    held = Held(job_id=report.job_id, token=report.token)
    if (known := _taken_before(server, report)) is not None:
        return known
    work = find(server, held)
    if report.video_id not in (None, work.media_id):
        raise Invalid("The job is not about this video.")
    try:
        with transaction.atomic():
            hold_media(work.media_id)
            if not _count(server, report):
                raise ReportOutOfOrder(expected_sequence=_sequence(server, report) + 1)
            _EVENTS[report.event](work, report)
    except LeaseLost as error:
        raise ClaimLost from error
    return _answer(work)


def _taken_before(server: Server, report: Report) -> dict[str, Any] | None:
    """The answer to a report that comes again; None where it is new."""
    row = ServerClaim.objects.filter(pk=report.job_id, token=report.token, server=server).first()
    if row is None:
        raise ClaimLost
    if report.sequence > row.sequence:
        return None
    state = Job.objects.values_list("state", "token").get(pk=report.job_id)
    if state == ("running", report.token):
        return _answer(find(server, Held(job_id=report.job_id, token=report.token)))
    if state[1] != report.token:
        raise ClaimLost
    return {"state": state[0]}


def _count(server: Server, report: Report) -> bool:
    row = ServerClaim.objects.filter(pk=report.job_id, token=report.token, server=server)
    return bool(row.filter(sequence=report.sequence - 1).update(sequence=F("sequence") + 1))


def _sequence(server: Server, report: Report) -> int:
    row = ServerClaim.objects.filter(pk=report.job_id, token=report.token, server=server)
    return row.values_list("sequence", flat=True).first() or 0


def _answer(work: Work) -> dict[str, Any]:
    state = Job.objects.values_list("state", flat=True).get(pk=work.claim.job.pk)
    return {"state": state, **(news(work) if state == "running" else {})}


# --- Events -------------------------------------------------------------------------------------


def _segments(work: Work, report: Report) -> None:
    """Mark what is there, seen with our own eyes; end the job if that was all."""
    rows = [_row(work, told) for told in report.segments]
    damaged = [
        shown_between(work.plan, told.rung, told.number)
        for told in report.segments
        if has_other_frames(work.plan, told.rung, told.number, told.frames)
    ]
    with work.claim.recording() as media_file:
        work.mark(media_file, rows, damaged=sorted(set(damaged)))
        if report.finish:
            _check_whole(work)
            work.claim.finish()


def _row(work: Work, told: ReportedSegment) -> Segment:
    job = work.claim.job
    if not may_make(job.kind, job.args, work.plan, rung=told.rung, number=told.number):
        raise Invalid(f"Segment {told.number} of {told.rung} is not what the job is about.")
    facts = store().facts(segment_key(work.media_id, work.number, told.rung, told.number))
    if facts is None or facts.size_bytes != told.size_bytes or not told.size_bytes:
        raise ReportIncomplete(f"Segment {told.number} of {told.rung} is not stored like that.")
    return Segment(
        rendition_id=work.rendition_ids[told.rung],
        number=told.number,
        size_bytes=told.size_bytes,
        duration_seconds=work.plan.segments(told.rung)[told.number].duration_seconds,
        picture_bytes=first_picture_bytes(work.media_id, work.number, told.rung, told.number),
    )


def _check_whole(work: Work) -> None:
    """Raises ReportIncomplete while anything that the job has to bring is missing."""
    job = work.claim.job
    match job.kind:
        case Job.Kind.LEAD | Job.Kind.LADDER:
            piece = int(job.args["piece"])
            rungs = rungs_of(job.kind, job.args, work.plan)
            is_whole = all(work.is_made(rung, piece) for rung in rungs)
        case Job.Kind.COPY | Job.Kind.AUDIO:
            is_whole = not any(map(work.missing, rungs_of(job.kind, job.args, work.plan)))
        case Job.Kind.ON_DEMAND:
            is_whole = work.is_made(str(job.args["rung"]), int(job.args["first"]))
        case _:
            is_whole = False
    if not is_whole:
        raise ReportIncomplete("Some segments of this job are missing.")


def _poster(work: Work, report: Report) -> None:
    if work.claim.job.kind != Job.Kind.POSTER:
        raise Invalid("This job makes no poster.")
    if store().facts(poster_key(work.media_id)) is None:
        raise ReportIncomplete("The poster is not stored.")
    work.record_poster()


def _put_back(work: Work, report: Report) -> None:
    job = work.claim.job
    first, last = int(job.args.get("first", 0)), int(job.args.get("last", -1))
    if job.kind != Job.Kind.ON_DEMAND or not first < report.first <= report.last <= last:
        raise Invalid("There is nothing like that to put back.")
    work.put_back(str(job.args["rung"]), report.first, report.last)


def _reason(report: Report) -> tuple[str, str]:
    if not _CODE.fullmatch(report.code):
        raise Invalid("`code` is not a code.")
    return report.code, report.detail


#: What each event of a report does, inside the transaction that counts it.
_EVENTS: Mapping[str, Callable[[Work, Report], None]] = {
    "segments": _segments,
    "poster": _poster,
    "put_back": _put_back,
    "unreadable": lambda work, report: work.claim.give_up(*_reason(report)),
    "failed": lambda work, report: work.claim.try_again(*_reason(report)),
    "no_space": lambda work, report: work.claim.put_off(*_reason(report)),
    "handed_back": lambda work, _report: work.claim.hand_back(),
}
EVENTS = tuple(_EVENTS)
