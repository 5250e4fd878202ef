"""Posts, likes, comments, the feed."""

from django.apps import AppConfig


class PostsConfig(AppConfig):
    """Posts, likes, comments, the feed."""

    name = "posts"

    def ready(self) -> None:
        """Open media to those who may see a post that shows it."""
        from media import visibility  # models are not there before this moment
        from posts.selectors import shown_in_visible_post

        visibility.register(shown_in_visible_post)
