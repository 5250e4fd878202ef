"""Frames on their way to a connection that may be slow, closing or gone."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from realtime.protocol import CloseCode, Ok
from realtime.writers import AsgiWriter, DirectWriter


class Transport:
    """What a writer uses of a transport of Twisted, with one end of a real connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.connected, self.disconnecting = True, False
        self.dataBuffer, self.offset = b"", 0
        self._tempDataLen = 0
        self.held: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.held.append(data)
        self._tempDataLen += len(data)


class Protocol:
    STATE_OPEN = 3

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.state = self.STATE_OPEN
        self.closed: int | None = None
        self._perMessageCompress: object = None

    def sendClose(self, code: int) -> None:
        self.closed, self.state = code, 2


@pytest.fixture
def pair() -> Iterator[tuple[Protocol, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield Protocol(Transport(ours)), theirs


FRAME = Ok(ref="1")


def test_a_frame_goes_straight_to_the_kernel(pair: tuple[Protocol, socket.socket]) -> None:
    protocol, client = pair
    assert DirectWriter(protocol, 1000).write(FRAME)
    assert client.recv(1000) == FRAME.wire
    assert protocol.transport.held == []


def test_what_is_held_back_already_comes_first(pair: tuple[Protocol, socket.socket]) -> None:
    protocol, client = pair
    protocol.transport.write(b"before")
    assert DirectWriter(protocol, 1000).write(FRAME)
    assert protocol.transport.held == [b"before", FRAME.wire]
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1000)


def test_what_the_kernel_does_not_take_is_left_to_twisted(
    pair: tuple[Protocol, socket.socket],
) -> None:
    protocol, client = pair
    big = Ok(ref="x" * 3_000_000)
    assert DirectWriter(protocol, 1000).write(big)
    taken = len(big.wire) - len(protocol.transport.held[0])
    assert 0 < taken < len(big.wire)
    assert protocol.transport.held == [big.wire[taken:]]
    assert not DirectWriter(protocol, 1000).write(FRAME), "too much waits now"
    del client


def test_a_broken_connection_is_left_to_twisted(pair: tuple[Protocol, socket.socket]) -> None:
    protocol, client = pair
    client.close()
    for _ in range(3):
        assert DirectWriter(protocol, 1000).write(FRAME)
    assert protocol.transport.held


def test_nothing_follows_a_close_frame(pair: tuple[Protocol, socket.socket]) -> None:
    protocol, client = pair
    writer = DirectWriter(protocol, 1000)
    writer.close(CloseCode.TOO_SLOW)
    writer.close(CloseCode.SIGN_IN)
    assert protocol.closed == 4408
    assert writer.write(FRAME)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1000)


def test_only_plain_uncompressed_connections_are_written_to(
    pair: tuple[Protocol, socket.socket],
) -> None:
    protocol, _client = pair
    assert DirectWriter.fits(protocol)
    protocol._perMessageCompress = object()
    assert not DirectWriter.fits(protocol)
    assert not DirectWriter.fits(Protocol(object()))
    assert not DirectWriter.fits(None)


def test_twisted_and_autobahn_have_what_we_write_past() -> None:
    from autobahn.websocket.protocol import WebSocketProtocol
    from twisted.internet.abstract import FileDescriptor

    transport = FileDescriptor(reactor=object())
    assert (transport.dataBuffer, transport.offset, transport._tempDataLen) == (b"", 0, 0)
    assert (transport.connected, transport.disconnecting) == (0, False)
    assert WebSocketProtocol.STATE_OPEN == 3


class Server:
    """The `send` of an ASGI server, open or held up."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def send(self, message: dict[str, Any]) -> None:
        await self.is_open.wait()
        self.sent.append(message)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_other_servers_are_sent_text_in_order() -> None:
    server = Server()
    writer = AsgiWriter(server.send, 1000)
    frames = [Ok(ref=str(number)) for number in range(3)]
    assert all(writer.write(frame) for frame in frames)
    writer.close(CloseCode.SIGN_IN)
    assert writer.write(FRAME), "what comes after the end is dropped, and no reason to complain"
    await turn()
    assert [message.get("text") for message in server.sent[:3]] == [it.text for it in frames]
    assert server.sent[3:] == [{"type": "websocket.close", "code": 4401}]


async def test_a_client_of_another_server_that_does_not_read_is_too_slow() -> None:
    server = Server()
    server.is_open.clear()
    writer = AsgiWriter(server.send, 100)
    written = 0
    while writer.write(FRAME):
        written += 1
        await turn()
    assert 2 < written < 10
    writer.close(CloseCode.TOO_SLOW)
    server.is_open.set()
    await turn()
    assert server.sent == [{"type": "websocket.close", "code": 4408}]


async def test_a_connection_that_is_gone_is_no_error() -> None:
    async def send(message: dict[str, Any]) -> None:
        raise ConnectionResetError

    writer = AsgiWriter(send, 1000)
    writer.write(FRAME)
    await turn()
    writer.write(FRAME)
    await turn()
