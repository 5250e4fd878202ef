"""The composition root of HTTP: every route of Django's side."""

from django.contrib import admin
from django.urls import path

from core import health

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("health", health.health),
    path("health/", health.health),
    path("django-admin/", admin.site.urls),
]

handler400 = "core.problems.bad_request"
handler403 = "core.problems.permission_denied"
handler404 = "core.problems.page_not_found"
handler500 = "core.problems.server_error"
