"""Whole files that people take away."""

from django.db import models
from django.utils import timezone


class Download(models.Model):
    """One rendition of a plan as one file: asked for, being joined, or there until it expires."""

    plan = models.ForeignKey("media.Plan", on_delete=models.CASCADE, related_name="downloads")
    #: `720p`, or `audio` where there is nothing but sound.
    name = models.CharField(max_length=12)
    #: Who makes it; its state is that of the download, until there is a file.
    job = models.ForeignKey("media.Job", on_delete=models.SET_NULL, null=True, related_name="+")
    progress_percent = models.PositiveSmallIntegerField(default=0)
    #: None until it is there.
    size_bytes = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "name"], name="download_name_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} of plan {self.plan_id}"
