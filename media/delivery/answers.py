"""Answers of the delivery application: headers, files in parts, problems."""

import asyncio
import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

from core.errors import AppError
from core.logging import Scope, Send
from core.problems import problem_bytes
from media.delivery.ranges import Span, Unsatisfiable, is_known, parse_range
from media.storage.local import LocalStore
from media.storage.protocol import ObjectFacts

#: What is read and sent at a time.
PART_BYTES = 512 * 1024
METHODS = "GET, HEAD, OPTIONS"

#: Scripts of other origins are core.cors' business; a poster may be shown anywhere.
_COMMON = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a body is, and how long it may be kept."""

    content_type: str
    cache_control: str
    #: For what is saved, not shown: the value of Content-Disposition.
    disposition: str = ""


def header(scope: Scope, name: bytes) -> str:
    """The value of a request header, or an empty string."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


class Answering:
    """A `send` that knows whether an answer has begun; then no problem document can follow."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: dict[str, Any]) -> None:
        """Hand a message on."""
        self.has_begun = True
        await self._send(message)


async def answer(
    send: Send, status: int, headers: Mapping[str, str], body: bytes = b"", *, more: bool = False
) -> None:
    """Send the head and the first bytes of an answer."""
    lines = [(k.lower().encode(), v.encode("latin-1")) for k, v in {**_COMMON, **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def answer_problem(scope: Scope, send: Send, error: AppError, **headers: str) -> None:
    """Send an error as a problem document. The path is not repeated: it is a key."""
    status, problem_headers, body = problem_bytes(error, instance="/hls/")
    length = {"Content-Length": str(len(body)), "Cache-Control": "no-store"}
    is_head = scope["method"] == "HEAD"
    await answer(send, status, {**problem_headers, **length, **headers}, b"" if is_head else body)


async def answer_options(send: Send) -> None:
    """Say which methods there are; which origins may use them is not decided here."""
    await answer(send, 204, {"Allow": METHODS})


async def answer_whole(scope: Scope, send: Send, body: bytes, kind: Kind) -> None:
    """Send what is in memory, a playlist for example, or that the client has it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"ETag": etag, "Cache-Control": kind.cache_control}
    if is_known(header(scope, b"if-none-match"), etag):
        await answer(send, 304, headers)
        return
    headers |= {"Content-Type": kind.content_type, "Content-Length": str(len(body))}
    await answer(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


async def answer_object(
    scope: Scope, send: Send, store: LocalStore, key: str, kind: Kind, *, threads: Executor
) -> None:
    """Send an object of the store, or the range of it that is asked for.

    Raises FileNotFoundError where there is none, before anything is sent. Each part is read in a
    thread while nothing else of this file is in memory, and `send` waits for slow readers.
    """
    loop = asyncio.get_running_loop()
    file, facts = await loop.run_in_executor(threads, store.open, key)
    with closing(file):
        if facts.size_bytes == 0:
            # What a power failure leaves of an object that had not reached the disk.
            raise FileNotFoundError(key)
        headers = {"ETag": f'"{facts.tag}"', "Cache-Control": kind.cache_control}
        if is_known(header(scope, b"if-none-match"), headers["ETag"]):
            await answer(send, 304, headers)
            return
        headers |= {"Accept-Ranges": "bytes", "Content-Type": kind.content_type}
        if kind.disposition:
            headers["Content-Disposition"] = kind.disposition
        try:
            span = _span(scope, facts, headers["ETag"])
        except Unsatisfiable:
            unsatisfied = {"Content-Range": f"bytes */{facts.size_bytes}", "Content-Length": "0"}
            await answer(send, 416, {**headers, **unsatisfied})
            return
        whole = span is None
        span = span or Span(0, facts.size_bytes)
        headers["Content-Length"] = str(span.length)
        if not whole:
            headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{facts.size_bytes}"
        if scope["method"] == "HEAD":
            await answer(send, 200, headers)
            return
        await _send_span(send, file, span, 200 if whole else 206, headers, threads)


def _span(scope: Scope, facts: ObjectFacts, etag: str) -> Span | None:
    if_range = header(scope, b"if-range")
    if scope["method"] != "GET" or (if_range and if_range != etag):
        return None
    return parse_range(header(scope, b"range"), facts.size_bytes)


async def _send_span(
    send: Send, file: BinaryIO, span: Span, status: int, headers: dict[str, str], threads: Executor
) -> None:
    loop, at, number = asyncio.get_running_loop(), span.start, file.fileno()
    while True:
        wanted = min(PART_BYTES, span.end - at)
        part = await loop.run_in_executor(threads, os.pread, number, wanted, at)
        if len(part) < wanted:
            # A short answer would be taken for a whole one; a broken connection is not.
            raise OSError(f"the object ended at {at + len(part)} of {span.end} bytes")
        is_last = at + wanted >= span.end
        if at == span.start:
            await answer(send, status, headers, part, more=not is_last)
        else:
            await send({"type": "http.response.body", "body": part, "more_body": not is_last})
        if is_last:
            return
        at += wanted
