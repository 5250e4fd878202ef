import json
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework import exceptions as drf
from rest_framework import serializers

from core import errors, problems


def handled(error: Exception) -> Any:
    context = {"request": RequestFactory().get("/api/x/"), "view": None}
    return problems.drf_exception_handler(error, context)


@pytest.mark.parametrize("kind", list(errors.Kind))
def test_every_kind_of_error_has_a_status(kind: errors.Kind) -> None:
    assert problems.STATUS_BY_KIND[kind] >= 400


def test_a_problem_has_the_members_of_rfc_9457_and_its_own() -> None:
    error = errors.TooLarge("At most 3 bytes.", max_bytes=3)
    body = json.loads(problems.problem(error, instance="/x").content)
    assert body == {
        "type": "/problems/too-large",
        "code": "too-large",
        "title": "This is too large.",
        "status": 413,
        "detail": "At most 3 bytes.",
        "instance": "/x",
        "max_bytes": 3,
    }


def test_an_extra_member_cannot_replace_a_standard_one() -> None:
    error = errors.Conflict("No.", status="fine")
    assert problems.problem_body(error, instance="/x")["status"] == 409


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.Locked(), 423, "locked"),
        (errors.OutOfSpace(), 507, "out-of-space"),
        (drf.NotAuthenticated(), 401, "unauthenticated"),
        (drf.PermissionDenied(), 403, "forbidden"),
        (drf.PermissionDenied("CSRF Failed: no token"), 403, "csrf-failed"),
        (drf.NotFound(), 404, "not-found"),
        (drf.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (drf.UnsupportedMediaType("text/x"), 415, "unsupported-media-type"),
        (drf.ParseError("no"), 400, "invalid"),
        (drf.Throttled(wait=2.5), 429, "too-many"),
    ],
)
def test_each_error_is_answered_as_a_problem(error: Exception, status: int, code: str) -> None:
    response = handled(error)
    assert (response.status_code, response.data["code"]) == (status, code)


def test_a_throttled_client_is_told_when_to_come_back() -> None:
    assert handled(drf.Throttled(wait=2.5))["Retry-After"] == "3"


def test_field_errors_point_at_their_fields() -> None:
    class Inner(serializers.Serializer[Any]):
        tags = serializers.ListField(child=serializers.IntegerField())

    serializer = Inner(data={"tags": [1, "x"]})
    assert not serializer.is_valid()
    response = handled(drf.ValidationError(serializer.errors))
    assert [error["pointer"] for error in response.data["errors"]] == ["#/tags/1"]


def test_what_is_not_known_stays_an_error_of_ours() -> None:
    assert handled(ZeroDivisionError()) is None
