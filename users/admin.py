"""Accounts and profiles in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from users import permissions, services
from users.admin_site import Page, admin_of
from users.models import Profile, User


@admin.register(User)
class UserPage(Page):
    """Accounts: found by name or address, disabled, given roles; no passwords, no deleting."""

    list_display = ("username", "email", "role", "is_active", "date_joined", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "email", "=id")
    ordering = ("-date_joined",)
    fields = ("id", "username", "email", "role", "is_active", "date_joined", "last_login")
    actions = ("disable", "enable")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Admins change ordinary accounts, super admins all but their own."""
        if not self.admin_site.has_permission(request):
            return False
        return not isinstance(obj, User) or permissions.may_govern(admin_of(request), obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """All but two: whether it is active, and for super admins the role."""
        gives_roles = permissions.may_give_roles(admin_of(request))
        changed_here = {"is_active", "role"} if gives_roles else {"is_active"}
        return [name for name in self.fields if name not in changed_here]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Record what has been changed in the form."""
        actor = admin_of(request)
        if "role" in form.changed_data:
            services.set_role(actor=actor, user_id=obj.pk, role=obj.role)
        if "is_active" in form.changed_data:
            services.set_active(actor=actor, user_id=obj.pk, active=obj.is_active)

    @admin.action(description="Disable selected accounts")
    def disable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Disable what is ticked."""
        self._set_active(request, queryset, False, "Disabled.")

    @admin.action(description="Enable selected accounts")
    def enable(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Enable what is ticked."""
        self._set_active(request, queryset, True, "Enabled.")

    def _set_active(
        self, request: HttpRequest, queryset: QuerySet[User], active: bool, done: str
    ) -> None:
        actor = admin_of(request)

        def set_active(account: User) -> None:
            services.set_active(actor=actor, user_id=account.pk, active=active)

        self.each(request, queryset, set_active, done)


@admin.register(Profile)
class ProfilePage(Page):
    """What accounts show of themselves."""

    list_display = ("user", "bio", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "bio")
    ordering = ("-created_at",)
    fields = ("user", "bio", "created_at")
