"""The whole queue at a glance: counts, the longest wait, what runs, who works, whether paused."""

from datetime import timedelta
from typing import Any

from django.db.models import Min
from django.utils import timezone

from media.jobs.clock import in_seconds
from media.jobs.forecast import literal
from media.jobs.sweep import BEAT_MAX_AGE_SECONDS
from media.models import Job, QueueState, WorkerBeat

#: The most running jobs and workers that are shown one by one.
SHOWN_MAX = 100


def queue_now() -> dict[str, Any]:
    """The state of the queue, as the API and the topic `admin:queue` give it: seven queries."""
    state = QueueState.objects.select_related("paused_by").filter(pk=1).first()
    queued = Job.objects.filter(state=literal("queued"))
    running = Job.objects.filter(state=literal("running"))
    shown = running.select_related("media_file", "owner").order_by("started_at")[:SHOWN_MAX]
    recently = timezone.now() - timedelta(hours=1)
    done = Job.objects.filter(state=literal("done"), finished_at__gt=recently)
    return {
        "paused_at": state.paused_at if state else None,
        "paused_by": state.paused_by.username if state and state.paused_by else None,
        "counts": {
            "queued": queued.count(),
            "running": running.count(),
            "failed": Job.objects.filter(state=literal("failed")).count(),
            "done_last_hour": done.count(),
        },
        "waiting_since": queued.aggregate(Min("created_at"))["created_at__min"],
        "running": [_running(job) for job in shown],
        "workers": _workers(),
    }


def _running(job: Job) -> dict[str, Any]:
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "video_id": str(job.media_file_id),
        "title": job.media_file.title or job.media_file.filename,
        "owner": job.owner.username,
        "worker": job.worker,
        "started_at": job.started_at,
    }


def _workers() -> list[dict[str, Any]]:
    alive = WorkerBeat.objects.filter(beat_at__gt=in_seconds(-BEAT_MAX_AGE_SECONDS))
    return [
        {"name": beat.worker, "slots": beat.slots, "started_at": beat.started_at}
        for beat in alive.order_by("started_at", "worker")[:SHOWN_MAX]
    ]
