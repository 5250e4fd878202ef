"""Groups in one process, reached from threads and from other processes."""

import asyncio
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from channels.exceptions import ChannelFull

from core.errors import Unavailable
from realtime import health
from realtime.layers import SocketLayer, socket_path

SEND = """
import asyncio, sys
from realtime.layers import SocketLayer
layer = SocketLayer(sys.argv[1])
for number in range(int(sys.argv[2])):
    asyncio.run(layer.group_send("room", {"type": "x", "number": number}))
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SocketLayer]:
    layer = SocketLayer(str(tmp_path / "run" / "layer.sock"))
    await layer.start()
    yield layer
    await layer.stop()


async def heard(layer: SocketLayer, channel: str, count: int) -> list[object]:
    async with asyncio.timeout(10):
        return [(await layer.receive(channel))["number"] for _ in range(count)]


async def member(layer: SocketLayer) -> str:
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    return channel


async def test_another_process_is_heard_in_order(server: SocketLayer) -> None:
    channel = await member(server)
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SEND, str(server.path), "50"
    )
    assert await heard(server, channel, 50) == list(range(50))
    assert await sender.wait() == 0


async def test_threads_of_the_server_process_are_heard(server: SocketLayer) -> None:
    channel = await member(server)

    def speak() -> None:
        for number in range(50):
            asyncio.run(server.group_send("room", {"type": "x", "number": number}))

    speaker = threading.Thread(target=speak)
    speaker.start()
    assert await heard(server, channel, 50) == list(range(50))
    speaker.join()


async def test_only_the_owner_may_speak(server: SocketLayer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


async def test_who_has_left_hears_nothing(server: SocketLayer) -> None:
    stays, leaves = await member(server), await member(server)
    await server.group_discard("room", leaves)
    await server.group_send("room", {"type": "x", "number": 1})
    assert await heard(server, stays, 1) == [1]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(server.receive(leaves), 0.05)


async def test_nonsense_from_another_process_ends_only_its_connection(server: SocketLayer) -> None:
    channel = await member(server)
    for nonsense in (b"\xff\xff\xff\xff", b"\0\0\0\x02{}", b"\0\0\0\x01x"):
        _, writer = await asyncio.open_unix_connection(str(server.path))
        writer.write(nonsense)
        await writer.drain()
        writer.close()
    other = SocketLayer(str(server.path))
    assert await asyncio.to_thread(other.hand_over, "room", {"type": "x", "number": 3})
    assert await heard(server, channel, 1) == [3]
    other.hang_up()


async def test_a_full_channel_is_told_as_a_gap(tmp_path: Path) -> None:
    layer = SocketLayer(str(tmp_path / "layer.sock"), capacity=2)
    gaps: list[str] = []
    layer.on_gap = lambda: gaps.append("gap")
    await layer.start()
    channel = await member(layer)
    for number in range(3):
        await layer.group_send("room", {"type": "x", "number": number})
    assert gaps == ["gap"]
    with pytest.raises(ChannelFull):
        await layer.send(channel, {"type": "x"})
    await layer.stop()


def test_without_a_server_sending_fails_at_once_and_quietly(tmp_path: Path) -> None:
    layer = SocketLayer(str(tmp_path / "nobody.sock"))
    began = time.monotonic()
    assert layer.hand_over("room", {"type": "x"}) is False
    asyncio.run(layer.group_send("room", {"type": "x"}))
    assert time.monotonic() - began < 0.5


def test_a_server_that_does_not_read_holds_nobody_up_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SocketLayer, "SEND_TIMEOUT_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "l.sock"))
        server.listen()
        layer = SocketLayer(str(tmp_path / "l.sock"))
        began = time.monotonic()
        assert layer.hand_over("room", {"type": "x", "pad": "x" * 3_000_000}) is False
        assert time.monotonic() - began < 2


@pytest.fixture
def killed(tmp_path: Path) -> SocketLayer:
    """A layer whose server process was killed after it had taken a message."""
    path = str(tmp_path / "layer.sock")
    script = (
        "import asyncio; from realtime.layers import SocketLayer\n"
        "async def main():\n"
        f"    await SocketLayer({path!r}).start(); print('up', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    sender = SocketLayer(path)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert sender.hand_over("room", {"type": "x", "number": 0})
        process.kill()
    return sender


async def test_a_new_server_takes_the_place_of_a_killed_one(killed: SocketLayer) -> None:
    assert killed.hand_over("room", {"type": "x", "number": 1}) is False
    server = SocketLayer(str(killed.path))
    await server.start()
    channel = await member(server)
    assert await asyncio.to_thread(killed.hand_over, "room", {"type": "x", "number": 2})
    assert await heard(server, channel, 1) == [2]
    killed.hang_up()
    await server.stop()


async def test_an_old_server_does_not_take_the_socket_of_a_new_one_away(tmp_path: Path) -> None:
    old, new = SocketLayer(str(tmp_path / "layer.sock")), SocketLayer(str(tmp_path / "layer.sock"))
    await old.start()
    await new.start()
    await old.stop()
    assert new.path.is_socket()
    await new.stop()
    assert not new.path.exists()


async def test_a_path_that_is_too_long_for_the_kernel_is_shortened(tmp_path: Path) -> None:
    long = str(tmp_path / ("deep/" * 30) / "layer.sock")
    layer = SocketLayer(long)
    await layer.start()
    assert len(str(layer.path)) < 100
    assert socket_path(long) == layer.path, "every process comes to the same one"
    assert stat.S_IMODE(layer.path.parent.stat().st_mode) == 0o700
    channel = await member(layer)
    other = SocketLayer(long)
    assert await asyncio.to_thread(other.hand_over, "room", {"type": "x", "number": 1})
    assert await heard(layer, channel, 1) == [1]
    other.hang_up()
    await layer.stop()


async def test_health_asks_through_the_socket(
    server: SocketLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "get_channel_layer", lambda: server)
    await health.layer()
    await server.stop()
    with pytest.raises(Unavailable):
        await health.layer()
