"""What the hub is compared with: a bare picows server, and the consumer of the Channels tutorial.

    python -m bench.fanout_peers bare|stock SOURCE ROOMS

Both print the port they listen on. Each socket joins one of the rooms `room0`…, in turn. SOURCE
is the address of a Redis, or the path of a unix socket that a machine without Redis uses.
"""

import asyncio
import itertools
import sys
from collections import defaultdict
from typing import Any

#: Sockets join rooms in turn; the benchmark says how many there are.
ROOMS = int(sys.argv[3]) if len(sys.argv) > 3 else 50


def bare(source: str) -> None:
    """The floor: C frames, one write per socket, nothing else."""
    import uvloop
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

    rooms: defaultdict[str, set[WSTransport]] = defaultdict(set)
    names = itertools.cycle(f"room{number}" for number in range(ROOMS))

    class Socket(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            self.name = next(names)
            rooms[self.name].add(transport)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            rooms[self.name].discard(transport)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()

    def tell(room: str, payload: bytes) -> None:
        for transport in rooms[room]:
            transport.send(WSMsgType.TEXT, payload)

    async def main() -> None:
        server = await ws_create_server(lambda _request: Socket(), "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        if source.startswith("redis:"):
            await _from_redis(source, tell)
        else:
            await _from_socket(source, tell)

    uvloop.run(main())


async def _from_redis(url: str, tell: Any) -> None:
    from redis.asyncio import Redis

    subscription = Redis.from_url(url).pubsub(ignore_subscribe_messages=True)
    await subscription.psubscribe("bare.*")
    while True:
        message = await subscription.get_message(timeout=30)
        if message:
            tell(message["channel"].decode().removeprefix("bare."), message["data"])


async def _from_socket(path: str, tell: Any) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            room, _, payload = line.rstrip(b"\n").partition(b" ")
            tell(room.decode(), payload)
        writer.close()

    async with await asyncio.start_unix_server(serve, path) as server:
        await server.serve_forever()


def stock(source: str) -> None:
    """Stock Daphne, a consumer and a channel per socket, the pub/sub layer: as tutorials do it."""
    import daphne.server  # isort: skip  # installs the reactor
    from django.conf import settings

    layer: dict[str, Any] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": source, "socket_timeout": None}], "prefix": "stock"},
    }
    if not source.startswith("redis:"):
        layer = {"BACKEND": "realtime.layers.SocketLayer", "CONFIG": {"path": source}}
    settings.configure(INSTALLED_APPS=["channels"], CHANNEL_LAYERS={"default": layer}, DATABASES={})
    import django

    django.setup()
    from channels.generic.websocket import AsyncJsonWebsocketConsumer
    from channels.layers import get_channel_layer

    names = itertools.cycle(f"room{number}" for number in range(ROOMS))

    class Consumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels has no types
        async def connect(self) -> None:
            channels = get_channel_layer()
            if hasattr(channels, "start"):
                await channels.start()
            self.name = next(names)
            await self.channel_layer.group_add(self.name, self.channel_name)
            await self.accept()

        async def disconnect(self, code: int) -> None:
            await self.channel_layer.group_discard(self.name, self.channel_name)

        async def told(self, event: dict[str, Any]) -> None:
            await self.send_json(event["data"])

    server = daphne.server.Server(
        Consumer.as_asgi(),
        endpoints=["tcp:port=0:interface=127.0.0.1:backlog=4096"],
        verbosity=0,
        websocket_handshake_timeout=60,
    )
    announce = server.listen_success

    def listening(port: Any) -> None:
        announce(port)
        print(port.getHost().port, flush=True)

    server.listen_success = listening
    server.run()


if __name__ == "__main__":
    {"bare": bare, "stock": stock}[sys.argv[1]](sys.argv[2])
