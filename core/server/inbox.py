"""What a client sent and the application has not asked for yet."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect"})


class Inbox:
    """A queue of ASGI messages that stops the sender while it is full.

    `pause` is called with every message that finds the queue over its bound, `resume` once
    when half of it has been taken. A message weighs its body; one without a body weighs 1,
    so the bound of a WebSocket is a number of messages and that of a request one of bytes.
    """

    def __init__(
        self, *, bound: int, pause: Callable[[], object], resume: Callable[[], object]
    ) -> None:
        self._bound = bound
        self._pause = pause
        self._resume = resume
        self._messages: deque[Message] = deque()
        self._weight = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._end: Message | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the sender waits for the application, not the other way round."""
        return self._paused

    def put_nowait(self, message: Message) -> None:
        """Add a message; the name is the one that Daphne calls."""
        if self._end is None:
            if message["type"] in DISCONNECTS:
                self._end = message
            self._messages.append(message)
            self._weight += _weight(message)
        if self._weight > self._bound and self._end is None:
            self._paused = True
            self._pause()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """Return the next message; after the last one, the disconnect again and again."""
        while not self._messages:
            if self._end is not None:
                return self._end
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message = self._messages.popleft()
        self._weight -= _weight(message)
        if self._paused and self._weight <= self._bound // 2:
            self._paused = False
            self._resume()
        return message

    def take_bodies(self) -> list[bytes]:
        """Take all messages at once, each of them a part of a body; nobody is resumed."""
        bodies = [message["body"] for message in self._messages]
        self._messages.clear()
        self._weight, self._paused = 0, False
        return bodies


def _weight(message: Message) -> int:
    return len(message.get("body", b"")) or 1
