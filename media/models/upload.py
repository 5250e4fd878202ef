"""Bytes on their way."""

import uuid

from django.conf import settings
from django.db import models

from media.states import UPLOAD


class Upload(models.Model):
    """An upload session: how long the file will be, and how much of it is stored.

    `offset_bytes` is what is on the disk and acknowledged; bytes beyond it do not count. Who
    writes holds a short lease: `lease_token` until `lease_expires_at` (database clock).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads"
    )
    #: None when the video is deleted: what is left answers 410 until it is swept.
    media_file = models.OneToOneField(
        "media.MediaFile", on_delete=models.SET_NULL, null=True, related_name="upload"
    )
    state = models.CharField(max_length=10, choices=UPLOAD.choices, default="receiving")
    #: None until a client that deferred it says how long the file is.
    length_bytes = models.BigIntegerField(null=True)
    offset_bytes = models.BigIntegerField(default=0)
    #: The tus `Upload-Metadata` header as it came, to be answered as it came.
    metadata = models.TextField(blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(length_bytes=None)
                | models.Q(offset_bytes__lte=models.F("length_bytes")),
                name="upload_offset_within_length",
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} at {self.offset_bytes} of {self.length_bytes}"

    @property
    def is_full(self) -> bool:
        """Whether every declared byte has arrived."""
        return self.length_bytes is not None and self.offset_bytes == self.length_bytes
