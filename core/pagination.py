"""Cursor pages: `{results, next, previous}`, stable while new rows arrive."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rest_framework import exceptions as drf
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import Invalid


class InvalidCursor(Invalid):
    """`?cursor=` is taken from a link, never made by the client."""

    code, title = "invalid-cursor", "This cursor leads to no page; start again without it."


class NewestFirst(CursorPagination):
    """Newest first; `?limit=` up to 100, `?cursor=` from the links."""

    ordering: Any = ("-created_at", "-id")
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Where the page begins. Raises Invalid for a cursor that no link of ours carries."""
        try:
            cursor = super().decode_cursor(request)
            position = getattr(cursor, "position", None)
            aware = position is None or datetime.fromisoformat(position).tzinfo is not None
        except (drf.NotFound, ValueError) as error:
            raise InvalidCursor from error
        if not aware:
            raise InvalidCursor
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        """The page, in the shape that every list of ours has."""
        return Response(
            {"results": data, "next": self.get_next_link(), "previous": self.get_previous_link()}
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same, for the OpenAPI document."""
        link: dict[str, Any] = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }


class OldestFirst(NewestFirst):
    """The other direction."""

    ordering: Sequence[str] = ("created_at", "id")
