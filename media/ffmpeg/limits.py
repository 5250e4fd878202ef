"""What one media process may use at most, and how it is told before it runs.

The limits are set by a shell between fork and exec, so that there is no moment without them and
whatever the process starts inherits them:

    setpriv --pdeathsig …  →  /bin/sh: is the parent alive? limits  →  exec the process
"""

from __future__ import annotations

import resource
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

#: What a process may hold in memory unless it is told otherwise: enough for six rungs of 8K.
USUAL_MEMORY_BYTES = 4 << 30

_usual_memory_bytes = USUAL_MEMORY_BYTES

#: A process that uses up its processor time is asked to end (SIGXCPU), and ended so much later.
_CPU_GRACE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process may use at most.

    `memory_bytes` bounds what it really writes to (0: the usual amount); address space is generous
    beside it, because threads reserve a lot of it. `file_bytes` bounds each file that it writes.
    """

    memory_bytes: int = 0
    address_space_bytes: int = 16 << 30
    cpu_seconds: int = 4 * 3600
    file_bytes: int = 64 << 30
    open_files: int = 64


#: The limits of a process that is not told others.
USUAL = Limits()


def set_usual_memory(memory_bytes: int) -> None:
    """From now on, give so much memory to each process that is not told otherwise."""
    global _usual_memory_bytes
    _usual_memory_bytes = memory_bytes


def bounded(argv: Sequence[str], limits: Limits, *, parent_pid: int) -> list[str]:
    """`argv` behind what sets its limits and has it end with the thread that starts it.

    The kernel signals the death of a parent only to those who asked before it: the shell sees that
    the process has another parent by now, and ends it. And where memory runs out on the whole
    machine, the kernel is to take this process before any other.
    """
    script = "; ".join(
        (
            '[ "$PPID" = "$0" ] || exit 1',
            *(f"ulimit {option} {value}" for option, value in _shell_limits(limits)),
            "{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null",
            'exec "$@"',
        )
    )
    return [*_death_signal(), "/bin/sh", "-c", script, str(parent_pid), *argv]


def _shell_limits(limits: Limits) -> list[tuple[str, int]]:
    """Options of `ulimit` (POSIX names, in its units), none above what we have ourselves."""
    memory = limits.memory_bytes or _usual_memory_bytes
    cpu = _at_most(resource.RLIMIT_CPU, limits.cpu_seconds)
    wanted = [
        ("-c", 0),
        ("-n", _at_most(resource.RLIMIT_NOFILE, limits.open_files)),
        ("-f", _at_most(resource.RLIMIT_FSIZE, limits.file_bytes) // 512),
        ("-S -t", cpu),
        ("-H -t", _at_most(resource.RLIMIT_CPU, cpu + _CPU_GRACE_SECONDS)),
    ]
    if sys.platform == "linux":  # Elsewhere the kernel does not know these two.
        space = max(limits.address_space_bytes, memory)
        wanted.append(("-d", _at_most(resource.RLIMIT_DATA, memory) // 1024))
        wanted.append(("-v", _at_most(resource.RLIMIT_AS, space) // 1024))
    return wanted


def _at_most(kind: int, wanted: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def ends_with_its_starter() -> bool:
    """Whether a process that is `bounded` ends when the thread that started it does."""
    return bool(_death_signal())


@cache
def _death_signal() -> tuple[str, ...]:
    """What asks the kernel to end a process with its parent, without code between fork and exec."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()
