"""Real worker processes: woken at once, asked to end, killed."""

import signal
import time

import psutil
import pytest
from django.db import connection

from media.jobs.queue import cancel_jobs
from media.models import Job, WorkerBeat
from media.workshop.lanes import usual_slots
from tests.factories.jobs import make_job, make_media
from tests.integration.media.jobs.conftest import LEASE_SECONDS, Start, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("engine"),
]


def state() -> str:
    return Job.objects.get().state


def test_an_idle_worker_takes_a_job_at_once(start: Start) -> None:
    start()
    time.sleep(0.5)
    make_job()
    # Measured: 10 to 20 ms. Without being woken it would be half a second on average.
    assert wait_until(lambda: state() == "done") < 0.4


def test_sigterm_hands_the_work_back_and_ends_well(start: Start) -> None:
    worker = start()
    make_job(args={"seconds": 60})
    wait_until(lambda: state() == "running")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    job = Job.objects.get()
    assert (job.state, job.failures, job.losses, job.token) == ("queued", 0, 0, 1)
    assert not WorkerBeat.objects.exists()


def test_another_worker_goes_on_with_what_was_handed_back(start: Start) -> None:
    first = start()
    make_job(args={"seconds": 1})
    wait_until(lambda: state() == "running")
    first.send_signal(signal.SIGTERM)
    start()
    wait_until(lambda: state() == "done")
    assert Job.objects.get().losses == 0


def test_sigterm_kills_a_process_that_does_not_report(start: Start) -> None:
    worker = start()
    make_job(args={"manner": "deaf"})
    wait_until(lambda: state() == "running" and psutil.Process(worker.pid).children())
    children = psutil.Process(worker.pid).children()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert not any(child.is_running() and child.status() != "zombie" for child in children)
    assert (state(), Job.objects.get().failures) == ("queued", 0)


def test_sigterm_ends_even_a_slot_that_never_listens(start: Start) -> None:
    worker = start()
    make_job(args={"manner": "lost"})
    wait_until(lambda: state() == "running")
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(11) == 0
    assert time.monotonic() - began < 10
    assert (state(), Job.objects.get().losses) == ("queued", 0)


def test_a_killed_worker_is_replaced_within_the_lease_and_two_seconds(start: Start) -> None:
    first = start()
    make_job(args={"seconds": 60})
    wait_until(lambda: state() == "running")
    start()
    first.kill()
    first.wait()
    took = wait_until(lambda: Job.objects.get().token == 2)
    assert took < LEASE_SECONDS + 2
    assert Job.objects.get().losses == 1


def test_a_long_job_keeps_its_lease(start: Start) -> None:
    start()
    start()
    make_job(args={"seconds": LEASE_SECONDS * 2.5})
    wait_until(lambda: state() == "done")
    job = Job.objects.get()
    assert (job.token, job.losses) == (1, 0)


def test_a_worker_that_was_stopped_beyond_its_lease_publishes_nothing(start: Start) -> None:
    slow = start()
    make_job(args={"seconds": 1})
    wait_until(lambda: state() == "running")
    slow.send_signal(signal.SIGSTOP)
    start()
    wait_until(lambda: Job.objects.get().token == 2)
    slow.send_signal(signal.SIGCONT)
    wait_until(lambda: state() == "done")
    job = Job.objects.get()
    assert (job.token, job.losses, job.failures) == (2, 1, 0)


def test_cancelling_stops_a_running_job(start: Start) -> None:
    start()
    job = make_job(args={"seconds": 60})
    wait_until(lambda: state() == "running")
    cancel_jobs(job.media_file)
    after = make_job(job.media_file)
    assert wait_until(lambda: Job.objects.get(pk=after.pk).state == "done") < 3


def test_two_slots_are_kept_for_what_somebody_waits_for(start: Start) -> None:
    start()
    video = make_media()
    for kind in ("ladder", "lead"):
        make_job(video, kind=kind, args={"seconds": 60})
        wait_until(Job.objects.filter(state="running", kind=kind).exists)
        make_job(video, kind=kind)
    asked = make_job(video, kind="on_demand")
    assert wait_until(lambda: Job.objects.get(pk=asked.pk).state == "done") < 1
    assert Job.objects.filter(state="queued").count() == 2


@pytest.mark.parametrize(("said", "slots"), [("0", usual_slots()), ("3", 3)])
def test_it_has_the_slots_that_the_settings_say(start: Start, said: str, slots: int) -> None:
    start(WORKER_LADDER_SLOTS=said)
    assert WorkerBeat.objects.get().slots == slots


def _backends() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}


@pytest.mark.full
def test_a_worker_survives_its_database_connections(start: Start) -> None:
    # Threads of this process have connections too, and other tests need them.
    before = _backends()
    start()
    wait_until(lambda: len(_backends() - before) >= 3)
    with connection.cursor() as cursor:
        for pid in _backends() - before:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    make_job()
    wait_until(lambda: state() == "done")
