"""From a body to the store while the body comes: order, hold-up, and letting go."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from core.server.pump import BodyPump
from core.units import MiB
from media import appending
from media.appending import WRITE_BYTES, ClientGone, append_body
from media.errors import DiskFull, UploadLocked
from media.models import Upload
from media.services import uploads
from media.storage.errors import StorageFull, TooLate
from media.storage.memory import MemoryStore
from media.store import part_key
from media.tus.checksum import Checksum
from tests.factories.users import make_user

pytestmark = pytest.mark.django_db(transaction=True)

PIECE = 256 * 1024


class Disk(MemoryStore):
    """A store whose writes wait at a gate, and fail when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()
        self.failures: list[Exception] = []
        self.sizes: list[int] = []

    def open_part(self, key: str) -> Any:
        part = super().open_part(key)
        write = part.write

        def slow(offset_bytes: int, data: Sequence[bytes | memoryview], *, until: float) -> None:
            self.at_gate.set()
            assert self.gate.wait(10)
            if self.failures:
                raise self.failures.pop()
            write(offset_bytes, data, until=until)
            self.sizes.append(sum(map(len, data)))

        part.write = slow  # type: ignore[method-assign]
        return part


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(appending, "store", lambda: disk)
    yield disk
    disk.gate.set()


class Body:
    """What a server hands over; counts what was asked for."""

    def __init__(self, pieces: Sequence[bytes], *, ends: str = "whole") -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        self.messages.append(
            {"type": "http.request", "body": b"", "more_body": False}
            if ends == "whole"
            else {"type": "http.disconnect"}
        )
        self.taken_bytes = 0

    async def receive(self) -> dict[str, Any]:
        message = self.messages.pop(0)
        self.taken_bytes += len(message.get("body", b""))
        return message


class Pump(BodyPump):
    """Takes the pieces of a body past `receive`, into a buffer that is used again."""

    def __init__(self, body: Body, *, waiting: int = 0) -> None:
        self.body, self.waiting = body, waiting
        self.before_piece: dict[int, Callable[[], object]] = {}
        self.pieces = 0
        self._begun = False

    @property
    def is_running(self) -> bool:
        return self._begun

    def begin(self) -> list[bytes] | None:
        assert not self._begun
        if len(self.body.messages) == 1:
            return None
        self._begun = True
        return [self.body.messages.pop(0)["body"] for _ in range(self.waiting)]

    def run(
        self, write: Callable[[memoryview], None], *, most_bytes: int, most_seconds: float
    ) -> None:
        assert self._begun
        buffer = bytearray(PIECE)
        while len(self.body.messages) > 1 and most_bytes >= PIECE:
            buffer[:] = self.body.messages.pop(0)["body"]
            most_bytes -= PIECE
            self.before_piece.get(self.pieces, lambda: None)()
            self.pieces += 1
            write(memoryview(buffer))

    def end(self) -> None:
        self._begun = False


def begin(length_bytes: int) -> uploads.UploadClaim:
    actor = make_user()
    upload = uploads.create_upload(actor=actor, length_bytes=length_bytes, metadata={}, header="")
    return uploads.claim_upload(actor=actor, upload_id=upload.pk, offset_bytes=0)


def numbered(count: int) -> list[bytes]:
    return [bytes([number % 251]) * PIECE for number in range(count)]


def stored(disk: Disk, claim: uploads.UploadClaim, size_bytes: int) -> bytes:
    disk.publish_part(part_key(claim.upload_id), "videos/0c9e/source.mp4", size_bytes=size_bytes)
    file, _facts = disk.open("videos/0c9e/source.mp4")
    with file:
        return file.read()


def offset_of(claim: uploads.UploadClaim) -> int:
    return Upload.objects.get(pk=claim.upload_id).offset_bytes


async def until_true(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.005)


def test_what_comes_is_stored_in_order_and_counted(disk: Disk) -> None:
    pieces = numbered(50)
    claim = begin(51 * PIECE)
    ended = asyncio.run(append_body(claim, Body(pieces).receive))
    assert ended.offset_bytes == offset_of(claim) == 50 * PIECE
    assert stored(disk, claim, 50 * PIECE) == b"".join(pieces)
    assert max(disk.sizes) <= WRITE_BYTES + PIECE


def test_what_the_pump_takes_follows_what_came_as_messages(disk: Disk) -> None:
    pieces = numbered(40)
    claim, body = begin(40 * PIECE), Body(pieces)
    pump = Pump(body, waiting=3)
    checksum = Checksum("sha256", hashlib.sha256(b"".join(pieces)).digest())
    ended = asyncio.run(append_body(claim, body.receive, pump=pump, checksum=checksum))
    assert pump.pieces == 35
    assert not pump.is_running
    assert ended.offset_bytes == offset_of(claim) == 40 * PIECE
    assert stored(disk, claim, 40 * PIECE) == b"".join(pieces)


def test_a_long_flow_is_recorded_on_its_way(disk: Disk) -> None:
    pieces = numbered(256)
    offsets: list[int] = []
    claim, body = begin(64 * MiB), Body(pieces)
    pump = Pump(body)
    for piece in range(0, 250, 10):
        pump.before_piece[piece] = lambda: offsets.append(offset_of(claim))
    asyncio.run(append_body(claim, body.receive, pump=pump))
    assert offsets[0] == 0
    assert offsets[-1] >= 32 * MiB
    assert stored(disk, claim, 64 * MiB) == b"".join(pieces)


def test_a_piece_of_the_pump_that_came_too_late_is_tried_again(disk: Disk) -> None:
    pieces = numbered(20)
    claim, body = begin(20 * PIECE), Body(pieces)
    pump = Pump(body)
    pump.before_piece[5] = lambda: disk.failures.append(TooLate())
    asyncio.run(append_body(claim, body.receive, pump=pump))
    assert stored(disk, claim, 20 * PIECE) == b"".join(pieces)


def test_a_disk_that_fills_while_the_pump_runs_ends_it(disk: Disk) -> None:
    claim, body = begin(20 * PIECE), Body(numbered(20))
    pump = Pump(body)
    pump.before_piece[5] = lambda: disk.failures.append(StorageFull())
    with pytest.raises(DiskFull):
        asyncio.run(append_body(claim, body.receive, pump=pump))
    assert offset_of(claim) == 7 * PIECE
    assert not pump.is_running


def test_what_came_before_the_client_went_counts(disk: Disk) -> None:
    claim = begin(64 * MiB)
    with pytest.raises(ClientGone):
        asyncio.run(append_body(claim, Body(numbered(9), ends="gone").receive))
    assert offset_of(claim) == 9 * PIECE


def test_a_full_disk_ends_it_and_counts_what_is_stored(disk: Disk) -> None:
    claim = begin(64 * MiB)
    disk.failures.append(StorageFull())
    with pytest.raises(DiskFull):
        asyncio.run(append_body(claim, Body(numbered(256)).receive))
    assert offset_of(claim) == 0
    uploads.claim_upload(  # The lease was let go.
        actor=Upload.objects.get(pk=claim.upload_id).owner,
        upload_id=claim.upload_id,
        offset_bytes=0,
    )


def test_a_write_that_came_too_late_once_is_tried_again(disk: Disk) -> None:
    pieces = numbered(20)
    claim = begin(20 * PIECE)
    disk.failures.append(TooLate())
    asyncio.run(append_body(claim, Body(pieces).receive))
    assert stored(disk, claim, 20 * PIECE) == b"".join(pieces)


def test_a_write_that_comes_too_late_twice_gives_up(disk: Disk) -> None:
    claim = begin(20 * PIECE)
    disk.failures += [TooLate(), TooLate()]
    with pytest.raises(UploadLocked):
        asyncio.run(append_body(claim, Body(numbered(20)).receive))
    assert offset_of(claim) == 0


def test_nothing_is_written_after_a_cancelled_request_has_let_go(disk: Disk) -> None:
    claim, body = begin(64 * MiB), Body(numbered(3))
    pump = Pump(body)

    async def upload() -> None:
        disk.gate.clear()
        appending_it = asyncio.create_task(append_body(claim, body.receive, pump=pump))
        await until_true(disk.at_gate.is_set)
        for _ in range(2):
            appending_it.cancel()
            await asyncio.sleep(0.05)
        assert not appending_it.done(), "a write was in progress"
        assert pump.is_running
        disk.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await appending_it
        written = sum(disk.sizes)
        await asyncio.sleep(0.05)
        assert sum(disk.sizes) == written == 3 * PIECE

    asyncio.run(upload())
    assert not pump.is_running
    assert offset_of(claim) == 3 * PIECE
