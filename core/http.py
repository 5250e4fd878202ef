"""What every HTTP answer and body goes through: bounds, security headers, client addresses."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import IO, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.utils.encoders import JSONEncoder

from core.errors import TooLarge

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)

#: Levels of nesting that a JSON body may have. Ours have three.
JSON_MAX_DEPTH = 32


class BodyTooLarge(TooLarge):
    """A JSON or form body beyond API_BODY_MAX_BYTES."""

    code, title = "body-too-large", "The body of the request is too large."


class BoundedJSONParser(BaseParser):
    """JSON bodies, bounded in bytes and in depth; what is wrong is the client's error."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The parsed body. Raises ParseError or BodyTooLarge, never RecursionError."""
        limit: int = settings.API_BODY_MAX_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(f"At most {limit} bytes.", max_bytes=limit)
        if _depth(body) > JSON_MAX_DEPTH:
            raise ParseError(f"The JSON is nested deeper than {JSON_MAX_DEPTH} levels.")
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth(body: bytes) -> int:
    """How deeply arrays and objects are nested, not counting brackets inside strings."""
    depth = deepest = 0
    for byte in _STRING.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


#: Scripts only from here; styles inline too, which the player's controls need. `data:` for media
#: is the empty file that hls.js gives each track of subtitles before it fills it.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob: data:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "X-Content-Type-Options": "nosniff",
}


def security_headers(get_response: Any) -> Any:
    """Middleware: the headers that every page of ours carries."""

    def finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/api/"):
            # What an account sees, tokens included, stays out of every cache unless a view knows.
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return finish(request, await get_response(request))

        return markcoroutinefunction(asynchronous)

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return finish(request, get_response(request))

    return synchronous


security_headers.sync_capable = True  # type: ignore[attr-defined]  # read by Django's loader
security_headers.async_capable = True  # type: ignore[attr-defined]


def checked(serializer: Serializer[Any]) -> dict[str, Any]:
    """The values of a request body. Raises a ValidationError that names the fields."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def conditional(request: Request, data: Any) -> Response:
    """The answer to a GET, with an ETag of what it says; 304 without a body if the client has it.

    The tag is weak: two answers with one tag mean the same, not the same bytes.
    """
    text = json.dumps(data, sort_keys=True, cls=JSONEncoder)
    tag = f'W/"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    # RFC 9110, 13.1.2: compared weakly, so a strong tag of the same value counts.
    if "*" in known or tag.removeprefix("W/") in {each.removeprefix("W/") for each in known}:
        return Response(status=304, headers=headers)
    return Response(data, headers=headers)


def client_address(scope: Mapping[str, Any]) -> str:
    """The address of the client of an ASGI connection.

    X-Forwarded-For is believed as far as TRUSTED_PROXIES says, counted from the right:
    what stands further left is the client's own claim.
    """
    trusted: int = settings.TRUSTED_PROXIES
    if trusted:
        hops = [
            hop.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        if hops:
            return str(hops[-min(trusted, len(hops))])
    client = scope.get("client") or ("unknown", 0)
    return str(client[0])
