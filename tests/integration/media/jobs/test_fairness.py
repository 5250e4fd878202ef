"""Nobody waits for ever: owners take turns, pieces get a turn of their own, what is old goes on."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from media.jobs import claim as claims
from media.jobs import queue
from media.jobs.claim import Claim, claim_job
from media.models import Job
from tests.factories.jobs import claim, make_job, make_media

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

Luck = Callable[[float], None]


@pytest.fixture
def luck(monkeypatch: pytest.MonkeyPatch) -> Luck:
    """Decide whether the next claims are among those that go to what has aged."""
    return lambda value: monkeypatch.setattr("media.jobs.claim.random.random", lambda: value)


def age(job: Job, *, seconds: float) -> None:
    """Let a job have waited for so long."""
    long = timedelta(seconds=seconds)
    Job.objects.filter(pk=job.pk).update(
        created_at=F("created_at") - long, turn_at=F("turn_at") - long
    )


def finish(taken: Claim) -> None:
    with taken.recording():
        taken.finish()


# --- Between owners ---------------------------------------------------------------------------


def test_a_long_queue_of_one_owner_does_not_starve_another() -> None:
    lecture, clip = make_media("lecturer"), make_media("guest")
    queue.enqueue_many(
        queue.Spec(kind="ladder", media_file=lecture, position=n) for n in range(500)
    )
    for position in range(5):
        make_job(clip, position=position)
    for _ in range(10):
        finish(claim())
    assert not Job.objects.filter(media_file=clip).exclude(state="done").exists()


# --- Between the videos of one owner ----------------------------------------------------------


def test_the_first_pieces_of_a_new_video_go_before_the_later_ones_of_an_older() -> None:
    older, newer = make_media(), make_media()
    for position in (0, 1, 50):
        make_job(older, position=position)
    make_job(newer, position=0)
    taken = [claim().job for _ in range(4)]
    assert [job.position for job in taken] == [0, 0, 1, 50]
    assert taken[1].media_file == newer


def test_the_end_of_an_old_video_is_not_put_off_by_every_new_one() -> None:
    end = make_job(make_media(), position=50)
    age(end, seconds=600)
    make_job(make_media(), position=0)
    assert claim().job == end


# --- Between priorities -----------------------------------------------------------------------


def test_what_has_waited_for_long_gets_a_part_of_the_claims(luck: Luck) -> None:
    old = make_job(make_media("ada"), kind="ladder")
    age(old, seconds=601)
    audio = make_job(make_media("bob"), kind="audio")
    luck(claims.AGED_SHARE)
    assert claim().job == audio
    make_job(make_media("cyd"), kind="audio")
    luck(0.0)
    assert claim().job == old


def test_what_has_not_waited_for_long_does_not(luck: Luck, settings: Settings) -> None:
    settings.JOB_AGEING_SECONDS = 900
    old = make_job(make_media("ada"), kind="ladder")
    age(old, seconds=601)
    audio = make_job(make_media("bob"), kind="audio")
    luck(0.0)
    assert claim().job == audio


@pytest.mark.parametrize("kind", ["ingest", "on_demand", "lead", "copy"])
def test_what_is_critical_goes_before_whatever_has_aged(luck: Luck, kind: str) -> None:
    age(make_job(make_media("ada"), kind="ladder"), seconds=100_000)
    critical = make_job(make_media("bob"), kind=kind)
    luck(0.0)
    assert claim().job == critical


# --- So many of one owner at a time -----------------------------------------------------------


def test_an_owner_at_the_bound_is_passed_over_for_something_less_important(
    settings: Settings,
) -> None:
    settings.JOBS_PER_OWNER = 2
    busy = make_media("busy")
    for _ in range(3):
        make_job(busy, kind="ingest")
    other = make_job(make_media("other"), kind="ladder")
    first, _, third = claim(), claim(), claim()
    assert third.job == other
    assert claim_job(worker="host:1:0") is None
    finish(first)
    assert claim().job.owner == busy.owner


def test_a_viewer_who_waits_is_not_held_up_by_the_bound(settings: Settings) -> None:
    settings.JOBS_PER_OWNER = 1
    media_file = make_media()
    make_job(media_file, kind="ladder")
    claim()
    asked = make_job(media_file, kind="on_demand")
    assert claim().job == asked
    # And what was asked for is not counted against the owner.
    Job.objects.filter(kind="ladder").update(state="done")
    make_job(media_file, kind="ladder")
    assert claim().job.kind == "ladder"


def test_without_a_bound_an_owner_has_all_slots(settings: Settings) -> None:
    settings.JOBS_PER_OWNER = 0
    for position in range(30):
        make_job(position=position)
    assert len({claim().job.pk for _ in range(30)}) == 30


@pytest.mark.django_db(transaction=True)
def test_the_bound_holds_when_many_slots_claim_at_once(settings: Settings) -> None:
    settings.JOBS_PER_OWNER = 2
    media_file = make_media()
    queue.enqueue_many(
        queue.Spec(kind="ladder", media_file=media_file, position=n) for n in range(40)
    )
    together = threading.Barrier(8)
    taken: list[int] = []

    def work(number: int) -> None:
        try:
            together.wait(10)
            for _ in range(5):
                if (now := claim_job(worker=f"host:{number}:0")) is not None:
                    taken.append(now.job.position)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Job.objects.filter(state="running").count() == len(taken) == 2
