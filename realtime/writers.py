"""How frames get onto a connection: straight to Daphne's transport, or through ASGI.

Both are bounded: a client that does not read is closed with 4408 when more than
LIVE_BUFFER_MAX_BYTES wait for it.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from realtime.protocol import CloseCode, Frame

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Writer(Protocol):
    """Where the frames of one socket go."""

    def write(self, frame: Frame) -> bool:
        """Pass a frame on, without waiting. False when the client is too slow: close it."""

    def close(self, code: CloseCode) -> None:
        """Send a close frame; nothing may be written afterwards."""


class DirectWriter:
    """Writes the bytes of a frame to the connection of a socket of Daphne.

    What the server's own `send()` would do for each socket (a task switch, a copy of the text, an
    autobahn frame, two changes of the poll set) costs several times as much as the write.
    docs/adr/0003-hub.md has figures.
    """

    __slots__ = ("_limit_bytes", "_protocol")

    def __init__(self, protocol: Any, limit_bytes: int) -> None:
        self._protocol = protocol
        self._limit_bytes = limit_bytes

    @staticmethod
    def fits(protocol: Any) -> bool:
        """Whether `protocol` is an uncompressed socket on a plain TCP transport of Twisted."""
        return (
            isinstance(getattr(getattr(protocol, "transport", None), "socket", None), socket.socket)
            and getattr(protocol, "_perMessageCompress", None) is None
        )

    def write(self, frame: Frame) -> bool:
        """Append to the send buffer of the transport."""
        protocol = self._protocol
        if protocol.state != protocol.STATE_OPEN:
            return True  # closing: the end is on its way
        transport = protocol.transport
        unsent = len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        if unsent > self._limit_bytes:
            return False
        sent = _send_at_once(transport, frame.wire) if not unsent else 0
        if sent < len(frame.wire):
            transport.write(frame.wire[sent:] if sent else frame.wire)
        return True

    def close(self, code: CloseCode) -> None:
        """Send a close frame; autobahn cuts the connection if it is not answered."""
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.sendClose(int(code))


def _send_at_once(transport: Any, data: bytes) -> int:
    """Give the kernel what it takes of `data`; how much that was.

    Only while Twisted holds nothing back for this connection, so that bytes keep their order. The
    usual way is to queue, wait until the poll says what is nearly always so, and then send.
    """
    if not transport.connected or transport.disconnecting:
        return 0
    try:
        sent: int = transport.socket.send(data)
    except OSError:
        return 0  # full, or broken: Twisted finds out which and does what has to be done
    return sent


class AsgiWriter:
    """Sends through the server, whichever it is: a queue and a task while it is not empty."""

    def __init__(self, send: Send, limit_bytes: int) -> None:
        self._send = send
        self._limit_bytes = limit_bytes
        self._waiting: deque[dict[str, Any]] = deque()
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    def write(self, frame: Frame) -> bool:
        """Queue a frame."""
        if self._is_closing:
            return True
        if self._waiting_bytes > self._limit_bytes:
            return False
        self._put({"type": "websocket.send", "text": frame.text})
        return True

    def close(self, code: CloseCode) -> None:
        """Queue a close frame; a client that is too slow does not get what waits before it."""
        if self._is_closing:
            return
        self._is_closing = True
        if code == CloseCode.TOO_SLOW:
            self._waiting.clear()
            if self._task is not None:
                self._task.cancel()
                self._task = None
        self._put({"type": "websocket.close", "code": int(code)})

    def _put(self, message: dict[str, Any]) -> None:
        self._waiting.append(message)
        self._waiting_bytes += len(message.get("text", ""))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                message = self._waiting.popleft()
                await self._send(message)
                self._waiting_bytes -= len(message.get("text", ""))
        except (OSError, RuntimeError):
            self._waiting.clear()  # the connection is gone; the application is told by `receive`
        finally:
            if self._task is asyncio.current_task():
                self._task = None
