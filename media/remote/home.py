"""The folder of a remote worker: one process at a time, and nothing left of one that was killed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Workers that may share a folder.
WORKERS_MAX = 64


@contextmanager
def home(root: Path) -> Iterator[Path]:
    """The first folder below `root` that no living process has, swept.

    Sources that were fetched whole stay; what was being made or fetched goes.
    """
    for number in range(WORKERS_MAX):
        folder = root / str(number)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        try:
            # Whoever had the lock is dead, and with it everybody who could write here.
            shutil.rmtree(folder / ".work", ignore_errors=True)
            yield folder
        finally:
            os.close(descriptor)
        return
    raise OSError(f"{WORKERS_MAX} workers are at work in {root} already")
