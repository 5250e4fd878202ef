"""The HTTP edge of live updates: tickets for the handshake, and the description of the protocol."""

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from realtime import tickets
from users.authentication import signed_in

ASYNCAPI = Path(__file__).parent / "asyncapi.yaml"


class Ticket(APIView):
    """Tickets for the handshake of a socket."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        request=None,
        responses=inline_serializer(
            "Ticket",
            {"ticket": serializers.CharField(), "expires_in": serializers.IntegerField()},
        ),
    )
    def post(self, request: Request) -> Response:
        """Issue a ticket, to be offered as subprotocol `ticket.<ticket>` within `expires_in` s."""
        ticket = tickets.issue(signed_in(request))
        return Response({"ticket": ticket, "expires_in": tickets.TICKET_SECONDS})


def asyncapi(request: HttpRequest) -> HttpResponse:
    """The protocol of the socket, for programs: an AsyncAPI 3 document."""
    return HttpResponse(ASYNCAPI.read_bytes(), content_type="application/yaml")
