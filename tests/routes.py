"""Every route that there is, as people write it: `/api/posts/{post_id}/like`."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

#: Pages of the web client and Django's own admin are no part of the API.
_OTHER_SITES = ("core.shell", "django.contrib.admin")


def django_routes() -> list[str]:
    """The routes of core.urls, without trailing slashes, parameters as `{}`."""
    return sorted(set(_walk(get_resolver().url_patterns, "")))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from _walk(pattern.url_patterns, route)
        elif not pattern.callback.__module__.startswith(_OTHER_SITES):
            yield "/" + _plain(route).rstrip("/")


def _plain(route: str) -> str:
    route = re.sub(r"<[^>]+>", "{}", route)  # path converters
    return re.sub(r"\(\?P\{\}.*?\)(?=/|$)", "{}", route).replace("/?$", "").strip("^$")
