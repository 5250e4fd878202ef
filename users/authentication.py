"""Who is asking: a bearer token, or the session cookie with proof that a page of ours asks."""

import io
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from core.errors import CsrfFailed, Unauthenticated
from users import sessions, tokens
from users.models import User

Scope = Mapping[str, Any]

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
#: All that the CSRF check looks at; the body is not here, so it must not look for one.
_CSRF_HEADERS = (b"host", b"origin", b"referer", b"cookie", b"x-csrftoken", b"x-forwarded-proto")


class BearerAuthentication(BaseAuthentication):
    """Access tokens in the Authorization header, for DRF."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        """The account of the token; nobody where there is none. Raises InvalidToken."""
        token = _bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        return None if token is None else (account_of_token(token), token)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 tells the client to send."""
        return 'Bearer realm="reelay"'


def account_of_token(token: str) -> User:
    """The account of an access token. Raises InvalidToken; blocks for one query."""
    return tokens.account_of_access_token(token)


def signed_in(request: Request) -> User:
    """The account that a DRF request comes from. Raises Unauthenticated where there is none."""
    if not isinstance(request.user, User):
        raise Unauthenticated
    return request.user


def authenticate_scope(scope: Scope) -> User | None:
    """Who is asking on a plain ASGI connection; None for nobody. Blocks for one query.

    A bearer token counts before a cookie. Raises InvalidToken for a token that is no good, and
    CsrfFailed for a change by cookie without the CSRF token or from a foreign origin.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    token = _bearer(headers.get(b"authorization", ""))
    if token is not None:
        return account_of_token(token)
    session_key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME)
    user = sessions.account_of(session_key) if session_key else None
    if user is not None and scope.get("method", "GET") not in _SAFE_METHODS:
        _check_csrf(scope)
    return user


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class _CsrfCheck(CsrfViewMiddleware):
    """Django's own check, answering with the reason instead of a page."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


def _no_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _check_csrf(scope: Scope) -> None:
    headers = [(name, value) for name, value in scope["headers"] if name in _CSRF_HEADERS]
    request = ASGIRequest({**scope, "headers": headers}, io.BytesIO())
    check = _CsrfCheck(_no_view)
    try:
        check.process_request(request)
        reason = check.process_view(request, _no_view, (), {})
    except SuspiciousOperation as error:
        raise CsrfFailed(str(error)) from error
    if reason is not None:
        raise CsrfFailed(str(reason))
