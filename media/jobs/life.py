"""Knowing that a worker on this machine is dead, without waiting for its leases.

Each worker process holds a lock on a file of its name in `var/run/workers/`; the kernel lets go of
it with the process, however that ends. Who finds a file without its lock knows of a death within a
second. Workers on other machines, or whose folder cannot lock, are known by their leases alone.
"""

import fcntl
import logging
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)

#: How many workers watch each.
WATCHERS = 3


@contextmanager
def shown(worker: str) -> Iterator[None]:
    """Show that this process lives as `worker`, as long as the block lasts."""
    path = _folder() / worker
    # Locked before it has its name: nobody ever sees it without its lock while we live.
    unnamed = path.with_name(f".{worker}")
    descriptor = -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, _kernel())
        unnamed.rename(path)
    except OSError as error:
        logger.warning("only the leases show that we live", extra={"reason": repr(error)})
        unnamed.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        if descriptor >= 0:
            os.close(descriptor)


def dead(worker: str) -> list[str]:
    """Workers of this machine that have died and that nobody has buried yet.

    Each worker looks at those that follow it in the alphabet, in a ring, up to the third that
    lives. So however many there are, three watch each; two of them may be stopped themselves.
    """
    try:
        names = sorted(name for name in os.listdir(_folder()) if not name.startswith("."))
    except FileNotFoundError:
        return []
    after = bisect_right(names, worker)
    found, living = [], 0
    for name in names[after:] + names[:after]:
        if _is_dead(_folder() / name):
            found.append(name)
        elif (living := living + 1) == WATCHERS:
            break
    return found


def bury(worker: str) -> None:
    """All that the dead worker held is known to be free."""
    (_folder() / worker).unlink(missing_ok=True)


def _is_dead(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # A folder that machines share may know only the locks of each of them.
            if file.read() != _kernel():
                return False
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False  # it lives, or has just ended well
    return True


def _folder() -> Path:
    folder: Path = settings.VAR_DIR / "run" / "workers"
    return folder


@cache
def _kernel() -> bytes:
    """Which start of which machine this is; empty where only Linux could say so."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return b""
