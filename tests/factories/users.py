"""Accounts for tests."""

from typing import Any

from rest_framework.test import APIClient

from users import tokens
from users.models import User

PASSWORD = "correct horse battery"


def make_user(username: str = "ada", **overrides: Any) -> User:
    """An account that can sign in with PASSWORD."""
    values = {"email": f"{username}@example.org", "password": PASSWORD, **overrides}
    return User.objects.create_user(username, **values)


def client_of(user: User | None) -> APIClient:
    """A program that is signed in as `user`; with None, a stranger."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(user).access}")
    return client
