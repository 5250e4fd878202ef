"""Questions about posts and comments, and the shapes in which they are answered.

A page of the feed takes the same few queries whatever is on it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.fields import BooleanField

from core.errors import NotFound
from media.models import MediaFile, Visibility
from media.selectors import media_shapes
from posts.models import Comment, Like, Post, PostMedia

Viewer = AbstractBaseUser | AnonymousUser
Row = dict[str, Any]
Shape = dict[str, Any]
#: A queryset of `values()`: what a page needs, without model instances.
Rows = QuerySet[Any, Any]


# --- Posts ---------------------------------------------------------------------------------------


def find_post(*, viewer: Viewer, post_id: UUID) -> Post:
    """The post, if `viewer` may see it. Raises NotFound for both other cases."""
    post = Post.objects.visible_to(viewer).filter(pk=post_id).first()
    if post is None:
        raise NotFound(f"There is no post {post_id}.")
    return post


def get_post(*, viewer: Viewer, post_id: UUID) -> Shape:
    """One post as `viewer` sees it. Raises NotFound."""
    rows = list(_rows(Post.objects.visible_to(viewer).filter(pk=post_id), viewer))
    if not rows:
        raise NotFound(f"There is no post {post_id}.")
    return post_shapes(rows)[0]


def feed(*, viewer: Viewer) -> Rows:
    """The rows of the feed of `viewer`, to be paged and then shaped by `post_shapes`."""
    return _rows(Post.objects.listed_for(viewer), viewer)


def post_shapes(rows: Iterable[Row]) -> list[Shape]:
    """The shapes of rows, each with its media: a few queries more, however many rows."""
    rows = list(rows)
    media_of = _media_of([row["id"] for row in rows])
    videos = _video_shapes({pk for ids in media_of.values() for pk in ids})
    return [_post_shape(row, media_of[row["id"]], videos) for row in rows]


def shown_in_visible_post(viewer: Viewer) -> Q:
    """What posts grant to media: whoever may see a post may see what it shows."""
    seen = Q(post__visibility__in=[Visibility.PUBLIC, Visibility.UNLISTED])
    if viewer.is_authenticated:
        seen |= Q(post__author_id=viewer.pk)
    return Q(Exists(PostMedia.objects.filter(seen, media_file_id=OuterRef("pk"))))


def _rows(posts: QuerySet[Post], viewer: Viewer) -> Rows:
    liked: Any = Value(False, output_field=BooleanField())
    if viewer.is_authenticated:
        liked = Exists(Like.objects.filter(post_id=OuterRef("pk"), user_id=viewer.pk))
    return posts.annotate(liked=liked, author_name=F("author__username")).values(
        "id",
        "author_id",
        "author_name",
        "text",
        "like_count",
        "comment_count",
        "visibility",
        "version",
        "created_at",
        "liked",
    )


def _media_of(post_ids: list[UUID]) -> defaultdict[UUID, list[UUID]]:
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    shown = PostMedia.objects.filter(post_id__in=post_ids).order_by("post_id", "position", "id")
    for post_id, media_id in shown.values_list("post_id", "media_file_id"):
        found[post_id].append(media_id)
    return found


def _video_shapes(media_ids: set[UUID]) -> dict[UUID, Shape]:
    if not media_ids:
        return {}
    files = list(MediaFile.objects.select_related("owner").filter(pk__in=media_ids))
    return dict(zip((file.pk for file in files), media_shapes(files), strict=True))


def _post_shape(row: Row, media: list[UUID], videos: dict[UUID, Shape]) -> Shape:
    return {
        "id": str(row["id"]),
        "author": {"id": str(row["author_id"]), "username": row["author_name"]},
        "text": row["text"],
        "media": [str(media_id) for media_id in media],
        "videos": [videos[media_id] for media_id in media if media_id in videos],
        "likes": row["like_count"],
        "liked": row["liked"],
        "comments": row["comment_count"],
        "visibility": row["visibility"],
        "version": row["version"],
        "created_at": _moment(row["created_at"]),
    }


# --- Comments ------------------------------------------------------------------------------------


def comments(*, viewer: Viewer, post_id: UUID) -> Rows:
    """The rows of the comments of a post, newest first. Raises NotFound for the post."""
    if not Post.objects.visible_to(viewer).filter(pk=post_id).exists():
        raise NotFound(f"There is no post {post_id}.")
    return _comment_rows(Comment.objects.filter(post_id=post_id))


def latest_comments(*, viewer: Viewer, post_id: UUID, limit: int = 20) -> list[Shape]:
    """The newest comments of a post, newest first. Raises NotFound for the post."""
    return [comment_shape(row) for row in comments(viewer=viewer, post_id=post_id)[:limit]]


def get_comment(*, viewer: Viewer, comment_id: UUID) -> Shape:
    """One comment, if `viewer` may see its post. Raises NotFound."""
    posts = Post.objects.visible_to(viewer)
    row = _comment_rows(Comment.objects.filter(pk=comment_id, post__in=posts)).first()
    if row is None:
        raise NotFound(f"There is no comment {comment_id}.")
    return comment_shape(row)


def comment_shape(row: Row) -> Shape:
    """What a row of `comments` says to people."""
    return {
        "id": str(row["id"]),
        "post": str(row["post_id"]),
        "author": {"id": str(row["author_id"]), "username": row["author_name"]},
        "text": row["text"],
        "created_at": _moment(row["created_at"]),
    }


def _comment_rows(found: QuerySet[Comment]) -> Rows:
    return found.annotate(author_name=F("author__username")).values(
        "id", "post_id", "author_id", "author_name", "text", "created_at"
    )


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
