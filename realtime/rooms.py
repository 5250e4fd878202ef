"""The sockets of one process that follow one topic, and what is on its way to them."""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from realtime.change import Change
from realtime.gather import Gathering
from realtime.protocol import Messages, Versions
from realtime.topics import Topic

if TYPE_CHECKING:
    from realtime.hub import Hub, Listener

logger = logging.getLogger(__name__)

#: Sockets that are written to without letting others have their turn.
SLICE = 256
#: How long a change may be missing before the state is read instead.
HOLE_SECONDS = 1.0


class Room:
    """One topic in one process."""

    def __init__(self, topic: Topic, hub: "Hub") -> None:
        self.topic = topic
        self.is_joined = False
        #: Each socket, with the frames that are held until its snapshot has been sent.
        self.members: dict[Listener, list[Messages] | None] = {}
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._gathering = Gathering(str(topic))
        self._empty_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._hole: asyncio.TimerHandle | None = None
        self._outgoing: deque[Messages] = deque()
        #: Who the topic is for, as far as its row says it; None before the first reading.
        self._audience: str | None = None

    @property
    def version(self) -> int | None:
        """What has been sent leads to this version."""
        return self._gathering.version

    @property
    def newest(self) -> int:
        """The highest version that has been heard of."""
        return self._gathering.newest

    @property
    def settled(self) -> int:
        """The version that members have, or will have without anybody's help."""
        return self._gathering.settled

    # --- Members ------------------------------------------------------------------------------

    def hold(self, listener: "Listener") -> None:
        """Let a socket in, and keep what comes for it until it is released."""
        self.members[listener] = []

    def release(self, listener: "Listener", version: int) -> None:
        """A socket has the state at `version`: give it what was held and leads further."""
        held = self.members.get(listener)
        if held is None:
            return
        self.members[listener] = None
        for frame in held:
            if frame.version > version:
                listener.send(frame)

    def remove(self, listener: "Listener") -> None:
        """Let a socket go."""
        self.members.pop(listener, None)
        if not self.members:
            self._empty_at = self._loop.time()

    def is_empty_since(self, moment: float) -> bool:
        """Whether nobody has been here since then."""
        return not self.members and self._empty_at <= moment

    # --- Changes ------------------------------------------------------------------------------

    def begin(self, version: int, audience: str) -> None:
        """The first socket knows the state at `version`; what comes later builds on it."""
        self._gathering.start(version)
        if self._audience is None:
            self._audience = audience
        self._flush_or_wait()

    def add(self, change: Change) -> None:
        """Take a change: the first goes out at once, what follows soon goes out together."""
        if change.is_end:
            self._end()
        elif change.audience not in ("", self._audience):
            self._hub.run(self._add_after_recheck(change))
        else:
            self._add(change)

    async def _add_after_recheck(self, change: Change) -> None:
        """Who may no longer follow must not hear why."""
        await self._hub.recheck(self)
        # Not before: a change that came meanwhile, or after a check that failed, has to wait too.
        self._audience = change.audience
        self._add(change)

    def _add(self, change: Change) -> None:
        self._gathering.add(change)
        self._flush_or_wait()

    def catch_up(self, version: int) -> None:
        """Tell everybody of a version that cannot be sent: they subscribe again."""
        self._gathering.jump(version)
        frame = Versions(data={str(self.topic): version})
        for listener, held in self.members.items():
            if held is None:
                listener.send(frame)

    def cancel_timers(self) -> None:
        """Nothing more goes out by itself."""
        for timer in (self._timer, self._hole):
            if timer is not None:
                timer.cancel()
        self._timer = self._hole = None

    def _flush_or_wait(self) -> None:
        if self._timer is None:
            self._flush()

    def _flush(self) -> None:
        self._timer = None
        frame = self._gathering.take()
        if frame is not None:
            self._timer = self._loop.call_later(self._hub.limits.gather_seconds, self._flush)
            self._deliver(frame)
        if self._gathering.is_stuck and self._hole is None:
            self._hole = self._loop.call_later(HOLE_SECONDS, self._look_at_hole, self.version)

    def _look_at_hole(self, version: int | None) -> None:
        """A change has not come for a while: another process died before it could tell."""
        self._hole = None
        if self._gathering.is_stuck and self.version == version:
            self._hub.run(self._hub.heal(self))

    def _end(self) -> None:
        """The topic is gone: say so, after all that came before, and let everybody go."""
        self.cancel_timers()
        if (frame := self._gathering.take()) is not None:
            self._deliver(frame)
        for listener in list(self.members):
            self._hub.send_away(self, listener)

    # --- Writing ------------------------------------------------------------------------------

    def _deliver(self, frame: Messages) -> None:
        """Write a frame to all members, in slices where they are many."""
        if self._outgoing or len(self.members) > SLICE:
            self._outgoing.append(frame)
            if len(self._outgoing) == 1:
                self._hub.run(self._deliver_in_slices())
            return
        self._write(frame, list(self.members))

    async def _deliver_in_slices(self) -> None:
        while self._outgoing:
            members = list(self.members)
            for start in range(0, len(members), SLICE):
                self._write(self._outgoing[0], members[start : start + SLICE])
                await asyncio.sleep(0)
            self._outgoing.popleft()

    def _write(self, frame: Messages, members: "list[Listener]") -> None:
        for listener in members:
            held = self.members.get(listener, _GONE)
            if held is None:
                listener.send(frame)
            elif held is not _GONE:
                held.append(frame)


_GONE: list[Messages] = []
