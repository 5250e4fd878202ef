"""`manage.py serve`: one process tree that comes and goes as one."""

import contextlib
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
from django.core.management import CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from core.management.commands.serve import refuse_pending_migrations
from tests.product import Product, prepared


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with prepared(tmp_path_factory.mktemp("serve"), WORKER_PROCESSES="1") as product:
        yield product


@pytest.fixture
def instance(schema: Product) -> Iterator[Product]:
    yield schema
    schema.stop()


def tree(product: Product) -> list[psutil.Process]:
    """The server and everything below it, as soon as there is a worker."""
    deadline = time.monotonic() + 20
    server = psutil.Process(product.process.pid)
    while not server.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return [server, *server.children(recursive=True)]


def wait_until_gone(processes: list[psutil.Process]) -> None:
    _gone, alive = psutil.wait_procs(processes, timeout=15)
    with contextlib.suppress(psutil.NoSuchProcess):
        assert not [process for process in alive if process.status() != "zombie"]


def is_healthy(product: Product) -> bool:
    with contextlib.suppress(OSError):
        return bool(product.call("GET", "/health")["worker"] == "ok")
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_prints_its_address_and_leaves_nobody(instance: Product, number: signal.Signals) -> None:
    instance.start()
    processes = tree(instance)
    assert len(processes) == 2
    assert f"http://127.0.0.1:{instance.port}/" in instance.log()
    instance.process.send_signal(number)
    assert instance.process.wait(15) == 0
    wait_until_gone(processes)


def test_a_killed_worker_comes_back_and_a_killed_server_takes_its_worker_along(
    instance: Product,
) -> None:
    instance.start()
    (_server, worker) = tree(instance)
    worker.kill()
    deadline = time.monotonic() + 20
    while worker.is_running() or not tree(instance)[1:] or not is_healthy(instance):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    processes = tree(instance)
    instance.kill()
    wait_until_gone(processes)


def test_it_says_when_its_port_is_taken(instance: Product) -> None:
    instance.start()
    with pytest.raises(RuntimeError, match=f"Cannot listen on 127.0.0.1:{instance.port}"):
        instance.manage("serve")


@pytest.mark.django_db
def test_it_says_when_the_database_is_behind() -> None:
    refuse_pending_migrations()
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("media")
    MigrationRecorder(connection).record_unapplied(*newest)
    with pytest.raises(CommandError, match=r"behind the code by \d+ migrations: run"):
        refuse_pending_migrations()
