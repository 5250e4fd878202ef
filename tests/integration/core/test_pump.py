"""Long bodies that a thread takes from the socket, in a server process, over real sockets."""

import contextlib
import hashlib
import random
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.core.test_server import Server, read_all, read_answer, request

DATA = random.Random(7).randbytes(20_000_000)


def put(size: int, *headers: str) -> bytes:
    return request("\n".join(["PUT /bytes/pumped", f"Content-Length: {size}", *headers]))


def digest(size: int) -> bytes:
    return hashlib.sha256(DATA[:size]).hexdigest().encode()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(body_window_seconds=2, linger_seconds=2)
    yield server
    err = server.end()
    for stream in (server.process.stdout, server.process.stderr):
        assert stream is not None
        stream.close()
    assert err == ""


def test_every_byte_comes_once_and_in_order(server: Server) -> None:
    with server.connect() as client:
        client.sendall(put(len(DATA)) + DATA)
        assert read_answer(client).endswith(digest(len(DATA)))
    assert server.facts()["pumped"] > len(DATA) // 2


@pytest.mark.parametrize("pause_seconds", [0.0, 0.001, 0.01])
def test_a_body_that_comes_in_bursts_is_whole_too(server: Server, pause_seconds: float) -> None:
    cuts = sorted(random.Random(pause_seconds).sample(range(1, 4_000_000), 60))
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(put(4_000_000))
        for start, end in zip([0, *cuts], [*cuts, 4_000_000], strict=True):
            client.sendall(DATA[start:end])
            time.sleep(pause_seconds)
        assert read_answer(client).endswith(digest(4_000_000))


def test_the_next_request_on_the_connection_is_not_swallowed(server: Server) -> None:
    sizes = (5_000_000, 1, 6_000_000, 0, 7_000_000)
    with server.connect() as client:
        for size in sizes:
            client.sendall(put(size) + DATA[:size])
        client.sendall(put(3, "Connection: close") + DATA[:3])
        answers = read_all(client).split(b"HTTP/1.1 200")[1:]
    assert [answer[-64:] for answer in answers] == [digest(size) for size in (*sizes, 3)]


def test_a_client_that_goes_while_the_thread_reads_is_noticed(server: Server) -> None:
    ended = server.facts()["ended"]
    with server.connect() as client:
        client.sendall(put(len(DATA)) + DATA[:9_000_000])
    server.wait_for("ended", ended + 1)
    assert server.facts()["bytes"] == 9_000_000


def test_a_reset_connection_is_noticed(server: Server) -> None:
    ended = server.facts()["ended"]
    with server.connect() as client:
        client.sendall(put(len(DATA)) + DATA[:9_000_000])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.wait_for("ended", ended + 1)


def test_a_chunked_body_comes_as_messages(server: Server) -> None:
    head = request("PUT /bytes/pumped\nTransfer-Encoding: chunked\nConnection: close")
    with server.connect() as client:
        client.sendall(head)
        for start in range(0, 3_000_000, 100_000):
            client.sendall(b"186a0\r\n" + DATA[start : start + 100_000] + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        assert read_all(client).endswith(digest(3_000_000))
    assert server.facts()["pumped"] == 0


def test_a_body_that_begins_fast_and_then_drips_is_cut_off(server: Server) -> None:
    with server.connect() as client:
        client.sendall(put(len(DATA)) + DATA[:2_000_000])
        started = time.monotonic()
        client.settimeout(0.2)
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 15:
                client.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not client.recv(100):
                        break
    assert 2 <= time.monotonic() - started < 8


def test_a_client_is_not_cut_off_for_the_time_that_the_thread_takes(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("PUT /bytes/pumped-late\nContent-Length: 8000000"))
        client.sendall(DATA[:8_000_000])
        assert read_answer(client).endswith(digest(8_000_000))
