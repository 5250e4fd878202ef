"""Where a video stands is written into its row, so that pages, lists and sockets say the same."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from core.events import Event
from media.events import MediaChanged
from media.jobs.clock import in_seconds
from media.models import Job, MediaFile, WorkerBeat
from media.selectors import get_media, media_state
from media.services import changes
from media.services.changes import announce, lock
from media.services.forecasts import forecast_media
from tests.factories.jobs import claim, make_job, make_media

pytestmark = pytest.mark.django_db


def queue_of(media_file: MediaFile) -> dict[str, object] | None:
    state = media_state(media_file.pk)
    assert state is not None
    found: dict[str, object] | None = state["queue"]
    return found


def work(*, ladder_seconds: float) -> None:
    """A worker is alive, and a ladder piece took so long."""
    WorkerBeat.objects.create(worker=f"w{uuid4()}", beat_at=Now(), started_at=Now())
    job = make_job(make_media("past", state="completed"))
    Job.objects.filter(pk=job.pk).update(
        state="done", started_at=in_seconds(-ladder_seconds - 1), finished_at=in_seconds(-1)
    )


def test_videos_that_wait_know_their_place() -> None:
    videos = [make_media(name) for name in ("ann", "bob", "cyd")]
    for video in videos:
        make_job(video, kind="ingest")
    assert forecast_media() == 3
    places = [(queue_of(video) or {}).get("position") for video in videos]
    assert sorted(str(place) for place in places) == ["1", "2", "3"]


def test_a_video_is_done_when_its_last_piece_is() -> None:
    work(ladder_seconds=10)
    video = make_media("ann", state="processing")
    for position in range(4):
        make_job(video, position=position)
    forecast_media()
    video.refresh_from_db()
    assert video.queue_position == 1
    assert video.begins_at is not None
    assert video.ends_at is not None
    assert video.ends_at - video.begins_at == pytest.approx(
        timedelta(seconds=40), abs=timedelta(seconds=1)
    )


def test_while_one_of_its_jobs_runs_a_video_has_no_place_but_an_end() -> None:
    work(ladder_seconds=10)
    video = make_media("ann", state="processing")
    make_job(video, position=0), make_job(video, position=1)
    claim()
    forecast_media()
    found = queue_of(video)
    assert found is not None
    assert (found["position"], found["begins_at"]) == (None, None)
    assert found["ends_at"] is not None


def test_what_has_not_moved_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    monkeypatch.setattr(changes, "publish", told.append)
    video = make_media()
    make_job(video, kind="ingest")
    assert [forecast_media(), forecast_media()] == [1, 0]
    assert len(told) == 1
    assert isinstance(told[0], MediaChanged)
    assert told[0].version == MediaFile.objects.get(pk=video.pk).version == 1


def test_an_estimate_that_has_hardly_moved_is_not_told_again() -> None:
    work(ladder_seconds=10)
    video = make_media("ann", state="processing")
    for position in range(4):
        make_job(video, position=position)
    assert [forecast_media(), forecast_media()] == [1, 0]
    Job.objects.filter(media_file=video, position=3).delete()
    assert forecast_media() == 1


def test_a_new_state_makes_the_forecast_void() -> None:
    video = make_media()
    make_job(video, kind="ingest")
    forecast_media()
    assert queue_of(video) is not None
    announce(lock(video.pk), state="processing")
    assert queue_of(video) is None


def test_a_video_that_is_complete_stands_in_no_queue() -> None:
    video = make_media(state="completed", ends_at=timezone.now())
    assert get_media(viewer=video.owner, media_id=video.pk)["queue"] is None
    assert forecast_media() == 0
