"""From finished segments to marks: each is checked, published, and marked with those beside it."""

import time
from dataclasses import dataclass, field

from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.plan import AUDIO, Plan
from media.workshop.protocol import Ranges, Workshop

#: Marks of segments that come quickly are written together, so often at most.
MARK_SECONDS = 0.25


def gaps(made: Ranges, count: int) -> Ranges:
    """The ranges between and after those that are made.

    >>> gaps([(0, 2), (5, 5)], 8), gaps([], 3), gaps([(0, 2)], 3)
    ([(3, 4), (6, 7)], [(0, 2)], [])
    """
    missing, start = [], 0
    for first, last in [*made, (count, count)]:
        if start < first:
            missing.append((start, first - 1))
        start = last + 1
    return missing


@dataclass
class Recorder:
    """Publishes what a job makes, and marks it in batches, one per MARK_SECONDS at most."""

    shop: Workshop
    _waiting: list[MadeSegment] = field(default_factory=list)
    _damaged: list[tuple[float, float]] = field(default_factory=list)
    _marked_at: float = float("-inf")

    def take(self, made: MadeSegment) -> None:
        """Check and publish one segment; mark it now if nothing was marked a moment ago.

        A copy leaves out what is broken in the source, and no second try would bring it.
        """
        self.shop.check()
        is_copy = made.rung == self.shop.plan.copied_rung
        publish_segment(self.shop, made, tolerate_damage=is_copy)
        if is_copy and is_damaged(self.shop.plan, made):
            self._damaged.append(span_of(self.shop.plan, made))
        self._waiting.append(made)
        if time.monotonic() - self._marked_at >= MARK_SECONDS:
            self.mark()

    def mark(self, *, finish: bool = False) -> None:
        """Mark all that was published since, and end the job with it if `finish`."""
        if self._waiting or finish:
            self.shop.record(self._waiting, finish=finish, damaged=self._damaged)
            self._waiting, self._damaged = [], []
            self._marked_at = time.monotonic()


def publish_segment(shop: Workshop, made: MadeSegment, *, tolerate_damage: bool = False) -> None:
    """Check a segment against the plan and put it where the playlists say it is."""
    if not tolerate_damage and is_damaged(shop.plan, made):
        raise UnexpectedOutput(f"segment {made.number} of {made.rung} has {made.frames} frames")
    shop.publish(made)


def is_damaged(plan: Plan, made: MadeSegment) -> bool:
    """Whether a video segment has other frames than were planned."""
    return has_other_frames(plan, made.rung, made.number, made.frames)


def has_other_frames(plan: Plan, rung: str, number: int, frames: int) -> bool:
    """Whether so many frames are not what is planned for a segment; sound is not counted."""
    return rung != AUDIO and plan.video is not None and frames != plan.video.frames[number]


def span_of(plan: Plan, made: MadeSegment) -> tuple[float, float]:
    """From when until when a segment is shown, in seconds."""
    return shown_between(plan, made.rung, made.number)


def shown_between(plan: Plan, rung: str, number: int) -> tuple[float, float]:
    """The same for a segment by its name."""
    planned = plan.segments(rung)[number]
    start = planned.start_seconds
    return round(start, 3), round(start + planned.duration_seconds, 3)
