"""Work that outlives a process."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone

from media.states import JOB
from users.models import Role, User


class JobQuerySet(models.QuerySet["Job"]):
    """Words for sets of jobs."""

    def visible_to(self, viewer: User | AnonymousUser) -> Self:
        """What `viewer` may see: the jobs of their own media; an administrator sees all."""
        if isinstance(viewer, User) and viewer.role in (Role.ADMIN, Role.SUPER_ADMIN):
            return self.all()
        return self.filter(owner_id=viewer.pk)


class Job(models.Model):
    """One piece of work. The row is the truth; queues only wake somebody.

    Whoever claims it raises `token`, the fencing token, and holds the lease; every result is
    recorded by an UPDATE that carries the token, so a worker that lost its lease cannot finish.
    """

    class Kind(models.TextChoices):
        """What is to be done; media.worker knows how."""

        INGEST = "ingest"
        COPY = "copy"
        AUDIO = "audio"
        LEAD = "lead"
        ON_DEMAND = "on_demand"
        POSTER = "poster"
        SUBTITLES = "subtitles"
        STORYBOARD = "storyboard"
        LOUDNESS = "loudness"
        LADDER = "ladder"
        EARLY = "early"
        DOWNLOAD = "download"
        AV1 = "av1"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    # Neither needs an index of its own: job_of_media and job_turns begin with them.
    media_file = models.ForeignKey(
        "media.MediaFile", on_delete=models.CASCADE, related_name="jobs", db_index=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    args = models.JSONField(default=dict, blank=True)
    #: Higher goes first. May change while the job waits.
    priority = models.SmallIntegerField(default=0)
    #: Somebody waits for it: a slot that each worker keeps free for such jobs takes it too.
    is_urgent = models.BooleanField(default=False)
    #: Which piece of the source it is about.
    position = models.PositiveIntegerField(default=0)
    #: Among equals of one owner the earliest goes first; later pieces get a later turn.
    turn_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=JOB.choices, default="queued")
    token = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    #: Not before; set by back-off after a failure.
    run_after = models.DateTimeField(null=True)
    #: FFmpeg or our checks said no.
    failures = models.PositiveSmallIntegerField(default=0)
    #: The worker vanished.
    losses = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=50, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Job"]] = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            # media.jobs.claim reads these two; docs/jobs.md has the order that they give.
            models.Index(
                fields=["-priority", "owner", "turn_at"],
                condition=models.Q(state="queued"),
                name="job_queued",
            ),
            models.Index(
                fields=["-priority", "owner", "turn_at"],
                condition=models.Q(state="queued", is_urgent=True),
                name="job_queued_urgent",
            ),
            models.Index(
                fields=["created_at"], condition=models.Q(state="queued"), name="job_waiting"
            ),
            models.Index(
                fields=["owner", "lease_expires_at"],
                condition=models.Q(state="running"),
                name="job_running",
            ),
            models.Index(fields=["owner", "-started_at"], name="job_turns"),
            models.Index(fields=["-created_at", "-id"], name="job_newest"),
            # media.jobs.forecast asks how long the last ones took, the sweeper which are old.
            models.Index(
                fields=["-finished_at"], condition=models.Q(state="done"), name="job_done"
            ),
            models.Index(fields=["media_file", "state"], name="job_of_media"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class WorkerBeat(models.Model):
    """The last sign of life of a worker process, for `/health` and the queue page."""

    worker = models.CharField(max_length=100, primary_key=True)
    #: How many ordinary jobs it does at a time.
    slots = models.PositiveSmallIntegerField(default=1)
    beat_at = models.DateTimeField()
    started_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.worker


class QueueState(models.Model):
    """One row: whether the queue is paused. No row is a queue that was never paused."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    #: Raised with each change that the topic `admin:queue` tells.
    version = models.BigIntegerField(default=0)
    #: When somebody was last seen who follows `admin:queue`; for nobody nothing is counted.
    watched_at = models.DateTimeField(null=True)
    #: None while the queue runs.
    paused_at = models.DateTimeField(null=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"queue at {self.version}"
