"""The HTTP edge of the queue: what is being done on one's media, and how it goes."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http import checked
from core.throttles import Throttle
from media.models import Job
from media.models.job import JobQuerySet
from media.services import jobs
from media.states import JOB
from users.authentication import signed_in


class JobError(serializers.Serializer[Any]):
    """Why a job failed, or failed last."""

    code = serializers.CharField()
    detail = serializers.CharField()


class JobShape(serializers.Serializer[Any]):
    """A job as the owner of its media sees it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    video_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=JOB.choices)
    priority = serializers.IntegerField()
    position = serializers.IntegerField()
    is_urgent = serializers.BooleanField()
    failures = serializers.IntegerField()
    losses = serializers.IntegerField()
    error = JobError(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class JobFilter(serializers.Serializer[Any]):
    """Which jobs are asked for."""

    state = serializers.ChoiceField(choices=JOB.choices, required=False)
    video_id = serializers.UUIDField(required=False)


def shape(job: Job) -> dict[str, Any]:
    """The job for the API; what is not named here is not told."""
    error = {"code": job.error_code, "detail": job.error_detail} if job.error_code else None
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "video_id": str(job.media_file_id),
        "state": job.state,
        "priority": job.priority,
        "position": job.position,
        "is_urgent": job.is_urgent,
        "failures": job.failures,
        "losses": job.losses,
        "error": error,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


class Jobs(GenericAPIView[Any]):
    """The queue, as far as one may see it."""

    permission_classes = (IsAuthenticated,)
    serializer_class = JobShape

    def get_queryset(self) -> QuerySet[Job]:
        """The jobs of one's own media; an administrator sees all."""
        return JobQuerySet(Job).visible_to(signed_in(self.request))

    @extend_schema(
        parameters=[
            OpenApiParameter("state", enum=list(JOB.edges)),
            OpenApiParameter("video_id", type={"type": "string", "format": "uuid"}),
        ],
        responses=JobShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Jobs, newest first, of one video or in one state where that is asked for."""
        asked = checked(JobFilter(data=request.query_params))
        rows = self.get_queryset()
        if state := asked.get("state"):
            rows = rows.filter(state=state)
        if video_id := asked.get("video_id"):
            rows = rows.filter(media_file_id=video_id)
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response([shape(job) for job in page])


class RetryJob(APIView):
    """Try a job again."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=JobShape)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Queue a failed or cancelled job anew, with all its tries."""
        return Response(shape(jobs.retry_job(actor=signed_in(request), job_id=job_id)))


class CancelJob(APIView):
    """End a job."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=JobShape)
    def post(self, request: Request, job_id: UUID) -> Response:
        """End a job that waits or runs; one that runs stops within a second or two."""
        return Response(shape(jobs.cancel_job(actor=signed_in(request), job_id=job_id)))
