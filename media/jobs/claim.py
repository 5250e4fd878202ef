"""Taking the best job there is now, and proving with every write that it is still ours."""

import logging
import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from media.jobs import engines, hooks
from media.jobs.clock import in_seconds, now_sql
from media.jobs.locks import hold_media
from media.jobs.queue import PRIORITY, Kind, requeue
from media.models import Job, MediaFile
from media.workshop.errors import LeaseLost as LeaseLost
from media.workshop.errors import Stopping as Stopping
from media.workshop.lanes import Lane

logger = logging.getLogger(__name__)

#: A job that failed waits 1, 2, 4 … seconds before it is tried again, at most so many.
BACK_OFF_MAX_SECONDS = 60.0
#: How long a job waits for what it cannot do without, such as room on the disk.
PUT_OFF_SECONDS = 30.0
#: How often a claim looks again when others take what it has just seen.
TRIES = 5
#: What a viewer waits for has this priority, and goes on whatever is bounded or paused.
WATCHED = PRIORITY[Kind.ON_DEMAND]
#: From here on up nothing that has aged goes before.
CRITICAL = PRIORITY[Kind.COPY]
#: The part of the claims below that which is given to what has waited for JOB_AGEING_SECONDS.
AGED_SHARE = 0.25
_NO_BOUND = 1_000_000


def claim_job(*, worker: str, lane: Lane = Lane.ANY, kinds: Collection[str] = ()) -> "Claim | None":
    """Take the job that is best now, or None when there is nothing to do.

    Best is: the highest priority; among equals the owner with the fewest running jobs, then the
    one who was served longest ago; of that owner's the one whose turn came first. An owner with
    JOBS_PER_OWNER running jobs is passed over, and now and then what has waited for long goes
    first (docs/jobs.md). `worker` names the claimer in the row; `lane` is that of its slot;
    `kinds` are all that the claimer can do, where it cannot do all.
    """
    eligible = _eligible(lane, kinds)
    if not _something_waits(eligible):
        return None
    # A queue that is paused has only what viewers wait for; each statement looks, so that a pause
    # counts from the next claim on, in all workers.
    for _ in range(TRIES):
        with transaction.atomic():
            job_id, was_beaten = _take_best(worker, eligible)
            if job_id is not None:
                return Claim(Job.objects.select_related("media_file").get(pk=job_id))
        if not was_beaten:
            return None
        time.sleep(0.005)
    return None


def _take_best(worker: str, eligible: str) -> tuple[UUID | None, bool]:
    """The job that was taken, if any; and whether another slot was quicker somewhere."""
    was_beaten = False
    for priority in _priorities_in_turn(eligible):
        for owner_id in _owners_in_turn(priority, eligible):
            if not _may_have_more(owner_id, priority):
                was_beaten = True
                continue
            job_id = _first_of(owner_id, priority, eligible)
            if job_id is not None and _take(job_id, worker):
                return job_id, was_beaten
            was_beaten = was_beaten or job_id is not None
    return None, was_beaten


def _take(job_id: UUID, worker: str) -> bool:
    """The guarded UPDATE that makes a job ours, and removes its wake-up with it."""
    taken = Job.objects.filter(pk=job_id, state="queued").update(
        state="running",
        token=F("token") + 1,
        worker=worker,
        lease_expires_at=in_seconds(settings.JOB_LEASE_SECONDS),
        started_at=Now(),
    )
    if taken:
        engines.retract([job_id])
    return bool(taken)


# The statements are written out because no ORM can say "each owner once, from the index". They
# name the states and the flag as literals, which is what lets a partial index serve them.

_READY = "state = 'queued' {eligible} AND (run_after IS NULL OR run_after <= {now})"
_PAUSED = "EXISTS (SELECT 1 FROM media_queuestate WHERE paused_at IS NOT NULL)"

# Ordered, or the planner would read the table from its beginning, where all that is done lies. Two
# looks, since one that passes over what is paused would read all of it.
_ANY = f"""
SELECT 1 WHERE (
    SELECT 1 FROM media_job WHERE {_READY} AND priority = {WATCHED} ORDER BY owner_id LIMIT 1
) IS NOT NULL OR (NOT {_PAUSED} AND (
    SELECT 1 FROM media_job WHERE {_READY} ORDER BY priority DESC LIMIT 1
) IS NOT NULL)
"""  # noqa: S608 # there are no values in it

_PRIORITIES = f"""
WITH RECURSIVE priorities (priority) AS (
    SELECT (
        SELECT priority FROM media_job WHERE state = 'queued' {{eligible}}
        ORDER BY priority DESC LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT priority FROM media_job
        WHERE state = 'queued' {{eligible}} AND priority < priorities.priority
        ORDER BY priority DESC LIMIT 1
    )
    FROM priorities WHERE priorities.priority IS NOT NULL
)
SELECT priority FROM priorities
WHERE priority IS NOT NULL AND (priority = {WATCHED} OR NOT {_PAUSED})
"""  # noqa: S608 # the same

_AGED = f"""
SELECT priority FROM media_job WHERE {_READY} AND created_at < {{aged}} AND priority < %s
ORDER BY created_at LIMIT 1
"""  # noqa: S608 # there are no values in it

_OWNERS = """
WITH RECURSIVE
owners (owner_id) AS (
    SELECT (
        SELECT owner_id FROM media_job
        WHERE state = 'queued' {eligible} AND priority = %s
        ORDER BY owner_id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT owner_id FROM media_job
        WHERE state = 'queued' {eligible} AND priority = %s AND owner_id > owners.owner_id
        ORDER BY owner_id LIMIT 1
    )
    FROM owners WHERE owners.owner_id IS NOT NULL
),
busy AS (
    SELECT owner_id, count(*) AS jobs,
        sum(CASE WHEN kind = 'on_demand' THEN 0 ELSE 1 END) AS bounded
    FROM media_job WHERE state = 'running' GROUP BY owner_id
)
SELECT
    owners.owner_id,
    coalesce(busy.jobs, 0) AS running,
    (SELECT started_at FROM media_job AS s
     WHERE s.owner_id = owners.owner_id AND s.started_at IS NOT NULL
     ORDER BY s.started_at DESC LIMIT 1) AS served_at
FROM owners LEFT JOIN busy ON busy.owner_id = owners.owner_id
WHERE owners.owner_id IS NOT NULL AND coalesce(busy.bounded, 0) < %s
ORDER BY running, served_at NULLS FIRST, owners.owner_id
LIMIT 20
"""

_FIRST = f"""
SELECT id FROM media_job WHERE {_READY} AND priority = %s AND owner_id = %s
ORDER BY turn_at LIMIT 1
"""  # noqa: S608 # the same


_OF_LANE = {
    Lane.ANY: "",
    Lane.URGENT: "AND is_urgent",
    Lane.WATCHED: f"AND priority = {WATCHED} AND kind = '{Kind.ON_DEMAND.value}'",
}


def _eligible(lane: Lane, kinds: Collection[str] = ()) -> str:
    """The condition that keeps to what a slot may take. Kinds are names of ours, never data."""
    names = ", ".join(f"'{Kind(kind).value}'" for kind in sorted(kinds))
    of_kinds = f"AND kind IN ({names})" if kinds else ""
    return f"{_OF_LANE[lane]} {of_kinds}".strip()


def statement(template: str, eligible: str) -> str:
    """One of the statements above, about what is eligible and for this database."""
    return template.format(
        eligible=eligible,
        now=now_sql(),
        aged=now_sql(-settings.JOB_AGEING_SECONDS),
    )


def _something_waits(eligible: str) -> bool:
    """A look without any lock, so that idle slots keep nobody from writing."""
    with connection.cursor() as cursor:
        cursor.execute(statement(_ANY, eligible), [])
        return cursor.fetchone() is not None


def _priorities_in_turn(eligible: str) -> list[int]:
    """The priorities that wait, highest first; at times one that has waited for long before it.

    What viewers wait for is never passed over, so ageing has a part of the claims only when
    nothing of that waits. What has aged does not get all of them either: a new video would have
    no sound until a backlog of hours is done.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement(_PRIORITIES, eligible), [])
        found = [int(priority) for (priority,) in cursor.fetchall()]
        if len(found) > 1 and found[0] < CRITICAL and random.random() < AGED_SHARE:  # noqa: S311
            cursor.execute(statement(_AGED, eligible), [found[0]])
            aged = cursor.fetchone()
            if aged is not None:
                found.insert(0, int(aged[0]))
    return found


def _bound(priority: int) -> int:
    """How many running jobs keep an owner from another one of this priority."""
    limit: int = settings.JOBS_PER_OWNER
    # A viewer who waits is somebody else, as a rule: the owner's bound is not theirs.
    return limit if limit and priority != WATCHED else _NO_BOUND


def _owners_in_turn(priority: int, eligible: str) -> list[str | UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement(_OWNERS, eligible), [priority, priority, _bound(priority)])
        return [owner_id for owner_id, _running, _served in cursor.fetchall()]


def _may_have_more(owner_id: str | UUID, priority: int) -> bool:
    """Whether the owner is below the bound still, now that no other slot can serve them too.

    SQLite has one writer at a time. In PostgreSQL the slots that serve one owner would each count
    without the others, so they take turns with a lock that ends with the transaction.
    """
    limit = _bound(priority)
    if limit == _NO_BOUND or connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        key = UUID(str(owner_id)).int & 0x7FFF_FFFF_FFFF_FFFF
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            return False
    running = Job.objects.filter(owner_id=UUID(str(owner_id)), state="running").exclude(
        kind="on_demand"
    )
    return running.count() < limit


def _first_of(owner_id: str | UUID, priority: int, eligible: str) -> UUID | None:
    sql = statement(_FIRST, eligible)
    if connection.features.has_select_for_update_skip_locked:
        sql += "FOR UPDATE SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(sql, [priority, owner_id])
        row = cursor.fetchone()
    return None if row is None else UUID(str(row[0]))


class Claim:
    """A running job that is ours as long as its token is.

    Made by `claim_job`. The heartbeat of the process renews its lease and calls `lose` when it
    cannot; whoever works calls `check` often, and writes inside `recording` only.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.token = job.token
        self.is_finished = False
        self._lost = threading.Event()
        self._stopping = threading.Event()

    def __repr__(self) -> str:
        return f"<claim {self.token} of {self.job}>"

    def lose(self) -> None:
        """Somebody else has the job, or may have it by now: `check` raises from now on."""
        self._lost.set()

    def stop(self) -> None:
        """The process ends: `check` raises Stopping from now on."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether this process wants to end."""
        return self._stopping.is_set()

    def check(self, *_: object) -> None:
        """Go on? Raises LeaseLost or Stopping. Takes and ignores what `on_progress` is given."""
        if self._lost.is_set():
            raise LeaseLost
        if self._stopping.is_set():
            raise Stopping

    @contextmanager
    def recording(self) -> Iterator[MediaFile]:
        """A transaction in which results may be written; raises LeaseLost if they may not.

        The guard also renews the lease and holds the row until the end of the transaction, so
        nobody can take the job between the check and the commit. The media file is held as well,
        and is what the caller gets.
        """
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        with transaction.atomic():
            media_file = hold_media(self.job.media_file_id)
            self._guarded_update(lease_expires_at=in_seconds(settings.JOB_LEASE_SECONDS))
            if media_file is None:
                raise LeaseLost  # Never reached: the job went with it, which the guard has seen.
            yield media_file

    def finish(self) -> None:
        """The job is done. Called inside `recording`, with the last of its results."""
        self._guarded_update(
            state="done", lease_expires_at=None, finished_at=Now(), error_code="", error_detail=""
        )
        self.is_finished = True

    def give_up(self, code: str, detail: str) -> None:
        """Trying again will not help: end in `failed`, with the reason."""
        with self.recording():
            self._fail(code, detail)

    def try_again(self, code: str, detail: str) -> None:
        """Count a failure: queue the job once more after a while, or end it if it was the last."""
        failures = self.job.failures + 1
        with self.recording():
            if failures >= settings.JOB_MAX_FAILURES:
                self._fail(code, detail)
            else:
                self._requeue(
                    run_after=in_seconds(back_off_seconds(failures)),
                    failures=failures,
                    error_code=code[:50],
                    error_detail=detail[:500],
                )

    def put_off(self, code: str, detail: str, *, seconds: float = PUT_OFF_SECONDS) -> None:
        """Queue the job once more after a while, for a reason that costs it none of its tries."""
        self._requeue(
            run_after=in_seconds(seconds), error_code=code[:50], error_detail=detail[:500]
        )

    def hand_back(self) -> None:
        """Put the job back as it was: neither a failure nor a loss."""
        self._requeue()

    def _fail(self, code: str, detail: str) -> None:
        self._guarded_update(
            state="failed",
            failures=self.job.failures + 1,
            lease_expires_at=None,
            finished_at=Now(),
            error_code=code[:50],
            error_detail=detail[:500],
        )
        hooks.tell_failed(Job.objects.get(pk=self.job.pk))

    def _requeue(self, **values: object) -> None:
        if not requeue(self.job, token=self.token, **values):
            raise LeaseLost

    def _guarded_update(self, **values: object) -> None:
        ours = Job.objects.filter(pk=self.job.pk, token=self.token, state="running")
        if not ours.update(**values):
            self.lose()
            raise LeaseLost


def back_off_seconds(times: int) -> float:
    """How long to wait after so many failures.

    >>> [back_off_seconds(times) for times in (1, 2, 3, 10)]
    [1.0, 2.0, 4.0, 60.0]
    """
    return min(2.0 ** (times - 1), BACK_OFF_MAX_SECONDS)
