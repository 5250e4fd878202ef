"""Processes that must not outlive whoever started them."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int, number: int = signal.SIGTERM) -> None:
    """Have the kernel send `number` to this process when `parent_pid`, its parent, is gone.

    Called by the child itself, first thing. Elsewhere than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent_pid:
        # The parent died before the line above: nobody else will send the signal.
        os.kill(os.getpid(), number)


def kill_child_groups() -> int:
    """Kill the children of this process, with their groups where they lead one of their own."""
    killed = 0
    for pid in list(_children()):
        try:
            group = os.getpgid(pid)
            if group == pid:
                os.killpg(group, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            continue  # it has just ended by itself
    return killed


def _children() -> Iterator[int]:
    """Children of all threads of this process, from /proc; none where there is no /proc."""
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            yield from map(int, file.read_text().split())
        except OSError:
            continue  # the thread has ended
