"""How much of a segment is enough to show its first picture: what lists of I-frames are made of."""

import uuid

from media.ffmpeg.boxes import first_picture_end
from media.ffmpeg.errors import UnexpectedOutput
from media.ffmpeg.plan import AUDIO
from media.store import segment_key, store


def first_picture_bytes(media_id: uuid.UUID, plan: int, rung: str, number: int) -> int | None:
    """The bytes of a published segment up to the end of its first picture; None for sound.

    Reads its index, a few KiB, wherever the segment was made. None as well where it is not what
    it should be: then there is no list of I-frames.
    """
    if rung == AUDIO:
        return None
    try:
        with store().path(segment_key(media_id, plan, rung, number)).open("rb") as segment:
            return first_picture_end(segment)
    except (OSError, UnexpectedOutput):
        return None
