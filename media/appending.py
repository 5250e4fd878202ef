"""From the body of a request to the bytes of an upload, while the body is still coming.

    receive ─▶ up to 2 MiB wait ─▶ a thread writes 1 MiB at a time ─▶ now and then: record how far

Receiving and writing go on side by side. The thread goes on for as long as anything waits, and a
client that is faster than the disk is held up.

What was received when the connection breaks is written and recorded like all the rest.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from core.errors import AppError
from core.units import MiB
from media.errors import DiskFull, UploadGone, UploadLocked
from media.services import uploads
from media.services.uploads import UploadClaim
from media.storage.errors import BytesMissing, StorageFull, TooLate
from media.storage.protocol import Part
from media.store import part_key, store
from media.threads import begin_on_disk, in_database, in_database_unsynced, on_disk
from media.tus.checksum import Checksum

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]

WRITE_BYTES = 1 * MiB
#: What may wait for the disk before nothing more is received. The server then holds 1 MiB more.
WAITING_BYTES = 2 * MiB
#: The offset is recorded when so much is stored beyond it, or so long after the last time.
#: Twice what our own client sends at a time, so that its chunks are recorded once, at their end.
RECORD_BYTES = 16 * MiB
RECORD_SECONDS = 0.5


class ClientGone(Exception):
    """The connection broke; what had come by then is stored and counted."""


async def append_body(
    claim: UploadClaim, receive: Receive, *, checksum: Checksum | None = None
) -> UploadClaim:
    """Store what comes, to its end, and return the claim at its new offset.

    The lease is released then, unless the upload is full and has to be finished. With a
    checksum nothing counts before all of it is there and right. Whatever is raised, what counts
    is recorded and the lease is released: ClientGone, ChecksumMismatch, DiskFull, the refusal
    of the claim, UploadGone, OffsetMismatch, UploadLocked.
    """
    appender = _Appender(claim, checksum)
    try:
        await appender.take_all(receive)
    except BaseException:
        await appender.give_up()
        raise
    return appender.claim


class _Appender:
    def __init__(self, claim: UploadClaim, checksum: Checksum | None) -> None:
        self.claim = claim
        # Opened by the first write and closed by the last record, in the threads of these.
        self._part: Part | None = None
        self._checksum = checksum
        self._loop = asyncio.get_running_loop()
        # The event loop fills this and moves the first mark; the writing thread empties it and
        # moves the second.
        self._waiting: deque[bytes] = deque()
        self._received_to = self._written_to = claim.offset_bytes
        self._writing: asyncio.Future[None] | None = None
        self._wrote = asyncio.Event()
        self._is_held_up = False
        self._late_at: int | None = None
        self._recorded_at = time.monotonic()

    async def take_all(self, receive: Receive) -> None:
        is_last = False
        while not is_last:
            message = await receive()
            if message["type"] == "http.disconnect":
                await self._write_out()
                raise ClientGone
            is_last = not message.get("more_body", False)
            await self._take(message.get("body", b""))
        await self._write_out()
        if self._checksum is not None:
            self._checksum.verify()
            self._checksum = None
        is_full = self._written_to == self.claim.length_bytes
        await self._record(release=not is_full, close=True)

    async def _take(self, data: bytes) -> None:
        if self._received_to + len(data) > self.claim.limit_bytes:
            await self._write_out()
            raise self.claim.refusal()
        if not data:
            return
        self._waiting.append(data)
        self._received_to += len(data)
        if self._unwritten_bytes >= WRITE_BYTES:
            await self._write_beside()
        if time.monotonic() - self._recorded_at >= RECORD_SECONDS:
            await self._write_out()
            await self._record()
        elif self._written_to - self.claim.offset_bytes >= RECORD_BYTES:
            await self._record()

    # --- Writing ----------------------------------------------------------------------------

    @property
    def _unwritten_bytes(self) -> int:
        return self._received_to - self._written_to

    async def _write_beside(self) -> None:
        """Have what waits written, and wait only while it is too much."""
        while True:
            if self._writing is None or self._writing.done():
                await self._end_write()
                await self._begin_write()
            self._wrote.clear()
            # Before the marks are compared: the thread looks at it after it has moved its own.
            self._is_held_up = True
            if self._unwritten_bytes <= WAITING_BYTES:
                break
            await self._wrote.wait()
        self._is_held_up = False

    async def _write_out(self) -> None:
        """Put all that waits into the store."""
        await self._end_write()
        while self._waiting:
            await self._begin_write()
            await self._end_write()

    async def _begin_write(self) -> None:
        if time.monotonic() >= self.claim.until:
            # The client was silent for a while. If nobody else came, the lease is still ours.
            await self._record()
        self._writing = begin_on_disk(self._write_waiting)
        self._writing.add_done_callback(lambda _: self._wrote.set())

    async def _end_write(self) -> None:
        """Wait for the write that was begun, and raise what it ran into."""
        if self._writing is None:
            return
        await asyncio.wait([self._writing])
        done, self._writing = self._writing, None
        try:
            done.result()
        except StorageFull as error:
            raise DiskFull from error
        except BytesMissing as error:
            raise await in_database(
                uploads.rewind, self.claim, to_bytes=error.size_bytes
            ) from error
        except TooLate as error:
            if self._late_at == self._written_to:
                raise UploadLocked(retry_after_seconds=1) from error
            # It waited for its turn as long as the lease was ours. Once more, if it still is.
            self._late_at = self._written_to
            await self._record()

    def _write_waiting(self) -> None:
        """In a thread: write until nothing waits."""
        if self._part is None:
            self._part = store().open_part(part_key(self.claim.upload_id))
        while pieces := self._next_pieces():
            try:
                self._part.write(self._written_to, pieces, until=self.claim.until)
            except TooLate:
                self._waiting.extendleft(reversed(pieces))
                raise
            if self._checksum is not None:
                self._checksum.update(pieces)
            self._written_to += sum(map(len, pieces))
            if self._is_held_up:
                self._loop.call_soon_threadsafe(self._wrote.set)

    def _next_pieces(self) -> list[bytes]:
        pieces: list[bytes] = []
        size = 0
        while self._waiting and size < WRITE_BYTES:
            pieces.append(self._waiting.popleft())
            size += len(pieces[-1])
        return pieces

    # --- Recording --------------------------------------------------------------------------

    async def _record(self, *, release: bool = False, close: bool = False) -> None:
        # When the power fails, the bytes are not on the disk either: see `uploads.rewind`.
        self.claim = await in_database_unsynced(self._record_now, release=release, close=close)
        self._recorded_at = time.monotonic()

    def _record_now(self, *, release: bool, close: bool) -> UploadClaim:
        if close and self._part is not None:
            self._part.close()
            self._part = None
        counted = self._written_to if self._checksum is None else self.claim.offset_bytes
        return uploads.record_bytes(self.claim, to_bytes=counted, release=release)

    async def give_up(self) -> None:
        """Record what counts and let the next request in, whatever went wrong."""
        self._waiting.clear()
        if self._writing is not None:
            # It must not go on after the lease was let go.
            await asyncio.wait([self._writing])
            if error := self._writing.exception():
                logger.warning("a write failed while its upload broke off", exc_info=error)
        try:
            await self._record(release=True, close=True)
        except UploadGone:
            await on_disk(uploads.forget_bytes, self.claim.upload_id)
        except AppError as error:
            # Somebody else has the lease by now: there is nothing of ours to record or release.
            logger.info("upload was taken over", extra={"reason": error.code})
