"""Waking idle workers: at once where that is possible, never relied upon.

PostgreSQL carries a NOTIFY, sent with the commit. An embedded instance has a folder of unix
sockets, one per worker process. Whatever gets lost is found by the poll of each slot.
"""

import hashlib
import logging
import os
import select
import socket
import tempfile
import time
from pathlib import Path
from typing import Protocol

import psycopg2
from django.conf import settings
from django.db import connection, transaction

logger = logging.getLogger(__name__)

CHANNEL = "reelay_jobs"
#: A unix socket's path may have 107 bytes; a name of ours takes less than 40.
FOLDER_MAX_BYTES = 60
#: How often an idle slot looks into the queue though nobody calls, and where nobody can.
POLL_SECONDS = 1.0
POLL_UNHEARD_SECONDS = 0.2


def wake() -> None:
    """Wake idle workers as soon as the current transaction is committed."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    else:
        transaction.on_commit(_ring)


class Listener(Protocol):
    """Waits for `wake()` of any process."""

    @property
    def poll_seconds(self) -> float:
        """How long a slot may trust this listener before it looks into the queue by itself."""

    def wait(self, seconds: float) -> bool:
        """Whether somebody called within `seconds`."""

    def close(self) -> None:
        """Listen no more."""


def listener() -> Listener:
    """The listener that fits the database."""
    if connection.vendor == "postgresql":
        return NotifyListener()
    try:
        return SocketListener()
    except OSError as error:
        logger.warning("cannot be woken, polling instead", extra={"reason": repr(error)})
        return Poll()


class Poll:
    """Nobody calls; the slots look five times a second."""

    poll_seconds = POLL_UNHEARD_SECONDS

    def wait(self, seconds: float) -> bool:
        """Wait in vain."""
        time.sleep(seconds)
        return False

    def close(self) -> None:
        """Nothing to close."""


class NotifyListener:
    """LISTEN on a connection of its own, which is opened again whenever it breaks."""

    def __init__(self) -> None:
        self._connection: psycopg2.extensions.connection | None = None

    @property
    def poll_seconds(self) -> float:
        """Short while there is no connection to hear anything on."""
        return POLL_UNHEARD_SECONDS if self._connection is None else POLL_SECONDS

    def wait(self, seconds: float) -> bool:
        """Whether a NOTIFY came. A new connection counts as one: some may have been missed."""
        try:
            if self._connection is None:
                self._connection = self._connect()
                return True
            if not select.select([self._connection], [], [], seconds)[0]:
                return False
            self._connection.poll()
        except (psycopg2.Error, OSError) as error:
            logger.warning("cannot listen to the database", extra={"reason": repr(error)})
            self.close()
            time.sleep(min(seconds, 0.5))
            return False
        self._connection.notifies.clear()
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @staticmethod
    def _connect() -> psycopg2.extensions.connection:
        parameters = connection.get_connection_params()
        for ours in ("cursor_factory", "context"):
            parameters.pop(ours, None)
        fresh = psycopg2.connect(**parameters, connect_timeout=5)
        fresh.autocommit = True
        with fresh.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        return fresh


class SocketListener:
    """A datagram socket in the folder that `_ring` goes through."""

    poll_seconds = POLL_SECONDS

    def __init__(self) -> None:
        self.path = _folder() / f"{os.getpid()}-{time.monotonic_ns() % 1_000_000}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self.path))

    def wait(self, seconds: float) -> bool:
        """Whether a datagram came; all that came together count as one."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return False
        try:
            while self._socket.recv(1):
                pass
        except BlockingIOError:
            pass  # all of them have been read
        return True

    def close(self) -> None:
        """Close the socket and remove its file."""
        self._socket.close()
        self.path.unlink(missing_ok=True)


def _ring() -> None:
    """Send a byte to the socket of every worker process; never waits, never fails."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for path in _folder().glob("*.sock"):
            try:
                sender.sendto(b"!", str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)  # its worker was killed
            except OSError:
                continue  # its queue is full, so it will wake anyway; or it is just leaving


def _folder() -> Path:
    """The folder of the workers' sockets, readable by this user only."""
    folder: Path = settings.VAR_DIR / "run" / "wake"
    if len(os.fsencode(folder)) > FOLDER_MAX_BYTES:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"reelay-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder
