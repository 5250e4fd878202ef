"""The owner of a video ends the work on it, and may let it go on later."""

import pytest

from media.jobs.claim import LeaseLost
from media.models import Job, MediaFile
from tests.factories.jobs import claim, make_job, make_media, make_owner
from tests.factories.users import client_of

pytestmark = pytest.mark.django_db


def cancel(media_file: MediaFile, *, by: str = "ada") -> tuple[int, str]:
    answer = client_of(make_owner(by)).post(f"/api/videos/{media_file.pk}/cancel/")
    body = answer.json()
    return answer.status_code, body.get("code") or body["status"]


def test_nothing_of_it_waits_or_runs_any_more() -> None:
    video = make_media(state="processing")
    for position in range(3):
        make_job(video, position=position)
    running = claim()
    assert cancel(video) == cancel(video) == (200, "cancelled")
    assert set(Job.objects.values_list("state", flat=True)) == {"cancelled"}
    with pytest.raises(LeaseLost), running.recording():
        pass


def test_it_goes_on_when_it_is_tried_again() -> None:
    video = make_media()
    make_job(video, kind="ingest")
    cancel(video)
    answer = client_of(make_owner()).post(f"/api/videos/{video.pk}/retry/")
    assert answer.json()["status"] == "in_queue"
    assert claim().job.kind == "ingest"


@pytest.mark.parametrize("state", ["completed", "failed", "uploading"])
def test_what_is_at_rest_or_arrives_cannot_be_cancelled(state: str) -> None:
    assert cancel(make_media(state=state)) == (409, "illegal-transition")


def test_nobody_else_cancels_it() -> None:
    hidden, seen = make_media(), make_media(visibility="public")
    assert cancel(hidden, by="mallory") == (404, "video-not-found")
    assert cancel(seen, by="mallory") == (403, "not-your-video")
    assert not MediaFile.objects.filter(state="cancelled").exists()
