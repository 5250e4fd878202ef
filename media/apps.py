"""Uploads, encoding, playback."""

from django.apps import AppConfig

from core import health


class MediaConfig(AppConfig):
    """Uploads, encoding, playback, and the work that outlives a process."""

    name = "media"

    def ready(self) -> None:
        """Register what `/health` asks of this app."""
        from media.jobs.health import worker  # its models are loaded by now, and not before

        health.register_check("worker", worker)
