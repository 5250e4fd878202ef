"""Media files and jobs in the admin."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from media.models import Job, MediaFile
from media.services import deletion, jobs
from users.admin_site import Page, admin_of
from users.models import User


@admin.register(MediaFile)
class MediaFilePage(Page):
    """Media files: how far each has come, whose it is; deleted with all their bytes."""

    list_display = (
        *("__str__", "owner", "kind", "state", "progress_percent"),
        *("visibility", "size_bytes", "created_at"),
    )
    list_select_related = ("owner",)
    list_filter = ("state", "visibility", "kind")
    search_fields = ("title", "filename", "owner__username", "=id")
    ordering = ("-created_at", "-id")
    fields = (
        *("id", "owner", "title", "filename", "kind", "visibility", "state", "progress_percent"),
        *("error_code", "error_detail", "damaged", "size_bytes", "duration_seconds"),
        *("width", "height", "version", "created_at", "updated_at"),
    )
    can_delete = True

    def remove(self, *, actor: User, pk: UUID) -> None:
        """Delete a media file, its work and its bytes."""
        deletion.remove_media(actor=actor, media_id=pk)


@admin.register(Job)
class JobPage(Page):
    """Jobs: what waits, runs or failed, and why; tried again or cancelled."""

    list_display = (
        *("kind", "state", "owner", "media_file", "priority", "worker"),
        *("failures", "losses", "created_at", "started_at", "finished_at"),
    )
    list_select_related = ("owner", "media_file")
    list_filter = ("state", "kind")
    search_fields = ("owner__username", "media_file__title", "worker", "=id", "=media_file__id")
    ordering = ("-created_at", "-id")
    fields = (
        *("id", "kind", "state", "owner", "media_file", "args", "priority", "is_urgent"),
        *("position", "worker", "token", "lease_expires_at", "run_after", "failures", "losses"),
        *("error_code", "error_detail", "created_at", "started_at", "finished_at"),
    )
    actions = ("retry", "cancel")

    @admin.action(description="Try selected jobs again")
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Queue what is ticked anew."""
        self._each(request, queryset, jobs.retry_job, "Tried again.")

    @admin.action(description="Cancel selected jobs")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """End what is ticked."""
        self._each(request, queryset, jobs.cancel_job, "Cancelled.")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Job], service: Callable[..., Job], done: str
    ) -> None:
        actor = admin_of(request)
        self.each(request, queryset, lambda job: service(actor=actor, job_id=job.pk), done)
