"""Sessions in our own table (SESSION_ENGINE), and who they belong to, in one query."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from users.models import Session, User


class SessionStore(DatabaseStore):
    """Django's database sessions, with the account as a column."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Our table."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row to be written."""
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]  # our class
        row.user_id = UUID(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row


def open_token_family(user: User) -> SessionStore:
    """A session that no cookie names: tokens carry its key, encrypted, and die with it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.set_expiry(settings.TOKEN_FAMILY_SECONDS)
    session.save()
    return session


def account_of(session_key: str) -> User | None:
    """Who is signed in by this session: one query. None once it ended, whatever ended it.

    A disabled account and a changed password end every session.
    """
    row = (
        Session.objects.select_related("user")
        .filter(session_key=session_key, expire_date__gt=timezone.now(), user__is_active=True)
        .first()
    )
    if row is None or row.user is None:
        return None
    given = SessionStore().decode(row.session_data).get(HASH_SESSION_KEY, "")
    accepted = [row.user.get_session_auth_hash(), *row.user.get_session_auth_fallback_hash()]
    return row.user if any(constant_time_compare(given, each) for each in accepted) else None


def end(session_key: str) -> UUID | None:
    """End a session and every token of it. Returns whose it was; None if it had ended before."""
    row = Session.objects.filter(session_key=session_key).first()
    if row is None or not Session.objects.filter(session_key=session_key).delete()[0]:
        return None
    return row.user_id
