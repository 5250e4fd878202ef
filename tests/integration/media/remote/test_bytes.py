"""What links open: the source, the plan, and exactly the objects that a job is about."""

import asyncio
import json
import re
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from pytest_django import Settings

from media.ffmpeg.plan import Plan
from media.jobs import queue
from media.models import Job, MediaFile, Segment
from media.remote.signing import sign
from media.services import deletion, remote_work
from media.store import poster_key, segment_key, store
from media.worker_app import WorkerApp
from tests.asgi import ask
from tests.factories.jobs import make_job
from tests.factories.media import Planned
from tests.integration.media.remote.caller import Caller, code_of

pytestmark = pytest.mark.django_db(transaction=True)


def objects(held: dict[str, Any], name: str) -> str:
    return f"{held['links']['objects']}/{name}"


async def test_the_source_is_read_by_link_in_parts(
    caller: Caller, job: Job, planned: Planned
) -> None:
    held, whole = await caller.claim(), planned.clip.read_bytes()
    assert held["source"]["size_bytes"] == len(whole)
    assert held["source"]["extension"] == "mp4"
    assert (await caller.get(held["links"]["source"])).body == whole
    part = await caller.get(held["links"]["source"], Range="bytes=100-199")
    assert (part.status, part.body) == (206, whole[100:200])
    assert part.headers["cache-control"] == "private, no-store"


async def test_the_plan_is_read_by_link(caller: Caller, job: Job, planned: Planned) -> None:
    held = await caller.claim()
    answer = await caller.get(held["links"]["plan"])
    assert Plan.from_json(json.loads(answer.body)) == planned.plan


async def test_an_object_appears_whole_where_playlists_say_it_is(
    caller: Caller, job: Job, video: MediaFile
) -> None:
    held = await caller.claim()
    assert (await caller.put(objects(held, "72p/1.m4s"), b"segment")).status == 204
    assert store().path(segment_key(video.pk, 1, "72p", 1)).read_bytes() == b"segment"
    assert not list((store().root / ".work").iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "72p/0.m4s",  # another piece
        "72p/9999.m4s",
        "audio/1.m4s",  # another rendition
        "144p/1.m4s",
        "poster.jpg",
        "72p/01.m4s",
        "72p/init.mp4",
        "72p/../audio/1.m4s",
        "",
    ],
)
async def test_nothing_else_can_be_written(caller: Caller, job: Job, name: str) -> None:
    held = await caller.claim()
    before = sorted(store().root.rglob("*"))
    assert (await caller.put(objects(held, name), b"evil")).status == 404
    assert sorted(store().root.rglob("*")) in (before, sorted([*before, store().root / ".work"]))


@pytest.mark.parametrize(
    "headers",
    [
        {"content_digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"},
        {"content_length": "6"},
        {"content_length": "8"},
    ],
)
async def test_what_is_not_what_was_announced_is_not_stored(
    caller: Caller, job: Job, video: MediaFile, headers: dict[str, str]
) -> None:
    held = await caller.claim()
    answer = await caller.put(objects(held, "72p/1.m4s"), b"segment", **headers)
    assert code_of(answer) == (400, "worker-object-mismatch")
    assert store().facts(segment_key(video.pk, 1, "72p", 1)) is None


@pytest.mark.parametrize("headers", [{"content_digest": "md5=:AA==:"}, {"content_length": ""}])
async def test_length_and_digest_are_required(
    caller: Caller, job: Job, headers: dict[str, str]
) -> None:
    held = await caller.claim()
    answer = await caller.put(objects(held, "72p/1.m4s"), b"segment", **headers)
    assert code_of(answer) == (400, "invalid")


async def test_a_larger_object_than_any_may_be_is_not_read(
    caller: Caller, job: Job, settings: Settings
) -> None:
    settings.WORKER_OBJECT_MAX_BYTES = 10
    held = await caller.claim()
    answer = await caller.put(objects(held, "72p/1.m4s"), b"more than ten")
    assert code_of(answer) == (413, "worker-object-too-large")


async def test_a_forged_link_opens_nothing(caller: Caller, job: Job) -> None:
    held = await caller.claim()
    link = held["links"]["source"]
    later = re.sub(r"/(\d+)\.", lambda found: f"/{int(found[1]) + 1}.", link)
    other_kind = link.replace("/source/", "/plan/")
    other_token = link.replace("/1/", "/2/")
    assert len({link, later, other_kind, other_token}) == 4
    for forged in (later, other_kind, other_token, f"{link}/"):
        assert (await caller.get(forged)).status == 404


async def test_a_link_ends_with_its_time(
    caller: Caller, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await caller.claim()
    now = time.time()
    monkeypatch.setattr("media.worker_app.time.time", lambda: now + 901)
    assert code_of(await caller.get(held["links"]["source"])) == (410, "worker-link-expired")


async def test_links_end_with_their_claim(caller: Caller, job: Job, video: MediaFile) -> None:
    held = await caller.claim()
    await sync_to_async(queue.cancel_jobs)(video)
    for path in (held["links"]["source"], held["links"]["plan"]):
        assert code_of(await caller.get(path)) == (409, "worker-claim-lost")
    answer = await caller.put(objects(held, "72p/1.m4s"), b"segment")
    assert code_of(answer) == (409, "worker-claim-lost")
    assert store().facts(segment_key(video.pk, 1, "72p", 1)) is None


async def test_a_link_answers_its_methods_only(caller: Caller, job: Job) -> None:
    held = await caller.claim()
    answer = await caller.put(held["links"]["source"], b"evil")
    assert (code_of(answer), answer.headers["allow"]) == ((405, "method-not-allowed"), "GET, HEAD")
    answer = await caller.get(objects(held, "72p/1.m4s"))
    assert (answer.status, answer.headers["allow"]) == (405, "PUT")


async def test_what_is_marked_stays_as_it_is(caller: Caller, job: Job, video: MediaFile) -> None:
    held, key = await caller.claim(), segment_key(video.pk, 1, "72p", 1)
    marked = await Segment.objects.select_related("rendition").aget(rendition__name="72p")
    await Segment.objects.acreate(
        rendition=marked.rendition, number=1, size_bytes=3, duration_seconds=2
    )
    await sync_to_async(store().put_bytes)(key, b"old")
    assert (await caller.put(objects(held, "72p/1.m4s"), b"another")).status == 204
    assert store().path(key).read_bytes() == b"old"


async def test_a_poster_has_a_place_of_its_own(caller: Caller, video: MediaFile) -> None:
    await sync_to_async(make_job)(video, kind="poster")
    held = await caller.claim()
    answer = await caller.report(held, 1, "poster")
    assert code_of(answer) == (409, "worker-report-incomplete")
    assert (await caller.put(objects(held, "poster.jpg"), b"jpeg")).status == 204
    assert (await caller.put(objects(held, "72p/1.m4s"), b"segment")).status == 404
    assert (await caller.report(held, 1, "poster")).status == 200
    assert store().path(poster_key(video.pk)).read_bytes() == b"jpeg"
    assert (await MediaFile.objects.aget()).has_poster


async def test_nothing_is_left_of_a_video_that_was_deleted_while_a_segment_came(
    caller: Caller, job: Job, video: MediaFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await caller.claim()
    real = remote_work._target

    def target(*given: Any) -> str:
        key = real(*given)
        if Job.objects.filter(state="running").exists() and seen:
            with transaction.atomic():
                deletion._delete(video.pk)
        seen.append(key)
        return key

    seen: list[str] = []
    monkeypatch.setattr(remote_work, "_target", target)
    monkeypatch.setattr(remote_work, "_is_marked", lambda *_: False)
    await caller.put(objects(held, "72p/1.m4s"), b"segment")
    assert len(seen) == 2
    assert not await MediaFile.objects.aexists()
    assert not (store().root / "hls" / str(video.pk)).exists()


# --- Claims and heartbeats -----------------------------------------------------------------------


async def test_a_held_claim_is_given_a_new_job_at_once(caller: Caller, video: MediaFile) -> None:
    asked = asyncio.ensure_future(caller.call("claim", {"wait_seconds": 15}))
    await asyncio.sleep(1.5)
    assert not asked.done()
    began = asyncio.get_running_loop().time()
    made = await sync_to_async(make_job)(video, kind="ladder", args={"piece": 1})
    answer = await asked
    # Measured: 14 to 44 ms. A look per second is what there is where nobody calls.
    assert asyncio.get_running_loop().time() - began < 2
    assert json.loads(answer.body)["job"] == str(made.pk)


async def test_a_claim_that_finds_nothing_ends_in_time(caller: Caller) -> None:
    assert (await caller.call("claim", {"wait_seconds": 0.3})).status == 204


async def test_no_job_is_given_to_somebody_who_hung_up(
    caller: Caller, app: WorkerApp, video: MediaFile
) -> None:
    body, gone = b'{"wait_seconds": 15}', asyncio.Event()
    headers = sign(caller.key, method="POST", path="/worker/claim", body=body, now=time.time())
    asked = asyncio.ensure_future(
        ask(app, "/worker/claim", method="POST", headers=headers, body=body, gone=gone)
    )
    await asyncio.sleep(0.5)
    gone.set()
    await asyncio.wait_for(asked, 3)
    job = await sync_to_async(make_job)(video, kind="ladder", args={"piece": 1})
    await asyncio.sleep(0.3)
    await job.arefresh_from_db()
    assert (job.state, job.token) == ("queued", 0)


async def test_a_new_source_stays_with_workers_that_have_a_database(
    caller: Caller, video: MediaFile
) -> None:
    await sync_to_async(make_job)(video, kind="ingest")
    assert (await caller.call("claim")).status == 204


async def test_a_slot_gets_what_its_lane_takes(caller: Caller, job: Job) -> None:
    assert (await caller.call("claim", {"lane": "urgent"})).status == 204
    await sync_to_async(make_job)(job.media_file, kind="poster")
    assert (await caller.call("claim", {"lane": "watched"})).status == 204
    assert (await caller.claim(lane="urgent"))["kind"] == "poster"
    assert (await caller.call("claim", {"lane": "fast"})).status == 400


def beat_of(*held: dict[str, Any], **told: Any) -> dict[str, Any]:
    claims = [{"job": each["job"], "token": each["token"]} for each in held]
    shape = {"protocol": 1, "version": "ffmpeg 9", "capacity": 2, "load": len(held)}
    return {**shape, "claims": claims, **told}


async def test_a_heartbeat_renews_leases_and_tells_what_is_lost(
    caller: Caller, job: Job, video: MediaFile
) -> None:
    held = await caller.claim()
    before = (await Job.objects.aget()).lease_expires_at
    await asyncio.sleep(0.05)
    answer = json.loads((await caller.call("heartbeat", beat_of(held))).body)
    assert answer["state"] == "active"
    assert [each["is_yours"] for each in answer["claims"]] == [True]
    assert answer["claims"][0]["made"] == {"72p": [[0, 0]]}
    after = (await Job.objects.aget()).lease_expires_at
    assert before is not None
    assert after is not None
    assert after > before
    await sync_to_async(queue.cancel_jobs)(video)
    answer = json.loads((await caller.call("heartbeat", beat_of(held))).body)
    assert [each["is_yours"] for each in answer["claims"]] == [False]


async def test_a_worker_of_another_protocol_is_told_so(caller: Caller) -> None:
    answer = await caller.call("heartbeat", beat_of(protocol=2))
    assert code_of(answer) == (409, "worker-protocol-mismatch")


async def test_a_body_without_end_is_refused(caller: Caller) -> None:
    assert code_of(await caller.call("heartbeat", "x" * 300_000)) == (413, "too-large")


@pytest.mark.parametrize("path", ["/worker/", "/worker/nothing", "/worker/claim/more"])
async def test_there_are_no_other_doors(caller: Caller, path: str) -> None:
    assert (await caller.get(path)).status == 404


async def test_doors_are_posted_to(caller: Caller) -> None:
    answer = await caller.get("/worker/claim")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
