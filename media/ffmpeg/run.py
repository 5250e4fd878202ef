"""Run a media process: bounded, watched, cancellable, and never outliving its caller.

Each process gets a session of its own, so that all it starts can be ended together; no input, no
secrets from the environment, limits on memory, CPU, files; a deadline, and a watchdog that ends it
when it stops making progress. On Linux the kernel ends it when the calling thread dies.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from media.ffmpeg import aside, sandbox
from media.ffmpeg.errors import ToolExceeded, ToolFailed, ToolStalled, ToolTimedOut
from media.ffmpeg.limits import USUAL, Limits, bounded

#: Of what a process says, the beginning is kept (the cause) and the end (the consequence).
_LOG_HEAD_BYTES = 2048
_LOG_TAIL_BYTES = 4096
_READ_BYTES = 1 << 18
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")

#: The limits that a process has broken, by the signal that ended it and by what it said.
_EXCEEDED_BY_SIGNAL = {int(signal.SIGXCPU): "processor time", int(signal.SIGXFSZ): "room on disk"}
_EXCEEDED_BY_WORDS = {
    "received signal 24": "processor time",
    "File too large": "room on disk",
    "Cannot allocate memory": "memory",
    "MemoryError": "memory",
    "std::bad_alloc": "memory",
}

#: The `nice` of work that stands below everything else on the machine. It is also written to
#: /proc/<pid>/autogroup, because the kernel groups processes by session and looks at nice only
#: inside a group.
BACKGROUND = 19


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a finished process used. `was_stopped`: its output was enough before its end.

    Of a process in a sandbox, processor time is not known: nobody outside waits for it.
    """

    cpu_seconds: float
    wall_seconds: float
    was_stopped: bool
    log: str


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Until when a process may run, and how long it may make no progress."""

    timeout_seconds: float
    stall_seconds: float = 120.0


#: Asked twice per second while a process runs; what it raises ends the process.
_still_wanted: ContextVar[Callable[[], object]] = ContextVar("still_wanted", default=lambda: None)


@contextmanager
def ended_by(still_wanted: Callable[[], object]) -> Iterator[None]:
    """Every process that this thread supervises meanwhile ends when `still_wanted` raises.

    Also one that reports nothing: a probe, a still, a decoder that has lost its way.
    """
    before = _still_wanted.set(still_wanted)
    try:
        yield
    finally:
        _still_wanted.reset(before)


def run(
    argv: Sequence[str],
    *,
    timeout_seconds: float,
    stall_seconds: float = 120.0,
    on_progress: Callable[[float], None] = lambda _seconds: None,
    on_output: Callable[[bytes], bool] = lambda _data: True,
    nice: int = 0,
    limits: Limits = USUAL,
) -> Ran:
    """Run ffmpeg, whose path is `argv[0]`, to its end.

    `on_progress` receives the seconds of output made so far; `on_output` what the process writes
    to its standard output, and ends it by returning False. If one of them raises, the process is
    killed and the exception propagates: that is how a caller cancels.

    Raises ToolFailed, ToolTimedOut or ToolStalled.
    """
    inside = sandbox.around_ffmpeg if sandbox.is_used() else list
    read_end, write_end = os.pipe()
    reporting = ["-progress", f"pipe:{write_end}", "-stats_period", "0.25"]
    try:
        process = start(
            inside([argv[0], *reporting, *argv[1:]]),
            nice=nice,
            limits=limits,
            pass_fds=(write_end,),
        )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    watch = Watch(timeout_seconds=timeout_seconds, stall_seconds=stall_seconds)
    return supervise(
        process,
        watch=watch,
        on_output=on_output,
        progress_fd=read_end,
        on_progress=on_progress,
        nice=nice,
    )


def start(
    argv: Sequence[str],
    *,
    nice: int = 0,
    limits: Limits = USUAL,
    pass_fds: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, within `limits`. Then `supervise` it.

    On Linux it ends when the thread that started it does.
    """
    process = subprocess.Popen(
        bounded(argv, limits, parent_pid=os.getpid()),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=pass_fds,
        env=_bare_environment(os.environ),
        bufsize=0,
    )
    if nice:
        yield_to_others(process.pid, nice)
    return process


def supervise(
    process: subprocess.Popen[bytes],
    *,
    watch: Watch,
    on_output: Callable[[bytes], bool] = lambda _data: True,
    progress_fd: int | None = None,
    on_progress: Callable[[float], None] = lambda _seconds: None,
    goes_on: Callable[[], bool] = lambda: False,
    nice: int = 0,
) -> Ran:
    """See a process to its end, whatever happens; all of its session is gone afterwards.

    What it writes counts as progress, as does a change in what ffmpeg reports on `progress_fd`.
    Far behind by its `nice` it stands still at times (media.ffmpeg.aside).
    Where `on_output` had enough and the process `goes_on`, it is left as it is.
    """
    began = time.monotonic()
    log = bytearray()
    is_left = False
    exit_code, cpu_seconds = 0, 0.0
    try:
        with (
            _readers(process, progress_fd) as selector,
            aside.taking_turns(process.pid, nice) as turn,
        ):
            report = _Report(on_progress)
            was_stopped = not _follow(selector, began, watch, log, report, on_output, turn)
        is_left = was_stopped and goes_on()
        if not is_left:
            if was_stopped:
                kill(process)
            exit_code, cpu_seconds = _reap(process, began + watch.timeout_seconds)
    except BaseException:
        kill(process)
        _reap(process, time.monotonic() + 10)
        raise
    finally:
        if not is_left:
            _close(process, progress_fd)
    text = log.decode("utf-8", "replace")
    if exit_code and not was_stopped:
        raise _failure(exit_code, text)
    return Ran(
        cpu_seconds=cpu_seconds,
        wall_seconds=time.monotonic() - began,
        was_stopped=was_stopped,
        log=text,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # The whole session has ended by itself.
    except PermissionError:
        return  # macOS says so for a group that only has a zombie left.


def yield_to_others(pid: int, nice: int) -> None:
    """Put the session of `pid` so far below others that want the processors: 1 to BACKGROUND."""
    try:
        os.setpriority(os.PRIO_PGRP, pid, nice)
        if sys.platform == "linux":
            with open(f"/proc/{pid}/autogroup", "w") as autogroup:
                autogroup.write(str(nice))
    except OSError:
        return  # It has ended already, or the kernel has no such thing: nothing depends on it.


class _Report:
    """Reads what ffmpeg writes to -progress, and tells how far it is."""

    def __init__(self, on_progress: Callable[[float], None]) -> None:
        self._on_progress = on_progress
        self._rest = b""
        self._last: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> bool:
        """Take in some of the report; True if anything moved since the last call."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        moved = False
        for line in lines:
            name, _, value = line.partition(b"=")
            if name not in (b"frame", b"out_time_us", b"total_size"):
                continue
            if self._last.get(name) != value:
                self._last[name] = value
                moved = True
                if name == b"out_time_us" and value.strip().isdigit():
                    self._on_progress(int(value) / 1_000_000)
        return moved


@contextmanager
def _readers(
    process: subprocess.Popen[bytes], progress_fd: int | None
) -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        if process.stdout:
            selector.register(process.stdout.fileno(), selectors.EVENT_READ, "output")
        if process.stderr:
            selector.register(process.stderr.fileno(), selectors.EVENT_READ, "log")
        if progress_fd is not None:
            selector.register(progress_fd, selectors.EVENT_READ, "progress")
        yield selector


def _follow(
    selector: selectors.BaseSelector,
    began: float,
    watch: Watch,
    log: bytearray,
    report: _Report,
    on_output: Callable[[bytes], bool],
    turn: aside.Turn,
) -> bool:
    """Read what a process writes, to its end; False when `on_output` had enough before."""
    alive_at = began
    heard: set[str] = set()
    still_wanted = _still_wanted.get()
    while selector.get_map():
        still_wanted()
        turn.look(has_spoken=bool(heard), has_answered="output" in heard)
        now = time.monotonic()
        _check_clock(now, began, alive_at, watch, log)
        for key, _ in selector.select(timeout=0.5):
            data = os.read(key.fd, _READ_BYTES)
            if not data:
                selector.unregister(key.fd)
                continue
            heard.add(key.data)
            if key.data == "log":
                log += data
                del log[_LOG_HEAD_BYTES:-_LOG_TAIL_BYTES]
            elif key.data == "progress":
                alive_at = now if report.feed(data) else alive_at
            else:
                alive_at = now
                if not on_output(data):
                    return False
    return True


def _check_clock(
    now: float, began: float, alive_at: float, watch: Watch, log: bytes | bytearray
) -> None:
    text = log.decode("utf-8", "replace")
    if now - began > watch.timeout_seconds:
        raise ToolTimedOut(f"no end after {watch.timeout_seconds:.0f} s", log=text)
    if now - alive_at > watch.stall_seconds:
        raise ToolStalled(f"no progress for {watch.stall_seconds:.0f} s", log=text)


def _reap(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, float]:
    """Exit code and CPU seconds of a process whose output has ended; its session ends with it."""
    pause = 0.0005
    while True:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            kill(process)  # What it started; while it is not reaped, its number is nobody else's.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = sandbox.exit_code(os.waitstatus_to_exitcode(status))
            return process.returncode, usage.ru_utime + usage.ru_stime
        if time.monotonic() > deadline:
            raise ToolTimedOut("the process closed its output but did not end")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _close(process: subprocess.Popen[bytes], progress_fd: int | None) -> None:
    if progress_fd is not None:
        os.close(progress_fd)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            try:
                stream.close()
            except BrokenPipeError:
                continue  # The process is gone; its input was not read to the end.


def _failure(exit_code: int, log: str) -> ToolFailed:
    """What the end of a process means: it broke one of its limits, or something else is wrong."""
    if exit_code < 0:
        message = f"the process was ended by {signal.Signals(-exit_code).name}"
    else:
        message = f"the process ended with code {exit_code}"
    exceeded = _EXCEEDED_BY_SIGNAL.get(-exit_code) or next(
        (limit for words, limit in _EXCEEDED_BY_WORDS.items() if words in log), ""
    )
    if exceeded:
        return ToolExceeded(exceeded, message, exit_code=exit_code, log=log)
    return ToolFailed(message, exit_code=exit_code, log=log)


def _bare_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Only what a process needs to start: no keys, no passwords, no ffmpeg switches."""
    kept = {name: environment[name] for name in _PASSED_ON if name in environment}
    return {**kept, "LC_ALL": "C.UTF-8", "AV_LOG_FORCE_NOCOLOR": "1"}
