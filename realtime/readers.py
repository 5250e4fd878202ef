"""The threads in which sockets ask the database, a few for all of them."""

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from django.db import connections

from core.errors import Unavailable
from realtime import topics
from realtime.topics import State, Topic

logger = logging.getLogger(__name__)

T = TypeVar("T")

THREADS = 4
#: Questions that may wait for a thread; one more is refused with `unavailable`.
WAITING_MAX = 5_000


class Readers:
    """Asks questions in threads that keep their database connections."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="live-read")
        self._waiting = 0
        self._public: dict[Topic, _SharedReading] = {}

    async def ask(self, question: Callable[..., T], *args: Any, **options: Any) -> T:
        """Raises what `question` raises; Unavailable when too many are asking."""
        if self._waiting >= WAITING_MAX:
            raise Unavailable("Too many are asking right now.", retry_after_seconds=2)
        self._waiting += 1
        try:
            return await self._loop.run_in_executor(
                self._executor, lambda: _ask(question, *args, **options)
            )
        finally:
            self._waiting -= 1

    async def state(self, topic: Topic, *, user_id: uuid.UUID | None, since: int | None) -> State:
        """The state of a topic for an account; visitors who come at once share one reading."""
        if user_id is not None:
            return await self.ask(topics.read, topic, user_id=user_id, since=since)
        reading = self._public.get(topic)
        if reading is None or reading.has_begun:
            # One that has begun may have seen the database before this visitor followed.
            reading = self._public[topic] = _SharedReading(topic)
            reading.task = self._loop.create_task(self.ask(reading.read))
            reading.task.add_done_callback(partial(self._forget, reading))
        state = await asyncio.shield(reading.task)
        return replace(state, data=None) if state.version == since else state

    def _forget(self, reading: "_SharedReading", task: asyncio.Task[State]) -> None:
        if self._public.get(reading.topic) is reading:
            del self._public[reading.topic]
        if not task.cancelled():
            task.exception()  # whoever still waits has it

    async def close(self) -> None:
        """End the threads and their connections."""
        everybody = threading.Barrier(THREADS)

        def hang_up() -> None:
            try:
                everybody.wait(1)
            except threading.BrokenBarrierError:
                logger.info("a reading is still going on")
            connections.close_all()

        for _ in range(THREADS):
            self._executor.submit(hang_up)
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=False)


class _SharedReading:
    """One reading for all visitors that asked for it before it began."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.has_begun = False
        self.task: asyncio.Task[State]

    def read(self) -> State:
        self.has_begun = True
        return topics.read(self.topic, user_id=None)


def _ask(question: Callable[..., T], *args: Any, **options: Any) -> T:
    try:
        return question(*args, **options)
    finally:
        # Kept connections save most of the time of a reading; broken ones must not be kept.
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:
                connection.close()
