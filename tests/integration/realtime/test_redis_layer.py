"""The Redis layer: from threads and processes, and over connections that break."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from realtime.layers import RedisLayer

pytestmark = pytest.mark.full

SEND = """
import asyncio, sys
from realtime.layers import RedisLayer
layer = RedisLayer(hosts=[{"address": sys.argv[1], "socket_timeout": None}], prefix="test")
async def main():
    for number in range(20):
        await layer.group_send("room", {"type": "x", "number": number})
    await layer.stop()
asyncio.run(main())
"""


def url() -> str:
    return os.environ["REDIS_URL"]


@pytest.fixture
async def layer() -> AsyncIterator[RedisLayer]:
    made = RedisLayer(hosts=[{"address": url(), "socket_timeout": None}], prefix="test")
    await made.start()
    yield made
    await made.stop()


async def member(layer: RedisLayer) -> str:
    channel: str = await layer.new_channel()
    await layer.group_add("room", channel)
    return channel


async def test_another_process_is_heard_in_order(layer: RedisLayer) -> None:
    channel = await member(layer)
    sender = await asyncio.create_subprocess_exec(sys.executable, "-c", SEND, url())
    async with asyncio.timeout(20):
        heard = [(await layer.receive(channel))["number"] for _ in range(20)]
    assert heard == list(range(20))
    assert await sender.wait() == 0


async def test_a_connection_that_breaks_is_made_anew_and_told_as_a_gap(layer: RedisLayer) -> None:
    gap = asyncio.Event()
    layer.on_gap = gap.set
    channel = await member(layer)
    assert not gap.is_set()
    async with Redis.from_url(url()) as admin:
        await admin.client_kill_filter(_type="pubsub")
    await asyncio.wait_for(gap.wait(), 10)
    await layer.group_send("room", {"type": "x", "number": 1})
    async with asyncio.timeout(10):
        assert (await layer.receive(channel))["number"] == 1


async def test_an_idle_connection_stays(layer: RedisLayer) -> None:
    channel = await member(layer)
    await asyncio.sleep(6.5)  # redis-py 8 would have ended it after five seconds
    await layer.group_send("room", {"type": "x", "number": 1})
    async with asyncio.timeout(5):
        assert (await layer.receive(channel))["number"] == 1
