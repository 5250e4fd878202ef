"""The topic `user:<id>` is at a new version as soon as the change is committed, told or not."""

from collections.abc import Callable

import pytest
from django.db import transaction

from media.models import MediaFile
from media.services import deletion, jobs, uploads, videos
from media.services.changes import announce, lock
from posts import services as posts
from realtime.topics import State, Topic, read
from tests.factories.jobs import make_job
from tests.factories.users import make_user
from users.models import User
from users.services import change_account

# Within the transaction of the test nothing commits, so nothing is ever told: as if each process
# were killed right after its commit.
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def clip(ada: User) -> MediaFile:
    return MediaFile.objects.create(owner=ada, filename="a.mp4", state="processing")


def own_topic(user: User, since: int | None = None) -> State:
    return read(Topic("user", str(user.pk)), user_id=user.pk, since=since)


def progress(ada: User, clip: MediaFile) -> None:
    with transaction.atomic():
        announce(lock(clip.pk), progress_percent=60)


def end_a_job(ada: User, clip: MediaFile) -> None:
    jobs.cancel_job(actor=ada, job_id=make_job(clip).pk)


def begin_an_upload(ada: User, clip: MediaFile) -> None:
    uploads.create_upload(actor=ada, length_bytes=5, metadata={}, header="")


def hide_what_a_post_showed(ada: User, clip: MediaFile) -> None:
    post = posts.create_post(actor=ada, media=[clip.pk])
    posts.delete_post(actor=ada, post_id=post.pk)


CHANGES: list[Callable[[User, MediaFile], object]] = [
    progress,
    end_a_job,
    begin_an_upload,
    hide_what_a_post_showed,
    lambda ada, clip: videos.update_video(actor=ada, media_id=clip.pk, title="New"),
    lambda ada, clip: deletion.delete_media(actor=ada, media_id=clip.pk),
    lambda ada, clip: change_account(actor=ada, username="eve"),
]
NAMES = ["progress", "job", "upload", "post", "title", "deletion", "name"]


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_who_subscribes_with_the_version_before_gets_the_new_state(
    ada: User, clip: MediaFile, change: Callable[[User, MediaFile], object]
) -> None:
    known = own_topic(ada)
    assert own_topic(ada, since=known.version).data is None
    change(ada, clip)
    healed = own_topic(ada, since=known.version)
    assert healed.version > known.version
    assert healed.data == own_topic(ada).data != known.data


def test_each_change_of_media_has_a_version_of_the_owners_own(ada: User) -> None:
    clips = [MediaFile.objects.create(owner=ada, filename="a.mp4") for _ in range(3)]
    post = posts.create_post(actor=ada, media=[it.pk for it in clips])
    posts.delete_post(actor=ada, post_id=post.pk)
    assert own_topic(ada).version == 3


def test_somebody_elses_changes_leave_the_topic_alone(ada: User, clip: MediaFile) -> None:
    bob = make_user("bob")
    progress(ada, clip)
    assert own_topic(bob).version == 0
