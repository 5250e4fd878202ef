"""What exists of each quality."""

from django.db import models


class Rendition(models.Model):
    """One rung of one plan (or its audio): planned, being made, or complete."""

    class Kind(models.TextChoices):
        """Pictures or sound."""

        VIDEO = "video"
        AUDIO = "audio"

    plan = models.ForeignKey("media.Plan", on_delete=models.CASCADE, related_name="renditions")
    #: `720p`, or `audio`: part of keys and URLs.
    name = models.CharField(max_length=12)
    kind = models.CharField(max_length=5, choices=Kind)
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    #: Packets are taken over from the source as they are.
    is_copy = models.BooleanField(default=False)
    #: RFC 6381, from the init segment.
    codecs = models.CharField(max_length=40, blank=True)
    segment_count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "name"], name="rendition_name_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} of plan {self.plan_id}"


class Segment(models.Model):
    """The mark that one segment is made: its bytes are in the store, whole."""

    rendition = models.ForeignKey(Rendition, on_delete=models.CASCADE, related_name="segments")
    number = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField()
    duration_seconds = models.FloatField()
    #: How many of its bytes, from the first one on, hold the first picture; None for sound.
    picture_bytes = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rendition", "number"], name="segment_number_unique")
        ]

    def __str__(self) -> str:
        return f"segment {self.number} of rendition {self.rendition_id}"
