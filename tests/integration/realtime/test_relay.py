"""Each event becomes the message that the docs promise, for the right group."""

import uuid
from typing import Any

import pytest

from core import events
from media.events import MediaChanged, MediaDeleted
from media.models import MediaFile
from posts import services
from posts.models import Post
from realtime import relay
from realtime.change import Change
from realtime.topics import whole_change
from users.events import SignedOut, UserChanged
from users.models import User

pytestmark = pytest.mark.django_db


class Carrier:
    """A courier that keeps what it is given, and runs errands at once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.later: list[tuple[float, Any]] = []

    def send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.append((group, message))

    def run(self, errand: Any, after_seconds: float = 0.0) -> None:
        if after_seconds:
            self.later.append((after_seconds, errand))
        else:
            errand()

    @property
    def changes(self) -> list[Change]:
        kept = [message for _, message in self.sent if message["type"] == Change.LAYER_TYPE]
        return [Change.from_layer(message) for message in kept]


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(relay, "courier", made)
    monkeypatch.setattr(relay.media_telling, "_courier", made)
    monkeypatch.setattr(relay.media_telling, "_told", {})
    return made


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", "ann@example.com")


@pytest.fixture
def post(ann: User) -> Post:
    return Post.objects.create(author=ann, text="hello")


def tell(event: events.Event) -> None:
    relay.HANDLERS[type(event)](event)


def changed(media: MediaFile, version: int) -> MediaChanged:
    """A change of media whose owner's topic is a hundred versions ahead."""
    return MediaChanged(
        media_id=media.pk, owner_id=media.owner_id, version=version, owner_version=100 + version
    )


def told(carrier: Carrier) -> list[str]:
    return [message["type"] for change in carrier.changes for message in change.messages]


def test_a_comment_is_told_whole_with_the_count(
    carrier: Carrier, post: Post, ann: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        comment = services.create_comment(actor=ann, post_id=post.pk, text="hi")
    (change,) = carrier.changes
    assert carrier.sent[0][0] == f"live.post.{post.pk}"
    assert (change.prev, change.version) == (0, 1)
    said, count = change.messages
    assert (said["data"]["id"], said["data"]["text"]) == (str(comment.pk), "hi")
    assert count == {"type": "post.comments", "data": {"comments": 1}}


def test_a_comment_that_is_gone_already_leaves_no_hole_in_the_versions(
    carrier: Carrier, post: Post
) -> None:
    from posts.events import CommentCreated

    tell(CommentCreated(comment_id=uuid.uuid4(), post_id=post.pk, version=3))
    (change,) = carrier.changes
    assert (change.prev, change.version) == (2, 3)
    assert told(carrier) == ["post.comments"]


def test_a_listed_post_is_told_to_the_feed_and_another_is_not(
    carrier: Carrier, ann: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        listed = services.create_post(actor=ann, text="for all")
        services.create_post(actor=ann, text="for me", visibility="private")
    (change,) = carrier.changes
    assert carrier.sent[0][0] == "live.feed"
    author = {"id": str(ann.pk), "username": "ann"}
    assert change.messages[0]["data"] == {"id": str(listed.pk), "author": author}


def test_a_post_that_leaves_the_feed_is_told_to_it_once(
    carrier: Carrier, ann: User, django_capture_on_commit_callbacks: Any
) -> None:
    post = services.create_post(actor=ann, text="for all")
    with django_capture_on_commit_callbacks(execute=True):
        services.update_post(actor=ann, post_id=post.pk, visibility="private")
        services.delete_post(actor=ann, post_id=post.pk)
    left = [change for change in carrier.changes if change.topic == "feed"]
    assert [change.messages for change in left] == [
        [{"type": "post.removed", "data": {"id": str(post.pk), "author": {"id": str(ann.pk)}}}]
    ]
    assert (left[0].prev, left[0].version) == (1, 2)


def test_a_change_of_visibility_says_for_whom_the_post_is_now(
    carrier: Carrier, post: Post, ann: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.update_post(actor=ann, post_id=post.pk, visibility="private")
    change = next(it for it in carrier.changes if it.topic != "feed")
    assert (change.prev, change.audience) == (0, "private")
    assert "liked" not in change.messages[0]["data"]


def test_media_of_a_post_that_goes_is_checked_again(
    carrier: Carrier, ann: User, django_capture_on_commit_callbacks: Any
) -> None:
    media = MediaFile.objects.create(owner=ann, filename="a.mp4")
    post = services.create_post(actor=ann, text="see", media=[media.pk])
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_post(actor=ann, post_id=post.pk)
    assert [message["type"] for _, message in carrier.sent[-2:]] == ["live.change", "live.recheck"]
    assert carrier.sent[-1][0] == f"live.media.{media.pk}"


def test_progress_is_told_at_once_and_then_four_times_a_second(carrier: Carrier, ann: User) -> None:
    media = MediaFile.objects.create(owner=ann, filename="a.mp4", state="processing")
    for version in range(1, 20):
        tell(changed(media, version))
    assert told(carrier) == ["media.progress", "media.progress"]
    assert [change.topic.partition(":")[0] for change in carrier.changes] == ["media", "user"]
    ((wait, errand),) = carrier.later
    assert 0 < wait <= 0.25
    MediaFile.objects.filter(pk=media.pk).update(progress_percent=80, version=19)
    errand()
    *_, whole, own = carrier.changes
    assert (whole.prev, whole.version, own.prev, own.version) == (0, 19, 101, 119)
    assert whole.messages == own.messages
    assert own.messages[0]["data"]["progress_percent"] == 80


def test_the_versions_that_others_explain_are_left_to_them(carrier: Carrier, ann: User) -> None:
    media = MediaFile.objects.create(owner=ann, filename="a.mp4", state="processing")
    for version in (1, 2, 3, 5, 6):
        tell(changed(media, version))
    carrier.later[0][1]()
    own = [change for change in carrier.changes if change.topic == f"user:{ann.pk}"]
    assert [(it.prev, it.version) for it in own] == [(100, 101), (101, 103), (104, 106)]


def test_progress_of_media_that_is_gone_leaves_no_hole_in_the_owners_versions(
    carrier: Carrier, ann: User
) -> None:
    tell(MediaChanged(media_id=uuid.uuid4(), owner_id=ann.pk, version=3, owner_version=7))
    (change,) = carrier.changes
    assert (change.topic, change.prev, change.version) == (f"user:{ann.pk}", 6, 7)
    assert change.messages == []


def test_deleted_media_ends_its_topic_and_is_told_to_the_owner(carrier: Carrier, ann: User) -> None:
    media_id = uuid.uuid4()
    tell(MediaDeleted(media_id=media_id, owner_id=ann.pk, owner_version=8))
    assert told(carrier) == ["media.deleted", "media.deleted"]
    assert [(change.prev, change.version) for change in carrier.changes] == [(0, 0), (7, 8)]
    assert [change.is_end for change in carrier.changes] == [True, False]


def test_what_is_told_of_a_new_video_does_not_end_its_topic(carrier: Carrier, ann: User) -> None:
    media = MediaFile.objects.create(owner=ann, filename="a.mp4", state="uploading")
    tell(MediaChanged(media_id=media.pk, owner_id=ann.pk, version=0, owner_version=1))
    whole, own = carrier.changes
    assert (whole.topic, whole.version, whole.is_end) == (f"media:{media.pk}", 0, False)
    assert (own.version, own.is_end) == (1, False)


def test_signing_out_is_told_to_every_process(carrier: Carrier, ann: User) -> None:
    tell(SignedOut(user_id=ann.pk))
    assert carrier.sent == [
        ("live.signed-out", {"type": "live.signed-out", "user_id": str(ann.pk)})
    ]


def test_a_new_name_is_told_to_the_account(carrier: Carrier, ann: User) -> None:
    tell(UserChanged(user_id=ann.pk, version=4))
    assert (carrier.changes[0].prev, carrier.changes[0].version) == (3, 4)


def test_what_everybody_sees_alike_has_nothing_of_one_viewer(post: Post) -> None:
    from realtime.topics import Topic

    change = whole_change(Topic("post", str(post.pk)))
    assert change is not None
    assert not {"liked", "videos"} & set(change.messages[0]["data"])


def test_every_event_of_the_apps_is_heard_or_left_out_knowingly() -> None:
    import media.events
    import posts.events
    import users.events

    published = {
        item
        for module in (media.events, posts.events, users.events)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, events.Event) and item is not events.Event
    }
    assert published == set(relay.HANDLERS)
