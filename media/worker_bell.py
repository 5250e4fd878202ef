"""Wakes the held claims of one web process when there is something to do."""

import asyncio
import threading
from typing import Any

from media.jobs import wake


class Bell:
    """Hears what idle workers hear, in a thread of its own that the first waiter starts."""

    def __init__(self) -> None:
        self.count = 0
        self._rung = asyncio.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._poll_seconds = 1.0

    async def wait(self, seen: int, seconds: float, gone: asyncio.Future[None]) -> None:
        """Wait until it has rung more than `seen` times, `gone` is done, or time is over.

        Never longer than a wake-up may be trusted; then the queue has to be looked at.
        """
        if self._thread is None:
            self._start(asyncio.get_running_loop())
        if self.count != seen:
            return
        rung = asyncio.ensure_future(self._rung.wait())
        try:
            waited_for: set[asyncio.Future[Any]] = {rung, gone}
            await asyncio.wait(
                waited_for,
                timeout=min(seconds, self._poll_seconds),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            rung.cancel()

    def close(self) -> None:
        """Listen no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread = threading.Thread(
            target=self._listen, args=(loop,), name="worker-bell", daemon=True
        )
        self._thread.start()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        listener = wake.listener()
        try:
            while not self._stopped.is_set():
                is_called = listener.wait(0.5)
                self._poll_seconds = listener.poll_seconds
                if is_called:
                    loop.call_soon_threadsafe(self._ring)
        except RuntimeError:
            pass  # The loop is closed: nobody waits any more.
        finally:
            listener.close()

    def _ring(self) -> None:
        self.count += 1
        self._rung.set()
        self._rung = asyncio.Event()
