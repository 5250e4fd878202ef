"""Stills of a media file: when they are made, where they are served, how they go."""

from __future__ import annotations

from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from media.delivery_app import Delivery
from media.ffmpeg.plan import Plan
from media.models import Job, MediaFile
from media.playback import signed_path
from media.selectors import media_shapes
from media.services import deletion, extras
from media.store import hls_folder, picture_key, store
from tests.asgi import Answer, ask
from tests.factories.media import ffmpeg, make_clip, make_uploaded, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return make_clip(folder / "clip.mp4", seconds=6)


def delivered(media_file: MediaFile, name: str) -> Answer:
    prefix = signed_path(media_id=media_file.pk, epoch=0)

    async def get() -> Answer:
        delivery = Delivery()
        try:
            return await ask(delivery, f"{prefix}/{name}")
        finally:
            delivery.close()

    return async_to_sync(get)()


def shape_of(media_file: MediaFile) -> dict[str, object]:
    media_file.refresh_from_db()
    return media_shapes([media_file])[0]


def test_a_storyboard_follows_the_last_segment_and_is_served_with_its_sheets(clip: Path) -> None:
    media_file = make_uploaded(clip)
    assert shape_of(media_file)["storyboard_url"] is None
    assert "storyboard" in work_off()[-2:]
    shape = shape_of(media_file)
    assert str(shape["storyboard_url"]).endswith("/storyboard.vtt")
    track, sheet = (
        delivered(media_file, "storyboard.vtt"),
        delivered(media_file, "storyboard-0.jpg"),
    )
    assert track.headers["content-type"] == "text/vtt; charset=utf-8"
    assert "storyboard-0.jpg#xywh=" in track.text
    assert (sheet.headers["content-type"], sheet.body[:2]) == ("image/jpeg", b"\xff\xd8")
    assert delivered(media_file, "storyboard-1.jpg").status == 404


def test_a_long_copy_has_its_storyboard_before_the_ladder(folder: Path) -> None:
    clip = make_clip(folder / "fit.mp4", seconds=64, codec="libx264", size="256x144", rate=5)
    media_file = make_uploaded(clip)
    done = work_off()
    assert done.index("storyboard") < len(done) - 1 or "ladder" not in done
    assert media_file.plans.count() == 1
    assert shape_of(media_file)["storyboard_url"]


def test_sound_has_no_storyboard(folder: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=2", str(folder / "tone.mp3"))
    media_file = make_uploaded(folder / "tone.mp3")
    assert "storyboard" not in work_off()
    assert shape_of(media_file)["storyboard_url"] is None


def test_one_job_is_queued_however_often_it_is_found_that_a_rung_is_complete(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off()
    MediaFile.objects.filter(pk=media_file.pk).update(has_storyboard=False)
    media_file.refresh_from_db()
    plan = Plan.from_json(media_file.plans.get().document or {})
    for _ in range(2):
        extras.enqueue_ready(media_file, plan, plan.rung_names)
    assert Job.objects.filter(kind="storyboard", state="queued").count() == 1


@pytest.mark.parametrize("name", ["storyboard.vtt", "storyboard-0.jpg"])
def test_a_storyboard_that_was_lost_is_made_again(clip: Path, name: str) -> None:
    media_file = make_uploaded(clip)
    work_off()
    store().delete(picture_key(media_file.pk, name))
    assert {delivered(media_file, name).status for _ in range(2)} == {404}
    assert shape_of(media_file)["storyboard_url"] is None
    assert work_off() == ["storyboard"]
    assert delivered(media_file, name).status == 200
    assert shape_of(media_file)["storyboard_url"]


def test_a_sheet_that_never_was_is_not_made(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off()
    assert delivered(media_file, "storyboard-7.jpg").status == 404
    assert work_off() == []
    assert shape_of(media_file)["storyboard_url"]


def test_a_video_without_a_storyboard_is_whole(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off(kinds=["ingest", "ladder", "lead", "audio"])
    assert shape_of(media_file)["status"] == "completed"


def test_deleting_a_video_leaves_no_still_behind(clip: Path) -> None:
    media_file = make_uploaded(clip)
    work_off()
    assert store().facts(picture_key(media_file.pk, "storyboard-0.jpg"))
    deletion.delete_media(actor=media_file.owner, media_id=media_file.pk)
    assert not store().path(hls_folder(media_file.pk)).exists()


def test_the_poster_of_a_film_that_begins_in_the_dark_is_not_dark(folder: Path) -> None:
    path = folder / "dark.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=320x180:r=10:d=9"),
        *("-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=9"),
        *("-filter_complex", "[0][1]concat", "-c:v", "mpeg4", "-g", "20", str(path)),
    )
    media_file = make_uploaded(path)
    work_off(kinds=["ingest", "poster"])
    grey = folder / "grey"
    poster = store().path(picture_key(media_file.pk, "poster.jpg"))
    ffmpeg("-i", str(poster), "-vf", "scale=1:1,format=gray", "-f", "rawvideo", str(grey))
    assert grey.read_bytes()[0] > 60
