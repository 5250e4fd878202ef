"""Who opens a socket, and from which page.

A page proves itself by its origin, a program by a ticket or token:

    Origin     proof                      the socket is
    foreign    any                        refused (403)
    ours       ticket, token or session   that account's
    ours       none                       anonymous: it follows what everybody may see
    none       ticket or token            that account's
    none       none                       silent until it has sent `authenticate`
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host

from core.errors import Forbidden
from core.origins import Origin, parse_origin
from realtime import tickets
from realtime.protocol import SUBPROTOCOL
from users import authentication, sessions
from users.models import User

Scope = Mapping[str, Any]
#: Asks a blocking question in a thread: `Hub.read`.
Read = Callable[..., Awaitable[Any]]

_TICKET_PREFIX = "ticket."


class ForeignOrigin(Forbidden):
    """The page that opens the socket is not ours."""

    code, title = "foreign-origin", "Pages of this origin may not connect."


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who opens a socket; `user_id` is None for nobody in particular."""

    user_id: uuid.UUID | None
    #: A program without a proof: it may do nothing but authenticate.
    must_sign_in: bool = False


async def identify(scope: Scope, read: Read) -> Caller:
    """Who opens this socket. Raises ForeignOrigin, or Unauthenticated for a proof that is no good.

    A ticket costs no query; a token or a session one, in a thread. Raises Unavailable where that
    cannot be asked now.
    """
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    if origin is not None and not is_ours(origin, scope, headers):
        raise ForeignOrigin
    for offered in scope.get("subprotocols") or ():
        if offered.startswith(_TICKET_PREFIX):
            ticket = tickets.check(offered.removeprefix(_TICKET_PREFIX))
            await read(tickets.use_up, ticket)
            return Caller(user_id=ticket.user_id)
    scheme, _, token = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Caller(user_id=_id(await read(authentication.account_of_token, token.strip())))
    if origin is None:
        return Caller(user_id=None, must_sign_in=True)
    key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME)
    # A session that has ended is a visitor, as on every page.
    return Caller(user_id=_id(await read(sessions.account_of, key)) if key else None)


def _id(user: User | None) -> uuid.UUID | None:
    return None if user is None else user.pk


def subprotocol_of(scope: Scope) -> str | None:
    """What the handshake answers: our protocol where it was offered; never the ticket."""
    return SUBPROTOCOL if SUBPROTOCOL in (scope.get("subprotocols") or ()) else None


# --- Origins --------------------------------------------------------------------------------------


def is_ours(origin: str, scope: Scope, headers: Mapping[bytes, str]) -> bool:
    """Whether a page of `origin` may connect: scheme, host and port have to be ours or allowed."""
    given = parse_origin(origin)
    if given is None:
        return False
    return given == _own(scope, headers) or given in map(parse_origin, settings.ALLOWED_ORIGINS)


def _own(scope: Scope, headers: Mapping[bytes, str]) -> Origin | None:
    """The origin that this server has in the eyes of the client."""
    host = headers.get(b"host", "")
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return None
    secure = scope.get("scheme") in ("https", "wss")
    proxy_says: tuple[str, str] | None = settings.SECURE_PROXY_SSL_HEADER
    if proxy_says is not None:
        name = proxy_says[0].removeprefix("HTTP_").replace("_", "-").lower().encode()
        secure = headers.get(name, "").split(",")[0].strip() == proxy_says[1]
    return parse_origin(f"{'https' if secure else 'http'}://{host}")
