"""Lets pages of ALLOWED_ORIGINS use the API, uploads and playback from a browser (Fetch, 3.2).

One wrapper around everything that HTTP answers here, since Django answers only a part of it: the
bytes of uploads and of segments are answered beside it.
"""

from functools import lru_cache
from typing import Any

from django.conf import settings

from core.logging import AsgiApplication, Receive, Scope, Send
from core.origins import Origin, parse_origin

Headers = list[tuple[bytes, bytes]]

#: What other origins may use. Pages, the admin and everything else are for visitors, not programs.
PATHS = ("/api/", "/hls/")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REQUEST_HEADERS = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Range",
    "X-CSRFToken",
    "X-HTTP-Method-Override",
    "X-Request-Id",
    "X-Requested-With",
    # tus 1.0
    "Tus-Resumable",
    "Upload-Checksum",
    "Upload-Concat",
    "Upload-Defer-Length",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
)
#: A page sees these of an answer, beside the few that any page may see.
ANSWER_HEADERS = (
    "Accept-Ranges",
    "Allow",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
    # tus 1.0
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Defer-Length",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
)
#: For how long a browser need not ask again whether it may ask; browsers cut it to a day or less.
PREFLIGHT_SECONDS = 24 * 3600


class CrossOrigin:
    """ASGI wrapper: answers preflights of allowed origins, and marks answers as theirs to read.

    Other origins get what they would get without it: the browser keeps the answer from the page.
    """

    def __init__(self, application: AsgiApplication) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if not _concerns(scope):
            return await self.application(scope, receive, send)
        allowed = _allowance(scope)
        if allowed and _is_preflight(scope):
            return await _answer_preflight(allowed, send)

        async def send_with_allowance(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _marked(message.get("headers", ()), allowed)}
            await send(message)

        return await self.application(scope, receive, send_with_allowance)


def _concerns(scope: Scope) -> bool:
    if scope["type"] != "http" or not settings.ALLOWED_ORIGINS:
        return False
    path: str = scope["path"]
    return path.startswith(PATHS)


@lru_cache(maxsize=4)
def _parsed(origins: tuple[str, ...]) -> frozenset[Origin | None]:
    return frozenset(map(parse_origin, origins)) - {None}


def _allowance(scope: Scope) -> Headers:
    """The headers that let the page of this request read the answer; none for a foreign one."""
    given = _header(scope, b"origin")
    if parse_origin(given.decode("latin-1")) not in _parsed(tuple(settings.ALLOWED_ORIGINS)):
        return []
    # The origin itself and never `*`, which no request with a cookie could use anyway.
    return [
        (b"access-control-allow-origin", given),
        (b"access-control-allow-credentials", b"true"),
    ]


def _is_preflight(scope: Scope) -> bool:
    asked = _header(scope, b"access-control-request-method")
    return scope["method"] == "OPTIONS" and bool(asked)


async def _answer_preflight(allowed: Headers, send: Send) -> None:
    headers = [
        *allowed,
        (b"access-control-allow-methods", ", ".join(METHODS).encode()),
        (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
        (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
        (b"vary", b"Origin"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _marked(headers: Any, allowed: Headers) -> Headers:
    """The headers of an answer, with what the origin is allowed.

    Vary stands on every answer, also to requests without an origin, or a cache could give theirs to
    a page that needs the allowance.
    """
    vary = [value.decode("latin-1") for name, value in headers if name.lower() == b"vary"]
    others = [(name, value) for name, value in headers if name.lower() != b"vary"]
    marked = [*others, (b"vary", ", ".join([*vary, "Origin"]).encode("latin-1"))]
    if allowed:
        marked += [*allowed, (b"access-control-expose-headers", ", ".join(ANSWER_HEADERS).encode())]
    return marked


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")
