"""What happened to posts: facts of ids and numbers, published with the change and told after it.

`version` is the version of the post that the change led to; each change raises it by one.
"""

import uuid
from dataclasses import dataclass

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class PostListed(Event):
    """A post stands in the feed that did not before: a new one, or one that became public."""

    post_id: uuid.UUID
    author_id: uuid.UUID
    feed_version: int


@dataclass(frozen=True, kw_only=True)
class PostUnlisted(Event):
    """A post does not stand in the feed any more: it is gone, or for fewer eyes."""

    post_id: uuid.UUID
    author_id: uuid.UUID
    feed_version: int


@dataclass(frozen=True, kw_only=True)
class PostLiked(Event):
    """A post was liked, or no longer is: it has `likes` now."""

    post_id: uuid.UUID
    likes: int
    version: int


@dataclass(frozen=True, kw_only=True)
class CommentCreated(Event):
    """Somebody said something about a post."""

    comment_id: uuid.UUID
    post_id: uuid.UUID
    version: int


@dataclass(frozen=True, kw_only=True)
class CommentDeleted(Event):
    """A comment is gone; the post has `comments` now."""

    comment_id: uuid.UUID
    post_id: uuid.UUID
    comments: int
    version: int


@dataclass(frozen=True, kw_only=True)
class PostUpdated(Event):
    """The text, the media or the visibility of a post has changed."""

    post_id: uuid.UUID
    version: int


@dataclass(frozen=True, kw_only=True)
class PostDeleted(Event):
    """A post, its likes and its comments are gone. It showed `media_ids`, which remain."""

    post_id: uuid.UUID
    media_ids: tuple[uuid.UUID, ...] = ()
