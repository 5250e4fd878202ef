"""Idempotency keys: a POST that is sent again, because its answer was lost, acts once.

The key, the change and the answer are one transaction. A second request with the same key waits
for the first and gets its answer; if the first failed, its key is free again.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from core.errors import Conflict, Invalid
from users.authentication import signed_in
from users.models import IDEMPOTENCY_KEYS_LIVE, IdempotencyKey

_KEY = re.compile(r"[\x21-\x7e]{1,200}")

Handler = Callable[..., Response]

#: For the OpenAPI document.
PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key again within 24 hours gets the first answer and changes nothing.",
)


class IdempotencyKeyReused(Conflict):
    """The same key came with another request. A key names one request."""

    code, title = "idempotency-key-reused", "This Idempotency-Key was used for another request."


def idempotent(handler: Handler) -> Handler:
    """Let a POST of a DRF view honour the Idempotency-Key header, per account, for 24 hours."""

    @functools.wraps(handler)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None or not request.user.is_authenticated:
            return handler(view, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise Invalid("Idempotency-Key must be 1 to 200 visible ASCII characters.")
        with transaction.atomic():
            record = _claim(request, key)
            if record.status is not None:
                return _replay(record)
            response = handler(view, request, *args, **kwargs)
            record.status = response.status_code
            record.body = json.dumps(response.data, cls=JSONEncoder)
            record.location = response.headers.get("Location", "")
            record.save(update_fields=["status", "body", "location"])
            return response

    return answer


def _claim(request: Request, key: str) -> IdempotencyKey:
    """The record of this key: ours to fill, or filled by an earlier request."""
    fingerprint = _fingerprint(request)
    actor = signed_in(request)
    IdempotencyKey.objects.filter(
        user=actor, key=key, created_at__lt=timezone.now() - IDEMPOTENCY_KEYS_LIVE
    ).delete()
    # Under PostgreSQL the insert waits for a request that holds the same key to end.
    record, _ = IdempotencyKey.objects.get_or_create(
        user=actor, key=key, defaults={"fingerprint": fingerprint}
    )
    if record.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return record


def _fingerprint(request: Request) -> str:
    said = [request.method, request.path.rstrip("/"), request.data]
    text = json.dumps(said, sort_keys=True, cls=JSONEncoder)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _replay(record: IdempotencyKey) -> Response:
    headers = {"Idempotency-Replayed": "true"}
    if record.location:
        headers["Location"] = record.location
    return Response(json.loads(record.body), status=record.status, headers=headers)
