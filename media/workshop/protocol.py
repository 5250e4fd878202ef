"""What a job needs of the place where it is done, whether that has a database or not.

A worker of this instance reads the store and writes rows (media.services.making); one on another
network asks by HTTPS (media.remote). What is made, and in which order, is the same for both
(media.workshop.kinds).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.plan import Plan

#: Numbers of segments, from and to (inclusive), in order.
Ranges = list[tuple[int, int]]
#: Pairs of start and end, in seconds.
Spans = Sequence[tuple[float, float]]


class Workshop(Protocol):
    """One claimed job: the plan it follows, the source it reads, and where its results go.

    Everything that asks or tells somebody else raises LeaseLost when the job is not ours any more.
    """

    @property
    def plan(self) -> Plan:
        """What is to be made, and where it is cut."""

    @property
    def args(self) -> Mapping[str, Any]:
        """What the job is about: `piece`, or `rung`, `first` and `last`.

        `in_background`: something else plays meanwhile, so nobody waits for this.
        """

    @property
    def source(self) -> Path:
        """The file to read. Raises UnreadableMedia where there is none any more."""

    @property
    def is_suspect(self) -> bool:
        """Whether this job failed before, for a reason that may well be its part of the source."""

    def check(self, *_: object) -> None:
        """Go on? Raises LeaseLost or Stopping. Takes and ignores what `on_progress` is given."""

    def folder(self) -> AbstractContextManager[Path]:
        """A private folder; gone afterwards."""

    def missing(self, rung: str) -> Ranges:
        """Which segments of a rendition do not exist yet."""

    def is_made(self, rung: str, number: int) -> bool:
        """Whether somebody has made this segment."""

    def somebody_waits(self) -> bool:
        """Whether a viewer's request waits for a slot; what comes after ours can wait."""

    def publish(self, made: MadeSegment) -> None:
        """Put a segment where the playlists say it is."""

    def record(self, segments: Sequence[MadeSegment], *, finish: bool, damaged: Spans = ()) -> None:
        """Mark published segments, and end the job with it if `finish`."""

    def put_back(self, rung: str, first: int, last: int) -> None:
        """Leave the rest of what a viewer asked for to another job, and end this one."""

    def publish_poster(self, made: Path) -> None:
        """Publish the still, and end the job."""
