"""What is made of segments that are there, and nobody waits for: storyboards, loudness.

Each has a job of its own. It is queued by whoever completes the rendition that it is made from.
"""

from collections.abc import Collection

from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.storyboard import rung_for_storyboard
from media.jobs.queue import enqueue
from media.models import Job, MediaFile

#: A job in one of these states is on its way, or waits for a person to look at it.
_KNOWN_STATES = ("queued", "running", "failed")


def enqueue_ready(locked: MediaFile, plan: Plan, complete: Collection[str]) -> None:
    """Queue what can be made now that the renditions in `complete` are whole. Idempotent.

    Called in a transaction that holds the row of the media file.
    """
    if not complete:
        return
    wanted = []
    if not locked.has_storyboard and rung_for_storyboard(plan, complete):
        wanted.append(Job.Kind.STORYBOARD)
    if not locked.has_loudness and AUDIO in complete:
        wanted.append(Job.Kind.LOUDNESS)
    for kind in wanted:
        known = Job.objects.filter(media_file=locked, state__in=_KNOWN_STATES, kind=kind)
        if not known.exists():
            enqueue(kind=kind, media_file=locked)
