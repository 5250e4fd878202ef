"""The OpenAPI document of the whole server, and a page to browse it.

drf-spectacular describes what Django's views answer; what the plain ASGI applications answer
is described in `core.openapi_bytes` and joined here, and so is the shape of every error.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import quote_etag
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from core.openapi_bytes import PATHS
from core.openapi_workers import PATHS as WORKER_PATHS
from core.problems import CONTENT_TYPE
from core.routes import either_way

Schema = dict[str, Any]
Endpoint = tuple[str, str, str, Callable[..., Any]]

PROBLEM: Schema = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is stable; docs/errors.md explains each.",
    "required": ["type", "code", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/{code}`, a page that explains it."},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For people; it may change."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field of the body.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer, as in `#/text`."},
                    "detail": {"type": "string"},
                },
            },
        },
        "retry_after_seconds": {"type": "integer"},
    },
    "example": {
        "type": "/problems/invalid",
        "code": "invalid",
        "title": "The request is not valid.",
        "status": 400,
        "detail": "Some fields are not valid.",
        "instance": "/api/posts/",
        "errors": [{"pointer": "#/text", "detail": "Control characters are not allowed."}],
    },
}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document names our access tokens."""

    target_class = "users.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """RFC 6750."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def only_with_slash(endpoints: list[Endpoint], **_: Any) -> list[Endpoint]:
    """Drop the second spelling of each route (PREPROCESSING_HOOKS)."""
    return [each for each in endpoints if each[0].endswith("/")]


def complete(result: Schema, **_: Any) -> Schema:
    """Add what is not a DRF view, and errors to everything (POSTPROCESSING_HOOKS)."""
    result["paths"] = dict(
        sorted({**result["paths"], **json.loads(json.dumps(PATHS | WORKER_PATHS))}.items())
    )
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    error = {
        "description": "An error, as problem details.",
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    result["components"].setdefault("responses", {})["Problem"] = error
    for operations in result["paths"].values():
        # What all methods of a path share; drf-spectacular knows only operations.
        shared = operations.pop("parameters", [])
        for operation in operations.values():
            if shared:
                operation["parameters"] = [*shared, *operation.get("parameters", [])]
            reference = {"$ref": "#/components/responses/Problem"}
            operation["responses"].setdefault("default", reference)
    return result


@lru_cache(maxsize=1)
def document() -> Schema:
    """The OpenAPI 3.1 document; made once, since routes do not change while we run."""
    generator: Any = SchemaGenerator
    made: Schema = generator().get_schema(request=None, public=True)
    return made


@lru_cache(maxsize=1)
def _text() -> tuple[bytes, str]:
    text = json.dumps(document(), indent=1).encode()
    return text, quote_etag(f"{hash(text):x}")


@require_safe
@cache_control(public=True, no_cache=True)
@condition(etag_func=lambda request: _text()[1])
def schema(request: HttpRequest) -> HttpResponse:
    """`GET /api/schema/`: the document as JSON."""
    return HttpResponse(_text()[0], content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """`GET /api/docs/`: Swagger UI from our own server, under our own CSP."""
    return render(request, "core/api_docs.html")


urlpatterns = [
    *either_way("api/schema/", schema, name="schema"),
    *either_way("api/docs/", docs, name="api-docs"),
]
