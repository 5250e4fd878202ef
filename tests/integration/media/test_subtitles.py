"""From an upload with subtitles to what a player loads of them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction
from pytest_django import Settings

from media.delivery_app import LOOK_AGAIN_SECONDS, Delivery
from media.ffmpeg import encode
from media.jobs.claim import claim_job
from media.models import Job, MediaFile, Visibility
from media.playback import signed_path
from media.services import encoding, ingest
from media.services.deletion import delete_media
from media.store import hls_folder, store, subtitles_key
from media.worker import do_job
from tests.asgi import Answer, ask
from tests.factories.media import make_subtitled, make_uploaded, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_subtitled(tmp_path_factory.mktemp("clip") / "clip.mkv", codec="subrip")


@pytest.fixture
def video(clip: Path) -> MediaFile:
    media_file = make_uploaded(clip, visibility=Visibility.PUBLIC)
    work_off()
    media_file.refresh_from_db()
    return media_file


@pytest.fixture
def delivery() -> Iterator[Delivery]:
    application = Delivery()
    yield application
    application.close()


def got(delivery: Delivery, video: MediaFile, path: str) -> Answer:
    folder = signed_path(media_id=video.pk, epoch=video.visibility_epoch)
    return async_to_sync(ask)(delivery, f"{folder}/{path}")


def test_a_player_finds_each_track_and_its_text(delivery: Delivery, video: MediaFile) -> None:
    master = got(delivery, video, "master.m3u8").body.decode()
    assert 'TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="Deutsch"' in master
    assert 'LANGUAGE="de",URI="1/subtitles0/index.m3u8"' in master
    listed = got(delivery, video, "1/subtitles0/index.m3u8").body.decode()
    assert "0.vtt" in listed
    assert "EXT-X-MAP" not in listed
    text = got(delivery, video, "1/subtitles0/0.vtt")
    assert text.headers["content-type"] == "text/vtt; charset=utf-8"
    assert "Hello" in text.body.decode()


def lose(video: MediaFile) -> None:
    store().path(subtitles_key(video.pk, 1, "subtitles0")).unlink()


@pytest.mark.parametrize("is_empty", [False, True], ids=["none", "empty"])
async def test_who_asks_for_what_is_not_there_waits_until_it_is_made(
    delivery: Delivery, clip: Path, is_empty: bool
) -> None:
    video = await sync_to_async(make_uploaded)(clip, visibility=Visibility.PUBLIC)
    await sync_to_async(work_off)(kinds=[Job.Kind.INGEST])
    if is_empty:  # as a loss of power leaves it
        store().put_bytes(subtitles_key(video.pk, 1, "subtitles0"), b"")
    folder = signed_path(media_id=video.pk, epoch=video.visibility_epoch)
    asking = asyncio.create_task(ask(delivery, f"{folder}/1/subtitles0/0.vtt"))
    wanted = Job.objects.filter(kind=Job.Kind.SUBTITLES, state="queued")
    for _ in range(400):
        if await wanted.aexists():
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(3 * LOOK_AGAIN_SECONDS)
    assert not asking.done()
    assert await sync_to_async(work_off)() == ["subtitles"]
    answer = await asking
    assert (answer.status, "Hello" in answer.text) == (200, True)


def test_lost_subtitles_are_made_again_before_all_else(
    delivery: Delivery, video: MediaFile, settings: Settings
) -> None:
    settings.SEGMENT_WAIT_SECONDS = 0.3
    lose(video)
    for _ in range(3):
        answer = got(delivery, video, "1/subtitles0/0.vtt")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    job = Job.objects.get(kind=Job.Kind.SUBTITLES, state="queued")
    assert (job.priority, job.is_urgent) == (95, True)
    work_off()
    assert "Hello" in got(delivery, video, "1/subtitles0/0.vtt").text


def test_nothing_is_left_of_a_video_that_is_deleted_while_they_are_read(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_uploaded(clip)
    read = encode.make_subtitles

    def meanwhile(*args: Any, **options: Any) -> dict[str, Path]:
        made = read(*args, **options)
        delete_media(actor=video.owner, media_id=video.pk)
        return made

    monkeypatch.setattr(encode, "make_subtitles", meanwhile)
    work_off()
    assert not MediaFile.objects.filter(pk=video.pk).exists()
    assert not store().path(hls_folder(video.pk)).exists()


def test_a_job_that_waits_is_moved_to_the_front(
    delivery: Delivery, clip: Path, settings: Settings
) -> None:
    settings.SEGMENT_WAIT_SECONDS = 0.3
    video = make_uploaded(clip, visibility=Visibility.PUBLIC)
    first = claim_job(worker="test")
    assert first is not None
    do_job(first, encoding.perform)
    waiting = Job.objects.filter(kind=Job.Kind.SUBTITLES)
    assert waiting.get().priority == 55
    got(delivery, video, "1/subtitles0/0.vtt")
    assert waiting.get().priority == 95


def test_what_cannot_be_made_is_not_waited_for(delivery: Delivery, video: MediaFile) -> None:
    lose(video)
    Job.objects.filter(kind=Job.Kind.SUBTITLES).update(state="failed")
    assert got(delivery, video, "1/subtitles0/0.vtt").status == 404
    assert Job.objects.filter(kind=Job.Kind.SUBTITLES).count() == 1


def test_without_a_source_they_are_gone(delivery: Delivery, video: MediaFile) -> None:
    lose(video)
    store().delete(video.source_key)
    answer = got(delivery, video, "1/subtitles0/0.vtt")
    assert (answer.status, "source-lost" in answer.text) == (410, True)


def test_work_that_was_cancelled_is_taken_up_with_the_video(clip: Path) -> None:
    video = make_uploaded(clip)
    work_off(kinds=[Job.Kind.INGEST])
    work_off(kinds=[Job.Kind.LADDER])
    assert Job.objects.get(kind=Job.Kind.SUBTITLES).state == "cancelled"
    MediaFile.objects.filter(pk=video.pk).update(state="cancelled")
    with transaction.atomic():
        ingest.start_again(media_file=video)
    assert "subtitles" in work_off()


@pytest.mark.parametrize("path", ["1/subtitles9/0.vtt", "1/subtitles9/index.m3u8"])
def test_a_track_that_was_never_planned_is_not_found(
    delivery: Delivery, video: MediaFile, path: str
) -> None:
    assert got(delivery, video, path).status == 404
