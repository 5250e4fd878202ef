"""Keeping a number of worker processes alive beside the server."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from core.server.processes import adopt_orphans, end_orphans

logger = logging.getLogger(__name__)

#: Tells a child whose child it is, so that it can end with its parent.
PARENT = "REELAY_PARENT_PID"
BACK_OFF_SECONDS = (0.2, 5.0)
#: A process that lived so long was well; the next one is started at once.
WELL_SECONDS = 10.0
STOP_SECONDS = 10.0
#: How often it is looked for processes that have lost their parents.
ORPHANS_SECONDS = 1.0
#: What was killed is gone within this, unless a disk does not answer.
GONE_SECONDS = 1.0


class Supervisor:
    """Runs `command` in `count` processes until `stop`; each is started again when it ends.

    Every process leads a session of its own: Ctrl-C in a terminal reaches the server only, which
    then asks them to end. `on_death` is told the pid of each one that ended unasked.

    With `adopts`, whatever loses its parent below this process falls to it, and is ended: a sandbox
    that was just being set up does not know yet that it is to die with its parent. For a process
    that starts nothing else in a session of its own.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        count: int,
        on_death: Callable[[int], object] = lambda _pid: None,
        adopts: bool = False,
    ) -> None:
        self._command = list(command)
        self._on_death = on_death
        self._adopts = adopts
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        # The thread that starts a process lives as long as the process: the kernel tells a
        # child that its parent died when the thread that made it ends.
        self._threads = [
            threading.Thread(target=self._keep, args=(number,), name=f"supervisor-{number}")
            for number in range(count)
        ]

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        with self._lock:
            return [process.pid for process in self._running.values()]

    def start(self) -> None:
        """Start all processes."""
        if self._adopts:
            adopt_orphans()
            threading.Thread(target=self._end_orphans, name="orphans", daemon=True).start()
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self, within: float = STOP_SECONDS) -> None:
        """Ask all processes to end, and kill what is left of them after `within` seconds."""
        end = time.monotonic() + within
        self._stopping.set()
        with self._lock:
            running = list(self._running.values())
        for process in running:
            _signal_group(process, signal.SIGTERM, only_leader=True)
        for process in running:
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("worker does not end, killing it", extra={"pid": process.pid})
        for process in running:
            _signal_group(process, signal.SIGKILL)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=1)
        gone = time.monotonic() + GONE_SECONDS
        while self._adopts and end_orphans(but=()) and time.monotonic() < gone:
            time.sleep(0.01)

    def _keep(self, number: int) -> None:
        shortest, longest = BACK_OFF_SECONDS
        pause = shortest
        while not self._stopping.is_set():
            began = time.monotonic()
            status, pid = self._run_once(number)
            if self._stopping.is_set():
                return
            pause = shortest if time.monotonic() - began > WELL_SECONDS else min(longest, 2 * pause)
            logger.warning("worker ended", extra={"pid": pid, "status": status, "again_in": pause})
            self._tell(pid)
            self._stopping.wait(pause)

    def _run_once(self, number: int) -> tuple[int, int]:
        with self._lock:
            if self._stopping.is_set():
                return 0, 0
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                env={**os.environ, PARENT: str(os.getpid())},
                start_new_session=True,
            )
            self._running[number] = process
        status = process.wait()
        # Nothing of its group may go on working for a process that is gone.
        _signal_group(process, signal.SIGKILL)
        with self._lock:
            self._running.pop(number, None)
        return status, process.pid

    def _end_orphans(self) -> None:
        while not self._stopping.wait(ORPHANS_SECONDS):
            # With the lock, so that nobody is just being started.
            with self._lock:
                end_orphans(but={process.pid for process in self._running.values()})

    def _tell(self, pid: int) -> None:
        try:
            self._on_death(pid)
        except Exception:
            # Whatever the listener does, the process must be started again.
            logger.exception("nobody could be told that a worker ended", extra={"pid": pid})


def _signal_group(
    process: subprocess.Popen[bytes], number: signal.Signals, *, only_leader: bool = False
) -> None:
    try:
        if only_leader:
            process.send_signal(number)
        else:
            os.killpg(process.pid, number)
    except ProcessLookupError:
        pass  # all of it is gone already
