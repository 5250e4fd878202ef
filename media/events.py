"""What happened to media: facts of ids and numbers, published with the change and told after it."""

import uuid
from dataclasses import dataclass

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class MediaChanged(Event):
    """Something that the topic `media:<id>` tells has changed, and led to `version`.

    The topic `user:<id>` of its owner shows it as well, and was led to `owner_version`. Published
    in the transaction of the UPDATEs that raised `MediaFile.version` and `User.version`.
    """

    media_id: uuid.UUID
    owner_id: uuid.UUID
    version: int
    owner_version: int


@dataclass(frozen=True, kw_only=True)
class QueueChanged(Event):
    """The queue as a whole has changed: what waits, runs and works, or whether it is paused.

    Published in the transaction of the UPDATE that raised `QueueState.version`.
    """


@dataclass(frozen=True, kw_only=True)
class MediaDeleted(Event):
    """A media file and its rows are gone; its owner's topic was led to `owner_version`."""

    media_id: uuid.UUID
    owner_id: uuid.UUID
    owner_version: int
