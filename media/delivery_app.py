"""The ASGI application that sends what viewers play: everything below `/hls/`.

It stands beside Django, because a request for a segment that is still being made is held until
it is there, and a held request must not occupy one of Django's threads. Nothing here reads a
cookie or a session: the path itself is signed, and checking it costs no query.
docs/delivery.md explains links, playlists and holding.
"""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Set
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings

from core.errors import AppError, Gone, NotFound, Unavailable
from core.http import client_address
from core.logging import Receive, Scope, Send
from core.problems import InternalError, MethodNotAllowed
from media import playlists, streams
from media.delivery.answers import (
    METHODS,
    Answering,
    Kind,
    answer_object,
    answer_options,
    answer_problem,
    answer_whole,
    header,
)
from media.delivery.attachment import attachment, file_name
from media.delivery.known import Known
from media.delivery.waiters import Key, NoRoom, Waiters
from media.ffmpeg.plan import AUDIO, Plan
from media.playback import Link, is_genuine, parse
from media.selectors import VideoNotFound
from media.services.lost import request_picture
from media.services.on_demand import SegmentNotPlanned, request_segment
from media.services.subtitles import request_subtitles
from media.store import download_key, init_key, picture_key, segment_key, store, subtitles_key
from media.streams import StreamFacts
from media.threads import in_database

logger = logging.getLogger(__name__)

#: A link that was revoked works so much longer at most.
EPOCH_SECONDS = 5.0
#: How long a held request relies on the job that it found or queued.
ASK_AGAIN_SECONDS = 2.5
#: How long one waits for subtitles before the store is asked again.
LOOK_AGAIN_SECONDS = 0.25
_YEAR_SECONDS = 365 * 24 * 3600
#: `Prefer: wait=20` (RFC 7240, 4.3): this client waits longer than others before it gives up.
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?![^,;\s])")

PLAYLIST = "application/vnd.apple.mpegurl"
MANIFEST = "application/dash+xml"


class LinkExpired(Gone):
    """The link was genuine, but its time is over or it was revoked; ask the API for another."""

    code, title = "playback-link-expired", "This playback link is no longer valid."


class SegmentNotReady(Unavailable):
    """The segment is planned and being made, but was not there in time; ask again."""

    code, title = "segment-not-ready", "This part of the video is still being made."


class TooManyWaiting(Unavailable):
    """As many requests are held as may be."""

    code, title = "too-many-waiting", "Too many requests are waiting for videos being made."


class DownloadExpired(Gone):
    """The file was kept for a while, and is removed by now; ask for it once more."""

    code, title = "download-expired", "This file is not kept any more; ask for it again."


class Delivery:
    """The application. What it knows and who waits belongs to the event loop it runs on."""

    def __init__(self) -> None:
        self._facts: Known[uuid.UUID, StreamFacts] = Known(
            lambda media_id: in_database(streams.stream_facts, media_id),
            seconds=EPOCH_SECONDS,
            most=10_000,
        )
        # A plan never changes; one of twelve hours takes a few hundred KiB.
        self._plans: Known[tuple[uuid.UUID, int], Plan] = Known(
            lambda key: in_database(streams.load_plan, *key),
            seconds=3600.0,
            most=64,
            keep_none=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what goes wrong before the first byte becomes a problem document."""
        if scope["method"] == "OPTIONS":
            return await answer_options(send)
        if scope["method"] not in ("GET", "HEAD"):
            return await answer_problem(scope, send, MethodNotAllowed(), Allow=METHODS)
        answering = Answering(send)
        try:
            await self._answer(scope, receive, answering)
        except Exception as error:
            # The last line of an edge: a client gets a problem document, the log gets the rest.
            if answering.has_begun:
                raise
            await answer_problem(scope, send, _as_app_error(error))

    def close(self) -> None:
        """End the threads; for tests, which make an application each."""
        self._files.shutdown()

    # --- What is asked for --------------------------------------------------------------------

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        link, facts = await self._let_in(scope)
        match link.name:
            case "master.m3u8" | "manifest.mpd":
                text = await self._whole(link, facts, scope)
                await answer_whole(scope, send, text.encode(), _playlist_kind(facts, link))
            case "index.m3u8":
                plan = await self._plan(link)
                text = playlists.variant(plan, link.rung)
                await answer_whole(scope, send, text.encode(), _playlist_kind(facts, link))
            case "iframes.m3u8":
                text = await self._i_frames(link)
                await answer_whole(scope, send, text.encode(), _playlist_kind(facts, link))
            case "segment":
                await self._segment(link, facts, scope, receive, send)
            case "init.mp4":
                await self._init(link, facts, scope, send)
            case "0.vtt":
                await self._subtitles(link, facts, scope, receive, send)
            case "download" | "source":
                await self._file(link, facts, scope, send)
            case name:
                try:
                    await self._object(scope, send, _key(link), _kind(link, facts))
                except FileNotFoundError:
                    await in_database(request_picture, media_id=link.media_id, name=name)
                    raise NotFound(f"There is no {name} yet.") from None

    async def _let_in(self, scope: Scope) -> tuple[Link, StreamFacts]:
        raw = scope.get("raw_path")
        link = parse(scope["path"])
        # Only one way to write each address: caches and logs see what is really asked for.
        if link is None or (raw is not None and raw.split(b"?")[0] != scope["path"].encode()):
            raise NotFound
        if not is_genuine(link):
            raise VideoNotFound
        if link.expires_at <= time.time():
            raise LinkExpired
        facts = await self._facts.get(link.media_id)
        if facts is not None and facts.epoch < link.epoch:
            # We have signed it, so it is newer than what is known here.
            self._facts.forget(link.media_id)
            facts = await self._facts.get(link.media_id)
        if facts is None:
            raise VideoNotFound
        if facts.epoch != link.epoch:
            raise LinkExpired
        return link, facts

    async def _whole(self, link: Link, facts: StreamFacts, scope: Scope) -> str:
        number = facts.plan_number
        if number is None:
            # Known for up to five seconds; the plan may stand since.
            fresh = await in_database(streams.stream_facts, link.media_id)
            number = fresh.plan_number if fresh else None
        plan = await self._plans.get((link.media_id, number)) if number else None
        if plan is None or number is None:
            raise NotFound("The video is still being prepared.")
        made = await in_database(streams.made_of, link.media_id, number)
        wish = parse_qs(scope["query_string"].decode("latin-1"))
        # Of what is complete, a segment that was lost is made again like a planned one.
        with_planned = facts.is_complete or wish.get("planned") == ["1"]
        if link.name == "manifest.mpd":
            return playlists.manifest(plan, number=number, made=made, with_planned=with_planned)
        return playlists.multivariant(
            plan,
            number=number,
            made=made,
            with_planned=with_planned,
            beside=await self._beside(link, facts),
        )

    async def _i_frames(self, link: Link) -> str:
        plan = await self._plan(link)
        sizes = await in_database(streams.first_pictures, link.media_id, link.plan, link.rung)
        if sizes is None:
            raise NotFound("Not all pictures of this rendition are made yet.")
        return playlists.i_frames(plan, link.rung, sizes)

    async def _beside(self, link: Link, facts: StreamFacts) -> playlists.Beside | None:
        number = facts.beside_number
        plan = await self._plans.get((link.media_id, number)) if number else None
        if plan is None or number is None:
            return None
        made = await in_database(streams.made_of, link.media_id, number)
        return playlists.Beside(plan=plan, number=number, made=made)

    async def _plan(self, link: Link) -> Plan:
        plan = await self._plans.get((link.media_id, link.plan))
        if plan is None or link.rung not in (*plan.rung_names, *plan.subtitle_names):
            raise SegmentNotPlanned
        return plan

    async def _init(self, link: Link, facts: StreamFacts, scope: Scope, send: Send) -> None:
        """An init that was lost is sent from the plan, which has the bytes of all of them."""
        kind = _kind(link, facts)
        try:
            await self._object(scope, send, _key(link), kind)
        except FileNotFoundError:
            plan = await self._plan(link)
            await answer_whole(scope, send, plan.init(link.rung), kind)

    async def _file(self, link: Link, facts: StreamFacts, scope: Scope, send: Send) -> None:
        """What somebody takes away; a link that was cut off is gone on with by ranges."""
        is_source = link.name == "source"
        key = facts.source_key if is_source else download_key(link.media_id, link.plan, link.rung)
        extension = key.rpartition(".")[2]
        title = facts.title or facts.filename.rpartition(".")[0]
        name = file_name(title, "" if is_source else link.rung, extension)
        kind = Kind(
            content_type="application/octet-stream" if is_source else "video/mp4",
            cache_control="private, no-cache",
            disposition=attachment(name),
        )
        try:
            await self._object(scope, send, key, kind)
        except (FileNotFoundError, ValueError):
            raise DownloadExpired from None

    # --- Segments -----------------------------------------------------------------------------

    async def _segment(
        self, link: Link, facts: StreamFacts, scope: Scope, receive: Receive, send: Send
    ) -> None:
        key, kind = _key(link), _kind(link, facts)

        async def wait(gone: asyncio.Future[None], seconds: float) -> bool:
            # Asked again now and then: the job that was to bring it may have ended early.
            rendition = await in_database(request_segment, **_wanted(link))
            seconds = min(seconds, ASK_AGAIN_SECONDS)
            return await self._waiters.wait((rendition, link.number), gone=gone, seconds=seconds)

        try:
            await self._object(scope, send, key, kind)
        except FileNotFoundError:
            plan = await self._plan(link)
            if link.number >= len(plan.segments(link.rung)):
                raise SegmentNotPlanned from None
            if await self._hold(wait, scope, receive):
                await self._made(scope, send, key, kind)

    async def _subtitles(
        self, link: Link, facts: StreamFacts, scope: Scope, receive: Receive, send: Send
    ) -> None:
        key, kind = _key(link), _kind(link, facts)

        async def wait(gone: asyncio.Future[None], seconds: float) -> bool:
            # Asked for rarely, and no row says that it is there: so the store is asked.
            await in_database(request_subtitles, media_id=link.media_id, plan_number=link.plan)
            loop = asyncio.get_running_loop()
            until = loop.time() + min(seconds, ASK_AGAIN_SECONDS)
            while loop.time() < until and not gone.done():
                await asyncio.wait({gone}, timeout=LOOK_AGAIN_SECONDS)
                found = await loop.run_in_executor(self._files, store().facts, key)
                if found and found.size_bytes:
                    return True
            return False

        try:
            await self._object(scope, send, key, kind)
        except FileNotFoundError:
            await self._plan(link)
            if await self._hold(wait, scope, receive):
                await self._made(scope, send, key, kind)

    async def _hold(
        self,
        wait: Callable[[asyncio.Future[None], float], Awaitable[bool]],
        scope: Scope,
        receive: Receive,
    ) -> bool:
        """Wait until `wait` says that it is there; False when nobody waits for the answer.

        `wait` has what is missing made, and returns after the given seconds at the latest, or when
        the client is gone. Raises TooManyWaiting, and SegmentNotReady when the time is over.
        """
        address = client_address(scope)
        try:
            self._waiters.take_place(address)
        except NoRoom:
            raise TooManyWaiting(retry_after_seconds=2) from None
        gone = asyncio.ensure_future(_until_gone(receive))
        until = time.monotonic() + _patience_seconds(header(scope, b"prefer"))
        try:
            while (left := until - time.monotonic()) > 0 and not gone.done():
                if await wait(gone, left):
                    return True
            if gone.done():
                return False
            raise SegmentNotReady(retry_after_seconds=1)
        finally:
            gone.cancel()
            self._waiters.leave_place(address)

    # --- Threads --------------------------------------------------------------------------------

    @cached_property
    def _waiters(self) -> Waiters:
        return Waiters(
            self._find,
            most=settings.SEGMENT_WAITERS_MAX,
            most_per_address=settings.SEGMENT_WAITERS_PER_ADDRESS,
        )

    @cached_property
    def _files(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(settings.DELIVERY_THREADS, thread_name_prefix="delivery-file")

    async def _find(self, keys: Set[Key]) -> Set[Key]:
        return await in_database(streams.made_among, frozenset(keys))

    async def _object(self, scope: Scope, send: Send, key: str, kind: Kind) -> None:
        await answer_object(scope, send, store(), key, kind, threads=self._files)

    async def _made(self, scope: Scope, send: Send, key: str, kind: Kind) -> None:
        """Send what was there a moment ago; if it was lost since, the client may come back."""
        try:
            await self._object(scope, send, key, kind)
        except FileNotFoundError:
            raise SegmentNotReady(retry_after_seconds=1) from None


def _as_app_error(error: Exception) -> AppError:
    if isinstance(error, AppError):
        return error
    logger.error("delivery failed", exc_info=error)
    return InternalError()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # a body that nobody asked for


def _patience_seconds(prefer: str) -> float:
    """How long a client is held: as long as it says, else as long as any player waits."""
    asked = _WAIT.search(prefer)
    seconds: int = settings.SEGMENT_WAIT_SECONDS
    return min(int(asked[1]), settings.SEGMENT_WAIT_MAX_SECONDS) if asked else seconds


def _wanted(link: Link) -> dict[str, Any]:
    return {
        "media_id": link.media_id,
        "plan_number": link.plan,
        "rung": link.rung,
        "number": link.number,
    }


def _key(link: Link) -> str:
    match link.name:
        case "init.mp4":
            return init_key(link.media_id, link.plan, link.rung)
        case "0.vtt":
            return subtitles_key(link.media_id, link.plan, link.rung)
        case "segment":
            return segment_key(link.media_id, link.plan, link.rung, link.number)
        case name:
            return picture_key(link.media_id, name)


def _kind(link: Link, facts: StreamFacts) -> Kind:
    if link.name.endswith(".jpg"):
        content_type = "image/jpeg"
    elif link.name.endswith(".json"):
        content_type = "application/json"
    elif link.name.endswith(".vtt"):
        content_type = "text/vtt; charset=utf-8"
    else:
        content_type = "audio/mp4" if link.rung == AUDIO else "video/mp4"
    return Kind(content_type=content_type, cache_control=_keep(facts, link, _YEAR_SECONDS))


def _playlist_kind(facts: StreamFacts, link: Link) -> Kind:
    fixed = _keep(facts, link, 60).removesuffix(", immutable")
    content_type = MANIFEST if link.name == "manifest.mpd" else PLAYLIST
    return Kind(content_type=content_type, cache_control=fixed if facts.is_complete else "no-cache")


def _keep(facts: StreamFacts, link: Link, seconds: int) -> str:
    """For how long, and in whose cache: never longer than the link itself works."""
    left = max(min(seconds, link.expires_at - int(time.time())), 0)
    return f"{'public' if facts.is_open else 'private'}, max-age={left}, immutable"


application = Delivery()
