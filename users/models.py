"""Accounts and their profiles."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models, transaction
from django.db.models.functions import Lower


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
    #: Raised with each change that the topic `user:<id>` tells.
    version = models.BigIntegerField(default=0)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="users_user_email_unique"),
            models.UniqueConstraint(Lower("username"), name="users_user_username_unique"),
        ]

    def __str__(self) -> str:
        return self.username


class Profile(models.Model):
    """What an account shows of itself."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    bio = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"profile of {self.user_id}"
