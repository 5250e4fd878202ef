"""A load client for WebSockets: raw asyncio protocols that count and time what they receive.

The usual client libraries cost more per message than the servers that are measured.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: Called with each text frame and the moment of its arrival.
Sink = Callable[[bytes, float], None]

STAMP = b"@"


def stamp() -> str:
    """The text that a message carries to be timed by: `@<monotonic seconds>@`."""
    return f"@{time.monotonic():.6f}@"


@dataclass
class Tally:
    """What arrived at all sockets of one server."""

    seconds: list[float] = field(default_factory=list)

    def take(self, payload: bytes, now: float) -> None:
        """Count every stamped message in a frame; a frame may carry several."""
        parts = payload.split(STAMP)
        for sent_at in parts[1::2]:
            self.seconds.append(now - float(sent_at))


class Client(asyncio.Protocol):
    """One socket: handshake, one command if there is one, then frames to the sink."""

    def __init__(self, sink: Sink, subscription: str | None) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.transport: Any = None  # uvloop has transports of its own
        self._sink = sink
        self._subscription = subscription
        self._is_open = False
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write to."""
        self.transport = transport

    def shake_hands(self, host: str) -> None:
        """Ask for the upgrade."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET /ws/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Read the handshake's answer, then frames."""
        now = time.monotonic()
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        if not self._is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head[:20]:
                self.ready.set_exception(ConnectionError(head[:100].decode()))
                self.transport.abort()
                return
            self._is_open = True
            if self._subscription is None:
                self.ready.set_result(None)
            else:
                self.transport.write(masked(self._subscription.encode()))
        self._read_frames(data, now)

    def _read_frames(self, data: bytes, now: float) -> None:
        at = 0
        while len(data) - at >= 2:
            length, head = data[at + 1] & 127, 2
            if length >= 126:
                head = 4 if length == 126 else 10
                if len(data) - at < head:
                    break
                length = int.from_bytes(data[at + 2 : at + head], "big")
            if len(data) - at < head + length:
                break
            self._frame(data[at] & 15, data[at + head : at + head + length], now)
            at += head + length
        self._buffer = data[at:]

    def _frame(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == 9:
            self.transport.write(bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
        elif opcode == 1 and self.ready.done():
            self._sink(payload, now)
        elif opcode == 1:
            if b'"snapshot"' in payload[:20]:
                self.ready.set_result(None)
            else:
                self.ready.set_exception(ConnectionError(payload[:200].decode()))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail who waits."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("connection lost"))


def masked(payload: bytes) -> bytes:
    """A text frame of a client, with the mask that changes nothing."""
    length = len(payload)
    assert length < 1 << 16
    head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


async def connect(
    port: int, topics: list[str | None], sink: Sink, *, at_a_time: int = 50
) -> list[Client]:
    """Open a socket per topic (None: the server needs no subscription), a few at a time."""
    gate = asyncio.Semaphore(at_a_time)
    loop = asyncio.get_running_loop()

    async def one(topic: str | None) -> Client:
        command = {"type": "subscribe", "topic": topic, "ref": "1"}
        text = None if topic is None else json.dumps(command)
        async with gate:
            _, client = await loop.create_connection(lambda: Client(sink, text), "127.0.0.1", port)
            client.shake_hands(f"127.0.0.1:{port}")
            await asyncio.wait_for(client.ready, 60)
        return client

    return list(await asyncio.gather(*(one(topic) for topic in topics)))
