"""Where allauth asks about our rules."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's behaviour under our settings."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """The same switch as `POST /api/register/`."""
        return bool(settings.REGISTRATION_OPEN)
