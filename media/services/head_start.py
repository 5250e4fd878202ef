"""The beginning of a video, made in threads from the moment its boundaries are known.

The first piece of the lead rung, or a copy of the packets from the first missing piece on, beside
the sound from its first missing segment on. Copying and sound go on to their ends, in one run
without a join, unless somebody else waits for this slot: then other jobs go on from there. But
while picture or sound have not begun yet, the other does not run far ahead: the sound of an hour
takes a processor that the first second of picture needs.

The threads only run the encoders. The database belongs to the thread that holds the claim, which
takes what they made from `batches`.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from types import TracebackType
from typing import Self

from media.ffmpeg import encode
from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import FFmpegError
from media.ffmpeg.plan import AUDIO, Plan
from media.ffmpeg.run import ended_by
from media.jobs.claim import Claim
from media.playlists import lead_rung
from media.selectors import Ranges

logger = logging.getLogger(__name__)

#: How often whoever takes the batches may look at something else, at least.
LOOK_UP_SECONDS = 0.1
#: How many segments a run may be ahead of what has not begun yet.
AHEAD_SEGMENTS = 2
#: The first piece stands back for what its playlist needs, which is decided at the same time.
PIECE_NICE = 2


class _Enough(Exception):
    """Ends an encoder whose result nobody takes any more."""


class HeadStart:
    """Runs while it is entered; leaving it ends the encoders.

    `missing` are the gaps of each rendition; everything, where the plan is new.
    """

    def __init__(
        self, claim: Claim, *, source: Path, plan: Plan, folder: Path, missing: Mapping[str, Ranges]
    ) -> None:
        self._claim = claim
        self._source = source
        self._plan = plan
        self._folder = folder
        self._missing = missing
        self._made: queue.SimpleQueue[MadeSegment | str] = queue.SimpleQueue()
        self._yielding = threading.Event()
        self._abandoned = threading.Event()
        self._all_began = threading.Event()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="head-start")
        self._heads: dict[str, Future[None]] = {}
        self._there: set[str] = set()

    def __enter__(self) -> Self:
        lead = lead_rung(self._plan)
        if lead is not None and self._missing.get(lead):
            if lead == self._plan.copied_rung:
                self._start(lead, lambda: self._run(encode.copy_pieces, lead))
            elif self._missing[lead][0][0] == 0:
                self._start(lead, lambda: self._first_piece(lead))
        if self._plan.audio is not None and self._missing.get(AUDIO):
            self._start(AUDIO, lambda: self._run(encode.make_audio, AUDIO))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._abandoned.set()
        self._threads.shutdown(wait=True)

    @property
    def is_there(self) -> bool:
        """Whether a viewer can start: each head has given something, or will give nothing."""
        return self._there >= self._heads.keys()

    def give_way(self) -> None:
        """End the runs after the segment that they are at: somebody waits for this slot."""
        self._yielding.set()

    def batches(self) -> Iterator[list[MadeSegment]]:
        """What was made since the last time, until all have ended; nothing, now and then.

        Raises what ended a head, unless it is FFmpeg's complaint: the jobs that follow will find
        the same gap, try again, and complain where it is seen.
        """
        running = len(self._heads)
        while running:
            items = self._all_there_is()
            segments = [item for item in items if isinstance(item, MadeSegment)]
            running -= len(items) - len(segments)
            self._there |= {item if isinstance(item, str) else item.rung for item in items}
            if self.is_there:
                self._all_began.set()
            yield segments
        for head in self._heads.values():
            try:
                head.result()
            except FFmpegError as error:
                logger.warning("no head start", extra={"reason": str(error)})

    def _start(self, rung: str, make: Callable[[], object]) -> None:
        def work() -> None:
            try:
                # Leaving ends it as well, not only what the slot's own thread is told.
                with ended_by(self._check):
                    make()
            except _Enough:
                return
            finally:
                self._made.put(rung)

        self._heads[rung] = self._threads.submit(copy_context().run, work)

    def _first_piece(self, rung: str) -> None:
        for segment in encode.make_piece(
            self._source,
            plan=self._plan,
            number=0,
            rungs=[rung],
            work_dir=self._folder,
            on_progress=self._check,
            nice=PIECE_NICE,
        ):
            self._made.put(segment)

    def _run(self, make: Callable[..., int], rung: str) -> None:
        first, last = self._missing[rung][0]
        ahead = min(first + AHEAD_SEGMENTS, last)

        def on_segment(segment: MadeSegment) -> bool:
            self._check()
            self._made.put(segment)
            if segment.number == ahead:
                self._wait_until_all_began()
            return not self._yielding.is_set()

        # An encoder is held up by whoever takes its sound, and goes on where it was. Copying is
        # not, but packets can be cut anywhere without a trace: it begins with a run of its own.
        ranges = [(first, ahead), (ahead + 1, last)] if self._is_copied(rung) else [(first, last)]
        for start, end in ranges:
            if start <= end and not self._yielding.is_set():
                make(
                    self._source,
                    plan=self._plan,
                    work_dir=self._folder,
                    on_segment=on_segment,
                    first=start,
                    last=end,
                )

    def _is_copied(self, rung: str) -> bool:
        if rung == AUDIO:
            return self._plan.audio is not None and self._plan.audio.is_copy
        return rung == self._plan.copied_rung

    def _wait_until_all_began(self) -> None:
        while not self._all_began.wait(LOOK_UP_SECONDS):
            self._check()

    def _check(self, *_: object) -> None:
        self._claim.check()
        if self._abandoned.is_set():
            raise _Enough

    def _all_there_is(self) -> list[MadeSegment | str]:
        items: list[MadeSegment | str] = []
        with suppress(queue.Empty):
            items.append(self._made.get(timeout=LOOK_UP_SECONDS))
            while True:
                items.append(self._made.get_nowait())
        return items
