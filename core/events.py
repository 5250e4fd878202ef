"""The event bus: a fact is published inside a transaction and told after its commit.

Events tell, states do: whatever must happen is a row that a worker finds again, so an event
may be lost without harm.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db import transaction

logger = logging.getLogger(__name__)


class Event:
    """A fact in the past tense: a frozen dataclass of ids and numbers, never of models."""


E = TypeVar("E", bound=Event)

_subscribers: defaultdict[type[Event], list[Callable[..., None]]] = defaultdict(list)


def subscribe(event_type: type[E], handler: Callable[[E], None]) -> None:
    """Call `handler` with each `event_type` after its transaction has committed.

    Called in `AppConfig.ready()`; subscribing the same handler twice is subscribing it once.
    """
    if handler not in _subscribers[event_type]:
        _subscribers[event_type].append(handler)


def unsubscribe(event_type: type[E], handler: Callable[[E], None]) -> None:
    """Undo `subscribe`; used by tests."""
    _subscribers[event_type].remove(handler)


def publish(event: Event) -> None:
    """Deliver `event` once the current transaction commits; drop it on rollback."""
    transaction.on_commit(partial(_deliver, event))


def _deliver(event: Event) -> None:
    for handler in _subscribers[type(event)]:
        try:
            handler(event)
        except Exception:
            # The change is already committed: a deaf listener must not fail the speaker.
            logger.exception("subscriber failed", extra={"event": type(event).__name__})
