"""What is made of a file whose last byte has not arrived. docs/adr/0008-early-work.md says why."""

from django.db import models

from media.ffmpeg.plan import Begun, Plan


class EarlyWork(models.Model):
    """One upload that is looked at, or encoded, while its bytes arrive; gone when it is finished.

    It has a document once there is a plan for it. The plan counts only if that of the whole file
    turns out to be the same.
    """

    media_file = models.OneToOneField(
        "media.MediaFile", on_delete=models.CASCADE, primary_key=True, related_name="early_work"
    )
    #: With so many bytes there is something to do; None when there is nothing to wait for.
    next_bytes = models.BigIntegerField(null=True, default=0)
    #: Where the end of the file begins that was sent ahead; None where none was.
    tail_bytes = models.BigIntegerField(null=True)
    #: `media.ffmpeg.plan.Plan.to_json()` with all inits.
    document = models.JSONField(null=True)
    #: For each piece: how many bytes have to be there before it can be encoded. Ascending.
    reaches = models.JSONField(default=list)
    #: For each piece: from which byte on it needs the file, besides the first pictures.
    starts = models.JSONField(default=list)
    #: How many pieces have been put into the queue.
    queued_pieces = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"early work on {self.media_file_id}"

    @property
    def begun(self) -> Begun | None:
        """The pieces that can be made of what has arrived; None before there is a plan."""
        if self.document is None:
            return None
        return Begun(plan=Plan.from_json(self.document), pieces=len(self.reaches))


class EarlyPiece(models.Model):
    """The mark that one piece was made early: the segments of all encoded rungs are stored."""

    work = models.ForeignKey(EarlyWork, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    #: By rung: bytes and seconds.
    segments = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["work", "number"], name="early_piece_unique")
        ]

    def __str__(self) -> str:
        return f"early piece {self.number} of {self.work_id}"
