"""A worker process: slots that work, and the threads that keep them honest.

slot 0 … n-1   any job, and other apps' background tasks
slot n         what somebody waits for, and nothing else
slot n+1       what a viewer has jumped to (on_demand), and nothing else
heartbeat      renews every lease, once per second
sweeper        requeues what other workers dropped, once per second
listener       rings the bell when something was enqueued
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

from django.db import DatabaseError, InterfaceError, connection

from core.server.processes import kill_child_groups
from media.jobs import background, life, wake
from media.jobs.claim import Claim, LeaseLost, claim_job
from media.jobs.heartbeat import Heartbeat
from media.jobs.sweep import Sweeper
from media.workshop.lanes import Lane, lanes

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
#: After SIGTERM: how long the work may take to stop by itself, and when we are gone.
STOP_SECONDS = 3.0
GONE_SECONDS = 7.0
#: How long to wait before the database is asked again after it failed.
RECONNECT_SECONDS = 0.5

Do = Callable[[Claim], None]


class Bell:
    """Wakes threads that wait. A ring between looking and waiting is not lost."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self.count = 0

    def ring(self) -> None:
        """Wake everybody."""
        with self._rung:
            self.count += 1
            self._rung.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until the bell has rung more than `seen` times, at most so many seconds."""
        with self._rung:
            self._rung.wait_for(lambda: self.count != seen, seconds)


class Crew:
    """The threads of one worker process. `run` returns after `stop`."""

    def __init__(
        self,
        *,
        do: Do,
        ordinary_slots: int,
        poll_seconds: float | None = None,
        name: str = "",
        listener: wake.Listener | None = None,
    ) -> None:
        self.name = name or f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._do = do
        self._slots = lanes(ordinary_slots)
        self._poll_seconds = poll_seconds
        self._asked_to_stop = False
        self._stopping = threading.Event()
        self._bell = Bell()
        self._listener = listener or wake.listener()
        self._heartbeat = Heartbeat(self.name, slots=ordinary_slots)
        self._sweeper = Sweeper(self.name)

    def stop(self, *_: object) -> None:
        """Begin to end. Safe in a signal handler: it takes no lock that `run` may hold."""
        self._asked_to_stop = True

    def run(self, seconds: float | None = None) -> None:
        """Work until `stop`, or for so many seconds; then hand back and return."""
        with life.shown(self.name):
            self._run(seconds)

    def _run(self, seconds: float | None) -> None:
        background.discover()
        self._heartbeat.beat_safely()
        self._heartbeat.start()
        others = [self._thread(self._listen, "listener"), self._thread(self._sweep, "sweeper")]
        slots = [
            self._thread(partial(self._slot, number, lane), f"slot-{number}")
            for number, lane in enumerate(self._slots)
        ]
        logger.info("worker ready", extra={"worker": self.name, "slots": len(slots)})
        end = time.monotonic() + (seconds or float("inf"))
        while not self._asked_to_stop and time.monotonic() < end:
            time.sleep(0.1)
        self._shut_down(slots, others)

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    # --- threads ----------------------------------------------------------------------------

    def _slot(self, number: int, lane: Lane) -> None:
        name = f"{self.name}:{number}"
        while not self._stopping.is_set():
            seen = self._bell.count
            if not self._safely(lambda: self._work_once(name, lane)):
                self._bell.wait(seen, self._poll_seconds or self._listener.poll_seconds)
        connection.close()

    def _work_once(self, name: str, lane: Lane) -> bool:
        """Do the best job there is now, or else a task; False when there was nothing to do."""
        claim = claim_job(worker=name, lane=lane)
        if claim is not None:
            with self._heartbeat.watching(claim):
                if self._stopping.is_set():
                    claim.stop()
                self._do(claim)
            return True
        run = background.take(name) if lane == Lane.ANY else None
        if run is not None:
            with self._heartbeat.watching(run):
                run.execute()
        return run is not None

    def _listen(self) -> None:
        while not self._stopping.is_set():
            if self._listener.wait(0.5):
                self._bell.ring()
        self._listener.close()

    def _sweep(self) -> None:
        while not self._stopping.wait(SWEEP_SECONDS):
            self._safely(self._sweeper.sweep)
        connection.close()

    def _safely(self, act: Callable[[], object]) -> bool:
        """Call `act`; survive whatever the database does, and whatever we did wrong."""
        try:
            return bool(act())
        except (DatabaseError, InterfaceError) as error:
            logger.warning("database trouble", extra={"reason": repr(error)})
        except Exception:
            # A worker that ends for a mistake of ours would take all other jobs with it.
            logger.exception("worker stumbled")
        connection.close()
        self._stopping.wait(RECONNECT_SECONDS)
        return True

    # --- the end ----------------------------------------------------------------------------

    def _shut_down(self, slots: list[threading.Thread], others: list[threading.Thread]) -> None:
        """Stop the work, hand back what is left, and be gone within ten seconds."""
        began = time.monotonic()
        self._stopping.set()
        self._bell.ring()
        for thing in self._heartbeat.held:
            thing.stop()
        _join(slots, began + STOP_SECONDS)
        if any(slot.is_alive() for slot in slots):
            kill_child_groups()
            _join(slots, began + GONE_SECONDS)
        for thing in self._heartbeat.held:
            try:
                thing.hand_back()
            except LeaseLost:
                continue  # it is somebody else's already
            except (DatabaseError, InterfaceError) as error:
                logger.warning("cannot hand back", extra={"reason": repr(error)})
        self._heartbeat.stop()
        _join(others, began + GONE_SECONDS + 1)
        kill_child_groups()
        logger.info("worker gone", extra={"worker": self.name})


def _join(threads: list[threading.Thread], until: float) -> None:
    for thread in threads:
        thread.join(timeout=max(0.0, until - time.monotonic()))
