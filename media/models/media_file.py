"""The record of one uploaded thing."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

from media.states import MEDIA


class Visibility(models.TextChoices):
    """Who may see something."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    PRIVATE = "private"


class MediaFileQuerySet(models.QuerySet["MediaFile"]):
    """Words for sets of media files."""

    def listed(self) -> Self:
        """What the public catalogue shows."""
        return self.filter(visibility=Visibility.PUBLIC)

    def owned_by(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """What `user` uploaded."""
        return self.filter(owner_id=user.pk)

    def open_to(self, viewer: AbstractBaseUser | AnonymousUser) -> Self:
        """What `viewer` may see by itself: public, unlisted (who knows the id), and their own.

        Media is also shown by posts; media.selectors joins what they grant.
        """
        return self.filter(
            Q(visibility__in=[Visibility.PUBLIC, Visibility.UNLISTED]) | Q(owner_id=viewer.pk)
        )


class MediaFile(models.Model):
    """One uploaded video, lecture, track or picture: what it is, and how far it has come."""

    class Kind(models.TextChoices):
        """What is in it; known after the probe."""

        VIDEO = "video"
        AUDIO = "audio"

    class Early(models.TextChoices):
        """What can be done before the last byte has arrived, once that is known."""

        BEGUN = "begun"
        #: Nothing can be read before the end of the file is there.
        INDEX_AT_END = "index-at-end"
        #: Nothing is done before the end, for any other reason.
        LATER = "later"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="media_files"
    )
    title = models.CharField(max_length=200, blank=True)
    #: What the client called the file. Display text only: keys and paths are never made of it.
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.VIDEO)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)
    #: Part of every playback link; raising it revokes the links given out before.
    visibility_epoch = models.IntegerField(default=0)
    #: Whether those who may see it may also take it away as a file.
    is_downloadable = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=MEDIA.choices, default="uploading")
    #: Of no meaning after `uploading`.
    early = models.CharField(max_length=12, choices=Early, blank=True)
    #: Raised by the same UPDATE as each change that the topic `media:<id>` tells.
    version = models.BigIntegerField(default=0)
    source_key = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField(null=True)
    duration_seconds = models.FloatField(null=True)
    #: As displayed: after rotation and with square pixels.
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    progress_percent = models.PositiveSmallIntegerField(default=0)
    #: Of the job of it that is next: its place in the queue; None while one of them runs.
    queue_position = models.PositiveIntegerField(null=True)
    #: Estimates of when work on it begins and when all of it is done; None when not known.
    begins_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    has_poster = models.BooleanField(default=False)
    has_storyboard = models.BooleanField(default=False)
    #: Whether its loudness was measured; of silence both figures stay None.
    has_loudness = models.BooleanField(default=False)
    integrated_lufs = models.FloatField(null=True)
    true_peak_dbtp = models.FloatField(null=True)
    #: The picture of sound that has no other.
    has_waveform = models.BooleanField(default=False)
    error_code = models.CharField(max_length=50, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    #: Seconds of the source that could not be decoded: `[[start, end], …]`.
    damaged = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["MediaFile"]] = MediaFileQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="media_file_by_owner"),
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(visibility="public"),
                name="media_file_public",
            ),
            # media.services.queue forecasts these.
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["in_queue", "processing"]),
                name="media_file_in_work",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.filename
