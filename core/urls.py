"""The composition root of HTTP: every route of Django's side."""

from django.contrib import admin
from django.urls import include, path

from core import health, openapi, problem_pages, shell

admin.autodiscover()

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("health", health.health),
    path("health/", health.health),
    path("", include(openapi.urlpatterns)),
    path("", include(problem_pages.urlpatterns)),
    path("", include("users.urls")),
    path("", include("media.urls")),
    path("", include("posts.urls")),
    path("", include("realtime.urls")),
    path("django-admin/", admin.site.urls),
    # Last: it answers whatever nobody above knows.
    path("", include(shell.urlpatterns)),
]

handler400 = "core.problems.bad_request"
handler403 = "core.problems.permission_denied"
handler404 = "core.shell.page_not_found"
handler500 = "core.problems.server_error"
