"""From an upload with subtitles to what a player loads of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from media.delivery_app import Delivery
from media.models import MediaFile, Visibility
from media.playback import signed_path
from media.store import store, subtitles_key
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


def test_who_asks_before_the_text_is_there_is_told_to_ask_again(
    delivery: Delivery, video: MediaFile
) -> None:
    store().path(subtitles_key(video.pk, 1, "subtitles0")).unlink()
    MediaFile.objects.filter(pk=video.pk).update(state="processing")
    answer = got(delivery, video, "1/subtitles0/0.vtt")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["1/subtitles9/0.vtt", "1/subtitles9/index.m3u8"])
def test_a_track_that_was_never_planned_is_not_found(
    delivery: Delivery, video: MediaFile, path: str
) -> None:
    assert got(delivery, video, path).status == 404
