"""What comes in about accounts, and for the OpenAPI document what goes out."""

import unicodedata
from typing import Any

from rest_framework import serializers

from users.models import Role


class UsernameField(serializers.RegexField):
    """Letters, digits and `_ . -`: what can stand in an address and after an @."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[\w](?:[\w.-]*[\w])?\Z", min_length=2, max_length=50, **kwargs)
        self.error_messages["invalid"] = (
            "Use letters, digits and _ . - and begin and end with a letter or a digit."
        )

    def to_internal_value(self, data: Any) -> str:
        """The name in Unicode's compatible form, so that look-alikes of one name are one."""
        return unicodedata.normalize("NFKC", super().to_internal_value(data))


class NewAccount(serializers.Serializer[Any]):
    """A new account."""

    username = UsernameField()
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)


class Credentials(serializers.Serializer[Any]):
    """Credentials; `login` is the name or the e-mail."""

    login = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)
    session = serializers.BooleanField(
        default=False, help_text="A session cookie for a browser instead of tokens."
    )


class RefreshToken(serializers.Serializer[Any]):
    """A refresh token that has not been used."""

    refresh = serializers.CharField(max_length=4096, write_only=True)


class SignOut(serializers.Serializer[Any]):
    """A program may name its refresh token instead of sending an access token."""

    refresh = serializers.CharField(max_length=4096, required=False, write_only=True)


class AccountChange(serializers.Serializer[Any]):
    """What one may change of one's own account."""

    username = UsernameField(required=False)


class Account(serializers.Serializer[Any]):
    """One's own account."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField()


class SignedIn(serializers.Serializer[Any]):
    """Tokens of a program; for a session there is only `user`, and cookies."""

    access = serializers.CharField(required=False, help_text="Bearer token, for 15 minutes.")
    refresh = serializers.CharField(required=False, help_text="Can be exchanged once.")
    user = Account()


class Tokens(serializers.Serializer[Any]):
    """The next pair."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class Config(serializers.Serializer[Any]):
    """What a client has to know before anybody signs in."""

    max_upload_bytes = serializers.IntegerField()
    chunk_bytes = serializers.IntegerField()
    tail_bytes = serializers.IntegerField(
        help_text="The most that is taken of the end of a file, ahead of the rest; 0: nothing."
    )
    registration_open = serializers.BooleanField()
