"""Long bodies past the event loop: a thread takes them from the socket itself.

    event loop   begin() ─ reads nothing from this connection ─ end(), counts what was taken
    thread                 run(): recv ─▶ write ─▶ recv ─▶ write … until nothing more comes

As messages, each half MiB of a body costs the event loop a read, a message, and a turn of the
application, and everybody else on that loop waits for it. docs/adr/0004-chunk-bound.md has the
figures.
"""

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.units import KiB

#: The name of the ASGI extension. Where a request has it, `{"pump": BodyPump}` is its value.
EXTENSION = "reelay.body.pump"

#: What is read before it is written.
PIECE_BYTES = 512 * KiB
#: A sender as fast as this machine needs a moment to fill the socket again.
PATIENCE_MS = 2


@dataclass(frozen=True)
class Loan:
    """What an application did not get as messages yet."""

    #: Pieces that were read from the socket and waited.
    waiting: list[bytes]
    socket: socket.socket
    #: How much of the body is in the socket or on its way.
    left_bytes: int


class Pumped(Protocol):
    """A request, as its pump sees it."""

    def lend_socket(self) -> Loan | None:
        """Stop reading, and hand over what there is of the body, where that can be done."""

    def take_back(self, read_bytes: int) -> None:
        """Count what was read from the socket meanwhile, and read on."""


class BodyPump:
    """The rest of the body of one request.

    `begin` and `end` are for the event loop, `run` for a thread between them. What is read by
    nobody's `run` comes as messages, like every body, and so does the news of a client that
    has gone.
    """

    def __init__(self, request: Pumped) -> None:
        self._request = request
        self._socket: socket.socket | None = None
        self._left_bytes = self._taken_bytes = 0

    @property
    def is_running(self) -> bool:
        """Whether it has begun and not ended."""
        return self._socket is not None

    def begin(self) -> list[bytes] | None:
        """Take the socket over; what was read from it before. None where that is not possible."""
        loan = self._request.lend_socket()
        if loan is None:
            return None
        # A copy of our own: the connection may be closed while the thread reads.
        self._socket, self._left_bytes = loan.socket.dup(), loan.left_bytes
        self._taken_bytes = 0
        return loan.waiting

    def run(
        self, write: Callable[[memoryview], None], *, most_bytes: int, most_seconds: float
    ) -> None:
        """Give `write` what comes, until it comes slowly, it is enough, or it has ended.

        The buffer is used again for the next piece. What `write` raises ends it; the piece
        counts as taken.
        """
        left = min(self._left_bytes, most_bytes)
        until = time.monotonic() + most_seconds
        buffer = memoryview(bytearray(min(left, PIECE_BYTES)))
        while left > 0 and time.monotonic() < until:
            size = self._fill(buffer[:left])
            if size == 0:
                break
            left -= size
            self._taken_bytes += size
            write(buffer[:size])

    def end(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._request.take_back(self._taken_bytes)

    def _fill(self, buffer: memoryview) -> int:
        """Read until the buffer is full, or nothing more comes soon; how much there is."""
        assert self._socket is not None  # noqa: S101  # between `begin` and `end`
        size = 0
        while size < len(buffer):
            try:
                read = self._socket.recv_into(buffer[size:])
            except BlockingIOError:
                if not self._comes_soon(self._socket, size):
                    break
                continue
            except OSError:
                break  # The event loop reads the same error, and tells of it.
            if read == 0:
                break
            size += read
        return size

    def _comes_soon(self, connection: socket.socket, size: int) -> bool:
        if self._taken_bytes + size == 0:
            return False
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(PATIENCE_MS))
