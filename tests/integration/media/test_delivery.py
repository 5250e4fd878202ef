"""What `/hls/` sends: to whom, which bytes of it, and how long it waits for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from media.delivery_app import Delivery
from media.models import Job, MediaFile, Segment, Visibility
from media.playback import signed_path
from media.selectors import get_media
from media.services import videos
from media.store import init_key, segment_key, store
from tests.asgi import Answer, ask
from tests.factories.media import Planned, make_clip, make_planned, plan_clip, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """A clip of twelve pieces that have to be encoded, with sound."""
    folder = tmp_path_factory.mktemp("clips")
    return plan_clip(make_clip(folder / "clip.mp4", seconds=60, rate=5), folder)


@pytest.fixture
def video(planned: Planned) -> MediaFile:
    return make_planned(planned, visibility=Visibility.PUBLIC)


@pytest.fixture
def folder(video: MediaFile) -> str:
    return signed_path(media_id=video.pk, epoch=video.visibility_epoch)


@pytest.fixture
def delivery() -> Iterator[Delivery]:
    application = Delivery()
    yield application
    application.close()


@asynccontextmanager
async def a_worker() -> AsyncIterator[None]:
    """Somebody who does what is asked for, until the block ends."""
    ended = asyncio.Event()

    async def work() -> None:
        while not ended.is_set():
            await sync_to_async(work_off, thread_sensitive=False)(kinds=[Job.Kind.ON_DEMAND])
            await asyncio.sleep(0.02)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        ended.set()
        await task


# --- Who is let in --------------------------------------------------------------------------


async def test_a_signed_path_opens_the_playlists(delivery: Delivery, folder: str) -> None:
    answer = await ask(delivery, f"{folder}/master.m3u8")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "1/72p/index.m3u8" in answer.text


@pytest.mark.parametrize("part", ["expiry", "epoch", "mac"])
async def test_a_forged_path_is_not_found(delivery: Delivery, folder: str, part: str) -> None:
    head, name = folder.rsplit("/", 1)
    expiry, epoch, mac = name.split(".")
    forged = {
        "expiry": f"{int(expiry) + 1}.{epoch}.{mac}",
        "epoch": f"{expiry}.{int(epoch) + 1}.{mac}",
        "mac": f"{expiry}.{epoch}.{'A' * 22}",
    }
    assert (await ask(delivery, f"{head}/{forged[part]}/master.m3u8")).status == 404


async def test_the_path_of_one_video_does_not_open_another(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    other = await sync_to_async(MediaFile.objects.create)(owner_id=video.owner_id, filename="x")
    path = folder.replace(str(video.pk), str(other.pk))
    assert (await ask(delivery, f"{path}/master.m3u8")).status == 404


async def test_an_expired_path_is_gone(delivery: Delivery, video: MediaFile) -> None:
    old = signed_path(media_id=video.pk, epoch=0, now=time.time() - 3 * 12 * 3600)
    answer = await ask(delivery, f"{old}/master.m3u8")
    assert answer.status == 410
    assert b"playback-link-expired" in answer.body


async def test_a_revoked_path_is_gone_within_seconds(
    delivery: Delivery, folder: str, video: MediaFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery._facts, "_seconds", 0.05)
    assert (await ask(delivery, f"{folder}/master.m3u8")).status == 200
    await sync_to_async(videos.update_video)(
        actor=await sync_to_async(lambda: video.owner)(),
        media_id=video.pk,
        visibility=Visibility.PRIVATE,
    )
    await asyncio.sleep(0.1)
    assert (await ask(delivery, f"{folder}/master.m3u8")).status == 410


async def test_the_link_that_replaces_a_revoked_one_works_at_once(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    assert (await ask(delivery, f"{folder}/master.m3u8")).status == 200
    await sync_to_async(videos.update_video)(
        actor=await sync_to_async(lambda: video.owner)(),
        media_id=video.pk,
        visibility=Visibility.PRIVATE,
    )
    new = signed_path(media_id=video.pk, epoch=video.visibility_epoch + 1)
    assert (await ask(delivery, f"{new}/master.m3u8")).status == 200
    assert (await ask(delivery, f"{folder}/master.m3u8")).status == 410


@pytest.mark.parametrize(
    "path",
    [
        "/../master.m3u8",
        "//master.m3u8",
        "/1/72p/00.m4s",
        "/1/72p/../72p/0.m4s",
        "/01/72p/0.m4s",
        "/1/72p/0.m4s/",
        "/1/72p/%30.m4s",
        "/1/72P/0.m4s",
        "/1/72p/source.mp4",
    ],
)
async def test_only_one_spelling_of_each_address_is_known(
    delivery: Delivery, folder: str, path: str
) -> None:
    assert (await ask(delivery, folder + path)).status == 404


async def test_segments_are_sent_without_asking_the_database(
    delivery: Delivery, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(delivery, f"{folder}/1/72p/0.m4s")
    monkeypatch.setattr("media.delivery_app.in_database", None)
    assert (await ask(delivery, f"{folder}/1/72p/0.m4s")).status == 200


# --- Which bytes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("1/72p/init.mp4", "video/mp4"),
        ("1/72p/0.m4s", "video/mp4"),
        ("1/audio/init.mp4", "audio/mp4"),
        ("1/audio/0.m4s", "audio/mp4"),
    ],
)
async def test_what_is_made_is_sent_as_what_it_is(
    delivery: Delivery, folder: str, name: str, content_type: str
) -> None:
    answer = await ask(delivery, f"{folder}/{name}")
    assert answer.status == 200
    assert answer.headers["content-type"] == content_type
    assert int(answer.headers["content-length"]) == len(answer.body) > 0
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=9-9", 9, 10)],
)
async def test_a_range_is_sent_as_part(
    delivery: Delivery, folder: str, wanted: str, start: int, end: int | None
) -> None:
    whole = (await ask(delivery, f"{folder}/1/72p/0.m4s")).body
    answer = await ask(delivery, f"{folder}/1/72p/0.m4s", headers={"Range": wanted})
    assert (answer.status, answer.body) == (206, whole[start:end])
    assert answer.headers["content-range"].endswith(f"/{len(whole)}")


async def test_a_range_outside_of_the_file_is_refused(delivery: Delivery, folder: str) -> None:
    answer = await ask(delivery, f"{folder}/1/72p/0.m4s", headers={"Range": "bytes=9999999-"})
    assert answer.status == 416
    assert answer.headers["content-range"].startswith("bytes */")


async def test_a_large_object_is_sent_in_parts(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    store().put_bytes(segment_key(video.pk, 1, "72p", 5), b"x" * 1_300_000)
    answer = await ask(delivery, f"{folder}/1/72p/5.m4s")
    assert (len(answer.body), answer.parts) == (1_300_000, 3)


async def test_head_tells_without_sending(delivery: Delivery, folder: str) -> None:
    answer = await ask(delivery, f"{folder}/1/72p/0.m4s", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("name", ["master.m3u8", "1/72p/index.m3u8", "1/72p/0.m4s"])
async def test_what_the_client_has_is_not_sent_again(
    delivery: Delivery, folder: str, name: str
) -> None:
    tag = (await ask(delivery, f"{folder}/{name}")).headers["etag"]
    answer = await ask(delivery, f"{folder}/{name}", headers={"If-None-Match": tag})
    assert (answer.status, answer.body) == (304, b"")


async def test_nothing_can_be_written(delivery: Delivery, folder: str) -> None:
    answer = await ask(delivery, f"{folder}/1/72p/0.m4s", method="DELETE")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_whoever_asks_is_told_the_methods(delivery: Delivery, folder: str) -> None:
    answer = await ask(delivery, f"{folder}/1/72p/0.m4s", method="OPTIONS")
    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


# --- Playlists --------------------------------------------------------------------------------


async def test_the_whole_video_is_listed_before_it_is_made(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    answer = await ask(delivery, f"{folder}/1/72p/index.m3u8")
    lines = answer.text.splitlines()
    lengths = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
    assert lines[-1] == "#EXT-X-ENDLIST"
    assert sum(lengths) == pytest.approx(60, abs=0.2)
    assert answer.headers["cache-control"] == "no-cache"


async def test_playlists_may_be_kept_once_nothing_changes(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    await sync_to_async(MediaFile.objects.filter(pk=video.pk).update)(state="completed")
    answer = await ask(delivery, f"{folder}/master.m3u8")
    assert answer.headers["cache-control"] == "public, max-age=60"


async def test_a_plan_or_rung_that_is_not_there_is_not_found(
    delivery: Delivery, folder: str
) -> None:
    for name in ("2/72p/index.m3u8", "1/1080p/index.m3u8", "1/72p/4000.m4s", "1/1080p/0.m4s"):
        answer = await ask(delivery, f"{folder}/{name}")
        assert (answer.status, b"segment-not-planned" in answer.body) == (404, True), name


# --- Held requests ----------------------------------------------------------------------------


async def test_a_missing_segment_is_made_and_sent(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    async with a_worker():
        answer = await ask(delivery, f"{folder}/1/72p/6.m4s")
    assert (answer.status, len(answer.body) > 100) == (200, True)
    shape = await sync_to_async(get_media)(
        viewer=await sync_to_async(lambda: video.owner)(), media_id=video.pk
    )
    assert shape["renditions"][0]["made"] == [[0, 0], [6, 8]]


async def test_many_who_ask_for_one_segment_cost_one_job(delivery: Delivery, folder: str) -> None:
    async with a_worker():
        answers = await asyncio.gather(*(ask(delivery, f"{folder}/1/72p/6.m4s") for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert await Job.objects.filter(kind=Job.Kind.ON_DEMAND).acount() == 1


async def test_a_segment_that_does_not_come_is_a_503_in_time(
    delivery: Delivery, folder: str, settings: Settings
) -> None:
    settings.SEGMENT_WAIT_SECONDS = 0.3
    began = time.monotonic()
    answer = await ask(delivery, f"{folder}/1/72p/6.m4s")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert b"segment-not-ready" in answer.body
    assert 0.3 <= time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=3", 3),
        ("respond-async, wait=3", 3),
        ("wait=9999", 4),
        ("wait=", 0.3),
        ("await=3", 0.3),
        ("wait=-1", 0.3),
    ],
)
async def test_a_client_that_says_how_long_it_waits_is_held_so_long_within_bounds(
    delivery: Delivery, folder: str, settings: Settings, prefer: str, seconds: float
) -> None:
    settings.SEGMENT_WAIT_SECONDS, settings.SEGMENT_WAIT_MAX_SECONDS = 0.3, 4
    began = time.monotonic()
    answer = await ask(delivery, f"{folder}/1/72p/6.m4s", headers={"Prefer": prefer})
    assert answer.status == 503
    assert seconds <= time.monotonic() - began < seconds + 2


async def test_a_job_that_ends_early_is_asked_for_again(
    delivery: Delivery, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.delivery_app.ASK_AGAIN_SECONDS", 0.2)
    asking = asyncio.create_task(ask(delivery, f"{folder}/1/72p/6.m4s"))
    await _until(lambda: len(delivery._waiters) == 1)
    await asyncio.sleep(0.1)
    await Job.objects.all().adelete()
    await asyncio.sleep(0.3)
    async with a_worker():
        assert (await asking).status == 200


async def test_a_client_that_leaves_frees_its_place(delivery: Delivery, folder: str) -> None:
    gone = asyncio.Event()
    asking = asyncio.create_task(ask(delivery, f"{folder}/1/72p/6.m4s", gone=gone))
    await _until(lambda: len(delivery._waiters) == 1)
    gone.set()
    assert (await asyncio.wait_for(asking, 2)).status == 0
    assert len(delivery._waiters) == 0


async def test_one_address_holds_so_many_requests_and_no_more(
    delivery: Delivery, folder: str, settings: Settings
) -> None:
    settings.SEGMENT_WAITERS_PER_ADDRESS, settings.SEGMENT_WAIT_SECONDS = 2, 0.5
    asking = [asyncio.create_task(ask(delivery, f"{folder}/1/72p/{n}.m4s")) for n in (4, 8)]
    await _until(lambda: len(delivery._waiters) == 2)
    refused = await ask(delivery, f"{folder}/1/72p/6.m4s")
    other = asyncio.create_task(ask(delivery, f"{folder}/1/72p/6.m4s", address="192.0.2.2"))
    await _until(lambda: len(delivery._waiters) == 3)
    assert (refused.status, b"too-many-waiting" in refused.body) == (503, True)
    await asyncio.gather(*asking, other)


async def test_one_video_has_so_many_jobs_on_demand_and_no_more(
    delivery: Delivery, folder: str, settings: Settings
) -> None:
    settings.ON_DEMAND_MAX_PER_MEDIA, settings.SEGMENT_WAIT_SECONDS = 1, 0.3
    answers: list[Answer] = await asyncio.gather(
        *(ask(delivery, f"{folder}/1/72p/{n}.m4s") for n in (2, 8))
    )
    assert {answer.status for answer in answers} == {503}
    assert sum(b"too-much-on-demand" in answer.body for answer in answers) == 1


async def test_sound_is_made_from_where_it_is_asked_for(
    delivery: Delivery, folder: str, planned: Planned
) -> None:
    last = len(planned.plan.segments("audio")) - 1
    async with a_worker():
        answer = await ask(delivery, f"{folder}/1/audio/{last}.m4s")
    assert answer.status == 200


# --- Lost objects -----------------------------------------------------------------------------


async def lose(video: MediaFile, *numbers: int) -> None:
    for number in numbers:
        await sync_to_async(store().delete)(segment_key(video.pk, 1, "72p", number))


async def test_a_segment_whose_file_was_lost_is_made_again_once_for_many_who_ask(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    whole = (await ask(delivery, f"{folder}/1/72p/0.m4s")).body
    await lose(video, 0)
    async with a_worker():
        answers = await asyncio.gather(*(ask(delivery, f"{folder}/1/72p/0.m4s") for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.body for answer in answers} == {whole}
    assert await Job.objects.filter(kind=Job.Kind.ON_DEMAND).acount() == 1


async def test_a_segment_of_which_a_power_failure_left_nothing_is_made_again(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    whole = (await ask(delivery, f"{folder}/1/72p/0.m4s")).body
    await sync_to_async(store().put_bytes)(segment_key(video.pk, 1, "72p", 0), b"")
    async with a_worker():
        answer = await ask(delivery, f"{folder}/1/72p/0.m4s")
    assert (answer.status, answer.body) == (200, whole)


async def test_one_job_makes_all_lost_segments_that_are_wanted_next(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    async with a_worker():
        await ask(delivery, f"{folder}/1/72p/3.m4s")
        await _until_async(lambda: _made(video), {0, 3, 4, 5})
        await lose(video, 3, 4, 5)
        assert (await ask(delivery, f"{folder}/1/72p/3.m4s")).status == 200
        await _until_async(lambda: _made(video), {0, 3, 4, 5})
    for number in (3, 4, 5):
        assert store().facts(segment_key(video.pk, 1, "72p", number)), number
    assert await Job.objects.filter(kind=Job.Kind.ON_DEMAND).acount() == 2


async def test_what_is_being_made_loses_progress_with_its_segments(
    delivery: Delivery, folder: str, video: MediaFile, settings: Settings
) -> None:
    settings.SEGMENT_WAIT_SECONDS = 0.3
    rows = MediaFile.objects.filter(pk=video.pk)
    await lose(video, 0)
    await rows.aupdate(state="processing", progress_percent=50, version=7)
    await ask(delivery, f"{folder}/1/72p/0.m4s")
    now = await rows.aget()
    assert (now.state, now.progress_percent < 50, now.version) == ("processing", True, 8)


async def test_a_complete_video_with_a_lost_segment_stays_complete(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    rows = MediaFile.objects.filter(pk=video.pk)
    await rows.aupdate(state="completed", progress_percent=100)
    await lose(video, 0)
    async with a_worker():
        assert (await ask(delivery, f"{folder}/1/72p/0.m4s")).status == 200
    now = await rows.aget()
    assert (now.state, now.progress_percent) == ("completed", 100)
    assert "1/72p/index.m3u8" in (await ask(delivery, f"{folder}/master.m3u8")).text


async def test_without_a_source_a_lost_segment_is_a_410_and_its_mark_stays(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    kept = (await ask(delivery, f"{folder}/1/audio/0.m4s")).body
    await lose(video, 0)
    await sync_to_async(store().delete)(video.source_key)
    for number in (0, 6):
        answer = await ask(delivery, f"{folder}/1/72p/{number}.m4s")
        assert (answer.status, b"source-lost" in answer.body) == (410, True)
    assert await Job.objects.acount() == 0
    assert await _made(video) == {0}
    assert (await ask(delivery, f"{folder}/1/audio/0.m4s")).body == kept


async def test_an_init_that_was_lost_is_sent_from_the_plan(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    whole = (await ask(delivery, f"{folder}/1/72p/init.mp4")).body
    await sync_to_async(store().delete)(init_key(video.pk, 1, "72p"))
    answer = await ask(delivery, f"{folder}/1/72p/init.mp4")
    assert (answer.status, answer.body) == (200, whole)
    assert answer.headers["content-type"] == "video/mp4"


async def test_a_poster_that_was_lost_is_made_again(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    rows = MediaFile.objects.filter(pk=video.pk)
    await rows.aupdate(has_poster=True)
    answers = await asyncio.gather(*(ask(delivery, f"{folder}/poster.jpg") for _ in range(5)))
    assert {answer.status for answer in answers} == {404}
    assert not (await rows.aget()).has_poster
    assert await sync_to_async(work_off)() == ["poster"]
    assert (await rows.aget()).has_poster
    answer = await ask(delivery, f"{folder}/poster.jpg")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")


async def test_a_poster_that_never_was_or_cannot_be_made_is_not_asked_for(
    delivery: Delivery, folder: str, video: MediaFile
) -> None:
    assert (await ask(delivery, f"{folder}/poster.jpg")).status == 404
    await MediaFile.objects.filter(pk=video.pk).aupdate(has_poster=True)
    await sync_to_async(store().delete)(video.source_key)
    assert (await ask(delivery, f"{folder}/poster.jpg")).status == 404
    assert await Job.objects.acount() == 0


async def test_a_complete_video_lists_a_rung_though_a_segment_of_it_was_lost(
    delivery: Delivery, folder: str, video: MediaFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.playlists.lead_rung", lambda _plan: None)
    await MediaFile.objects.filter(pk=video.pk).aupdate(state="completed")
    assert "1/72p/index.m3u8" in (await ask(delivery, f"{folder}/master.m3u8")).text


async def _made(video: MediaFile) -> set[int]:
    rows = Segment.objects.filter(rendition__plan__media_file=video, rendition__name="72p")
    return {number async for number in rows.values_list("number", flat=True)}


async def _until_async(look: Callable[[], Awaitable[object]], wanted: object) -> None:
    deadline = time.monotonic() + 10
    while await look() != wanted:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _until(condition: object) -> None:
    deadline = time.monotonic() + 5
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
