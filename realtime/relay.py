"""Turns events into messages, and is the only one that sends them to groups.

Registered in `RealtimeConfig.ready()`, in every process: an event is told by the process that
made the change, after its commit. What is small and has to be read is read in the thread of the
speaker; the states of media files, which change fast, are read by the courier, at most four times
a second for each.
"""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from django.conf import settings

from core.errors import NotFound
from core.events import Event, subscribe
from media import events as media
from posts import events as posts
from posts import selectors
from posts.models import Post, PostMedia
from realtime import tickets, topics
from realtime.change import Change
from realtime.courier import Courier, courier
from realtime.groups import RECHECK, SIGNED_OUT, group_of
from realtime.protocol import (
    CommentCreated,
    CommentDeleted,
    MediaDeleted,
    MediaProgress,
    Message,
    PostComments,
    PostCreated,
    PostLikes,
    PostRemoved,
    UserUpdated,
)
from realtime.topics import Topic
from users import events as users
from users.models import User


def start() -> None:
    """Hear what the apps publish."""
    for event, handler in HANDLERS.items():
        subscribe(event, handler)


def _send(change: Change) -> None:
    courier.send(group_of(topics.parse(change.topic)), change.to_layer())


def _step(topic: Topic, version: int, *messages: Message) -> Change:
    """What one change of a row tells: it builds on the version before."""
    wire = [message.to_wire() for message in messages]
    return Change(topic=str(topic), prev=version - 1, version=version, messages=wire)


# --- Posts ----------------------------------------------------------------------------------------


def _post(post_id: uuid.UUID) -> Topic:
    return Topic("post", str(post_id))


def post_listed(event: posts.PostListed) -> None:
    """Tell the feed of a post that stands in it now."""
    name = User.objects.values_list("username", flat=True).get(pk=event.author_id)
    author = {"id": str(event.author_id), "username": name}
    message = PostCreated(id=str(event.post_id), author=author)
    _send(_step(Topic("feed"), event.feed_version, message))


def post_unlisted(event: posts.PostUnlisted) -> None:
    """Tell the feed which post left it."""
    message = PostRemoved(id=str(event.post_id), author={"id": str(event.author_id)})
    _send(_step(Topic("feed"), event.feed_version, message))


def post_liked(event: posts.PostLiked) -> None:
    """Tell how many likes there are."""
    _send(_step(_post(event.post_id), event.version, PostLikes(likes=event.likes)))


def comment_created(event: posts.CommentCreated) -> None:
    """Tell the comment, and how many there are."""
    post = Post.objects.select_related("author").filter(pk=event.post_id).first()
    if post is None:
        return  # deleted meanwhile, which is told by itself
    messages: list[Message] = [PostComments(comments=post.comment_count)]
    try:
        # The author of the post may see it, whatever its visibility.
        comment = selectors.get_comment(viewer=post.author, comment_id=event.comment_id)
        messages.insert(0, CommentCreated(**comment))
    except NotFound:
        pass  # deleted meanwhile; the version is told all the same, so that none is missing
    _send(_step(_post(event.post_id), event.version, *messages))


def comment_deleted(event: posts.CommentDeleted) -> None:
    """Tell which comment is gone, and how many there are."""
    deleted, count = CommentDeleted(id=str(event.comment_id)), PostComments(comments=event.comments)
    _send(_step(_post(event.post_id), event.version, deleted, count))


def post_updated(event: posts.PostUpdated) -> None:
    """Tell the post as it is now; who may see its media may have changed with it."""
    change = topics.whole_change(_post(event.post_id))
    if change is not None:
        _send(change)
    shown = PostMedia.objects.filter(post_id=event.post_id)
    _recheck(shown.values_list("media_file_id", flat=True))


def post_deleted(event: posts.PostDeleted) -> None:
    """Tell that the post is gone, and with it what it granted."""
    _send(topics.ending(_post(event.post_id)))
    _recheck(event.media_ids)


def _recheck(media_ids: Iterable[uuid.UUID]) -> None:
    """Have those who follow media checked again: a post may no longer show it to them."""
    for media_id in media_ids:
        topic = _media(media_id)
        courier.send(group_of(topic), {"type": RECHECK, "topic": str(topic)})


# --- Media ----------------------------------------------------------------------------------------


def _media(media_id: uuid.UUID) -> Topic:
    return Topic("media", str(media_id))


@dataclass
class _Told:
    """What has been told of a media file, and whether more is on its way."""

    at: float = float("-inf")
    is_due: bool = False
    #: The versions of the owner's topic that the next telling explains.
    owner_versions: list[int] = field(default_factory=list)


class MediaTelling:
    """Tells the states of media files: at once, then at most once per LIVE_GATHER_SECONDS."""

    #: Media files that are remembered; more than one process encodes at a time.
    REMEMBERED = 1_000

    def __init__(self, carrier: Courier) -> None:
        self._courier = carrier
        self._told: dict[uuid.UUID, _Told] = {}

    def changed(self, event: media.MediaChanged) -> None:
        """Have the state told soon. Called in any thread; the rest runs in the courier's."""
        self._courier.run(lambda: self._plan(event))

    def _plan(self, event: media.MediaChanged) -> None:
        media_id, owner_id = event.media_id, event.owner_id
        told = self._told.setdefault(media_id, _Told())
        told.owner_versions.append(event.owner_version)
        if told.is_due:
            return
        told.is_due = True
        wait = told.at + settings.LIVE_GATHER_SECONDS - monotonic()
        self._courier.run(lambda: self._tell(media_id, owner_id), max(0.0, wait))
        while len(self._told) > self.REMEMBERED:
            del self._told[next(iter(self._told))]

    def _tell(self, media_id: uuid.UUID, owner_id: uuid.UUID) -> None:
        told = self._told.setdefault(media_id, _Told())
        told.is_due, told.at = False, monotonic()
        versions, told.owner_versions = told.owner_versions, []
        change = topics.whole_change(_media(media_id))
        # Deleted meanwhile, which is told by itself: then only that no version is missing.
        messages = []
        if change is not None:
            _send(change)
            messages = [MediaProgress(state=change.messages[0]["data"])]
        _tell_owner(owner_id, versions, messages)


def _tell_owner(
    owner_id: uuid.UUID, versions: Iterable[int], messages: Collection[Message]
) -> None:
    """Tell an account's topic what led to these versions of it, in one change where they adjoin.

    What lies between them is told by other processes, or about other media.
    """
    wire = [message.to_wire() for message in messages]
    topic = str(Topic("user", str(owner_id)))
    for first, last in _runs(versions):
        _send(Change(topic=topic, prev=first - 1, version=last, messages=wire))


def _runs(versions: Iterable[int]) -> list[tuple[int, int]]:
    """The first and last of each run of adjoining versions; 0 stands for an account that is gone.

    >>> _runs([7, 5, 6, 9, 0])
    [(5, 7), (9, 9)]
    """
    runs: list[tuple[int, int]] = []
    for version in sorted(set(versions) - {0}):
        if runs and version == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], version)
        else:
            runs.append((version, version))
    return runs


media_telling = MediaTelling(courier)


def media_deleted(event: media.MediaDeleted) -> None:
    """Tell those who watch that it is gone, and the owner's other pages."""
    _send(topics.ending(_media(event.media_id)))
    gone = MediaDeleted(video_id=str(event.media_id))
    _tell_owner(event.owner_id, [event.owner_version], [gone])


def queue_changed(event: media.QueueChanged) -> None:
    """Tell the administrators who follow it. Counted in the courier's thread."""
    courier.run(_tell_queue)


def _tell_queue() -> None:
    change = topics.whole_change(Topic("admin", "queue"))
    if change is not None:
        _send(change)


# --- Accounts -------------------------------------------------------------------------------------


def user_changed(event: users.UserChanged) -> None:
    """Tell the account's own pages."""
    topic = Topic("user", str(event.user_id))
    _send(_step(topic, event.version, UserUpdated(id=str(event.user_id))))


def signed_out(event: users.SignedOut) -> None:
    """Close the sockets of the account; those that are still signed in come back."""
    # First: a socket that opens in between is closed like the others.
    tickets.end_all(event.user_id)
    courier.send(SIGNED_OUT, {"type": SIGNED_OUT, "user_id": str(event.user_id)})


HANDLERS: dict[type[Event], Callable[[Any], None]] = {
    posts.PostListed: post_listed,
    posts.PostUnlisted: post_unlisted,
    posts.PostLiked: post_liked,
    posts.CommentCreated: comment_created,
    posts.CommentDeleted: comment_deleted,
    posts.PostUpdated: post_updated,
    posts.PostDeleted: post_deleted,
    media.MediaChanged: media_telling.changed,
    media.MediaDeleted: media_deleted,
    media.QueueChanged: queue_changed,
    users.UserChanged: user_changed,
    users.SignedOut: signed_out,
}
