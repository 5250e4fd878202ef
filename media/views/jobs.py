"""The HTTP edge of the queue: what is being done on one's media, and how it goes."""

from collections.abc import Sequence
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
from media.jobs.claim import WATCHED
from media.jobs.forecast import Forecast, forecasts
from media.jobs.reasons import advice
from media.models import Job
from media.models.job import JobQuerySet
from media.services import jobs, queue
from media.states import JOB
from media.views.shapes import QueueForecast
from users.authentication import signed_in


class JobError(serializers.Serializer[Any]):
    """Why a job failed, or failed last, and what can be done about it."""

    code = serializers.CharField()
    detail = serializers.CharField()
    advice = serializers.CharField()


class JobOwner(serializers.Serializer[Any]):
    """Whose media it works on."""

    id = serializers.UUIDField()
    username = serializers.CharField()


class JobShape(serializers.Serializer[Any]):
    """A job as the owner of its media sees it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    video_id = serializers.UUIDField()
    title = serializers.CharField(help_text="Of the video; its file name where it has none.")
    owner = JobOwner()
    state = serializers.ChoiceField(choices=JOB.choices)
    priority = serializers.IntegerField()
    position = serializers.IntegerField(help_text="Of the piece in its video, from 0.")
    is_urgent = serializers.BooleanField()
    attempts = serializers.IntegerField(help_text="How often a worker has begun with it.")
    failures = serializers.IntegerField()
    losses = serializers.IntegerField()
    error = JobError(allow_null=True)
    queue = QueueForecast(allow_null=True, help_text="Null unless it waits or runs.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class JobFilter(serializers.Serializer[Any]):
    """Which jobs are asked for."""

    state = serializers.ChoiceField(choices=JOB.choices, required=False)
    kind = serializers.ChoiceField(choices=Job.Kind.choices, required=False)
    owner = serializers.UUIDField(required=False)
    video_id = serializers.UUIDField(required=False)


class JobChanges(serializers.Serializer[Any]):
    """What an administrator may change about a job that waits."""

    priority = serializers.IntegerField(
        min_value=0,
        max_value=WATCHED - 1,
        help_text="Higher goes first; what viewers wait for stays before all of it.",
    )


#: The column that each member of a filter is about.
_COLUMNS = {"state": "state", "kind": "kind", "owner": "owner_id", "video_id": "media_file_id"}


def shapes(rows: Sequence[Job]) -> list[dict[str, Any]]:
    """The jobs for the API, with their forecasts. Load them with `media_file` and `owner`."""
    found = forecasts(rows)
    return [_shape(job, found.get(job.pk)) for job in rows]


def _shape(job: Job, forecast: Forecast | None) -> dict[str, Any]:
    """What is not named here is not told."""
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "video_id": str(job.media_file_id),
        "title": job.media_file.title or job.media_file.filename,
        "owner": {"id": str(job.owner_id), "username": job.owner.username},
        "state": job.state,
        "priority": job.priority,
        "position": job.position,
        "is_urgent": job.is_urgent,
        "attempts": job.token,
        "failures": job.failures,
        "losses": job.losses,
        "error": _error(job),
        "queue": None if forecast is None else vars(forecast),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _error(job: Job) -> dict[str, str] | None:
    code = job.error_code
    return {"code": code, "detail": job.error_detail, "advice": advice(code)} if code else None


class Jobs(GenericAPIView[Any]):
    """The queue, as far as one may see it."""

    permission_classes = (IsAuthenticated,)
    serializer_class = JobShape

    def get_queryset(self) -> QuerySet[Job]:
        """The jobs of one's own media; an administrator sees all."""
        visible = JobQuerySet(Job).visible_to(signed_in(self.request))
        return visible.select_related("media_file", "owner")

    @extend_schema(
        parameters=[
            OpenApiParameter("state", enum=list(JOB.edges)),
            OpenApiParameter("kind", enum=list(Job.Kind.values)),
            OpenApiParameter("owner", type={"type": "string", "format": "uuid"}),
            OpenApiParameter("video_id", type={"type": "string", "format": "uuid"}),
        ],
        responses=JobShape(many=True),
    )
    def get(self, request: Request) -> Response:
        """Jobs, newest first: of one video or owner, of one kind, in one state where asked for."""
        asked = checked(JobFilter(data=request.query_params))
        chosen = {_COLUMNS[name]: value for name, value in asked.items()}
        page = self.paginate_queryset(self.get_queryset().filter(**chosen)) or []
        return self.get_paginated_response(shapes(page))


class JobView(APIView):
    """One job."""

    permission_classes = (IsAuthenticated,)
    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(responses=JobShape)
    def get(self, request: Request, job_id: UUID) -> Response:
        """The job, with its place in the queue while it waits."""
        return Response(shapes([jobs.get_job(viewer=signed_in(request), job_id=job_id)])[0])

    @extend_schema(request=JobChanges, responses=JobShape)
    def patch(self, request: Request, job_id: UUID) -> Response:
        """Move a job that waits up or down, as an administrator."""
        changes = checked(JobChanges(data=request.data))
        job = jobs.set_priority(actor=signed_in(request), job_id=job_id, **changes)
        return Response(shapes([job])[0])


class RetryJob(APIView):
    """Try a job again."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=JobShape)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Queue a failed or cancelled job anew, with all its tries."""
        return Response(shapes([jobs.retry_job(actor=signed_in(request), job_id=job_id)])[0])


class CancelJob(APIView):
    """End a job."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=JobShape)
    def post(self, request: Request, job_id: UUID) -> Response:
        """End a job that waits or runs; one that runs stops within a second or two."""
        return Response(shapes([jobs.cancel_job(actor=signed_in(request), job_id=job_id)])[0])


# --- The queue as a whole -------------------------------------------------------------------------


class QueueCounts(serializers.Serializer[Any]):
    """How many jobs there are."""

    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    failed = serializers.IntegerField()
    done_last_hour = serializers.IntegerField()


class RunningJob(serializers.Serializer[Any]):
    """What a worker is at."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    video_id = serializers.UUIDField()
    title = serializers.CharField()
    owner = serializers.CharField(help_text="The name of the account.")
    worker = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)


class QueueWorker(serializers.Serializer[Any]):
    """A worker that has shown life in the last seconds."""

    name = serializers.CharField()
    slots = serializers.IntegerField(help_text="Ordinary jobs that it does at a time.")
    started_at = serializers.DateTimeField()


class QueueShape(serializers.Serializer[Any]):
    """The whole queue at a glance."""

    paused_at = serializers.DateTimeField(allow_null=True, help_text="Null while it runs.")
    paused_by = serializers.CharField(allow_null=True)
    counts = QueueCounts()
    waiting_since = serializers.DateTimeField(
        allow_null=True, help_text="When the job came that has waited longest."
    )
    running = RunningJob(many=True, help_text="At most a hundred.")
    workers = QueueWorker(many=True, help_text="At most a hundred.")


class QueueView(APIView):
    """The queue as a whole."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(responses=QueueShape)
    def get(self, request: Request) -> Response:
        """The whole queue at a glance, for administrators."""
        return Response(queue.get_queue(viewer=signed_in(request)))


class PauseQueue(APIView):
    """Pause the queue."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=QueueShape)
    def post(self, request: Request) -> Response:
        """Begin nothing more but what viewers wait for; what runs is finished. Administrators."""
        return Response(queue.pause(actor=signed_in(request)))


class ResumeQueue(APIView):
    """Let the queue go on."""

    throttle_classes = (Throttle,)
    throttle_scope = "write"

    @extend_schema(request=None, responses=QueueShape)
    def post(self, request: Request) -> Response:
        """Go on after a pause. Administrators."""
        return Response(queue.resume(actor=signed_in(request)))
