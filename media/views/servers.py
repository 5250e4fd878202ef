"""The HTTP edge of remote workers as admins see them: `/admin/servers`."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http import checked
from core.throttles import Throttle
from media.models import Server
from media.services import server_health, servers
from media.states import SERVER
from users.authentication import signed_in

#: Keys are shown once; no cache may show them again.
_PRIVATE = {"Cache-Control": "private, no-store"}
_HEALTH = ("ok", "unreachable", "silent", "never-seen", "disabled")


class ServerShape(serializers.Serializer[Any]):
    """A remote worker."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField(help_text="Where it is woken; empty for one that only asks.")
    state = serializers.ChoiceField(choices=SERVER.choices)
    health = serializers.ChoiceField(
        choices=_HEALTH,
        help_text="`silent`: not heard of for 15 s. `unreachable`: its address did not answer.",
    )
    capacity = serializers.IntegerField(help_text="Ordinary jobs that it does at a time.")
    load = serializers.IntegerField(help_text="Jobs that it does now, as it last told.")
    version = serializers.CharField()
    last_seen = serializers.DateTimeField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True, help_text="When its address was asked.")
    created_at = serializers.DateTimeField()


class ServerList(serializers.Serializer[Any]):
    """All remote workers."""

    results = ServerShape(many=True)


class ServerWithKey(ServerShape):
    """A remote worker, and its key, which is shown this once."""

    key = serializers.CharField()


class NewServer(serializers.Serializer[Any]):
    """A remote worker to be registered."""

    name = serializers.SlugField(max_length=60, help_text="Fixed; letters, digits, - and _.")
    url = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class ServerChanges(serializers.Serializer[Any]):
    """What may change about a remote worker; what is not named stays as it is."""

    url = serializers.CharField(max_length=300, required=False, allow_blank=True)
    state = serializers.ChoiceField(choices=SERVER.choices, required=False)


class ServerKey(serializers.Serializer[Any]):
    """A new key, shown this once."""

    key = serializers.CharField()


def shapes(rows: list[Server]) -> list[dict[str, Any]]:
    """The servers for the API."""
    alive = servers.alive_ids()
    return [_shape(server, is_alive=server.pk in alive) for server in rows]


def _shape(server: Server, *, is_alive: bool) -> dict[str, Any]:
    return {
        "id": str(server.pk),
        "name": server.name,
        "url": server.url,
        "state": server.state,
        "health": health_of(server, is_alive=is_alive),
        "capacity": server.capacity,
        "load": server.load if is_alive else 0,
        "version": server.version,
        "last_seen": server.last_seen,
        "checked_at": server.checked_at,
        "created_at": server.created_at,
    }


def health_of(server: Server, *, is_alive: bool) -> str:
    """One word for how a server is."""
    if server.state == "disabled":
        return "disabled"
    if server.url and server.is_reachable is False:
        return "unreachable"
    if is_alive:
        return "ok"
    return "never-seen" if server.last_seen is None else "silent"


class _AdminView(APIView):
    permission_classes = (IsAuthenticated,)
    throttle_classes = (Throttle,)
    throttle_scope = "write"


class Servers(_AdminView):
    """Remote workers."""

    @extend_schema(responses=ServerList)
    def get(self, request: Request) -> Response:
        """All remote workers by name, with health and load. Administrators."""
        rows = servers.list_servers(viewer=signed_in(request))
        return Response({"results": shapes(rows)}, headers=_PRIVATE)

    @extend_schema(request=NewServer, responses={201: ServerWithKey})
    def post(self, request: Request) -> Response:
        """Register a remote worker; its key is in this answer and nowhere else. Administrators."""
        new = checked(NewServer(data=request.data))
        server, key = servers.add_server(actor=signed_in(request), **new)
        return Response({**shapes([server])[0], "key": str(key)}, status=201, headers=_PRIVATE)


class ServerView(_AdminView):
    """One remote worker."""

    @extend_schema(request=ServerChanges, responses=ServerShape)
    def put(self, request: Request, server_id: UUID) -> Response:
        """Drain, disable or enable it, or change its address. Administrators."""
        changes = checked(ServerChanges(data=request.data))
        server = servers.change_server(actor=signed_in(request), server_id=server_id, **changes)
        return Response(shapes([server])[0], headers=_PRIVATE)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, server_id: UUID) -> Response:
        """Forget it; its jobs go to others. Administrators."""
        servers.remove_server(actor=signed_in(request), server_id=server_id)
        return Response(status=204)


class RotateKey(_AdminView):
    """A new key for a remote worker."""

    @extend_schema(request=None, responses=ServerKey)
    def post(self, request: Request, server_id: UUID) -> Response:
        """Give it a new key, shown this once; the old one ends now. Administrators."""
        key = servers.rotate_key(actor=signed_in(request), server_id=server_id)
        return Response({"key": str(key)}, headers=_PRIVATE)


class CheckServers(_AdminView):
    """The health of all remote workers."""

    @extend_schema(request=None, responses=ServerList)
    def post(self, request: Request) -> Response:
        """Ask the address of every server that has one, then list all. Administrators."""
        rows = server_health.check_servers(actor=signed_in(request))
        return Response({"results": shapes(rows)}, headers=_PRIVATE)
