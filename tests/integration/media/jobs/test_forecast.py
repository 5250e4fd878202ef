"""People see where their work stands and when it probably begins; what is unknown is null."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from media.jobs.clock import in_seconds
from media.jobs.forecast import Pace, forecasts, recent_pace
from media.models import Job, MediaFile, WorkerBeat
from tests.factories.jobs import claim, client, make_job, make_media, make_owner
from users.models import Role

pytestmark = pytest.mark.django_db


def work(*, slots: int = 1) -> None:
    """A worker is alive."""
    WorkerBeat.objects.create(worker=f"w{uuid4()}", slots=slots, beat_at=Now(), started_at=Now())


def done(kind: str, *, seconds: float, media_file: MediaFile | None = None) -> None:
    """A job of this kind was done a moment ago and took so long."""
    job = make_job(media_file or make_media("past"), kind=kind)
    Job.objects.filter(pk=job.pk).update(
        state="done", started_at=in_seconds(-seconds - 1), finished_at=in_seconds(-1)
    )


def positions(*jobs: Job) -> list[int | None]:
    rows = Job.objects.select_related("media_file").filter(pk__in=[job.pk for job in jobs])
    found = forecasts(list(rows))
    return [found[job.pk].position for job in jobs]


def seconds_until(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - datetime.now(UTC)).total_seconds()


# --- Position ---------------------------------------------------------------------------------


def test_what_is_more_important_stands_before() -> None:
    ladder, ingest, audio = (make_job(kind=kind) for kind in ("ladder", "ingest", "audio"))
    assert positions(ladder, ingest, audio) == [3, 1, 2]


def test_of_one_owner_first_pieces_stand_before() -> None:
    media_file = make_media()
    later, first = (make_job(media_file, position=position) for position in (5, 0))
    assert positions(later, first) == [2, 1]


def test_each_of_many_jobs_of_one_owner_has_its_own_place() -> None:
    media_file = make_media()
    jobs = [make_job(media_file, position=position) for position in range(5)]
    assert positions(*jobs) == [1, 2, 3, 4, 5]
    assert positions(jobs[4], jobs[1]) == [5, 2]


def test_a_short_queue_waits_for_as_many_turns_of_a_long_one_and_no_more() -> None:
    lecture, clip = make_media("lecturer"), make_media("guest")
    for position in range(50):
        make_job(lecture, position=position)
    first, second = (make_job(clip, position=position) for position in (0, 1))
    assert positions(first, second) in ([1, 3], [2, 4])


def test_an_owner_whose_job_runs_stands_behind_one_whose_does_not() -> None:
    make_job(make_media("busy"), position=0)
    claim()
    busy, idle = make_job(make_media("busy"), position=1), make_job(make_media("idle"))
    assert positions(idle, busy) == [1, 2]


def test_whoever_is_claimed_next_stood_among_the_first_of_each_owner() -> None:
    for owner, count in (("ann", 4), ("bob", 2), ("cyd", 3)):
        media_file = make_media(owner)
        for position in range(count):
            make_job(media_file, position=position)
    while Job.objects.filter(state="queued").exists():
        jobs = list(Job.objects.select_related("media_file").filter(state="queued"))
        found = forecasts(jobs)
        taken = claim()
        # Of owners who are alike, the one who was served longest ago comes first.
        assert found[taken.job.pk].position in (1, 2, 3)
        with taken.recording():
            taken.finish()
    assert not Job.objects.exclude(state="done").exists()


# --- Estimate ---------------------------------------------------------------------------------


def test_the_estimate_is_what_stands_before_at_the_pace_of_the_last_jobs() -> None:
    work(slots=2)
    for seconds in (4, 8):
        done("ladder", seconds=seconds)
    jobs = [make_job(position=position) for position in range(5)]
    last = forecasts([Job.objects.select_related("media_file").get(pk=jobs[4].pk)])[jobs[4].pk]
    # Four pieces of six seconds on two slots, and then its own six.
    assert last.position == 5
    assert seconds_until(last.begins_at) == pytest.approx(12, abs=1.5)
    assert seconds_until(last.ends_at) == pytest.approx(18, abs=1.5)


def test_an_owner_at_the_bound_waits_longer_than_there_are_slots(settings: Settings) -> None:
    settings.JOBS_PER_OWNER = 1
    work(slots=10)
    done("ladder", seconds=6)
    jobs = [make_job(position=position) for position in range(5)]
    last = forecasts([Job.objects.select_related("media_file").get(pk=jobs[4].pk)])[jobs[4].pk]
    assert seconds_until(last.begins_at) == pytest.approx(24, abs=1.5)


def test_where_a_slot_is_free_the_next_job_begins_now() -> None:
    work()
    job = make_job()
    now = forecasts([Job.objects.select_related("media_file").get(pk=job.pk)])[job.pk]
    assert seconds_until(now.begins_at) == pytest.approx(0, abs=1)
    assert now.ends_at is None  # no ladder piece has been done yet


def test_a_whole_sound_track_is_estimated_by_the_seconds_of_the_source() -> None:
    work()
    short = make_media("ann", duration_seconds=100.0)
    done("audio", seconds=2, media_file=short)
    long = make_job(make_media("bob", duration_seconds=1000.0), kind="audio")
    assert recent_pace().cost("audio", 1000.0) == pytest.approx(20, abs=0.5)
    now = forecasts([Job.objects.select_related("media_file").get(pk=long.pk)])[long.pk]
    assert seconds_until(now.ends_at) == pytest.approx(20, abs=1.5)


def test_nothing_is_promised_while_nobody_works() -> None:
    done("ladder", seconds=4)
    job = make_job()
    now = forecasts([Job.objects.select_related("media_file").get(pk=job.pk)])[job.pk]
    assert (now.position, now.begins_at, now.ends_at) == (1, None, None)


def test_nothing_is_promised_behind_work_of_an_unknown_length() -> None:
    work()
    done("ladder", seconds=4)
    make_job(kind="ingest"), make_job(kind="ingest")
    job = make_job()
    now = forecasts([Job.objects.select_related("media_file").get(pk=job.pk)])[job.pk]
    assert (now.position, now.begins_at) == (3, None)


def test_a_job_that_waits_after_a_failure_begins_no_earlier_than_that() -> None:
    work()
    job = make_job()
    Job.objects.filter(pk=job.pk).update(run_after=in_seconds(30))
    now = forecasts([Job.objects.select_related("media_file").get(pk=job.pk)])[job.pk]
    assert seconds_until(now.begins_at) == pytest.approx(30, abs=1.5)


def test_a_job_that_runs_has_an_end_and_no_position() -> None:
    work()
    done("ladder", seconds=10)
    make_job()
    taken = claim()
    job = Job.objects.select_related("media_file").get(pk=taken.job.pk)
    now = forecasts([job])[job.pk]
    assert (now.position, now.begins_at) == (None, None)
    assert seconds_until(now.ends_at) == pytest.approx(10, abs=1.5)


def test_the_cost_of_an_unknown_kind_is_not_known() -> None:
    assert Pace(per_job={"ladder": 3.0}).cost("copy", 60.0) is None


# --- Over HTTP --------------------------------------------------------------------------------


def listed(asking: APIClient, query: str = "") -> list[dict[str, Any]]:
    answer = asking.get(f"/api/jobs/{query}")
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_a_waiting_job_is_shown_with_its_place_its_title_and_its_owner() -> None:
    job = make_job(make_media("ada", title="My lecture"))
    shown = client("ada").get(f"/api/jobs/{job.pk}/").json()
    assert shown["queue"] == {"position": 1, "begins_at": None, "ends_at": None}
    assert (shown["title"], shown["owner"]["username"], shown["attempts"]) == (
        "My lecture",
        "ada",
        0,
    )


def test_a_job_that_is_over_has_no_place() -> None:
    job = make_job()
    Job.objects.update(state="cancelled")
    assert client("ada").get(f"/api/jobs/{job.pk}").json()["queue"] is None


def test_a_failed_job_says_what_happened_and_what_to_do() -> None:
    make_job()
    taken = claim()
    taken.give_up("encoding-failed", "This part of the video could not be encoded.")
    error = client("ada").get(f"/api/jobs/{taken.job.pk}/").json()["error"]
    assert error["detail"] == "This part of the video could not be encoded."
    assert error["advice"].startswith("Try again.")


def test_the_job_of_another_is_not_there() -> None:
    job = make_job(make_media("ada"))
    answer = client("mallory").get(f"/api/jobs/{job.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")
    assert client("root", Role.ADMIN).get(f"/api/jobs/{job.pk}/").status_code == 200
    assert APIClient().get(f"/api/jobs/{job.pk}/").status_code == 401


def test_an_administrator_chooses_by_owner_and_by_kind() -> None:
    make_job(make_media("ada"), kind="audio"), make_job(make_media("ada"))
    make_job(make_media("bob"))
    root = client("root", Role.ADMIN)
    ada = make_owner("ada")
    assert len(listed(root, f"?owner={ada.pk}")) == 2
    assert [job["kind"] for job in listed(root, f"?owner={ada.pk}&kind=audio")] == ["audio"]
    assert root.get("/api/jobs/?kind=nonsense").status_code == 400


def test_the_owner_of_a_filter_opens_no_door() -> None:
    make_job(make_media("ada"))
    assert listed(client("mallory"), f"?owner={make_owner('ada').pk}") == []


def test_a_page_costs_as_many_queries_as_one_job(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    work()
    for number in range(30):
        make_job(make_media(f"owner{number % 5}"), position=number)
    claim(), claim()
    root = client("root", Role.ADMIN)
    with django_assert_max_num_queries(7):
        assert len(listed(root, "?limit=30")) == 30
