"""Encoding anew: what plays goes on until all of its successor is there."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from media import worker
from media.ffmpeg.errors import UnreadableMedia
from media.jobs.claim import Claim, LeaseLost, claim_job
from media.jobs.queue import requeue
from media.models import Job, MediaFile, Plan, Rendition, Segment
from media.services import deletion, encoding, ingest, plans
from media.services.on_demand import SegmentNotPlanned, request_segment
from media.store import hls_folder, segment_key, store
from media.streams import load_plan, stream_facts
from tests.factories.media import make_clip, make_uploaded, make_user, work_off
from tests.factories.users import client_of
from users.models import Role, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=9)


@pytest.fixture
def ada() -> User:
    return make_user()


@pytest.fixture
def video(clip: Path, ada: User) -> MediaFile:
    """A video that is complete."""
    media_file = make_uploaded(clip, owner=ada)
    work_off()
    media_file.refresh_from_db()
    assert media_file.state == "completed"
    return media_file


def post(user: User, video: MediaFile, what: str = "re-encode") -> Any:
    answer = client_of(user).post(f"/api/videos/{video.pk}/{what}/")
    return answer.status_code, answer.json()


def shape(user: User, video: MediaFile) -> Any:
    return client_of(user).get(f"/api/videos/{video.pk}/").json()


def plan_numbers(**states: str) -> list[int]:
    return list(Plan.objects.filter(**states).order_by("number").values_list("number", flat=True))


def playing(video: MediaFile) -> int | None:
    facts = stream_facts(video.pk)
    return facts.plan_number if facts else None


def pass_time(**delta: float) -> None:
    """Let the plans that are over be so for longer."""
    for row in Plan.objects.exclude(ended_at=None):
        assert row.ended_at
        Plan.objects.filter(pk=row.pk).update(ended_at=row.ended_at - timedelta(**delta))


def fail_next(code: str = "encoding-failed") -> Job:
    claim = claim_job(worker="test")
    assert claim is not None
    claim.give_up(code, "Something is wrong with it.")
    return claim.job


# --- Taking over ---------------------------------------------------------------------------------


def test_what_plays_goes_on_until_the_new_plan_is_complete(video: MediaFile, ada: User) -> None:
    status, body = post(ada, video)
    assert (status, body["status"]) == (202, "completed")
    assert body["re_encode"] == {"status": "in_queue", "progress_percent": 0, "error": None}
    jobs_left = 1
    while Job.objects.filter(state="queued").exists():
        assert (playing(video), shape(ada, video)["status"]) == (1, "completed")
        assert all(r["status"] == "completed" for r in shape(ada, video)["renditions"])
        jobs_left = Job.objects.filter(state="queued").count()
        work_off_one()
    assert jobs_left == 1
    now = shape(ada, video)
    assert (playing(video), now["status"], now["re_encode"]) == (2, "completed", None)
    for rendition in Rendition.objects.filter(plan__number=2):
        keys = [segment_key(video.pk, 2, rendition.name, n) for n in range(rendition.segment_count)]
        assert all(store().facts(key) for key in keys)


def work_off_one() -> None:
    claim = claim_job(worker="test")
    assert claim is not None
    worker.do_job(claim, encoding.perform)


def test_its_progress_is_told_with_each_step(video: MediaFile, ada: User) -> None:
    post(ada, video)
    seen, version = [], video.version
    while Job.objects.filter(state="queued").exists():
        work_off_one()
        now = shape(ada, video)
        assert now["version"] > version
        version = now["version"]
        seen.append(now["re_encode"] and now["re_encode"]["progress_percent"])
    assert seen[-1] is None
    assert [it for it in seen[:-1] if it] == sorted(it for it in seen[:-1] if it)
    assert any(it and it > 0 for it in seen)


def test_it_comes_after_what_nobody_has_anything_of_yet(
    video: MediaFile, clip: Path, ada: User
) -> None:
    post(ada, video)
    newer = make_uploaded(clip)
    order = []
    while (claim := claim_job(worker="test")) is not None:
        order.append(claim.job.media_file_id)
        encoding.perform(claim)
        if not claim.is_finished:
            with claim.recording():
                claim.finish()
    firsts = [media_id for media_id in order if media_id == newer.pk]
    assert order[: len(firsts)] == firsts
    assert set(order) == {newer.pk, video.pk}


def test_the_settings_of_today_decide(
    video: MediaFile, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from media.ffmpeg import ladder

    rungs = (ladder.Rung(short_side_px=36, preset="ultrafast", crf=30, max_kbps=100),)
    monkeypatch.setattr(ladder, "LADDER", (*ladder.LADDER, *rungs))
    post(ada, video)
    work_off()
    assert [r["name"] for r in shape(ada, video)["renditions"]] == ["72p", "36p", "audio"]


def test_an_old_playlist_works_for_a_while_and_then_nothing_is_left_of_it(
    video: MediaFile, ada: User, settings: Settings
) -> None:
    post(ada, video)
    work_off()
    plans.remove_ended()
    assert load_plan(video.pk, 1) is not None
    store().delete(segment_key(video.pk, 1, "72p", 1))
    request_segment(media_id=video.pk, plan_number=1, rung="72p", number=1)
    version = MediaFile.objects.get(pk=video.pk).version
    work_off()
    assert store().facts(segment_key(video.pk, 1, "72p", 1))
    assert MediaFile.objects.get(pk=video.pk).version == version
    pass_time(seconds=settings.RETIRED_PLAN_SECONDS)
    assert plans.remove_ended() == 1
    assert plan_numbers() == [2]
    assert load_plan(video.pk, 1) is None
    assert sorted(store().folders(hls_folder(video.pk))) == ["2"]
    assert not Segment.objects.filter(rendition__plan__number=1).exists()
    with pytest.raises(SegmentNotPlanned):
        request_segment(media_id=video.pk, plan_number=1, rung="72p", number=1)


def test_nothing_of_a_plan_is_made_on_demand_before_it_plays(video: MediaFile, ada: User) -> None:
    post(ada, video)
    work_off_one()
    assert Rendition.objects.filter(plan__number=2).exists()
    with pytest.raises(SegmentNotPlanned):
        request_segment(media_id=video.pk, plan_number=2, rung="72p", number=1)
    assert load_plan(video.pk, 2) is None


# --- Failing and ending --------------------------------------------------------------------------


def assert_untouched(video: MediaFile) -> None:
    now = MediaFile.objects.get(pk=video.pk)
    assert (now.state, now.progress_percent, now.error_code) == ("completed", 100, "")
    assert playing(video) == 1
    assert all(
        store().facts(segment_key(video.pk, 1, rendition.name, n))
        for rendition in Rendition.objects.filter(plan__number=1)
        for n in range(rendition.segment_count)
    )


@pytest.mark.parametrize("jobs_done", [0, 1, 2])
def test_a_failure_leaves_what_plays_and_says_why(
    video: MediaFile, ada: User, jobs_done: int
) -> None:
    post(ada, video)
    for _ in range(jobs_done):
        work_off_one()
    fail_next()
    assert_untouched(video)
    assert shape(ada, video)["re_encode"]["status"] == "failed"
    assert shape(ada, video)["re_encode"]["error"] == {
        "code": "encoding-failed",
        "detail": "Something is wrong with it.",
    }
    assert not Job.objects.filter(state__in=["queued", "running"]).exists()
    pass_time(seconds=plans.DEAD_PLAN_SECONDS + 1)
    plans.remove_ended()
    assert store().folders(hls_folder(video.pk)) == ["1"]
    assert not Rendition.objects.filter(plan__number=2).exists()
    assert shape(ada, video)["re_encode"]["status"] == "failed"
    assert post(ada, video)[0] == 202
    work_off()
    assert (playing(video), shape(ada, video)["re_encode"]) == (3, None)


def test_it_can_be_cancelled_while_it_runs(video: MediaFile, ada: User) -> None:
    post(ada, video)
    work_off_one()
    running = claim_job(worker="test")
    assert running is not None
    status, body = post(ada, video, "cancel")
    assert (status, body["status"]) == (200, "completed")
    assert body["re_encode"]["status"] == "cancelled"
    assert_untouched(video)
    with pytest.raises(LeaseLost):
        encoding.perform(running)
    assert not Job.objects.filter(state__in=["queued", "running"]).exists()


def test_cancelling_one_job_of_it_cancels_it(video: MediaFile, ada: User) -> None:
    post(ada, video)
    work_off_one()
    job = Job.objects.filter(state="queued").first()
    assert job is not None
    assert client_of(ada).post(f"/api/jobs/{job.pk}/cancel/").status_code == 200
    assert shape(ada, video)["re_encode"]["status"] == "cancelled"
    assert_untouched(video)
    assert not Job.objects.filter(state="queued").exists()
    answer = client_of(ada).post(f"/api/jobs/{job.pk}/retry/")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal-transition")


def test_a_worker_that_was_too_late_leaves_nothing_behind(video: MediaFile, ada: User) -> None:
    post(ada, video)
    work_off_one()
    late = claim_job(worker="test")
    assert late is not None
    post(ada, video, "cancel")
    pass_time(seconds=plans.DEAD_PLAN_SECONDS + 1)
    plans.remove_ended()
    with pytest.raises(LeaseLost):
        encoding.perform(late)
    store().put_bytes(segment_key(video.pk, 2, "72p", 0), b"published by a process that was killed")
    assert deletion.sweep_orphans() == 0
    assert store().folders(hls_folder(video.pk)) == ["1"]


def test_a_killed_worker_loses_nothing_at_any_step(
    video: MediaFile, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker is killed at its first record, and the next one at its second."""
    recording, to_go = Claim.recording, 0

    def dying(claim: Claim) -> Any:
        nonlocal to_go
        to_go -= 1
        if to_go == 0:
            raise KeyboardInterrupt
        return recording(claim)

    monkeypatch.setattr(Claim, "recording", dying)
    post(ada, video)
    for turn in range(100):
        to_go = turn % 3 + 1
        assert playing(video) == 1
        try:
            work_off_one()
        except KeyboardInterrupt:
            held = Job.objects.get(state="running")
            requeue(held, token=held.token)
        if not Job.objects.filter(state="queued").exists():
            break
    assert (playing(video), shape(ada, video)["re_encode"]) == (2, None)
    for rendition in Rendition.objects.filter(plan__number=2):
        assert rendition.segments.count() == rendition.segment_count
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}


def test_a_worker_killed_between_plan_and_jobs_is_followed_by_one_that_goes_on(
    video: MediaFile, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(ada, video)

    def vanish(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    claim = claim_job(worker="test")
    assert claim is not None
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "enqueue_many", vanish)
        with pytest.raises(KeyboardInterrupt):
            encoding.perform(claim)
    claim.hand_back()
    assert plan_numbers(state="coming") == [2]
    work_off()
    assert (playing(video), plan_numbers(state="retired")) == (2, [1])


# --- Who, and when -------------------------------------------------------------------------------


def test_one_at_a_time(video: MediaFile, ada: User) -> None:
    assert post(ada, video)[0] == 202
    status, body = post(ada, video)
    assert (status, body["code"]) == (409, "re-encode-running")
    assert plan_numbers(state="coming") == [2]


def test_only_its_owner_and_administrators(video: MediaFile) -> None:
    MediaFile.objects.filter(pk=video.pk).update(visibility="public")
    status, body = post(make_user(), video)
    assert (status, body["code"]) == (403, "not-your-video")
    MediaFile.objects.filter(pk=video.pk).update(visibility="private")
    status, body = post(make_user(), video)
    assert (status, body["code"]) == (404, "video-not-found")
    assert post(make_user(role=Role.ADMIN), video)[0] == 202


def test_not_while_it_is_encoded_for_the_first_time(clip: Path, ada: User) -> None:
    media_file = make_uploaded(clip, owner=ada)
    status, body = post(ada, media_file)
    assert (status, body["code"]) == (409, "illegal-transition")


def test_not_without_its_source(video: MediaFile, ada: User) -> None:
    store().delete(video.source_key)
    status, body = post(ada, video)
    assert (status, body["code"]) == (410, "source-lost")
    assert plan_numbers() == [1]


def test_deleting_removes_both_plans(video: MediaFile, ada: User) -> None:
    post(ada, video)
    work_off_one()
    work_off_one()
    assert client_of(ada).delete(f"/api/videos/{video.pk}/").status_code == 204
    assert [each.objects.count() for each in (Plan, Job, Segment)] == [0, 0, 0]
    assert store().folders("hls") == store().folders("videos") == []


# --- Where nothing whole plays -------------------------------------------------------------------


def test_what_failed_before_it_had_a_plan_is_encoded_anew(
    clip: Path, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UnreadableMedia("unsupported-codec", "It cannot be read.")

    media_file = make_uploaded(clip, owner=ada)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "inspect", refuse)
        work_off()
        assert shape(ada, media_file)["status"] == "failed"
        assert post(ada, media_file)[1]["status"] == "in_queue"
        work_off()
    now = shape(ada, media_file)
    assert (now["status"], now["error"]["code"]) == ("failed", "unsupported-codec")
    assert now["re_encode"]["status"] == "failed"
    assert post(ada, media_file)[0] == 202
    work_off()
    now = shape(ada, media_file)
    assert (now["status"], now["re_encode"], now["width"]) == ("completed", None, 128)


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_what_was_not_finished_plays_from_the_new_plan_as_soon_as_it_stands(
    clip: Path, ada: User, how: str
) -> None:
    media_file = make_uploaded(clip, owner=ada)
    work_off_one()
    if how == "failed":
        while fail_next().kind != Job.Kind.LEAD:
            pass
    else:
        post(ada, media_file, "cancel")
    assert shape(ada, media_file)["status"] == how
    assert post(ada, media_file)[1]["status"] == "in_queue"
    assert playing(media_file) == 1
    work_off_one()
    now = shape(ada, media_file)
    assert (playing(media_file), now["status"], now["re_encode"]) == (2, "processing", None)
    work_off()
    assert shape(ada, media_file)["status"] == "completed"


def test_cancelling_before_it_is_planned_cancels_both(clip: Path, ada: User) -> None:
    media_file = make_uploaded(clip, owner=ada)
    work_off_one()
    post(ada, media_file, "cancel")
    post(ada, media_file)
    assert post(ada, media_file, "cancel")[1]["status"] == "cancelled"
    assert plan_numbers(state="coming") == []
    assert post(ada, media_file, "retry")[1]["status"] == "in_queue"
    work_off()
    assert (playing(media_file), shape(ada, media_file)["status"]) == (1, "completed")


def test_what_came_to_nothing_is_forgotten_when_another_plan_follows(
    video: MediaFile, ada: User
) -> None:
    for _ in range(3):
        post(ada, video)
        fail_next()
    pass_time(seconds=plans.DEAD_PLAN_SECONDS + 1)
    plans.remove_ended()
    assert plan_numbers() == [1, 4]
    assert Plan.objects.filter(ended_at__gt=timezone.now() - timedelta(days=1)).exists()
