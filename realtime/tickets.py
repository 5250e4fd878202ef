"""Tickets for the handshake of a socket: signed, short-lived, used once, void after signing out.

Checking one costs no query. That it has been used, and when its account signed out, is noted in the
cache, which all web processes share (Redis), or which is that of the only one.
"""

import logging
import secrets
import time
import uuid
from dataclasses import dataclass

from django.core import signing
from django.core.cache import cache
from redis.exceptions import RedisError

from core.errors import Unauthenticated, Unavailable
from users.models import User

logger = logging.getLogger(__name__)

#: How long a ticket may take from `POST /api/ws-ticket/` to the handshake.
TICKET_SECONDS = 60
_NONCE_BYTES = 9


@dataclass(frozen=True)
class Ticket:
    """Whose ticket it is, and what no other ticket has."""

    user_id: uuid.UUID
    nonce: str
    #: Seconds since 1970.
    issued_at: float


def _signer() -> signing.TimestampSigner:
    # The subprotocol header is made of tokens (RFC 9110, 5.6.2): a colon is not allowed in them.
    return signing.TimestampSigner(salt="realtime.ticket", sep=".")


def issue(user: User) -> str:
    """A ticket for one handshake of `user`, to be offered as subprotocol `ticket.<ticket>`."""
    content = [str(user.pk), secrets.token_urlsafe(_NONCE_BYTES), time.time()]
    return _signer().sign_object(content)


def check(text: str) -> Ticket:
    """The ticket; no query. Raises Unauthenticated for one that is old or not ours."""
    try:
        user_id, nonce, issued_at = _signer().unsign_object(text, max_age=TICKET_SECONDS)
        return Ticket(uuid.UUID(user_id), str(nonce), float(issued_at))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise Unauthenticated("The ticket is too old or not valid.") from None


def use_up(ticket: Ticket) -> None:
    """Note that the ticket is used; of any number who try, one gets through. Blocks.

    Raises Unauthenticated for all others, and for tickets from before their account signed out;
    and Unavailable while the cache does not answer: then nobody could tell the first from the
    second.
    """
    try:
        # The note outlives the ticket, which is at least as old as the note.
        is_first = cache.add(f"ws-ticket:{ticket.nonce}", 1, TICKET_SECONDS)
        signed_out_at = cache.get(_signed_out_key(ticket.user_id), 0.0)
    except (RedisError, OSError) as error:
        logger.warning("tickets without cache", extra={"reason": repr(error)})
        raise Unavailable("Tickets cannot be checked right now.") from error
    if not is_first:
        raise Unauthenticated("The ticket has been used already.")
    if ticket.issued_at <= signed_out_at:
        raise Unauthenticated(
            "The account has signed out since. Sign in, and ask for another ticket."
        )


def end_all(user_id: uuid.UUID) -> None:
    """Void the tickets that the account has now; one that is still signed in gets new ones."""
    try:
        cache.set(_signed_out_key(user_id), time.time(), TICKET_SECONDS)
    except (RedisError, OSError) as error:
        # Nor can any ticket be used while the cache is away.
        logger.warning("tickets without cache", extra={"reason": repr(error)})


def _signed_out_key(user_id: uuid.UUID) -> str:
    return f"ws-signed-out:{user_id}"
