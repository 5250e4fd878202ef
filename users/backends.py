"""How a name and a password become an account."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest

from users.models import User


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """By e-mail or name, through one index, with exactly one password hash whoever asks."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """The account, if the password fits and it is not disabled."""
        login: str = credentials.get("username") or credentials.get("email") or ""
        password: str = credentials.get("password") or ""
        found = User.objects.with_email(login) if "@" in login else User.objects.named(login)
        user = found.first()
        if user is None:
            # The same work as for an account that exists, so that time tells nothing.
            User().set_password(password)
            return None
        fits = user.check_password(password)
        return user if fits and self.user_can_authenticate(user) else None
