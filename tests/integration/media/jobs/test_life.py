"""A worker that dies is missed at once by the others on its machine."""

import fcntl
from pathlib import Path

import pytest
from pytest_django import Settings

from media.ffmpeg import sandbox
from media.jobs import life, sweep
from media.models import Job, WorkerBeat
from tests.factories.jobs import claim, make_job
from tests.integration.media.jobs.conftest import Start, wait_until


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "run" / "workers"


def leave_behind(folder: Path, worker: str) -> Path:
    """What is left of a worker that was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / worker).write_bytes(life._kernel())
    return folder / worker


def test_who_lives_is_not_dead_and_leaves_nothing(folder: Path) -> None:
    with life.shown("host:1"):
        assert life.dead("host:1") == []
        assert [file.name for file in folder.iterdir()] == ["host:1"]
    assert list(folder.iterdir()) == []


def test_who_left_a_file_without_its_lock_is_dead_until_buried(folder: Path) -> None:
    leave_behind(folder, "host:2")
    assert life.dead("host:1") == ["host:2"]
    life.bury("host:2")
    assert life.dead("host:1") == []


def test_each_is_watched_by_those_before_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (2, 4, 6):
        leave_behind(folder, f"host:{number}")
    monkeypatch.setattr(life, "WATCHERS", 2)
    with life.shown("host:1"), life.shown("host:3"), life.shown("host:5"), life.shown("host:7"):
        assert life.dead("host:1") == ["host:2", "host:4"]
        assert life.dead("host:3") == ["host:4", "host:6"]
        assert life.dead("host:5") == ["host:6"]
        assert life.dead("host:7") == ["host:2"]


def test_a_file_of_another_machine_says_nothing(folder: Path) -> None:
    leave_behind(folder, "other:3").write_bytes(b"another start of another machine")
    assert life.dead("host:1") == []


def test_a_folder_that_cannot_lock_stops_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with life.shown("host:4"):
        assert not (folder / "host:4").exists()
    assert "only the leases show" in caplog.text


@pytest.mark.django_db
def test_what_the_dead_held_is_free_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[bool] = []
    monkeypatch.setattr(sandbox, "end_left_behind", lambda: swept.append(True))
    sweep.release_dead("host:1")
    assert not swept
    make_job()
    claim("host:5:0")
    leave_behind(folder, "host:5")
    sweep.release_dead("host:1")
    assert Job.objects.get().state == "queued"
    assert life.dead("host:1") == []
    assert swept


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("engine")
def test_a_killed_worker_is_missed_long_before_its_lease_is_over(start: Start) -> None:
    first = start(JOB_LEASE_SECONDS="60")
    make_job(args={"seconds": 60})
    wait_until(lambda: Job.objects.get().state == "running")
    start(JOB_LEASE_SECONDS="60")
    first.kill()
    first.wait()
    assert wait_until(lambda: Job.objects.get().token == 2) < 3
    wait_until(lambda: WorkerBeat.objects.count() == 1)
