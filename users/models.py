"""Accounts and their profiles."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models, transaction
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

if TYPE_CHECKING:
    from users.sessions import SessionStore


class Role(models.TextChoices):
    """What an account may do beyond its own things."""

    USER = "user"
    ADMIN = "admin"
    SUPER_ADMIN = "super_admin"


class AccountManager(UserManager["User"]):
    """Makes accounts together with their profiles, whichever door they come through."""

    def _create_user(self, *args: Any, **kwargs: Any) -> "User":
        with transaction.atomic():
            user: User = super()._create_user(*args, **kwargs)  # type: ignore[misc]  # Django's private seam
            Profile.objects.get_or_create(user=user)
            return user

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """In lower case, whole: an address is one account, however it is typed."""
        return (email or "").strip().lower()

    def named(self, username: str) -> models.QuerySet["User"]:
        """The account of that name, whatever its case. Uses the index of the constraint."""
        return self.filter(Exact(Lower("username"), Lower(models.Value(username))))

    def with_email(self, email: str) -> models.QuerySet["User"]:
        """The account of that address, whatever its case. Uses the index of the constraint."""
        return self.filter(Exact(Lower("email"), Lower(models.Value(email))))

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **extra: Any,
    ) -> "User":
        """An account of the person who runs the instance."""
        return super().create_superuser(
            username, email, password, **{"role": Role.SUPER_ADMIN, **extra}
        )


class User(AbstractUser):
    """An account. Name and e-mail are unique whatever their case."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField()
    role = models.CharField(max_length=12, choices=Role, default=Role.USER)
    #: Raised in the transaction of each change that the topic `user:<id>` tells.
    version = models.BigIntegerField(default=0)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="users_user_email_unique"),
            models.UniqueConstraint(Lower("username"), name="users_user_username_unique"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def is_admin(self) -> bool:
        """Whether this account may moderate what others made."""
        return self.role in (Role.ADMIN, Role.SUPER_ADMIN)


class Profile(models.Model):
    """What an account shows of itself."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    bio = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"profile of {self.user_id}"


class Session(AbstractBaseSession):
    """A browser that is signed in, or one family of tokens; gone once it is ended.

    Django's own table hides the account inside signed data. Here it is a column, so one query
    finds who is asking, and one ends everything that an account has open.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sessions")

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    @classmethod
    def get_session_store_class(cls) -> "type[SessionStore]":
        """Where Django looks for the reader of `session_data`."""
        from users.sessions import SessionStore  # the store needs this model first

        return SessionStore


class UsedToken(models.Model):
    """That a refresh token has been used. Its insertion is what only one of two racers can do."""

    id = models.UUIDField(primary_key=True, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="used_tokens")
    used_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.id} used at {self.used_at}"


#: How long a key is remembered.
IDEMPOTENCY_KEYS_LIVE = timedelta(hours=24)


class IdempotencyKey(models.Model):
    """That an account sent a request under a key, and what it was answered."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    #: Of method, path and body: a key names one request.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    #: Text, since PostgreSQL's jsonb would order the members anew.
    body = models.TextField(blank=True)
    location = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"
