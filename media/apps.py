"""Uploads, encoding, playback."""

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from core import health

#: How often sessions and keys that are over are deleted; none of them counts any more.
SESSION_SWEEP_SECONDS = 3600.0


class MediaConfig(AppConfig):
    """Uploads, encoding, playback, and the work that outlives a process."""

    name = "media"

    def ready(self) -> None:
        """Register what `/health` asks of this app, and what its services hear from the jobs."""
        # The models are loaded by now, and not before.
        from media.checks import TAG, sandbox_is_required, sandbox_is_used
        from media.ffmpeg import limits, sandbox
        from media.jobs import hooks
        from media.jobs.health import worker
        from media.services import (
            arriving,
            deletion,
            downloads,
            encoding,
            forecasts,
            plans,
            queue,
            remote_calls,
            second_ladder,
            server_wakes,
            upload_sweeps,
        )
        from users.services import forget_expired

        limits.set_usual_memory(settings.MEDIA_MEMORY_BYTES)
        sandbox.use(settings.FFMPEG_SANDBOX)
        checks.register(sandbox_is_required, TAG)
        checks.register(sandbox_is_used, deploy=True)
        health.register_check("worker", worker)
        hooks.on_failed(encoding.job_failed)
        hooks.every(deletion.SWEEP_SECONDS, "orphans", deletion.sweep_orphans)
        hooks.every(plans.SWEEP_SECONDS, "plans that are over", plans.remove_ended)
        hooks.every(deletion.FOLDERS_SECONDS, "abandoned folders", deletion.sweep_folders)
        hooks.every(second_ladder.SCHEDULE_SECONDS, "second ladders", second_ladder.schedule)
        hooks.every(downloads.SWEEP_SECONDS, "downloads", downloads.sweep)
        hooks.every(upload_sweeps.SWEEP_SECONDS, "abandoned uploads", upload_sweeps.expire_uploads)
        hooks.every(upload_sweeps.FINISH_SECONDS, "full uploads", upload_sweeps.finish_full_uploads)
        hooks.every(upload_sweeps.PARTS_SECONDS, "orphaned parts", upload_sweeps.sweep_parts)
        hooks.every(arriving.LOOK_SECONDS, "arriving files", arriving.look_around)
        hooks.every(queue.TELL_SECONDS, "queue", queue.teller.tell)
        hooks.every(forecasts.FORECAST_SECONDS, "forecasts", forecasts.forecast_media)
        hooks.every(server_wakes.LOOK_SECONDS, "wake servers", server_wakes.waker.look)
        hooks.every(remote_calls.FORGET_SECONDS, "nonces", remote_calls.forget_nonces)
        hooks.every(SESSION_SWEEP_SECONDS, "expired sessions", forget_expired)
