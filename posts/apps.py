"""Posts, likes, comments, the feed."""

from django.apps import AppConfig


class PostsConfig(AppConfig):
    """Posts, likes, comments, the feed."""

    name = "posts"
