"""Uploads, encoding, playback."""

from django.apps import AppConfig

from core import health


class MediaConfig(AppConfig):
    """Uploads, encoding, playback, and the work that outlives a process."""

    name = "media"

    def ready(self) -> None:
        """Register what `/health` asks of this app, and what its services hear from the jobs."""
        # The models are loaded by now, and not before.
        from media.jobs import hooks
        from media.jobs.health import worker
        from media.services import deletion, encoding, uploads

        health.register_check("worker", worker)
        hooks.on_failed(encoding.job_failed)
        hooks.every(deletion.SWEEP_SECONDS, "orphans", deletion.sweep_orphans)
        hooks.every(uploads.SWEEP_SECONDS, "abandoned uploads", uploads.expire_uploads)
        hooks.every(uploads.FINISH_SECONDS, "full uploads", uploads.finish_full_uploads)
