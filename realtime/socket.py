"""The WebSocket edge: one plain ASGI application per connection, commands in, frames out.

Nothing here touches the database in the event loop, and a connection costs one task: a second
one runs only while commands are being worked on.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from django.conf import settings

from core.errors import AppError, Unauthenticated, Unavailable
from core.http import client_address
from realtime import topics
from realtime.auth import Caller, identify, subprotocol_of
from realtime.errors import AlreadySignedIn, TooManyCommands, TooManySockets, TooManyTopics
from realtime.hub import Hub, current_hub
from realtime.limits import TokenBucket
from realtime.protocol import (
    Authenticate,
    BadCommand,
    CloseCode,
    Command,
    Frame,
    Ok,
    Ping,
    Refused,
    Snapshot,
    Subscribe,
    Unsubscribe,
    decode,
)
from realtime.topics import Topic
from realtime.writers import AsgiWriter, DirectWriter, Writer
from users import authentication

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: A program that shows no proof of who it is has so long to send `authenticate`.
SIGN_IN_SECONDS = 10.0
#: Refusals for speaking too fast, in seconds' worth of commands, before the socket is closed.
_FLOOD_SECONDS = 10


async def live_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket from handshake to end."""
    if (await receive())["type"] != "websocket.connect":
        return None
    hub = current_hub()
    await hub.start()
    try:
        caller = await identify(scope, hub.read)
    except Unauthenticated:
        await send({"type": "websocket.accept", "subprotocol": subprotocol_of(scope)})
        return await send({"type": "websocket.close", "code": int(CloseCode.SIGN_IN)})
    except Unavailable:
        # Refused, it would look like a foreign origin; so the client knows to come again.
        await send({"type": "websocket.accept", "subprotocol": subprotocol_of(scope)})
        return await send({"type": "websocket.close", "code": int(CloseCode.GOING_AWAY)})
    except AppError:
        # Before the handshake a close is an answer of 403.
        return await send({"type": "websocket.close", "code": int(CloseCode.NOT_ALLOWED)})
    await send({"type": "websocket.accept", "subprotocol": subprotocol_of(scope)})
    await _converse(LiveSocket(hub, _writer(scope, send), caller, client_address(scope)), receive)
    return None


def _writer(scope: Scope, send: Send) -> Writer:
    limit: int = settings.LIVE_BUFFER_MAX_BYTES
    protocol = scope.get("daphne.protocol")
    return DirectWriter(protocol, limit) if DirectWriter.fits(protocol) else AsgiWriter(send, limit)


async def _converse(socket: "LiveSocket", receive: Receive) -> None:
    try:
        socket.enter()
        while (event := await receive())["type"] == "websocket.receive":
            socket.hear(event.get("text"))
    finally:
        socket.leave()


class LiveSocket:
    """One connection: who it belongs to, what it follows, what it may still do."""

    def __init__(self, hub: Hub, writer: Writer, caller: Caller, address: str) -> None:
        self.user_id: uuid.UUID | None = caller.user_id
        self._hub = hub
        self._writer = writer
        self._address = address
        self._topics: set[Topic] = set()
        self._must_sign_in = caller.must_sign_in
        self._deadline: asyncio.TimerHandle | None = None
        self._bucket = TokenBucket(settings.LIVE_COMMANDS_PER_SECOND)
        self._too_fast = 0
        self._waiting: deque[Command] = deque()
        self._work: asyncio.Task[Any] | None = None
        self._seat: object = None
        self._is_closing = False

    # --- As the hub sees it -------------------------------------------------------------------

    @property
    def topics(self) -> Iterable[Topic]:
        """What it follows."""
        return self._topics

    def send(self, frame: Frame) -> None:
        """Write a frame, or drop the socket if it does not read."""
        if not self._is_closing and not self._writer.write(frame):
            logger.info("a socket does not read", extra={"address": self._address})
            self.close(CloseCode.TOO_SLOW)

    def dropped_from(self, topic: Topic) -> None:
        """It no longer follows `topic`."""
        self._topics.discard(topic)

    def close(self, code: CloseCode) -> None:
        """End the connection, and hear nothing more."""
        if not self._is_closing:
            self._writer.close(code)
            self.leave()

    # --- Beginning and end --------------------------------------------------------------------

    def enter(self) -> None:
        """Take a seat, or close where there are too many of this account or address."""
        if not self._take_seat():
            self.close(CloseCode.TOO_MANY)
            return
        self._hub.sockets.add(self)
        if self._must_sign_in:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(SIGN_IN_SECONDS, self.close, CloseCode.SIGN_IN)

    def leave(self) -> None:
        """Give back everything. Doing it twice is doing it once."""
        self._is_closing = True
        self._hub.sockets.discard(self)
        for topic in self._topics:
            self._hub.unfollow(self, topic)
        self._topics.clear()
        self._waiting.clear()
        self._free_seat()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._work is not None:
            self._work.cancel()

    def _take_seat(self) -> bool:
        """Count this socket for its account, or for its address where it has none."""
        limit = (
            settings.LIVE_SOCKETS_PER_USER if self.user_id else settings.LIVE_SOCKETS_PER_ADDRESS
        )
        seat: object = self.user_id or self._address
        if self._hub.counts[seat] >= limit:
            return False
        self._free_seat()
        self._hub.counts[seat] += 1
        self._seat = seat
        return True

    def _free_seat(self) -> None:
        if self._seat is not None:
            self._hub.counts[self._seat] -= 1
            if not self._hub.counts[self._seat]:
                del self._hub.counts[self._seat]
            self._seat = None

    # --- Commands -----------------------------------------------------------------------------

    def hear(self, text: str | None) -> None:
        """Take one frame of the client (None: a binary one); what is wrong is refused."""
        if self._is_closing:
            return
        try:
            command = decode(text, max_bytes=settings.LIVE_COMMAND_MAX_BYTES)
        except BadCommand as bad:
            if self._is_in_time(bad.ref):
                self.send(Refused.of(bad.error, bad.ref))
            return
        if self._is_in_time(command.ref):
            self._waiting.append(command)
            if self._work is None:
                self._work = self._hub.run(self._work_off())

    def _is_in_time(self, ref: str) -> bool:
        """Whether the client may say something now; if not it is told, and closed in the end."""
        if self._bucket.take():
            self._too_fast = 0
            return True
        self._too_fast += 1
        if self._too_fast > _FLOOD_SECONDS * settings.LIVE_COMMANDS_PER_SECOND:
            self.close(CloseCode.TOO_MANY)
        else:
            self.send(Refused.of(TooManyCommands(), ref))
        return False

    async def _work_off(self) -> None:
        """Do the commands that wait, one after the other."""
        try:
            while self._waiting:
                await self._do(self._waiting.popleft())
        finally:
            self._work = None

    async def _do(self, command: Command) -> None:
        try:
            if self._must_sign_in and not isinstance(command, Authenticate | Ping):
                raise Unauthenticated
            match command:
                case Subscribe():
                    await self._subscribe(command)
                case Unsubscribe():
                    self._unsubscribe(command)
                case Authenticate():
                    await self._authenticate(command)
                case _:
                    self.send(Ok(ref=command.ref))
        except AppError as error:
            self.send(Refused.of(error, command.ref))
        except Exception:
            # The socket has other topics and the command may be tried again.
            logger.exception("command failed", extra={"command": command.type})
            self.send(Refused.of(Unavailable("Please try again."), command.ref))

    async def _subscribe(self, command: Subscribe) -> None:
        topic = topics.parse(command.topic)
        if topic not in self._topics and len(self._topics) >= settings.LIVE_TOPICS_PER_SOCKET:
            raise TooManyTopics(f"At most {settings.LIVE_TOPICS_PER_SOCKET} topics per socket.")
        self._topics.add(topic)
        try:
            state = await self._hub.follow(self, topic, command.since)
        except BaseException:
            self._topics.discard(topic)
            raise
        if state.data is None:
            self.send(Ok(ref=command.ref))
        else:
            self.send(
                Snapshot(topic=str(topic), version=state.version, data=state.data, ref=command.ref)
            )
        self._hub.release(self, topic, state)

    def _unsubscribe(self, command: Unsubscribe) -> None:
        topic = topics.parse(command.topic)
        self._topics.discard(topic)
        self._hub.unfollow(self, topic)
        self.send(Ok(ref=command.ref))

    async def _authenticate(self, command: Authenticate) -> None:
        user = await self._hub.read(authentication.account_of_token, command.token)
        if self.user_id not in (None, user.pk):
            raise AlreadySignedIn
        if self.user_id is None:
            self.user_id = user.pk
            if not self._take_seat():
                self.user_id = None
                raise TooManySockets
        self._must_sign_in = False
        if self._deadline is not None:
            self._deadline.cancel()
        self.send(Ok(ref=command.ref))
