"""Puts the changes of one topic in order, without gaps and doubles, and joins them.

Pure: no clock, no socket. The hub decides when to `take()`.
"""

from collections.abc import Iterable
from typing import Any

from realtime.change import Change
from realtime.protocol import (
    MESSAGE_BY_TYPE,
    CommentCreated,
    CommentDeleted,
    Messages,
    PostCreated,
    PostRemoved,
)

WireMessage = dict[str, Any]

#: What a later message of a kind makes superfluous, beside the earlier ones of its own kind.
_UNDONE_BY = {
    CommentDeleted.type: CommentCreated.type,
    PostRemoved.type: PostCreated.type,
    PostCreated.type: PostRemoved.type,
}


class Gathering:
    """The changes of a topic that have come but have not gone out yet.

    Changes come from many processes, so they may overtake each other. What goes out is always
    contiguous: it builds on the last version that went out, or it is the whole state.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        #: What has gone out leads to this version; None before the first state has been read.
        self.version: int | None = None
        self._waiting: list[Change] = []

    def start(self, version: int) -> None:
        """The followers know the state at `version`; what leads no further is superfluous."""
        if self.version is None:
            self.version = version
            self._forget_old()

    def add(self, change: Change) -> None:
        """Keep a change until it is taken; what is known already is dropped."""
        self._waiting.append(change)
        self._forget_old()

    @property
    def is_stuck(self) -> bool:
        """Whether something waits for a change that has not come."""
        return bool(self._waiting) and self.version is not None and not self._run()

    @property
    def newest(self) -> int:
        """The highest version that has been heard of."""
        return max([self.version or 0, *(change.version for change in self._waiting)])

    @property
    def settled(self) -> int:
        """The version that the followers have, or will have without anybody's help."""
        return (self.version or 0) if self.is_stuck else self.newest

    def jump(self, version: int) -> None:
        """Go on from `version`: the followers are told to fetch it themselves."""
        self.version = max(version, self.version or 0)
        self._forget_old()

    def take(self) -> Messages | None:
        """Everything that can go out now, as one frame; None where there is nothing."""
        run = self._run()
        if not run or self.version is None:
            return None
        # A whole state builds on nothing. What builds on less than we have is no gap either.
        prev = 0 if run[0].prev == 0 else self.version
        self.version = run[-1].version
        self._forget_old()
        return Messages(
            topic=self.topic,
            prev=prev,
            version=self.version,
            messages=merge(message for change in run for message in change.messages),
        )

    def _forget_old(self) -> None:
        if self.version is not None:
            self._waiting = [it for it in self._waiting if it.version > (self.version or 0)]

    def _run(self) -> list[Change]:
        """The longest contiguous run from `version` on, beginning with the newest whole state."""
        if self.version is None:
            return []
        whole = max(
            (it for it in self._waiting if it.prev == 0), key=lambda it: it.version, default=None
        )
        run = [whole] if whole else []
        reached = whole.version if whole else self.version
        for change in sorted(self._waiting, key=lambda it: it.version):
            if change.version > reached and change.prev <= reached:
                run.append(change)
                reached = change.version
        return run


def merge(messages: Iterable[WireMessage]) -> list[WireMessage]:
    """The messages without those that a later one makes superfluous, in their order.

    Of absolute values the last one counts; a comment that is deleted again was never there, and
    a post is in the feed or not.
    """
    kept: dict[tuple[object, ...], WireMessage] = {}
    for message in messages:
        kind = MESSAGE_BY_TYPE[message["type"]]
        key: tuple[object, ...] = (kind.type, message["data"].get(kind.about))
        kept.pop((_UNDONE_BY.get(kind.type), message["data"].get(kind.about)), None)
        kept.pop(key, None)
        kept[key] = message
    return list(kept.values())
