"""An administrator stops the queue for a while; what viewers wait for goes on, nothing is lost."""

import logging
from typing import Any

import pytest
from rest_framework.test import APIClient

from media.jobs.claim import claim_job
from media.jobs.forecast import slots_alive
from media.models import Job, QueueState
from media.workshop.lanes import Lane
from tests.factories.jobs import claim, client, make_job, make_media, make_owner
from users.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def steer(act: str, *, role: str = Role.ADMIN) -> Any:
    return client("root", role).post(f"/api/jobs/queue/{act}/")


def test_nothing_begins_while_the_queue_is_paused() -> None:
    make_job(kind="ladder"), make_job(kind="ingest")
    assert steer("pause").status_code == 200
    assert claim_job(worker="host:1:0") is None
    assert claim_job(worker="host:1:1", lane=Lane.URGENT) is None
    assert slots_alive() == 0


@pytest.mark.parametrize("lane", Lane)
def test_what_viewers_wait_for_goes_on(lane: Lane) -> None:
    make_job(kind="ladder"), make_job(kind="ingest")
    steer("pause")
    asked = make_job(kind="on_demand")
    assert claim(lane=lane).job == asked


def test_what_runs_is_finished() -> None:
    make_job()
    taken = claim()
    steer("pause")
    taken.check()
    with taken.recording():
        taken.finish()
    assert Job.objects.get().state == "done"


def test_after_the_pause_everything_goes_on_where_it_was() -> None:
    jobs = [make_job(position=position) for position in range(3)]
    steer("pause")
    assert steer("resume").json()["paused_at"] is None
    assert [claim().job for _ in jobs] == jobs


def test_pausing_twice_is_pausing_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        first, second = steer("pause").json(), steer("pause").json()
    assert first["paused_at"] == second["paused_at"] is not None
    assert first["paused_by"] == "root"
    assert QueueState.objects.get().version == 1


def test_a_pause_and_its_end_are_in_the_audit_trail(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    with caplog.at_level(logging.INFO), django_capture_on_commit_callbacks(execute=True):
        steer("pause"), steer("resume")
    lines = [record for record in caplog.records if getattr(record, "audit", False)]
    assert [line.message for line in lines] == ["queue paused", "queue resumed"]
    assert {vars(line)["actor"] for line in lines} == {str(make_owner("root").pk)}


@pytest.mark.parametrize("act", ["pause", "resume"])
def test_only_administrators_steer(act: str) -> None:
    answer = steer(act, role=Role.USER)
    assert (answer.status_code, answer.json()["code"]) == (403, "administrators-only")
    assert APIClient().post(f"/api/jobs/queue/{act}/").status_code == 401
    assert not QueueState.objects.filter(paused_at__isnull=False).exists()


def test_administrators_see_the_whole_queue_at_a_glance() -> None:
    make_job(make_media("ada", title="Lecture"))
    make_job(make_media("bob"))
    claim("host:1:0")
    seen = client("root", Role.SUPER_ADMIN).get("/api/jobs/queue/").json()
    assert seen["counts"] == {"queued": 1, "running": 1, "failed": 0, "done_last_hour": 0}
    assert [job["worker"] for job in seen["running"]] == ["host:1:0"]
    assert seen["waiting_since"] is not None
    assert (seen["paused_at"], seen["workers"]) == (None, [])
    assert client("ada").get("/api/jobs/queue/").status_code == 403
    assert APIClient().get("/api/jobs/queue/").status_code == 401
