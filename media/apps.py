"""Uploads, encoding, playback."""

from django.apps import AppConfig


class MediaConfig(AppConfig):
    """Uploads, encoding, playback, and the work that outlives a process."""

    name = "media"
