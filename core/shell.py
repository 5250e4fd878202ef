"""The page around the web client: title, OpenGraph, a fallback without scripts, who is signed in.

One HTML document answers every route of the client. What crawlers and link previews need is
in it; the client renders the rest. Vite's manifest says what the built files are called.
"""

import json
import uuid
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, re_path
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie

import media.selectors
import posts.selectors
from core import problems
from core.errors import NotFound

TAGLINE = "Drop a video, and it plays seconds later, on every screen that watches."
_ENTRY = "src/main.tsx"


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the document says about the page, to those who do not run scripts."""

    title: str = "Reelay"
    description: str = TAGLINE
    kind: str = "website"
    author: str = ""
    image: str = ""
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True)
class Build:
    """The built client: its entry, style sheets and the font that the first page needs."""

    script: str
    styles: tuple[str, ...]
    fonts: tuple[str, ...]


@lru_cache(maxsize=1)
def _read_build(manifest: Path, modified_ns: int) -> Build:
    entries = json.loads(manifest.read_text("utf-8"))
    entry = entries[_ENTRY]
    return Build(
        script=entry["file"],
        styles=tuple(entry.get("css", ())),
        fonts=tuple(name for name in entry.get("assets", ()) if "-latin-wght" in name),
    )


def current_build() -> Build | None:
    """The client as it was last built, or None where `manage.py build_web` has not run."""
    manifest: Path = settings.WEB_DIST_DIR / "manifest.json"
    try:
        return _read_build(manifest, manifest.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def _render(request: HttpRequest, head: Head) -> HttpResponse:
    build = current_build()
    if build is None:
        return render(request, "core/not_built.html", status=HTTPStatus.SERVICE_UNAVAILABLE)
    context = {
        "head": head,
        "build": build,
        "static": settings.STATIC_URL,
        "bootstrap": {"me": _me(request)},
        "url": request.build_absolute_uri(request.path),
    }
    return render(request, "core/shell.html", context, status=head.status)


def _me(request: HttpRequest) -> dict[str, Any] | None:
    user = request.user
    if not user.is_authenticated:
        return None
    return {
        "id": str(user.pk),
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "created_at": user.date_joined.isoformat(),
    }


# The answer depends on the session, and names the files of the last build: never kept.
_shell = cache_control(private=True, no_cache=True)


@_shell
@ensure_csrf_cookie
def page(request: HttpRequest, title: str = "") -> HttpResponse:
    """A route of the client that has no content of its own."""
    return _render(request, Head(title=f"{title} · Reelay" if title else "Reelay"))


@_shell
@ensure_csrf_cookie
def post_page(request: HttpRequest, post_id: uuid.UUID) -> HttpResponse:
    """The watch page of a post."""
    try:
        post = posts.selectors.get_post(viewer=request.user, post_id=post_id)
    except NotFound:
        return _render(request, _NOTHING_HERE)
    video: dict[str, Any] = next(iter(post["videos"]), {})
    return _render(request, _about(request, video, text=post["text"], author=post["author"]))


@_shell
@ensure_csrf_cookie
def video_page(request: HttpRequest, video_id: uuid.UUID) -> HttpResponse:
    """The watch page of a video that may have no post."""
    try:
        video = media.selectors.get_media(viewer=request.user, media_id=video_id)
    except NotFound:
        return _render(request, _NOTHING_HERE)
    return _render(request, _about(request, video, text="", author=video["owner"]))


def _about(
    request: HttpRequest, video: dict[str, Any], *, text: str, author: dict[str, Any]
) -> Head:
    title = video.get("title") or video.get("filename") or text[:80]
    poster = video.get("poster_url")
    return Head(
        title=f"{title} · Reelay" if title else "Reelay",
        description=text[:200] or f"A video by {author['username']}.",
        kind="video.other" if video else "article",
        author=author["username"],
        image=request.build_absolute_uri(poster) if poster else "",
    )


_NOTHING_HERE = Head(title="Not found · Reelay", status=HTTPStatus.NOT_FOUND)


@_shell
@ensure_csrf_cookie
def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404, and the last route: a page for people, a problem for programs."""
    wants_page = "text/html" in request.headers.get("Accept", "")
    if wants_page and not request.path.startswith(("/api/", settings.STATIC_URL)):
        return _render(request, _NOTHING_HERE)
    return problems.page_not_found(request, exception or Http404())


#: The client's own routes; core.urls takes them in.
urlpatterns = [
    path("", page),
    path("login", page, {"title": "Sign in"}),
    path("register", page, {"title": "Create an account"}),
    path("upload", page, {"title": "Upload"}),
    path("videos", page, {"title": "Your videos"}),
    path("queue", page, {"title": "Queue"}),
    path("p/<uuid:post_id>", post_page),
    path("v/<uuid:video_id>", video_page),
    # With DEBUG on, Django would answer with a page about itself.
    re_path(r"", page_not_found),
]
