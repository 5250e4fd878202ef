"""People see the work on their media, try it again and end it; strangers see nothing."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from media.models import Job, MediaFile
from tests.factories.jobs import claim, client, make_job, make_media
from users.models import Role

pytestmark = pytest.mark.django_db


def listed(asking: APIClient, query: str = "") -> list[dict[str, Any]]:
    answer = asking.get(f"/api/jobs/{query}")
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def failed_job() -> Job:
    job = make_job()
    MediaFile.objects.update(state="failed", error_code="encoding-failed")
    claim().give_up("encoding-failed", "It could not be encoded.")
    return job


def test_one_sees_the_jobs_of_ones_own_media() -> None:
    job = make_job(make_media("ada"))
    make_job(make_media("bob"))
    (shown,) = listed(client("ada"))
    assert (shown["id"], shown["video_id"]) == (str(job.pk), str(job.media_file_id))
    assert (shown["state"], shown["kind"], shown["error"]) == ("queued", "ladder", None)


def test_an_administrator_sees_all() -> None:
    make_job(make_media("ada"))
    make_job(make_media("bob"))
    assert len(listed(client("root", Role.ADMIN))) == 2


def test_nobody_sees_none() -> None:
    assert APIClient().get("/api/jobs/").status_code == 401


def test_jobs_are_listed_by_state_and_by_video() -> None:
    asked, other = make_media("ada"), make_media("ada")
    make_job(asked), make_job(other)
    claim()
    mine = client("ada")
    assert len(listed(mine, "?state=running")) == 1
    assert [job["video_id"] for job in listed(mine, f"?video_id={other.pk}")] == [str(other.pk)]
    assert mine.get("/api/jobs/?state=nonsense").status_code == 400


def test_pages_follow_each_other() -> None:
    for position in range(5):
        make_job(position=position)
    mine = client("ada")
    first = mine.get("/api/jobs/?limit=3").json()
    second = mine.get(first["next"]).json()
    assert len(first["results"]) + len(second["results"]) == 5


def test_a_failed_job_shows_its_reason() -> None:
    failed_job()
    (shown,) = listed(client("ada"))
    assert shown["error"]["code"] == "encoding-failed"
    assert shown["error"]["detail"] == "It could not be encoded."


def test_a_failed_job_is_tried_again_and_its_video_goes_on() -> None:
    job = failed_job()
    answer = client("ada").post(f"/api/jobs/{job.pk}/retry/")
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    media_file = MediaFile.objects.get()
    assert (media_file.state, media_file.error_code, media_file.version) == ("in_queue", "", 1)


def test_a_video_with_another_failed_job_stays_failed() -> None:
    job = failed_job()
    other = make_job(job.media_file)
    claim().give_up("encoding-failed", "This one neither.")
    client("ada").post(f"/api/jobs/{job.pk}/retry/")
    assert MediaFile.objects.get().state == "failed"
    client("ada").post(f"/api/jobs/{other.pk}/retry")
    assert MediaFile.objects.get().state == "in_queue"


def test_a_job_that_is_done_cannot_be_tried_again() -> None:
    job = make_job()
    Job.objects.update(state="done")
    answer = client("ada").post(f"/api/jobs/{job.pk}/retry/")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")


def test_cancelling_twice_is_cancelling_once() -> None:
    job = make_job()
    for spelling in ("cancel/", "cancel"):
        answer = client("ada").post(f"/api/jobs/{job.pk}/{spelling}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert MediaFile.objects.get().state == "cancelled"


def test_a_job_that_is_done_cannot_be_cancelled() -> None:
    job = make_job()
    Job.objects.update(state="done")
    answer = client("ada").post(f"/api/jobs/{job.pk}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")
    assert MediaFile.objects.get().state == "in_queue"


def test_a_video_can_do_without_its_poster() -> None:
    job = make_job(kind="poster")
    client("ada").post(f"/api/jobs/{job.pk}/cancel/")
    assert MediaFile.objects.get().state == "in_queue"


@pytest.mark.parametrize("act", ["retry", "cancel"])
def test_the_jobs_of_others_are_not_there(act: str) -> None:
    job = make_job(make_media("ada"))
    answer = client("mallory").post(f"/api/jobs/{job.pk}/{act}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")
    assert Job.objects.get().state == "queued"


def test_an_administrator_may_end_any_job() -> None:
    job = make_job(make_media("ada"))
    assert client("root", Role.SUPER_ADMIN).post(f"/api/jobs/{job.pk}/cancel/").status_code == 200


def test_an_administrator_lets_a_job_go_first() -> None:
    make_job(make_media("ada"), kind="audio")
    late = make_job(make_media("bob"))
    root = client("root", Role.ADMIN)
    answer = root.patch(f"/api/jobs/{late.pk}/", {"priority": 94})
    assert (answer.status_code, answer.json()["priority"]) == (200, 94)
    assert answer.json()["queue"]["position"] == 1
    assert claim().job == late
    answer = root.patch(f"/api/jobs/{late.pk}/", {"priority": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")


@pytest.mark.parametrize("priority", [-1, 95, 1000, "high"])
def test_nothing_goes_before_what_viewers_wait_for(priority: object) -> None:
    job = make_job()
    answer = client("root", Role.ADMIN).patch(f"/api/jobs/{job.pk}/", {"priority": priority})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_owners_do_not_move_their_own_jobs_up() -> None:
    job = make_job(make_media("ada"))
    answer = client("ada").patch(f"/api/jobs/{job.pk}/", {"priority": 94})
    assert (answer.status_code, answer.json()["code"]) == (403, "administrators-only")
    assert client("bob").patch(f"/api/jobs/{job.pk}/", {"priority": 94}).status_code == 404
