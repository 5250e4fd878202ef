"""Threads for the plain ASGI applications: a few for files, a few with a database connection.

Django's own handler has threads of its own; an application beside it must not borrow them,
and must not open a connection per request.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, close_old_connections, connection, connections

P = ParamSpec("P")
T = TypeVar("T")


class Crew:
    """Threads that do what a coroutine waits for.

    An executor of the standard library does the same with two futures, a chain between them
    and their locks; for the short calls here, that costs more than the calls.
    """

    def __init__(self, size: int, name: str) -> None:
        self._calls: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(size)
        ]
        self._begin = threading.Lock()

    def begin(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Call `function` in one of the threads; the future has what it returns or raises.

        Who is cancelled stops waiting; the call goes on to its end.
        """
        if self._threads:
            self._start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._calls.put((future, function))
        return future

    def _start(self) -> None:
        with self._begin:
            while self._threads:
                self._threads.pop().start()

    def _work(self) -> None:
        while True:
            future, function = self._calls.get()
            try:
                settle = partial(_settle, future, future.set_result, function())
            except BaseException as error:
                # Nothing is swallowed: it is raised where the result is waited for.
                settle = partial(_settle, future, future.set_exception, error)
            try:
                future.get_loop().call_soon_threadsafe(settle)
            except RuntimeError:
                pass  # The loop is closed: nobody waits any more.


def _settle(future: asyncio.Future[Any], how: Callable[[Any], None], what: object) -> None:
    if not future.done():
        how(what)


_files = Crew(4, "upload-file")
_queries = Crew(4, "upload-query")
# SQLite has one writer at a time anyway, and one thread finds its caches warm: each statement
# of another connection would empty them.
_brief = Crew(1 if connection.vendor == "sqlite" else 4, "upload-brief")


def begin_on_disk(function: Callable[[], T]) -> "asyncio.Future[T]":
    """The same without waiting for it."""
    return _files.begin(function)


async def on_disk(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that reads or writes files, without stopping the event loop."""
    return await _files.begin(partial(function, *args, **kwargs))


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that asks the database, with a connection that is kept for the next call."""
    return await _queries.begin(_with_connection(partial(function, *args, **kwargs)))


async def in_database_unsynced(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what is brief and may be forgotten when the power fails.

    Not when a process dies: SQLite hands a commit to the operating system, and only leaves it
    to that when it reaches the disk. A server that keeps a log of its own waits as ever; there,
    a process that dies is a process of the database too.
    """
    call = partial(_unsynced, partial(function, *args, **kwargs))
    return await _brief.begin(_with_connection(call))


def _with_connection(call: Callable[[], T]) -> Callable[[], T]:
    # The request id of the log travels in the context.
    context = contextvars.copy_context()

    def ask() -> T:
        _drop_stale_connection()
        try:
            return context.run(call)
        finally:
            _drop_stale_connection()

    return ask


def _unsynced(call: Callable[[], T]) -> T:
    here = connections[DEFAULT_DB_ALIAS]
    here.ensure_connection()
    if here.vendor == "sqlite" and here.connection is not _own.unsynced:
        with here.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")
        _own.unsynced = here.connection
    return call()


class _Own(threading.local):
    #: The connection of this thread that does not wait for the disk. No other call uses it.
    unsynced: object = None


_own = _Own()


def _drop_stale_connection() -> None:
    here = connections[DEFAULT_DB_ALIAS]
    # With DEBUG on, Django would keep each statement, and ask SQLite to quote its parameters.
    here.make_debug_cursor = here.make_cursor  # type: ignore[method-assign,assignment]
    # A server may have closed a connection; a file has not, and opening it costs a whole query.
    if here.vendor != "sqlite":
        close_old_connections()
    elif here.errors_occurred:
        here.close()
