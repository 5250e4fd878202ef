"""The one thread of a process that carries messages to the channel layer.

Whoever publishes an event is in a thread of Django or of a worker, and must not wait for a layer
that is slow or away, nor open an event loop or a Redis connection for each event. So it leaves
the message here and goes on.
"""

import asyncio
import atexit
import heapq
import itertools
import logging
import os
import queue
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from channels.layers import get_channel_layer
from django.db import close_old_connections

from realtime.layers import AWAY, RedisLayer, SocketLayer

logger = logging.getLogger(__name__)

#: Messages that wait while the layer is away; further ones are lost, and healed by the hubs.
WAITING_MAX = 10_000
#: A message that the layer does not take within so long is lost.
PATIENCE_SECONDS = 5.0
_RETRY_SECONDS = 0.2
_FAREWELL_SECONDS = 3.0

Errand = Callable[[], None]


class Courier:
    """Runs errands one after the other, at once or later, in a thread that starts by itself."""

    def __init__(self) -> None:
        self._errands: queue.Queue[tuple[float, Errand] | None] = queue.Queue(WAITING_MAX)
        self._later: list[tuple[float, int, Errand]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._is_closing = False
        self._runner: asyncio.Runner | None = None

    def send(self, group: str, message: dict[str, Any]) -> None:
        """Send a message to a group, soon. Never blocks, never raises."""
        deadline = monotonic() + PATIENCE_SECONDS
        self.run(lambda: self._send(group, message, deadline))

    def run(self, errand: Errand, after_seconds: float = 0.0) -> None:
        """Run a function in the courier's thread, which may ask the database."""
        self._ensure_thread()
        try:
            self._errands.put_nowait((monotonic() + after_seconds, errand))
        except queue.Full:
            logger.error("too much to carry: a live message is lost")

    def close(self) -> None:
        """Carry what waits, with some patience, and end the thread. For the end of a process."""
        thread = self._thread
        if thread is not None and thread.is_alive() and self._pid == os.getpid():
            try:
                self._errands.put_nowait(None)
            except queue.Full:
                return
            thread.join(_FAREWELL_SECONDS)
        self._thread = None

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is None or self._pid != os.getpid():
                if self._pid != os.getpid():
                    # After a fork: the thread, its loop and its connections are the parent's.
                    self._errands, self._later = queue.Queue(WAITING_MAX), []
                self._pid = os.getpid()
                self._is_closing = False
                self._thread = threading.Thread(target=self._live, name="courier", daemon=True)
                self._thread.start()

    def _live(self) -> None:
        with asyncio.Runner() as runner:
            self._runner = runner
            while (errand := self._next()) is not None:
                for step in (errand, close_old_connections):
                    try:
                        step()
                    except Exception:
                        # Hints may be lost: the rows are the truth, and the next errand is
                        # another. A database that is away must not end this thread either.
                        logger.exception("a live message could not be made")
            layer = get_channel_layer()
            if isinstance(layer, RedisLayer):
                runner.run(layer.close_loop())

    def _next(self) -> Errand | None:
        """Wait for the next errand that is due; None at the end, when nothing waits any more."""
        while True:
            if self._later and (self._is_closing or self._later[0][0] <= monotonic()):
                return heapq.heappop(self._later)[2]
            timeout = max(0.0, self._later[0][0] - monotonic()) if self._later else None
            try:
                item = self._errands.get(block=not self._is_closing, timeout=timeout)
            except queue.Empty:
                if self._is_closing:
                    return None
                continue
            if item is None:
                # What waits for its time goes out now, and what it leads to.
                self._is_closing = True
            else:
                heapq.heappush(self._later, (item[0], next(self._numbers), item[1]))

    def _send(self, group: str, message: dict[str, Any], deadline: float) -> None:
        layer, runner = get_channel_layer(), self._runner
        if layer is None or runner is None:
            return
        while True:
            try:
                if isinstance(layer, SocketLayer):
                    layer.hand_over(group, message)
                else:
                    runner.run(layer.group_send(group, message))
                return
            except AWAY as error:
                if monotonic() > deadline:
                    logger.warning("a live message is lost", extra={"reason": repr(error)})
                    return
                threading.Event().wait(_RETRY_SECONDS)


courier = Courier()
atexit.register(courier.close)
