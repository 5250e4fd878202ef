"""Fan-out: many sockets in rooms, events at a steady rate, beside a floor and beside the usual.

    python -m bench.fanout [--sockets 2000] [--rooms 50] [--rate 50] [--seconds 20]

Three servers run at once, each with all of its sockets: ours (`manage.py serve`, the whole
product), a bare picows server (the floor) and stock Daphne with the consumer of the Channels
tutorial. They are sent events in turn, in slices of a few seconds, so that whatever else the
machine does hits all of them alike. With a `redis-server` on the path all three listen to a Redis
of their own; without one ours and the stock consumer use SocketLayer.

Events go round the rooms, so each room hears one per second: with more than four per second and
room, ours gathers by intent (LIVE_GATHER_SECONDS). An extra slice with random rooms shows that.
The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import django
import psutil
import uvloop

from bench.fanout_load import Client, Tally, connect, stamp
from tests.product import ROOT, Product, prepared
from tests.services import free_port

#: Sends one event to the room of that number.
Publish = Callable[[int, str], Awaitable[None]]
#: Closes what was published through.
Finish = Callable[[], Awaitable[None]]


@dataclass
class Case:
    """One server with its sockets, and what has been measured of it."""

    name: str
    pid: int
    port: int
    publish: Publish
    finish: Finish
    topics: list[str | None]
    tally: Tally = field(default_factory=Tally)
    clients: list[Client] = field(default_factory=list)
    expected: int = 0
    cpu_seconds: float = 0.0
    connect_cpu_us: float = 0.0
    kib_per_socket: float = 0.0

    @property
    def lost(self) -> int:
        """Deliveries that never came (negative: some came twice)."""
        return self.expected - len(self.tally.seconds)

    def percentile_ms(self, share: float) -> float:
        """How long a delivery took from the publisher to the client, at that percentile."""
        ordered = sorted(self.tally.seconds) or [float("nan")]
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    @property
    def cpu_us(self) -> float:
        """CPU of the server per delivery, in microseconds; the kernel counts hundredths of a s."""
        return 1e6 * max(0.01, self.cpu_seconds) / max(1, len(self.tally.seconds))


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def fill(case: Case) -> None:
    """Open the sockets of a case, a few of them before the memory is looked at."""
    warm, rest = case.topics[:50], case.topics[50:]
    case.clients += await connect(case.port, warm, case.tally.take)
    await asyncio.sleep(0.5)
    server = psutil.Process(case.pid)
    memory, cpu = server.memory_info().rss, _cpu(case.pid)
    case.clients += await connect(case.port, rest, case.tally.take)
    await asyncio.sleep(1)
    if rest:
        case.kib_per_socket = (server.memory_info().rss - memory) / 1024 / len(rest)
        case.connect_cpu_us = 1e6 * (_cpu(case.pid) - cpu) / len(rest)


async def tell(case: Case, rooms: Iterator[int], room_count: int, rate: float, count: int) -> None:
    """Send `count` events at `rate`, wait until they have arrived, and add up."""
    cpu, due = _cpu(case.pid), time.monotonic()
    for _ in range(count):
        room = next(rooms)
        await case.publish(room, stamp())
        case.expected += len(range(room, len(case.clients), room_count))
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    patience, seen = time.monotonic() + 10, -1
    while case.lost > 0 and time.monotonic() < patience:
        if seen != len(case.tally.seconds):
            seen, patience = len(case.tally.seconds), time.monotonic() + 10
        await asyncio.sleep(0.02)
    case.cpu_seconds += _cpu(case.pid) - cpu


# --- The servers ----------------------------------------------------------------------------------


@contextlib.contextmanager
def redis_of_its_own() -> Iterator[str]:
    """The address of a fresh Redis; empty where there is no `redis-server`."""
    binary = shutil.which("redis-server")
    if binary is None:
        yield ""
        return
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir())
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def peer(kind: str, source: str, rooms: int) -> Iterator[tuple[int, int]]:
    """A server of bench.fanout_peers: its pid and port."""
    command = [sys.executable, "-m", "bench.fanout_peers", kind, source, str(rooms)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def _layer(redis_url: str, **config: Any) -> Any:
    """A channel layer of this process to publish through."""
    if redis_url:
        from channels_redis.pubsub import RedisPubSubChannelLayer

        hosts = [{"address": redis_url, "socket_timeout": None}]
        return RedisPubSubChannelLayer(hosts=hosts, prefix=config["prefix"])
    from realtime.layers import SocketLayer

    return SocketLayer(config["path"])


async def _leave(layer: Any) -> None:
    """Close what `layer` has open."""
    await layer.flush()
    if hasattr(layer, "hang_up"):
        layer.hang_up()


def ours(product: Product, redis_url: str, rooms: int, sockets: int) -> Case:
    """The product, with a post per room."""
    from realtime.change import Change
    from realtime.groups import group_of
    from realtime.protocol import CommentCreated
    from realtime.topics import parse

    token = product.sign_up()
    made = [product.call("POST", "/api/posts/", {"text": f"room {n}"}, token) for n in range(rooms)]
    topics = [f"post:{post['id']}" for post in made]
    versions = [0] * rooms
    layer = _layer(redis_url, prefix="reelay", path=str(product.folder / "run" / "layer.sock"))

    async def publish(room: int, text: str) -> None:
        author = {"id": str(uuid.uuid4()), "username": "somebody"}
        comment = CommentCreated(
            id=str(uuid.uuid4()), post=made[room]["id"], author=author, text=text, created_at="now"
        )
        versions[room] += 1
        change = Change(
            topic=topics[room],
            prev=versions[room] - 1,
            version=versions[room],
            messages=[comment.to_wire()],
        )
        await layer.group_send(group_of(parse(topics[room])), change.to_layer())

    following: list[str | None] = [topics[number % rooms] for number in range(sockets)]
    leave = partial(_leave, layer)
    return Case("Reelay", product.process.pid, product.port, publish, leave, following)


def _payload(room: int, text: str) -> dict[str, Any]:
    """As long as the frame of ours."""
    return {"type": "messages", "topic": f"post:{room:036}", "text": text, "pad": "x" * 260}


def bare(server: tuple[int, int], source: str, sockets: int) -> Case:
    """The picows server."""
    from redis.asyncio import Redis

    redis = Redis.from_url(source) if source.startswith("redis:") else None
    writers: list[asyncio.StreamWriter] = []

    async def publish(room: int, text: str) -> None:
        payload = json.dumps(_payload(room, text)).encode()
        if redis is not None:
            await redis.publish(f"bare.room{room}", payload)
            return
        if not writers:
            writers.append((await asyncio.open_unix_connection(source))[1])
        writers[0].write(f"room{room} ".encode() + payload + b"\n")

    async def finish() -> None:
        for writer in writers:
            writer.close()
        if redis is not None:
            await redis.aclose()

    return Case("picows", *server, publish, finish, [None] * sockets)


def stock(server: tuple[int, int], redis_url: str, path: str, sockets: int) -> Case:
    """The stock consumer."""
    layer = _layer(redis_url, prefix="stock", path=path)

    async def publish(room: int, text: str) -> None:
        await layer.group_send(f"room{room}", {"type": "told", "data": _payload(room, text)})

    return Case("Channels", *server, publish, partial(_leave, layer), [None] * sockets)


# --- The run --------------------------------------------------------------------------------------


async def measure(cases: list[Case], arguments: argparse.Namespace) -> Case:
    """Fill all servers, then send events in turn. Returns the case with random rooms."""
    for case in cases:
        await fill(case)
    slices = max(1, round(arguments.seconds / arguments.slice_seconds))
    per_slice = round(arguments.rate * arguments.seconds / slices)
    rooms = {case.name: _round_and_round(arguments.rooms) for case in cases}
    for number in range(slices):
        for case in cases[number % len(cases) :] + cases[: number % len(cases)]:
            await tell(case, rooms[case.name], arguments.rooms, arguments.rate, per_slice)
    first = next(case for case in cases if case.name == "Reelay")
    gathered = replace(first, name="Reelay, random rooms", tally=Tally(), expected=0)
    gathered.cpu_seconds = gathered.connect_cpu_us = gathered.kib_per_socket = 0.0
    steady = first.tally.seconds
    first.tally.seconds = gathered.tally.seconds
    await tell(gathered, _anywhere(arguments.rooms), arguments.rooms, arguments.rate, per_slice)
    first.tally.seconds = steady
    for case in cases:
        for client in case.clients:
            client.transport.abort()
        await case.finish()
    return gathered


def _round_and_round(rooms: int) -> Iterator[int]:
    while True:
        yield from range(rooms)


def _anywhere(rooms: int) -> Iterator[int]:
    while True:
        yield random.randrange(rooms)


def report(cases: list[Case], extra: Case) -> dict[str, float]:
    """Print the table; returns what the last line says."""
    print(
        f"{'':22}{'lost':>6}{'of':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}"
        f"{'CPU us/msg':>12}{'CPU us/join':>13}{'KiB/socket':>12}"
    )
    for case in [*cases, extra]:
        print(
            f"{case.name:22}{case.lost:>6}{case.expected:>9}{case.percentile_ms(0.5):>9.1f}"
            f"{case.percentile_ms(0.99):>9.1f}{case.percentile_ms(1):>9.1f}{case.cpu_us:>12.1f}"
            f"{case.connect_cpu_us:>13.0f}{case.kib_per_socket:>12.1f}"
        )
    mine, floor, usual = (
        next(case for case in cases if case.name == name)
        for name in ("Reelay", "picows", "Channels")
    )
    return {
        "lost": mine.lost + extra.lost,
        "p99_ms": round(mine.percentile_ms(0.99), 2),
        "p99_vs_bare": round(mine.percentile_ms(0.99) / floor.percentile_ms(0.99), 2),
        "p99_vs_stock": round(mine.percentile_ms(0.99) / usual.percentile_ms(0.99), 2),
        "kib_per_socket": round(mine.kib_per_socket, 1),
        "cpu_us_per_message": round(mine.cpu_us, 1),
        "cpu_vs_bare": round(mine.cpu_us / floor.cpu_us, 2),
        "cpu_vs_stock": round(mine.cpu_us / usual.cpu_us, 3),
    }


def run(arguments: argparse.Namespace) -> dict[str, float]:
    """Start everything, measure, stop everything."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.test")
    django.setup()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bounds = {"WORKER_PROCESSES": "0", "LIVE_SOCKETS_PER_ADDRESS": "1000000"}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelay-fanout-")))
        redis_url = stack.enter_context(redis_of_its_own())
        if redis_url:
            bounds["REDIS_URL"] = redis_url
        product = stack.enter_context(prepared(folder / "var", **bounds))
        product.start()
        started, sources = {}, {}
        for kind in ("bare", "stock"):
            sources[kind] = redis_url or str(folder / f"{kind}.sock")
            started[kind] = stack.enter_context(peer(kind, sources[kind], arguments.rooms))
        cases = [
            ours(product, redis_url, arguments.rooms, arguments.sockets),
            bare(started["bare"], sources["bare"], arguments.sockets),
            stock(started["stock"], redis_url, sources["stock"], arguments.sockets),
        ]
        print(
            f"{arguments.sockets} sockets in {arguments.rooms} rooms, {arguments.rate:g} events/s "
            f"for {arguments.seconds:g} s each, over {'Redis' if redis_url else 'unix sockets'}"
        )
        extra = uvloop.run(measure(cases, arguments))
        return report(cases, extra)


def main(argv: list[str] | None = None) -> dict[str, float]:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.fanout", description=__doc__.split("\n")[0])
    parser.add_argument("--sockets", type=int, default=2000)
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--slice-seconds", type=float, default=5)
    result = run(parser.parse_args(argv))
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
