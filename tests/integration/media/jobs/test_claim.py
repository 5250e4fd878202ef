"""The best job goes to exactly one worker, which proves with each write that it has it."""

import contextlib
import threading
from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django import Settings

from media.jobs import claim as claims
from media.jobs import hooks, queue
from media.jobs.claim import Claim, LeaseLost, Stopping, claim_job
from media.jobs.clock import in_seconds
from media.jobs.sweep import requeue_expired
from media.models import Job
from media.workshop.lanes import Lane
from tests.factories.jobs import claim, expire, make_job, make_media

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def test_nothing_to_do() -> None:
    assert claim_job(worker="host:1:0") is None


# --- Which one is best ------------------------------------------------------------------------


def test_the_most_important_goes_first() -> None:
    make_job(kind="ladder"), make_job(kind="ingest"), make_job(kind="audio")
    assert [claim().job.kind for _ in range(3)] == ["ingest", "audio", "ladder"]


def test_first_pieces_go_before_later_ones() -> None:
    media_file = make_media()
    for position in (2, 0, 1):
        make_job(media_file, position=position)
    assert [claim().job.position for _ in range(3)] == [0, 1, 2]


def test_an_owner_with_fewer_running_jobs_goes_first() -> None:
    lecture, clip = make_media("long"), make_media("short")
    for position in range(4):
        make_job(lecture, position=position)
    claim(), claim()
    make_job(clip, position=7)
    assert claim().job.media_file == clip


def test_owners_take_turns_where_one_slot_works_for_all() -> None:
    for owner in ("a", "b", "c"):
        media_file = make_media(owner)
        for position in range(2):
            make_job(media_file, position=position)
    served = []
    for _ in range(6):
        now = claim()
        served.append(now.job.owner.username)
        with now.recording():
            now.finish()
    assert sorted(served[:3]) == sorted(served[3:]) == ["a", "b", "c"]


def test_fairness_does_not_beat_importance() -> None:
    busy = make_media("busy")
    make_job(busy, kind="audio"), make_job(busy, kind="on_demand"), make_job(busy, kind="lead")
    make_job(make_media("idle"), kind="ladder")
    assert [claim().job.kind for _ in range(3)] == ["on_demand", "lead", "audio"]


def test_the_slots_that_are_kept_free_take_only_what_they_are_for() -> None:
    make_job(kind="ladder"), make_job(kind="audio")
    assert claim_job(worker="host:1:1", lane=Lane.URGENT) is None
    lead = make_job(kind="lead")
    queue.raise_priority([lead], to=95)
    assert claim_job(worker="host:1:2", lane=Lane.WATCHED) is None
    assert claim(lane=Lane.URGENT).job == lead
    asked = make_job(kind="on_demand")
    assert claim(lane=Lane.WATCHED).job == asked


def test_a_job_that_waits_after_a_failure_is_not_taken_yet() -> None:
    job = make_job()
    Job.objects.filter(pk=job.pk).update(run_after=in_seconds(30))
    assert claim_job(worker="host:1:0") is None
    Job.objects.filter(pk=job.pk).update(run_after=in_seconds(-1))
    assert claim().job == job


def test_one_that_waits_keeps_nobody_of_the_same_importance_waiting() -> None:
    waiting = make_job(make_media("a"), position=0)
    Job.objects.filter(pk=waiting.pk).update(run_after=in_seconds(30))
    ready = make_job(make_media("b"), position=5)
    assert claim().job == ready


# --- Whose it is ------------------------------------------------------------------------------


def test_a_claim_raises_the_token_and_takes_a_lease_by_the_databases_clock() -> None:
    make_job()
    now = claim("host:7:0")
    row = Job.objects.get(pk=now.job.pk)
    assert (row.state, row.token, row.worker) == ("running", 1, "host:7:0")
    soon, late = in_seconds(5), in_seconds(7)
    assert Job.objects.filter(lease_expires_at__gt=soon, lease_expires_at__lt=late).exists()


def test_of_two_workers_that_saw_the_same_row_one_takes_it() -> None:
    job = make_job()
    assert [claims._take(job.pk, worker) for worker in ("host:1:0", "host:2:0")] == [True, False]
    assert Job.objects.get().worker == "host:1:0"


def slow_and_quick() -> tuple[Claim, Claim]:
    """Two copies of one row: a worker that lost its lease, and the one that has it now."""
    make_job()
    slow = claim("host:1:0")
    expire(slow.job)
    requeue_expired()
    return slow, claim("host:2:0")


def test_the_second_claim_has_a_higher_token() -> None:
    slow, quick = slow_and_quick()
    assert (slow.token, quick.token, slow.job) == (1, 2, quick.job)


LATE: dict[str, Callable[[Claim], object]] = {
    "publish": lambda slow: slow.recording().__enter__(),
    "finish": lambda slow: slow.finish(),
    "give up": lambda slow: slow.give_up("x", "y"),
    "try again": lambda slow: slow.try_again("x", "y"),
    "hand back": lambda slow: slow.hand_back(),
}


@pytest.mark.parametrize("act", LATE.values(), ids=LATE.keys())
def test_a_worker_that_lost_its_lease_cannot(act: Callable[[Claim], object]) -> None:
    slow, quick = slow_and_quick()
    with pytest.raises(LeaseLost):
        act(slow)
    row = Job.objects.get(pk=quick.job.pk)
    assert (row.state, row.token, row.worker) == ("running", 2, "host:2:0")


def test_recording_renews_the_lease() -> None:
    make_job()
    now = claim()
    expire(now.job)
    with now.recording():
        pass
    assert requeue_expired() == 0


def test_a_failing_effect_leaves_the_job_unfinished() -> None:
    make_job()
    now = claim()
    with contextlib.suppress(RuntimeError), now.recording():
        now.finish()
        raise RuntimeError
    assert Job.objects.get(pk=now.job.pk).state == "running"


def test_a_cancelled_job_publishes_nothing_more() -> None:
    job = make_job()
    now = claim()
    queue.cancel_jobs(job.media_file)
    with pytest.raises(LeaseLost), now.recording():
        pass
    with pytest.raises(LeaseLost):
        now.check()


def test_check_says_when_this_process_has_to_end() -> None:
    make_job()
    now = claim()
    now.check(1.5)
    now.stop()
    with pytest.raises(Stopping):
        now.check()


def test_handing_back_is_neither_a_failure_nor_a_loss() -> None:
    make_job()
    claim().hand_back()
    again = claim()
    assert (again.token, again.job.failures, again.job.losses) == (2, 0, 0)


# --- What goes wrong --------------------------------------------------------------------------


def test_a_failure_is_tried_again_after_a_while() -> None:
    make_job()
    claim().try_again("encoding-failed", "The disk was full.")
    row = Job.objects.get()
    assert (row.state, row.failures, row.losses) == ("queued", 1, 0)
    assert (row.error_code, row.error_detail) == ("encoding-failed", "The disk was full.")
    assert Job.objects.filter(run_after__gt=in_seconds(0), run_after__lt=in_seconds(2)).exists()
    assert claim_job(worker="host:1:0") is None


def test_three_failures_end_a_job_visibly(settings: Settings) -> None:
    settings.JOB_MAX_FAILURES = 3
    make_job()
    for _ in range(3):
        Job.objects.update(run_after=None)
        claim().try_again("encoding-failed", "Again.")
    row = Job.objects.get()
    assert (row.state, row.failures, row.error_code) == ("failed", 3, "encoding-failed")


def test_what_cannot_be_helped_ends_at_once_with_its_reason() -> None:
    make_job()
    claim().give_up("not-a-video", "This file is not a video.")
    row = Job.objects.get()
    assert (row.state, row.failures) == ("failed", 1)
    assert row.error_detail == "This file is not a video."


def test_the_services_are_told_of_a_failure_in_its_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[str, bool]] = []
    monkeypatch.setattr(
        hooks, "_on_failed", [lambda job: told.append((job.state, connection.in_atomic_block))]
    )
    make_job()
    claim().give_up("not-a-video", "This file is not a video.")
    assert told == [("failed", True)]


# --- Races ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_eight_workers_and_forty_jobs_each_job_once() -> None:
    media_file = make_media()
    queue.enqueue_many(
        queue.Spec(kind="ladder", media_file=media_file, position=n) for n in range(40)
    )
    taken: list[int] = []

    def work(number: int) -> None:
        try:
            while (now := claim_job(worker=f"host:{number}:0")) is not None:
                taken.append(now.job.position)
                with now.recording():
                    now.finish()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == list(range(40))
    assert not Job.objects.exclude(state="done", token=1).exists()
