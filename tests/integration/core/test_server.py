"""The streaming server, in a process of its own, over real sockets."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from core.units import MiB

Start = Callable[..., "Server"]


class Server:
    """A running server application and what can be asked of it."""

    def __init__(self, **limits: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.core.server_app", json.dumps(limits)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def ask(self, head: str, body: bytes = b"") -> bytes:
        """Send one request and return all that comes until the connection ends."""
        with self.connect() as client:
            client.sendall(request(head) + body)
            return read_all(client)

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.load(urlopen(f"http://127.0.0.1:{self.port}/facts"))
        return facts

    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    def wait_for(self, fact: str, value: Any, seconds: float = 10) -> None:
        end = time.monotonic() + seconds
        while (got := self.facts()[fact]) != value and time.monotonic() < end:
            time.sleep(0.05)
        assert got == value

    def end(self) -> str:
        """Stop the server and return what it wrote to standard error."""
        self.process.terminate()
        try:
            _out, err = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _out, err = self.process.communicate()
        return err


def request(head: str) -> bytes:
    line, *headers = head.split("\n")
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def read_all(client: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            data += part
    return data


def read_answer(client: socket.socket) -> bytes:
    """Read until the head and as many bytes as it announces are there."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def start(**limits: Any) -> Server:
        servers.append(Server(**limits))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.end()
        for stream in (server.process.stdout, server.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(
        body_window_seconds=2,
        header_seconds=2,
        linger_seconds=2,
        stall_seconds=3600,
        drain_seconds=1,
    )
    yield server
    err = server.end()
    assert server.process.stdout is not None
    server.process.stdout.close()
    # Nothing but what the routes that break on purpose have logged.
    assert "Unhandled" not in err
    assert set(re.findall(r"^\w*(?:Error|Exception)\b.*", err, re.M)) <= {
        "RuntimeError: broken on purpose"
    }


def test_the_body_reaches_the_application_before_it_is_complete(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("PUT /bytes\nContent-Length: 1000000") + b"x" * 500_000)
        server.wait_for("bytes", 500_000)


def test_all_bytes_that_were_sent_arrive_when_the_connection_is_cut(server: Server) -> None:
    ended = server.facts()["ended"]
    with server.connect() as client:
        client.sendall(request("PUT /bytes\nContent-Length: 16000000") + b"x" * 8_000_000)
    server.wait_for("ended", ended + 1)
    assert server.facts()["bytes"] == 8_000_000


def test_one_connection_carries_one_request_after_the_other(server: Server) -> None:
    with server.connect() as client:
        for size in (0, 5, 3_000_000):
            client.sendall(request(f"PUT /bytes\nContent-Length: {size}") + b"x" * size)
            assert read_answer(client).endswith(str(size).encode())


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    one = request("PUT /bytes\nContent-Length: 3") + b"abc"
    two = request("PUT /bytes\nContent-Length: 5\nConnection: close") + b"abcde"
    with server.connect() as client:
        client.sendall(one + two)
        answers = read_all(client)
    assert [part[-1:] for part in answers.split(b"HTTP/1.1")[1:]] == [b"3", b"5"]


def test_a_chunked_body_is_streamed_too(server: Server) -> None:
    answer = server.ask(
        "PUT /bytes\nTransfer-Encoding: chunked\nConnection: close",
        b"5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n",
    )
    assert answer.endswith(b"8")


@pytest.mark.parametrize("length", ["Content-Length: 1048577", "Content-Length: 10000000000"])
def test_a_body_that_is_announced_as_too_long_is_refused_at_once(
    server: Server, length: str
) -> None:
    answer = server.ask(f"PUT /small\n{length}")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert b'"code": "body-too-large"' in answer


def test_a_body_that_turns_out_too_long_is_refused_and_does_not_fill_memory(
    server: Server,
) -> None:
    before = server.facts()["rss_bytes"]
    with server.connect() as client:
        client.sendall(request("PUT /small\nTransfer-Encoding: chunked"))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(800):
            client.sendall(chunk)
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert server.facts()["rss_bytes"] - before < 16 * MiB


def test_an_answer_that_comes_before_the_body_is_read_by_a_client_that_still_sends(
    server: Server,
) -> None:
    with server.connect() as client:
        client.sendall(request("PUT /bytes/early\nContent-Length: 30000000"))
        for _ in range(20):
            client.sendall(b"GET /facts HTTP/1.1\r\n\r\n" * 40_000)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_a_client_that_waits_for_100_is_told_before_it_sends(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("PUT /bytes\nContent-Length: 3\nExpect: 100-continue"))
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert read_answer(client).endswith(b"3")


def test_a_client_that_waits_for_100_and_is_refused_sends_nothing(server: Server) -> None:
    answer = server.ask("PUT /bytes/early\nContent-Length: 3\nExpect: 100-continue")
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_head_that_drips_is_cut_off(server: Server) -> None:
    with server.connect() as client:
        client.sendall(b"GET /facts HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 10:
                client.sendall(b"X-Drip: drop\r\n")
                client.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    if not client.recv(100):
                        break
    assert time.monotonic() - started < 5


def test_a_slow_head_is_answered_within_its_deadline(start: Start) -> None:
    server = start(header_seconds=30, body_window_seconds=0.5)
    with server.connect() as client:
        client.sendall(b"GET /facts HTTP/1.1\r\nHost:")
        time.sleep(4.5)
        client.sendall(b" x\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_drips_is_cut_off(server: Server) -> None:
    with server.connect() as client:
        client.sendall(request("PUT /bytes\nContent-Length: 1000000"))
        started = time.monotonic()
        client.settimeout(0.2)
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 15:
                client.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not client.recv(100):
                        break
    assert 2 <= time.monotonic() - started < 8


def test_a_slow_application_holds_the_client_up_instead_of_filling_memory(
    server: Server,
) -> None:
    before = server.facts()["rss_bytes"]
    with server.connect() as client:
        client.sendall(request("PUT /bytes/never\nContent-Length: 500000000"))
        client.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            for _ in range(400):
                client.sendall(b"x" * MiB)
        assert server.facts()["rss_bytes"] - before < 16 * MiB


def test_a_client_that_does_not_read_holds_the_application_up(server: Server) -> None:
    before = server.facts()["rss_bytes"]
    with server.connect() as client:
        client.sendall(request("GET /flood"))
        time.sleep(1)
        assert server.facts()["sent"] < 64 * MiB
        assert server.facts()["rss_bytes"] - before < 8 * MiB
        got = 0
        while got < 200 * MiB:
            got += len(client.recv(1 << 20))
    assert server.facts()["sent"] == 200 * MiB


def test_a_client_that_does_not_read_for_long_is_cut_off(start: Start) -> None:
    server = start(stall_seconds=1)
    with server.connect() as client:
        client.sendall(request("GET /flood"))
        time.sleep(5)
        assert len(read_all(client)) < 200 * MiB


@pytest.mark.parametrize("path", ["/broken", "/mute"])
def test_an_application_that_ends_without_an_answer_is_answered_for_at_once(
    server: Server, path: str
) -> None:
    started = time.monotonic()
    with server.connect() as client:
        client.sendall(request(f"GET {path}"))
        answer = read_answer(client)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b'"code": "internal-error"' in answer
    assert time.monotonic() - started < 0.5


async def test_a_socket_gets_the_headers_and_the_reason_of_the_application(
    server: Server,
) -> None:
    async with websockets.connect(server.url()) as client:
        assert client.response is not None
        assert client.response.headers["x-hello"] == "there"
        await client.send("close")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4401, "sign in")


async def test_a_socket_of_a_broken_application_is_closed(server: Server) -> None:
    async with websockets.connect(server.url()) as client:
        await client.send("raise")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.recv(), 3)
        assert client.close_code == 1011


async def test_a_long_message_closes_the_socket(server: Server) -> None:
    async with websockets.connect(server.url()) as client:
        await client.send("x" * 16 * 1024)
        assert len(await client.recv()) == 16 * 1024
        await client.send("x" * (16 * 1024 + 1))
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


@pytest.mark.parametrize("how", ["flood", "flood directly"])
async def test_a_socket_that_does_not_read_is_dropped(server: Server, how: str) -> None:
    before = server.facts()
    async with websockets.connect(server.url(), max_queue=1, max_size=None) as client:
        await client.send(how)
        await asyncio.to_thread(server.wait_for, "closed", [*before["closed"], 1006], 10)
    assert server.facts()["rss_bytes"] - before["rss_bytes"] < 8 * MiB


async def test_a_socket_that_floods_a_slow_application_is_held_up(server: Server) -> None:
    before = server.facts()
    sent = 2
    async with websockets.connect(server.url(), write_limit=1) as client:
        await client.send("sleep")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while True:
                    await client.send("count" + "x" * 10_000)
                    sent += 1
        assert server.facts()["rss_bytes"] - before["rss_bytes"] < 8 * MiB
        await client.send("are you there?")
        assert await asyncio.wait_for(client.recv(), 5) == "are you there?"
    # One more when the clock stopped the client in the middle of a send.
    assert server.facts()["messages"] - before["messages"] in (sent, sent + 1)


def stop(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)


def test_requests_in_flight_are_finished_after_sigterm(start: Start) -> None:
    server = start()
    with server.connect() as sleepy, server.connect() as upload:
        sleepy.sendall(request("GET /sleepy"))
        upload.sendall(request("PUT /bytes\nContent-Length: 6") + b"abc")
        server.wait_for("bytes", 3)
        stop(server)
        time.sleep(0.3)
        upload.sendall(b"def")
        assert read_all(upload).endswith(b"6")
        answer = read_all(sleepy)
    assert answer.endswith(b"slept")
    assert b"Connection: close" in answer
    assert server.process.wait(5) == 0


def test_nobody_new_is_taken_after_sigterm(start: Start) -> None:
    server = start()
    with server.connect() as client:
        client.sendall(request("GET /sleepy"))
        time.sleep(0.3)
        stop(server)
        time.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        assert read_all(client).endswith(b"slept")


async def test_sockets_are_sent_away_with_a_code_of_their_own(start: Start) -> None:
    server = start()
    clients = [await websockets.connect(server.url()) for _ in range(20)]
    stop(server)
    for client in clients:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.recv(), 5)
        assert client.close_code == 4503
    assert await asyncio.to_thread(server.process.wait, 5) == 0


def test_what_does_not_finish_is_ended_and_half_bodies_do_not_disturb(
    start: Start,
) -> None:
    server = start(drain_seconds=1, drain_grace_seconds=0.5)
    with server.connect() as half, server.connect() as head, server.connect() as never:
        half.sendall(request("PUT /bytes\nContent-Length: 6") + b"abc")
        head.sendall(b"GET /facts HTTP/1.1\r\nHost:")
        never.sendall(request("PUT /bytes/never\nContent-Length: 3") + b"abc")
        server.wait_for("bytes", 3)
        started = time.monotonic()
        err = server.end()
    assert server.process.returncode == 0
    assert 1 <= time.monotonic() - started < 4
    assert "Error" not in err


def test_a_second_signal_ends_the_patience(start: Start) -> None:
    server = start()
    with server.connect() as client:
        client.sendall(request("PUT /bytes/never\nContent-Length: 0"))
        time.sleep(0.3)
        stop(server)
        time.sleep(0.3)
        started = time.monotonic()
        stop(server)
        time.sleep(0.3)
        stop(server)
        assert server.process.wait(8) == 0
    assert time.monotonic() - started < 6


def test_an_address_in_use_is_an_error(server: Server) -> None:
    from core.server.daphne import serve

    async def application(scope: object, receive: object, send: object) -> None:
        """Never called."""

    with pytest.raises(OSError, match="in use"):
        serve(application, port=server.port)
