"""What each engine keeps and sends; what both have to do is tested with each job test."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import redis
from background_task.models import Task
from celery import Celery
from django.conf import settings as django_settings
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

import core.celery
from media.jobs import engines, queue
from media.models import Job, MediaFile, WorkerBeat
from tests.factories.jobs import make_job, make_media
from tests.factories.media import make_clip, make_uploaded
from tests.integration.media.jobs.conftest import Start, use_celery, wait_until
from tests.product import ROOT
from tests.services import find, free_port, running

# --- django-background-tasks ------------------------------------------------------------------


@pytest.mark.django_db
def test_a_lost_wake_up_is_written_again() -> None:
    job = make_job()
    Task.objects.all().delete()
    Job.objects.update(created_at=Now() - timedelta(seconds=engines.AUDIT_SECONDS + 1))
    assert engines.audit() == 1
    assert Task.objects.get().params()[0] == [str(job.pk)]


@pytest.mark.django_db
def test_a_wake_up_without_a_job_is_removed() -> None:
    make_job()
    Job.objects.update(state="cancelled")
    engines.audit()
    assert not Task.objects.exists()


# --- Celery -----------------------------------------------------------------------------------


@pytest.fixture
def celery(settings: Settings) -> Iterator[None]:
    use_celery(settings)
    yield
    client().delete(settings.TASK_QUEUE)


def client() -> "redis.Redis":
    return redis.Redis.from_url(django_settings.REDIS_URL)


def messages() -> list[str]:
    """What waits in the broker: the job that each message names, oldest first."""
    waiting = cast("list[bytes]", client().lrange(django_settings.TASK_QUEUE, 0, -1))
    bodies = [base64.b64decode(json.loads(each)["body"]) for each in reversed(waiting)]
    return [json.loads(body)[0][0] for body in bodies]


@pytest.mark.full
@pytest.mark.usefixtures("celery")
@pytest.mark.django_db(transaction=True)
class TestCelery:
    def test_a_job_is_told_when_it_is_committed_and_not_before(self) -> None:
        media_file = make_media()
        with transaction.atomic():
            job = make_job(media_file)
            assert messages() == []
        assert messages() == [str(job.pk)]
        assert not Task.objects.exists()

    def test_what_is_rolled_back_is_not_told(self) -> None:
        with contextlib.suppress(RuntimeError), transaction.atomic():
            make_job()
            raise RuntimeError
        assert messages() == []

    def test_a_long_source_does_not_flood_the_broker(self) -> None:
        media_file = make_media()
        specs = [queue.Spec(kind="ladder", media_file=media_file, position=n) for n in range(1800)]
        jobs = queue.enqueue_many(specs)
        assert messages() == [str(job.pk) for job in jobs[: engines.MESSAGES_MAX]]

    def test_a_change_of_priority_is_told(self) -> None:
        job = make_job()
        client().delete(django_settings.TASK_QUEUE)
        queue.raise_priority([job], to=95, is_urgent=True)
        assert messages() == [""]

    def test_rows_from_the_time_before_are_removed(self, settings: Settings) -> None:
        settings.TASK_ENGINE = "background_tasks"
        make_job()
        settings.TASK_ENGINE = "celery"
        assert engines.audit() == 0
        assert not Task.objects.exists()

    def test_nobody_waits_long_for_a_broker_that_is_away(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        lost = Celery("lost", broker=f"redis://127.0.0.1:{free_port()}/0")
        monkeypatch.setattr(core.celery, "app", lost)
        began = time.monotonic()
        make_job()
        assert time.monotonic() - began < 2
        assert "no wake-up sent" in caplog.text
        assert Job.objects.get().state == "queued"

    def test_a_lost_message_costs_a_second(self, start: Start, settings: Settings) -> None:
        start()
        settings.TASK_QUEUE = "nobody-listens-here"
        make_job()
        assert wait_until(lambda: Job.objects.get().state == "done") < 2
        client().delete("nobody-listens-here")

    def test_a_worker_works_without_the_broker_and_hears_it_again(
        self, start: Start, tmp_path: Path
    ) -> None:
        port = free_port()
        server = [str(find("redis-server")), "--port", str(port), "--save", "", "--dir"]
        worker = start(CELERY_BROKER_URL=f"redis://127.0.0.1:{port}/0")
        make_job()
        assert wait_until(lambda: Job.objects.get().state == "done") < 2
        with running([*server, str(tmp_path)], port=port):
            there = redis.Redis(port=port)
            wait_until(lambda: there.exists(f"_kombu.binding.{django_settings.TASK_QUEUE}"), 40)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0

    def test_the_command_of_celery_makes_a_video(self, start: Start, tmp_path: Path) -> None:
        start("-m", "celery", "-A", "core", "worker", "-c", "2")
        media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=3))
        wait_until(lambda: MediaFile.objects.get(pk=media_file.pk).state == "completed", 60)
        assert WorkerBeat.objects.get().slots == 2
        assert messages() == []

    def test_a_pool_of_processes_is_refused(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "core", "worker", "-P", "solo"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert done.returncode != 0
        assert "--pool threads" in done.stdout + done.stderr


# --- Settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"TASK_ENGINE": "celery"}, "CELERY_BROKER_URL or REDIS_URL"),
        ({"TASK_ENGINE": "rabbits"}, "background_tasks or celery"),
    ],
)
def test_an_engine_that_cannot_run_is_refused(environment: dict[str, str], complaint: str) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("REDIS_URL", "CELERY_BROKER_URL")}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "core.settings.dev"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert complaint in done.stderr
