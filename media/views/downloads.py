"""Videos as files to take away, over HTTP."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http import checked
from core.throttles import Throttle
from media.services import downloads
from media.views.shapes import VideoError


class DownloadShape(serializers.Serializer[object]):
    """One quality as a file."""

    name = serializers.CharField(help_text="`720p`, `audio`, or `source`: the file as uploaded.")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    filename = serializers.CharField()
    size_bytes = serializers.IntegerField(help_text="Exact once it is ready; about so much before.")
    status = serializers.ChoiceField(
        choices=["available", "in_queue", "processing", "ready", "failed"]
    )
    progress_percent = serializers.IntegerField(min_value=0, max_value=100)
    url = serializers.CharField(allow_null=True, help_text="Expires; ask again.")
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When it is removed, unless somebody asks for it again."
    )
    error = VideoError(allow_null=True)


class DownloadList(serializers.Serializer[object]):
    """What can be had."""

    results = DownloadShape(many=True)


class DownloadWish(serializers.Serializer[object]):
    """What is wanted."""

    name = serializers.CharField(max_length=12)


class Downloads(APIView):
    """The files of one video."""

    permission_classes = (AllowAny,)
    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(responses=DownloadList)
    def get(self, request: Request, video_id: UUID) -> Response:
        """The qualities that you may take away, and how far their files are."""
        found = downloads.list_downloads(viewer=request.user, media_id=video_id)
        return Response({"results": found})

    @extend_schema(request=DownloadWish, responses={200: DownloadShape, 202: DownloadShape})
    def post(self, request: Request, video_id: UUID) -> Response:
        """Have the file of a quality made (202), or kept for longer if it is there (200)."""
        wish = checked(DownloadWish(data=request.data))
        made = downloads.request_download(viewer=request.user, media_id=video_id, **wish)
        return Response(made, status=200 if made["status"] == "ready" else 202)
