"""Videos over HTTP: one, one's own, everybody's."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import Unauthenticated
from core.pagination import NewestFirst
from media import selectors
from media.models import MediaFile
from media.services import deletion, videos
from media.views import shapes
from users.models import User


def _actor(request: Request) -> User:
    if not isinstance(request.user, User):
        raise Unauthenticated
    return request.user


class VideoView(APIView):
    """One video."""

    throttle_scope = "write"

    @extend_schema(operation_id="get_video", responses=shapes.Video)
    def get(self, request: Request, video_id: uuid.UUID) -> Response:
        """The video, with a playback link, if you may see it."""
        return Response(selectors.get_media(viewer=request.user, media_id=video_id))

    @extend_schema(operation_id="change_video", request=shapes.VideoChanges, responses=shapes.Video)
    def patch(self, request: Request, video_id: uuid.UUID) -> Response:
        """Change the title or who may see it. A narrower visibility ends earlier links."""
        changes = shapes.VideoChanges(data=request.data)
        changes.is_valid(raise_exception=True)
        media_file = videos.update_video(
            actor=_actor(request), media_id=video_id, **changes.validated_data
        )
        return Response(selectors.media_shapes([media_file])[0])

    @extend_schema(operation_id="delete_video", responses={204: None})
    def delete(self, request: Request, video_id: uuid.UUID) -> Response:
        """Stop all work on it, and delete it with every file that belongs to it."""
        deletion.delete_media(actor=_actor(request), media_id=video_id)
        return Response(status=204)


class RetryView(APIView):
    """Another try."""

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="retry_video", request=None, responses=shapes.Video)
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        """Queue a failed video again; what is made already stays."""
        media_file = videos.retry(actor=_actor(request), media_id=video_id)
        return Response(selectors.media_shapes([media_file])[0])


class _VideoList(APIView):
    pagination_class = NewestFirst

    def page(self, request: Request, rows: QuerySet[MediaFile]) -> Response:
        paginator: Any = self.pagination_class()
        page = paginator.paginate_queryset(rows, request, view=self)
        response: Response = paginator.get_paginated_response(selectors.media_shapes(page))
        return response


class LocalVideosView(_VideoList):
    """One's own videos."""

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="list_local_videos", responses=shapes.Video(many=True))
    def get(self, request: Request) -> Response:
        """Your own videos in every state, newest first."""
        return self.page(request, selectors.own_media(viewer=request.user))


class GlobalVideosView(_VideoList):
    """The public catalogue."""

    @extend_schema(operation_id="list_global_videos", responses=shapes.Video(many=True))
    def get(self, request: Request) -> Response:
        """Public videos that can be played, newest first."""
        return self.page(request, selectors.public_media())
