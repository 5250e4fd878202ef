"""From the body of a request to the bytes of an upload, while the body is still coming.

    receive ─▶ gather up to 1 MiB ─▶ write in a thread ─▶ now and then: record the offset
       ▲                                   │
       └── the server reads on meanwhile ──┘   (and stops when 1 MiB waits for us)

What was received when the connection breaks is written and recorded like all the rest.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from core.errors import AppError
from core.units import MiB
from media.errors import DiskFull, UploadGone, UploadLocked
from media.services import uploads
from media.services.uploads import UploadClaim
from media.storage.errors import BytesMissing, StorageFull, TooLate
from media.storage.protocol import Part
from media.store import part_key, store
from media.threads import in_database, in_database_unsynced, on_disk
from media.tus.checksum import Checksum

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]

WRITE_BYTES = 1 * MiB
#: The offset is recorded when so much is stored beyond it, or so long after the last time.
#: Twice what our own client sends at a time, so that its chunks are recorded once, at their end.
RECORD_BYTES = 16 * MiB
RECORD_SECONDS = 0.5
#: How often a write waits for its turn (about as long as a lease) before it gives up.
WRITE_TRIES = 2


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
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._written_to = claim.offset_bytes
        self._wrote_at = self._recorded_at = time.monotonic()

    async def take_all(self, receive: Receive) -> None:
        is_last = False
        while not is_last:
            message = await receive()
            if message["type"] == "http.disconnect":
                await self._write()
                raise ClientGone
            is_last = not message.get("more_body", False)
            await self._take(message.get("body", b""))
        await self._write()
        if self._checksum is not None:
            self._checksum.verify()
            self._checksum = None
        is_full = self._written_to == self.claim.length_bytes
        await self._record(release=not is_full, close=True)

    async def _take(self, data: bytes) -> None:
        if self._written_to + self._gathered_bytes + len(data) > self.claim.limit_bytes:
            await self._write()
            raise self.claim.refusal()
        if not data:
            return
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        waited = time.monotonic() - self._wrote_at
        if self._gathered_bytes >= WRITE_BYTES or waited >= RECORD_SECONDS:
            await self._write()
            unrecorded = self._written_to - self.claim.offset_bytes
            waited = time.monotonic() - self._recorded_at
            if unrecorded >= RECORD_BYTES or waited >= RECORD_SECONDS:
                await self._record()

    async def _write(self) -> None:
        """Put what is gathered into the store."""
        data, self._gathered = self._gathered, []
        size, self._gathered_bytes = self._gathered_bytes, 0
        if not data:
            return
        if self._checksum is not None:
            await on_disk(self._checksum.update, data)
        for _ in range(WRITE_TRIES):
            if time.monotonic() >= self.claim.until:
                # The client was silent for a while. If nobody else came, the lease is still ours.
                await self._record()
            try:
                await _to_the_end(on_disk(self._write_now, data))
            except StorageFull as error:
                raise DiskFull from error
            except BytesMissing as error:
                raise await in_database(
                    uploads.rewind, self.claim, to_bytes=error.size_bytes
                ) from error
            except TooLate:
                continue
            self._written_to += size
            self._wrote_at = time.monotonic()
            return
        raise UploadLocked(retry_after_seconds=1)

    def _write_now(self, data: list[bytes]) -> None:
        if self._part is None:
            self._part = store().open_part(part_key(self.claim.upload_id))
        self._part.write(self._written_to, data, until=self.claim.until)

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
        try:
            await self._record(release=True, close=True)
        except UploadGone:
            await on_disk(uploads.forget_bytes, self.claim.upload_id)
        except AppError as error:
            # Somebody else has the lease by now: there is nothing of ours to record or release.
            logger.info("upload was taken over", extra={"reason": error.code})


async def _to_the_end(write: Coroutine[Any, Any, None]) -> None:
    """Wait for a write, also when we are cancelled: it must not begin after we have let go."""
    writing = asyncio.create_task(write)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise
