"""Access and refresh tokens: allauth's JWT strategy, with a rotation that races cannot pass.

A family of tokens is one session row. A refresh token is used up by inserting its id, so of
any number of parallel refreshes exactly one succeeds, on every database.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.events import publish
from users import sessions
from users.errors import InvalidToken
from users.events import SignedOut
from users.models import UsedToken, User


@dataclass(frozen=True)
class TokenPair:
    """What a program signs in with, and what it renews that with."""

    access: str
    refresh: str


class TokenStrategy(JWTTokenStrategy):  # type: ignore[misc]  # allauth has no types
    """HEADLESS_TOKEN_STRATEGY: allauth's own doors refresh as ours does."""

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """A new pair for a refresh token that has not been used, else None."""
        try:
            pair = refresh(refresh_token)
        except InvalidToken:
            return None
        return pair.access, pair.refresh


def issue(user: User) -> TokenPair:
    """The first tokens of a new family."""
    return _pair(user, sessions.open_token_family(user))


def account_of_access_token(token: str) -> User:
    """Whose access token it is; one query. Raises InvalidToken, also for disabled accounts."""
    return _check(token, "access")[0]


def session_key_of(token: str, use: str) -> str | None:
    """The session that a token stands for, whether or not it still exists."""
    payload = internal.decode_token(token, use)
    return internal.session_key_from_sid(payload["sid"]) if payload else None


def refresh(token: str) -> TokenPair:
    """Exchange a refresh token for a new pair. Each token can be exchanged once.

    A used token is refused. If it comes again after the grace in which two tabs of one person
    may collide, somebody has a copy: the whole family ends.
    """
    user, session_key, payload = _check(token, "refresh")
    jti = UUID(payload["jti"])
    if not _use_up(jti, session_key):
        _suspect(jti, session_key)
        raise InvalidToken("This refresh token has been used already.")
    return _pair(user, sessions.SessionStore(session_key))


def revoke(session_key: str) -> None:
    """End a family (or a browser session) at once; ending it twice is ending it once."""
    with transaction.atomic():
        user_id = sessions.end(session_key)
        if user_id is not None:
            publish(SignedOut(user_id=user_id))


def _check(token: str, use: str) -> tuple[User, str, dict[str, Any]]:
    payload = internal.decode_token(token, use)
    session_key = internal.session_key_from_sid(payload["sid"]) if payload else None
    user = sessions.account_of(session_key) if session_key else None
    if user is None or payload is None or session_key is None or payload["sub"] != str(user.pk):
        raise InvalidToken
    return user, session_key, payload


def _pair(user: User, session: SessionBase) -> TokenPair:
    assert session.session_key  # noqa: S101  # callers pass a session that exists
    return TokenPair(
        access=internal.create_access_token(user, session, {}),
        refresh=internal.create_token(
            "refresh",
            sub=str(user.pk),
            sid=internal.session_key_to_sid(session.session_key),
            expires_in=settings.REFRESH_TOKEN_SECONDS,
        )[0],
    )


def _use_up(jti: UUID, session_key: str) -> bool:
    """Whether this caller, and nobody else, has used the token."""
    now = timezone.now()
    try:
        with transaction.atomic():
            UsedToken.objects.create(id=jti, session_id=session_key, used_at=now)
    except IntegrityError:
        return False
    # What has expired cannot be used again, so its mark is not needed.
    expired = now - timedelta(seconds=settings.REFRESH_TOKEN_SECONDS)
    UsedToken.objects.filter(session_id=session_key, used_at__lt=expired).delete()
    return True


def _suspect(jti: UUID, session_key: str) -> None:
    grace = timedelta(seconds=settings.REFRESH_GRACE_SECONDS)
    if UsedToken.objects.filter(id=jti, used_at__lt=timezone.now() - grace).exists():
        revoke(session_key)
