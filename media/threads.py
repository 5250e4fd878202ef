"""Threads for the plain ASGI applications: a few for files, a few with a database connection.

Django's own handler has threads of its own; an application beside it must not borrow them,
and must not open a connection per request.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connection

P = ParamSpec("P")
T = TypeVar("T")

_files = ThreadPoolExecutor(4, thread_name_prefix="upload-file")
_queries = ThreadPoolExecutor(4, thread_name_prefix="upload-query")
# SQLite has one writer at a time anyway, and one thread finds its caches warm: each statement
# of another connection would empty them.
_brief = ThreadPoolExecutor(
    1 if connection.vendor == "sqlite" else 4, thread_name_prefix="upload-brief"
)


async def on_disk(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that reads or writes files, without stopping the event loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_files, partial(function, *args, **kwargs))


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that asks the database, with a connection that is kept for the next call."""
    return await _in_thread(_queries, partial(function, *args, **kwargs))


async def in_database_unsynced(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what is brief and may be forgotten when the power fails.

    Not when a process dies: SQLite hands a commit to the operating system, and only leaves it
    to that when it reaches the disk. A server that keeps a log of its own waits as ever; there,
    a process that dies is a process of the database too.
    """

    def unsynced() -> T:
        if connection.vendor != "sqlite":
            return function(*args, **kwargs)
        _set_synchronous("NORMAL")
        try:
            return function(*args, **kwargs)
        finally:
            _set_synchronous("FULL")

    return await _in_thread(_brief, unsynced)


async def _in_thread(threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    # The request id of the log travels in the context.
    context = contextvars.copy_context()

    def ask() -> T:
        _drop_stale_connection()
        try:
            return context.run(call)
        finally:
            _drop_stale_connection()

    return await asyncio.get_running_loop().run_in_executor(threads, ask)


def _set_synchronous(mode: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous={mode}")


def _drop_stale_connection() -> None:
    # With DEBUG on, Django would keep each statement, and ask SQLite to quote its parameters.
    connection.make_debug_cursor = connection.make_cursor  # type: ignore[method-assign,assignment]
    # A server may have closed a connection; a file has not, and opening it costs a whole query.
    if connection.vendor != "sqlite":
        close_old_connections()
    elif connection.errors_occurred:
        connection.close()
