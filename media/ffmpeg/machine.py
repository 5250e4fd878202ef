"""What this machine lets us have: processors and memory."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

#: Where a group of processes says how much memory it may have: the controllers that a line of
#: /proc/self/cgroup names, then the folder and the file (version 2, version 1).
_LIMITS = {"": ("", "memory.max"), "memory": ("memory", "memory.limit_in_bytes")}


def processors() -> int:
    """How many processors this process may use."""
    allowed = os.sched_getaffinity(0) if sys.platform == "linux" else ()
    return len(allowed) or os.cpu_count() or 1


def memory_bytes(root: Path = Path("/")) -> int:
    """The memory of the machine, or less where we run in a container that may have less."""
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([has, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    """What the groups that we are in may have, as far as they say a number."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return  # This system has no such groups.
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in _LIMITS:
            continue
        folder, name = _LIMITS[controllers]
        own = Path(path.lstrip("/"))
        # A container sees the path that its host knows, but its own group where that would begin.
        for group in (own, *own.parents):
            limit = root / "sys/fs/cgroup" / folder / group / name
            try:
                yield int(limit.read_text())
            except (OSError, ValueError):
                continue  # It is not seen from here, or "max".
