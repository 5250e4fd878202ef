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


async def on_disk(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that reads or writes files, without stopping the event loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_files, partial(function, *args, **kwargs))


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that asks the database, with a connection that is kept for the next call."""
    # The request id of the log travels in the context.
    context = contextvars.copy_context()

    def ask() -> T:
        _drop_stale_connection()
        try:
            return context.run(function, *args, **kwargs)
        finally:
            _drop_stale_connection()

    return await asyncio.get_running_loop().run_in_executor(_queries, ask)


def _drop_stale_connection() -> None:
    # A server may have closed a connection; a file has not, and opening it costs a whole query.
    if connection.vendor != "sqlite":
        close_old_connections()
    elif connection.errors_occurred:
        connection.close()
