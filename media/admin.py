"""Media files and jobs in the admin."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from media.models import Job, MediaFile, Server
from media.remote.addresses import BadAddress, parse_url
from media.services import deletion, jobs, server_health, servers
from media.views.servers import health_of
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


class ServerForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only for type checkers
    """What is asked of a new remote worker; refused as the service refuses it."""

    class Meta:
        model = Server
        fields = ("name", "url")

    def clean_url(self) -> str:
        """The address, if it is one that may be asked."""
        try:
            return parse_url(self.cleaned_data["url"])
        except BadAddress as error:
            raise forms.ValidationError(f"This address cannot be used: {error}.") from error


@admin.register(Server)
class ServerPage(Page):
    """Remote workers: how each is, how much it does; added, drained, disabled, given a new key."""

    form = ServerForm
    list_display = ("name", "state", "health", "load", "capacity", "last_seen", "version", "url")
    list_filter = ("state",)
    search_fields = ("name", "url")
    fields = ("name", "url")
    actions = ("enable", "drain", "disable", "new_key", "check_now")
    can_delete = True

    @admin.display(description="Health")
    def health(self, server: Server) -> str:
        """One word for how it is."""
        return health_of(server, is_alive=server.pk in servers.alive_ids())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Admins register servers."""
        return self.admin_site.has_permission(request)

    def save_model(self, request: HttpRequest, obj: Server, form: Any, change: bool) -> None:
        """Register what the form describes, and show its key."""
        server, key = servers.add_server(actor=admin_of(request), name=obj.name, url=obj.url)
        obj.pk, obj.key_salt, obj.created_at = server.pk, server.key_salt, server.created_at
        self._show_key(request, server, str(key))

    def remove(self, *, actor: User, pk: UUID) -> None:
        """Forget a server."""
        servers.remove_server(actor=actor, server_id=pk)

    @admin.action(description="Enable selected servers")
    def enable(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        """Let what is ticked have jobs."""
        self._move(request, queryset, "active", "Enabled.")

    @admin.action(description="Drain selected servers (finish, take nothing more)")
    def drain(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        """Let what is ticked finish."""
        self._move(request, queryset, "draining", "Draining.")

    @admin.action(description="Disable selected servers (take their jobs away)")
    def disable(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        """Take everything away from what is ticked."""
        self._move(request, queryset, "disabled", "Disabled.")

    @admin.action(description="Give selected servers a new key")
    def new_key(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        """End the keys of what is ticked, and show new ones."""
        actor = admin_of(request)

        def rotate(server: Server) -> None:
            key = servers.rotate_key(actor=actor, server_id=server.pk)
            self._show_key(request, server, str(key))

        self.each(request, queryset, rotate, "New key.")

    @admin.action(description="Check selected servers now")
    def check_now(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        """Ask the addresses of what is ticked."""
        server_health.check([server for server in queryset if server.url])

    def _move(
        self, request: HttpRequest, queryset: QuerySet[Server], state: str, done: str
    ) -> None:
        actor = admin_of(request)
        self.each(
            request,
            queryset,
            lambda server: servers.change_server(actor=actor, server_id=server.pk, state=state),
            done,
        )

    def _show_key(self, request: HttpRequest, server: Server, key: str) -> None:
        text = f"The key of {server.name}, shown this once: {key}"
        self.message_user(request, text, level=messages.WARNING)
