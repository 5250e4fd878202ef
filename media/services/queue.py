"""The queue as a whole, for those who run the instance: what it looks like, pause, resume."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from core.errors import Forbidden
from core.events import publish
from media.events import QueueChanged
from media.jobs import engines, overview
from media.models import QueueState
from users.models import Role, User

logger = logging.getLogger(__name__)

#: How often one of the workers looks whether there is something to tell.
TELL_SECONDS = 1.0


class AdministratorsOnly(Forbidden):
    """The queue as a whole is the business of those who run the instance."""

    code, title = "administrators-only", "Only administrators may see and steer the queue."


def may_see_queue(viewer: object) -> bool:
    """Whether `viewer` is one of those who run the instance."""
    return isinstance(viewer, User) and viewer.role in (Role.ADMIN, Role.SUPER_ADMIN)


def get_queue(*, viewer: User) -> dict[str, Any]:
    """The queue as it is now. Raises AdministratorsOnly."""
    check_may_run(viewer)
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
    check_may_run(actor)
    with transaction.atomic():
        QueueState.objects.get_or_create(pk=1)
        other = QueueState.objects.filter(pk=1, paused_at__isnull=is_paused)
        if other.update(
            paused_at=timezone.now() if is_paused else None,
            paused_by=actor if is_paused else None,
            version=F("version") + 1,
        ):
            engines.wake()
            publish(QueueChanged())
            act = "queue paused" if is_paused else "queue resumed"
            transaction.on_commit(
                lambda: logger.info(act, extra={"audit": True, "actor": str(actor.pk)})
            )
    return overview.queue_now()


def check_may_run(viewer: User) -> None:
    """Raises AdministratorsOnly for everybody else."""
    if not may_see_queue(viewer):
        raise AdministratorsOnly


# --- Live -------------------------------------------------------------------------------------


def watch_seconds() -> float:
    """Whoever follows the queue is seen once per heartbeat; two of them may be lost."""
    return 3.0 * settings.LIVE_HEARTBEAT_SECONDS


def note_watcher() -> None:
    """Somebody follows the queue: have changes told for a while from now on.

    While nobody does, nothing is counted and no version raised; so the first who comes raises it,
    or the state that they had before would count as the one that is now.
    """
    now = timezone.now()
    QueueState.objects.get_or_create(pk=1)
    row = QueueState.objects.filter(pk=1)
    lapsed = Q(watched_at=None) | Q(watched_at__lt=now - timedelta(seconds=watch_seconds()))
    if not row.filter(lapsed).update(watched_at=now, version=F("version") + 1):
        row.filter(watched_at__lt=now - timedelta(seconds=watch_seconds() / 6)).update(
            watched_at=now
        )


class Teller:
    """Tells the followers of `admin:queue` of changes; called once per second by one worker."""

    def __init__(self) -> None:
        self._told: dict[str, Any] | None = None

    def tell(self) -> bool:
        """Raise the version and tell of it, if somebody follows and something is new."""
        since = timezone.now() - timedelta(seconds=watch_seconds())
        row = QueueState.objects.filter(pk=1, watched_at__gt=since)
        if not row.exists():
            return False
        state = overview.queue_now()
        if state == self._told:
            return False
        with transaction.atomic():
            row.update(version=F("version") + 1)
            publish(QueueChanged())
        self._told = state
        return True


teller = Teller()
