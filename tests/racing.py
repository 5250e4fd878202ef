"""Calls that start at the same moment, each on a thread and a database connection of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def at_once(calls: Sequence[Callable[[], Result]], *, threads: int = 10) -> list[Result]:
    """The results of `calls`, of which the first `threads` start together."""
    start = threading.Barrier(min(threads, len(calls)))
    waited = threading.local()

    def run(call: Callable[[], Result]) -> Result:
        if not getattr(waited, "done", False):
            waited.done = True
            start.wait(10)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(min(threads, len(calls))) as pool:
        return list(pool.map(run, calls))
