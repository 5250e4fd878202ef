"""How a job ends is translated into what becomes of it, wherever it is done."""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from media.ffmpeg.errors import (
    FFmpegError,
    ToolExceeded,
    ToolStalled,
    ToolTimedOut,
    UnreadableMedia,
)
from media.workshop.errors import LeaseLost, Stopping

logger = logging.getLogger(__name__)


class Ending(Protocol):
    """The ways in which a claimed job can end but by being done."""

    @property
    def is_stopping(self) -> bool:
        """Whether this process wants to end."""

    def give_up(self, code: str, detail: str) -> None:
        """Trying again will not help."""

    def try_again(self, code: str, detail: str) -> None:
        """Count a failure."""

    def put_off(self, code: str, detail: str) -> None:
        """Later, for a reason that costs none of its tries."""

    def hand_back(self) -> None:
        """Neither a failure nor a loss."""


def see_through(
    claim: Ending,
    perform: Callable[[], None],
    *,
    is_disk_full: Callable[[], bool],
    about: Mapping[str, str],
) -> None:
    """Perform a job and record how it ended, unless it is done. Raises LeaseLost."""
    try:
        perform()
    except LeaseLost:
        raise
    except Stopping:
        claim.hand_back()
    except UnreadableMedia as error:
        claim.give_up(error.code, error.detail)
    except Exception as error:
        if claim.is_stopping:
            # Our own SIGTERM killed its process: that says nothing about the job.
            claim.hand_back()
        elif is_disk_full():
            logger.warning("no space left", exc_info=error, extra=about)
            claim.put_off("out-of-space", "The disk of the server is full; this waits for room.")
        elif isinstance(error, ToolExceeded):
            logger.warning("job broke a limit", exc_info=error, extra=about)
            claim.try_again(
                "too-much-work", f"This takes more {error.limit} than is given to one part of it."
            )
        elif isinstance(error, ToolTimedOut | ToolStalled):
            logger.warning("job was too slow", exc_info=error, extra=about)
            claim.try_again("took-too-long", "A part of the video took longer than it may.")
        elif isinstance(error, FFmpegError):
            logger.warning("job failed", exc_info=error, extra=about)
            claim.try_again("encoding-failed", "This part of the video could not be encoded.")
        else:
            # Whatever it is, the job is tried again and then shown as failed; the log has it all.
            logger.exception("job failed for a mistake of ours", extra=about)
            claim.try_again("internal-error", "Something went wrong on our side.")
