"""What this process knows for a while, so that a segment is answered without a query."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Known(Generic[K, V]):
    """Values that are looked up once and kept for `seconds`; the least used are forgotten first.

    Those who ask for the same value at the same time wait for one look-up. A None is kept like
    any other value where `keep_none` says so.
    """

    def __init__(
        self,
        look_up: Callable[[K], Awaitable[V | None]],
        *,
        seconds: float,
        most: int,
        keep_none: bool = True,
    ) -> None:
        self._look_up = look_up
        self._seconds = seconds
        self._most = most
        self._keep_none = keep_none
        self._entries: OrderedDict[K, tuple[float, asyncio.Future[V | None]]] = OrderedDict()

    async def get(self, key: K) -> V | None:
        """The value, at most `seconds` old. What the look-up raises is raised, and not kept."""
        entry = self._entries.get(key)
        if entry is None or time.monotonic() - entry[0] > self._seconds:
            entry = (time.monotonic(), asyncio.ensure_future(self._look_up(key)))
            self._entries[key] = entry
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        try:
            # One of several who wait may leave without ending the look-up of the others.
            value = await asyncio.shield(entry[1])
        except asyncio.CancelledError:
            raise
        except BaseException:
            # A look-up that failed is no answer for the next one; whoever asked gets the error.
            self._forget(key, entry)
            raise
        if value is None and not self._keep_none:
            self._forget(key, entry)
        return value

    def forget(self, key: K) -> None:
        """Look the value up anew when it is asked for next."""
        self._entries.pop(key, None)

    def _forget(self, key: K, entry: tuple[float, asyncio.Future[V | None]]) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]
