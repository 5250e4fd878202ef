"""Media files and the jobs that work on them."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from rest_framework.test import APIClient

from media.jobs.claim import Claim, claim_job
from media.jobs.queue import enqueue
from media.models import Job, MediaFile
from media.workshop.lanes import Lane
from users.models import Role, User


def make_owner(name: str = "ada") -> User:
    """An account with this name; the same one when asked twice."""
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(name, f"{name}@example.com", "correct horse")


def make_media(owner: str = "ada", **fields: Any) -> MediaFile:
    """A media file of `owner`, waiting for its work."""
    fields = {"filename": "clip.mp4", "state": "in_queue"} | fields
    return MediaFile.objects.create(owner=make_owner(owner), **fields)


def make_job(media_file: MediaFile | None = None, **fields: Any) -> Job:
    """A job in the queue; of the ladder, where nothing else is said."""
    fields = {"kind": Job.Kind.LADDER} | fields
    return enqueue(media_file=media_file or make_media(), **fields)


def claim(worker: str = "host:1:0", *, lane: Lane = Lane.ANY) -> Claim:
    """The claim of the best job; there must be one."""
    claimed = claim_job(worker=worker, lane=lane)
    assert claimed is not None
    return claimed


def expire(job: Job) -> None:
    """Let the lease of a job run out a second ago, by the database's clock."""
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def client(name: str, role: str = Role.USER) -> APIClient:
    """What the owner of this name sends requests with, signed in, in a role."""
    owner = make_owner(name)
    owner.role = role
    owner.save()
    signed_in = APIClient()
    signed_in.force_authenticate(owner)
    return signed_in
