"""Processes that must not outlive whoever started them."""

import ctypes
import os
import signal
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent_pid: int, number: int = signal.SIGTERM) -> None:
    """Have the kernel send `number` to this process when `parent_pid`, its parent, is gone.

    Called by the child itself, first thing. Elsewhere than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent_pid:
        # The parent died before the line above: nobody else will send the signal.
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Have processes below this one whose parents die become its children, instead of init's.

    They are to be ended with `end_orphans`. Elsewhere than on Linux this does nothing.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_orphans(*, but: Collection[int]) -> int:
    """Kill and reap all children of this process that are of another session, except some.

    What does not go at once is left for the next call, as is what falls to this process by that.
    Returns how many there were.
    """
    found, ours = 0, os.getsid(0)
    for pid in set(_children()) - set(but):
        try:
            if os.getsid(pid) != ours:
                found += 1
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        except (ProcessLookupError, ChildProcessError):
            continue  # somebody else has reaped it
    return found


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


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
