"""A video that is deleted at whatever stage is gone within ten seconds, and does not come back."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from background_task.models import Task
from django.conf import settings
from django.db import transaction

from media.jobs import engines
from media.models import Job, MediaFile, Plan, Rendition, Segment, Upload
from media.services import plans
from media.services.changes import lock
from media.services.deletion import delete_media
from media.services.ingest import LEAD_SECONDS
from media.services.on_demand import request_segment
from tests.factories.jobs import make_job
from tests.factories.media import make_clip, make_planned, make_uploaded, plan_clip
from tests.integration.media.jobs.conftest import HERE, LEASE_SECONDS, Start, wait_until
from tests.product import descendants

pytestmark = pytest.mark.django_db(transaction=True)

GONE_SECONDS = 10
#: Two leases and two sweeps: whatever requeues work has had its turn.
STAYS_GONE_SECONDS = 2 * LEASE_SECONDS + 2

Stage = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def worker_at(start: Start, tmp_path: Path) -> Stage:
    """Starts a worker that stays at a stage."""

    def worker_at(stage: str) -> "subprocess.Popen[bytes]":
        # What stays there tells its number, which is another one inside a sandbox.
        files = {
            "FFMPEG_SANDBOX": "off",
            "STAGE_REACHED": str(tmp_path / "reached"),
            "STAGE_GO": str(tmp_path / "go"),
        }
        command = ("manage.py", "process_tasks", "--perform", f"{HERE}.stages.perform")
        return start(*command, STAGE=stage, **files)

    return worker_at


def reached(tmp_path: Path) -> psutil.Process:
    """The process that waits at the stage, once it is there."""
    wait_until((tmp_path / "reached").exists, 60)
    return psutil.Process(int((tmp_path / "reached").read_text()))


def leftovers() -> list[object]:
    """Rows and files of any video."""
    kinds = (MediaFile, Plan, Rendition, Segment, Job, Upload)
    rows = [row for kind in kinds for row in kind.objects.all()]
    wake_ups = list(Task.objects.filter(task_name=engines.WORK))
    files = [name for _folder, _folders, names in os.walk(settings.MEDIA_ROOT) for name in names]
    return [*rows, *wake_ups, *files]


def busy_with(worker: "subprocess.Popen[bytes]", process: psutil.Process) -> list[psutil.Process]:
    """What still runs of the process at the stage; the worker itself goes on."""
    alive = [process] if process.pid != worker.pid and process.is_running() else []
    return alive + descendants(psutil.Process(worker.pid), "ffmpeg", "sleep")


def assert_gone(worker: "subprocess.Popen[bytes]", process: psutil.Process) -> None:
    wait_until(lambda: not leftovers() and not busy_with(worker, process), GONE_SECONDS)
    time.sleep(STAYS_GONE_SECONDS)
    assert (leftovers(), busy_with(worker, process)) == ([], [])
    assert worker.poll() is None


def delete(media_file: MediaFile) -> None:
    delete_media(actor=media_file.owner, media_id=media_file.pk)


def clip_for(stage: str, folder: Path) -> Path:
    """For the jobs that copy, packets that can be copied; else longer than what leads."""
    if stage == "copy":
        return make_clip(folder / "clip.mp4", seconds=20, codec="libx264", size="640x360")
    return make_clip(folder / "clip.mp4", seconds=LEAD_SECONDS + 15)


def test_while_it_is_queued(worker_at: Stage, tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=2))
    delete(media_file)
    worker = worker_at("nowhere")
    assert_gone(worker, psutil.Process(worker.pid))


@pytest.mark.parametrize("stage", ["ingest", "ladder", "poster", "publishing"])
def test_in_the_middle_of(stage: str, worker_at: Stage, tmp_path: Path) -> None:
    media_file = make_uploaded(clip_for(stage, tmp_path))
    worker = worker_at(stage)
    process = reached(tmp_path)
    delete(media_file)
    (tmp_path / "go").touch()
    assert_gone(worker, process)


@pytest.mark.parametrize("stage", ["lead", "audio", "copy"])
def test_in_the_middle_of_what_follows_the_first_look(
    stage: str, worker_at: Stage, tmp_path: Path
) -> None:
    media_file = make_planned(plan_clip(clip_for(stage, tmp_path), tmp_path))
    args = {"piece": 1} if stage == "lead" else {}
    make_job(media_file, kind=stage, args=args)
    worker = worker_at(stage)
    process = reached(tmp_path)
    delete(media_file)
    assert_gone(worker, process)


def test_while_a_viewer_waits_for_a_segment(worker_at: Stage, tmp_path: Path) -> None:
    media_file = make_planned(plan_clip(clip_for("on_demand", tmp_path), tmp_path))
    request_segment(media_id=media_file.pk, plan_number=1, rung="72p", number=2)
    worker = worker_at("on_demand")
    process = reached(tmp_path)
    delete(media_file)
    assert_gone(worker, process)


def test_while_it_is_encoded_anew(worker_at: Stage, tmp_path: Path) -> None:
    media_file = make_planned(plan_clip(clip_for("ingest", tmp_path), tmp_path))
    with transaction.atomic():
        plans.begin(lock(media_file.pk))
    worker = worker_at("ingest")
    process = reached(tmp_path)
    delete(media_file)
    assert_gone(worker, process)


def test_by_a_worker_that_is_killed_then(worker_at: Stage, tmp_path: Path) -> None:
    media_file = make_uploaded(clip_for("ladder", tmp_path))
    killed = worker_at("ladder")
    process = reached(tmp_path)
    other = worker_at("nowhere")
    delete(media_file)
    killed.kill()
    killed.wait()
    assert_gone(other, process)
