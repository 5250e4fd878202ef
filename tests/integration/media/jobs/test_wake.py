"""An idle worker hears at once that something was enqueued."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from media.jobs import wake
from media.jobs.crew import Bell
from media.jobs.wake import Listener
from tests.factories.jobs import make_job, make_media


@pytest.fixture
def listener() -> Iterator[Listener]:
    ear = wake.listener()
    ear.wait(0.1)  # a new connection may count as a call
    yield ear
    ear.close()


@pytest.mark.django_db(transaction=True)
def test_enqueuing_wakes(listener: Listener) -> None:
    make_job()
    assert listener.wait(2)


@pytest.mark.django_db(transaction=True)
def test_nobody_is_woken_before_the_commit(listener: Listener) -> None:
    media_file = make_media()
    with transaction.atomic():
        make_job(media_file)
        assert not listener.wait(0.1)
    assert listener.wait(2)


@pytest.mark.django_db(transaction=True)
def test_many_calls_are_one(listener: Listener) -> None:
    with transaction.atomic():
        for _ in range(20):
            wake.wake()
    assert listener.wait(2)
    assert not listener.wait(0.05)


@pytest.mark.django_db(transaction=True)
def test_all_listeners_hear(listener: Listener) -> None:
    other = wake.listener()
    other.wait(0.1)
    make_job()
    assert listener.wait(2)
    assert other.wait(2)
    other.close()


def test_a_path_that_is_too_long_moves_to_a_short_private_folder(
    settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path / ("long" * 30)
    folder = wake._folder()
    assert len(str(folder)) <= wake.FOLDER_MAX_BYTES
    assert folder.stat().st_mode & 0o777 == 0o700
    ear = wake.SocketListener()
    wake._ring()
    assert ear.wait(1)
    ear.close()
    folder.rmdir()


def test_the_socket_of_a_killed_worker_is_cleared_away(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    dead = wake.SocketListener()
    dead._socket.close()
    wake._ring()
    assert not dead.path.exists()


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_a_broken_connection_is_opened_again() -> None:
    ear = wake.NotifyListener()
    ear.wait(0.1)
    assert ear._connection is not None
    pid = ear._connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    while ear._connection is not None:
        ear.wait(1)
    assert (ear.poll_seconds, ear.wait(1)) == (0.2, True)
    wake.wake()
    assert ear.wait(2)
    ear.close()


def test_a_ring_between_looking_and_waiting_is_not_lost() -> None:
    bell = Bell()
    seen = bell.count
    bell.ring()
    began = time.monotonic()
    bell.wait(seen, 5)
    assert time.monotonic() - began < 1


def test_a_ring_wakes_everybody_who_waits() -> None:
    bell = Bell()
    threads = [threading.Thread(target=bell.wait, args=(bell.count, 10)) for _ in range(3)]
    for thread in threads:
        thread.start()
    bell.ring()
    for thread in threads:
        thread.join(2)
    assert not any(thread.is_alive() for thread in threads)
