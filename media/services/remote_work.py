"""Jobs that remote workers do: claimed, kept alive, given their bytes.

What a worker reports about them is taken in media.services.remote_reports.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now

from core.errors import Conflict, Gone, NotFound, TooMany
from media.ffmpeg.errors import UnreadableMedia
from media.jobs.claim import Claim, LeaseLost, claim_job
from media.jobs.clock import in_seconds
from media.models import Job, Segment, Server, ServerClaim, WorkerBeat
from media.remote import signing
from media.services import deletion
from media.services.making import Work, load_work
from media.services.sources import stored_key
from media.services.worker_links import WorkerLink, links_of
from media.store import poster_key, segment_key, store
from media.workshop.kinds import KINDS
from media.workshop.lanes import Lane
from media.workshop.outputs import may_make, rungs_of

#: How often a worker is to beat: three may be lost before its leases end.
BEATS_PER_LEASE = 4
#: Claims that one server may have at a time.
CLAIMS_MAX = 64


class ClaimLost(Conflict):
    """The job is not this worker's any more: it ended, was cancelled, or went to another one."""

    code, title = "worker-claim-lost", "This job is not yours any more."


class LinkExpired(Gone):
    """The time of the link is over; a heartbeat brings another one."""

    code, title = "worker-link-expired", "This link is no longer valid."


class ProtocolMismatch(Conflict):
    """Server and worker do not understand each other; `protocol` is the server's."""

    code, title = "worker-protocol-mismatch", "Update the worker: it speaks another protocol."


@dataclass(frozen=True, kw_only=True)
class Held:
    """A claim as its worker knows it."""

    job_id: uuid.UUID
    token: int


def claim_for(server: Server, *, lane: Lane) -> dict[str, Any] | None:
    """Give a server the best job there is that it can do; None where there is none.

    One that drains gets nothing. Raises TooMany when it has more than any worker can do.
    """
    if server.state != "active":
        return None
    if Job.objects.filter(state="running", worker=server.worker).count() >= CLAIMS_MAX:
        raise TooMany(f"A server may have {CLAIMS_MAX} jobs at a time.", retry_after_seconds=5)
    while True:
        claim = claim_job(worker=server.worker, lane=lane, kinds=KINDS)
        if claim is None:
            return None
        try:
            work = load_work(claim)
            ServerClaim.objects.update_or_create(
                job=claim.job,
                defaults={
                    "server": server,
                    "token": claim.token,
                    "plan_number": work.number,
                    "sequence": 0,
                },
            )
            return _described(work)
        except LeaseLost:
            continue  # it was deleted in this moment
        except UnreadableMedia as error:
            claim.give_up(error.code, error.detail)


def _described(work: Work) -> dict[str, Any]:
    job = work.claim.job
    key = stored_key(job.media_file)
    facts = store().facts(key)
    return {
        "job": str(job.pk),
        "token": work.claim.token,
        "kind": job.kind,
        "args": job.args,
        "failures": job.failures,
        "video_id": str(job.media_file_id),
        "plan_number": work.number,
        "source": {
            "size_bytes": facts.size_bytes if facts else 0,
            "tag": facts.tag if facts else "",
            "extension": key.rpartition(".")[2],
        },
        "lease_seconds": settings.JOB_LEASE_SECONDS,
        **news(work),
    }


def news(work: Work) -> dict[str, Any]:
    """What a worker has to know anew while it is at a job."""
    job = work.claim.job
    return {
        "links": links_of(job.pk, work.claim.token),
        "made": {rung: work.made(rung) for rung in rungs_of(job.kind, job.args, work.plan)},
        "somebody_waits": work.somebody_waits(),
    }


def hand_back_unheard(server: Server, described: dict[str, Any]) -> None:
    """Put back what was claimed for a request whose sender was gone by then."""
    held = Held(job_id=uuid.UUID(described["job"]), token=described["token"])
    try:
        find(server, held).claim.hand_back()
    except (ClaimLost, LeaseLost):
        return  # somebody else has seen to it


def find(server: Server, held: Held) -> Work:
    """The work of a claim that a server holds. Raises ClaimLost."""
    row = (
        ServerClaim.objects.select_related("job__media_file")
        .filter(pk=held.job_id, token=held.token, server=server)
        .filter(job__token=F("token"), job__state="running", job__worker=server.worker)
        .first()
    )
    if row is None:
        raise ClaimLost
    try:
        work = load_work(Claim(row.job))
    except LeaseLost as error:
        raise ClaimLost from error
    if work.number != row.plan_number:
        raise ClaimLost("The video is made by another plan now.")
    return work


# --- Heartbeats -------------------------------------------------------------------------------


def beat(
    server: Server,
    *,
    protocol: int,
    version: str,
    capacity: int,
    load: int,
    held: Sequence[Held],
    server_url: str = "",
) -> dict[str, Any]:
    """Renew the leases of a server and show its life; what it holds still, and what is new of it.

    Raises ProtocolMismatch.
    """
    if protocol != signing.PROTOCOL:
        raise ProtocolMismatch(protocol=signing.PROTOCOL)
    Server.objects.filter(pk=server.pk).update(
        version=version[:40],
        capacity=capacity,
        load=load,
        callback_base=server_url,
        last_seen=Now(),
    )
    _show_life(server, capacity)
    if held:
        ours = Q()
        for each in held:
            ours |= Q(pk=each.job_id, token=each.token)
        Job.objects.filter(ours, state="running", worker=server.worker).update(
            lease_expires_at=in_seconds(settings.JOB_LEASE_SECONDS)
        )
    return {
        "state": server.state,
        "beat_seconds": settings.JOB_LEASE_SECONDS / BEATS_PER_LEASE,
        "claims": [_news_of(server, each) for each in held],
    }


def _news_of(server: Server, held: Held) -> dict[str, Any]:
    about = {"job": str(held.job_id), "token": held.token}
    try:
        return {**about, "is_yours": True, **news(find(server, held))}
    except (ClaimLost, UnreadableMedia):
        # The second has lost its source: the job would find out sooner or later.
        return {**about, "is_yours": False}


def _show_life(server: Server, capacity: int) -> None:
    """Count its slots among those of all workers, for forecasts and the page of the queue."""
    beats = WorkerBeat.objects.filter(worker=server.worker)
    if not beats.update(beat_at=Now(), slots=capacity):
        row = WorkerBeat(worker=server.worker, slots=capacity, beat_at=Now(), started_at=Now())
        WorkerBeat.objects.bulk_create([row], ignore_conflicts=True)


# --- Bytes --------------------------------------------------------------------------------------


def open_link(link: WorkerLink) -> Work:
    """The work that a genuine link is about. Raises ClaimLost where its claim is over."""
    row = ServerClaim.objects.select_related("server").filter(pk=link.job_id).first()
    if row is None or row.server.state == "disabled":
        raise ClaimLost
    return find(row.server, Held(job_id=link.job_id, token=link.token))


def source_of(link: WorkerLink) -> str:
    """The key of the source that a link opens. Raises ClaimLost or UnreadableMedia."""
    return stored_key(open_link(link).claim.job.media_file)


def plan_of(link: WorkerLink) -> Any:
    """The plan that a link opens, as JSON."""
    return open_link(link).plan.to_json()


def check_may_put(link: WorkerLink) -> None:
    """Raises ClaimLost, or NotFound where the object is not what the job is about."""
    _target(open_link(link), link)


def publish(link: WorkerLink, made: Path) -> None:
    """Put what has arrived where it belongs, by one rename, if the claim holds still.

    What is marked already stays as it is: equal bytes from an equal encoder, and not to be
    touched by another one.
    """
    work = open_link(link)
    key = _target(work, link)
    if link.is_poster or not _is_marked(work, link):
        store().put_file(key, made)
    if not Job.objects.filter(pk=link.job_id, state="running").exists():
        deletion.remove_leftovers(work.media_id)


def _target(work: Work, link: WorkerLink) -> str:
    job = work.claim.job
    if link.is_poster and job.kind == Job.Kind.POSTER:
        return poster_key(work.media_id)
    if not link.is_poster and may_make(
        job.kind, job.args, work.plan, rung=link.rung, number=link.number
    ):
        return segment_key(work.media_id, work.number, link.rung, link.number)
    raise NotFound("This is not what the job is about.")


def _is_marked(work: Work, link: WorkerLink) -> bool:
    size_bytes = (
        Segment.objects.filter(rendition=work.rendition_ids[link.rung], number=link.number)
        .values_list("size_bytes", flat=True)
        .first()
    )
    facts = store().facts(_target(work, link))
    return size_bytes is not None and facts is not None and facts.size_bytes == size_bytes
