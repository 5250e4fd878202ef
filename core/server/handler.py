"""Django's ASGI handler on a fixed set of threads.

Stock Django starts a thread (and so a database connection) for each request; with kept
connections that leaks them. Here each request borrows one of a few one-thread executors, so
connections are as many as REQUEST_THREADS and stay open.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler


class PooledASGIHandler(ASGIHandler):
    """Answers at most `threads` requests at a time; further ones wait for their turn."""

    def __init__(self, *, threads: int) -> None:
        super().__init__()
        self._threads = threads
        self._idle: asyncio.LifoQueue[ThreadPoolExecutor] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one HTTP request."""
        if self._idle is None:
            self._idle = asyncio.LifoQueue()
            for number in range(self._threads):
                executor = ThreadPoolExecutor(1, thread_name_prefix=f"request-{number}")
                self._idle.put_nowait(executor)
        executor = await self._idle.get()
        try:
            async with ThreadSensitiveContext(executor=executor):
                await self.handle(scope, receive, send)
        finally:
            self._idle.put_nowait(executor)
