"""Forged, replayed, late, reordered and duplicated reports change nothing; one server, one job."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from media.jobs import queue
from media.jobs.sweep import requeue_expired
from media.models import Job, MediaFile, Segment, Server, ServerClaim
from media.remote.signing import SKEW_SECONDS, Key
from media.services import servers
from media.store import segment_key, store
from media.worker_app import WorkerApp
from tests.factories.jobs import claim, expire, make_job
from tests.integration.media.remote.caller import Caller, code_of, make_admin, make_server, told_of

pytestmark = pytest.mark.django_db(transaction=True)

RUNG = "72p"


@sync_to_async
def facts() -> tuple[Any, ...]:
    """All that a report could change."""
    jobs = list(
        Job.objects.order_by("pk").values_list("state", "token", "failures", "losses", "worker")
    )
    marks = sorted(Segment.objects.values_list("rendition__name", "number", "size_bytes"))
    media = list(MediaFile.objects.values_list("state", "version", "has_poster", "damaged"))
    sequences = list(ServerClaim.objects.values_list("token", "sequence"))
    return jobs, marks, media, sequences


def piece(video: MediaFile) -> bytes:
    return store().path(segment_key(video.pk, 1, RUNG, 0)).read_bytes()


async def stored(caller: Caller, job: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Put segment 1; what the report about it says."""
    answer = await caller.put(f"{job['links']['objects']}/{RUNG}/1.m4s", data)
    assert answer.status == 204, answer.text
    segment = {"rung": RUNG, "number": 1, "size_bytes": len(data), "frames": 20}
    return {"segments": [segment], "finish": True}


@pytest.fixture
def data(video: MediaFile) -> bytes:
    return piece(video)


async def test_a_reported_segment_counts_and_ends_its_job(
    caller: Caller, job: Job, data: bytes
) -> None:
    held = await caller.claim()
    assert (held["kind"], held["token"], held["args"]) == ("ladder", 1, {"piece": 1})
    answer = await caller.report(held, 1, "segments", **await stored(caller, held, data))
    assert (answer.status, json.loads(answer.body)) == (200, {"state": "done"})
    jobs, marks, _, _ = await facts()
    assert jobs[0][0] == "done"
    assert (RUNG, 1, len(data)) in marks


# --- Forged --------------------------------------------------------------------------------------


async def test_a_report_with_another_key_changes_nothing(
    caller: Caller, job: Job, data: bytes
) -> None:
    held = await caller.claim()
    told = await stored(caller, held, data)
    before = await facts()
    forged = replace(caller.key, secret=bytes(32))
    answer = await caller.call("callback", told_of(held, 1, "segments", **told), key=forged)
    assert code_of(answer) == (401, "worker-unauthenticated")
    assert await facts() == before


async def test_a_changed_body_changes_nothing(caller: Caller, job: Job) -> None:
    held = await caller.claim()
    before = await facts()
    await caller.report(held, 1, "nonsense")
    path, headers, _ = caller.sent[-1]
    body = json.dumps(told_of(held, 1, "handed_back")).encode()
    caller.sent.append((path, headers, body))
    assert code_of(await caller.again()) == (401, "worker-unauthenticated")
    assert await facts() == before


async def test_a_signature_for_another_door_opens_nothing(caller: Caller, job: Job) -> None:
    await caller.call("heartbeat", {})
    _, headers, body = caller.sent[-1]
    caller.sent.append(("/worker/claim", headers, body))
    assert code_of(await caller.again()) == (401, "worker-unauthenticated")
    assert (await facts())[0][0][0] == "queued"


@pytest.mark.parametrize("header", ["X-Worker-Nonce", "X-Worker-Timestamp", "X-Worker-Server"])
async def test_a_request_without_all_headers_is_nobodys(
    caller: Caller, job: Job, header: str
) -> None:
    await caller.call("heartbeat", {})
    path, headers, body = caller.sent[-1]
    caller.sent.append((path, {k: v for k, v in headers.items() if k != header}, body))
    assert code_of(await caller.again()) == (401, "worker-unauthenticated")


async def test_another_server_cannot_report_about_a_job(
    caller: Caller, app: WorkerApp, job: Job
) -> None:
    held = await caller.claim()
    _, other = await sync_to_async(make_server)("two")
    before = await facts()
    answer = await Caller(app, other).report(held, 1, "handed_back")
    assert code_of(answer) == (409, "worker-claim-lost")
    assert await facts() == before


async def test_an_old_key_opens_nothing_once_there_is_a_new_one(caller: Caller, job: Job) -> None:
    server_id = caller.key.server_id
    admin = await sync_to_async(make_admin)()
    new = await sync_to_async(servers.rotate_key)(actor=admin, server_id=server_id)
    assert code_of(await caller.call("claim")) == (401, "worker-unauthenticated")
    assert (await caller.call("claim", key=new)).status == 200


# --- Replayed, late ------------------------------------------------------------------------------


async def test_a_request_is_taken_once(caller: Caller, job: Job, data: bytes) -> None:
    held = await caller.claim()
    assert code_of(await caller.again()) == (409, "worker-request-replayed")
    await caller.report(held, 1, "segments", **await stored(caller, held, data))
    before = await facts()
    assert code_of(await caller.again()) == (409, "worker-request-replayed")
    assert await facts() == before


@pytest.mark.parametrize("seconds", [SKEW_SECONDS + 5, -SKEW_SECONDS - 5])
async def test_an_old_signature_is_refused(caller: Caller, job: Job, seconds: float) -> None:
    answer = await caller.call("claim", {}, late=seconds)
    assert code_of(answer) == (401, "worker-clock-wrong")
    assert (
        abs(
            json.loads(answer.body)["server_time"]
            - int(caller.sent[-1][1]["X-Worker-Timestamp"])
            - seconds
        )
        < 3
    )
    assert (await facts())[0][0][0] == "queued"


async def test_a_report_after_the_lease_changes_nothing(
    caller: Caller, job: Job, data: bytes
) -> None:
    held = await caller.claim()
    told = await stored(caller, held, data)
    await sync_to_async(expire)(job)
    await sync_to_async(requeue_expired)()
    before = await facts()
    assert code_of(await caller.report(held, 1, "segments", **told)) == (409, "worker-claim-lost")
    other = await sync_to_async(claim)("host:1:0")
    assert other.job.pk == job.pk
    now = await facts()
    for event in ("segments", "handed_back"):
        answer = await caller.report(held, 1, event, **told)
        assert code_of(answer) == (409, "worker-claim-lost")
    assert await facts() == now
    assert now[1] == before[1]


async def test_a_report_about_a_cancelled_job_changes_nothing(
    caller: Caller, job: Job, video: MediaFile, data: bytes
) -> None:
    held = await caller.claim()
    told = await stored(caller, held, data)
    await sync_to_async(queue.cancel_jobs)(video)
    before = await facts()
    assert code_of(await caller.report(held, 1, "segments", **told)) == (409, "worker-claim-lost")
    assert await facts() == before


# --- Reordered, duplicated -----------------------------------------------------------------------


async def test_a_report_before_its_turn_is_refused(caller: Caller, job: Job, data: bytes) -> None:
    held = await caller.claim()
    told = await stored(caller, held, data)
    before = await facts()
    answer = await caller.report(held, 2, "segments", **told)
    assert code_of(answer) == (409, "worker-report-out-of-order")
    assert json.loads(answer.body)["expected_sequence"] == 1
    assert await facts() == before


async def test_a_report_that_comes_again_is_answered_and_changes_nothing(
    caller: Caller, job: Job, data: bytes
) -> None:
    held = await caller.claim()
    told = await stored(caller, held, data) | {"finish": False}
    assert (await caller.report(held, 1, "segments", **told)).status == 200
    before = await facts()
    for event in ("segments", "handed_back", "failed"):
        answer = await caller.report(held, 1, event, **told, code="encoding-failed")
        assert (answer.status, json.loads(answer.body)["state"]) == (200, "running")
    assert await facts() == before
    assert (await caller.report(held, 2, "segments", finish=True)).status == 200
    after = await facts()
    answer = await caller.report(held, 2, "segments", finish=True)
    assert (answer.status, json.loads(answer.body)) == (200, {"state": "done"})
    assert await facts() == after


async def test_of_the_same_report_twice_at_once_one_counts(
    caller: Caller, job: Job, data: bytes
) -> None:
    held = await caller.claim()
    answers = await asyncio.gather(
        *(caller.report(held, 1, "failed", code="encoding-failed") for _ in range(4))
    )
    assert {answer.status for answer in answers} <= {200, 409}
    (state, _, failures, _, _), *_ = (await facts())[0]
    assert (state, failures) == ("queued", 1)


# --- What is not there, or not theirs -----------------------------------------------------------


async def test_what_is_not_stored_is_not_marked(caller: Caller, job: Job, data: bytes) -> None:
    held = await caller.claim()
    before = await facts()
    segment = {"rung": RUNG, "number": 1, "size_bytes": len(data), "frames": 20}
    answer = await caller.report(held, 1, "segments", segments=[segment], finish=True)
    assert code_of(answer) == (409, "worker-report-incomplete")
    assert await facts() == before


async def test_a_job_is_not_done_before_all_of_it_is(caller: Caller, job: Job) -> None:
    held = await caller.claim()
    before = await facts()
    answer = await caller.report(held, 1, "segments", segments=[], finish=True)
    assert code_of(answer) == (409, "worker-report-incomplete")
    assert await facts() == before


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("segments", {"segments": [{"rung": RUNG, "number": 0, "size_bytes": 9, "frames": 20}]}),
        ("segments", {"segments": [{"rung": "audio", "number": 1, "size_bytes": 9, "frames": 1}]}),
        ("poster", {}),
        ("put_back", {"first": 1, "last": 2}),
        ("failed", {"code": "<b>"}),
        ("unheard", {}),
        ("segments", {"segments": "all"}),
        ("segments", {"video_id": "0b5e7e9e-3c5b-4f7e-9d4b-6d3a2b1c0d9e"}),
    ],
)
async def test_a_report_that_is_not_about_the_job_is_refused(
    caller: Caller, job: Job, event: str, told: dict[str, Any]
) -> None:
    held = await caller.claim()
    before = await facts()
    assert code_of(await caller.report(held, 1, event, **told)) == (400, "invalid")
    assert await facts() == before


async def test_the_path_may_name_the_video_and_then_has_to_name_the_right_one(
    caller: Caller, job: Job, video: MediaFile
) -> None:
    held = await caller.claim()
    told = told_of(held, 1, "handed_back")
    wrong = "0b5e7e9e-3c5b-4f7e-9d4b-6d3a2b1c0d9e"
    assert (await caller.call(f"callback/{wrong}", told)).status == 400
    assert (await caller.call(f"callback/{video.pk}", told)).status == 200
    assert (await facts())[0][0][0] == "queued"


# --- One owner -----------------------------------------------------------------------------------


async def test_two_servers_never_own_one_job(
    caller: Caller, app: WorkerApp, job: Job, video: MediaFile
) -> None:
    for number in range(2, 5):
        await sync_to_async(make_job)(video, kind="ladder", args={"piece": number})
    _, other = await sync_to_async(make_server)("two")
    both = [caller, Caller(app, other)]
    answers = await asyncio.gather(*(both[n % 2].call("claim") for n in range(12)))
    given = [json.loads(answer.body) for answer in answers if answer.status == 200]
    assert len(given) == len({each["job"] for each in given}) == 4
    assert {answer.status for answer in answers} == {200, 204}
    rows = [row async for row in ServerClaim.objects.values_list("job__worker", "server__name")]
    assert all(worker == f"server:{name}" for worker, name in rows)


async def test_a_job_whose_server_is_disabled_goes_to_others(
    caller: Caller, job: Job, data: bytes
) -> None:
    held = await caller.claim()
    admin = await sync_to_async(make_admin)()
    change = sync_to_async(servers.change_server)
    await change(actor=admin, server_id=caller.key.server_id, state="disabled")
    jobs = (await facts())[0]
    assert (jobs[0][0], jobs[0][3]) == ("queued", 0)
    assert code_of(await caller.report(held, 1, "handed_back")) == (403, "server-disabled")
    path = f"{held['links']['objects']}/{RUNG}/1.m4s"
    assert code_of(await caller.put(path, data)) == (409, "worker-claim-lost")
    await change(actor=admin, server_id=caller.key.server_id, state="active")
    assert (await caller.claim())["job"] == held["job"]


async def test_a_server_that_drains_finishes_and_gets_nothing(
    caller: Caller, job: Job, video: MediaFile, data: bytes
) -> None:
    held = await caller.claim()
    await sync_to_async(make_job)(video, kind="ladder", args={"piece": 2})
    await Server.objects.aupdate(state="draining")
    assert (await caller.call("claim")).status == 204
    answer = await caller.report(held, 1, "segments", **await stored(caller, held, data))
    assert answer.status == 200


def test_a_key_reads_back_as_it_was_written(key: Key) -> None:
    assert Key.parse(str(key)) == key
    assert str(key) not in repr(key)
