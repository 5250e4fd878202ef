"""Videos over HTTP: one, one's own, everybody's."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http import checked, conditional
from core.throttles import Throttle
from media import selectors
from media.models import MediaFile
from media.services import deletion, re_encoding, videos
from media.views.shapes import OwnVideo, Video, VideoChanges
from users.authentication import signed_in


class VideoView(APIView):
    """One video."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(responses=Video)
    def get(self, request: Request, video_id: UUID) -> Response:
        """The video, with a playback link, if you may see it."""
        return conditional(request, selectors.get_media(viewer=request.user, media_id=video_id))

    @extend_schema(request=VideoChanges, responses=Video)
    def patch(self, request: Request, video_id: UUID) -> Response:
        """Change the title, or who may see it. A narrower visibility ends earlier links."""
        changes = checked(VideoChanges(data=request.data))
        media_file = videos.update_video(actor=signed_in(request), media_id=video_id, **changes)
        return Response(selectors.media_shapes([media_file])[0])

    @extend_schema(responses={204: None})
    def delete(self, request: Request, video_id: UUID) -> Response:
        """Stop all work on it, and delete it with every file that belongs to it."""
        deletion.delete_media(actor=signed_in(request), media_id=video_id)
        return Response(status=204)


class RetryVideo(APIView):
    """Another try."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=Video)
    def post(self, request: Request, video_id: UUID) -> Response:
        """Queue a failed video again; what is made already stays."""
        media_file = videos.retry(actor=signed_in(request), media_id=video_id)
        return Response(selectors.media_shapes([media_file])[0])


class CancelVideo(APIView):
    """An end to the work."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=Video)
    def post(self, request: Request, video_id: UUID) -> Response:
        """End all work on a video that waits or is being made; what is made already stays."""
        media_file = videos.cancel(actor=signed_in(request), media_id=video_id)
        return Response(selectors.media_shapes([media_file])[0])


class ReEncodeVideo(APIView):
    """Encoding anew."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses={202: Video})
    def post(self, request: Request, video_id: UUID) -> Response:
        """Encode a video once more with the settings of today; until then it plays as it is."""
        media_file = re_encoding.re_encode(actor=signed_in(request), media_id=video_id)
        return Response(selectors.media_shapes([media_file])[0], status=202)


class LocalVideos(GenericAPIView[Any]):
    """One's own videos."""

    serializer_class = OwnVideo
    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=OwnVideo(many=True))
    def get(self, request: Request) -> Response:
        """Your own videos in every state, newest first, and which of them a post shows."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(selectors.own_media_shapes(page))

    def get_queryset(self) -> QuerySet[MediaFile]:
        """What the account of the request uploaded."""
        return selectors.own_media(viewer=signed_in(self.request))


class GlobalVideos(GenericAPIView[Any]):
    """The public catalogue."""

    serializer_class = Video
    permission_classes = (AllowAny,)

    @extend_schema(responses=Video(many=True))
    def get(self, request: Request) -> Response:
        """The public catalogue: videos that everybody can play, newest first."""
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(selectors.media_shapes(page))

    def get_queryset(self) -> QuerySet[MediaFile]:
        """What everybody may see."""
        return selectors.public_media()
