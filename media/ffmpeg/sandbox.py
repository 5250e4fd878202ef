"""bubblewrap around every process that reads what strangers sent, where it is installed.

Inside there is no network, no other process, no home and no configuration: only the programs of the
system, FFmpeg, the source to read from, and the folder to write to. What a command line names is
what its process may touch: inputs are read-only, the folders of outputs can be written to.

    setpriv → /bin/sh: limits → bwrap → FFmpeg, or the Python that holds PyAV

A source that is not on this disk is to be read through a proxy of the worker on the loopback
(`http://127.0.0.1:…`). For such an input the network of the worker is left open, and the list of
protocols alone stands in the way.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

#: auto: where it is there and works; require: nothing runs without it; off: never.
MODES = ("auto", "require", "off")

_mode = "off"

#: Where programs and their libraries are, on the systems that we know.
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/nix/store", "/gnu/store")

#: bubblewrap says 128 + n where a signal n has ended the process. Other codes of FFmpeg are left.
_SIGNALS = {128 + int(number): -int(number) for number in signal.Signals if number < 32}
_TRIAL_SECONDS = 20.0

#: On the command line of bubblewrap: which process has started it.
_STARTED_BY = "REELAY_STARTED_BY"


class SandboxMissing(RuntimeError):
    """A sandbox is required, and cannot be had."""


def use(mode: str) -> None:
    """Say whether the processes of this one run in sandboxes: one of MODES."""
    global _mode
    if mode not in MODES:
        raise ValueError(f"{mode!r} is none of {MODES}")
    _mode = mode


def is_used() -> bool:
    """Whether processes run in sandboxes. Raises SandboxMissing if they have to and cannot."""
    if _mode == "off":
        return False
    reason = why_not()
    if reason and _mode == "require":
        raise SandboxMissing(reason)
    return not reason


@cache
def why_not() -> str:
    """Why there is no sandbox on this machine; empty if one was started for a try."""
    if sys.platform != "linux":
        return "only Linux has bubblewrap"
    if not _bwrap():
        return "bubblewrap is not installed"
    try:
        done = subprocess.run(
            around(["/bin/sh", "-c", "test -r /proc/self/stat"]),
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    said = done.stderr.decode("utf-8", "replace").strip()
    return f"bubblewrap does not start: {said[:200]}" if done.returncode else ""


def around(
    argv: Sequence[str],
    *,
    reads: Iterable[str] = (),
    writes: Iterable[str] = (),
    needs_loopback: bool = False,
    has_tmp: bool = False,
) -> list[str]:
    """`argv` inside a sandbox that shows `reads` read-only and `writes` for writing.

    `has_tmp` gives it an empty folder /tmp for names; how much may be written there is a matter of
    its limits.
    """
    words = [_bwrap(), "--die-with-parent", "--unshare-all", "--cap-drop", "ALL"]
    words += ["--setenv", _STARTED_BY, _named(os.getpid())]
    if needs_loopback:
        words.append("--share-net")
    for place in _system():
        words += ["--ro-bind", place, place]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    if has_tmp:
        words += ["--tmpfs", "/tmp"]  # noqa: S108 - that of the sandbox, empty and private
    for place in dict.fromkeys(writes):
        words += ["--bind", place, place]
    for place in dict.fromkeys(reads):
        words += ["--ro-bind-try", place, place]
    return [*words, "--remount-ro", "/", "--chdir", "/", "--", *argv]


def around_ffmpeg(argv: Sequence[str]) -> list[str]:
    """An FFmpeg command line inside a sandbox that shows what the command line names."""
    reads, writes, needs_loopback = [argv[0]], [], False
    for option, word in pairwise(argv):
        path = word.removeprefix("file:")
        if option == "-i" and path.startswith("http://127.0.0.1:"):
            needs_loopback = True
        elif option == "-i" and path.startswith("/"):
            reads.append(path)
        elif path.startswith("/") and not path.startswith("/dev/"):
            writes.append(str(Path(path).parent))
    folders = [folder for folder in writes if folder != "/" and Path(folder).is_dir()]
    return around(argv, reads=reads, writes=folders, needs_loopback=needs_loopback)


def exit_code(said: int) -> int:
    """The exit code of what ran inside: negative for a signal, as of a process of our own."""
    return _SIGNALS.get(said, said) if _mode != "off" else said


def end_left_behind() -> int:
    """Kill what killed workers of this machine have left in sandboxes; returns how many there were.

    bubblewrap that is killed while it starts leaves its child behind, which has not asked the
    kernel yet to be ended with it (https://github.com/containers/bubblewrap/issues/633).
    """
    if sys.platform != "linux":
        return 0
    count = 0
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]:
        if _is_left_behind(pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                count += 1
    return count


def _is_left_behind(pid: int) -> bool:
    """Whether it is a bubblewrap of ours, and not, however far, below who has started it."""
    starter = _starter(pid)
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False  # it has just ended
    parent = int(status.partition("PPid:")[2].split()[0])
    if not starter or starter == _named(parent):
        return False
    return _starter(parent) != starter or _is_left_behind(parent)


def _starter(pid: int) -> str:
    """Which process has started this bubblewrap; empty where it is none of ours, or gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    named = words[words.index(_STARTED_BY) + 1] if _STARTED_BY in words[:-1] else ""
    return named if named.startswith(_named("")) else ""


def _named(pid: int | str) -> str:
    """A process as only those see it who know it by the same number."""
    return f"{os.stat('/proc/self/ns/pid').st_ino}:{pid}"


@cache
def _bwrap() -> str:
    return shutil.which("bwrap") or ""


@cache
def _system() -> tuple[str, ...]:
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return tuple(place for place in (*_SYSTEM, *folders) if place and Path(place).exists())
