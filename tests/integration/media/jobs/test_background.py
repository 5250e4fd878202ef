"""Tasks that any app registers run once, whatever happens to their workers."""

from collections.abc import Iterator

import pytest
from background_task import background
from background_task.models import CompletedTask, Task
from background_task.settings import app_settings
from background_task.tasks import tasks as registry

from media.jobs import background as tasks
from media.jobs.background import Run
from media.jobs.clock import in_seconds
from tests.factories.jobs import make_job

pytestmark = pytest.mark.django_db

called: list[int] = []


def note(number: int) -> None:
    if number < 0:
        raise ValueError("negative")
    called.append(number)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    called.clear()
    background(name="tests.note")(note)
    yield
    del registry._tasks["tests.note"]


def put(number: int, **options: object) -> Task:
    task: Task = registry._tasks["tests.note"](number, **options)
    # The clock of SQLite has milliseconds, so what is due now may be due in the next one only.
    Task.objects.filter(pk=task.pk).update(run_at=in_seconds(-1))
    return task


def take(worker: str = "host:1:0") -> Run:
    run = tasks.take(worker)
    assert run is not None
    return run


def test_a_task_runs_once_and_leaves_a_record() -> None:
    put(5)
    take().execute()
    assert called == [5]
    assert (Task.objects.count(), CompletedTask.objects.get().failed_at) == (0, None)


def test_the_highest_priority_goes_first() -> None:
    put(1, priority=0), put(2, priority=9)
    take().execute()
    assert called == [2]


def test_what_is_taken_is_not_taken_again() -> None:
    put(5)
    take()
    assert tasks.take("host:2:0") is None


def test_wake_ups_of_jobs_are_not_tasks_of_this_kind() -> None:
    make_job()
    assert tasks.take("host:1:0") is None


def test_a_task_that_fails_is_tried_again_later() -> None:
    put(-1)
    take().execute()
    task = Task.objects.get()
    assert (task.attempts, task.locked_by) == (1, None)
    assert "negative" in task.last_error
    assert tasks.take("host:1:0") is None


def test_a_task_that_fails_too_often_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(app_settings), "BACKGROUND_TASK_MAX_ATTEMPTS", 1)
    put(-1)
    take().execute()
    assert not Task.objects.exists()
    assert CompletedTask.objects.get().failed_at is not None


def test_a_task_that_kills_its_workers_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(app_settings), "BACKGROUND_TASK_MAX_ATTEMPTS", 2)
    put(5)
    for _ in range(2):
        take()
        Task.objects.update(locked_at=in_seconds(-60))
    assert tasks.take("host:1:0") is None
    assert CompletedTask.objects.get().failed_at is not None
    assert called == []


def test_a_task_of_a_dead_worker_is_taken_by_another() -> None:
    put(5)
    dead = take("host:1:0")
    Task.objects.update(locked_at=in_seconds(-60))
    take("host:2:0").execute()
    assert not dead.end()
    assert (called, CompletedTask.objects.count()) == ([5], 1)


def test_a_task_that_was_deleted_while_it_ran_does_not_come_back() -> None:
    put(-1)
    run = take()
    Task.objects.all().delete()
    run.execute()
    assert not Task.objects.exists()


def test_a_lease_is_renewed_while_the_task_runs() -> None:
    put(5)
    run = take()
    Task.objects.update(locked_at=in_seconds(-60))
    assert run.renew()
    assert tasks.take("host:2:0") is None


def test_what_is_handed_back_was_never_tried() -> None:
    put(5)
    take().hand_back()
    assert take().task.attempts == 1


def test_a_repeating_task_comes_again() -> None:
    put(5, repeat=Task.HOURLY)
    take().execute()
    assert Task.objects.get().repeat == Task.HOURLY
