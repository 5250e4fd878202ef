"""What can be followed, by whom, and what its state is now. Blocking: called in threads only.

    post:<id>     a post: likes, comments, text        whoever may see the post
    media:<id>    a media file: progress, renditions   whoever may see the media file
    user:<id>     an account's own uploads             the account itself
    feed          new posts that everybody may see     everybody
    admin:queue   the queue as a whole                 administrators

What one may not see is not found, as in the API.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from core.errors import NotFound, Unauthenticated
from media.jobs import overview
from media.models import MediaFile, QueueState
from media.services.queue import may_see_queue, note_watcher
from posts.models import Feed, Post
from realtime import states
from realtime.change import Change
from realtime.protocol import (
    MediaDeleted,
    MediaProgress,
    PostDeleted,
    PostUpdated,
    QueueClosed,
    QueueUpdated,
)
from users.models import User

Viewer = User | AnonymousUser

KINDS = ("post", "media", "user")
#: Topics there is one of.
SINGLE = ("feed", "admin:queue")
#: Ids per query when versions are compared.
BATCH = 500


@dataclass(frozen=True)
class Topic:
    """The name of something to follow: a kind, and the id of the row that it is about."""

    kind: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}" if self.key else self.kind

    @property
    def id(self) -> uuid.UUID:
        """The key of the row."""
        return uuid.UUID(self.key)


def parse(name: str) -> Topic:
    """The topic of that name. Raises NotFound for every other spelling.

    >>> parse("feed")
    Topic(kind='feed', key='')
    >>> str(parse("post:0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a"))
    'post:0c9e1b9c-8d0f-4c39-9d8e-0a9f5d1c2b3a'
    """
    kind, colon, key = name[:64].partition(":")
    if name in SINGLE:
        return Topic(kind, key)
    try:
        if kind in KINDS and colon and str(uuid.UUID(key)) == key:
            return Topic(kind, key)
    except ValueError:
        pass
    raise NotFound("There is no such topic.")


def viewer_of(user_id: uuid.UUID | None) -> Viewer:
    """The account as it is now. Raises Unauthenticated when it is gone or disabled."""
    if user_id is None:
        return AnonymousUser()
    viewer = User.objects.filter(pk=user_id, is_active=True).first()
    if viewer is None:
        raise Unauthenticated
    return viewer


# --- Reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a topic at `version`; no data where the reader has that version already."""

    version: int
    audience: str
    data: dict[str, Any] | None


def read(topic: Topic, *, user_id: uuid.UUID | None, since: int | None = None) -> State:
    """What the account may see of `topic` now. Raises NotFound or Unauthenticated.

    The version is read before the rest, so the rest is as new or newer; what is told again later
    changes nothing.
    """
    viewer = viewer_of(user_id)
    version, audience = _version(topic, viewer)
    data = None if version == since else states.SNAPSHOT[topic.kind](viewer, topic.key)
    return State(version=version, audience=audience, data=data)


def _version(topic: Topic, viewer: Viewer) -> tuple[int, str]:
    """The version and the audience of a topic, if the viewer may follow it."""
    if topic.kind == "admin":
        if not may_see_queue(viewer):
            raise NotFound("There is no such topic.")
        note_watcher()
    if str(topic) in SINGLE:
        return current_versions([topic])[topic], ""
    if topic.kind == "user" and str(viewer.pk) != topic.key:
        raise NotFound("There is no such topic.")
    columns = ("version", *states.AUDIENCE[topic.kind])
    row = states.VISIBLE[topic.kind](viewer).filter(pk=topic.id).values_list(*columns).first()
    if row is None:
        raise NotFound(f"There is no such {topic.kind}.")
    return int(row[0]), audience_of(row[1:])


def audience_of(values: Iterable[object]) -> str:
    """What `Change.audience` says, of the values of the columns in `states.AUDIENCE`."""
    return ".".join(str(value) for value in values)


def whole_change(topic: Topic) -> Change | None:
    """The state of `topic` that everybody sees alike, as one change; None where there is none.

    It builds on nothing, so it heals whatever was lost.
    """
    if topic.kind == "admin":
        return _whole_queue(topic)
    if topic.kind not in states.COMMON:
        return None
    columns = ("version", *states.AUDIENCE[topic.kind])
    rows = _TABLES[topic.kind]._default_manager.filter(pk=topic.id)
    row = rows.values_list(*columns).first()
    state = states.COMMON[topic.kind](topic.id)
    if row is None or state is None:
        return None
    message = PostUpdated(state=state) if topic.kind == "post" else MediaProgress(state=state)
    return Change(
        topic=str(topic),
        prev=0,
        version=row[0],
        messages=[message.to_wire()],
        audience=audience_of(row[1:]),
    )


def _whole_queue(topic: Topic) -> Change:
    """The version first: what is read after it is as new or newer."""
    version = current_versions([topic])[topic]
    message = QueueUpdated(state=overview.queue_now())
    return Change(topic=str(topic), prev=0, version=version, messages=[message.to_wire()])


def ending(topic: Topic) -> Change:
    """The change that ends a topic."""
    messages: list[dict[str, Any]] = []
    if topic.kind == "post":
        messages = [PostDeleted().to_wire()]
    elif topic.kind == "media":
        messages = [MediaDeleted(video_id=topic.key).to_wire()]
    elif topic.kind == "admin":
        messages = [QueueClosed().to_wire()]
    return Change(topic=str(topic), prev=0, version=0, messages=messages, is_end=True)


_TABLES: dict[str, type[Model]] = {"post": Post, "media": MediaFile, "user": User}


def current_versions(topics: Iterable[Topic]) -> dict[Topic, int]:
    """The versions in the database: one query per table and BATCH; what is gone is missing."""
    by_kind = defaultdict(list)
    for topic in topics:
        by_kind[topic.kind].append(topic)
    found: dict[Topic, int] = {}
    if by_kind.pop("feed", None):
        found[Topic("feed")] = Feed.objects.values_list("version", flat=True).first() or 0
    if by_kind.pop("admin", None):
        row = QueueState.objects.values_list("version", flat=True).first()
        found[Topic("admin", "queue")] = row or 0
    for kind, members in by_kind.items():
        for start in range(0, len(members), BATCH):
            keys = [topic.id for topic in members[start : start + BATCH]]
            rows = _TABLES[kind]._default_manager.filter(pk__in=keys)
            found |= {Topic(kind, str(pk)): v for pk, v in rows.values_list("pk", "version")}
    return found


def active_accounts(user_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the accounts that exist and are not disabled."""
    return set(User.objects.filter(pk__in=user_ids, is_active=True).values_list("pk", flat=True))


def not_allowed(topic: Topic, user_ids: Collection[uuid.UUID | None]) -> set[uuid.UUID | None]:
    """Those of the accounts (None: anonymous) that may not follow `topic` any more."""
    refused = set()
    for user_id in user_ids:
        try:
            _version(topic, viewer_of(user_id))
        except (NotFound, Unauthenticated):
            refused.add(user_id)
    return refused
