"""What a vanished worker dropped is found again within seconds."""

import pytest
from background_task.models import Task
from django.db import OperationalError
from django.db.models.functions import Now
from pytest_django import Settings

from media.jobs import hooks, sweep
from media.jobs.clock import in_seconds
from media.jobs.heartbeat import Heartbeat
from media.jobs.queue import PRIORITY
from media.models import Job, WorkerBeat
from tests.factories.jobs import claim, expire, make_job, make_media

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def test_an_expired_lease_is_a_loss_and_the_job_is_queued_at_once() -> None:
    make_job()
    expire(claim().job)
    assert sweep.requeue_expired() == 1
    row = Job.objects.get()
    assert (row.state, row.losses, row.failures) == ("queued", 1, 0)
    assert claim().token == 2
    assert not Task.objects.exists()


def test_what_was_lost_goes_on_before_what_has_not_begun() -> None:
    lost = make_job(make_media("ada"))
    claim()
    make_job(make_media("bob"), kind="lead")
    first_look = make_job(make_media("bob"), kind="ingest")
    expire(lost)
    sweep.requeue_expired()
    assert [claim().job for _ in range(2)] == [first_look, lost]


def test_what_viewers_wait_for_stays_what_it_is() -> None:
    make_job(kind="on_demand")
    assert lose(1).priority == PRIORITY["on_demand"]


def test_a_lease_that_runs_is_left_alone() -> None:
    make_job()
    claim()
    assert sweep.requeue_expired() == 0


def test_a_job_that_kills_its_workers_waits_longer_each_time() -> None:
    make_job()
    for losses in (1, 2, 3):
        Job.objects.update(run_after=None)
        expire(claim().job)
        sweep.requeue_expired()
        assert Job.objects.get().losses == losses
    assert Job.objects.filter(run_after__gt=Now()).exists()


def lose(times: int) -> Job:
    for _ in range(times):
        Job.objects.update(run_after=None)
        expire(claim().job)
        sweep.requeue_expired()
    return Job.objects.get()


@pytest.mark.parametrize("kind", [Job.Kind.INGEST, Job.Kind.ON_DEMAND, Job.Kind.LEAD])
def test_what_a_viewer_waits_for_is_back_at_once_though_workers_die(kind: Job.Kind) -> None:
    make_job(kind=kind)
    assert [lose(1).run_after for _ in range(sweep.URGENT_ACCIDENTS)] == [None] * 3


def test_also_what_a_viewer_waits_for_pauses_when_it_kills_worker_after_worker() -> None:
    make_job(kind=Job.Kind.INGEST)
    lose(sweep.URGENT_ACCIDENTS + 1)
    assert Job.objects.filter(run_after__gt=Now(), run_after__lt=in_seconds(2)).exists()


def test_too_many_losses_end_a_job_visibly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(hooks, "_on_failed", [lambda job: told.append(job.error_code)])
    settings.JOB_MAX_LOSSES = 2
    make_job()
    for _ in range(2):
        Job.objects.update(run_after=None)
        expire(claim().job)
        sweep.requeue_expired()
    row = Job.objects.get()
    assert (row.state, row.losses, row.failures) == ("failed", 2, 0)
    assert told == [row.error_code] == ["worker-vanished"]


def test_two_sweepers_count_one_loss() -> None:
    make_job()
    claimed = claim()
    expire(claimed.job)
    copy = Job.objects.get()
    sweep.requeue_expired()
    assert not sweep._lose(copy)
    assert Job.objects.get().losses == 1


def test_a_lease_that_is_renewed_while_the_sweeper_looks_is_left_alone() -> None:
    make_job()
    claimed = claim()
    expire(claimed.job)
    seen_by_the_sweeper = Job.objects.get()
    with claimed.recording():
        pass
    assert not sweep._lose(seen_by_the_sweeper)
    assert Job.objects.get().losses == 0


def test_the_jobs_of_a_worker_that_is_known_to_be_dead_are_free_at_once() -> None:
    make_job()
    make_job()
    claim("host:10:0")
    claim("host:101:0")
    assert sweep.release("host:10") == 1
    assert Job.objects.get(state="running").worker == "host:101:0"


def test_what_was_done_long_ago_is_forgotten_and_what_failed_is_not(settings: Settings) -> None:
    long_ago = in_seconds(-(settings.JOB_KEEP_DAYS * 24 + 1) * 3600)
    for state, finished_at in (("done", long_ago), ("done", Now()), ("failed", long_ago)):
        Job.objects.filter(pk=make_job().pk).update(state=state, finished_at=finished_at)
    assert sweep.forget_done() == 1
    assert sorted(Job.objects.values_list("state", flat=True)) == ["done", "failed"]


# --- Duties -----------------------------------------------------------------------------------


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(hooks, "_duties", {})
    hooks.every(60, "expire uploads", lambda: done.append("expire uploads"))
    return done


def test_duties_are_done_by_one_worker_and_when_they_are_due(done: list[str]) -> None:
    first, second = Heartbeat("host:1"), Heartbeat("host:2")
    first.beat()
    second.beat()
    for worker in ("host:1", "host:2", "host:1"):
        sweep.Sweeper(worker).sweep()
    sweeper = sweep.Sweeper("host:1")
    sweeper.sweep()
    sweeper.sweep()
    assert len(done) == 3


def test_when_the_leader_dies_another_one_leads(done: list[str]) -> None:
    Heartbeat("host:1").beat()
    WorkerBeat.objects.update(beat_at=in_seconds(-60))
    Heartbeat("host:2").beat()
    sweep.Sweeper("host:2").sweep()
    assert done == ["expire uploads"]


def test_a_duty_that_fails_keeps_nobody_from_theirs(
    done: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ValueError("no")

    hooks.every(60, "broken", fail)
    hooks.every(60, "after it", lambda: done.append("after it"))
    Heartbeat("host:1").beat()
    sweep.Sweeper("host:1").sweep()
    assert done == ["expire uploads", "after it"]
    assert "duty failed" in caplog.text


def test_after_an_outage_workers_may_renew_their_leases_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_job()
    expire(claim().job)
    sweeper = sweep.Sweeper("host:1")
    with monkeypatch.context() as outage:
        outage.setattr(sweep, "requeue_expired", _no_database)
        with pytest.raises(OperationalError):
            sweeper.sweep()
    sweeper.sweep()
    assert Job.objects.get().state == "running"


def _no_database() -> int:
    raise OperationalError("the server closed the connection")
