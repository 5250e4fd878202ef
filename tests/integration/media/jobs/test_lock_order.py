"""Those who end the work on a video and those who do it lock their rows in the same order."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from media.jobs.claim import Claim, LeaseLost, claim_job
from media.jobs.sweep import requeue_expired
from media.models import Job, MediaFile
from media.services import deletion, jobs, videos
from media.services.changes import announce, lock
from tests.factories.jobs import make_job
from tests.factories.media import make_media_file

pytestmark = pytest.mark.django_db(transaction=True)


def cancel_video(job: Job) -> None:
    videos.cancel(actor=job.media_file.owner, media_id=job.media_file_id)


def delete_video(job: Job) -> None:
    deletion.delete_media(actor=job.media_file.owner, media_id=job.media_file_id)


def cancel_job(job: Job) -> None:
    jobs.cancel_job(actor=job.media_file.owner, job_id=job.pk)


def sweep(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now(), losses=100)
    assert requeue_expired() in (0, 1)


class Recorder(threading.Thread):
    """A worker in the middle of a transaction that writes results."""

    def __init__(self, claim: Claim) -> None:
        super().__init__()
        self.claim = claim
        self.is_recording = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self.claim.recording():
                self.is_recording.set()
                time.sleep(0.5)
                announce(lock(self.claim.job.media_file_id), duration_seconds=3.0)
        except (OperationalError, LeaseLost) as error:
            self.error = error
        finally:
            connection.close()


@pytest.mark.parametrize("end", [cancel_video, delete_video, cancel_job, sweep])
def test_ending_the_work_waits_for_a_worker_that_records(end: Callable[[Job], None]) -> None:
    media_file = make_media_file(state="processing")
    make_job(media_file, kind="ladder", args={"piece": 0})
    claim = claim_job(worker="at-work")
    assert claim is not None
    recorder = Recorder(claim)
    recorder.start()
    assert recorder.is_recording.wait(10)
    with transaction.atomic():
        end(claim.job)
    recorder.join(10)
    assert recorder.error is None
    left = MediaFile.objects.filter(pk=media_file.pk).first()
    assert left is None or left.duration_seconds == 3.0
