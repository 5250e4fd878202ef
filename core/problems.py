"""Errors as problem details (RFC 9457), for every HTTP edge: views, DRF and plain ASGI."""

import json
import logging
import math
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.errors import (
    AppError,
    CsrfFailed,
    Forbidden,
    Invalid,
    Kind,
    NotFound,
    TooMany,
    Unauthenticated,
)

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

STATUS_BY_KIND = {
    Kind.INVALID: HTTPStatus.BAD_REQUEST,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.GONE: HTTPStatus.GONE,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.LOCKED: HTTPStatus.LOCKED,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Kind.OUT_OF_SPACE: HTTPStatus.INSUFFICIENT_STORAGE,
}


class MethodNotAllowed(Invalid):
    """The route exists, the method does not."""

    code, title = "method-not-allowed", "This route does not answer that method."


class UnsupportedMediaType(Invalid):
    """The body is of a type that the route does not read."""

    code, title = "unsupported-media-type", "The body is of a type that is not read here."


class NotAcceptable(Invalid):
    """The client asks for a type of answer that there is not."""

    code, title = "not-acceptable", "There is no answer of the type that is asked for."


class InternalError(AppError):
    """A mistake of ours; the log has it under the request id."""

    kind, code, title = Kind.UNAVAILABLE, "internal-error", "Something went wrong on our side."


_STATUS_BY_CODE = {
    MethodNotAllowed.code: HTTPStatus.METHOD_NOT_ALLOWED,
    UnsupportedMediaType.code: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAcceptable.code: HTTPStatus.NOT_ACCEPTABLE,
    InternalError.code: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_of(error: AppError) -> HTTPStatus:
    """The HTTP status of an error: by its kind, but for the few that HTTP itself names."""
    return _STATUS_BY_CODE.get(error.code, STATUS_BY_KIND[error.kind])


def problem_body(error: AppError, *, instance: str) -> dict[str, object]:
    """The members of the problem. `type` leads to the page that explains the code."""
    return {
        **error.extra,
        "type": f"/problems/{error.code}",
        "code": error.code,
        "title": error.title,
        "status": status_of(error).value,
        "detail": error.detail,
        "instance": instance,
    }


def problem_headers(error: AppError) -> dict[str, str]:
    """`Retry-After` where waiting helps, `WWW-Authenticate` where signing in does."""
    headers = {}
    if (seconds := error.extra.get("retry_after_seconds")) is not None:
        headers["Retry-After"] = str(seconds)
    if error.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="reelay"'
    return headers


def problem(error: AppError, *, instance: str) -> JsonResponse:
    """Render `error` as application/problem+json, for plain Django views."""
    return JsonResponse(
        problem_body(error, instance=instance),
        status=status_of(error),
        content_type=CONTENT_TYPE,
        headers=problem_headers(error),
    )


def problem_bytes(error: AppError, *, instance: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, for the plain ASGI applications."""
    body = json.dumps(problem_body(error, instance=instance)).encode()
    return status_of(error).value, {"Content-Type": CONTENT_TYPE, **problem_headers(error)}, body


def drf_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. What it does not know becomes a 500 in `server_error`."""
    known = _as_app_error(error)
    if known is None:
        return None
    set_rollback()
    request: Any = context["request"]
    response = Response(
        problem_body(known, instance=request.path),
        status=status_of(known),
        headers=problem_headers(known),
        content_type=CONTENT_TYPE,
    )
    if isinstance(error, drf.MethodNotAllowed):
        response["Allow"] = ", ".join(getattr(context["view"], "allowed_methods", []))
    return response


def _as_app_error(error: Exception) -> AppError | None:
    match error:
        case AppError():
            return error
        case drf.ValidationError():
            return Invalid("Some fields are not valid.", errors=_field_errors(error.detail))
        case drf.NotAuthenticated():
            return Unauthenticated()
        case drf.AuthenticationFailed():
            return Unauthenticated(str(error.detail))
        case drf.PermissionDenied() if "CSRF" in str(error.detail):
            return CsrfFailed()
        case drf.PermissionDenied():
            return Forbidden(str(error.detail))
        case PermissionDenied():
            return Forbidden()
        case drf.NotFound() | Http404():
            return NotFound()
        case drf.Throttled():
            wait = math.ceil(getattr(error, "wait", None) or 1)
            return TooMany(f"Try again in {wait} seconds.", retry_after_seconds=wait)
        case drf.MethodNotAllowed():
            return MethodNotAllowed(str(error.detail))
        case drf.UnsupportedMediaType():
            return UnsupportedMediaType(str(error.detail))
        case drf.NotAcceptable():
            return NotAcceptable(str(error.detail))
        case drf.ParseError():
            return Invalid(str(error.detail))
        case _:
            return None


def _field_errors(detail: object, pointer: str = "") -> list[dict[str, str]]:
    """DRF's nested error lists as JSON pointers (RFC 6901) with one sentence each."""
    if isinstance(detail, dict):
        return [
            e for key, value in detail.items() for e in _field_errors(value, _join(pointer, key))
        ]
    if isinstance(detail, list):
        found = []
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            found += _field_errors(value, _join(pointer, index) if nested else pointer)
        return found
    return [{"pointer": f"#{pointer}", "detail": str(detail)}]


def _join(pointer: str, key: object) -> str:
    return pointer if key == "non_field_errors" else f"{pointer}/{key}"


# --- Django's own error pages ----------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return problem(Invalid(), instance=request.path)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return problem(Forbidden(), instance=request.path)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404, for paths that are no page of the web client."""
    return problem(NotFound(f"There is nothing at {request.path}."), instance=request.path)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500. The exception itself has been logged by Django."""
    return problem(InternalError(), instance=request.path)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return problem(CsrfFailed(reason), instance=request.path)
