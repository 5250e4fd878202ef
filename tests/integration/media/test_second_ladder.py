"""AV1 beside H.264: made when nothing else is to be done, and listed when all of it is there."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from pytest_django import Settings

from media import worker
from media.delivery_app import Delivery
from media.jobs.claim import claim_job
from media.models import Job, MediaFile, Plan, Rendition, Visibility
from media.playback import signed_path
from media.services import encoding, plans, second_ladder
from media.services.on_demand import request_segment
from media.store import hls_folder, init_key, segment_key, store
from tests.asgi import ask
from tests.factories.media import make_clip, make_uploaded, make_user, work_off
from tests.factories.users import client_of
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=9)


@pytest.fixture
def ada() -> User:
    return make_user()


@pytest.fixture(autouse=True)
def _switched_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AV1_LADDER = True
    monkeypatch.setattr(second_ladder, "slots_alive", lambda: 1)


@pytest.fixture
def video(clip: Path, ada: User) -> MediaFile:
    """A video that is complete, on an instance with an idle worker."""
    media_file = make_uploaded(clip, owner=ada, visibility=Visibility.PUBLIC)
    work_off()
    return media_file


def playlist(video: MediaFile) -> str:
    folder = signed_path(media_id=video.pk, epoch=video.visibility_epoch)

    async def get() -> str:
        delivery = Delivery()
        try:
            return (await ask(delivery, f"{folder}/master.m3u8")).text
        finally:
            delivery.close()

    return async_to_sync(get)()


def shape(video: MediaFile, user: User) -> Any:
    return client_of(user).get(f"/api/videos/{video.pk}/").json()


def take() -> Any:
    claim = claim_job(worker="test")
    assert claim is not None
    assert claim.job.kind == Job.Kind.AV1
    return claim


def test_it_is_listed_beside_the_first_when_all_of_it_is_made(
    video: MediaFile, ada: User, tmp_path: Path
) -> None:
    before = playlist(video)
    assert second_ladder.schedule() == 1
    assert "av01" not in playlist(video)
    assert work_off() == ["av1"]
    lines = playlist(video).splitlines()
    assert set(before.splitlines()) < set(lines)
    (entry,) = (number for number, line in enumerate(lines) if "av01." in line)
    assert 'CODECS="av01.0.' in lines[entry]
    assert 'AUDIO="audio"' in lines[entry]
    assert lines[entry + 1] == "2/72p/index.m3u8"
    assert (shape(video, ada)["status"], shape(video, ada)["re_encode"]) == ("completed", None)
    assert second_ladder.schedule() == 0


def test_every_frame_is_in_it_once_and_each_segment_begins_with_a_keyframe(
    video: MediaFile, tmp_path: Path
) -> None:
    second_ladder.schedule()
    work_off()
    rendition = Rendition.objects.get(plan__number=2)
    keys = [segment_key(video.pk, 2, "72p", number) for number in range(rendition.segment_count)]
    path = tmp_path / "joined.mp4"
    objects = [init_key(video.pk, 2, "72p"), *keys]
    path.write_bytes(b"".join(store().path(key).read_bytes() for key in objects))
    with av.open(str(path)) as container:
        shown = [(frame.time, frame.key_frame) for frame in container.decode(video=0)]
    assert [time for time, _ in shown] == pytest.approx([n / 10 for n in range(90)], abs=0.001)
    # Segments begin at 0, 1, 3 and 6 s, and those that are longer have another after two.
    keyframes = [time for time, is_key in shown if is_key]
    assert keyframes == pytest.approx([0, 1, 3, 5, 6, 8], abs=0.001)


def test_nothing_is_made_unless_it_is_switched_on(video: MediaFile, settings: Settings) -> None:
    settings.AV1_LADDER = False
    assert second_ladder.schedule() == 0
    assert not Plan.objects.filter(state="beside").exists()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_nothing_is_begun_while_anything_else_is_to_be_done(
    video: MediaFile, clip: Path, state: str
) -> None:
    make_uploaded(clip)
    Job.objects.filter(kind="ingest", state="queued").update(state=state)
    assert second_ladder.schedule() == 0


def test_it_leaves_the_slot_as_soon_as_somebody_needs_it(
    video: MediaFile, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_ladder.schedule()
    claim, looks = take(), iter([True, True])
    with monkeypatch.context() as patch:
        patch.setattr(second_ladder, "LOOK_SECONDS", 0.0)
        patch.setattr(second_ladder, "is_idle", lambda: next(looks, False))
        worker.do_job(claim, encoding.perform)
    job = Job.objects.get(pk=claim.job.pk)
    assert (job.state, job.failures, job.losses, job.error_code) == ("queued", 0, 0, "")
    assert job.run_after
    assert job.run_after > timezone.now()
    assert claim_job(worker="test") is None
    Job.objects.filter(pk=job.pk).update(run_after=None)
    newer = make_uploaded(clip)
    assert work_off()[-1] == "av1"
    assert MediaFile.objects.get(pk=newer.pk).state == "completed"
    assert "av01" in playlist(video)


def test_a_failure_leaves_the_video_as_it_is_and_is_not_tried_for_ever(
    video: MediaFile, ada: User
) -> None:
    second_ladder.schedule()
    take().give_up("encoding-failed", "It did not work.")
    now = shape(video, ada)
    assert (now["status"], now["error"], now["re_encode"]) == ("completed", None, None)
    assert second_ladder.schedule() == 0
    Plan.objects.filter(number=2).update(ended_at=timezone.now() - timedelta(hours=1))
    plans.remove_ended()
    assert second_ladder.schedule() == 0
    assert store().folders(hls_folder(video.pk)) == ["1"]


def test_one_whose_job_is_cancelled_is_given_up(video: MediaFile, ada: User) -> None:
    second_ladder.schedule()
    job = Job.objects.get(kind="av1")
    assert client_of(ada).post(f"/api/jobs/{job.pk}/cancel/").status_code == 200
    assert second_ladder.schedule() == 0
    assert Plan.objects.get(number=2).state == "spoiled"
    assert shape(video, ada)["status"] == "completed"


def test_it_goes_with_the_plan_that_it_stands_beside(video: MediaFile, ada: User) -> None:
    second_ladder.schedule()
    work_off()
    client_of(ada).post(f"/api/videos/{video.pk}/re-encode/")
    assert second_ladder.schedule() == 0
    work_off()
    assert "av01" not in playlist(video)
    states = dict(Plan.objects.values_list("number", "state"))
    assert states == {1: "retired", 2: "retired", 3: "active"}
    assert second_ladder.schedule() == 1
    work_off()
    assert "4/72p/index.m3u8" in playlist(video)


def test_a_segment_of_it_that_was_lost_is_made_again(video: MediaFile) -> None:
    second_ladder.schedule()
    work_off()
    key = segment_key(video.pk, 2, "72p", 1)
    store().delete(key)
    request_segment(media_id=video.pk, plan_number=2, rung="72p", number=1)
    work_off()
    assert store().facts(key)
    assert "av01" in playlist(video)


def test_deleting_the_video_removes_it(video: MediaFile, ada: User) -> None:
    second_ladder.schedule()
    work_off()
    client_of(ada).delete(f"/api/videos/{video.pk}/")
    assert not Plan.objects.exists()
    assert store().folders("hls") == []
