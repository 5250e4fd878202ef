"""The subtitles of a source, as files of their own: made once, and again when they are lost.

All of a source has to be read for them, which takes long where it is long. So they have a job,
which a viewer who asks for them moves to the front.
"""

import uuid

from django.db import transaction

from core.errors import NotFound
from media.ffmpeg import encode
from media.jobs.claim import Claim
from media.jobs.queue import PRIORITY, enqueue, raise_priority
from media.models import Job, MediaFile
from media.services.making import load_work
from media.services.sources import require_source
from media.store import store, subtitles_key


def make(claim: Claim) -> None:
    """Read all tracks of the plan out of the source, and publish them."""
    work = load_work(claim)
    with store().work_dir() as folder:
        made = encode.make_subtitles(
            work.source, plan=work.plan, work_dir=folder, on_progress=claim.check
        )
        claim.check()
        for name, path in made.items():
            store().put_file(subtitles_key(work.media_id, work.number, name), path)
    with claim.recording():
        claim.finish()


def request_subtitles(*, media_id: uuid.UUID, plan_number: int) -> None:
    """Have the subtitles of a plan made before everything else. Idempotent.

    The caller has found no such object in the store, and has checked that the plan names it and
    that its client may see it. Raises NotFound when they cannot be made, and SourceLost.
    """
    require_source(media_id)
    with transaction.atomic():
        media_file = MediaFile.objects.select_for_update().filter(pk=media_id).first()
        if media_file is None:
            raise NotFound
        jobs = Job.objects.filter(
            media_file=media_file, kind=Job.Kind.SUBTITLES, args__plan=plan_number
        )
        priority = PRIORITY[Job.Kind.ON_DEMAND]
        if queued := jobs.filter(state="queued"):
            raise_priority(queued, to=priority, is_urgent=True)
        elif jobs.filter(state="failed"):
            raise NotFound("These subtitles could not be made.")
        elif not jobs.filter(state="running"):
            enqueue(
                kind=Job.Kind.SUBTITLES,
                media_file=media_file,
                args={"plan": plan_number},
                priority=priority,
                is_urgent=True,
            )
