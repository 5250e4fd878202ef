"""Work that nobody waits for stands still while somebody waits for a moment's work.

Nice alone frees no processor for FFmpeg: its threads sleep and wake, and Linux leaves each beside
the background work that has its processor just then (docs/encoding.md). So of the processes that
this one supervises, those far back are stopped while one in front runs: only until its first
answer, for its first seconds at most, and never for more than half of the time, since what is not
made in time somebody waits for later.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from media.ffmpeg import limits
from media.ffmpeg.machine import processors

#: Up to this nice a process is in front, and from this one on far back.
IN_FRONT, FAR_BACK = 2, 4
#: How long others stand still for one process, and for all of those that follow each other.
PATIENCE_SECONDS = 3.0
#: As many processors as a process in front can use. Where there are more, some are not stopped.
ONE_NEEDS = 4


class Turns:
    """Decides which of some processes stand still. Threads may share it.

    Who calls `look` at least twice per second is never left standing still.
    """

    def __init__(
        self,
        *,
        processors: int,
        send: Callable[[int, signal.Signals], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processors = processors
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        #: Until when others stand still for it, and how far back each of the others is.
        self._front: dict[int, float] = {}
        self._back: dict[int, int] = {}
        self._still: set[int] = set()
        #: Shrinks while somebody stands still, and grows while nobody does.
        self._patience = PATIENCE_SECONDS
        self._is_out_of_patience = False
        self._looked_at = clock()

    def enter(self, group: int, nice: int) -> None:
        """A process group takes part from now on."""
        with self._lock:
            if nice >= FAR_BACK:
                self._back[group] = nice
            elif nice <= IN_FRONT:
                self._front[group] = self._clock() + PATIENCE_SECONDS
            self._look()

    def leave(self, group: int) -> None:
        """A process group that runs, unless it has ended, is not our business any more."""
        with self._lock:
            self._front.pop(group, None)
            self._back.pop(group, None)
            self._look()

    def look(self) -> None:
        """Let those go on that have stood still for long enough."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        now = self._clock()
        passed, self._looked_at = now - self._looked_at, now
        self._patience -= passed if self._still else -passed
        self._patience = min(self._patience, PATIENCE_SECONDS)
        if self._patience <= 0:
            self._is_out_of_patience = True
        elif self._patience == PATIENCE_SECONDS:
            self._is_out_of_patience = False
        still = self._to_stop(sum(until > now for until in self._front.values()))
        for group in self._still - still:
            self._send(group, signal.SIGCONT)
        for group in still - self._still:
            self._send(group, signal.SIGSTOP)
        self._still = still

    def _to_stop(self, waited_for: int) -> set[int]:
        """The ones furthest back, as many as leave those in front the processors they can use."""
        if self._is_out_of_patience:
            return set()
        part = min(1.0, waited_for * ONE_NEEDS / self._processors)
        by_place = sorted(self._back, key=lambda group: (self._back[group], group), reverse=True)
        return set(by_place[: int(part * len(by_place))])


def _send(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or is none of ours now
        os.killpg(group, number)


#: Whether somebody waits for what this thread is at.
_somebody_waits: ContextVar[bool] = ContextVar("somebody_waits", default=True)


@contextmanager
def waited_for(is_waited_for: bool) -> Iterator[None]:
    """Whether somebody waits for what is run meanwhile. If not, nobody stands still for it."""
    before = _somebody_waits.set(is_waited_for)
    try:
        yield
    finally:
        _somebody_waits.reset(before)


_turns = Turns(processors=processors(), send=_send)


class Turn:
    """The part of one process group in them."""

    def __init__(self, group: int, nice: int) -> None:
        self._group = group
        self._nice = nice

    def look(self, *, has_spoken: bool, has_answered: bool) -> None:
        """To be called at least twice per second, with whether the group has written something.

        Who has the first segment of a run waits for nothing any more. And who has not said
        anything may not have asked the kernel yet to be ended with its parent: it is not stopped.
        """
        if has_answered and self._nice <= IN_FRONT:
            _turns.leave(self._group)
        elif has_spoken and self._nice >= FAR_BACK:
            _turns.enter(self._group, self._nice)
        else:
            _turns.look()


@contextmanager
def taking_turns(group: int, nice: int) -> Iterator[Turn]:
    """While a process group that stands so far back runs."""
    is_idle = nice <= IN_FRONT and not _somebody_waits.get()
    # What stands still when its worker is killed would do so for ever, if it did not end then.
    if is_idle or not limits.ends_with_its_starter():
        nice = IN_FRONT + 1
    if nice <= IN_FRONT:
        _turns.enter(group, nice)
    try:
        yield Turn(group, nice)
    finally:
        _turns.leave(group)
