"""One per process: hears the channel layer once per topic and tells all its sockets.

The layer knows a process, not a socket: a process joins a group when the first of its sockets
follows a topic. What comes is put in order per topic (realtime.gather), encoded once, and the
same bytes are written to every socket. All of this runs on one event loop without a lock; the
database is read in a few threads.

Nothing here has to be reliable. When messages may have been lost (the layer connected anew, a
change did not come, a heartbeat finds a newer version in the database), the state is read again
and sent whole.
"""

import asyncio
import logging
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings

from core.errors import AppError, Unavailable
from realtime import topics
from realtime.change import Change
from realtime.groups import RECHECK, SIGNED_OUT, group_of
from realtime.layers import AWAY
from realtime.protocol import (
    CloseCode,
    Frame,
    Messages,
    Versions,
)
from realtime.readers import Readers
from realtime.rooms import HOLE_SECONDS, Room
from realtime.topics import State, Topic

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: A room without sockets is kept so long, for somebody who comes back.
LINGER_SECONDS = 10.0
#: How long a handshake waits for a layer that is away, and how often that one is tried.
_LAYER_WAIT_SECONDS = 3.0
_NO_LAYER_PAUSE_SECONDS = 1.0


class Listener(Protocol):
    """A socket, as the hub sees it."""

    user_id: uuid.UUID | None

    @property
    def topics(self) -> Iterable[Topic]:
        """What it follows."""

    def send(self, frame: Frame) -> None:
        """Write a frame, or drop the socket if it does not read."""

    def dropped_from(self, topic: Topic) -> None:
        """It no longer follows `topic`."""

    def close(self, code: CloseCode) -> None:
        """End the connection."""


@dataclass(frozen=True)
class Settings:
    """The bounds of a hub."""

    gather_seconds: float
    heartbeat_seconds: float

    @classmethod
    def of_this_instance(cls) -> "Settings":
        """As the operator has set them."""
        return cls(
            gather_seconds=settings.LIVE_GATHER_SECONDS,
            heartbeat_seconds=settings.LIVE_HEARTBEAT_SECONDS,
        )


class Hub:
    """The rooms of this process and the sockets in them."""

    def __init__(self, layer: Any = None, limits: Settings | None = None) -> None:
        self.layer = layer if layer is not None else get_channel_layer()
        self.limits = limits or Settings.of_this_instance()
        self.rooms: dict[Topic, Room] = {}
        self.sockets: set[Listener] = set()
        #: Sockets per account (or address), for the limits.
        self.counts: Counter[object] = Counter()
        self._loop = asyncio.get_running_loop()
        self._readers = Readers()
        self._channel = ""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._membership = asyncio.Lock()
        self._started: asyncio.Task[None] | None = None
        self._checking = False

    # --- Beginning and end --------------------------------------------------------------------

    async def start(self) -> None:
        """Listen to the layer, waiting a moment where it is away. Twice is once."""
        if self._started is None:
            self._started = self.run(self._start())
        if not self._started.done():
            await asyncio.wait([self._started], timeout=_LAYER_WAIT_SECONDS)

    async def _start(self) -> None:
        if hasattr(self.layer, "start"):
            await self.layer.start()
        self.layer.on_gap = self._after_a_gap
        while not self._channel:
            try:
                channel = await self.layer.new_channel()
                await self.layer.group_add(SIGNED_OUT, channel)
                self._channel = channel
            except AWAY:
                # Redis is away: sockets are served, and hear of changes when it is back.
                logger.warning("the channel layer does not answer", exc_info=True)
                await asyncio.sleep(_NO_LAYER_PAUSE_SECONDS)
        self.run(self._listen())
        self.run(self._beat())

    async def stop(self) -> None:
        """Leave the layer and end all tasks and threads. Sockets are the server's to close."""
        self.layer.on_gap = lambda: None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for room in self.rooms.values():
            room.cancel_timers()
        await self._readers.close()
        if hasattr(self.layer, "stop"):
            await self.layer.stop()

    def run(self, work: Any) -> asyncio.Task[Any]:
        """Run a coroutine beside everything else; what it raises is logged."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("live task failed", exc_info=error)

    async def read(self, question: Callable[..., T], *args: Any, **options: Any) -> T:
        """Ask the database in a thread. Raises what `question` raises; Unavailable when busy."""
        return await self._readers.ask(question, *args, **options)

    # --- Following ----------------------------------------------------------------------------

    async def follow(self, listener: Listener, topic: Topic, since: int | None) -> State:
        """Let a socket follow `topic`; returns the state it begins with.

        The group is joined first and read afterwards, and what comes in between is held for the
        socket: call `release` when the state has been sent. Raises NotFound, Unauthenticated or
        Unavailable; then the socket does not follow.
        """
        room = self.rooms.get(topic)
        if room is None:
            room = self.rooms[topic] = Room(topic, self)
        room.hold(listener)
        try:
            await self._join(room)
            state = await self._readers.state(topic, user_id=listener.user_id, since=since)
        except BaseException:
            room.remove(listener)
            raise
        room.begin(state.version, state.audience)
        return state

    def release(self, listener: Listener, topic: Topic, state: State) -> None:
        """The state has been sent: let through what was held."""
        if room := self.rooms.get(topic):
            room.release(listener, state.version)

    def unfollow(self, listener: Listener, topic: Topic) -> None:
        """Let a socket follow `topic` no longer."""
        if room := self.rooms.get(topic):
            room.remove(listener)

    async def _join(self, room: Room) -> None:
        """Join the group of a room, once for all who wait for it."""
        if room.is_joined:
            return
        if not self._channel:
            raise Unavailable("Live updates are not available right now.")
        async with self._membership:
            if not room.is_joined:
                try:
                    await self.layer.group_add(group_of(room.topic), self._channel)
                except AWAY as error:
                    raise Unavailable("Live updates are not available right now.") from error
                room.is_joined = True

    async def _leave_empty_rooms(self) -> None:
        now = self._loop.time()
        for topic, room in list(self.rooms.items()):
            if not room.is_empty_since(now - LINGER_SECONDS):
                continue
            async with self._membership:
                if room.members:
                    continue
                del self.rooms[topic]
                room.cancel_timers()
                if room.is_joined:
                    try:
                        await self.layer.group_discard(group_of(topic), self._channel)
                    except AWAY:
                        logger.info("left a group of a layer that is away")

    # --- Hearing ------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Take what the layer brings, for ever."""
        while True:
            message = await self.layer.receive(self._channel)
            try:
                self.hear(message)
            except (TypeError, KeyError, ValueError):
                # Another process may run another release; one message must not end the hub.
                logger.exception("a message that cannot be understood")

    def hear(self, message: dict[str, Any]) -> None:
        """Act on one message of the layer."""
        if message["type"] == Change.LAYER_TYPE:
            change = Change.from_layer(message)
            if room := self.rooms.get(topics.parse(change.topic)):
                room.add(change)
        elif message["type"] == RECHECK:
            if room := self.rooms.get(topics.parse(message["topic"])):
                self.run(self.recheck(room))
        elif message["type"] == SIGNED_OUT:
            user_id = uuid.UUID(message["user_id"])
            for listener in [it for it in self.sockets if it.user_id == user_id]:
                listener.close(CloseCode.SIGN_IN)

    # --- Healing ------------------------------------------------------------------------------

    def _after_a_gap(self) -> None:
        """The layer may have lost messages: compare everything with the database, soon."""
        if not self._checking:
            self._checking = True
            self.run(self._check_all_after(random.uniform(0, self.limits.gather_seconds)))  # noqa: S311

    async def _check_all_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._checking = False
        await self.check(list(self.rooms))

    async def check(self, wanted: list[Topic]) -> None:
        """Compare rooms with the database, in one query per table, and heal what is behind."""
        known = {it: room.settled for it in wanted if (room := self.rooms.get(it)) and room.members}
        if not known:
            return
        try:
            current = await self.read(topics.current_versions, list(known))
        except AppError:
            return  # busy; the next heartbeat asks again
        except Exception:
            # The database may be away in many ways; the next heartbeat asks it again.
            logger.warning("versions cannot be read", exc_info=True)
            return
        for topic, version in known.items():
            room = self.rooms.get(topic)
            if room is not None and topic.kind == "admin":
                # Its row says nothing of who may follow: the role of each follower does.
                self.run(self.recheck(room))
            if room is not None and topic not in current:
                room.add(topics.ending(topic))
            elif room is not None and current[topic] > version:
                self.run(self._heal_if_behind(room, current[topic]))

    async def _heal_if_behind(self, room: Room, version: int) -> None:
        """Heal a room that has not heard of `version` after a while; it may be on its way."""
        await asyncio.sleep(HOLE_SECONDS)
        if room.settled < version and room.members:
            await self.heal(room)

    async def heal(self, room: Room) -> None:
        """Read the state of a room and send it whole; or say that there is something new."""
        change = await self.read(topics.whole_change, room.topic)
        if change is not None:
            room.add(change)
            return
        current = await self.read(topics.current_versions, [room.topic])
        if room.topic in current:
            room.catch_up(current[room.topic])
        else:
            room.add(topics.ending(room.topic))

    async def recheck(self, room: Room) -> None:
        """Ask again who of a room may follow, until that is known, and send away who may not."""
        while room.members:
            user_ids = {listener.user_id for listener in room.members}
            try:
                refused = await self.read(topics.not_allowed, room.topic, user_ids)
            except Exception:
                # However the database is away: nobody stays because it could not be asked.
                logger.warning("who may follow cannot be read", exc_info=True)
                await asyncio.sleep(HOLE_SECONDS)
                continue
            for listener in [it for it in room.members if it.user_id in refused]:
                self.send_away(room, listener)
            return

    def send_away(self, room: Room, listener: Listener) -> None:
        """For this socket the topic is gone; whether it is for others is not said."""
        change = topics.ending(room.topic)
        version = room.newest + 1
        if change.messages:
            listener.send(
                Messages(topic=change.topic, prev=0, version=version, messages=change.messages)
            )
        room.remove(listener)
        listener.dropped_from(room.topic)

    # --- The heartbeat ------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Every second, tell a part of the sockets their versions, after asking the database."""
        slices = max(1, round(self.limits.heartbeat_seconds))
        pause = self.limits.heartbeat_seconds / slices
        while True:
            waiting, part = list(self.sockets), 0
            random.shuffle(waiting)
            for part in range(slices):
                await asyncio.sleep(pause)
                await self._leave_empty_rooms()
                await self.check(list(self.rooms)[part::slices])
                await self._send_away_the_disabled(waiting[part::slices])
                self._tell_versions(waiting[part::slices])

    async def _send_away_the_disabled(self, listeners: Iterable[Listener]) -> None:
        """Close the sockets of accounts that are gone or disabled."""
        user_ids = {it.user_id for it in listeners if it.user_id is not None}
        if not user_ids:
            return
        try:
            active = await self.read(topics.active_accounts, user_ids)
        except Exception:
            # As above: the database may be away in many ways, and is asked again.
            logger.warning("accounts cannot be read", exc_info=True)
            return
        for listener in listeners:
            if listener.user_id in user_ids - active:
                listener.close(CloseCode.SIGN_IN)

    def _tell_versions(self, listeners: Iterable[Listener]) -> None:
        frames: dict[frozenset[Topic], Versions] = {}
        for listener in listeners:
            if listener not in self.sockets:
                continue
            followed = frozenset(listener.topics)
            if followed not in frames:
                frames[followed] = Versions(
                    data={
                        str(topic): room.version
                        for topic in followed
                        if (room := self.rooms.get(topic)) and room.version is not None
                    }
                )
            listener.send(frames[followed])


async def serve() -> None:
    """Be the hub of this event loop until cancelled; then let go of the layer and all threads."""
    hub = current_hub()
    try:
        await hub.start()
        await asyncio.Event().wait()
    finally:
        await hub.stop()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current_hub() -> Hub:
    """The hub of the running event loop: in production, of the process."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
