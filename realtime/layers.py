"""Channel layers: one without Redis, and the Redis one with what ours has to know.

Both call `on_gap` on the loop they serve whenever messages may have been lost, so that the hub
compares what it knows with the database.
"""

import asyncio
import hashlib
import json
import logging
import os
import select
import socket
import stat
import tempfile
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer
from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from channels_redis.utils import _wrap_close
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Wire = dict[str, Any]

#: What a layer raises when it cannot be reached.
AWAY = (OSError, RedisError)

#: sockaddr_un holds 108 bytes on Linux (104 elsewhere), the last one is zero.
UNIX_PATH_MAX_BYTES = 100
#: One message between processes; the largest are media states with many renditions.
FRAME_MAX_BYTES = 4 * 1024 * 1024
_HEAD_BYTES = 4


def socket_path(wanted: str) -> Path:
    """`wanted`, or where that is too long for the kernel a short path derived from it.

    The short one lies in a folder of the temp dir that only we can enter.
    """
    if len(os.fsencode(wanted)) <= UNIX_PATH_MAX_BYTES:
        return Path(wanted)
    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"reelay-{os.getuid()}" / f"{name}.sock"


#: Turns of the event loop from "somebody connects" to "their connection is being served".
_ACCEPT_TURNS = 8


class SocketLayer(BaseChannelLayer):  # type: ignore[misc]  # channels has no types
    """Groups in the server process; other processes send to it over a private unix socket.

    The process that calls `start()` is the server. There, messages may come from any thread. In
    every other process `group_send` hands the message over in a thread, waits two seconds at most
    and never fails: rows are the truth, and a hub heals what it did not hear.
    """

    extensions = ("groups", "flush")
    SEND_TIMEOUT_SECONDS = 2.0

    def __init__(self, path: str, capacity: int = 10_000, **options: Any) -> None:
        super().__init__(capacity=capacity, **options)
        self.path = socket_path(path)
        self.on_gap: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._senders: set[asyncio.StreamWriter] = set()
        self._queues: dict[str, asyncio.Queue[Wire]] = {}
        self._groups: dict[str, set[str]] = {}
        self._client = _Client(self.path, self.SEND_TIMEOUT_SECONDS)

    # --- The server process -------------------------------------------------------------------

    async def start(self) -> None:
        """Be the server: take messages of other processes. Doing it twice is doing it once."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = loop
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to somebody else")
        # Bound under a name of its own and then moved: the socket is private from its first
        # moment on, and a new server takes the place of a killed one without a gap.
        fresh = folder / f".{uuid.uuid4().hex[:8]}"
        listening = socket.socket(socket.AF_UNIX)
        try:
            listening.bind(os.fspath(fresh))
            fresh.chmod(stat.S_IRUSR | stat.S_IWUSR)
            self._inode = fresh.stat().st_ino
            fresh.rename(self.path)
        except OSError:
            listening.close()
            fresh.unlink(missing_ok=True)
            self._loop = None
            raise
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def stop(self) -> None:
        """Take no more messages and remove the socket."""
        if self._server is not None:
            self._remove_socket()
            # Whoever connected a moment ago is let in first, to be closed below: asyncio leaks a
            # connection that it has accepted when its server closes before it is handed over.
            for _ in range(_ACCEPT_TURNS):
                await asyncio.sleep(0)
            self._server.close()
            for sender in list(self._senders):
                sender.close()
            await asyncio.gather(
                *(sender.wait_closed() for sender in list(self._senders)), return_exceptions=True
            )
        self._server = self._loop = None
        self._queues, self._groups = {}, {}

    def _remove_socket(self) -> None:
        """Remove our socket, but not one of a server that has taken our place."""
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            pass  # somebody has tidied up

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deliver what one other process sends until it goes away."""
        self._senders.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(_HEAD_BYTES), "big")
                if length > FRAME_MAX_BYTES:
                    raise ValueError("a message is too long")
                group, message = json.loads(await reader.readexactly(length))
                self._deliver(group, message)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other process ended, or this one does
        except (ValueError, TypeError):
            logger.warning("a process sent what is no message", exc_info=True)
        finally:
            self._senders.discard(writer)
            writer.close()

    def _deliver(self, group: str, message: Wire) -> None:
        for channel in list(self._groups.get(group, ())):
            self._put(channel, message)

    def _put(self, channel: str, message: Wire) -> bool:
        queue = self._queues.get(channel)
        if queue is None:
            queue = self._queues[channel] = asyncio.Queue(self.get_capacity(channel))
        if queue.full():
            # A hub that is this far behind is better served by reading the database again.
            logger.warning("channel is full", extra={"channel": channel})
            self.on_gap()
            return False
        queue.put_nowait(message)
        return True

    # --- What channels asks for ---------------------------------------------------------------

    async def new_channel(self, prefix: str = "specific") -> str:
        """A name for something in this process that receives."""
        return f"{prefix}.{uuid.uuid4().hex}"

    async def send(self, channel: str, message: Wire) -> None:
        """Put a message on one channel of this process. Raises ChannelFull."""
        self.require_valid_channel_name(channel)
        if not self._put(channel, message):
            raise ChannelFull(channel)

    async def receive(self, channel: str) -> Wire:
        """The next message of a channel of this process."""
        queue = self._queues.setdefault(channel, asyncio.Queue(self.get_capacity(channel)))
        return await queue.get()

    async def group_add(self, group: str, channel: str) -> None:
        """Let a channel of this process hear what a group is sent."""
        self.require_valid_group_name(group)
        self._groups.setdefault(group, set()).add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Undo `group_add`."""
        members = self._groups.get(group, set())
        members.discard(channel)
        if not members:
            self._groups.pop(group, None)

    async def group_send(self, group: str, message: Wire) -> None:
        """Tell all members of a group, from whichever process, thread or event loop."""
        here = asyncio.get_running_loop()
        if self._loop is here:
            self.require_valid_group_name(group)
            self._deliver(group, message)
        else:
            await here.run_in_executor(None, self.hand_over, group, message)

    def hand_over(self, group: str, message: Wire) -> bool:
        """The same for threads without an event loop; False when the server is away.

        Blocks for SEND_TIMEOUT_SECONDS twice at the very most.
        """
        self.require_valid_group_name(group)
        home = self._loop
        if home is not None and home.is_running():
            home.call_soon_threadsafe(self._deliver, group, message)
            return True
        return self.knock(group, message)

    def knock(self, group: str, message: Wire) -> bool:
        """Send through the unix socket from wherever we are; False when nobody listens."""
        return self._client.send(json.dumps([group, message]).encode())

    async def flush(self) -> None:
        """Forget all members and messages."""
        self._queues, self._groups = {}, {}

    def hang_up(self) -> None:
        """Close the connection to the server process; the next message opens another."""
        self._client.close()


class _Client:
    """The connection of another process to the server's; used by one thread at a time."""

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._pid = 0

    def send(self, frame: bytes) -> bool:
        """Hand one message over. False when the server is away: then it is lost."""
        data = len(frame).to_bytes(_HEAD_BYTES, "big") + frame
        with self._lock:
            for _ in range(2):
                try:
                    self._connected().sendall(data)
                except OSError as error:
                    logger.debug("the server is away", extra={"reason": repr(error)})
                    self.close()
                else:
                    return True
        return False

    def _connected(self) -> socket.socket:
        if self._socket is not None and (self._pid != os.getpid() or _is_over(self._socket)):
            self.close()
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(self._timeout_seconds)
            self._socket.connect(os.fspath(self._path))
            self._pid = os.getpid()
        return self._socket

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _is_over(connection: socket.socket) -> bool:
    """Whether the server has closed: it never sends, so anything to read is the end."""
    return bool(select.select([connection], [], [], 0)[0])


# --- Redis ----------------------------------------------------------------------------------------


class _PubSub(PubSub):
    """Redis subscriptions that tell when their connection had to be made anew."""

    on_gap: Callable[[], None]

    async def on_connect(self, connection: Any) -> None:
        """Called by redis-py after each connect but the first."""
        await super().on_connect(connection)
        self.on_gap()


class _Shard(RedisSingleShardConnection):  # type: ignore[misc]  # channels_redis has no types
    """A connection with such subscriptions."""

    _pubsub: Any

    def _ensure_redis(self) -> None:
        is_new = self._pubsub is None
        super()._ensure_redis()
        if is_new:
            self._pubsub = _PubSub(self._redis.connection_pool)
            self._pubsub.on_gap = lambda: self.channel_layer.channel_layer.on_gap()


class _LoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]
    """The Redis layer of one event loop, on connections of the above kind."""

    _shards: list[Any]

    def __init__(self, hosts: Any = None, **options: Any) -> None:
        super().__init__(hosts=hosts, **options)
        self._shards = [_Shard(shard.host, self) for shard in self._shards]


class RedisLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """channels_redis' pub/sub layer, telling of the gaps that a lost connection leaves."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.on_gap: Callable[[], None] = lambda: None

    def _get_layer(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            self._layers[loop] = _LoopLayer(**self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        return self._layers[loop]

    async def start(self) -> None:
        """Nothing to do: connections are made when they are needed."""

    async def stop(self) -> None:
        """Close the connections of the running event loop."""
        await self.close_loop()

    async def close_loop(self) -> None:
        """Close the connections of the running event loop."""
        layer = self._layers.pop(asyncio.get_running_loop(), None)
        if layer is not None:
            await layer.flush()
