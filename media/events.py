"""What happened to media: facts of ids and numbers, published with the change and told after it."""

import uuid
from dataclasses import dataclass

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class MediaChanged(Event):
    """Something that the topic `media:<id>` tells has changed, and led to `version`.

    Published in the transaction of the UPDATE that raised `MediaFile.version`.
    """

    media_id: uuid.UUID
    owner_id: uuid.UUID
    version: int


@dataclass(frozen=True, kw_only=True)
class MediaDeleted(Event):
    """A media file and its rows are gone."""

    media_id: uuid.UUID
    owner_id: uuid.UUID
