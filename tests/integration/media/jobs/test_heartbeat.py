"""One beat renews everything that a process holds, and notices what it lost."""

import time

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media.jobs import queue, sweep
from media.jobs.claim import LeaseLost
from media.jobs.health import NoWorker, worker
from media.jobs.heartbeat import Heartbeat
from media.models import Job, WorkerBeat
from tests.factories.jobs import claim, expire, make_job, make_media

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def test_a_beat_renews_all_leases_with_one_update() -> None:
    heartbeat = Heartbeat("host:1")
    for position in range(3):
        make_job(position=position)
    with heartbeat.watching(claim()), heartbeat.watching(claim()), heartbeat.watching(claim()):
        for job in Job.objects.all():
            expire(job)
        with CaptureQueriesContext(connection) as queries:
            heartbeat.beat()
    assert sum("lease_expires_at" in query["sql"] for query in queries) == 1
    assert sweep.requeue_expired() == 0


def test_a_beat_notices_which_lease_was_lost() -> None:
    heartbeat = Heartbeat("host:1")
    make_job(make_media("a"))
    make_job(make_media("b"))
    kept, lost = claim(), claim()
    queue.cancel_jobs(lost.job.media_file)
    with heartbeat.watching(kept), heartbeat.watching(lost):
        heartbeat.beat()
    kept.check()
    with pytest.raises(LeaseLost):
        lost.check()


def test_what_is_not_held_any_more_is_not_renewed() -> None:
    heartbeat = Heartbeat("host:1")
    make_job()
    claimed = claim()
    with heartbeat.watching(claimed):
        pass
    expire(claimed.job)
    heartbeat.beat()
    assert sweep.requeue_expired() == 1


def test_a_beat_shows_life_in_one_row() -> None:
    Heartbeat("host:1").beat()
    first = WorkerBeat.objects.get().beat_at
    time.sleep(0.01)
    Heartbeat("host:1").beat()
    assert WorkerBeat.objects.get().beat_at > first


def test_health_knows_whether_anybody_works() -> None:
    with pytest.raises(NoWorker):
        async_to_sync(worker)()
    Heartbeat("host:1").beat()
    async_to_sync(worker)()


@pytest.mark.django_db(transaction=True)
def test_the_thread_beats_and_signs_off() -> None:
    heartbeat = Heartbeat("host:1")
    heartbeat.start()
    deadline = time.monotonic() + 5
    while not WorkerBeat.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert WorkerBeat.objects.exists()
    heartbeat.stop()
    assert not WorkerBeat.objects.exists()
