"""Posts and what people say about them."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

from media.models import MediaFile, Visibility


class PostQuerySet(models.QuerySet["Post"]):
    """Words for sets of posts."""

    def visible_to(self, viewer: AbstractBaseUser | AnonymousUser) -> Self:
        """Posts that `viewer` may open: public and unlisted ones, and their own."""
        seen = Q(visibility__in=[Visibility.PUBLIC, Visibility.UNLISTED])
        return self.filter(seen | Q(author_id=viewer.pk) if viewer.pk else seen)

    def listed_for(self, viewer: AbstractBaseUser | AnonymousUser) -> Self:
        """Posts that the feed of `viewer` shows: public ones, and their own."""
        listed = Q(visibility=Visibility.PUBLIC)
        return self.filter(listed | Q(author_id=viewer.pk) if viewer.pk else listed)


class Post(models.Model):
    """A text with media, to be liked and commented. Counts are kept with the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts"
    )
    text = models.CharField(max_length=5000, blank=True)
    media_files = models.ManyToManyField(MediaFile, through="PostMedia", related_name="posts")
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PUBLIC)
    like_count = models.PositiveIntegerField(default=0)
    comment_count = models.PositiveIntegerField(default=0)
    #: Raised by the same UPDATE as each change that the topic `post:<id>` tells.
    version = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PostQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # Not only of public posts: a feed also shows one's own.
            models.Index(fields=["-created_at", "-id"], name="post_newest"),
            models.Index(fields=["author", "-created_at", "-id"], name="post_by_author"),
        ]

    def __str__(self) -> str:
        return self.text[:50] or str(self.id)


class PostMedia(models.Model):
    """That a post shows a media file, and in which place."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE)
    media_file = models.ForeignKey(MediaFile, on_delete=models.CASCADE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["post", "media_file"], name="post_media_unique")
        ]

    def __str__(self) -> str:
        return f"{self.media_file_id} in {self.post_id}"


class Like(models.Model):
    """That an account likes a post."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="likes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "user"], name="like_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.post_id}"


class Comment(models.Model):
    """What an account says about a post."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comments"
    )
    text = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["post", "-created_at", "-id"], name="comment_of_post")]

    def __str__(self) -> str:
        return self.text[:50]


class Feed(models.Model):
    """One row: the version of the topic `feed`, raised with each listed post."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"feed at {self.version}"
