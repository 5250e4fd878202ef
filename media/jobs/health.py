"""The part of `/health` that asks whether anybody works."""

from asgiref.sync import sync_to_async

from media.jobs.clock import in_seconds
from media.jobs.sweep import BEAT_MAX_AGE_SECONDS
from media.models import WorkerBeat
from media.models.server import PREFIX


class NoWorker(Exception):
    """No worker process has shown life in the last seconds."""


async def worker() -> None:
    """The check of `/health`: raises NoWorker when nobody has shown life for a while."""
    alive = WorkerBeat.objects.filter(beat_at__gt=in_seconds(-BEAT_MAX_AGE_SECONDS))
    # A remote worker cannot take a new upload in.
    alive = alive.exclude(worker__startswith=PREFIX)
    if not await sync_to_async(alive.exists)():
        raise NoWorker("start one: python manage.py process_tasks")
