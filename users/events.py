"""What happens to accounts."""

from dataclasses import dataclass
from uuid import UUID

from core.events import Event


@dataclass(frozen=True)
class UserChanged(Event):
    """An account has another name or profile now."""

    user_id: UUID
    version: int


@dataclass(frozen=True)
class SignedOut(Event):
    """A session or a family of tokens has ended; what it opened should close."""

    user_id: UUID
