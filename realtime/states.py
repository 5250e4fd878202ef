"""What each kind of topic looks like to a viewer, asked of the selectors of the apps below."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from core.errors import NotFound
from media import selectors as media
from media.jobs import overview
from media.visibility import visible_media
from posts import selectors as posts
from posts.models import Post
from users.models import User

Viewer = User | AnonymousUser
Shape = dict[str, Any]

#: How many comments, videos and posts a snapshot carries; older ones are pages of the API.
PAGE = 20


def _post(viewer: Viewer, key: str) -> Shape:
    post_id = uuid.UUID(key)
    comments = posts.latest_comments(viewer=viewer, post_id=post_id, limit=PAGE)
    return {**posts.get_post(viewer=viewer, post_id=post_id), "comments_page": comments}


def _media(viewer: Viewer, key: str) -> Shape:
    return media.get_media(viewer=viewer, media_id=uuid.UUID(key))


def _user(viewer: Viewer, key: str) -> Shape:
    """The account's uploads that are still on their way, newest first."""
    unfinished = media.unfinished_media(viewer=viewer)
    return {"videos": media.media_shapes(list(unfinished.order_by("-created_at")[:PAGE]))}


def _feed(viewer: Viewer, key: str) -> Shape:
    """Which posts the feed of the viewer begins with."""
    return {"posts": [_listed(row) for row in posts.feed(viewer=viewer)[:PAGE]]}


def _listed(row: Shape) -> Shape:
    author = {"id": str(row["author_id"]), "username": row["author_name"]}
    return {"id": str(row["id"]), "author": author}


def common_post(post_id: uuid.UUID) -> Shape | None:
    """What everybody sees alike of a post, with its newest comments; None if it is gone."""
    author = User.objects.filter(posts=post_id).first()
    if author is None:
        return None
    try:
        # Its author may see it, whatever its visibility; what is only for them is left out.
        shape = _post(author, str(post_id))
    except NotFound:
        return None  # deleted meanwhile
    return {name: value for name, value in shape.items() if name not in ("liked", "videos")}


def common_media(media_id: uuid.UUID) -> Shape | None:
    """What changes while a media file is made; None if it is gone."""
    state = media.media_state(media_id)
    return None if state is None else {"video_id": str(media_id), **state}


def _queue(viewer: Viewer, key: str) -> Shape:
    """The whole queue at a glance; that the viewer is an administrator has been checked."""
    return overview.queue_now()


SNAPSHOT: dict[str, Callable[[Viewer, str], Shape]] = {
    "post": _post,
    "media": _media,
    "user": _user,
    "feed": _feed,
    "admin": _queue,
}
VISIBLE: dict[str, Callable[[Viewer], QuerySet[Any]]] = {
    "post": lambda viewer: Post.objects.visible_to(viewer),
    "media": visible_media,
    # Whose topic it is has been checked by its name.
    "user": lambda viewer: User.objects.all(),
}
COMMON: dict[str, Callable[[uuid.UUID], Shape | None]] = {
    "post": common_post,
    "media": common_media,
}
#: The columns of a topic's row that say who may see it, beside its version.
AUDIENCE: dict[str, tuple[str, ...]] = {
    "post": ("visibility",),
    "media": ("visibility", "visibility_epoch"),
    "user": (),
}
