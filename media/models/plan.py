"""How a source is cut."""

from django.db import models
from django.db.models import Q

from media.states import PLAN


class Plan(models.Model):
    """All piece boundaries of one source, in exact timestamps, and the rungs to be made.

    Fixed once made: playlists name its segments before they exist. Encoding the source anew
    makes a plan with the next number, and new keys with it. Of all plans of a media file one at
    most is active, the one that plays, and one at most is coming.
    """

    media_file = models.ForeignKey(
        "media.MediaFile", on_delete=models.CASCADE, related_name="plans"
    )
    #: Part of every storage key and URL of its segments.
    number = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=PLAN.choices, default="active")
    #: `media.ffmpeg.plan.Plan.to_json()`; None until the source was looked at.
    document = models.JSONField(null=True)
    #: How far a coming plan is. Of the active one the media file tells it.
    progress_percent = models.PositiveSmallIntegerField(default=0)
    #: What the media file takes over with the plan: seconds that could not be decoded.
    damaged = models.JSONField(default=list, blank=True)
    #: Why it failed.
    error_code = models.CharField(max_length=50, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)
    #: Whether anything of it may be in the store.
    has_objects = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    #: When it was replaced, or came to nothing.
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["media_file", "number"], name="plan_number_unique"),
            models.UniqueConstraint(
                fields=["media_file"], condition=Q(state="active"), name="plan_active_unique"
            ),
            models.UniqueConstraint(
                fields=["media_file"], condition=Q(state="coming"), name="plan_coming_unique"
            ),
        ]
        indexes = [
            # media.services.plans looks for what is over and still takes room.
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False, has_objects=True),
                name="plan_to_remove",
            ),
        ]

    def __str__(self) -> str:
        return f"plan {self.number} of {self.media_file_id}"
