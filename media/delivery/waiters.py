"""Requests that are held until a segment exists: one table per process, one query for all."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Set

logger = logging.getLogger(__name__)

#: A rendition and the number of one of its segments.
Key = tuple[int, int]

POLL_SECONDS = 0.05


class NoRoom(Exception):
    """As many requests are held as may be, of this client or of all."""


class Waiters:
    """Who waits for which segment.

    `find` says in one query which of the given segments exist. It is asked every 50 ms, as long
    as anybody waits. `most` and `most_per_address` bound what is held; a waiter that leaves, for
    whatever reason, frees its place.
    """

    def __init__(
        self,
        find: Callable[[Set[Key]], Awaitable[Set[Key]]],
        *,
        most: int,
        most_per_address: int,
    ) -> None:
        self._find = find
        self._most = most
        self._most_per_address = most_per_address
        self._waiting: defaultdict[Key, set[asyncio.Future[None]]] = defaultdict(set)
        self._held: Counter[str] = Counter()
        self._poller: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._held.total()

    def take_place(self, address: str) -> None:
        """Count one more held request of `address`; raises NoRoom. Undone by `leave_place`."""
        if len(self) >= self._most or self._held[address] >= self._most_per_address:
            raise NoRoom
        self._held[address] += 1

    def leave_place(self, address: str) -> None:
        """Give the place back."""
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]

    async def wait(self, key: Key, *, gone: asyncio.Future[None], seconds: float) -> bool:
        """Wait for a segment; False when `gone` was done before, or the time is over."""
        made: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key].add(made)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            await asyncio.wait({made, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return made.done()
        finally:
            made.cancel()
            self._waiting[key].discard(made)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _poll(self) -> None:
        while self._waiting:
            try:
                found = await self._find(self._waiting.keys())
            except Exception:
                # The database may be away for a moment; those who wait have a deadline anyway.
                logger.warning("cannot look for segments", exc_info=True)
                found = set()
            for key in found & self._waiting.keys():
                for waiter in self._waiting[key]:
                    if not waiter.done():
                        waiter.set_result(None)
            await asyncio.sleep(POLL_SECONDS)
