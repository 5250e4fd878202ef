"""Where a job stands in the queue, and when it probably begins and ends.

The queue is taken as it is now, in the order in which claims empty it (media.jobs.claim): what is
more important first, then the owners in turn. How long work takes is what work of its kind took
lately; for a whole sound track or a whole copy, per second of source. docs/jobs.md says how far
such an estimate can be trusted.

A forecast costs six queries, however many jobs are asked about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum
from django.db.models.expressions import RawSQL
from django.utils import timezone

from media.jobs.clock import in_seconds
from media.jobs.queue import PRIORITY, Kind
from media.jobs.sweep import BEAT_MAX_AGE_SECONDS
from media.models import Job, QueueState, WorkerBeat

#: How many jobs that were done last say how long work takes.
LATELY = 200
#: Kinds that work through the whole source: twice as long a source takes twice as long.
WHOLE_SOURCE: frozenset[str] = frozenset({Kind.COPY, Kind.AUDIO})
_KIND_OF_PRIORITY = {priority: kind for kind, priority in PRIORITY.items()}


def literal(state: str) -> RawSQL:
    """A state of ours in a statement, so that SQLite sees that a partial index serves it."""
    return RawSQL(f"'{state}'", [])  # noqa: S611  # no value from outside


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What can be said about a job that waits or runs; None for what is not known."""

    #: 1 is the next one to be taken; None for a job that runs.
    position: int | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long work took lately, in seconds."""

    per_job: Mapping[str, float] = field(default_factory=dict)
    per_source_second: Mapping[str, float] = field(default_factory=dict)

    def cost(self, kind: str, source_seconds: float | None = None) -> float | None:
        """What a job of this kind takes; None where none was done lately."""
        if kind in WHOLE_SOURCE and source_seconds and kind in self.per_source_second:
            return self.per_source_second[kind] * source_seconds
        return self.per_job.get(kind)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The queue as it is now: how much waits, what runs, how many work, and how fast."""

    #: Waiting jobs by priority and owner.
    waiting: Mapping[tuple[int, UUID], int]
    #: Running jobs by owner.
    running: Mapping[UUID, int]
    #: Seconds that the running jobs still take, together; None where that is not known.
    rest_seconds: float | None
    slots: int
    pace: Pace
    now: datetime

    def ahead(self, owner: UUID, priority: int, rank: int) -> Counter[int]:
        """How many jobs of each priority go before the one that has `rank` others of its owner
        and priority before it.

        Everything more important; and of each other owner as many as there are turns until then:
        an owner with fewer running jobs gets so many turns in advance.
        """
        found: Counter[int] = Counter()
        for (theirs, other), count in self.waiting.items():
            if theirs > priority:
                found[theirs] += count
            elif theirs == priority and other == owner:
                found[theirs] += rank
            elif theirs == priority:
                lead = self.running.get(owner, 0) - self.running.get(other, 0)
                is_before = other.int < owner.int
                found[theirs] += min(count, max(0, rank + lead + is_before))
        return found

    def wait_seconds(self, ahead: Mapping[int, int]) -> float | None:
        """How long until a slot is free for whoever has these before them."""
        if not self.slots or self.rest_seconds is None:
            return None
        costs = [
            (count, self.pace.cost(kind_of_priority(priority)))
            for priority, count in ahead.items()
            if count
        ]
        if not costs and sum(self.running.values()) < self.slots:
            return 0.0
        total = self.rest_seconds
        for count, cost in costs:
            if cost is None:
                return None
            total += count * cost
        return total / self.slots


def forecasts(jobs: Sequence[Job]) -> dict[UUID, Forecast]:
    """The forecast of each of `jobs` that waits or runs. Load them with their `media_file`."""
    open_ones = [job for job in jobs if job.state in ("queued", "running")]
    if not open_ones:
        return {}
    standing = standing_now()
    ranks = _ranks([job for job in open_ones if job.state == "queued"])
    return {job.pk: _forecast(job, standing, ranks) for job in open_ones}


def _forecast(job: Job, standing: Standing, ranks: Mapping[UUID, int]) -> Forecast:
    cost = standing.pace.cost(job.kind, job.media_file.duration_seconds)
    if job.state == "running" or job.pk not in ranks:
        began = job.started_at or standing.now
        ends_at = None if cost is None else max(standing.now, began + timedelta(seconds=cost))
        return Forecast(ends_at=ends_at)
    ahead = standing.ahead(job.owner_id, job.priority, ranks[job.pk])
    position, wait = sum(ahead.values()) + 1, standing.wait_seconds(ahead)
    if wait is None:
        return Forecast(position=position)
    if settings.JOBS_PER_OWNER and cost is not None:
        at_a_time = min(standing.slots, settings.JOBS_PER_OWNER)
        wait = max(wait, ranks[job.pk] * cost / at_a_time)
    begins_at = standing.now + timedelta(seconds=wait)
    if job.run_after is not None:
        begins_at = max(begins_at, job.run_after)
    ends_at = None if cost is None else begins_at + timedelta(seconds=cost)
    return Forecast(position=position, begins_at=begins_at, ends_at=ends_at)


def standing_now() -> Standing:
    """Look at the queue, the workers and what was done lately: five queries."""
    waiting = Job.objects.filter(state=literal("queued")).values_list("priority", "owner_id")
    now, pace = timezone.now(), recent_pace()
    running = Job.objects.filter(state=literal("running")).values_list(
        "owner_id", "kind", "started_at"
    )
    rest: float | None = 0.0
    by_owner: Counter[UUID] = Counter()
    for owner_id, kind, started_at in running:
        by_owner[owner_id] += 1
        cost = pace.cost(kind)
        if cost is None or rest is None or started_at is None:
            rest = None
        else:
            rest += max(0.0, cost - (now - started_at).total_seconds())
    return Standing(
        waiting={(priority, owner): n for priority, owner, n in waiting.annotate(n=Count("*"))},
        running=by_owner,
        rest_seconds=rest,
        slots=slots_alive(),
        pace=pace,
        now=now,
    )


def kind_of_priority(priority: int) -> str:
    """The kind of most jobs of this priority."""
    return _KIND_OF_PRIORITY.get(priority, Kind.LADDER)


def slots_alive() -> int:
    """How many ordinary slots the workers have that have shown life lately; none in a pause."""
    if QueueState.objects.filter(paused_at__isnull=False).exists():
        return 0
    alive = WorkerBeat.objects.filter(beat_at__gt=in_seconds(-BEAT_MAX_AGE_SECONDS))
    return int(alive.aggregate(Sum("slots"))["slots__sum"] or 0)


def recent_pace() -> Pace:
    """How long the jobs took that were done last."""
    done = Job.objects.filter(
        state=literal("done"), started_at__isnull=False, finished_at__isnull=False
    )
    rows = done.order_by("-finished_at").values_list(
        "kind", "started_at", "finished_at", "media_file__duration_seconds"
    )
    took: defaultdict[str, list[float]] = defaultdict(list)
    sources: defaultdict[str, float] = defaultdict(float)
    timed: defaultdict[str, float] = defaultdict(float)
    for kind, began, ended, source_seconds in rows[:LATELY]:
        if began is None or ended is None:
            continue
        seconds = max(0.0, (ended - began).total_seconds())
        took[kind].append(seconds)
        if source_seconds:
            sources[kind] += source_seconds
            timed[kind] += seconds
    return Pace(
        per_job={kind: fmean(each) for kind, each in took.items()},
        per_source_second={kind: timed[kind] / sources[kind] for kind in timed},
    )


_COUNT = """
SELECT %s AS number, count(*) FROM media_job
WHERE state = 'queued' AND priority = %s AND owner_id = %s AND turn_at >= %s AND turn_at < %s
"""


def _ranks(jobs: Iterable[Job]) -> dict[UUID, int]:
    """How many jobs of the same owner and priority go before each of `jobs`.

    Counted between one job that is asked about and the next, so that the index of what waits is
    walked once at most, however many are asked about.
    """
    queues: defaultdict[tuple[int, UUID], list[Job]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: job.turn_at):
        queues[job.priority, job.owner_id].append(job)
    parameters: list[Any] = []
    for number, (priority, owner_id, since, until) in enumerate(_stretches(queues)):
        owner = Job._meta.get_field("owner").get_db_prep_value(owner_id, connection)
        moments = map(connection.ops.adapt_datetimefield_value, (since, until))
        parameters += [number, priority, owner, *moments]
    if not parameters:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_COUNT] * (len(parameters) // 5)), parameters)
        counts = dict(cursor.fetchall())
    return _summed(queues, counts)


def _stretches(
    queues: Mapping[tuple[int, UUID], list[Job]],
) -> Iterator[tuple[int, UUID, datetime, datetime]]:
    for (priority, owner_id), queue in queues.items():
        since = datetime.min.replace(year=1970, tzinfo=UTC)
        for job in queue:
            yield priority, owner_id, since, job.turn_at
            since = job.turn_at


def _summed(
    queues: Mapping[tuple[int, UUID], list[Job]], counts: Mapping[int, int]
) -> dict[UUID, int]:
    ranks, number = {}, 0
    for queue in queues.values():
        rank = 0
        for job in queue:
            rank += counts[number]
            ranks[job.pk] = rank
            number += 1
    return ranks
