"""What comes in about posts, and for the OpenAPI document what goes out."""

from typing import Any

from rest_framework import serializers

from core.fields import PlainTextField
from media.models import Visibility
from media.views.shapes import Video

#: Followers come with profiles; until then a post is for everybody, who has the link, or nobody.
VISIBILITIES = [Visibility.PUBLIC, Visibility.UNLISTED, Visibility.PRIVATE]
POST_MAX_CHARS = 5000
COMMENT_MAX_CHARS = 2000
MEDIA_PER_POST = 10


class NewPost(serializers.Serializer[Any]):
    """A new post: a text, media files of one's own, or both."""

    text = PlainTextField(max_length=POST_MAX_CHARS, allow_blank=True, default="")
    media = serializers.ListField(
        child=serializers.UUIDField(), max_length=MEDIA_PER_POST, default=list
    )
    visibility = serializers.ChoiceField(choices=VISIBILITIES, default=Visibility.PUBLIC)


class PostChange(serializers.Serializer[Any]):
    """What can be changed of a post."""

    text = PlainTextField(max_length=POST_MAX_CHARS, allow_blank=True, required=False)
    visibility = serializers.ChoiceField(choices=VISIBILITIES, required=False)


class NewComment(serializers.Serializer[Any]):
    """A new comment."""

    text = PlainTextField(max_length=COMMENT_MAX_CHARS)


class Author(serializers.Serializer[Any]):
    """Who wrote it."""

    id = serializers.UUIDField()
    username = serializers.CharField()


class PostShape(serializers.Serializer[Any]):
    """A post as its viewer sees it."""

    id = serializers.UUIDField()
    author = Author()
    text = serializers.CharField()
    media = serializers.ListField(child=serializers.UUIDField())
    videos = Video(many=True)
    likes = serializers.IntegerField()
    liked = serializers.BooleanField()
    comments = serializers.IntegerField()
    visibility = serializers.ChoiceField(choices=VISIBILITIES)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class CommentShape(serializers.Serializer[Any]):
    """A comment."""

    id = serializers.UUIDField()
    post = serializers.UUIDField()
    author = Author()
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


class LikeShape(serializers.Serializer[Any]):
    """How many like a post, and whether you do."""

    likes = serializers.IntegerField()
    liked = serializers.BooleanField()
