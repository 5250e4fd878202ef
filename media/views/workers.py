"""What remote workers send: read, bounded and checked before a service sees it."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rest_framework import serializers

from core.errors import Invalid
from media.services.remote_reports import EVENTS, Report, ReportedSegment
from media.services.remote_work import CLAIMS_MAX, Held
from media.workshop.lanes import Lane

#: Segments that one report may tell of.
SEGMENTS_MAX = 500


@dataclass(frozen=True, kw_only=True)
class ClaimAsked:
    """What a worker wants."""

    lane: Lane
    wait_seconds: float


class _ClaimShape(serializers.Serializer[Any]):
    lane = serializers.ChoiceField(choices=list(Lane), default=Lane.ANY)
    wait_seconds = serializers.FloatField(default=0.0, min_value=0.0, max_value=60.0)


class _HeldShape(serializers.Serializer[Any]):
    job = serializers.UUIDField()
    token = serializers.IntegerField(min_value=0, max_value=(1 << 63) - 1)


class _BeatShape(serializers.Serializer[Any]):
    protocol = serializers.IntegerField()
    version = serializers.CharField(max_length=40, allow_blank=True)
    capacity = serializers.IntegerField(min_value=0, max_value=CLAIMS_MAX)
    load = serializers.IntegerField(min_value=0, max_value=CLAIMS_MAX)
    server_url = serializers.CharField(max_length=300, default="", allow_blank=True)
    claims = serializers.ListField(child=_HeldShape(), max_length=CLAIMS_MAX)


class _SegmentShape(serializers.Serializer[Any]):
    rung = serializers.CharField(max_length=12)
    number = serializers.IntegerField(min_value=0, max_value=10_000_000)
    size_bytes = serializers.IntegerField(min_value=1, max_value=(1 << 31) - 1)
    frames = serializers.IntegerField(min_value=0, max_value=10_000_000)


class _ReportShape(_HeldShape):
    sequence = serializers.IntegerField(min_value=1, max_value=(1 << 31) - 1)
    event = serializers.ChoiceField(choices=EVENTS)
    video_id = serializers.UUIDField(required=False)
    segments = serializers.ListField(child=_SegmentShape(), max_length=SEGMENTS_MAX, default=list)
    finish = serializers.BooleanField(default=False)
    first = serializers.IntegerField(min_value=0, max_value=10_000_000, default=0)
    last = serializers.IntegerField(min_value=0, max_value=10_000_000, default=0)
    code = serializers.CharField(max_length=50, default="", allow_blank=True)
    detail = serializers.CharField(max_length=500, default="", allow_blank=True)


def read_claim(body: bytes) -> ClaimAsked:
    """What a claim asks for. Raises Invalid, as all of these."""
    return ClaimAsked(**_checked(_ClaimShape(data=_parsed(body))))


def read_beat(body: bytes) -> dict[str, Any]:
    """The arguments of a heartbeat."""
    told = _checked(_BeatShape(data=_parsed(body)))
    claims = told.pop("claims")
    return {**told, "held": [Held(job_id=each["job"], token=each["token"]) for each in claims]}


def read_report(body: bytes, *, video_id: str = "") -> Report:
    """A report; `video_id` is that of the path, where it names one."""
    told = _checked(_ReportShape(data=_parsed(body)))
    segments = [ReportedSegment(**each) for each in told.pop("segments")]
    if video_id and str(told.setdefault("video_id", _uuid(video_id))) != video_id:
        raise Invalid("The path names another video than the report.")
    return Report(job_id=told.pop("job"), segments=segments, **told)


def _checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    if not serializer.is_valid():
        raise Invalid(f"Not understood: {json.dumps(serializer.errors, default=str)}"[:500])
    return dict(serializer.validated_data)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Invalid("The body is not valid JSON.") from error


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid("The path names no video.") from error
