"""One thread per worker process that keeps alive whatever the process holds."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Q
from django.db.models.functions import Now

from media.jobs.background import Run
from media.jobs.claim import Claim
from media.jobs.clock import in_seconds
from media.models import Job, WorkerBeat

logger = logging.getLogger(__name__)

#: How often a worker shows that it lives, whether or not it holds anything.
SHOW_SECONDS = 2.0


class Heartbeat:
    """Renews all leases of this process with one UPDATE, and notices those that are lost.

    When the database does not answer, the work goes on: nobody else can take it meanwhile, and
    what has been taken by the time it answers again is refused by the fencing token.
    """

    def __init__(self, worker: str, *, slots: int = 1) -> None:
        self.worker = worker
        self._slots = slots
        self._held: set[Claim | Run] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._shown_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    @property
    def every_seconds(self) -> float:
        """Often enough that three beats may be lost, and that a cancelled job notices soon."""
        return min(1.0, settings.JOB_LEASE_SECONDS / 4)

    @property
    def held(self) -> list[Claim | Run]:
        """What this process works on now."""
        with self._lock:
            return list(self._held)

    @contextmanager
    def watching(self, thing: Claim | Run) -> Iterator[None]:
        """Keep `thing` ours for the length of the block."""
        with self._lock:
            self._held.add(thing)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(thing)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more, and leave no sign of life behind."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def beat_safely(self) -> None:
        """Beat, or say in the log why that was not possible."""
        try:
            self.beat()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("no heartbeat", extra={"reason": repr(error)})
            connection.close()

    def _run(self) -> None:
        while not self._stopped.wait(self.every_seconds):
            self.beat_safely()
        try:
            WorkerBeat.objects.filter(worker=self.worker).delete()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("cannot sign off", extra={"reason": repr(error)})
        connection.close()

    def beat(self) -> None:
        """Renew everything once, and show that this worker lives."""
        held = self.held
        _renew_claims([it for it in held if isinstance(it, Claim)])
        for run in held:
            if isinstance(run, Run) and not run.renew():
                run.lose()
        if time.monotonic() >= self._shown_at + SHOW_SECONDS:
            self._show_life()
            self._shown_at = time.monotonic()

    def _show_life(self) -> None:
        if not WorkerBeat.objects.filter(worker=self.worker).update(beat_at=Now()):
            WorkerBeat.objects.bulk_create(
                [
                    WorkerBeat(
                        worker=self.worker, slots=self._slots, beat_at=Now(), started_at=Now()
                    )
                ],
                ignore_conflicts=True,
            )


def _renew_claims(claims: list[Claim]) -> None:
    """Renew all leases at once; only where one is missing, ask which."""
    if not claims:
        return
    ours = Job.objects.filter(_any_of(claims), state="running")
    renewed = ours.update(lease_expires_at=in_seconds(settings.JOB_LEASE_SECONDS))
    if renewed == len(claims):
        return
    alive = set(ours.values_list("pk", flat=True))
    for claim in claims:
        if claim.job.pk not in alive and not claim.is_finished:
            logger.info("lease lost", extra={"job": str(claim.job.pk), "token": claim.token})
            claim.lose()


def _any_of(claims: Iterable[Claim]) -> Q:
    condition = Q()
    for claim in claims:
        condition |= Q(pk=claim.job.pk, token=claim.token)
    return condition
