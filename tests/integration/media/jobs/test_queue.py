"""Work goes into the queue with its transaction, and out of it again."""

import contextlib

import pytest
from background_task.models import Task
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from core.states import IllegalTransition
from media.jobs import queue
from media.jobs.engines import WORK
from media.models import Job
from media.workshop.lanes import Lane
from tests.factories.jobs import claim, make_job, make_media

pytestmark = pytest.mark.django_db


def wake_ups() -> list[str]:
    return [task.params()[0][0] for task in Task.objects.filter(task_name=WORK)]


def test_each_job_has_one_wake_up() -> None:
    job = make_job()
    assert wake_ups() == [str(job.pk)]


def test_a_rollback_takes_the_job_and_its_wake_up_back() -> None:
    with contextlib.suppress(RuntimeError), transaction.atomic():
        make_job()
        raise RuntimeError
    assert (Job.objects.count(), wake_ups()) == (0, [])


def test_what_a_viewer_waits_for_is_urgent_and_important() -> None:
    asked, ladder = make_job(kind="on_demand"), make_job(kind="ladder")
    assert (asked.is_urgent, ladder.is_urgent) == (True, False)
    assert asked.priority > ladder.priority


def test_the_caller_may_say_what_is_urgent() -> None:
    assert make_job(kind="audio", is_urgent=True, priority=99).is_urgent


def test_a_long_source_is_enqueued_in_a_few_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    media_file = make_media()
    specs = [queue.Spec(kind="ladder", media_file=media_file, position=n) for n in range(1800)]
    with django_assert_max_num_queries(100):
        queue.enqueue_many(specs)
    assert Job.objects.filter(state="queued").count() == len(wake_ups()) == 1800


def test_a_claim_takes_the_wake_up_with_it() -> None:
    make_job()
    claim()
    assert wake_ups() == []


def test_cancelling_ends_what_waits_and_what_runs() -> None:
    media_file = make_media()
    for position in range(3):
        make_job(media_file, position=position)
    claim()
    other = make_job(make_media())
    assert queue.cancel_jobs(media_file) == 3
    assert list(Job.objects.filter(state="queued")) == [other]
    assert wake_ups() == [str(other.pk)]


def test_a_cancelled_job_can_be_queued_again_with_all_its_tries() -> None:
    job = make_job()
    Job.objects.filter(pk=job.pk).update(failures=2, losses=3)
    queue.cancel([job])
    queue.retry(Job.objects.get(pk=job.pk))
    again = Job.objects.get(pk=job.pk)
    assert (again.state, again.failures, again.losses) == ("queued", 0, 0)
    assert wake_ups() == [str(job.pk)]


def test_a_job_that_is_done_is_not_queued_again() -> None:
    make_job()
    done = claim()
    with done.recording():
        done.finish()
    with pytest.raises(IllegalTransition):
        queue.retry(Job.objects.get(pk=done.job.pk))


def test_priority_changes_after_enqueuing() -> None:
    media_file = make_media()
    first, last = make_job(media_file, position=0), make_job(media_file, position=9)
    queue.raise_priority([last], to=95, is_urgent=True)
    assert claim(lane=Lane.URGENT).job == last
    assert claim().job == first


def test_raising_never_lowers() -> None:
    job = make_job(kind="ingest")
    queue.raise_priority([job], to=20)
    assert Job.objects.get(pk=job.pk).priority == queue.PRIORITY["ingest"]


def test_only_what_waits_has_a_place_in_the_queue() -> None:
    make_job()
    with pytest.raises(IllegalTransition):
        queue.set_priority(claim().job, 50)
