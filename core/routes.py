"""Routes that answer with and without their trailing slash, without a redirect."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import URLPattern, path


def either_way(
    route: str, view: Callable[..., HttpResponseBase], *, name: str = ""
) -> list[URLPattern]:
    """Both spellings of `route`; only the one with the slash has the name and is documented."""
    bare = route.rstrip("/")
    return [path(f"{bare}/", view, name=name or None), path(bare, view)]
