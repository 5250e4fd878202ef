"""Deleting a video stops its work and leaves nothing behind, whenever it happens."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from core import events
from media.events import MediaDeleted
from media.ffmpeg import encode
from media.ffmpeg.errors import ToolFailed
from media.models import Job, MediaFile
from media.selectors import VideoNotFound
from media.services.deletion import delete_media, sweep_folders, sweep_orphans
from media.services.on_demand import request_segment
from media.services.ownership import NotYourVideo
from media.store import hls_folder, segment_key, source_folder, store
from tests.factories.jobs import make_owner
from tests.factories.media import (
    Planned,
    make_clip,
    make_planned,
    make_uploaded,
    plan_clip,
    work_off,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    folder = tmp_path_factory.mktemp("clips")
    return plan_clip(make_clip(folder / "clip.mp4", seconds=8), folder)


def objects_of(media_file: MediaFile) -> list[Path]:
    folders = [store().path(f(media_file.pk)) for f in (hls_folder, source_folder)]
    return [path for folder in folders for path in folder.rglob("*")]


def test_nothing_is_left(planned: Planned) -> None:
    media_file = make_planned(planned)
    assert objects_of(media_file)
    delete_media(actor=media_file.owner, media_id=media_file.pk)
    assert objects_of(media_file) == []
    assert not MediaFile.objects.exists()
    assert not Job.objects.exists()


def test_it_is_told(planned: Planned) -> None:
    told: list[MediaDeleted] = []
    media_file = make_planned(planned)
    events.subscribe(MediaDeleted, told.append)
    try:
        delete_media(actor=media_file.owner, media_id=media_file.pk)
    finally:
        events.unsubscribe(MediaDeleted, told.append)
    assert told == [
        MediaDeleted(media_id=media_file.pk, owner_id=media_file.owner_id, owner_version=1)
    ]


@pytest.mark.parametrize("step", ["make_inits", "make_piece"])
def test_a_video_deleted_while_it_is_made_leaves_nothing(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, media_root: Path, step: str
) -> None:
    media_file, real = make_uploaded(planned.clip), getattr(encode, step)
    owner = media_file.owner

    def make(source: Path, **arguments: Any) -> Any:
        made = real(source, **arguments)
        if MediaFile.objects.exists():
            delete_media(actor=owner, media_id=media_file.pk)
        return made

    monkeypatch.setattr(encode, step, make)
    work_off()
    assert objects_of(media_file) == []
    assert list((media_root / ".work").iterdir()) == []


def test_a_job_that_fails_because_its_video_was_deleted_leaves_nothing(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_file = make_planned(planned)
    owner = media_file.owner

    def make_piece(source: Path, **arguments: Any) -> Any:
        delete_media(actor=owner, media_id=media_file.pk)
        store().put_bytes(segment_key(media_file.pk, 1, "72p", 1), b"published a moment too late")
        raise ToolFailed("no such file")

    monkeypatch.setattr(encode, "make_piece", make_piece)
    request_segment(media_id=media_file.pk, plan_number=1, rung="72p", number=1)
    work_off()
    assert objects_of(media_file) == []


def test_only_the_owner_may_delete(planned: Planned) -> None:
    stranger = make_owner("mallory")
    with pytest.raises(VideoNotFound):
        delete_media(actor=stranger, media_id=make_planned(planned).pk)
    with pytest.raises(NotYourVideo):
        delete_media(actor=stranger, media_id=make_planned(planned, visibility="public").pk)


def test_what_a_crash_left_behind_is_swept(planned: Planned) -> None:
    kept, lost = make_planned(planned), make_planned(planned)
    MediaFile.objects.filter(pk=lost.pk).delete()
    assert sweep_orphans() == 1
    assert objects_of(lost) == []
    assert objects_of(kept)


def test_what_killed_workers_left_is_swept_and_what_others_write_is_not(media_root: Path) -> None:
    long_ago = time.time() - 3 * 3600
    for name, is_in_use in (("dead", False), ("alive", True)):
        folder = media_root / ".work" / name
        folder.mkdir(parents=True)
        (folder / "segment").touch()
        os.utime(folder / "segment", (time.time() if is_in_use else long_ago,) * 2)
        os.utime(folder, (long_ago, long_ago))
    sweep_folders()
    assert [path.name for path in (media_root / ".work").iterdir()] == ["alive"]
