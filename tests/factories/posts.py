"""Posts and comments for tests."""

from typing import Any

from media.models import MediaFile, Visibility
from posts import services
from posts.models import Comment, Post
from users.models import User


def make_post(author: User, text: str = "Hello", **overrides: Any) -> Post:
    """A public post, made as people make it."""
    return services.create_post(actor=author, text=text, **overrides)


def make_comment(author: User, post: Post, text: str = "Nice.") -> Comment:
    """A comment, made as people make it."""
    return services.create_comment(actor=author, post_id=post.pk, text=text)


def make_media(owner: User, **overrides: Any) -> MediaFile:
    """The record of a private clip; there are no bytes."""
    values = {"filename": "clip.mp4", "visibility": Visibility.PRIVATE, **overrides}
    return MediaFile.objects.create(owner=owner, **values)
