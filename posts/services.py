"""What can be done with posts and comments.

Counts and versions are raised by UPDATEs that read what they write, in the transaction of the
change itself: they are right whoever else is at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from core.errors import Forbidden, NotFound
from core.events import publish
from media.models import MediaFile, Visibility
from media.services.changes import tell as tell_of_media
from posts import permissions
from posts.errors import EmptyPost, NotYourMedia
from posts.events import (
    CommentCreated,
    CommentDeleted,
    PostDeleted,
    PostLiked,
    PostListed,
    PostUnlisted,
    PostUpdated,
)
from posts.models import Comment, Feed, Like, Post, PostMedia
from posts.selectors import find_post
from users.models import User
from users.permissions import may_moderate

Row = TypeVar("Row", Post, Comment)


@dataclass(frozen=True)
class LikeState:
    """How many like a post, and whether the actor is one of them."""

    likes: int
    liked: bool


@transaction.atomic
def create_post(
    *,
    actor: User,
    text: str = "",
    media: Sequence[UUID] = (),
    visibility: str = Visibility.PUBLIC,
) -> Post:
    """Publish a text and media files of one's own. Raises EmptyPost or NotYourMedia."""
    media = list(dict.fromkeys(media))
    if not text and not media:
        raise EmptyPost
    # Locked, so that none can be deleted before the post shows it.
    own = MediaFile.objects.select_for_update().filter(pk__in=media, owner_id=actor.pk)
    if len(own) != len(media):
        errors = [{"pointer": "#/media", "detail": NotYourMedia.title}]
        raise NotYourMedia(errors=errors)
    post = Post.objects.create(author=actor, text=text, visibility=visibility)
    PostMedia.objects.bulk_create(
        PostMedia(post=post, media_file_id=media_id, position=position)
        for position, media_id in enumerate(media)
    )
    _tell_feed(post, was=None, now=visibility)
    return post


@transaction.atomic
def update_post(
    *, actor: User, post_id: UUID, text: str | None = None, visibility: str | None = None
) -> None:
    """Change what a post says, or who may see it. Raises NotFound, Forbidden or EmptyPost."""
    post = find_post(viewer=actor, post_id=post_id)
    if not permissions.may_edit_post(actor, post):
        raise Forbidden("Only its author can change a post.")
    changes: dict[str, str] = {}
    if text is not None:
        changes["text"] = text
    if visibility is not None:
        changes["visibility"] = visibility
    if not changes:
        return
    if text == "" and not PostMedia.objects.filter(post_id=post_id).exists():
        raise EmptyPost
    _update(post, **changes)


@transaction.atomic
def delete_post(*, actor: User, post_id: UUID) -> None:
    """Take a post away with its likes and comments; its media stay. Raises NotFound, Forbidden."""
    post = find_post(viewer=actor, post_id=post_id)
    if not permissions.may_delete_post(actor, post):
        raise Forbidden("Only its author can delete a post.")
    _delete(post)


@transaction.atomic
def like_post(*, actor: User, post_id: UUID) -> LikeState:
    """Like a post. Liking twice is the same as liking once. Raises NotFound."""
    find_post(viewer=actor, post_id=post_id)
    _, created = Like.objects.get_or_create(post_id=post_id, user_id=actor.pk)
    if created:
        _change(post_id, like_count=F("like_count") + 1)
    return LikeState(likes=_tell_likes(post_id, changed=created), liked=True)


@transaction.atomic
def unlike_post(*, actor: User, post_id: UUID) -> LikeState:
    """Take a like back. What was not liked stays as it is. Raises NotFound."""
    find_post(viewer=actor, post_id=post_id)
    deleted, _ = Like.objects.filter(post_id=post_id, user_id=actor.pk).delete()
    if deleted:
        _change(post_id, like_count=F("like_count") - 1)
    return LikeState(likes=_tell_likes(post_id, changed=bool(deleted)), liked=False)


@transaction.atomic
def create_comment(*, actor: User, post_id: UUID, text: str) -> Comment:
    """Say something about a post. Raises NotFound."""
    find_post(viewer=actor, post_id=post_id)
    comment = Comment.objects.create(post_id=post_id, author=actor, text=text)
    version = _change(post_id, comment_count=F("comment_count") + 1)
    publish(CommentCreated(comment_id=comment.pk, post_id=post_id, version=version))
    return comment


@transaction.atomic
def delete_comment(*, actor: User, comment_id: UUID) -> None:
    """Take a comment away, as its author or as the post's. Raises NotFound or Forbidden."""
    comment = Comment.objects.select_related("post").filter(pk=comment_id).first()
    if comment is None or not Post.objects.visible_to(actor).filter(pk=comment.post_id).exists():
        raise NotFound(f"There is no comment {comment_id}.")
    if not permissions.may_delete_comment(actor, comment):
        raise Forbidden("Only its author or the author of the post can delete a comment.")
    _delete_comment(comment)


# --- Moderation -----------------------------------------------------------------------------------


@transaction.atomic
def hide_post(*, actor: User, post_id: UUID) -> None:
    """Leave a post to its author's eyes, whoever could see it. Raises NotFound or Forbidden."""
    post = _moderated(actor, Post.objects.filter(pk=post_id))
    if post.visibility != Visibility.PRIVATE:
        _update(post, visibility=Visibility.PRIVATE)


@transaction.atomic
def remove_post(*, actor: User, post_id: UUID) -> None:
    """Delete a post, whoever may see it. Raises NotFound or Forbidden."""
    _delete(_moderated(actor, Post.objects.filter(pk=post_id)))


@transaction.atomic
def remove_comment(*, actor: User, comment_id: UUID) -> None:
    """Delete a comment, whoever may see its post. Raises NotFound or Forbidden."""
    _delete_comment(_moderated(actor, Comment.objects.filter(pk=comment_id)))


def _moderated(actor: User, rows: QuerySet[Row]) -> Row:
    if not may_moderate(actor):
        raise Forbidden("Only admins may do this.")
    row = rows.first()
    if row is None:
        raise NotFound
    return row


# --- What they all come to ------------------------------------------------------------------------


def _update(post: Post, **changes: str) -> None:
    publish(PostUpdated(post_id=post.pk, version=_change(post.pk, **changes)))
    visibility = changes.get("visibility", post.visibility)
    _tell_feed(post, was=post.visibility, now=visibility)
    if _is_narrower(visibility, post.visibility):
        _end_playback_links(post.pk)


def _delete(post: Post) -> None:
    post_id = post.pk
    # Likes and comments raise a count of the post: whoever comes now waits, and finds it gone.
    Post.objects.select_for_update().filter(pk=post_id).first()
    _end_playback_links(post_id)
    shown = PostMedia.objects.filter(post_id=post_id)
    media_ids = tuple(shown.values_list("media_file_id", flat=True))
    post.delete()
    _tell_feed(Post(pk=post_id, author_id=post.author_id), was=post.visibility, now=None)
    publish(PostDeleted(post_id=post_id, media_ids=media_ids))


def _delete_comment(comment: Comment) -> None:
    deleted, _ = Comment.objects.filter(pk=comment.pk).delete()
    if not deleted:
        return
    version = _change(comment.post_id, comment_count=F("comment_count") - 1)
    publish(
        CommentDeleted(
            comment_id=comment.pk,
            post_id=comment.post_id,
            comments=Post.objects.values_list("comment_count", flat=True).get(pk=comment.post_id),
            version=version,
        )
    )


def _change(post_id: UUID, **changes: object) -> int:
    """Change a post and raise its version in one UPDATE. Returns the version it led to."""
    if not Post.objects.filter(pk=post_id).update(version=F("version") + 1, **changes):
        raise NotFound(f"There is no post {post_id}.")
    return Post.objects.values_list("version", flat=True).get(pk=post_id)


def _is_narrower(visibility: str, than: str) -> bool:
    widest_first = Visibility.values
    return widest_first.index(visibility) > widest_first.index(than)


def _end_playback_links(post_id: UUID) -> None:
    """Fewer people may see what the post showed: links given out before must not outlive that."""
    shown = MediaFile.objects.filter(postmedia__post_id=post_id)
    ids = list(shown.values_list("pk", flat=True))
    MediaFile.objects.filter(pk__in=ids).update(
        visibility_epoch=F("visibility_epoch") + 1, version=F("version") + 1
    )
    for pk, owner_id, version in shown.values_list("pk", "owner_id", "version"):
        tell_of_media(media_id=pk, owner_id=owner_id, version=version)


def _tell_likes(post_id: UUID, *, changed: bool) -> int:
    likes, version = Post.objects.values_list("like_count", "version").get(pk=post_id)
    if changed:
        publish(PostLiked(post_id=post_id, likes=likes, version=version))
    return likes


def _tell_feed(post: Post, *, was: str | None, now: str | None) -> None:
    """That the post entered or left the feed, if it did. None: it does not exist then."""
    is_listed = now == Visibility.PUBLIC
    if is_listed == (was == Visibility.PUBLIC):
        return
    kind = PostListed if is_listed else PostUnlisted
    version = _raise_feed_version()
    publish(kind(post_id=post.pk, author_id=post.author_id, feed_version=version))


def _raise_feed_version() -> int:
    if not Feed.objects.filter(pk=1).update(version=F("version") + 1):
        Feed.objects.get_or_create(pk=1)
        Feed.objects.filter(pk=1).update(version=F("version") + 1)
    return Feed.objects.values_list("version", flat=True).get(pk=1)
