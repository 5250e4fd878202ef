"""Both engines, and worker processes on the test's database."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from media.models import WorkerBeat
from tests.product import ROOT

HERE = "tests.integration.media.jobs"
LEASE_SECONDS = 2
Start = Callable[..., "subprocess.Popen[bytes]"]


def wait_until(true: Callable[[], object], seconds: float = 20) -> float:
    """How long it took until `true()`."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)
    return time.monotonic() - began


def use_celery(settings: Settings) -> None:
    """Let this test enqueue through Celery, into a queue of its own."""
    assert os.environ.get("REDIS_URL"), "the tests of Celery need a Redis server"
    settings.TASK_ENGINE = "celery"
    settings.TASK_QUEUE = f"test-{secrets.token_hex(4)}"


@pytest.fixture(params=["background_tasks", pytest.param("celery", marks=pytest.mark.full)])
def engine(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Each engine in turn: what tests say of jobs has to be true of both."""
    if request.param == "celery":
        use_celery(settings)
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts worker processes on the test's database; kills what is left of them.

    They do `deeds.perform`, or with `command` whatever that says.
    """
    processes: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"{HERE}.worker_settings",
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "TEST_VAR_DIR": str(django_settings.VAR_DIR),
        "TEST_MEDIA_ROOT": str(django_settings.MEDIA_ROOT),
        "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
        # On any machine the same.
        "WORKER_LADDER_SLOTS": "1",
        "PYTHONPATH": str(ROOT),
    }

    def start(*command: str, **overrides: str) -> "subprocess.Popen[bytes]":
        engine = {
            "TASK_ENGINE": django_settings.TASK_ENGINE,
            "TASK_QUEUE": django_settings.TASK_QUEUE,
        }
        deeds = ("manage.py", "process_tasks", "--perform", f"{HERE}.deeds.perform")
        with (tmp_path / "workers.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *(command or deeds)],
                cwd=ROOT,
                env=environment | engine | overrides,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        processes.append(process)
        wait_until(lambda: WorkerBeat.objects.filter(worker__endswith=f":{process.pid}").exists())
        return process

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    print((tmp_path / "workers.log").read_text())
