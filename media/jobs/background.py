"""Running the tasks that any app registers with django-background-tasks, safely.

The table, the registry and `@background` are theirs. How a task is taken, kept and ended is
ours: taken with a token and the database's clock, kept by the heartbeat, ended in one
transaction that the token guards. Work on media has rows of its own (media.jobs.claim).
"""

import logging
import threading
import traceback
import uuid
from importlib import import_module

from background_task.exceptions import InvalidTaskError
from background_task.models import Task
from background_task.settings import app_settings
from background_task.tasks import tasks as registry
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import module_has_submodule

from media.jobs.clock import in_seconds
from media.jobs.engines import WORK

logger = logging.getLogger(__name__)

BACK_OFF_MAX_SECONDS = 600


def discover() -> None:
    """Import `tasks` of every app that has one; a broken one raises instead of being skipped."""
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, "tasks"):
            import_module(f"{app.name}.tasks")


class Run:
    """A task that is ours as long as its row carries our token."""

    def __init__(self, task: Task, token: str) -> None:
        self.task, self.token = task, token
        self._lost = threading.Event()

    def lose(self) -> None:
        """Somebody else has it, or it was deleted."""
        self._lost.set()

    def stop(self) -> None:
        """The process ends. A task of theirs cannot be asked to stop: its lease will expire."""

    def renew(self) -> bool:
        """Renew the lease; False when it is ours no longer."""
        return bool(self._mine().update(locked_at=Now()))

    def execute(self) -> None:
        """Call the function of the task, and record how it ended."""
        try:
            args, kwargs = self.task.params()
            registry._tasks[self.task.task_name].task_function(*args, **kwargs)
        except Exception as error:
            # A task may raise anything; it is recorded in its row and tried again.
            logger.exception("task failed", extra={"task": self.task.task_name})
            final = isinstance(error, InvalidTaskError) or self._was_last_try()
            self.end(error=traceback.format_exc(), is_final=final)
        else:
            self.end()

    def end(self, error: str = "", *, is_final: bool = True) -> bool:
        """Record the outcome in one transaction; False, and nothing, when it is not ours."""
        with transaction.atomic():
            if not self.renew():
                return False
            if error and not is_final:
                wait = min(self.task.attempts**4 + 5, BACK_OFF_MAX_SECONDS)
                self._mine().update(
                    locked_by=None, locked_at=None, last_error=error, run_at=in_seconds(wait)
                )
                return True
            self.task.last_error = error
            self.task.failed_at = timezone.now() if error else None
            self.task.create_completed_task()
            if not error:
                self.task.create_repetition()
            self._mine().delete()
        return True

    def hand_back(self) -> None:
        """Let another worker have it at once, as if it had never been taken."""
        self._mine().update(locked_by=None, locked_at=None, attempts=F("attempts") - 1)

    def _was_last_try(self) -> bool:
        return bool(self.task.attempts >= app_settings.BACKGROUND_TASK_MAX_ATTEMPTS)

    def _mine(self) -> "QuerySet[Task]":
        mine: QuerySet[Task] = Task.objects.filter(pk=self.task.pk, locked_by=self.token)
        return mine


def take(worker: str) -> Run | None:
    """The registered task that is due, highest priority first; None when there is none."""
    names = [name for name in registry._tasks if name != WORK]
    free = Q(locked_by=None) | Q(locked_at__lt=in_seconds(-settings.JOB_LEASE_SECONDS))
    due = Task.objects.filter(free, task_name__in=names, run_at__lte=Now(), failed_at=None)
    if not due.exists():
        return None
    token = f"{worker[-40:]}:{uuid.uuid4().hex[:12]}"
    with transaction.atomic():
        best = due.order_by("-priority", "run_at", "id")
        if connection.features.has_select_for_update_skip_locked:
            best = best.select_for_update(skip_locked=True)
        task = best.first()
        if task is None:
            return None
        unchanged = Task.objects.filter(
            pk=task.pk, locked_by=task.locked_by, locked_at=task.locked_at
        )
        if not unchanged.update(locked_by=token, locked_at=Now(), attempts=F("attempts") + 1):
            return None
        task.refresh_from_db()
    run = Run(task, token)
    if task.attempts > app_settings.BACKGROUND_TASK_MAX_ATTEMPTS:
        run.end(error="The worker vanished each time this was tried.")
        return None
    return run
