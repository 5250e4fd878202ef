"""The background edge: how a job ends is translated into what becomes of it."""

from collections.abc import Callable

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from media import worker
from media.ffmpeg import aside
from media.ffmpeg.errors import ToolFailed, UnreadableMedia
from media.jobs import queue
from media.jobs.claim import Claim, LeaseLost, Stopping
from media.models import Job
from media.storage.local import LocalStore
from media.tasks import work
from tests.factories.jobs import claim, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def raising(error: Exception) -> Callable[[Claim], None]:
    def perform(claim: Claim) -> None:
        raise error

    return perform


def do(perform: Callable[[Claim], None]) -> Job:
    """What becomes of a job that `perform` does."""
    make_job()
    worker.do_job(claim(), perform)
    return Job.objects.get()


def test_what_returns_is_done() -> None:
    assert do(lambda _claim: None).state == "done"


def test_what_finished_by_itself_is_not_finished_twice() -> None:
    def perform(claim: Claim) -> None:
        with claim.recording():
            claim.finish()

    assert do(perform).state == "done"


@pytest.mark.parametrize(("kind", "waits"), [("early", False), ("on_demand", True)])
def test_others_stand_still_only_for_what_somebody_waits_for(kind: str, waits: bool) -> None:
    seen: list[bool] = []
    make_job(kind=kind)
    worker.do_job(claim(), lambda _claim: seen.append(aside._somebody_waits.get()))
    assert seen == [waits]


def test_an_unreadable_source_is_given_up_with_its_reason() -> None:
    job = do(raising(UnreadableMedia("not-a-video", "This file is not a video.")))
    assert (job.state, job.error_code) == ("failed", "not-a-video")
    assert job.error_detail == "This file is not a video."


def test_a_failed_tool_is_tried_again_and_its_log_is_not_shown_to_people() -> None:
    job = do(raising(ToolFailed("exit 1", log="/srv/reelay/secret.mp4: no such file")))
    assert (job.state, job.failures, job.error_code) == ("queued", 1, "encoding-failed")
    assert "/srv" not in job.error_detail


@pytest.mark.parametrize("error", [ToolFailed("exit 1"), OSError(28, "No space left on device")])
def test_a_failure_on_a_full_disk_costs_no_try(settings: Settings, error: Exception) -> None:
    settings.STORAGE_RESERVE_BYTES = 1 << 60
    job = do(raising(error))
    assert (job.state, job.failures, job.error_code) == ("queued", 0, "out-of-space")
    assert Job.objects.filter(run_after__gt=Now()).exists()


def test_a_store_that_is_away_is_a_failure_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def free_bytes(_store: LocalStore) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(LocalStore, "free_bytes", free_bytes)
    assert do(raising(ToolFailed("exit 1"))).failures == 1


def test_a_mistake_of_ours_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    job = do(raising(ZeroDivisionError()))
    assert (job.state, job.failures, job.error_code) == ("queued", 1, "internal-error")
    assert "ZeroDivisionError" in caplog.text


def test_a_lost_lease_is_dropped_quietly(caplog: pytest.LogCaptureFixture) -> None:
    job = do(raising(LeaseLost()))
    assert (job.state, job.failures) == ("running", 0)
    assert not caplog.records


def test_what_has_to_stop_is_handed_back() -> None:
    job = do(raising(Stopping()))
    assert (job.state, job.failures, job.losses) == ("queued", 0, 0)


def test_a_tool_that_our_own_end_killed_says_nothing_about_the_job() -> None:
    def perform(claim: Claim) -> None:
        claim.stop()
        raise ToolFailed("killed by signal 9")

    job = do(perform)
    assert (job.state, job.failures) == ("queued", 0)


def test_a_job_cancelled_meanwhile_stays_cancelled() -> None:
    def perform(claim: Claim) -> None:
        queue.cancel_jobs(claim.job.media_file)

    assert do(perform).state == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_does_the_best_job_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "performer", lambda: lambda _claim: None)
    woken, best = make_job(kind="ladder"), make_job(kind="ingest")
    work.now(str(woken.pk))
    assert Job.objects.get(state="done") == best
