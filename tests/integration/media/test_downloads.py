"""Videos as files to take away: who may, what is in them, and how long they are there."""

import hashlib
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
from media.ffmpeg.boxes import boxes
from media.jobs.claim import claim_job
from media.models import Download, Job, MediaFile, Plan, Rendition
from media.playback import signed_path
from media.services import downloads, encoding, plans
from media.services.uploads import create_upload
from media.store import download_key, hls_folder, init_key, segment_key, store
from tests.asgi import Answer
from tests.asgi import ask as ask_asgi
from tests.factories.media import ffmpeg, make_clip, make_uploaded, make_user, work_off
from tests.factories.users import client_of
from users.models import Role, User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    return make_clip(folder / "clip.mp4", seconds=9, size="256x144", codec="libx264")


@pytest.fixture
def ada() -> User:
    return make_user()


@pytest.fixture
def video(clip: Path, ada: User) -> MediaFile:
    """A video that is complete: 144p, copied from its source."""
    media_file = make_uploaded(clip, owner=ada, title="Été: a/b")
    work_off()
    media_file.refresh_from_db()
    assert media_file.state == "completed"
    return media_file


def ask(user: User | None, video: MediaFile, name: str = "144p") -> Any:
    path = f"/api/videos/{video.pk}/downloads/"
    answer = client_of(user).post(path, {"name": name}, format="json")
    return answer.status_code, answer.json()


def listed(user: User | None, video: MediaFile) -> dict[str, Any]:
    answer = client_of(user).get(f"/api/videos/{video.pk}/downloads/")
    assert answer.status_code == 200, answer.json()
    return {each["name"]: each for each in answer.json()["results"]}


def fetch(path: str, **headers: str) -> Answer:
    async def get() -> Answer:
        delivery = Delivery()
        try:
            return await ask_asgi(delivery, path, headers=headers)
        finally:
            delivery.close()

    return async_to_sync(get)()


def made(user: User, video: MediaFile, name: str = "144p") -> Any:
    ask(user, video, name)
    work_off()
    return listed(user, video)[name]


# --- What is in it -------------------------------------------------------------------------------


def packets(path: Path, kind: str) -> tuple[list[bytes], float]:
    """The hashes of all packets, and when the first one is shown, in seconds."""
    with av.open(str(path)) as container:
        stream = next(each for each in container.streams if each.type == kind)
        found = [each for each in container.demux(stream) if each.size]
        base = stream.time_base or 0
        start = min(each.pts for each in found if each.pts is not None) * base
        return [hashlib.sha256(bytes(each)).digest() for each in found], float(start)


def test_it_is_one_file_with_its_index_in_front_and_the_very_packets(
    video: MediaFile, ada: User, tmp_path: Path
) -> None:
    shape = made(ada, video)
    answer = fetch(shape["url"])
    assert (answer.status, len(answer.body)) == (200, shape["size_bytes"])
    names = [box.name for box in boxes(answer.body)]
    assert names.index(b"moov") < names.index(b"mdat")
    assert b"moof" not in names
    path = tmp_path / "taken.mp4"
    path.write_bytes(answer.body)
    for kind, rung in (("video", "144p"), ("audio", "audio")):
        ours, start = packets(path, kind)
        theirs, _ = packets(joined(video, rung, tmp_path), kind)
        assert ours == theirs
        assert start == pytest.approx(0, abs=0.025)


def joined(video: MediaFile, rung: str, folder: Path) -> Path:
    """What a player has when it has loaded a whole rendition."""
    count = Rendition.objects.get(name=rung).segment_count
    keys = [segment_key(video.pk, 1, rung, number) for number in range(count)]
    path = folder / f"{rung}.mp4"
    objects = [init_key(video.pk, 1, rung), *keys]
    path.write_bytes(b"".join(store().path(key).read_bytes() for key in objects))
    return path


def test_every_frame_of_an_encoded_rendition_is_in_it_once(ada: User, tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "mpeg4.mp4", seconds=9), owner=ada)
    work_off()
    path = tmp_path / "taken.mp4"
    path.write_bytes(fetch(made(ada, media_file, "72p")["url"]).body)
    with av.open(str(path)) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown == pytest.approx([n / 10 for n in range(90)], abs=0.001)


def test_sound_alone_is_a_file_too(ada: User, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=7", str(tmp_path / "tone.mp3"))
    media_file = make_uploaded(tmp_path / "tone.mp3", owner=ada)
    work_off()
    assert set(listed(ada, media_file)) == {"audio", "source"}
    path = tmp_path / "taken.mp4"
    path.write_bytes(fetch(made(ada, media_file, "audio")["url"]).body)
    with av.open(str(path)) as container:
        assert (container.duration or 0) / 1e6 == pytest.approx(7, abs=0.1)


def test_the_source_is_what_was_uploaded(video: MediaFile, ada: User, clip: Path) -> None:
    shape = listed(ada, video)["source"]
    answer = fetch(shape["url"])
    assert answer.body == clip.read_bytes()
    assert shape["size_bytes"] == len(answer.body)
    assert answer.headers["content-type"] == "application/octet-stream"


# --- How it is sent ------------------------------------------------------------------------------


def test_it_is_saved_under_the_title_of_the_video(video: MediaFile, ada: User) -> None:
    shape = made(ada, video)
    assert shape["filename"] == "Été_ a_b (144p).mp4"
    assert fetch(shape["url"]).headers["content-disposition"] == (
        'attachment; filename="Ete_ a_b (144p).mp4"; '
        "filename*=UTF-8''%C3%89t%C3%A9_%20a_b%20%28144p%29.mp4"
    )


def test_a_download_that_was_cut_off_goes_on(video: MediaFile, ada: User) -> None:
    url = made(ada, video)["url"]
    whole = fetch(url)
    rest = fetch(url, range="bytes=1000-", **{"if-range": whole.headers["etag"]})
    assert (rest.status, rest.body) == (206, whole.body[1000:])


def test_a_link_opens_nothing_else(video: MediaFile, ada: User) -> None:
    url = made(ada, video)["url"]
    folder = signed_path(media_id=video.pk, epoch=video.visibility_epoch)
    signature = url.split("/")[3]
    watching = folder.split("/")[3]
    assert fetch(url.replace(signature, watching)).status == 404
    assert fetch(f"{folder}/source").status == 404
    assert fetch(f"/hls/{video.pk}/{signature}/master.m3u8").status == 404
    assert fetch(f"/hls/{video.pk}/{signature}/source").status == 404


# --- Who may -------------------------------------------------------------------------------------


def test_others_may_where_the_owner_says_so(video: MediaFile, ada: User) -> None:
    MediaFile.objects.filter(pk=video.pk).update(visibility="public")
    eve = make_user()
    for viewer in (eve, None):
        status, body = ask(viewer, video)
        assert (status, body["code"]) == (403, "download-not-allowed")
    changed = client_of(ada).patch(
        f"/api/videos/{video.pk}/", {"is_downloadable": True}, format="json"
    )
    assert changed.json()["is_downloadable"] is True
    assert ask(None, video)[0] == 202
    assert set(listed(eve, video)) == {"144p"}
    status, body = ask(eve, video, "source")
    assert (status, body["code"]) == (404, "download-not-found")


def test_what_one_may_not_see_one_may_not_take(video: MediaFile, ada: User) -> None:
    MediaFile.objects.filter(pk=video.pk).update(is_downloadable=True)
    status, body = ask(make_user(), video)
    assert (status, body["code"]) == (404, "video-not-found")


def test_administrators_may(video: MediaFile) -> None:
    MediaFile.objects.filter(pk=video.pk).update(visibility="public")
    assert ask(make_user(role=Role.ADMIN), video)[0] == 202


def test_a_narrower_circle_ends_the_links(video: MediaFile, ada: User) -> None:
    MediaFile.objects.filter(pk=video.pk).update(visibility="public", is_downloadable=True)
    ask(None, video)
    work_off()
    url = listed(None, video)["144p"]["url"]
    assert fetch(url).status == 200
    client_of(ada).patch(f"/api/videos/{video.pk}/", {"visibility": "private"}, format="json")
    assert fetch(url).status == 410


def test_new_videos_begin_with_what_the_site_says(ada: User, settings: Settings) -> None:
    settings.DOWNLOADS_BY_DEFAULT = True
    create_upload(actor=ada, length_bytes=10, metadata={"filename": "a.mp4"}, header="")
    assert MediaFile.objects.get().is_downloadable


# --- Making it -----------------------------------------------------------------------------------


def test_it_is_made_once_however_many_ask(video: MediaFile, ada: User) -> None:
    first, second = ask(ada, video), ask(ada, video)
    assert first[0] == second[0] == 202
    assert (first[1]["status"], first[1]["url"]) == ("in_queue", None)
    assert Job.objects.filter(kind="download").count() == 1
    work_off()
    status, body = ask(ada, video)
    assert (status, body["status"]) == (200, "ready")
    assert Job.objects.filter(kind="download").count() == 1


def test_each_step_of_it_raises_the_version(
    video: MediaFile, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TELL_SECONDS", 0.0)
    before = MediaFile.objects.get(pk=video.pk).version
    ask(ada, video)
    asked = MediaFile.objects.get(pk=video.pk).version
    work_off()
    assert before < asked < MediaFile.objects.get(pk=video.pk).version
    assert MediaFile.objects.get(pk=video.pk).state == "completed"


def test_what_is_not_complete_cannot_be_had(ada: User, tmp_path: Path) -> None:
    media_file = make_uploaded(make_clip(tmp_path / "clip.mp4", seconds=9), owner=ada)
    work_off(kinds=["ingest"])
    assert set(listed(ada, media_file)) == {"source"}
    status, body = ask(ada, media_file, "72p")
    assert (status, body["code"]) == (409, "rendition-incomplete")
    status, body = ask(ada, media_file, "4000p")
    assert (status, body["code"]) == (404, "download-not-found")


def test_a_failure_says_why_and_another_try_is_another_job(video: MediaFile, ada: User) -> None:
    ask(ada, video)
    claim = claim_job(worker="test")
    assert claim is not None
    claim.give_up("encoding-failed", "It did not work.")
    shape = listed(ada, video)["144p"]
    assert (shape["status"], shape["error"]["detail"]) == ("failed", "It did not work.")
    assert MediaFile.objects.get(pk=video.pk).state == "completed"
    assert made(ada, video)["status"] == "ready"


def test_one_that_was_cancelled_can_be_asked_for_again(video: MediaFile, ada: User) -> None:
    ask(ada, video)
    job = Job.objects.get(kind="download")
    assert client_of(ada).post(f"/api/jobs/{job.pk}/cancel/").status_code == 200
    assert listed(ada, video)["144p"]["status"] == "available"
    assert made(ada, video)["status"] == "ready"


def test_without_room_it_is_not_begun(video: MediaFile, ada: User, settings: Settings) -> None:
    settings.STORAGE_RESERVE_BYTES = 1 << 60
    status, body = ask(ada, video)
    assert (status, body["code"]) == (507, "download-no-room")
    assert not Download.objects.exists()


def test_one_whose_file_is_lost_is_made_again(video: MediaFile, ada: User) -> None:
    made(ada, video)
    store().delete(download_key(video.pk, 1, "144p"))
    assert ask(ada, video)[0] == 202
    work_off()
    assert fetch(listed(ada, video)["144p"]["url"]).status == 200


# --- How long it is there ------------------------------------------------------------------------


def let_expire() -> None:
    Download.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_it_is_removed_when_nobody_has_asked_for_a_while(video: MediaFile, ada: User) -> None:
    url = made(ada, video)["url"]
    assert downloads.sweep() == 0
    let_expire()
    ask(ada, video)
    assert downloads.sweep() == 0
    let_expire()
    assert listed(ada, video)["144p"]["status"] == "available"
    assert downloads.sweep() == 1
    answer = fetch(url)
    assert (answer.status, b"download-expired" in answer.body) == (410, True)
    assert not Download.objects.exists()
    assert store().facts(download_key(video.pk, 1, "144p")) is None
    assert store().facts(segment_key(video.pk, 1, "144p", 0))


def test_a_worker_that_nobody_waits_for_any_more_stops(video: MediaFile, ada: User) -> None:
    ask(ada, video)
    claim = claim_job(worker="test")
    assert claim is not None
    let_expire()
    downloads.sweep()
    worker.do_job(claim, encoding.perform)
    assert not Download.objects.exists()
    assert not claim.is_finished


def test_it_goes_with_its_plan_and_with_its_video(
    video: MediaFile, ada: User, settings: Settings
) -> None:
    made(ada, video)
    client_of(ada).post(f"/api/videos/{video.pk}/re-encode/")
    work_off()
    Plan.objects.filter(number=1).update(ended_at=timezone.now() - timedelta(days=30))
    plans.remove_ended()
    assert not Download.objects.exists()
    assert store().folders(hls_folder(video.pk)) == ["2"]
    made(ada, video)
    client_of(ada).delete(f"/api/videos/{video.pk}/")
    assert not Download.objects.exists()
    assert store().folders("hls") == []
