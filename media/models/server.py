"""Workers on other networks, as this instance knows them."""

import uuid
from typing import ClassVar

from django.db import models

from media.states import SERVER

#: What stands in a job's `worker` before the name of a server.
PREFIX = "server:"


class Server(models.Model):
    """A remote worker: it has a key and no access to the database.

    The key is derived from the salt (media.services.server_keys), so nothing here signs anything.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: Fixed: jobs that it does are found by it.
    name = models.SlugField(max_length=60, unique=True)
    #: Where `POST {url}/process` wakes it; empty for one that only asks.
    url = models.CharField(max_length=300, blank=True)
    key_salt = models.BinaryField(max_length=16)
    state = models.CharField(max_length=10, choices=SERVER.choices, default="active")
    #: Jobs that it can do at a time, and does, as it last told.
    capacity = models.PositiveSmallIntegerField(default=0)
    load = models.PositiveSmallIntegerField(default=0)
    version = models.CharField(max_length=40, blank=True)
    #: The address under which it reaches this instance, as it tells; wake-ups name it.
    callback_base = models.CharField(max_length=300, blank=True)
    last_seen = models.DateTimeField(null=True)
    #: When its address was last asked, and whether it answered well.
    checked_at = models.DateTimeField(null=True)
    is_reachable = models.BooleanField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Server"]] = models.Manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def worker(self) -> str:
        """What stands in the rows of jobs that it does."""
        return f"{PREFIX}{self.name}"


class ServerClaim(models.Model):
    """That a server has a job, by which token, and how many reports of it have been taken."""

    job = models.OneToOneField("media.Job", on_delete=models.CASCADE, primary_key=True)
    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="claims")
    token = models.BigIntegerField()
    #: Of the plan that it follows.
    plan_number = models.PositiveIntegerField()
    sequence = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager["ServerClaim"]] = models.Manager()

    def __str__(self) -> str:
        return f"claim {self.token} of {self.job_id}"


class ServerNonce(models.Model):
    """A request that was seen, so that it is not taken twice."""

    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="+", db_index=False)
    nonce = models.CharField(max_length=32)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "nonce"], name="server_nonce_unique")
        ]

    def __str__(self) -> str:
        return self.nonce
