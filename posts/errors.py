"""What can go wrong with posts."""

from core.errors import Invalid


class EmptyPost(Invalid):
    """Neither text nor media."""

    code, title = "empty-post", "A post needs a text or a media file."


class NotYourMedia(Invalid):
    """A post may show only media files that its author uploaded."""

    code, title = "not-your-media", "A post can show only media files of your own."
