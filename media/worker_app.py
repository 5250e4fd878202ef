"""The ASGI application that remote workers talk to: everything below `/worker/`.

It stands beside Django, because a claim is held until there is a job, and because segments come in
as long bodies; neither may occupy one of Django's threads. docs/remote-workers.md describes the
protocol.
"""

import asyncio
import base64
import hashlib
import json
import logging
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from core.errors import AppError, Gone, Invalid, NotFound, TooLarge, TooMany
from core.logging import Receive, Scope, Send
from core.problems import InternalError, MethodNotAllowed, problem_bytes
from media.delivery.answers import Answering, Kind, answer, answer_object
from media.ffmpeg.errors import UnreadableMedia
from media.models import Server
from media.services import remote_calls, remote_reports, remote_work
from media.services.worker_links import WorkerLink, is_genuine, parse
from media.store import store
from media.threads import in_database, on_disk
from media.views.workers import read_beat, read_claim, read_report
from media.worker_bell import Bell
from media.workshop.lanes import Lane

logger = logging.getLogger(__name__)

ROOT = "/worker/"
OBJECTS = f"{ROOT}objects/"
#: A claim is held for so long at most; a worker asks again.
CLAIM_WAIT_SECONDS = 20.0
#: Claims of one server that one process holds at a time.
CLAIMS_HELD_MAX = 70
#: The longest signed body: a report of some hundred segments is a tenth of it.
BODY_MAX_BYTES = 256 * 1024

_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_SOURCE = Kind(content_type="application/octet-stream", cache_control="private, no-store")


class ObjectMismatch(Invalid):
    """What arrived is not what was announced; send it again."""

    code, title = "worker-object-mismatch", "The bytes are not those that were announced."


class ObjectTooLarge(TooLarge):
    """No segment is so large."""

    code, title = "worker-object-too-large", "The object is larger than any may be."


class WorkerApp:
    """The application. What it knows of held claims belongs to the event loop it runs on."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what goes wrong before the first byte becomes a problem document."""
        answering = Answering(send)
        try:
            await self._answer(scope, receive, answering)
        except ClientGone:
            return
        except Exception as error:
            # The last line of an edge: a worker gets a problem document, the log gets the rest.
            if answering.has_begun:
                raise
            await _answer_problem(scope, send, _as_app_error(error))

    def close(self) -> None:
        """End the threads; for tests, which make an application each."""
        self._files.shutdown()
        self._bell.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        link = parse(path)
        if link is not None:
            await self._by_link(link, scope, receive, send)
            return
        verb, video_id = _signed_door(path)
        if verb is None:
            raise NotFound
        if scope["method"] != "POST":
            raise MethodNotAllowed
        body = await _read_body(scope, receive)
        server = await in_database(
            remote_calls.authenticate,
            _headers(scope),
            method="POST",
            path=path,
            body=body,
        )
        match verb:
            case "claim":
                status, shape = await self._claim(server, body, receive)
            case "heartbeat":
                status, shape = 200, await in_database(_beat, server, body)
            case _:
                status, shape = 200, await in_database(_take, server, body, video_id)
        await _answer_json(send, status, shape)

    # --- Claims -------------------------------------------------------------------------------

    async def _claim(
        self, server: Server, body: bytes, receive: Receive
    ) -> tuple[int, dict[str, Any] | None]:
        """A job, as soon as there is one: 200; or 204 when there was none in time."""
        asked = read_claim(body)
        name = str(server.pk)
        if self._held[name] >= CLAIMS_HELD_MAX:
            raise TooMany("Too many claims of this server are waiting.", retry_after_seconds=2)
        self._held[name] += 1
        gone = asyncio.ensure_future(_until_gone(receive))
        until = time.monotonic() + min(asked.wait_seconds, CLAIM_WAIT_SECONDS)
        try:
            while not gone.done():
                seen = self._bell.count
                shape = await in_database(_claim_now, server, lane=asked.lane)
                if shape is not None and gone.done():
                    await in_database(remote_work.hand_back_unheard, server, shape)
                    break
                if shape is not None:
                    return 200, shape
                left = until - time.monotonic()
                if left <= 0:
                    return 204, None
                await self._bell.wait(seen, left, gone)
            raise ClientGone
        finally:
            gone.cancel()
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]

    # --- Links --------------------------------------------------------------------------------

    async def _by_link(self, link: WorkerLink, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in _methods(link).split(", "):
            raise MethodNotAllowed
        if not is_genuine(link):
            raise NotFound
        if link.expires_at <= time.time():
            raise remote_work.LinkExpired
        match link.what:
            case "source":
                key = await in_database(remote_work.source_of, link)
                await answer_object(scope, send, store(), key, _SOURCE, threads=self._files)
            case "plan":
                await _answer_json(send, 200, await in_database(remote_work.plan_of, link))
            case _:
                await _put(link, scope, receive)
                await answer(send, 204, {})

    @cached_property
    def _files(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(settings.DELIVERY_THREADS, thread_name_prefix="worker-file")

    @cached_property
    def _bell(self) -> Bell:
        return Bell()


class ClientGone(Exception):
    """Nobody waits for the answer."""


def takes_bytes(path: str) -> bool:
    """Whether bodies of a path are bounded here, not by the server."""
    return path.startswith(OBJECTS)


def _signed_door(path: str) -> tuple[str | None, str]:
    """Which of the signed doors a path is, and the video that it names, if it does."""
    verb, slash, video_id = path.removeprefix(ROOT).rstrip("/").partition("/")
    is_known = verb in ("claim", "heartbeat", "callback") and (verb == "callback" or not slash)
    return (verb if is_known else None), video_id


def _claim_now(server: Server, *, lane: Lane) -> dict[str, Any] | None:
    # Its state may have changed while the claim was held.
    server.refresh_from_db()
    return remote_work.claim_for(server, lane=lane)


def _beat(server: Server, body: bytes) -> dict[str, Any]:
    return remote_work.beat(server, **read_beat(body))


def _take(server: Server, body: bytes, video_id: str) -> dict[str, Any]:
    return remote_reports.take(server, read_report(body, video_id=video_id))


# --- Bodies -------------------------------------------------------------------------------------


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    body = bytearray()
    async for part in _parts(receive):
        body += part
        if len(body) > BODY_MAX_BYTES:
            raise TooLarge(f"At most {BODY_MAX_BYTES} bytes.", max_bytes=BODY_MAX_BYTES)
    return bytes(body)


async def _parts(receive: Receive) -> Any:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _put(link: WorkerLink, scope: Scope, receive: Receive) -> None:
    """Take one object in: bounded, hashed as it comes, checked, and published by one rename."""
    headers = _headers(scope)
    size_text = headers.get("content-length", "")
    digest = _SHA256.fullmatch(headers.get("content-digest", ""))
    if not size_text.isdigit() or not int(size_text) or digest is None:
        raise Invalid("Send Content-Length, and Content-Digest with sha-256 (RFC 9530).")
    if int(size_text) > settings.WORKER_OBJECT_MAX_BYTES:
        raise ObjectTooLarge(max_bytes=settings.WORKER_OBJECT_MAX_BYTES)
    await in_database(remote_work.check_may_put, link)
    with ExitStack() as stack:
        folder = await on_disk(stack.enter_context, store().work_dir())
        try:
            made = folder / "object"
            await _save(made, receive, size_bytes=int(size_text), sha256=digest[1])
            await in_database(remote_work.publish, link, made)
        finally:
            await on_disk(stack.close)


async def _save(made: Path, receive: Receive, *, size_bytes: int, sha256: str) -> None:
    hashed, arrived = hashlib.sha256(), 0
    file = await on_disk(made.open, "wb")
    try:
        async for part in _parts(receive):
            arrived += len(part)
            if arrived > size_bytes:
                break
            await on_disk(_write, file, hashed, part)
    finally:
        await on_disk(file.close)
    if arrived != size_bytes or base64.b64encode(hashed.digest()).decode() != sha256:
        raise ObjectMismatch


def _write(file: BinaryIO, hashed: Any, part: bytes) -> None:
    hashed.update(part)
    file.write(part)


# --- Answers ------------------------------------------------------------------------------------


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _answer_json(send: Send, status: int, shape: Any) -> None:
    headers = {"Cache-Control": "private, no-store"}
    if shape is None:
        await answer(send, status, headers)
        return
    body = json.dumps(shape).encode()
    about = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    await answer(send, status, headers | about, body)


async def _answer_problem(scope: Scope, send: Send, error: AppError) -> None:
    """Send an error as a problem document. The path is not repeated: it may be a link."""
    status, headers, body = problem_bytes(error, instance=ROOT)
    headers |= {"Content-Length": str(len(body)), "Cache-Control": "no-store"}
    if isinstance(error, MethodNotAllowed):
        link = parse(scope["path"])
        headers["Allow"] = (
            "POST" if link is None else "PUT" if link.what == "objects" else "GET, HEAD"
        )
    await answer(send, status, headers, b"" if scope["method"] == "HEAD" else body)


class SourceGone(Gone):
    """The source of the job is not in the store any more."""

    code, title = "worker-source-gone", "The source of this job is lost."


def _as_app_error(error: Exception) -> AppError:
    if isinstance(error, AppError):
        return error
    if isinstance(error, UnreadableMedia | FileNotFoundError):
        return SourceGone()
    logger.error("worker request failed", exc_info=error)
    return InternalError()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the body has been read; a server says nothing else


def _methods(link: WorkerLink | None) -> str:
    if link is None:
        return "POST"
    return "PUT" if link.what == "objects" else "GET, HEAD"


application = WorkerApp()
