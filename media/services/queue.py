"""The queue as a whole, for those who run the instance: what it looks like, pause, resume."""

import logging
from typing import Any

from django.db import transaction
from django.db.models import F

from core.errors import Forbidden
from media.jobs import overview, wake
from media.models import QueueState
from users.models import Role, User

logger = logging.getLogger(__name__)


class AdministratorsOnly(Forbidden):
    """The queue as a whole is the business of those who run the instance."""

    code, title = "administrators-only", "Only administrators may see and steer the queue."


def get_queue(*, viewer: User) -> dict[str, Any]:
    """The queue as it is now. Raises AdministratorsOnly."""
    _check(viewer)
    return overview.queue_now()


def pause(*, actor: User) -> dict[str, Any]:
    """Begin nothing more but what viewers wait for; what runs is finished. Twice is once.

    It stands in the database: every worker sees it at its next claim, also after a restart.
    Raises AdministratorsOnly.
    """
    return _set(actor, is_paused=True)


def resume(*, actor: User) -> dict[str, Any]:
    """Go on. Twice is once. Raises AdministratorsOnly."""
    return _set(actor, is_paused=False)


def _set(actor: User, *, is_paused: bool) -> dict[str, Any]:
    _check(actor)
    with transaction.atomic():
        QueueState.objects.get_or_create(pk=1)
        now = overview.clock() if is_paused else None
        other = QueueState.objects.filter(pk=1, paused_at__isnull=is_paused)
        if other.update(
            paused_at=now, paused_by=actor if is_paused else None, version=F("version") + 1
        ):
            wake.wake()
            act = "queue paused" if is_paused else "queue resumed"
            transaction.on_commit(
                lambda: logger.info(act, extra={"audit": True, "actor": str(actor.pk)})
            )
    return overview.queue_now()


def _check(viewer: User) -> None:
    if viewer.role not in (Role.ADMIN, Role.SUPER_ADMIN):
        raise AdministratorsOnly
