"""From the body of a request to the bytes of an upload, while the body is still coming.

    receive ─▶ gather half a MiB ─▶ a thread writes it ─▶ now and then: record how far
                                     │
                                     └ while more comes at once, and our own server is in front,
                                       it takes that from the socket itself: core/server/pump.py

What was received when the connection breaks is written and recorded like all the rest.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from core.errors import AppError
from core.server.pump import BodyPump
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

WRITE_BYTES = MiB // 2
#: The offset is recorded when so much is stored beyond it, or so long after the last time.
#: Twice what our own client sends at a time, so that its chunks are recorded once, at their end.
RECORD_BYTES = 16 * MiB
RECORD_SECONDS = 0.5


class ClientGone(Exception):
    """The connection broke; what had come by then is stored and counted."""


async def append_body(
    claim: UploadClaim,
    receive: Receive,
    *,
    pump: BodyPump | None = None,
    checksum: Checksum | None = None,
) -> UploadClaim:
    """Store what comes, to its end, and return the claim at its new offset.

    The lease is released then, unless the upload is full and has to be finished. With a
    checksum nothing counts before all of it is there and right. Whatever is raised, what counts
    is recorded and the lease is released: ClientGone, ChecksumMismatch, DiskFull, the refusal
    of the claim, UploadGone, OffsetMismatch, UploadLocked.
    """
    appender = _Appender(claim, pump, checksum)
    try:
        await appender.take_all(receive)
    except BaseException:
        # Also when it is cancelled: what has arrived is kept, then the error goes on to the caller.
        await appender.give_up()
        raise
    return appender.claim


class _Appender:
    def __init__(
        self, claim: UploadClaim, pump: BodyPump | None, checksum: Checksum | None
    ) -> None:
        self.claim = claim
        self._pump = pump
        # Opened by the first write and closed by the last record, in the threads of these.
        self._part: Part | None = None
        self._checksum = checksum
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._written_to = claim.offset_bytes
        self._writing: asyncio.Future[None] | None = None
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
        if self._written_to + self._gathered_bytes + len(data) > self.claim.limit_bytes:
            await self._write_out()
            raise self.claim.refusal()
        if not data:
            return
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        is_due = time.monotonic() - self._recorded_at >= RECORD_SECONDS
        if is_due or self._gathered_bytes >= WRITE_BYTES:
            await self._write_out()
        if is_due or self._written_to - self.claim.offset_bytes >= RECORD_BYTES:
            await self._record()

    # --- Writing ----------------------------------------------------------------------------

    async def _write_out(self) -> None:
        """Put what is gathered into the store, and what comes meanwhile."""
        is_late = False
        while self._gathered:
            if is_late or time.monotonic() >= self.claim.until:
                # The client was silent for a while, or the write has waited too long for its
                # turn. If nobody else came, the lease is still ours.
                await self._record()
            written_to = self._written_to
            try:
                await self._write()
            except StorageFull as error:
                raise DiskFull from error
            except BytesMissing as error:
                raise await in_database(
                    uploads.rewind, self.claim, to_bytes=error.size_bytes
                ) from error
            except TooLate as error:
                if is_late and self._written_to == written_to:
                    raise UploadLocked(retry_after_seconds=1) from error
                is_late = True

    async def _write(self) -> None:
        pump = self._begin_pump()
        self._writing = begin_on_disk(partial(self._write_now, pump))
        try:
            await self._until_written()
        finally:
            if pump is not None:
                pump.end()
        self._writing.result()

    def _begin_pump(self) -> BodyPump | None:
        waiting = self._pump.begin() if self._pump is not None else None
        if waiting is None:
            return None
        self._gathered += waiting
        self._gathered_bytes += sum(map(len, waiting))
        return self._pump

    async def _until_written(self) -> None:
        """Also when we are cancelled: nothing may be written after the lease was let go."""
        assert self._writing is not None  # noqa: S101  # begun by the caller
        cancelled: asyncio.CancelledError | None = None
        while not self._writing.done():
            try:
                await asyncio.wait([self._writing])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            if (failed := self._writing.exception()) is not None:
                logger.warning("a write failed while its upload broke off", exc_info=failed)
            raise cancelled

    def _write_now(self, pump: BodyPump | None) -> None:
        """In a thread."""
        if self._part is None:
            self._part = store().open_part(part_key(self.claim.upload_id))
        self._write_pieces(self._gathered)
        self._gathered, self._gathered_bytes = [], 0
        if pump is not None:
            most_bytes = min(RECORD_BYTES, self.claim.limit_bytes - self._written_to)
            pump.run(self._write_piece, most_bytes=most_bytes, most_seconds=RECORD_SECONDS)

    def _write_piece(self, piece: memoryview) -> None:
        try:
            self._write_pieces([piece])
        except TooLate:
            self._gathered, self._gathered_bytes = [bytes(piece)], len(piece)
            raise

    def _write_pieces(self, pieces: Sequence[bytes | memoryview]) -> None:
        assert self._part is not None  # noqa: S101  # `_write_now` has opened it
        self._part.write(self._written_to, pieces, until=self.claim.until)
        if self._checksum is not None:
            self._checksum.update(pieces)
        self._written_to += sum(map(len, pieces))

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
        self._gathered.clear()
        try:
            await self._record(release=True, close=True)
        except UploadGone:
            await on_disk(uploads.forget_bytes, self.claim.upload_id)
        except AppError as error:
            # Somebody else has the lease by now: there is nothing of ours to record or release.
            logger.info("upload was taken over", extra={"reason": error.code})
