"""Tickets for the handshake of a socket: signed, short-lived, used once.

Checking one costs no query. That it has been used is noted in the cache, which all web processes
share (Redis), or which is that of the only one.
"""

import logging
import secrets
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


def _signer() -> signing.TimestampSigner:
    # The subprotocol header is made of tokens (RFC 9110, 5.6.2): a colon is not allowed in them.
    return signing.TimestampSigner(salt="realtime.ticket", sep=".")


def issue(user: User) -> str:
    """A ticket for one handshake of `user`, to be offered as subprotocol `ticket.<ticket>`."""
    return _signer().sign_object([str(user.pk), secrets.token_urlsafe(_NONCE_BYTES)])


def check(text: str) -> Ticket:
    """The ticket; no query. Raises Unauthenticated for one that is old or not ours."""
    try:
        user_id, nonce = _signer().unsign_object(text, max_age=TICKET_SECONDS)
        return Ticket(uuid.UUID(user_id), str(nonce))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise Unauthenticated("The ticket is too old or not valid.") from None


def use_up(ticket: Ticket) -> None:
    """Note that the ticket is used; of any number who try, one gets through. Blocks.

    Raises Unauthenticated for all others, and Unavailable while the cache does not answer: then
    nobody could tell the first from the second.
    """
    try:
        # The note outlives the ticket, which is at least as old as the note.
        is_first = cache.add(f"ws-ticket:{ticket.nonce}", 1, TICKET_SECONDS)
    except (RedisError, OSError) as error:
        logger.warning("tickets without cache", extra={"reason": repr(error)})
        raise Unavailable("Tickets cannot be checked right now.") from error
    if not is_first:
        raise Unauthenticated("The ticket has been used already.")
