"""The pages at `/django-admin/`: who gets in, and what every page of it has in common."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.errors import AppError, NotFound
from core.throttles import Throttle
from users.models import User
from users.permissions import may_moderate
from users.throttles import LoginsPerAccount

#: Rows of a list; the queries for it are the same few however many rows it has.
ROWS = 50


class SignIn(AdminAuthenticationForm):
    """Name and password of an admin, guessed no oftener than at `POST /api/login/`."""

    def clean(self) -> dict[str, Any]:
        """Check the limits before the password."""
        if self.request is not None:  # the view always gives it
            _count_guess(self.request, self.cleaned_data.get("username", ""))
        return super().clean()

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Refuse who is no admin, with the words for a wrong password."""
        if not (isinstance(user, User) and may_moderate(user)):
            raise self.get_invalid_login_error()


def _count_guess(request: HttpRequest, login: str) -> None:
    # What DRF's throttles look at of a request and of a view.
    guess: Any = SimpleNamespace(
        method="POST",
        META=request.META,
        headers=request.headers,
        user=AnonymousUser(),
        data={"login": login},
    )
    view: Any = SimpleNamespace(throttle_scope="login")
    for throttle in (Throttle(), LoginsPerAccount()):
        if not throttle.allow_request(guess, view):
            raise ValidationError("Too many tries. Wait a minute.", code="too-many")


class AdminSite(admin.AdminSite):
    """Django's admin for accounts whose role is admin or super admin."""

    site_header = site_title = "Reelay administration"
    login_form = SignIn

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether this request comes from an admin; flags beside the role open nothing."""
        return isinstance(request.user, User) and may_moderate(request.user)


def admin_of(request: HttpRequest) -> User:
    """The admin who asks: the site has let nobody else in."""
    assert isinstance(request.user, User)  # noqa: S101  # for the type
    return request.user


class Page(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only for type checkers
    """Lists and details for every admin; nothing is changed or deleted unless a page says so.

    What can be done goes through services, as everywhere: they check, keep counts and tell.
    """

    list_per_page = ROWS
    list_max_show_all = ROWS
    show_full_result_count = False
    #: Whether the pages have buttons for deleting; then `remove` does it.
    can_delete: ClassVar[bool] = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the pages are listed."""
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the pages can be opened."""
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is made here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is changed here, unless a page says so."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As the page says."""
        return self.can_delete and self.admin_site.has_permission(request)

    def each(
        self, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any], object], done: str
    ) -> None:
        """Do something to each of `rows`, and log `done`; what is refused is told and left out."""
        for row in rows:
            try:
                do(row)
            except AppError as error:
                self.message_user(request, f"{row}: {error.detail}", level="error")
            else:
                self.log_change(request, row, done)

    # --- Deleting -----------------------------------------------------------------------------

    def remove(self, *, actor: User, pk: UUID) -> None:
        """Delete one row, by its service. Pages with `can_delete` say which."""
        raise NotImplementedError  # abstract

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete what the page shows."""
        self._remove(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete what is ticked in the list."""
        self._remove(request, list(queryset.values_list("pk", flat=True)))

    def _remove(self, request: HttpRequest, pks: list[UUID]) -> None:
        for pk in pks:
            try:
                self.remove(actor=admin_of(request), pk=pk)
            except NotFound:
                pass  # somebody else was faster

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What the question before deleting lists: the rows, not all that hangs on them."""
        rows = [str(obj) for obj in objs]
        return rows, {self.opts.verbose_name_plural: len(rows)}, set(), []
