"""A job as a remote worker does it: a Workshop whose other side is the server."""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.ffmpeg.encode import MadeSegment
from media.ffmpeg.plan import Plan
from media.remote.client import Client
from media.remote.errors import Refused, Unreachable
from media.storage.local import LocalStore
from media.workshop.errors import LeaseLost, Stopping
from media.workshop.protocol import Ranges, Spans
from media.workshop.recording import gaps

logger = logging.getLogger(__name__)

#: How long a call is repeated that nobody answers. By then the lease is over, or nearly.
PATIENCE_SECONDS = 30.0
#: Segments that one report tells of at most.
REPORT_SEGMENTS = 200
#: Answers that mean that the job is somebody else's now.
_LOST = ("worker-claim-lost", "worker-unauthenticated", "server-disabled")


class RemoteClaim:
    """A job that is ours as long as the server says so."""

    def __init__(self, client: Client, described: Mapping[str, Any]) -> None:
        self.job = str(described["job"])
        self.token = int(described["token"])
        self.kind = str(described["kind"])
        self.args: dict[str, Any] = dict(described["args"])
        self.failures = int(described["failures"])
        self.video_id = str(described["video_id"])
        self.plan_number = int(described["plan_number"])
        self.source: Mapping[str, Any] = described["source"]
        self.is_finished = False
        self.is_stopping = False
        self._client = client
        self._sequence = 0
        self._is_lost = False
        self._lock = threading.Lock()
        self._made: dict[str, set[int]] = {}
        self.links: Mapping[str, str] = {}
        self.somebody_waits = False
        self.learn(described)

    @property
    def held(self) -> dict[str, Any]:
        """How it is named to the server."""
        return {"job": self.job, "token": self.token}

    def learn(self, news: Mapping[str, Any]) -> None:
        """Take in what the server says of it now. What was made once counts as made."""
        with self._lock:
            for rung, ranges in news.get("made", {}).items():
                made = self._made.setdefault(rung, set())
                for first, last in ranges:
                    made.update(range(first, last + 1))
            self.links = news.get("links", self.links)
            self.somebody_waits = bool(news.get("somebody_waits", self.somebody_waits))

    def made(self, rung: str) -> set[int]:
        """The segments of a rendition that are known to exist."""
        with self._lock:
            return set(self._made.get(rung, ()))

    def lose(self) -> None:
        """Somebody else has the job, or may have it by now: `check` raises from now on."""
        self._is_lost = True

    def stop(self) -> None:
        """The process ends: `check` raises Stopping from now on."""
        self.is_stopping = True

    def check(self, *_: object) -> None:
        """Go on? Raises LeaseLost or Stopping."""
        if self._is_lost:
            raise LeaseLost
        if self.is_stopping:
            raise Stopping

    # --- Reports ------------------------------------------------------------------------------

    def report(self, event: str, **told: object) -> None:
        """Tell the server something about the job, until it has heard. Raises LeaseLost.

        Repeated under the same number, so that it counts once however often it arrives.
        """
        self._sequence += 1
        shape = {
            **self.held,
            "sequence": self._sequence,
            "event": event,
            "video_id": self.video_id,
            **told,
        }
        answer = self.patiently(lambda: self._client.call("callback", shape))
        if answer["state"] == "running":
            self.learn(answer)
        else:
            self.is_finished = True

    def patiently(self, ask: Any) -> Any:
        """What `ask` returns, tried again while nobody answers. Raises LeaseLost or Refused."""
        until, pause = time.monotonic() + PATIENCE_SECONDS, 0.2
        while True:
            try:
                return ask()
            except Unreachable as error:
                if self._is_lost or time.monotonic() > until:
                    logger.warning("gave up telling", extra={"reason": str(error)})
                    self.lose()
                    raise LeaseLost from error
                time.sleep(pause)
                pause = min(pause * 2, 3.0)
            except Refused as refused:
                if refused.code in (
                    "worker-claim-lost",
                    "worker-unauthenticated",
                    "server-disabled",
                ):
                    self.lose()
                    raise LeaseLost from refused
                raise

    def give_up(self, code: str, detail: str) -> None:
        """Trying again will not help: the job fails for good, with the reason."""
        self.report("unreadable", code=code, detail=detail[:500])

    def try_again(self, code: str, detail: str) -> None:
        """Count a failure."""
        self.report("failed", code=code, detail=detail[:500])

    def put_off(self, code: str, detail: str) -> None:
        """Later, or by somebody else."""
        self.report("no_space", code=code, detail=detail[:500])

    def hand_back(self) -> None:
        """Neither a failure nor a loss."""
        self.report("handed_back")


@dataclass(frozen=True, kw_only=True)
class RemoteWork:
    """One claimed job, the plan it follows and the source it reads: a Workshop by HTTPS."""

    claim: RemoteClaim
    client: Client
    plan: Plan
    source: Path
    store: LocalStore

    @property
    def args(self) -> Mapping[str, Any]:
        """What the job is about."""
        return self.claim.args

    @property
    def is_suspect(self) -> bool:
        """Whether the job has failed before, and not for want of room."""
        return self.claim.failures > 0 and self.store.free_bytes() > 0

    def check(self, *_: object) -> None:
        """Go on? Raises LeaseLost or Stopping."""
        self.claim.check()

    def folder(self) -> AbstractContextManager[Path]:
        """A private folder."""
        return self.store.work_dir()

    def missing(self, rung: str) -> Ranges:
        """Which segments of a rendition do not exist yet, as far as is known here."""
        return gaps(ranges_of(self.claim.made(rung)), len(self.plan.segments(rung)))

    def is_made(self, rung: str, number: int) -> bool:
        """Whether somebody has made this segment, as far as is known here."""
        return number in self.claim.made(rung)

    def somebody_waits(self) -> bool:
        """Whether another viewer's request waits for a slot, as the server last said."""
        return self.claim.somebody_waits

    def publish(self, made: MadeSegment) -> None:
        """Send a segment to its place."""
        self._put(f"{made.rung}/{made.number}.m4s", made.path)

    def record(self, segments: Sequence[MadeSegment], *, finish: bool, damaged: Spans = ()) -> None:
        """Tell of stored segments; which seconds are damaged, the server sees by their frames."""
        told = [
            {
                "rung": made.rung,
                "number": made.number,
                "size_bytes": made.size_bytes,
                "frames": made.frames,
            }
            for made in segments
        ]
        while len(told) > REPORT_SEGMENTS:
            self.claim.report("segments", segments=told[:REPORT_SEGMENTS])
            told = told[REPORT_SEGMENTS:]
        if told or finish:
            self.claim.report("segments", segments=told, finish=finish)

    def put_back(self, rung: str, first: int, last: int) -> None:
        """Leave the rest to another job."""
        self.claim.report("put_back", first=first, last=last)

    def publish_poster(self, made: Path) -> None:
        """Send the still to its place, and end the job."""
        self._put("poster.jpg", made)
        self.claim.report("poster")

    def _put(self, name: str, made: Path) -> None:
        claim = self.claim
        claim.patiently(lambda: self.client.put(f"{claim.links['objects']}/{name}", made))


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Numbers as ranges.

    >>> ranges_of({1, 2, 3, 7})
    [(1, 3), (7, 7)]
    """
    ranges: Ranges = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
