"""How a source is cut."""

from django.db import models


class Plan(models.Model):
    """All piece boundaries of one source, in exact timestamps, and the rungs to be made.

    Fixed once made: playlists name its segments before they exist. Encoding the source anew
    makes a plan with the next number, and new keys with it.
    """

    media_file = models.ForeignKey(
        "media.MediaFile", on_delete=models.CASCADE, related_name="plans"
    )
    #: Part of every storage key and URL of its segments.
    number = models.PositiveIntegerField(default=1)
    #: `media.ffmpeg.plan.Plan.to_json()`.
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["media_file", "number"], name="plan_number_unique")
        ]

    def __str__(self) -> str:
        return f"plan {self.number} of {self.media_file_id}"
